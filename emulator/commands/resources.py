"""The resource table as text: what `tap-emulator resources` prints."""

import json
from collections.abc import Iterable
from typing import Any, Final

from protocol.firmware import Version
from protocol.resources.model import Kept
from protocol.resources.registry import ENTRIES, Catalogue, Entry

_COLUMNS: Final = ("path", "method", "name", "request", "answer", "firmware", "access", "kept", "evidence")


def list_resources(firmware: Version | None, style: str) -> str:
    """All calls of the table, or those of one firmware, as ``table``, ``json`` or ``markdown``."""
    entries = [entry for entry in ENTRIES if entry.resource.quirk is None] if firmware is None else Catalogue(firmware)
    rows = [_row(entry) for entry in entries]
    if style == "json":
        return json.dumps(rows, indent=2)
    if style == "markdown":
        return markdown_table(_COLUMNS, ([f"{row[column]}" for column in _COLUMNS] for row in rows))
    return _aligned(rows)


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; bars in cells are escaped."""
    names = list(header)
    lines = [f"| {' | '.join(names)} |", f"|{'|'.join(['---'] * len(names))}|"]
    for row in rows:
        cells = [cell.replace("|", "\\|") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def firmware_range(entry: Entry) -> str:
    """``1.86-``, ``-1.83`` or ``all``."""
    since = entry.call.since or entry.resource.since
    until = entry.call.until or entry.resource.until
    if since is None and until is None:
        return "all"
    return f"{_short(since)}-{_short(until)}"


def _short(version: Version | None) -> str:
    return "" if version is None else f"{version.major}.{version.minor}"


def _row(entry: Entry) -> dict[str, Any]:
    call, resource = entry.call, entry.resource
    return {
        "path": resource.pattern,
        "alias": resource.alias,
        "method": call.method.name,
        "name": entry.id,
        "request": call.request.name if call.request else "",
        "answer": call.response.name if call.response else "",
        "firmware": firmware_range(entry),
        "access": call.access.value,
        "kept": _kept(entry),
        "evidence": call.evidence.kind,
        "source": call.evidence.source,
        "doc": call.doc,
    }


def _kept(entry: Entry) -> str:
    if entry.call.configures:
        return Kept.STORED.value
    return entry.resource.setting.kept.value if entry.resource.setting else ""


def _aligned(rows: list[dict[str, Any]]) -> str:
    shown = ("path", "method", "name", "request", "answer", "firmware", "access", "evidence")
    table = [list(shown)] + [[str(row[column]) for column in shown] for row in rows]
    widths = [max(len(line[place]) for line in table) for place in range(len(shown))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table
    )

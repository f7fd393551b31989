"""The resource table as text: what `tap-emulator resources` prints."""

import json
from collections.abc import Iterable
from typing import Any, Final

from emulator.commands.tables import aligned_table, markdown_table
from protocol.firmware import Version
from protocol.resources.model import Kept
from protocol.resources.registry import ENTRIES, Catalogue, Entry

_COLUMNS: Final = ("path", "method", "name", "request", "answer", "firmware", "access", "kept", "evidence")
_SHOWN: Final = ("path", "method", "name", "request", "answer", "firmware", "access", "evidence")
_DIFF_COLUMNS: Final = ("change", "path", "method", "name", "firmware", "doc")


def list_resources(firmware: Version | None, style: str) -> str:
    """All calls of the table, or those of one firmware, as ``table``, ``json`` or ``markdown``."""
    entries = [entry for entry in ENTRIES if entry.resource.quirk is None] if firmware is None else Catalogue(firmware)
    rows = [_row(entry) for entry in entries]
    if style == "json":
        return json.dumps(rows, indent=2)
    if style == "markdown":
        return markdown_table(_COLUMNS, _cells(rows, _COLUMNS))
    return aligned_table(_SHOWN, _cells(rows, _SHOWN))


def compare_firmware(old: Version, new: Version, style: str) -> str:
    """What a Tap has more, or no more, after an update from one firmware to another; styles as above.

    A call is changed where the same method of the same path is another call.
    """
    before, after = ({_slot(entry): entry for entry in Catalogue(version)} for version in (old, new))
    added = [_row(entry) for slot, entry in after.items() if slot not in before]
    gone = [_row(entry) for slot, entry in before.items() if slot not in after]
    changed = [
        {"from": _row(before[slot]), "to": _row(entry)}
        for slot, entry in after.items()
        if slot in before and before[slot] != entry
    ]
    if style == "json":
        versions = {"from": str(old), "to": str(new)}
        return json.dumps({**versions, "added": added, "gone": gone, "changed": changed}, indent=2)
    summary = f"{old} -> {new}: {len(added)} added, {len(gone)} gone, {len(changed)} changed"
    rows = [{"change": word, **row} for word, found in (("added", added), ("gone", gone)) for row in found]
    rows += [
        {"change": "changed", **each["to"], "name": f"{each['from']['name']} -> {each['to']['name']}"}
        for each in changed
    ]
    if not rows:
        return summary
    table = markdown_table if style == "markdown" else aligned_table
    return f"{summary}\n\n{table(_DIFF_COLUMNS, _cells(rows, _DIFF_COLUMNS))}"


def firmware_range(entry: Entry) -> str:
    """``1.86-``, ``-1.83`` or ``all``."""
    since, until = entry.call.since or entry.resource.since, entry.call.until or entry.resource.until
    if since is None and until is None:
        return "all"
    return f"{short_version(since)}-{short_version(until)}"


def short_version(version: Version | None) -> str:
    """Without the patch number: ``1.86``; empty for none."""
    return "" if version is None else f"{version.major}.{version.minor}"


def _slot(entry: Entry) -> tuple[str, str]:
    return entry.resource.pattern, entry.call.method.name


def _row(entry: Entry) -> dict[str, Any]:
    call, resource = entry.call, entry.resource
    return {
        "path": resource.pattern,
        "alias": resource.alias,
        "method": call.method.name,
        "name": entry.id,
        "forms": [f"{resource.service}.{form.name}" for form in call.forms],
        "request": call.request.name if call.request else "",
        "answer": call.response.name if call.response else "",
        "firmware": firmware_range(entry),
        "access": call.access.value,
        "kept": _kept(entry),
        "legacy": call.legacy,
        "evidence": call.evidence.kind,
        "source": call.evidence.source,
        "doc": call.doc,
    }


def _kept(entry: Entry) -> str:
    if entry.call.configures:
        return Kept.STORED.value
    return entry.resource.setting.kept.value if entry.resource.setting else ""


def _cells(rows: Iterable[dict[str, Any]], columns: Iterable[str]) -> list[list[str]]:
    names = list(columns)
    return [[str(row[name]) for name in names] for row in rows]

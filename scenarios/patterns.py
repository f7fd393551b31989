"""Which requests are meant: by name of a call, glob of names, path, path with ``*``, and method."""

import difflib
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from protocol.client.calls import CALLS
from protocol.codes import NO_INSTANCE, Method
from protocol.errors import UsageError
from protocol.frames import Request
from protocol.paths import Path
from protocol.resources.registry import ENTRIES, Entry

_METHOD = re.compile(r"(GET|POST|PUT)\s+(/.*)", re.IGNORECASE)
_PART: Final = re.compile(r"\*|\d{1,5}|", re.ASCII)
_NEAR: Final = 3

Parts = tuple[int | None, int | None, int | None]
"""Object, instance and resource of a path; None where any will do."""


class RequestPattern:
    """One or more patterns; a request matches if it matches one of them.

    Args:
        patterns: ``device.get_serial_number``, ``group.*``, ``/1024//47``, ``/1025/*/3``, ``GET /1025/*/*``.
        method: only requests with this method.

    Raises:
        UsageError: a pattern has no meaning, or no call of the table matches it.
    """

    __slots__ = ("_ids", "_method", "_paths", "patterns")

    def __init__(self, patterns: Sequence[str], method: Method | None = None) -> None:
        self.patterns = tuple(patterns)
        self._method = method
        self._ids: frozenset[str] = frozenset()
        self._paths: list[tuple[Method | None, Parts]] = []
        for pattern in patterns:
            if "/" in pattern:
                self._paths.append(_read_path(pattern))
            else:
                self._ids |= _ids(pattern)
        if method is not None and not self.entries():
            raise UsageError(f"no call with the method {method.name} is among {', '.join(patterns)}")

    def matches(self, call_id: str | None, request: Request) -> bool:
        """Whether this request is meant; `call_id` is None if the Tap does not know it."""
        if self._method is not None and request.method != self._method:
            return False
        if call_id in self._ids:
            return True
        return any(
            (method is None or method == request.method) and _fits(parts, request.path) for method, parts in self._paths
        )

    def entries(self) -> list[Entry]:
        """The rows of the table that can match, whatever the firmware."""
        return [entry for entry in ENTRIES if self._means(entry)]

    def _means(self, entry: Entry) -> bool:
        if self._method is not None and entry.call.method is not self._method:
            return False
        return entry.id in self._ids or any(_means_path(path, entry) for path in self._paths)

    def __str__(self) -> str:
        method = f"{self._method.name} " if self._method is not None else ""
        return method + " or ".join(self.patterns)


def _ids(pattern: str) -> frozenset[str]:
    """Names of the calls that a name or a glob means; other forms of a call count as the call."""
    found = [call for name, call in CALLS.items() if name == pattern or fnmatchcase(name, pattern)]
    if not found:
        raise UsageError(f"no call is named {pattern}, expected {near_names(pattern)}")
    return frozenset(f"{call.resource.service}.{call.call.name}" for call in found)


def near_names(name: str, known: Iterable[str] = CALLS) -> str:
    """Completes "expected ..." for a name that is none of the known ones."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=_NEAR, cutoff=0.5)
    if not near:
        service = name.partition(".")[0]
        near = [one for one in known if one.startswith(f"{service}.")][:_NEAR]
    if near:
        return f"for example {' or '.join(near)}"
    return "a name that `tap-emulator resources` lists, a glob such as group.*, or a path"


def _read_path(pattern: str) -> tuple[Method | None, Parts]:
    found = _METHOD.fullmatch(pattern.strip())
    method = Method[found[1].upper()] if found else None
    words = (found[2] if found else pattern.strip()).split("/")
    if (
        len(words) != 4
        or words[0]
        or not all(_PART.fullmatch(word) for word in words[1:])
        or not words[1]
        or not words[3]
    ):
        raise UsageError(f"{pattern} is no path, expected /object/instance/resource such as /1024//47 or /1025/*/3")
    first, middle, last = (None if word == "*" else NO_INSTANCE if not word else int(word) for word in words[1:])
    path = method, (first, middle, last)
    if not any(_means_path(path, entry) for entry in ENTRIES):
        raise UsageError(f"no call has the path {pattern}, expected {_near_path((first, middle, last))}")
    return path


def _fits(parts: Parts, path: Path) -> bool:
    first, middle, last = parts
    return (
        (first is None or first == path.object)
        and (last is None or last == path.resource)
        and (middle is None or middle == path.instance)
    )


def _means_path(path: tuple[Method | None, Parts], entry: Entry) -> bool:
    method, (first, middle, last) = path
    row = entry.resource
    if method is not None and method is not entry.call.method:
        return False
    # 65535 is no instance, and an instance like others where the row has one.
    fits = middle is None or middle == NO_INSTANCE or row.instance is not None
    return fits and first in (None, row.object) and last in (None, row.resource)


def _near_path(parts: Parts) -> str:
    first, _, last = parts
    same = [entry.resource.pattern for entry in ENTRIES if first is not None and entry.resource.object == first]
    if same:
        near = sorted(dict.fromkeys(same), key=lambda text: abs(int(text.rpartition("/")[2]) - (last or 0)))
        return f"for example {' or '.join(near[:_NEAR])}"
    objects = sorted({entry.resource.object for entry in ENTRIES})
    return f"one of the objects {', '.join(map(str, objects))}"

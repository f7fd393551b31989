"""Compares what happened with a filter of the file, field by field."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, NamedTuple

from emulator.device import Device
from emulator.exchange import Carrier
from emulator.journal import Event, Record
from protocol.codes import Method, describe_code, is_success
from scenarios.expectations import compile_expectation
from scenarios.expectations import describe as describe_value
from scenarios.expectations import shown as shown_value
from scenarios.model import RequestFilter
from scenarios.patterns import RequestPattern
from scenarios.run.telling import shown, tell
from scenarios.values import request_value

_NEAR = 3
"""Requests that a miss tells of."""
_ALIKE = 0.5
"""Names that have less in common are not near."""
_FAR = 9.0
"""Weight of a difference that is no near miss."""

Entry = Record | Event


class Difference(NamedTuple):
    """A field that is not as the filter asks for."""

    field: str
    expected: str
    got: str
    weight: float = 0.5
    """How far it is from what was meant; a name that is alike is nearer than one that is not."""

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What happened in a run.

    Args:
        entries: of the Tap's journal, the oldest first.
        device: for its state at the end, and the names of its groups.
        origin: when the scenario began, in the Tap's clock.
        accounted: numbers of entries that came of steps which expected a refusal, or an error.
        rules: how often each rule of the script has acted, by name.
    """

    entries: Sequence[Entry]
    device: Device
    origin: float = 0.0
    accounted: frozenset[int] = frozenset()
    rules: Mapping[str, int] = field(default_factory=dict)

    def until(self, seconds: float | None) -> list[Entry]:
        """Entries of the first seconds; all of them for None."""
        return [entry for entry in self.entries if seconds is None or entry.time - self.origin <= seconds]

    def user(self, entry: Record) -> str:
        """Name of the group that was logged in."""
        group = self.device.state.groups.get(entry.group_id)
        return str(entry.group_id) if group is None else group.name

    def tell(self, entry: Entry) -> str:
        """An entry in one line."""
        return tell(entry, self.origin).strip()


def differences(wanted: RequestFilter, entry: Entry, evidence: Evidence) -> list[Difference] | None:
    """Fields that differ, none if the entry is meant; None for an entry of another kind."""
    event = getattr(wanted, "event", None)
    if isinstance(entry, Event):
        return None if event is None else _event_differences(wanted, event, entry)
    return None if event is not None or entry.request is None else _record_differences(wanted, entry, evidence)


def _event_differences(wanted: RequestFilter, kind: str, entry: Event) -> list[Difference]:
    found = []
    if entry.kind != kind:
        found.append(Difference("event", kind, entry.kind, _FAR))
    if wanted.session is not None and entry.connection != wanted.session:
        found.append(Difference("session", str(wanted.session), str(entry.connection)))
    if wanted.link is not None and not is_link(wanted.link, entry.link or ""):
        found.append(Difference("link", wanted.link, entry.link or "none"))
    return found


def _record_differences(wanted: RequestFilter, entry: Record, evidence: Evidence) -> list[Difference]:
    request = entry.request
    assert request is not None
    found = []
    if wanted.request is not None and not _pattern(wanted.request).matches(entry.call, request):
        found.append(_other_name(wanted.request, entry))
    if wanted.method is not None and request.method != wanted.method:
        found.append(Difference("method", wanted.method.name, Method(request.method).name))
    if wanted.user is not None and evidence.user(entry) != wanted.user:
        found.append(Difference("user", wanted.user, evidence.user(entry)))
    if wanted.link is not None and not is_link(wanted.link, entry.link):
        found.append(Difference("link", wanted.link, entry.link))
    if wanted.session is not None and entry.connection != wanted.session:
        found.append(Difference("session", str(wanted.session), str(entry.connection)))
    encrypted = entry.carrier is not Carrier.CLEAR
    if wanted.encrypted is not None and encrypted != wanted.encrypted:
        found.append(Difference("encrypted", shown(wanted.encrypted), shown(encrypted)))
    if "value" in wanted.model_fields_set:
        value = request_value(entry.call, request)
        expectation = compile_expectation(wanted.value)
        if not expectation.matches(value):
            found.append(Difference("value", describe_value(wanted.value), shown_value(value)))
    status = getattr(wanted, "status", None)
    if status is not None and not is_status(status, entry):
        got = "no answer" if entry.response is None else describe_code(entry.response.code)
        found.append(Difference("status", status if isinstance(status, str) else describe_code(status), got))
    return found


@lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...]) -> RequestPattern:
    return RequestPattern(names)


def _other_name(names: Iterable[str], entry: Record) -> Difference:
    """A name that is not among those that are meant, with how much it is like the nearest."""
    request = entry.request
    assert request is not None
    path = str(request.path)
    seen = entry.call or path
    likeness = max(SequenceMatcher(None, name, seen).ratio() for name in names)
    if any(name.split()[-1] == path for name in names):
        likeness = 1.0
    return Difference("request", " or ".join(names), seen, _FAR if likeness < _ALIKE else 2.0 - likeness)


def is_link(wanted: str, link: str) -> bool:
    """Whether a link is the one that a scheme or URL names."""
    return wanted in (link, link.partition(":")[0])


def is_status(wanted: int | str, entry: Record) -> bool:
    """Whether the Tap answered with that result."""
    if wanted == "any":
        return True
    if entry.response is None:
        return False
    code = entry.response.code
    if wanted in ("ok", "refused"):
        return is_success(code) == (wanted == "ok")
    return code == wanted


def is_meant(wanted: RequestFilter, entry: Entry, evidence: Evidence) -> bool:
    """Whether a filter lets an entry through."""
    return differences(wanted, entry, evidence) == []


def nearest(wanted: RequestFilter, entries: Iterable[Entry], evidence: Evidence) -> list[str]:
    """What happened that is most like what was meant, and in which fields it differs."""
    ranked: list[tuple[float, int, Entry, list[Difference]]] = []
    seen: set[Any] = set()
    for entry in entries:
        found = differences(wanted, entry, evidence)
        if not found:
            continue
        weight = sum(each.weight for each in found)
        kind = tuple(found), entry.request if isinstance(entry, Record) else None
        if any(each.weight >= _FAR for each in found) or kind in seen:
            continue
        seen.add(kind)
        ranked.append((weight, entry.number, entry, found))
    lines = []
    for _, _, entry, found in sorted(ranked, key=lambda one: one[:2])[:_NEAR]:
        lines.append(f"near: {evidence.tell(entry)}")
        lines += [f"      {difference}" for difference in found]
    return lines


def describe(wanted: RequestFilter) -> str:
    """A filter in words."""
    event = getattr(wanted, "event", None)
    parts = [event if event is not None else " or ".join(wanted.request or ("any request",))]
    for name in ("method", "user", "link", "session", "encrypted", "value", "status"):
        value = getattr(wanted, name, None)
        if name not in wanted.model_fields_set:
            continue
        if isinstance(value, Method):
            value = value.name
        if name == "status" and isinstance(value, int):
            value = describe_code(value)
        parts.append(f"{name} {value if isinstance(value, str) else shown(value)}")
    return ", ".join(parts)

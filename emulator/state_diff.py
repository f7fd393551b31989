"""What is different between two snapshots of a Tap, in people's words; passwords and keys stay hidden."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, Final, NamedTuple

from emulator.blueprint import Group, Variable
from emulator.snapshots import Snapshot
from emulator.targets.base import Surroundings
from emulator.targets.simulated import SimulatedTarget
from protocol.bodies.variable import Domain
from protocol.client.jsonable import to_json
from protocol.codes import Method
from protocol.errors import PeerError, UsageError
from protocol.resources.model import Access
from protocol.resources.registry import SETTINGS

HIDDEN: Final = "<hidden>"
FOLLOWS: Final = "<follows its signal>"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Args:
        what: for example ``setting interface.app_name``.
        before, after: values as JSON can hold them; None where there was, or is, nothing.
    """

    what: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.what}: {_text(self.before)} -> {_text(self.after)}"


class _Secret(NamedTuple):
    """What is compared and not shown."""

    value: Any


def diff(before: Snapshot, after: Snapshot) -> list[Change]:
    """What has changed from one snapshot to the other; both are of the same Tap.

    What a signal does to its variable is no change, and neither is the time that has passed.
    """
    old, new = _facts(before), _facts(after)
    return list(_changes(old, new))


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for what in dict.fromkeys([*old, *new]):
        was, now = old.get(what), new.get(what)
        if was == now:
            continue
        if isinstance(was, dict) and isinstance(now, dict):
            for part in dict.fromkeys([*was, *now]):
                if was.get(part) != now.get(part):
                    yield Change(f"{what} {part}", _shown(was.get(part)), _shown(now.get(part)))
        else:
            yield Change(what, _shown(was), _shown(now))


def _facts(snapshot: Snapshot) -> dict[str, Any]:
    """Everything that can be told of a snapshot, by what it is; a dict is a record with parts."""
    records = snapshot.part("state")["_records"]
    facts: dict[str, Any] = {"firmware": snapshot.memory["firmware"]}
    settings = _Settings(snapshot)
    facts.update({f"setting {key}": _Secret(settings[key]) if _is_secret(key) else settings[key] for key in SETTINGS})
    for kind in ("group", "bundle", "variable"):
        for number, record in sorted(records[kind].items()):
            facts[f"{kind} {number}"] = _parts(record)
    facts.update(_values(snapshot, settings))
    facts.update({f"flag {name}": flag for name, flag in records["flag"].items() if name != "firmware"})
    facts["log packets"] = len(records["packet"])
    facts["newest log packet"] = max(records["packet"], default=None)
    facts.update(_flags(snapshot))
    facts.update(_sessions(snapshot, records["group"]))
    return facts


class _Settings:
    """The settings that held at the time of a snapshot, by key."""

    def __init__(self, snapshot: Snapshot) -> None:
        memory = snapshot.part("state")
        self._layers = (memory["_posted"], memory["_records"]["setting"])
        self._state = snapshot.device.state

    def __getitem__(self, key: str) -> Any:
        for layer in self._layers:
            if key in layer:
                return layer[key]
        return self._state.default(key)


@cache
def _is_secret(key: str) -> bool:
    """Whether nobody but the admin may read it, as in what `config show` hides."""
    return all(call.access is Access.ADMIN for call in SETTINGS[key].calls if call.method is Method.GET)


def _parts(record: Any) -> dict[str, Any]:
    parts = {field.name: getattr(record, field.name) for field in fields(record)}
    if isinstance(record, Group):
        parts["password"] = None if record.password is None else _Secret(record.password)
    return parts


def _values(snapshot: Snapshot, settings: _Settings) -> Iterator[tuple[str, Any]]:
    state = snapshot.part("state")
    variables: dict[int, Variable] = state["_records"]["variable"]
    names = [variable.name for variable in variables.values()]
    target = _target(snapshot, settings)
    for number, variable in sorted(variables.items()):
        unique = variable.name and names.count(variable.name) == 1
        what = f"value of {variable.name}" if unique else f"value of variable {number}"
        if _moves(snapshot, number, variable):
            yield what, FOLLOWS
            continue
        if variable.type.domain in (Domain.TARGET, Domain.GPIO):
            data = _on_target(target, variable)
        else:
            data = state["_records"]["value"].get(number, b"")
            if variable.type.domain is Domain.IN_TAP_VOLATILE:
                data = state["_posted_values"].get(number, data)
        if data is not None:
            yield what, _decoded(variable, data[: variable.size].ljust(variable.size, b"\0"))


def _moves(snapshot: Snapshot, number: int, variable: Variable) -> bool:
    """Whether a signal moved the variable."""
    memory = snapshot.part("variables")
    if number in memory["_led"]:
        return True
    return number not in memory["_written"] and snapshot.device.variables.has_signal(number, variable)


def _target(snapshot: Snapshot, settings: _Settings) -> SimulatedTarget | None:
    """A target as it was at the time of the snapshot; None where it was a real one."""
    original = snapshot.device.target
    if not isinstance(original, SimulatedTarget):
        return None
    target = SimulatedTarget(replace(original.spec, faults=()))
    target.attach(Surroundings(settings, snapshot.device.clock))
    target.recall({name: kept for name, kept in snapshot.part("target").items() if name != "_faults"}, 0.0)
    target.connected = True
    return target


def _on_target(target: SimulatedTarget | None, variable: Variable) -> bytes | None:
    """What a variable held; None where nobody could have read it."""
    if target is None:
        return None
    try:
        return target.read_variable(variable)
    except PeerError:
        return None


def _decoded(variable: Variable, data: bytes) -> Any:
    try:
        return variable.type.decode(data)
    except UsageError:
        return data


def _flags(snapshot: Snapshot) -> Iterator[tuple[str, Any]]:
    lockout, store, target = snapshot.part("lockout"), snapshot.part("packet_store"), snapshot.part("target")
    yield "data log running", snapshot.part("data_log")["running"]
    yield "failed logins", lockout["_failures"]
    yield "logins locked", lockout["_until"] > snapshot.time
    yield "bytes in the packet store", len(store["_packet"])
    yield "rebooting", snapshot.memory["_down_until"] > snapshot.time
    yield "paired", snapshot.memory["paired"]
    yield "seconds apart from the wall clock", snapshot.memory["time_offset"]
    if target:
        yield "target connected", target["connected"]
        yield "target held in reset", target["_held"]


def _sessions(snapshot: Snapshot, groups: Mapping[int, Group]) -> Iterator[tuple[str, Any]]:
    for number in sorted(snapshot.connections):
        session = snapshot.session(number)
        group_id, cipher = session["group_id"], session["cipher"]
        group = groups.get(group_id)
        yield (
            f"connection {number}",
            {
                "link": snapshot.connections[number].connection.link,
                "user": f"group {group_id}" if group is None else group.name,
                "encryption": session["encryption"].value,
                "key": None if cipher is None else _Secret(cipher.key),
            },
        )


def _shown(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, _Secret):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _shown(each) for key, each in value.items()}
    return to_json(value)


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items() if each is not None)
    return value if value in (HIDDEN, FOLLOWS) else json.dumps(value, ensure_ascii=False)

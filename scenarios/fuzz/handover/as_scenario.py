"""A case as a scenario file: readable, and it does to a client what the case did."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from emulator.blueprint import SERIAL_NUMBER, Blueprint, demo
from emulator.config import dump_yaml
from emulator.config.kinds import Plain
from protocol.codes import ResultCode
from protocol.resources.registry import SETTINGS
from scenarios.fuzz.case import ANY_CALL, EVERY, Fault
from scenarios.fuzz.saboteur import Applied
from scenarios.model import Scenario

_ANY_REQUEST: Final = "/*/*/*"
_LONGEST_NAME: Final = 190
_WORD: Final = re.compile(r"[A-Za-z0-9_.+-]+", re.ASCII)


def to_scenario(applied: Sequence[Applied], *, base: Scenario | None, seed: int, name: str, purpose: str) -> str:
    """Text of a scenario that does to a client what a case did.

    Args:
        applied: the faults as they came true.
        base: its device is the Tap, and its rules come before those of the case; None for the demo Tap.
        seed: of everything random in the Tap.
        name: one line.
        purpose: what is wrong, for people.
    """
    lines = [
        "scenario: 1",
        f"name: {_text(_name(name))}",
        f"purpose: {_text(purpose)}",
        *_device(base, seed),
        "script:",
    ]
    if base is not None and base.script.machines:
        machines = {key: machine.written for key, machine in base.script.machines.items()}
        lines.append(f"  machines: {_flow(machines)}")
    lines.append("  rules:")
    names: set[str] = set()
    if base is not None:
        for rule in base.script.rules:
            names.add(rule.name)
            lines += _rule({**rule.written, "name": rule.name})
    for number, given in enumerate(_rules(applied), start=1):
        title = given.pop("name")
        if title in names:
            title = f"{number}: {title}"
        names.add(title)
        lines += _rule({"name": title, **given})
    if lines[-1] == "  rules:":
        lines[-1] += " []"
    return "\n".join(lines) + "\n"


# --- rules ------------------------------------------------------------------------------------------------------------


def _rules(applied: Sequence[Applied]) -> Iterator[dict[str, Any]]:
    """The rules of a case. Faults that met on one answer are one rule, since there the last answer stands."""
    meetings: dict[tuple[bool, int], list[Applied]] = {}
    for each in applied:
        meetings.setdefault((each.fault.mutator.early, each.exchange), []).append(each)
    steady = {fault for fault in dict.fromkeys(each.fault for each in applied) if _is_steady(fault, meetings)}
    told: set[Fault] = set()
    for met in meetings.values():
        first = met[0]
        if first.fault in steady:
            if first.fault not in told:
                told.add(first.fault)
                yield _rule_of(met, None)
        else:
            yield _rule_of(met, first.nth)


def _is_steady(fault: Fault, meetings: Mapping[tuple[bool, int], list[Applied]]) -> bool:
    """Whether it does the same each time, alone, and to every answer."""
    if fault.nth != EVERY:
        return False
    mine = [met for met in meetings.values() if any(each.fault == fault for each in met)]
    if any(len(met) > 1 for met in mine):
        return False
    same = all(met[0].mutation.then == mine[0][0].mutation.then for met in mine)
    return same and [met[0].nth for met in mine] == list(range(1, len(mine) + 1))


def _rule_of(met: Sequence[Applied], nth: int | None) -> dict[str, Any]:
    fault = met[0].fault
    when: dict[str, Any] = {"request": _ANY_REQUEST if fault.call == ANY_CALL else fault.call}
    if nth is not None:
        when["nth"] = nth
    if not fault.mutator.early:
        when["result"] = "any"
    words = "; ".join(each.mutation.words for each in met)
    return {"name": _name(words), "when": when, "then": [action for each in met for action in each.mutation.then]}


def _name(words: str) -> str:
    words = _printable(words).strip() or "fault"
    return words if len(words) <= _LONGEST_NAME else f"{words[: _LONGEST_NAME - 2]} …"


# --- device -----------------------------------------------------------------------------------------------------------


def _device(base: Scenario | None, seed: int) -> Iterator[str]:
    """The Tap as it was, whose serial number does not follow from the seed if it did not before."""
    blueprint = demo() if base is None else base.blueprint()
    serial = blueprint.settings.get(SERIAL_NUMBER, _default_serial())
    yield "device:"
    yield f"  seed: {seed}"
    for key in ("clock", "links"):
        if base is not None and key in base.device.written:
            yield f"  {key}: {_flow(base.device.written[key])}"
    if base is not None and base.device.quirks:
        yield f"  quirks: {_flow([quirk.value for quirk in base.device.quirks])}"
    if base is None or base.device.config is None:
        yield f"  firmware: {blueprint.firmware}"
        yield f"  config: {_flow({'base': 'demo', 'settings': {'device': {'serial_number': serial}}})}"
        return
    yield "  config:"
    for line in dump_yaml(_with_serial(blueprint, serial)).splitlines():
        yield f"    {line}"


def _with_serial(blueprint: Blueprint, serial: str) -> Blueprint:
    return replace(blueprint, seed=None, settings={**blueprint.settings, SERIAL_NUMBER: serial})


def _default_serial() -> str:
    setting = SETTINGS[SERIAL_NUMBER].setting
    assert setting is not None
    return str(setting.default)


# --- text -------------------------------------------------------------------------------------------------------------


def _rule(given: Mapping[str, Any]) -> Iterator[str]:
    mark = "- "
    for key, value in given.items():
        if key == "then" and isinstance(value, list):
            yield f"    {mark}then:"
            yield from (f"        - {_flow(action)}" for action in value)
        else:
            yield f"    {mark}{key}: {_text(value) if key == 'name' else _flow(value)}"
        mark = "  "


def _flow(value: Any, key: str = "") -> str:
    """A value on one line. What stood unquoted in a file still does, since its type is left to its reader."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(name)}: {_flow(each, name)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    if key == "code" and isinstance(value, int) and value in list(ResultCode):
        return ResultCode(value).name
    if isinstance(value, str):
        return str(value) if _is_plain(value) else json.dumps(value)
    if value is None:
        return ""
    return json.dumps(value)


def _is_plain(value: str) -> bool:
    """Whether text needs no quotes: it had none, or is a name of something."""
    if isinstance(value, Plain):
        return bool(_WORD.fullmatch(value))
    return bool(re.fullmatch(r"[a-z][a-z_]*(\.[a-z_0-9]+)?", value)) and value not in ("true", "false", "null")


def _text(value: str) -> str:
    return json.dumps(_printable(value), ensure_ascii=False)


def _printable(text: str) -> str:
    """Text that a file can say, and that asks for no input."""
    safe = "".join(letter if letter.isprintable() else " " for letter in text)
    return safe.replace("${", "$ {")

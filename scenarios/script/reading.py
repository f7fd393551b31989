"""Turns the actions of a scenario file into what a script does."""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from emulator.device import Device
from emulator.exchange import PowerFailure
from emulator.targets.spec import FAULT_CODES
from protocol.bodies.variable import DataType
from protocol.client.calls import CALLS
from protocol.codes import ResultCode
from protocol.errors import UsageError
from protocol.resources.registry import SETTINGS
from scenarios.model import Action, Answer, AnswerTo, Corrupt, Wrong
from scenarios.model.common import has_reference
from scenarios.model.script import Busy, Ramp, Split, TargetError
from scenarios.script import answers, wire, world
from scenarios.script.machines import Machine
from scenarios.script.stage import Act
from scenarios.values import encode_answer, make_request, read_value, substitute

Trigger = Literal["request", "event", "time"]


class NotYetError(Exception):
    """A value depends on inputs that are not known."""


def filled(value: Any, inputs: Mapping[str, Any] | None) -> Any:
    """As `Workshop.filled`."""
    if inputs is None and has_reference(value):
        raise NotYetError
    return substitute(value, inputs or {})


@dataclass(frozen=True, slots=True)
class Workshop:
    """What one needs to know to read the actions of a rule.

    Args:
        calls: names of the calls that the rule may act on.
        late: the rule acts after the execution.
        device: checks names of variables; None leaves that to the time when they are needed.
        inputs: values for ``${name}``; None if they are not known yet.
    """

    trigger: Trigger
    calls: tuple[str, ...] = ()
    late: bool = False
    machines: Mapping[str, Machine] = field(default_factory=dict)
    device: Device | None = None
    inputs: Mapping[str, Any] | None = field(default_factory=dict)

    def filled(self, value: Any) -> Any:
        """A value of the file with the inputs in it.

        Raises:
            UsageError: it asks for one that there is not.
            NotYetError: it asks for one, and they are not known.
        """
        return filled(value, self.inputs)


NEEDS_ANSWER: Final = frozenset(
    {"answer", "answer_to", "delay", "drop", "duplicate", "split", "cut", "merge", "corrupt", "wrong", "send"}
    | {"replay"}
)
"""Actions on the answer in hand: a rule whose trigger is an event or the time has none."""


def read_actions(actions: Iterable[Action], workshop: Workshop) -> tuple[Act, ...]:
    """What the actions of a rule do, in their order.

    Raises:
        UsageError: one of them has no meaning in this rule.
    """
    acts: list[Act] = []
    for action in actions:
        for name, given in action.ordered():
            if name in NEEDS_ANSWER and workshop.trigger != "request":
                raise UsageError(f"{name} needs an answer, and a rule for {_SAID[workshop.trigger]} has none")
            try:
                with suppress(NotYetError):
                    acts += _READERS[name](given, workshop)
            except UsageError as error:
                raise UsageError(f"{name}: {error}") from error
    return tuple(acts)


_SAID: Final = {"event": "an event", "time": "a time"}


def _answer(given: Answer, workshop: Workshop) -> list[Act]:
    code = ResultCode.OK if given.code is None else given.code
    if "value" not in given.model_fields_set:
        return [answers.answer(code, given.body or b"")]
    value = workshop.filled(given.value)
    bodies: dict[str | None, bytes] = {}
    for name in workshop.calls:
        bodies[name] = encode_answer(CALLS[name], value)
    if not bodies:
        raise UsageError("value needs a request that names a call, expected body: and its bytes")
    return [answers.answer(code, bodies)]


def _answer_to(given: AnswerTo, workshop: Workshop) -> list[Act]:
    request = make_request(given.request, workshop.filled(given.value), given.body, given.instance)
    return [answers.answer_to(request)]


def _drop(given: str, workshop: Workshop) -> list[Act]:
    if given == "request" and workshop.late:
        raise UsageError("the request is executed already where result is given; expected answer")
    return [wire.drop(given)]


def _split(given: Split, _: Workshop) -> list[Act]:
    return [wire.split(given.sizes, given.gap)]


def _corrupt(given: Corrupt, _: Workshop) -> list[Act]:
    way = given.way
    value = getattr(given, way)
    if way in wire.ENDS:
        return [wire.ENDS[way](given.level, value)]
    return [wire.corrupt(given.level, given.byte, wire.CHANGES[way](0xFF if value is None else value))]


def _wrong(given: tuple[Wrong, ...], _: Workshop) -> list[Act]:
    parts = sorted(given, key=lambda wrong: list(wire.WRONGS).index(wrong.part))
    return [wire.WRONGS[wrong.part](wrong.value) for wrong in parts]


def _busy(given: Busy, _: Workshop) -> list[Act]:
    return [world.busy(math.inf if given.seconds is None else given.seconds, given.requests)]


def _reboot(given: float | Literal[True], _: Workshop) -> list[Act]:
    return [world.reboot(None if given is True else given)]


def _power_failure(given: PowerFailure, workshop: Workshop) -> list[Act]:
    if workshop.late and given != "kept":
        raise UsageError(f"what was written is kept already where result is given, expected kept instead of {given}")
    return [world.power_failure(given)]


def _set(given: Mapping[str, Any], workshop: Workshop) -> list[Act]:
    values = workshop.filled(given)
    if workshop.device is not None:
        for name, value in values.items():
            world.encode(world.find_variable(workshop.device, name)[1], value)
    return [world.set_variables(values)]


def _settings(given: Mapping[str, Any], workshop: Workshop) -> list[Act]:
    values = {}
    for key, value in workshop.filled(given).items():
        row = SETTINGS.get(key)
        if row is None or row.setting is None:
            raise UsageError(f"no setting has the key {key!r}; `tap-emulator resources` lists them")
        values[key] = read_value(row.setting.body, value)
        if not row.setting.allows(values[key]):
            assert row.setting.limit is not None
            limit = row.setting.limit
            raise UsageError(f"{key}: {value!r} is outside {limit.start}..{limit.stop - 1}")
    return [world.settings(values)]


def _ramp(given: Ramp, workshop: Workshop) -> list[Act]:
    if given.over <= 0:
        raise UsageError("over is 0 s, expected more; `set` changes a variable at once")
    if workshop.device is not None:
        _, variable = world.find_variable(workshop.device, given.variable)
        if variable.type.data is DataType.ASCII:
            raise UsageError(f"{given.variable} holds text, expected a variable with a number")
    return [world.ramp(given.variable, given.from_, given.to, given.over)]


def _target_error(given: TargetError, _: Workshop) -> list[Act]:
    if given.code is None:
        return [world.target_error(None, None)]
    if given.code not in FAULT_CODES:
        names = ", ".join(code.name for code in sorted(FAULT_CODES))
        raise UsageError(f"0x{given.code:02X} is no error of a target, expected one of {names}")
    return [world.target_error(ResultCode(given.code), given.for_)]


def _expire(given: str, workshop: Workshop) -> list[Act]:
    if given == "session" and workshop.trigger == "time":
        raise UsageError("session needs a session, and a rule for a time has none; expected all")
    return [world.expire(given)]


def _enter(given: Mapping[str, str], workshop: Workshop) -> list[Act]:
    for name, state in given.items():
        check_state(workshop.machines, name, state)
        if workshop.machines[name].per_session and workshop.trigger == "time":
            raise UsageError(f"{name} goes by sessions, and a rule for a time has none")
    return [world.enter(given)]


def check_state(machines: Mapping[str, Machine], name: str, state: str) -> None:
    """Raises UsageError if there is no such machine or state."""
    if name not in machines:
        raise UsageError(f"no machine is named {name!r}; there is {', '.join(machines) or 'none'}")
    if state not in machines[name].states:
        raise UsageError(f"machine {name} has no state {state!r}; expected {', '.join(machines[name].states)}")


_READERS: Final[dict[str, Callable[[Any, Workshop], list[Act]]]] = {
    "answer": _answer,
    "answer_to": _answer_to,
    "delay": lambda given, _: [wire.delay(*given)],
    "drop": _drop,
    "duplicate": lambda given, _: [wire.duplicate(given)],
    "split": _split,
    "cut": lambda given, _: [wire.cut(given)],
    "merge": lambda given, _: [wire.merge(0.0 if given is True else given)],
    "corrupt": _corrupt,
    "wrong": _wrong,
    "send": lambda given, _: [wire.send(given)],
    "replay": lambda given, _: [wire.replay(given)],
    "close": lambda given, _: [wire.end("close", given)],
    "reset": lambda given, _: [wire.end("reset", given)],
    "busy": _busy,
    "reboot": _reboot,
    "power_failure": _power_failure,
    "unreachable": lambda given, _: [world.unreachable(given)],
    "set": _set,
    "settings": _settings,
    "ramp": _ramp,
    "target_error": _target_error,
    "expire": _expire,
    "firmware": lambda given, _: [world.firmware(given)],
    "enter": _enter,
    "note": lambda given, workshop: [world.note(str(workshop.filled(given)))],
}
"""Actions of the scenario file by name."""

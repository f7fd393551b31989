"""Actions on the Tap and on the world around it; they need no request."""

from collections.abc import Mapping
from typing import Any

from emulator.blueprint import Variable
from emulator.device import Device
from emulator.exchange import PowerFailure
from emulator.signals import Ramp
from protocol.bodies.variable import DataType
from protocol.codes import ResultCode
from protocol.errors import PeerError, UsageError
from protocol.firmware import Version
from scenarios.script.stage import Act, Busy, Occasion
from scenarios.script.wire import tampering_of


def find_variable(device: Device, name: str) -> tuple[int, Variable]:
    """A variable of the Tap by its name, or by its number.

    Raises:
        UsageError: there is none.
    """
    variables = device.state.variables
    for variable_id, variable in variables.items():
        if name in (variable.name, str(variable_id)):
            return variable_id, variable
    known = ", ".join(each.name for each in variables.values()) or "none"
    raise UsageError(f"no variable is named {name!r}; the Tap has {known}")


def encode(variable: Variable, value: Any) -> bytes:
    """Bytes of a value as a file says it; 0 and 1 do for false and true.

    Raises:
        UsageError: it does not fit the variable.
    """
    if variable.type.data is DataType.BOOLEAN:
        given = value if isinstance(value, list) else [value]
        value = [bool(each) if each in (0, 1) else each for each in given]
    return variable.type.encode(value, variable.length)


def busy(seconds: float, requests: int | None) -> Act:
    """Every request is answered BUSY for a time, or for so many requests; the one in hand is the first."""

    def act(occasion: Occasion) -> None:
        occasion.stage.busy = Busy(occasion.rule, occasion.stage.now + seconds, requests)

    return act


def reboot(seconds: float | None) -> Act:
    """The Tap restarts after the answer, and is then gone for so long."""
    return lambda occasion: occasion.device.reboot_after_answer(seconds)


def power_failure(kind: PowerFailure) -> Act:
    """The Tap loses power while it stores what the request writes, and restarts; there is no answer."""

    def act(occasion: Occasion) -> None:
        if occasion.exchange is not None:
            tampering_of(occasion).drop = True
            occasion.exchange.power_failure = kind
        occasion.device.reboot_after_answer()

    return act


def unreachable(seconds: float) -> Act:
    """All connections end, and none is taken for a while."""
    return lambda occasion: occasion.device.refuse_connections(seconds)


def set_variables(values: Mapping[str, Any]) -> Act:
    """The world changes variables."""

    def act(occasion: Occasion) -> None:
        device = occasion.device
        for name, value in values.items():
            try:
                variable_id, variable = find_variable(device, name)
                device.variables.poke(variable_id, variable, encode(variable, value))
            except UsageError as error:
                occasion.note(f"{name} is not set: {error}")
        _commit(occasion)

    return act


def settings(values: Mapping[str, Any]) -> Act:
    """Settings change as if somebody had stored them."""

    def act(occasion: Occasion) -> None:
        for key, value in values.items():
            occasion.device.state.put(key, value)
        _commit(occasion)

    return act


def ramp(name: str, start: float | None, end: float, seconds: float) -> Act:
    """A variable moves evenly to a value, by default from the one that it has, and stays there."""

    def act(occasion: Occasion) -> None:
        variables = occasion.device.variables
        try:
            variable_id, variable = find_variable(occasion.device, name)
            first = _number(variable.type.decode(variables.read(variable_id, variable))) if start is None else start
        except (UsageError, PeerError) as error:
            occasion.note(f"{name} does not move: {error}")
            return
        variables.follow(variable_id, Ramp(first, end, seconds, repeat=False))
        occasion.stage.last(("ramp", variable_id), lambda: variables.follow(variable_id, None))

    return act


def target_error(code: ResultCode | None, seconds: float | None) -> Act:
    """Every access to the target fails with a code, for a time or until further notice; None ends it."""

    def act(occasion: Occasion) -> None:
        target, stage = occasion.device.target, occasion.stage
        if code is None:
            stage.undo("target error")
        else:
            target.fail(code)
            stage.last("target error", lambda: target.fail(None), seconds)

    return act


def expire(whose: str) -> Act:
    """The login of this session, or of all, ends as if its time were over."""

    def act(occasion: Occasion) -> None:
        device = occasion.device
        if whose == "session":
            connections = [] if occasion.connection is None else [occasion.connection]
        else:
            connections = list(device.connections)
        for connection in connections:
            if connection.session.logged_in:
                connection.session.log_out()
                device.tell("session-expired", connection, f"as {occasion.rule!r} says")

    return act


def firmware(version: Version) -> Act:
    """The Tap has another firmware from the next request on."""
    return lambda occasion: occasion.device.change_firmware(version)


def enter(states: Mapping[str, str]) -> Act:
    """Machines change their states."""

    def act(occasion: Occasion) -> None:
        for name, state in states.items():
            occasion.stage.machines[name].enter(occasion.session, state)

    return act


def note(text: str) -> Act:
    """A line in the journal."""
    return lambda occasion: occasion.note(text)


def _commit(occasion: Occasion) -> None:
    try:
        occasion.device.state.commit()
    except PeerError as error:
        occasion.note(str(error))


def _number(value: object) -> float:
    if isinstance(value, list):
        value = value[0]
    if not isinstance(value, int | float):
        raise UsageError(f"{value!r} is no number")
    return float(value)

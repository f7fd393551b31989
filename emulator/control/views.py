"""A Tap, its sessions and its journal as the control API shows them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, Final

from emulator import blueprint
from emulator.connection import Connection
from emulator.control import models
from emulator.control.errors import ControlError
from emulator.device import Device as Tap
from emulator.journal import EVENT_KINDS, Entry, Event, Record
from emulator.remembered import Remembered
from emulator.state import State
from protocol.client.jsonable import to_json
from protocol.codes import Method, ResultCode, is_success
from protocol.errors import BodyError, PeerError, UsageError
from protocol.resources.model import Access, Resource
from protocol.resources.registry import SETTINGS, find_entry
from protocol.values import Body

_KINDS: Final = ("request", "event", *EVENT_KINDS)


def device(tap: Tap) -> models.Device:
    """Everything but secrets."""
    state = tap.state
    return models.Device(
        firmware=str(tap.firmware),
        serial_number=state[blueprint.SERIAL_NUMBER],
        factory=state.factory,
        configuring=state.configuring,
        locked_for=tap.lockout.remaining(tap.clock.now()),
        wall_time=tap.wall_time(),
        settings={key: to_json(state[key]) for key, row in SETTINGS.items() if not is_secret(row)},
        users=[_user(number, group) for number, group in sorted(state.groups.items())],
        bundles=[_bundle(number, bundle) for number, bundle in sorted(state.bundles.items())],
        variables=variables(tap),
    )


def is_secret(row: Resource) -> bool:
    """Whether nobody but the admin may read a setting from the Tap; some cannot be read at all."""
    return all(call.access is Access.ADMIN for call in row.calls if call.method is Method.GET)


def _user(number: int, group: blueprint.Group) -> models.User:
    has_password = group.password is not None
    return models.User(
        id=number, name=group.name, profile=group.alias, has_password=has_password, lifetime=group.lifetime
    )


def _bundle(number: int, bundle: blueprint.Bundle) -> models.Bundle:
    rights = {group: to_json(right) for group, right in bundle.rights.items()}
    return models.Bundle(id=number, name=bundle.name, log_period=bundle.log_period, rights=rights)


@contextmanager
def only_looking(tap: Tap) -> Iterator[None]:
    """Leaves a simulated target as it was: reading may connect it, count, and use up a fault."""
    target = tap.target
    if not isinstance(target, Remembered):
        yield
        return
    memory = target.remember()
    try:
        yield
    finally:
        target.recall(memory, 0.0)


def variables(tap: Tap) -> list[models.Variable]:
    """All variables by id, with their values."""
    with only_looking(tap):
        return [_variable(tap, number, each) for number, each in sorted(tap.state.variables.items())]


def variable(tap: Tap, number: int) -> models.Variable:
    """One variable; one that cannot be read says why."""
    with only_looking(tap):
        return _variable(tap, number, tap.state.variables[number])


def _variable(tap: Tap, number: int, each: blueprint.Variable) -> models.Variable:
    value, error = None, None
    try:
        value = _finite(each.type.decode(tap.variables.read(number, each)))
    except (PeerError, UsageError) as refusal:
        error = str(refusal)
    return models.Variable(
        id=number,
        name=each.name,
        unit=each.unit or each.meta_unit,
        type=each.type.data.name,
        domain=each.type.domain.name,
        length=each.length,
        bundle=each.bundle,
        value=value,
        error=error,
    )


def _finite(value: Any) -> Any:
    """The value as JSON can say it: NaN and the infinities are text."""
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return value if not isinstance(value, float) or value - value == 0 else str(value)


def find_variable(state: State, name: str) -> int:
    """The id of a variable by its name, or by its id as text.

    Raises:
        ControlError: 404.
    """
    for number, each in sorted(state.variables.items()):
        if each.name == name:
            return number
    if name.isascii() and name.isdecimal() and len(name) < 10 and int(name) in state.variables:
        return int(name)
    known = ", ".join(each.name or str(number) for number, each in sorted(state.variables.items())[:20])
    raise ControlError(404, f"no variable {name!r}, expected one of: {known or 'none, this Tap has no variables'}")


def session(tap: Tap, connection: Connection) -> models.Session:
    """Who is at the other end of a connection."""
    group_id = connection.session.group_id
    return models.Session(
        connection=connection.id,
        link=connection.link,
        protocol=connection.protocol.name or "",
        user_id=group_id,
        user=user_name(tap.state, group_id),
        encryption=connection.session.encryption.value,
        lifetime=connection.session.lifetime,
        idle=max(0.0, tap.clock.now() - connection.last_heard),
    )


def user_name(state: State, group_id: int) -> str:
    """Name of a group; its number if it was deleted."""
    group = state.groups.get(group_id)
    return str(group_id) if group is None else group.name


def entry(tap: Tap, each: Entry) -> models.Entry:
    """An entry of the journal, bodies decoded where they fit."""
    if isinstance(each, Event):
        return models.Entry(
            type="event",
            number=each.number,
            time=each.time,
            kind=each.kind,
            connection=each.connection,
            link=each.link,
            detail=each.detail,
        )
    shown = models.Entry(
        type="request",
        number=each.number,
        time=each.time,
        connection=each.connection,
        link=each.link,
        call=each.call,
        user=user_name(tap.state, each.group_id),
        carrier=each.carrier.value,
        reason=each.reason,
        rules=list(each.rules),
    )
    _show_request(shown, each)
    return shown


def _show_request(shown: models.Entry, record: Record) -> None:
    request, response = record.request, record.response
    if request is not None:
        asked = to_json(request)
        shown.method, shown.path, shown.body = asked["method"], asked["path"], asked["body"]
    if response is not None:
        shown.code, shown.answer_body = code_name(response.code), to_json(response.body)
    row = None if request is None else find_entry(request.method, request.path)
    if request is None or row is None:
        return
    shown.value = _decoded(row.call.request, request.body)
    if response is not None and response.success:
        shown.answer = _decoded(row.call.response, response.body)


def _decoded(body: Body[Any] | None, data: bytes) -> Any:
    try:
        return None if body is None else _finite(to_json(body.decode(data)))
    except BodyError:
        return None


def code_name(code: int) -> str:
    """Name of a result code, or its number as ``0x7F``."""
    return ResultCode(code).name if code in list(ResultCode) else f"0x{code:02X}"


def matcher(query: models.Query) -> Callable[[Entry], bool]:
    """Says of an entry whether it is one that was asked for.

    Raises:
        ControlError: 422, there is no such kind of entry.
    """
    if query.kind is not None and query.kind not in _KINDS:
        raise ControlError(422, f"kind: {query.kind!r} is none of {', '.join(_KINDS)}")

    def matches(each: Entry) -> bool:
        return (
            each.number > query.since
            and (query.connection is None or each.connection == query.connection)
            and (query.link is None or (each.link or "").startswith(query.link))
            and (query.kind is None or query.kind in _kinds(each))
            and (query.request is None or (isinstance(each, Record) and _asks(each, query.request)))
            and (query.code is None or (isinstance(each, Record) and _answers(each, query.code)))
        )

    return matches


def _kinds(each: Entry) -> tuple[str, ...]:
    return ("event", each.kind) if isinstance(each, Event) else ("request",)


def _asks(record: Record, pattern: str) -> bool:
    if record.request is None:
        return False
    return fnmatchcase(record.call or "", pattern) or fnmatchcase(str(record.request.path), pattern)


def _answers(record: Record, code: str) -> bool:
    if record.response is None:
        return code == "refused"
    found = record.response.code
    if code == "refused":
        return not is_success(found)
    return code.upper().removeprefix("0X") in (code_name(found), f"{found:02X}")

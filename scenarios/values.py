"""Values of a scenario on their way to the wire and back, and ``${..}`` in them.

A scenario writes values as JSON has them (`protocol.client.jsonable`): numbers, text, mappings of field names, and
bytes as ``"hex:0102"``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from protocol.client.calls import CALLS, NamedCall, find_call
from protocol.client.jsonable import HEX_PREFIX, from_json, to_json
from protocol.codes import NO_INSTANCE
from protocol.errors import BodyError, UsageError
from protocol.frames import Request, Response
from protocol.paths import Path
from protocol.resources.registry import Entry, find_entry, parse_method, parse_path
from protocol.values import Body

_REFERENCE: Final = re.compile(r"\$\{([^{}]*)\}")


class Asked(NamedTuple):
    """What the text of a request means.

    Args:
        call: None for a path that is not in the table.
        address: method and path, where the text says them.
    """

    call: NamedCall | None
    address: tuple[int, Path] | None


@lru_cache(maxsize=1024)
def parse_request(text: str) -> Asked:
    """Reads ``device.get_serial_number`` or ``GET /1024//47``.

    Raises:
        UsageError: no call has this name, or it is no method and path.
    """
    method, _, path = text.strip().partition(" ")
    if not path:
        return Asked(find_call(text.strip()), None)
    address = parse_method(method), parse_path(path.strip())
    entry = find_entry(*address)
    return Asked(None if entry is None else CALLS[entry.id], address)


def make_request(text: str, value: Any = None, body: bytes | None = None, instance: int | None = None) -> Request:
    """The request of a step.

    Args:
        text: name of a call, or method and path.
        value: of its body, as JSON has it.
        body: its bytes instead of a value.

    Raises:
        UsageError: there is no such request, or the value or the instance does not fit.
    """
    call, address = parse_request(text)
    if address is None:
        assert call is not None
        address = call.call.method, call.resource.path(instance)
    elif instance is not None:
        raise UsageError(f"{text} has its instance in the path, expected no other")
    if body is not None:
        return Request(*address, body)
    if call is None:
        if value is not None:
            raise UsageError(f"{text} is not in the table, expected body: and its bytes instead of a value")
        return Request(*address)
    return Request(*address, encode_request(call, value))


def encode_request(call: NamedCall, value: Any) -> bytes:
    """Bytes of a request's body.

    Raises:
        UsageError: the value does not fit; the message names the field.
    """
    if call.request is None:
        if value is not None:
            raise UsageError(f"{call.id} takes no value, expected none")
        return b""
    if value is None:
        # Calls with a body that may be empty are made without one, too.
        return b"" if _takes_nothing(call.request) else call.request.encode(read_value(call.request, None))
    return call.request.encode(read_value(call.request, value))


@lru_cache(maxsize=512)
def _takes_nothing(body: Body[Any]) -> bool:
    try:
        body.decode(b"")
    except BodyError:
        return False
    return True


def encode_answer(call: NamedCall, value: Any) -> bytes:
    """Bytes of an answer's body.

    Raises:
        UsageError: the value does not fit; the message names the field.
    """
    if call.response is None:
        raise UsageError(f"the answer to {call.id} carries no value, expected body: and bytes")
    return call.response.encode(read_value(call.response, value))


def read_value(body: Body[Any], value: Any) -> Any:
    """The value of a body from its JSON form.

    Raises:
        UsageError: it does not fit; the message names the field.
    """
    if isinstance(value, str) and value.startswith(HEX_PREFIX):
        return from_json(body, value)
    if body.type is str and not isinstance(value, str | int | float):
        raise UsageError(f"{body.name}: expected text, not {json.dumps(value)}")
    return from_json(body, json.dumps(value))


def forms_of(call_id: str) -> Iterator[NamedCall]:
    """A call and the other forms in which clients make it."""
    first = CALLS[call_id]
    yield first
    for form in first.call.forms:
        yield CALLS[f"{first.resource.service}.{form.name}"]


def request_value(call_id: str | None, request: Request) -> Any:
    """The body of a request as JSON, in the first form that fits it; bytes as ``hex:`` where none does."""
    for call in forms_of(call_id) if call_id in CALLS else ():
        if call.request is not None:
            try:
                return to_json(call.request.decode(request.body))
            except BodyError:
                continue
    return to_json(request.body) if request.body else None


def response_value(call_id: str | None, response: Response, *, form: str | None = None) -> Any:
    """The body of an answer as JSON; bytes as ``hex:`` where it does not fit the call, None if there is none."""
    calls = [find_call(form)] if form else list(forms_of(call_id)) if call_id in CALLS else []
    for call in calls:
        if call.response is not None:
            try:
                return to_json(call.response.decode(response.body))
            except BodyError:
                continue
    return to_json(response.body) if response.body else None


def call_of(request: Request) -> Entry | None:
    """The row of the table that a request is about, whatever the firmware."""
    return find_entry(request.method, request.path)


def references(value: Any) -> Iterator[str]:
    """What stands between the braces of each ``${..}`` in a value."""
    if isinstance(value, str):
        yield from _REFERENCE.findall(value)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from references(key)
            yield from references(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from references(one)


def substitute(value: Any, variables: Mapping[str, Any]) -> Any:
    """The value with each ``${name}`` or ``${name.field}`` filled in. A text that is nothing else keeps the type.

    Raises:
        UsageError: nothing defines the name, or it has no such field.
    """
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole is not None:
            return look_up(whole[1], variables)
        return _REFERENCE.sub(lambda found: as_text(look_up(found[1], variables)), value) if "${" in value else value
    if isinstance(value, Mapping):
        return {substitute(key, variables): substitute(one, variables) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [substitute(one, variables) for one in value]
    return value


def look_up(reference: str, variables: Mapping[str, Any]) -> Any:
    """What ``name.field.0`` stands for.

    Raises:
        UsageError: nothing defines it.
    """
    if reference in variables:
        return variables[reference]
    name, *fields = reference.split(".")
    if name not in variables:
        known = ", ".join(variables) or "there is none"
        raise UsageError(f"nothing defines ${{{reference}}}, expected one of: {known}")
    return pick(variables[name], fields, reference)


def pick(value: Any, fields: list[str], reference: str) -> Any:
    """A field of a field of a value; numbers count the elements of lists.

    Raises:
        UsageError: it has no such field.
    """
    for field in fields:
        if isinstance(value, Mapping) and field in value:
            value = value[field]
        elif isinstance(value, list) and field.isdecimal() and int(field) < len(value):
            value = value[int(field)]
        else:
            raise UsageError(f"{reference}: there is no {field!r} in it, expected {_fields(value)}")
    return value


def capture(value: Any, path: str) -> Any:
    """The part of a decoded answer that a capture asks for; an empty path is all of it.

    Raises:
        UsageError: there is no such part.
    """
    return pick(value, path.split("."), path) if path else value


def _fields(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"one of {', '.join(map(str, value))}"
    return f"a number below {len(value)}" if isinstance(value, list) else "no field"


def as_text(value: Any) -> str:
    """A value within a longer text."""
    if isinstance(value, str):
        return value
    return json.dumps(value)


def instance_of(request: Request) -> int | None:
    """The instance in the path of a request."""
    return None if request.path.instance == NO_INSTANCE else request.path.instance

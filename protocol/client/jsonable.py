"""Values of the Tap as JSON, and back: what a command line and a scenario can show and read.

======================  =========================================
value                   JSON
======================  =========================================
bytes                   ``"hex:0102"``
version                 ``"1.2.3"``
member of an enum       its name; its number is read too
flags                   names with bars: ``"NFC|BLE"``
record                  object with the names of its fields
request, response       ``{"method", "path", "body"}``, ``{"code", "body"}``
======================  =========================================
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import IntEnum, IntFlag
from typing import Any, Final, get_args, get_origin, get_type_hints

from protocol.client.calls import make_request, value_type
from protocol.codes import Method
from protocol.errors import BodyError, UsageError
from protocol.firmware import Version
from protocol.frames import Request, Response
from protocol.values import Body

HEX_PREFIX: Final = "hex:"


def to_json(value: object) -> Any:
    """A value as something that `json.dumps` can write."""
    match value:
        case Version():
            return str(value)
        case Request():
            return {"method": _method_name(value.method), "path": str(value.path), "body": to_json(value.body)}
        case Response():
            return {"code": value.code, "body": to_json(value.body)}
        case IntEnum() | IntFlag():
            return value.name or int(value)
        case bytes():
            return HEX_PREFIX + value.hex()
        case list() | tuple():
            return [to_json(each) for each in value]
        case _ if is_dataclass(value):
            return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


def from_json(body: Body[Any], text: str) -> Any:
    """The value of a body, from JSON text or from ``hex:`` and the bytes of the whole body.

    What is not JSON is taken for text, so that a name or a version needs no quotes.

    Raises:
        UsageError: the text does not fit; the message names the field.
    """
    if text.startswith(HEX_PREFIX):
        try:
            return body.decode(_bytes(text, body.name))
        except BodyError as error:
            raise UsageError(str(error)) from error
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith(("{", "[", '"')):
            raise UsageError(f"{body.name}: no JSON: {error}") from error
        parsed = text
    if body.type is str and not isinstance(parsed, str):
        parsed = text
    return _read(value_type(body), parsed, body.name)


def _read(kind: Any, given: Any, where: str) -> Any:
    origin = get_origin(kind) or kind
    if origin is list:
        (element,) = get_args(kind) or (Any,)
        items = _expect(list, given, where, "a list")
        return [_read(element, item, f"{where}[{number}]") for number, item in enumerate(items)]
    if kind is Request:
        return _read_request(_expect(dict, given, where, "an object with method, path and body"), where)
    if kind is Response:
        return Response(**_read_fields({"code": int, "body": bytes}, {"body"}, given, where))
    if kind is Version:
        return Version.parse(_expect(str, given, where, 'a version such as "1.2.3"'))
    if kind is bytes:
        return _bytes(given, where)
    if isinstance(kind, type) and issubclass(kind, IntEnum | IntFlag):
        return _read_member(kind, given, where)
    if is_dataclass(kind):
        record: Any = kind
        optional = {field.name for field in fields(record) if field.default is not MISSING}
        return record(**_read_fields(get_type_hints(record), optional, given, where))
    names = {int: "a whole number", bool: "true or false", str: "text"}
    if kind not in names:
        raise UsageError(f"{where}: there is no JSON form of it; give the whole body as {HEX_PREFIX}..")
    return _expect(kind, given, where, names[kind])


def _read_fields(hints: Mapping[str, Any], optional: set[str], given: Any, where: str) -> dict[str, Any]:
    values = _expect(dict, given, where, f"an object with {', '.join(hints)}")
    for name in values:
        if name not in hints:
            raise UsageError(f"{where}: no field {name!r}, expected {', '.join(hints)}")
    for name in hints:
        if name not in values and name not in optional:
            raise UsageError(f"{where}: the field {name!r} is missing")
    return {name: _read(hints[name], value, f"{where}.{name}") for name, value in values.items()}


def _read_request(given: dict[str, Any], where: str) -> Request:
    values = _read_fields({"method": str, "path": str, "body": bytes}, {"body"}, given, where)
    try:
        return make_request(values["method"], values["path"], values.get("body", b""))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _read_member(kind: type[IntEnum] | type[IntFlag], given: Any, where: str) -> IntEnum | IntFlag:
    if not isinstance(given, str):
        given = str(_expect(int, given, where, "a name or a number"))
    names = [name.strip() for name in given.split("|")] if issubclass(kind, IntFlag) else [given]
    try:
        return kind(sum(int(name) if name.isdecimal() else kind[name] for name in {*names}))
    except (KeyError, ValueError):
        raise UsageError(f"{where}: {given!r} is none of {', '.join(kind.__members__)}") from None


def _bytes(given: Any, where: str) -> bytes:
    text = _expect(str, given, where, f'bytes such as "{HEX_PREFIX}0102"')
    try:
        if not text.startswith(HEX_PREFIX):
            raise ValueError
        return bytes.fromhex(text.removeprefix(HEX_PREFIX))
    except ValueError:
        raise UsageError(f'{where}: {text!r} is not bytes; expected for example "{HEX_PREFIX}0102"') from None


def _expect(kind: type, given: Any, where: str, expected: str) -> Any:
    # bool is an int to Python, and not to people
    if not isinstance(given, kind) or (kind is int and isinstance(given, bool)):
        raise UsageError(f"{where}: expected {expected}, not {json.dumps(given)}")
    return given


def _method_name(method: int) -> str | int:
    return Method(method).name if method in list(Method) else method

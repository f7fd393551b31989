"""How to go over the bytes of each class of construct that schemas of bodies are made of."""

from collections.abc import Callable
from enum import IntFlag
from functools import partial
from typing import Any, Final

from construct import (
    Adapter,
    BitsInteger,
    Bytes,
    BytesInteger,
    Const,
    ConstructError,
    Container,
    Flag,
    FormatField,
    GreedyBytes,
    GreedyRange,
    IfThenElse,
    ListContainer,
    Padded,
    Pass,
    Renamed,
    Select,
    Struct,
    Terminated,
    Transformed,
    bytes2bits,
    evaluate,
    swapbytes,
)

from protocol.values import Boolean, FixedText, Member, Text, VersionNumber
from scenarios.fuzz.grammar.parts import Item, Kind, MismatchError, Sequence, Walk

Reader = Callable[[Walk, Any, str, Any], Any]

_VERSION_PARTS: Final = ("major", "minor", "patch")


def go(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    """Goes over the bytes of a schema; returns what it would parse.

    Raises:
        MismatchError: they are not what the schema says.
        NotImplementedError: nobody has said how to go over such a schema.
    """
    return _reader_of(type(schema))(walk, schema, name, context)


def _reader_of(kind: type) -> Reader:
    for base in kind.__mro__:
        if base in READERS:
            return READERS[base]
    raise NotImplementedError(f"no layout for {kind.__name__}")


def joined(path: str, name: str | None) -> str:
    """Path of a part that may have no name."""
    return f"{path}.{name}" if path and name else path or name or ""


def _struct(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    found = Container()
    inner = Container(_=context)
    for part in schema.subcons:
        value = go(walk, part, joined(name, part.name), inner)
        if part.name:
            found[part.name] = inner[part.name] = value
    return found


def _inside(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    return go(walk, schema.subcon, name, context)


def _adapter(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    value = go(walk, schema.subcon, name, context)
    try:
        return schema._decode(value, context, name)
    except (ValueError, ConstructError) as error:
        raise MismatchError(str(error)) from error


def _labelled(kind: Kind, walk: Walk, schema: Any, name: str, context: Any) -> Any:
    value = _adapter(walk, schema, name, context)
    walk.relabel(kind=kind)
    return value


def _member(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    number = go(walk, schema.subcon, name, context)
    flags = issubclass(schema.enumeration, IntFlag)
    walk.relabel(kind=Kind.FLAGS if flags else Kind.ENUM, members=schema.enumeration)
    try:
        return schema.enumeration(number)
    except ValueError as error:
        raise MismatchError(str(error)) from error


def _version(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    numbers = []
    for part, title in zip(schema.subcon.subcons, _VERSION_PARTS, strict=True):
        numbers.append(go(walk, part, joined(name, title), context))
        walk.relabel(kind=Kind.VERSION)
    return schema._decode(numbers, context, name)


def _format(walk: Walk, schema: Any, name: str, context: Any) -> int:
    order, code = schema.fmtstr
    if code not in "BHLQbhlq":
        raise NotImplementedError(f"no layout for numbers of the form {schema.fmtstr}")
    kind = Kind.SIGNED if code.islower() else Kind.INTEGER
    return walk.number(name, kind, schema.length, signed=code.islower(), swapped=order == "<")


def _integer(walk: Walk, schema: Any, name: str, context: Any) -> int:
    kind = Kind.SIGNED if schema.signed else Kind.INTEGER
    return walk.number(name, kind, schema.length, signed=schema.signed, swapped=schema.swapped)


def _flag(walk: Walk, schema: Any, name: str, context: Any) -> bool:
    return bool(walk.number(name, Kind.FLAG, 1))


def _bytes(walk: Walk, schema: Any, name: str, context: Any) -> bytes:
    return walk.take(name, Kind.BYTES, evaluate(schema.length, context))


def _greedy_bytes(walk: Walk, schema: Any, name: str, context: Any) -> bytes:
    return walk.take(name, walk.raw_kind, walk.end - walk.at)


def _greedy_range(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    start, values, items = walk.at, ListContainer(), []
    while walk.at < walk.end:
        before, title = walk.at, f"{name or 'item'}[{len(values)}]"
        possible, value = walk.attempt(partial(go, walk, schema.subcon, title, context))
        if not possible:
            break
        values.append(value)
        items.append(Item(title, walk.data[before : walk.at]))
    around = partial(_between, walk.data[:start], walk.data[walk.at :])
    walk.sequences.append(Sequence(name or "list", tuple(items), around))
    return values


def _between(before: bytes, after: bytes, content: bytes) -> bytes:
    return before + content + after


def _transformed(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    if schema.decodefunc is swapbytes and schema.subcon.sizeof() == schema.decodeamount:
        walk.swapped = True
        value = go(walk, schema.subcon, name, context)
        walk.swapped = False
        return value
    if schema.decodefunc is not bytes2bits:
        raise NotImplementedError(f"no layout for bytes that {schema.decodefunc} changes")
    walk.open_word(schema.decodeamount)
    value = go(walk, schema.subcon, name, context)
    walk.close_word()
    return value


def _padded(walk: Walk, schema: Any, name: str, context: Any) -> None:
    if not isinstance(schema.subcon, type(Pass)):
        raise NotImplementedError("no layout for a padded value")
    walk.number(joined(name, "padding"), Kind.PADDING, evaluate(schema.length, context))


def _const(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    value = go(walk, schema.subcon, joined(name, "constant"), context)
    walk.relabel(kind=Kind.CONSTANT)
    if value != schema.value:
        raise MismatchError(f"{name}: {value!r}, expected {schema.value!r}")
    return value


def _select(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    for part in schema.subcons:
        possible, value = walk.attempt(partial(go, walk, part, name, context))
        if possible:
            return value
    raise MismatchError(f"{name}: none of {len(schema.subcons)} forms")


def _if_then_else(walk: Walk, schema: Any, name: str, context: Any) -> Any:
    chosen = schema.thensubcon if evaluate(schema.condfunc, context) else schema.elsesubcon
    return go(walk, chosen, name, context)


def _nothing(walk: Walk, schema: Any, name: str, context: Any) -> None:
    """Takes no bytes."""


def _terminated(walk: Walk, schema: Any, name: str, context: Any) -> None:
    if walk.at < walk.end:
        raise MismatchError(f"{name}: {walk.end - walk.at} bytes too many")


def _kind(kind: Kind) -> Callable[[Walk, Any, str, Any], Any]:
    return partial(_labelled, kind)


READERS: Final[dict[type, Reader]] = {
    Struct: _struct,
    Renamed: _inside,
    Adapter: _adapter,
    Text: _kind(Kind.TEXT),
    FixedText: _kind(Kind.FIXED_TEXT),
    Member: _member,
    Boolean: _kind(Kind.FLAG),
    VersionNumber: _version,
    FormatField: _format,
    BytesInteger: _integer,
    BitsInteger: _integer,
    type(Flag): _flag,
    Bytes: _bytes,
    type(GreedyBytes): _greedy_bytes,
    GreedyRange: _greedy_range,
    Transformed: _transformed,
    Padded: _padded,
    Const: _const,
    Select: _select,
    IfThenElse: _if_then_else,
    type(Pass): _nothing,
    type(Terminated): _terminated,
}
"""By class; a class that is not here is gone over as the nearest one that it derives from.

These are all that bodies use. A test goes over each body of the table, so a new class is missed there first.
"""

"""The TLV of bundles: variable values with their ids, in the style of OMA LwM2M.

One record holds another list of records: the outer one has the id of the bundle, each inner one the id of a variable
and its raw value. A record starts with one byte: two bits of type, one bit for an id of two bytes, two bits for how
many bytes of length follow (none: the length is in the last three bits). Source: ``TLVConverter`` of
@iotize/tap 2.7.0, which misreads lengths of three bytes, so that a value has at most 65535 bytes.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from construct import (
    Adapter,
    BitsInteger,
    BitStruct,
    Bytes,
    Check,
    Computed,
    Construct,
    ConstructError,
    Flag,
    GreedyBytes,
    IfThenElse,
    Int8ub,
    Int16ub,
    Struct,
    Switch,
    this,
)

from protocol.errors import BodyError, UsageError
from protocol.values import Body, Member


class RecordType(IntEnum):
    """What a record is; the first two bits of its first byte."""

    OBJECT_INSTANCE = 0
    RESOURCE_INSTANCE = 1
    MULTIPLE_RESOURCE = 2
    """Holds records of its own: a bundle."""
    RESOURCE = 3
    """Holds a value: a variable."""


@dataclass(frozen=True, slots=True)
class TlvRecord:
    """One record."""

    type: RecordType
    id: int
    value: bytes


@dataclass(frozen=True, slots=True)
class BundleValues:
    """A bundle, and the raw values of its variables in order of the wire."""

    bundle_id: int
    values: tuple[tuple[int, bytes], ...]


MAX_VALUE: Final = 0xFFFF
"""Bytes that a record can hold."""
_SHORT_LENGTHS: Final = range(8)
"""Lengths that fit the first byte."""


class _Record(Adapter):  # type: ignore[misc]
    def _decode(self, obj: Any, context: Any, path: str) -> TlvRecord:
        return TlvRecord(obj.head.type, obj.id, obj.value)

    def _encode(self, obj: TlvRecord, context: Any, path: str) -> dict[str, Any]:
        length = len(obj.value)
        short = length in _SHORT_LENGTHS
        head = {
            "type": obj.type,
            "wide_id": obj.id > 0xFF,
            "length_size": 0 if short else 1 + (length > 0xFF),
            "short_length": length if short else 0,
        }
        return {"head": head, "id": obj.id, "length": length, "value": obj.value}


RECORD: Final[Construct] = _Record(
    Struct(
        "head"
        / BitStruct(
            "type" / Member(RecordType, BitsInteger(2)),
            "wide_id" / Flag,
            "length_size" / BitsInteger(2),
            "short_length" / BitsInteger(3),
        ),
        # The vendor's parser takes a first byte that has both for one with a short length.
        Check((this.head.length_size == 0) | (this.head.short_length == 0)),
        Check(this.head.length_size < 3),
        "id" / IfThenElse(this.head.wide_id, Int16ub, Int8ub),
        "length" / Switch(this.head.length_size, {1: Int8ub, 2: Int16ub}, default=Computed(this.head.short_length)),
        "value" / Bytes(this.length),
    )
)


def encode_bundle(bundle_id: int, values: Iterable[tuple[int, bytes]]) -> bytes:
    """The record of a bundle with the values of its variables, by variable id.

    Raises:
        UsageError: an id is no 16-bit number, or the values do not fit a record (`MAX_VALUE`).
    """
    parts = [(_head(RecordType.RESOURCE, variable_id, len(value)), value) for variable_id, value in values]
    children = b"".join(chain.from_iterable(parts))
    return _head(RecordType.MULTIPLE_RESOURCE, bundle_id, len(children)) + children


def decode_bundle(data: bytes) -> tuple[int, list[tuple[int, bytes]]]:
    """Id of the bundle, and the values of its variables by variable id.

    Raises:
        BodyError: not exactly one well-formed bundle; the message has the byte offset.
    """
    stream = io.BytesIO(data)
    outer = _parse(stream, RecordType.MULTIPLE_RESOURCE)
    if stream.tell() != len(data):
        raise BodyError(f"bundle TLV: {len(data) - stream.tell()} bytes too many at offset {stream.tell()}")
    start = len(data) - len(outer.value)
    children = io.BytesIO(outer.value)
    values: list[tuple[int, bytes]] = []
    while children.tell() < len(outer.value):
        child = _parse(children, RecordType.RESOURCE, start)
        values.append((child.id, child.value))
    return outer.id, values


def build_record(record: TlvRecord) -> bytes:
    """Bytes of one record.

    Raises:
        UsageError: the id is no 16-bit number, or the value is too long.
    """
    return _head(record.type, record.id, len(record.value)) + record.value


@lru_cache(maxsize=4096)
def _head(type: RecordType, id: int, size: int) -> bytes:
    """What goes before the value, as `RECORD` writes it: a log of a thousand variables has no time for its schema."""
    if not 0 <= id <= 0xFFFF or size > MAX_VALUE:
        raise UsageError(f"no TLV record: id {id}, {size} bytes")
    length_size = 0 if size in _SHORT_LENGTHS else 1 + (size > 0xFF)
    id_size = 1 + (id > 0xFF)
    head = type << 6 | (id_size - 1) << 5 | length_size << 3 | (0 if length_size else size)
    length = size.to_bytes(length_size, "big") if length_size else b""
    return bytes((head,)) + id.to_bytes(id_size, "big") + length


def _parse(stream: io.BytesIO, expected: RecordType, start: int = 0) -> TlvRecord:
    offset = start + stream.tell()
    try:
        record: TlvRecord = RECORD.parse_stream(stream)
    except (ConstructError, ValueError) as error:
        raise BodyError(f"bundle TLV: no whole record at offset {offset}") from error
    if record.type is not expected:
        raise BodyError(f"bundle TLV: {record.type.name} at offset {offset}, expected {expected.name}")
    return record


class _Bundle(Adapter):  # type: ignore[misc]
    def _decode(self, obj: bytes, context: Any, path: str) -> BundleValues:
        bundle_id, values = decode_bundle(obj)
        return BundleValues(bundle_id, tuple(values))

    def _encode(self, obj: BundleValues, context: Any, path: str) -> bytes:
        return encode_bundle(obj.bundle_id, obj.values)


BUNDLE_VALUES: Final = Body("bundle TLV", _Bundle(GreedyBytes), BundleValues)
"""Answer of a bundle read and of a profile read. An empty bundle is ``80 01``."""

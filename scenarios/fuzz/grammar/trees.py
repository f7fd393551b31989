"""Layouts of bodies whose schema stops at bytes that are something more."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from construct import Container

from protocol.bodies.legacy import ACL_ENTRIES
from protocol.bodies.multi_request import MULTI_REQUEST, MULTI_RESPONSE
from protocol.bodies.scram import CIPHERTEXT
from protocol.bodies.single_packet import SINGLE_PACKET
from protocol.bodies.variable import VARIABLE_META
from protocol.codes import Method, ResultCode
from protocol.crypto import crc32_mpeg2
from protocol.packets import HEADER, OUTER_SIZE, decode_packet, encode_packet, new_packet
from protocol.tlv import BUNDLE_VALUES, RecordType, TlvRecord, build_record
from protocol.values import ASCII, RAW, Body
from scenarios.fuzz.grammar.parts import Field, Item, Kind, MismatchError, Sequence, Walk
from scenarios.fuzz.grammar.schemas import go

Repair = Callable[[bytes], bytes]
_CRC_SIZE: Final = 4
_SMALLEST_PACKET: Final = OUTER_SIZE + 10


def bundle(walk: Walk) -> Repair | None:
    """The TLV of a bundle: one record that holds those of its variables."""
    _, bundle_id = _record_head(walk, "bundle", "bundle")
    items: list[Item] = []
    while walk.at < walk.end:
        before = walk.at
        name = f"values[{len(items)}]"
        size, variable_id = _record_head(walk, name, "variable")
        walk.take(f"{name}.value", Kind.VALUE, size, f"value of variable {variable_id}")
        items.append(Item(f"record of variable {variable_id}", walk.data[before : walk.at]))
    wrap = partial(_bundle_around, bundle_id)
    walk.sequences.append(Sequence("records", tuple(items), wrap))
    return None


def is_bundle(data: bytes) -> bool:
    """Whether `BUNDLE_VALUES` reads this; it is asked about each mutation, and its schema takes its time."""
    at = _value_of(data, 0, RecordType.MULTIPLE_RESOURCE)
    if at is None or at[1] != len(data):
        return False
    position, end = at
    while position < end:
        value = _value_of(data, position, RecordType.RESOURCE)
        if value is None:
            return False
        position = value[1]
    return True


def _value_of(data: bytes, at: int, expected: RecordType) -> tuple[int, int] | None:
    """Where the value of the record at this place begins and ends; None if there is no such record."""
    head = data[at] if at < len(data) else 0
    length_size = head >> 3 & 3
    if head >> 6 != expected or length_size > 2 or (length_size and head & 7):
        return None
    start = at + 2 + (head >> 5 & 1) + length_size
    length = int.from_bytes(data[start - length_size : start], "big") if length_size else head & 7
    return (start, start + length) if start + length <= len(data) else None


def _bundle_around(bundle_id: int, content: bytes) -> bytes:
    return build_record(TlvRecord(RecordType.MULTIPLE_RESOURCE, bundle_id, content))


def _record_head(walk: Walk, name: str, noun: str) -> tuple[int, int]:
    """First byte, id and length of a record.

    Returns:
        Bytes that follow, and the id.

    Raises:
        MismatchError: there is no such record, or not all of it.
    """
    start = walk.at
    head = walk.data[start : start + 6]
    if walk.end - start < 2:
        raise MismatchError(f"no record at {start}")
    id_size, length_size = 1 + (head[0] >> 5 & 1), head[0] >> 3 & 3
    sizes = start + 1 + id_size, start + 1 + id_size + length_size
    number = int.from_bytes(walk.data[start + 1 : sizes[0]], "big")
    length = int.from_bytes(walk.data[sizes[0] : sizes[1]], "big") if length_size else head[0] & 7
    record = f"record of {noun} {number}"
    if sizes[1] + length > walk.end:
        raise MismatchError(f"{record} at {start} says {length} bytes")
    walk.open_word(1)
    _bit_field(walk, f"{name}.type", Kind.ENUM, 2, f"type of the {record}")
    walk.relabel(members=RecordType)
    _bit_field(walk, f"{name}.wide_id", Kind.FORM, 1, f"size of the id of the {record}")
    _bit_field(walk, f"{name}.length_size", Kind.FORM, 2, f"size of the length field of the {record}")
    short = not length_size
    title = f"length field of the {record}" if short else f"short length of the {record}"
    _bit_field(walk, f"{name}.short_length", Kind.LENGTH if short else Kind.PADDING, 3, title)
    walk.relabel(follows=length)
    walk.close_word()
    walk.number(f"{name}.id", Kind.INTEGER, id_size)
    walk.relabel(title=f"id of the {record}")
    if length_size:
        walk.number(f"{name}.length", Kind.LENGTH, length_size)
        walk.relabel(title=f"length field of the {record}", follows=length)
    return length, number


def _bit_field(walk: Walk, name: str, kind: Kind, width: int, title: str) -> None:
    walk.number(name, kind, width)
    walk.relabel(title=title)


def packet(walk: Walk) -> Repair | None:
    """A single packet; in clear its checksum can be put right."""
    walk.number("send_time", Kind.INTEGER, 4)
    header = go(walk, HEADER, "header", Container())
    walk.fields = [_packet_field(each, walk.end) for each in walk.fields]
    if header.encryption or walk.end < _SMALLEST_PACKET:
        walk.take("payload", Kind.BYTES, walk.end - walk.at)
        return None
    walk.end -= _CRC_SIZE
    walk.number("log_time", Kind.INTEGER, 4)
    size = walk.number("data_size", Kind.LENGTH, 2)
    room = walk.end - walk.at
    walk.relabel(follows=room, title="length field of the data of the packet")
    data_end = walk.at + (size if 0 < size <= room else room)
    walk.end, end = data_end, walk.end
    possible, _ = walk.attempt(partial(bundle, walk))
    if possible:
        inner = walk.sequences.pop()
        walk.sequences.append(replace(inner, wrap=partial(_packet_around, walk.data, inner.wrap)))
    else:
        walk.take("data", Kind.VALUE, data_end - walk.at)
    walk.end = end
    walk.take_if_any("padding", Kind.PADDING, end - data_end)
    walk.end += _CRC_SIZE
    walk.number("crc", Kind.CHECKSUM, _CRC_SIZE)
    return repaired_packet


def _packet_around(data: bytes, wrap: Callable[[bytes], bytes], content: bytes) -> bytes:
    """A packet in clear with another bundle in it, and lengths and checksum that are right."""
    old = decode_packet(data)
    header, log_time = old.header, int.from_bytes(data[OUTER_SIZE : OUTER_SIZE + 4], "big")
    return encode_packet(
        new_packet(
            header.message_type,
            wrap(content),
            send_time=old.send_time,
            log_time=log_time,
            packet_id=header.packet_id,
            config_version=header.config_version,
            sender_id=header.sender_id,
            salt=header.salt,
        )
    )


def _packet_field(each: Field, end: int) -> Field:
    if each.name != "header.packet_length":
        return each
    return each._replace(kind=Kind.LENGTH, follows=end - OUTER_SIZE, title="length field of the packet")


def repaired_packet(data: bytes) -> bytes:
    """A packet in clear with the right checksum."""
    if len(data) < _SMALLEST_PACKET:
        return data
    return data[:-_CRC_SIZE] + crc32_mpeg2(data[4:-_CRC_SIZE]).to_bytes(_CRC_SIZE, "big")


def meta(walk: Walk) -> Repair | None:
    """The meta block of a variable, ``name:unit``, and what stands behind it and is not read."""
    text, _, _ = walk.data[walk.at : walk.end].partition(b"\0")
    name, colon, others = text.partition(b":")
    unit, _, _ = others.partition(b":")
    walk.take("name", Kind.TEXT, len(name))
    walk.take_if_any("colon", Kind.CONSTANT, len(colon))
    walk.take_if_any("unit", Kind.TEXT, len(unit))
    walk.take_if_any("unread", Kind.PADDING, walk.end - walk.at)
    return None


def answers(walk: Walk) -> Repair | None:
    """The answers of a multi-request, each behind its length."""
    items: list[Item] = []
    start = walk.at
    while walk.at < walk.end:
        before, name = walk.at, f"answers[{len(items)}]"
        length = _length_prefix(walk, name, f"answer {len(items) + 1}", 1)
        walk.number(f"{name}.code", Kind.ENUM, 1)
        walk.relabel(members=ResultCode)
        walk.take_if_any(f"{name}.body", Kind.VALUE, length - 1)
        items.append(Item(f"answer {len(items) + 1}", walk.data[before : walk.at]))
    walk.sequences.append(Sequence("answers", tuple(items), partial(_behind, walk.data[:start])))
    return None


def requests(walk: Walk) -> Repair | None:
    """The requests of a multi-request, each behind its length and before the result that it needs."""
    items: list[Item] = []
    start = walk.at
    while walk.at < walk.end:
        before, name = walk.at, f"requests[{len(items)}]"
        length = _length_prefix(walk, name, f"request {len(items) + 1}", 7)
        walk.number(f"{name}.method", Kind.ENUM, 1)
        walk.relabel(members=Method)
        for part in ("object", "instance", "resource"):
            walk.number(f"{name}.path.{part}", Kind.INTEGER, 2)
        walk.take_if_any(f"{name}.body", Kind.VALUE, length - 7)
        walk.number(f"{name}.expected", Kind.INTEGER, 1)
        items.append(Item(f"request {len(items) + 1}", walk.data[before : walk.at]))
    walk.sequences.append(Sequence("requests", tuple(items), partial(_behind, walk.data[:start])))
    return None


def _length_prefix(walk: Walk, name: str, title: str, least: int) -> int:
    length = walk.number(f"{name}.length", Kind.LENGTH, 2)
    walk.relabel(title=f"length field of {title}", follows=length)
    if not least <= length <= walk.end - walk.at:
        raise MismatchError(f"{name} says {length} bytes, there are {walk.end - walk.at}")
    return length


def _behind(before: bytes, content: bytes) -> bytes:
    return before + content


BY_HAND: Final[dict[Body[Any], Callable[[Walk], Repair | None]]] = {
    BUNDLE_VALUES: bundle,
    SINGLE_PACKET: packet,
    VARIABLE_META: meta,
    MULTI_RESPONSE: answers,
    MULTI_REQUEST: requests,
}
"""Returns what puts right the checksum of a body that has one."""

RAW_BODIES: Final = frozenset({RAW})
"""Bodies that are raw values: what they are stands elsewhere."""

ANY_BYTES: Final = frozenset({RAW, ASCII, CIPHERTEXT, VARIABLE_META, ACL_ENTRIES})
"""Bodies that are never wrong, whatever their bytes."""

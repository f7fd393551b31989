"""One field of a body says something else: numbers, members, flags, raw values."""

import math
import struct
from collections.abc import Callable, Iterable, Iterator
from enum import IntFlag
from hashlib import shake_128
from typing import Final

from protocol.words import counted
from scenarios.fuzz.grammar.changes import Change, Subject, in_turn, mutator, old_bytes, shown
from scenarios.fuzz.grammar.layout import Field, Kind
from scenarios.fuzz.grammar.texts import full_texts, texts
from scenarios.fuzz.mutation import Mutator

_NUMBERS: Final = (Kind.INTEGER, Kind.SIGNED, Kind.VERSION)
_CONTENT: Final = (Kind.BYTES, Kind.VALUE, Kind.TEXT, Kind.FIXED_TEXT)
_UNTYPED: Final = (Kind.PADDING, Kind.REST)
_NUMBER_SIZES: Final = (1, 2, 4, 8)
"""Bytes of the numbers that a raw value can be."""
_FLOAT_SIZE: Final = 4
_NARROW: Final = 8
"""Values of a gap of an enumeration that are all tried."""
_MOST_BITS: Final = 64
_DRAWS: Final = 3


def _is_number(field: Field) -> bool:
    return field.kind in _NUMBERS or (field.kind is Kind.VALUE and field.size in _NUMBER_SIZES)


def _edges(bits: int, value: int) -> Iterator[int]:
    """Numbers of so many bits that programs get wrong."""
    top = (1 << bits) - 1
    sign = 1 << bits - 1
    yield from (0, 1, top, top - 1, sign, sign - 1, sign + 1)
    for size in (7, 8, 15, 16, 24, 31, 32, 53):
        if size < bits:
            yield from ((1 << size) - 1, 1 << size, (1 << size) + 1)
    yield from (value + 1, value - 1, value ^ sign)


def _boundary(subject: Subject) -> Iterator[Change]:
    return _each(subject, filter(_is_number, subject.layout.fields), _boundaries_of)


def _each(
    subject: Subject, fields: Iterable[Field], changes: Callable[[Subject, Field], Iterator[Change]]
) -> Iterator[Change]:
    return in_turn(*(changes(subject, field) for field in fields))


def _boundaries_of(subject: Subject, field: Field) -> Iterator[Change]:
    for number in _edges(field.bits, field.number):
        yield subject.with_number(field, number)


def _enum(subject: Subject) -> Iterator[Change]:
    return _each(subject, subject.fields(Kind.ENUM), _numbers_of_enum)


def _numbers_of_enum(subject: Subject, field: Field) -> Iterator[Change]:
    assert field.members is not None
    known = sorted(int(member) for member in field.members)
    for number in (*_gaps(known, field.bits), *known):
        yield _with_member(subject, field, number)


def _with_member(subject: Subject, field: Field, number: int) -> Change:
    words = f"{field.shown} {field.place}: {field.number} ({_name(field, field.number)}) -> "
    return subject.with_number(field, number, words + f"{number} ({_name(field, number)})")


def _no_member(subject: Subject) -> Iterator[Change]:
    """What a newer firmware may say."""
    return _each(subject, subject.fields(Kind.ENUM), _no_members_of)


def _no_members_of(subject: Subject, field: Field) -> Iterator[Change]:
    assert field.members is not None
    for number in _gaps(sorted(map(int, field.members)), field.bits):
        yield _with_member(subject, field, number)


def _name(field: Field, number: int) -> str:
    assert field.members is not None
    return next((str(member.name) for member in field.members if member == number), "no member")


def _gaps(known: list[int], bits: int) -> Iterator[int]:
    """Numbers that no member has: all of a narrow gap, the ends of a wide one."""
    top = (1 << bits) - 1
    for before, after in zip([-1, *known], [*known, top + 1], strict=True):
        gap = range(before + 1, after)
        yield from gap if len(gap) <= _NARROW else (gap[0], gap[1], gap[-2], gap[-1])
    yield from (number for number in (1 << bits - 1, (1 << bits - 1) - 1, top) if number not in known)


def _flags(subject: Subject) -> Iterator[Change]:
    return _each(subject, subject.fields(Kind.FLAGS, Kind.FLAG), _flags_of)


def _flags_of(subject: Subject, field: Field) -> Iterator[Change]:
    top = (1 << field.bits) - 1
    for bit in range(field.bits):
        yield subject.with_number(field, field.number ^ 1 << bit)
    yield from (subject.with_number(field, number) for number in (0, top, top ^ field.number))
    if field.members is not None and issubclass(field.members, IntFlag):
        known = sum({member.value for member in field.members if member.value.bit_count() == 1})
        words = f"{field.shown} {field.place}: all bits that nobody knows"
        yield subject.with_number(field, field.number | top & ~known, words)


def _padding(subject: Subject) -> Iterator[Change]:
    for field in subject.fields(Kind.PADDING):
        top = (1 << field.bits) - 1
        for number in (top, 1, 1 << field.bits - 1):
            yield subject.with_number(field, number, f"{field.shown} {field.place} is not zero: {number:#x}")


def _constant(subject: Subject) -> Iterator[Change]:
    for field in subject.fields(Kind.CONSTANT, Kind.CHECKSUM, Kind.FORM):
        top = (1 << field.bits) - 1
        numbers = range(top + 1) if top < _NARROW else (0, top, *(field.number ^ 1 << bit for bit in range(field.bits)))
        for number in numbers:
            yield subject.with_number(field, number)


_NO_NUMBERS: Final = tuple(
    (name, bytes.fromhex(pattern))
    for name, pattern in (
        ("NaN", "7fc00000"),
        ("negative NaN", "ffc00000"),
        ("signalling NaN", "7f800001"),
        ("NaN with all bits", "ffffffff"),
        ("infinity", "7f800000"),
        ("minus infinity", "ff800000"),
    )
)
_SINGLE: Final = _NO_NUMBERS + tuple(
    (name, bytes.fromhex(pattern))
    for name, pattern in (
        ("minus zero", "80000000"),
        ("zero", "00000000"),
        ("smallest subnormal", "00000001"),
        ("largest subnormal", "007fffff"),
        ("negative subnormal", "80000001"),
        ("smallest normal", "00800000"),
        ("largest number", "7f7fffff"),
        ("most negative number", "ff7fffff"),
        ("next above 1", "3f800001"),
        ("2^24 + 2", "4b800001"),
        ("2^31", "4f000000"),
        ("2^32", "4f800000"),
        ("2^63", "5f000000"),
        ("-1", "bf800000"),
        ("0.1", "3dcccccd"),
    )
)
_DOUBLE: Final = tuple(
    (name, struct.pack(">d", number))
    for name, number in (
        ("double NaN", math.nan),
        ("double infinity", math.inf),
        ("double minus infinity", -math.inf),
        ("double minus zero", -0.0),
        ("smallest double", 5e-324),
        ("largest double", 1.7976931348623157e308),
        ("double 2^53 + 2", 2.0**53 + 2),
    )
)


def _float(subject: Subject) -> Iterator[Change]:
    return _each(subject, _floats(subject), _floats_of)


def _floats(subject: Subject) -> Iterator[Field]:
    return (field for field in subject.fields(Kind.VALUE) if field.size and field.size % _FLOAT_SIZE == 0)


def _floats_of(subject: Subject, field: Field) -> Iterator[Change]:
    old = old_bytes(subject, field)
    for name, pattern in (*_SINGLE, *(_DOUBLE if field.size % 8 == 0 else ())):
        first = _with_float(subject, field, name, pattern)
        yield first
        if len(old) > len(pattern):
            yield subject.with_bytes(field, pattern * (len(old) // len(pattern)), f"{first.words} in each element")


def _with_float(subject: Subject, field: Field, name: str, pattern: bytes) -> Change:
    old = old_bytes(subject, field)
    words = f"{field.shown} {field.place}: {shown(old)} -> {name}"
    return subject.with_bytes(field, pattern + old[len(pattern) :], words)


def _no_number(subject: Subject) -> Iterator[Change]:
    """What a float can say, and is no number."""
    return _each(subject, _floats(subject), _no_numbers_of)


def _no_numbers_of(subject: Subject, field: Field) -> Iterator[Change]:
    for name, pattern in _NO_NUMBERS:
        yield _with_float(subject, field, name, pattern)


def _filled(subject: Subject, byte: int) -> Iterator[Change]:
    for field in subject.layout.fields:
        if field.partial:
            continue
        old = old_bytes(subject, field)
        yield subject.with_bytes(field, bytes((byte,)) * field.size)
        if field.kind in _CONTENT and field.size > 1:
            yield subject.with_bytes(field, bytes((byte,)) + old[1:], f"first byte of {field.shown} is {byte:02x}")
            yield subject.with_bytes(field, old[:-1] + bytes((byte,)), f"last byte of {field.shown} is {byte:02x}")
    yield Change(
        bytes((byte,)) * len(subject.data), f"{counted(len(subject.data), 'byte')} of {byte:02x} and nothing else"
    )


def _zeros(subject: Subject) -> Iterator[Change]:
    return _filled(subject, 0x00)


def _ones(subject: Subject) -> Iterator[Change]:
    return _filled(subject, 0xFF)


def _random(subject: Subject) -> Iterator[Change]:
    return _each(subject, (field for field in subject.layout.fields if field.size), _noise_of)


def _noise_of(subject: Subject, field: Field) -> Iterator[Change]:
    """The same each time: it depends on the name of the field alone."""
    for draw in range(_DRAWS):
        noise = shake_128(f"{field.name} {draw}".encode()).digest(field.size)
        if field.partial:
            yield subject.with_number(field, int.from_bytes(noise, "big"))
        else:
            yield subject.with_bytes(field, noise)


def _bit(subject: Subject) -> Iterator[Change]:
    return _each(subject, subject.fields(Kind.BYTES, Kind.VALUE, Kind.CHECKSUM), _bits_of)


def _bits_of(subject: Subject, field: Field) -> Iterator[Change]:
    """One bit of a key, a proof, an address: who compares only a part does not see it."""
    old = old_bytes(subject, field)
    for index in range(min(field.size, _MOST_BITS)):
        content = old[:index] + bytes((old[index] ^ 1,)) + old[index + 1 :]
        words = f"byte {index} of {field.shown}: {old[index]:02x} -> {content[index]:02x}"
        yield subject.with_bytes(field, content, words)


def _swapped(subject: Subject) -> Iterator[Change]:
    for field in subject.layout.fields:
        if not field.partial and field.size > 1 and (_is_number(field) or field.kind in (Kind.ENUM, Kind.FLAGS)):
            words = f"{field.shown} {field.place} has its bytes in the other order"
            yield subject.with_bytes(field, old_bytes(subject, field)[::-1], words)


def _type(subject: Subject) -> Iterator[Change]:
    typed = (field for field in subject.layout.fields if not field.partial and field.kind not in _UNTYPED)
    return _each(subject, typed, _types_of)


def _types_of(subject: Subject, field: Field) -> Iterator[Change]:
    """Another type than the field has: text for a number, a number for text, another width."""
    old = old_bytes(subject, field)
    for words, content in _other_types(field, old):
        yield subject.with_bytes(field, content, f"{field.shown} {field.place}: {shown(old)} -> {words}")


def _other_types(field: Field, old: bytes) -> Iterator[tuple[str, bytes]]:
    if field.kind in (Kind.TEXT, Kind.FIXED_TEXT):
        yield from ((f"the number 1 in {counted(size, 'byte')}", (1).to_bytes(size, "big")) for size in _NUMBER_SIZES)
        yield "its characters in 16 bits each", b"".join(bytes((0, byte)) for byte in old)
        yield "its length, then the text", bytes((len(old) & 0xFF,)) + old
        yield "a TLV record", b"\xc8\x01" + bytes((len(old) & 0xFF,)) + old
        yield "-1 in 4 bytes", b"\xff" * 4
        return
    if _is_number(field) or field.kind in (Kind.ENUM, Kind.FLAGS, Kind.FLAG, Kind.LENGTH):
        number = field.number
        for size in (*_NUMBER_SIZES, 3, 16):
            if size != field.size:
                cut = number & (1 << size * 8) - 1
                yield f"{cut} in {counted(size, 'byte')}", cut.to_bytes(size, "big")
        yield f"the text {str(number)!r}", str(number).encode()
        yield f"the text {hex(number)!r}", hex(number).encode()
        yield "the same as a single float", struct.pack(">f", number)
        yield "the same as a double float", struct.pack(">d", number)
    yield "the text 'true'", b"true"
    yield "the text 'null'", b"null"
    yield f"the text {shown(old)!r}", old.hex().encode()
    yield "nothing", b""


MUTATORS: Final[tuple[Mutator, ...]] = (
    mutator(1, "field.boundary", "field", _boundary),
    mutator(2, "field.enum", "field", _enum),
    mutator(3, "field.flags", "field", _flags),
    mutator(4, "field.text", "field", texts),
    mutator(5, "field.type", "field", _type),
    mutator(6, "field.float", "field", _float),
    mutator(7, "field.zeros", "field", _zeros),
    mutator(8, "field.ones", "field", _ones),
    mutator(9, "field.random", "field", _random),
    mutator(10, "field.padding", "field", _padding),
    mutator(11, "field.constant", "field", _constant),
    mutator(12, "field.bit", "field", _bit),
    mutator(13, "field.swapped", "field", _swapped),
    mutator(14, "field.full-text", "field", full_texts, telling=True),
    mutator(15, "field.no-number", "field", _no_number, telling=True),
    mutator(16, "field.no-member", "field", _no_member, telling=True),
)

"""A body of another structure: lengths and counts that lie, records out of order or nested, too short, too long."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from protocol.apdu import MAX_FRAME
from protocol.errors import UsageError
from protocol.tlv import BUNDLE_VALUES, RecordType, TlvRecord, build_record
from protocol.words import counted
from scenarios.fuzz.grammar.changes import Change, Subject, mutator, old_bytes
from scenarios.fuzz.grammar.forging import longest_body
from scenarios.fuzz.grammar.layout import Field, Kind, Sequence
from scenarios.fuzz.grammar.samples import good_bodies
from scenarios.fuzz.mutation import Mutator

_WIDEST_BY_VALUE: Final = 3
"""Bits of a length that is so small that each value is tried."""
_MOST_CUTS: Final = 250
_MOST_ITEMS: Final = 24
"""Of a sequence, that are moved or left out."""
_MOST_FIELDS: Final = 48
_TOO_MANY: Final = (1, 2, 3, 4, 8, 16, 32, 64, 128)
"""Bytes more than there should be."""
_SIZES: Final = (
    *(MAX_FRAME + more for more in (-12, -11, -10, -9, -4, -3, -2, -1, 0, 1, 2)),
    255,
    256,
    257,
    512,
    1024,
    4096,
    16384,
)
"""Bytes of long bodies: around the frame limit in clear and encrypted, around one byte of length, far beyond."""
_DEPTHS: Final = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 60, 70, 80, 82, 100, 120, 128, 200, 256, 500, 1000)
"""Levels of nested records. With right lengths, 80 fit a frame."""
_VARIABLE_ID: Final = re.compile(r"values\[\d+\]\.id")
_BUNDLE: Final = RecordType.MULTIPLE_RESOURCE
_COUNTS: Final = frozenset(
    {
        "data_log.get_max_packet_count",
        "data_log.get_packet_count",
        "interface.get_current_host_protocol_max_frame_size",
        "jvm.get_code_size",
        "target.get_page_size",
        "target.get_received_count",
        "variable.get_number_of_elements",
    }
)
"""Calls whose value says how much there is of something that another call reads."""


def _length(subject: Subject) -> Iterator[Change]:
    for field in subject.fields(Kind.LENGTH):
        for number in _wrong_lengths(field, len(subject.data)):
            said = f"says {number}" if field.number == field.follows else f"says {number} instead of {field.number}"
            yield subject.with_number(field, number, f"{field.shown} {said}, {_bytes(field.follows)}")
    for field in subject.fields(Kind.FORM):
        for number in range(1 << field.bits):
            words = f"{field.shown} says form {number} instead of {field.number}, nothing else is changed"
            yield subject.with_number(field, number, words)


def _bytes(count: int) -> str:
    return f"{counted(count, 'byte')} follow{'s' if count == 1 else ''}"


def _wrong_lengths(field: Field, size: int) -> Iterable[int]:
    top = (1 << field.bits) - 1
    if field.bits <= _WIDEST_BY_VALUE:
        return range(top + 1)
    right, rest = field.number, size - field.end
    sign = 1 << field.bits - 1
    around = (0, 1, right - 1, right + 1, rest, rest + 1, right // 2, right * 2)
    told = (*around, 200, 255, 256, sign - 1, sign, top - 1, top)
    return dict.fromkeys(number for number in told if 0 <= number <= top and number != right)


def _count(subject: Subject) -> Iterator[Change]:
    if subject.answer.call in _COUNTS:
        for field in subject.fields(Kind.INTEGER):
            right, top = field.number, (1 << field.bits) - 1
            near = (right - 1, right + 1, right // 2, right * 2, right * 10)
            for number in (0, 1, *near, 100, 255, 256, 1000, top - 1, top):
                if 0 <= number <= top:
                    yield subject.with_number(field, number, f"says {number}, there are {right}")
    for sequence in subject.layout.sequences:
        yield from _other_counts(sequence)


def _other_counts(sequence: Sequence) -> Iterator[Change]:
    contents = [item.content for item in sequence.items]
    all_of_them, count = b"".join(contents), len(contents)
    for kept in dict.fromkeys((0, 1, count // 2, count - 1)):
        if 0 <= kept < count:
            yield from _wrapped(sequence, b"".join(contents[:kept]), f"{kept} of {count} {sequence.title}")
    if not count:
        return
    for times in (2, 3, 10, 100, 1000):
        words = f"{count * times} {sequence.title} in place of {count}: all of them {times} times"
        yield from _wrapped(sequence, all_of_them * times, words)
    for limit in (MAX_FRAME - 12, MAX_FRAME, 1024, 4096):
        times = limit // len(contents[0])
        words = f"{times} times the {sequence.items[0].title}, which is {limit} bytes"
        yield from _wrapped(sequence, contents[0] * times, words)


def _wrapped(sequence: Sequence, content: bytes, words: str, *, sound: bool = True) -> Iterator[Change]:
    """The body with other items, if they fit the record around them.

    Args:
        sound: they are such items as there were.
    """
    if len(content) > _SIZES[-1]:
        return
    try:
        yield Change(sequence.wrap(content), words, sound)
    except UsageError:
        return


def _depth(subject: Subject) -> Iterator[Change]:
    if subject.schema is not BUNDLE_VALUES:
        return
    for inside, words in ((subject.data, "the bundle"), (b"", "nothing"), (b"\xc1\x00\xff", "a value")):
        yield from _deep(inside, words)
    for depth in _DEPTHS:
        words = f"{depth} records of bundles in one another, each says "
        yield Change(b"\x87\x01" * depth, words + "7 bytes", sound=False)
        yield Change(b"\x90\x01\xff\xff" * depth, words + "65535 bytes", sound=False)
    for sequence in subject.layout.sequences:
        for index, item in enumerate(sequence.items[:_MOST_ITEMS]):
            before, after = (b"".join(part.content for part in sequence.items[part_of]) for part_of in _around(index))
            nested = build_record(TlvRecord(_BUNDLE, index, item.content))
            words = f"{item.title} is in a bundle of its own"
            yield from _wrapped(sequence, before + nested + after, words, sound=False)


def _deep(inside: bytes, words: str) -> Iterator[Change]:
    for depth, body in _nested(inside):
        words_of_all = f"{depth} records of bundles in one another, {words} inside, {len(body)} bytes"
        yield Change(body, words_of_all, sound=False)


def _fitting_depth(subject: Subject) -> Iterator[Change]:
    """All lengths are right, and the frame has room for it."""
    if subject.schema is BUNDLE_VALUES:
        most = longest_body(subject.answer)
        yield from (change for change in _deep(b"", "nothing") if len(change.body) <= most)


def _around(index: int) -> tuple[slice, slice]:
    return slice(0, index), slice(index + 1, None)


@lru_cache(maxsize=8)
def _nested(content: bytes) -> tuple[tuple[int, bytes], ...]:
    """Bundles in one another, with right lengths: how deep, and the bytes."""
    found = []
    for depth in range(1, _DEPTHS[-1] + 1):
        content = build_record(TlvRecord(_BUNDLE, depth & 0xFF, content))
        if len(content) > _SIZES[-1]:
            break
        if depth in _DEPTHS:
            found.append((depth, content))
    return tuple(found)


def _order(subject: Subject) -> Iterator[Change]:
    for sequence in subject.layout.sequences:
        for words, order in _orders(sequence):
            yield from _wrapped(sequence, b"".join(sequence.items[index].content for index in order), words)
    yield from _other_ids(subject)


def _orders(sequence: Sequence) -> Iterator[tuple[str, list[int]]]:
    items = sequence.items[:_MOST_ITEMS]
    every = list(range(len(sequence.items)))
    yield from _turned(sequence)
    for index, item in enumerate(items):
        yield f"{item.title} is missing", every[:index] + every[index + 1 :]
        yield f"{item.title} is there twice", every[: index + 1] + every[index:]
        yield f"{item.title} is there once more at the end", [*every, index]
        if index + 1 < len(every):
            yield _exchange(sequence, index)
        if len(every) > 1:
            yield f"{item.title} is in all places", [index] * len(every)


def _turned(sequence: Sequence) -> Iterator[tuple[str, list[int]]]:
    every = list(range(len(sequence.items)))
    yield f"{sequence.title} in reverse", every[::-1]
    yield f"{sequence.title} from the second on, then the first", every[1:] + every[:1]


def _exchange(sequence: Sequence, index: int) -> tuple[str, list[int]]:
    """An item and the next one."""
    order = list(range(len(sequence.items)))
    order[index], order[index + 1] = index + 1, index
    one, other = sequence.items[index : index + 2]
    return f"{one.title} and {other.title} have changed places", order


def _permuted(subject: Subject) -> Iterator[Change]:
    """All items are there, each once, in another order."""
    for sequence in subject.layout.sequences:
        pairs = range(min(len(sequence.items), _MOST_ITEMS) - 1)
        for words, order in (*_turned(sequence), *(_exchange(sequence, index) for index in pairs)):
            yield from _wrapped(sequence, b"".join(sequence.items[index].content for index in order), words)


def _other_ids(subject: Subject) -> Iterator[Change]:
    """Records keep their values and get ids of others, or of nobody."""
    ids = [field for field in subject.fields(Kind.INTEGER) if _VARIABLE_ID.fullmatch(field.name)]
    for one, other in pairwise(ids[:_MOST_ITEMS]):
        if one.size == other.size:
            swapped = other.with_number(one.with_number(subject.data, other.number), one.number)
            repaired = subject.layout.repair(swapped) if subject.layout.repair else swapped
            yield Change(repaired, f"{one.number} and {other.number} have changed their ids, not their values")
    for field in ids[:_MOST_ITEMS]:
        taken = {each.number for each in ids}
        others = [each.number for each in ids if each is not field][:4]
        for number in (*others, next(n for n in range(256) if n not in taken), 0, 255):
            yield subject.with_number(field, number, f"{field.shown} says {number}, {_known(number in taken)}")


def _known(taken: bool) -> str:
    return "which another one has too" if taken else "which no other one has"


def _short(subject: Subject) -> Iterator[Change]:
    size = len(subject.data)
    for cut in _cuts(subject):
        words = f"cut {_where(subject, cut)}, {size - cut} of {counted(size, 'byte')} missing"
        yield Change(subject.data[:cut], words)
    for start in (1, 2, 4):
        if start < size:
            yield Change(subject.data[start:], f"the first {start} of {size} bytes missing")


def _cuts(subject: Subject) -> list[int]:
    size = len(subject.data)
    if size <= _MOST_CUTS:
        return list(range(size))
    ends = [field.offset + more for field in subject.layout.fields for more in (0, 1)]
    marks = [*range(64), *ends, *range(size - 64, size), *(1 << power for power in range(6, 16))]
    return sorted({mark for mark in marks if 0 <= mark < size})[:_MOST_CUTS]


def _where(subject: Subject, cut: int) -> str:
    for field in subject.layout.fields:
        if field.offset <= cut < field.end:
            return f"{'before' if cut == field.offset else 'inside'} {field.shown}, at byte {cut}"
    return f"at byte {cut}"


def _long(subject: Subject) -> Iterator[Change]:
    size = len(subject.data)
    for more in _TOO_MANY:
        for byte in (0x00, 0xFF, 0x41):
            words = f"{counted(more, 'byte')} {byte:02x} too many behind {size}"
            yield Change(subject.data + bytes((byte,)) * more, words)
    for longer in _SIZES:
        if longer > size:
            yield Change(subject.data.ljust(longer, b"\0"), f"filled with zeros from {size} to {longer} bytes")
    filler = subject.data or b"\xa5"
    for longer in _SIZES[:-1]:
        if longer > size:
            words = f"the body again and again, {longer} bytes instead of {size}"
            yield Change((filler * (longer // len(filler) + 1))[:longer], words)
    for more in (1, 4):
        yield Change(bytes(more) + subject.data, f"{counted(more, 'zero byte')} in front of {size}")
    for off in (-1, 1):
        yield from _as_long_as(subject, longest_body(subject.answer) + off)


def _full(subject: Subject) -> Iterator[Change]:
    """The frame of the answer is as long as the longest."""
    yield from _as_long_as(subject, longest_body(subject.answer))


def _as_long_as(subject: Subject, size: int) -> Iterator[Change]:
    data, most = subject.data, longest_body(subject.answer)
    if len(data) >= size:
        return
    said = "as long as one can be" if size == most else f"the longest has {most}"
    filler = data or b"\xa5"
    yield Change((filler * (size // len(filler) + 1))[:size], f"the body again and again, {size} bytes, {said}")
    yield Change(data.ljust(size, b"\0"), f"filled with zeros to {size} bytes, {said}")


def _empty(subject: Subject) -> Iterator[Change]:
    if subject.data:
        yield Change(b"", f"empty instead of {counted(len(subject.data), 'byte')}")


def _other(subject: Subject) -> Iterator[Change]:
    for schema, call, body in good_bodies():
        if schema is not subject.schema:
            yield Change(body, f"body of {call}: {schema.name}, {counted(len(body), 'byte')}")


def _repeat(subject: Subject) -> Iterator[Change]:
    for times in (2, 3, 4, 8, 16, 64, 256):
        if subject.data and len(subject.data) * times <= _SIZES[-1]:
            words = f"the body {times} times, {len(subject.data) * times} bytes instead of {len(subject.data)}"
            yield Change(subject.data * times, words)
    half = len(subject.data) // 2
    if half:
        yield Change(subject.data[:half] * 2, "the first half of the body twice")
        yield Change(subject.data + subject.data[half:], "the second half of the body once more at its end")


def _whole_fields(subject: Subject) -> list[Field]:
    return [field for field in subject.layout.fields if field.size and not field.partial][:_MOST_FIELDS]


def _missing(subject: Subject) -> Iterator[Change]:
    fields = _whole_fields(subject)
    if len(fields) < 2:
        return
    for field in fields:
        yield subject.with_bytes(field, b"", f"{field.shown} is missing, {counted(field.size, 'byte')} less")
        yield subject.with_bytes(field, old_bytes(subject, field) * 2, f"{field.shown} is there twice")


def _exchanged(subject: Subject) -> Iterator[Change]:
    for one, other in pairwise(_whole_fields(subject)):
        if one.end != other.offset:
            continue
        data = subject.data
        body = data[: one.offset] + old_bytes(subject, other) + old_bytes(subject, one) + data[other.end :]
        repaired = subject.layout.repair(body) if subject.layout.repair else body
        yield Change(repaired, f"{one.shown} and {other.shown} have changed places")


MUTATORS: Final[tuple[Mutator, ...]] = (
    mutator(20, "structure.length", "structure", _length, telling=True),
    mutator(21, "structure.count", "structure", _count),
    mutator(22, "structure.depth", "structure", _depth),
    mutator(23, "structure.order", "structure", _order),
    mutator(24, "structure.short", "structure", _short),
    mutator(25, "structure.long", "structure", _long),
    mutator(26, "structure.empty", "structure", _empty, telling=True),
    mutator(27, "structure.other", "structure", _other),
    mutator(28, "structure.repeat", "structure", _repeat),
    mutator(29, "structure.missing", "structure", _missing),
    mutator(30, "structure.exchanged", "structure", _exchanged),
    mutator(31, "structure.permuted", "structure", _permuted, telling=True),
    mutator(32, "structure.full", "structure", _full, telling=True),
    mutator(33, "structure.nested", "structure", _fitting_depth, telling=True),
)

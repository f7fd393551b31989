"""Fields of a body, and a walk over its bytes that finds them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum, IntFlag
from typing import Any, NamedTuple


class Kind(Enum):
    """What a field is, which decides what can be wrong with it."""

    INTEGER = "number"
    SIGNED = "number with a sign"
    ENUM = "member of an enumeration"
    FLAGS = "mask of flags"
    FLAG = "flag"
    """One bit, or a byte of which only bit 0 counts."""
    TEXT = "text"
    FIXED_TEXT = "text of fixed size"
    BYTES = "bytes"
    """Of a size that the schema knows, or up to the end: keys, salts, addresses."""
    VALUE = "raw value"
    """Of a variable, or of memory: what it is stands elsewhere."""
    LENGTH = "length"
    """How much follows."""
    FORM = "form"
    """How the length, or the id, of a record is written."""
    VERSION = "version"
    CHECKSUM = "checksum"
    CONSTANT = "constant"
    PADDING = "padding"
    REST = "rest"
    """What the schema has no place for."""


class Field(NamedTuple):
    """A part of a body: whole bytes, or some bits of a word.

    Args:
        name: its path, ``iterations``, ``values[2].length``.
        offset, size: of its bytes in the body, or of the word of which it is a part.
        value: a number, or bytes.
        shift, width: its bits in the word, counted from the lowest.
        little: the word has its lowest byte first.
        members: of an enumeration or a mask.
        follows: of a length: bytes that there are.
        title: its name for people, where that is another: ``length field of the record of variable 4``.
    """

    name: str
    kind: Kind
    offset: int
    size: int
    value: int | bytes
    shift: int = 0
    width: int = 0
    little: bool = False
    members: type[IntEnum] | type[IntFlag] | None = None
    follows: int = 0
    title: str = ""

    @property
    def end(self) -> int:
        """Offset of the byte after it."""
        return self.offset + self.size

    @property
    def bits(self) -> int:
        """How many bits it has."""
        return self.width or self.size * 8

    @property
    def partial(self) -> bool:
        """It is a part of a word."""
        return 0 < self.width < self.size * 8

    @property
    def shown(self) -> str:
        """Its name for people."""
        return self.title or self.name

    @property
    def place(self) -> str:
        """Where it is, for people."""
        if not self.partial:
            return f"at byte {self.offset}"
        if self.size == 1:
            return f"at byte {self.offset}, bit {self.shift}"
        return f"at bytes {self.offset} to {self.end - 1}, bit {self.shift}"

    @property
    def number(self) -> int:
        """Its bits as a number without a sign."""
        if isinstance(self.value, bytes):
            return int.from_bytes(self.value, "big")
        return self.value & ((1 << self.bits) - 1)

    def with_number(self, data: bytes, number: int) -> bytes:
        """The body with another number in this place, modulo its size."""
        order: Any = "little" if self.little else "big"
        mask = ((1 << self.bits) - 1) << self.shift
        word = int.from_bytes(data[self.offset : self.end], order) & ~mask | number << self.shift & mask
        return data[: self.offset] + word.to_bytes(self.size, order) + data[self.end :]

    def with_bytes(self, data: bytes, content: bytes) -> bytes:
        """The body with other bytes in this place, as many as they are."""
        return data[: self.offset] + content + data[self.end :]


class Item(NamedTuple):
    """One of several parts of the same form, ``record of variable 4``."""

    title: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts of the same form, one after the other.

    Args:
        wrap: the whole body around other items, with right lengths.
    """

    title: str
    items: tuple[Item, ...]
    wrap: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Layout:
    """All fields of a body, in order; together they are each of its bits once.

    Args:
        fits: it is what the schema says; otherwise the last field is `Kind.REST`, or a value is not allowed.
        sequences: what is repeated in it.
        repair: puts right what follows from all the rest: a checksum.
    """

    data: bytes
    fields: tuple[Field, ...]
    fits: bool = True
    sequences: tuple[Sequence, ...] = ()
    repair: Callable[[bytes], bytes] | None = None


class MismatchError(Exception):
    """The bytes are not what the schema says."""


@dataclass(slots=True)
class Word:
    """Bytes whose bits are read one after the other, the highest first."""

    offset: int
    size: int
    number: int
    left: int
    little: bool


@dataclass(slots=True)
class Walk:
    """Goes over bytes as a schema says, and keeps what it sees.

    Args:
        at, end: offset of the next byte, and of the first that is not there any more.
        word: the one whose bits it reads.
        swapped: the bytes of the next word are in reverse.
    """

    data: bytes
    at: int
    end: int
    fields: list[Field] = field(default_factory=list)
    sequences: list[Sequence] = field(default_factory=list)
    word: Word | None = None
    swapped: bool = False
    raw_kind: Kind = Kind.BYTES
    """What bytes without end are."""

    def take(self, name: str, kind: Kind, size: int, title: str = "") -> bytes:
        """The next bytes are a field.

        Raises:
            MismatchError: there are fewer.
        """
        if size < 0 or self.at + size > self.end or self.word is not None:
            raise MismatchError(f"{name}: {size} bytes at {self.at}, there are {self.end - self.at}")
        content = self.data[self.at : self.at + size]
        self.fields.append(Field(name or "value", kind, self.at, size, content, title=title))
        self.at += size
        return content

    def number(self, name: str, kind: Kind, size: int, *, signed: bool = False, swapped: bool = False) -> int:
        """The next bytes, or the next bits of the word, are a number.

        Raises:
            MismatchError: there are fewer.
        """
        if self.word is not None:
            return self._bits(self.word, name, kind, size)
        content = self.take(name, kind, size)
        number = int.from_bytes(content, "little" if swapped else "big", signed=signed)
        self.fields[-1] = self.fields[-1]._replace(value=number, width=size * 8, little=swapped)
        return number

    def _bits(self, word: Word, name: str, kind: Kind, width: int) -> int:
        word.left -= width
        if word.left < 0:
            raise MismatchError(f"{name}: {width} bits, there are {word.left + width}")
        number = word.number >> word.left & ((1 << width) - 1)
        place = (word.offset, word.size, number, word.left, width, word.little)
        self.fields.append(Field(name or "value", kind, *place))
        return number

    def open_word(self, size: int) -> None:
        """The next bytes are read by bits.

        Raises:
            MismatchError: there are fewer.
        """
        if self.at + size > self.end:
            raise MismatchError(f"{size} bytes at {self.at}, there are {self.end - self.at}")
        content = self.data[self.at : self.at + size]
        number = int.from_bytes(content, "little" if self.swapped else "big")
        self.word = Word(self.at, size, number, size * 8, self.swapped)

    def close_word(self) -> None:
        """All its bits are read."""
        assert self.word is not None
        assert not self.word.left, "a schema leaves bits"
        self.at += self.word.size
        self.word = None

    def take_if_any(self, name: str, kind: Kind, size: int) -> None:
        """As `take`, of bytes that nobody misses."""
        if size:
            self.take(name, kind, size)

    def relabel(self, **changes: Any) -> None:
        """The field that was seen last is something more special."""
        self.fields[-1] = self.fields[-1]._replace(**changes)

    def attempt(self, step: Callable[[], Any]) -> tuple[bool, Any]:
        """Whether a step was possible, and what it returned. If it was not, nothing has happened."""
        at, end, fields, sequences = self.at, self.end, len(self.fields), len(self.sequences)
        try:
            return True, step()
        except MismatchError:
            self.at, self.end, self.word, self.swapped = at, end, None, False
            del self.fields[fields:], self.sequences[sequences:]
            return False, None

    def rest(self) -> None:
        """What is left has no place in the schema."""
        self.word = None
        self.fields[:] = [each for each in self.fields if each.end <= self.at]
        self.end = len(self.data)
        if self.at < self.end:
            self.take("rest", Kind.REST, self.end - self.at)

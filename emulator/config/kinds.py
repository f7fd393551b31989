"""The kinds of single values in `device.yaml`: how each is read, written and described.

A kind decides what an unquoted word of YAML means, so ``1.110`` is a version where a version belongs and ``0123`` a
password where a password belongs. That is why readers hand over unquoted words as `Plain`.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from functools import reduce
from operator import or_
from typing import Any, Final, Generic, NoReturn, TypeVar

from protocol.errors import ProtocolError
from protocol.firmware import Version

T = TypeVar("T")

HIDDEN: Final = "<hidden>"
"""What `config show` writes in place of a secret; no kind reads it."""

UNUSABLE: Final = "has an unusable value, which is not shown"
"""What messages say of a secret that is wrong."""

_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,20}|0x[0-9a-fA-F]{1,16}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_HEXADECIMAL = re.compile(r"(?:[0-9a-fA-F]{2})*")
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,5})?", re.ASCII)
_ESCAPED = re.compile(r'[\\"]|[^ -~]')
_SAFE_WORD = re.compile(r"[A-Za-z_]([A-Za-z0-9 ._/-]*[A-Za-z0-9._/-])?", re.ASCII)
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_LONGEST_SHOWN: Final = 40


class Plain(str):
    """A word whose type the file leaves open: unquoted in YAML, any attribute in XML."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of value.

    Args:
        expected: completes "expected ...".
        read: makes the value, or raises ValueError.
        write: the value as text of YAML.
        schema: the value as JSON Schema.
        secret: wrong values of this kind are not repeated in messages.
    """

    expected: str
    read: Callable[[Any], T]
    write: Callable[[T], str]
    schema: Mapping[str, Any]
    secret: bool = False

    def parse(self, value: object) -> T:
        """The value, or a ValueError which says what it is and what was expected."""
        try:
            return self.read(value)
        except (ValueError, ProtocolError) as error:
            found = UNUSABLE if self.secret else f"is {shown(value)}"
            raise ValueError(f"{found}, expected {self.expected}") from error


def shown(value: object) -> str:
    """A value as messages repeat it."""
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Plain) and value.isascii() and value.isprintable():
        text = str(value)
    else:
        text = ascii(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def quoted(text: str) -> str:
    """Text as a YAML scalar that every YAML reader takes for text, with quotes only where they are needed."""
    if _SAFE_WORD.fullmatch(text) and text.lower() not in _YAML_WORDS:
        return text
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in '\\"':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def integer(low: int, high: int, write: Callable[[int], str] = str) -> Kind[int]:
    """A whole number, also in hexadecimal as ``0x1F``."""

    def read(value: Any) -> int:
        value = _whole(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError
        return value

    expected = f"a whole number from {low} to {high}" if low < high else str(low)
    return Kind(expected, read, write, {"type": "integer", "minimum": low, "maximum": high})


def _whole(value: Any) -> Any:
    """The number that an unquoted word stands for; anything else as it is."""
    if isinstance(value, Plain) and _WHOLE_NUMBER.fullmatch(value):
        return int(value, 16 if value.startswith("0x") else 10)
    return value


def address(high: int = 0xFFFFFFFF) -> Kind[int]:
    """A whole number that is written in hexadecimal."""
    return integer(0, high, lambda value: f"0x{value:08X}")


def number() -> Kind[float]:
    """Any number; whole ones too are kept as floating-point numbers."""
    return Kind("a number", _finite, repr, {"type": "number"})


def _finite(value: Any) -> float:
    if isinstance(value, Plain) and _NUMBER.fullmatch(value):
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError from error
    if not math.isfinite(number):
        raise ValueError
    return number


def seconds(*, zero: bool) -> Kind[float]:
    """A length of time; `zero` says whether it may be none."""

    def read(value: Any) -> float:
        read = _finite(value)
        if read < 0 or (read == 0 and not zero):
            raise ValueError
        return read

    bound = {"minimum": 0} if zero else {"exclusiveMinimum": 0}
    return Kind(f"a number of seconds{'' if zero else ' above 0'}", read, repr, {"type": "number", **bound})


def _read_boolean(value: Any) -> bool:
    if isinstance(value, Plain):
        value = {"true": True, "false": False}.get(value.lower())
    if not isinstance(value, bool):
        raise ValueError
    return value


BOOLEAN: Final = Kind("true or false", _read_boolean, lambda value: str(value).lower(), {"type": "boolean"})


def _is_printable(text: str) -> bool:
    """Whether the text is Latin-1, as on the wire, and holds no control characters."""
    return all(" " <= character <= "~" or "\xa0" <= character <= "\xff" for character in text)


def text(lengths: range | None) -> Kind[str]:
    """Text of the characters that the Tap can send."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not _is_printable(value):
            raise ValueError
        if lengths is not None and len(value) not in lengths:
            raise ValueError
        return str(value)

    schema: dict[str, Any] = {"type": "string"}
    if lengths is not None:
        schema |= {"minLength": lengths[0], "maxLength": lengths[-1]}
    return Kind(f"text{_span(lengths, 'printable character')} of Latin-1", read, quoted, schema)


def unicode_text(lengths: range) -> Kind[str]:
    """Text of any characters that can be printed."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) not in lengths or not value.isprintable():
            raise ValueError
        return str(value)

    schema = {"type": "string", "minLength": lengths[0], "maxLength": lengths[-1]}
    return Kind(f"text{_span(lengths, 'printable character')}", read, quoted, schema)


def hexadecimal(lengths: range | None, *, secret: bool = False) -> Kind[bytes]:
    """Bytes in hexadecimal digits, with or without ``0x``."""

    def read(value: Any) -> bytes:
        if not isinstance(value, str):
            raise ValueError
        digits = value.removeprefix("0x")
        if not _HEXADECIMAL.fullmatch(digits) or (lengths is not None and len(digits) // 2 not in lengths):
            raise ValueError
        return bytes.fromhex(digits)

    repeats = f"{{{lengths[0]},{lengths[-1]}}}" if lengths else "*"
    schema = {"type": "string", "pattern": f"^(0x)?([0-9a-fA-F]{{2}}){repeats}$"}
    expected = f"hexadecimal digits{_span(lengths, 'byte')}"
    return Kind(expected, read, lambda value: f'"{value.hex().upper()}"', schema, secret)


def _span(lengths: range | None, unit: str) -> str:
    if lengths is None:
        return ""
    least, most = lengths[0], lengths[-1]
    plural = "" if most == 1 else "s"
    return f" of {least} {unit}{plural}" if least == most else f" of {least} to {most} {unit}{plural}"


def _read_version(value: Any) -> Version:
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise ValueError
    return Version.parse(value)


VERSION: Final = Kind(
    "a version such as 1.86.0, at most 255.255.65535",
    _read_version,
    str,
    # An unquoted 1.86 is a number to an editor; to us it is the text that it shows.
    {"type": ["string", "number"], "pattern": r"^\d{1,3}\.\d{1,3}(\.\d{1,5})?$", "examples": ["1.86.0"]},
)


def member(enumeration: type[Enum]) -> Kind[Any]:
    """One member of an enumeration: numbered ones by name or number, named ones by their value."""
    numbered = issubclass(enumeration, IntEnum)
    by_word = {(one.name if numbered else str(one.value)).lower(): one for one in enumeration}

    def read(value: Any) -> Enum:
        if numbered:
            value = _whole(value)
        if isinstance(value, str):
            value = by_word.get(value.lower())
        if value is None or isinstance(value, bool):
            raise ValueError
        return enumeration(value)

    def write(value: Any) -> str:
        return str(value.name if numbered else value.value).lower()

    return Kind(f"one of {', '.join(by_word)}", read, write, {"enum": list(by_word)})


def several(words: Mapping[str, Any], gather: Callable[[list[Any]], Any]) -> Kind[Any]:
    """A list of words, each of which stands for something; `gather` makes one value of what they stand for."""

    def read(value: Any) -> Any:
        if not isinstance(value, list) or not all(isinstance(word, str) and word.lower() in words for word in value):
            raise ValueError
        return gather([words[word.lower()] for word in value])

    def write(value: Any) -> str:
        return f"[{', '.join(word for word, one in words.items() if one in value)}]"

    schema = {"type": "array", "items": {"enum": list(words)}, "uniqueItems": True}
    return Kind(f"a list of {', '.join(words)}", read, write, schema)


def flags(mask: type[IntFlag]) -> Kind[Any]:
    """A list of flags by name; or their number, since a mask may have bits without a name."""
    by_word = {(one.name or "").lower(): one for one in mask}
    named = several(by_word, lambda ones: reduce(or_, ones, mask(0)))
    nameless = ~sum(by_word.values())

    def read(value: Any) -> Any:
        number = _whole(value)
        if not isinstance(number, int) or isinstance(number, bool):
            return named.read(value)
        if number < 0:
            raise ValueError
        return mask(number)

    def write(value: Any) -> str:
        return f"0x{value:04X}" if value & nameless else named.write(value)

    schema = {"anyOf": [named.schema, {"type": "integer", "minimum": 0}]}
    return Kind(f"{named.expected} or their number", read, write, schema)


def one_of(*numbers: int) -> Kind[int]:
    """One of a few whole numbers."""

    def read(value: Any) -> int:
        number = _whole(value)
        if isinstance(number, bool) or number not in numbers:
            raise ValueError
        return int(number)

    return Kind(f"one of {', '.join(map(str, numbers))}", read, str, {"enum": list(numbers)})


def choice(*words: str) -> Kind[str]:
    """One of a few words."""

    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return Kind(f"one of {', '.join(words)}", read, quoted, {"enum": list(words)})


def word(words: Mapping[str, T]) -> Kind[T]:
    """One of a few words, each of which stands for something."""

    def read(value: Any) -> T:
        return words[value.lower()] if isinstance(value, str) and value.lower() in words else _refuse()

    def write(value: T) -> str:
        return quoted(next(name for name, one in words.items() if one == value))

    return Kind(f"one of {', '.join(words)}", read, write, {"enum": list(words)})


def _refuse() -> NoReturn:
    raise ValueError


def or_null(kind: Kind[Any]) -> Kind[Any]:
    """A value of this kind, or none."""
    return Kind(
        kind.expected,
        lambda value: None if value is None else kind.read(value),
        lambda value: "null" if value is None else kind.write(value),
        {**kind.schema, "type": [kind.schema["type"], "null"]},
        kind.secret,
    )


def pattern(expression: str, expected: str, *, secret: bool = False, **schema: Any) -> Kind[str]:
    """Text that matches a regular expression."""
    compiled = re.compile(expression, re.ASCII)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value == HIDDEN or not compiled.fullmatch(value):
            raise ValueError
        return str(value)

    return Kind(expected, read, quoted, {"type": "string", "pattern": f"^{expression}$", **schema}, secret)


_OCTET: Final = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
IPV4: Final = pattern(rf"({_OCTET}\.){{3}}{_OCTET}", "an IPv4 address such as 192.168.4.1")
MAC_ADDRESS: Final = pattern("([0-9A-F]{2}:){5}[0-9A-F]{2}", "an address such as C1:32:E9:BF:DE:58")

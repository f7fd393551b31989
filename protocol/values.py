"""Leaf values as construct schemas, and `Body`: a schema with a name and a Python type.

A `Body` is strict on both sides: it reads all of its input or raises `BodyError`, it writes what fits or raises
`UsageError`. Sources: codecs of @iotize/tap 2.7.0 (evidence ``client``).
"""

from collections.abc import Callable
from dataclasses import fields
from enum import IntEnum, IntFlag
from typing import Any, Final, Generic, TypeVar

from construct import (
    Adapter,
    Bytes,
    BytesInteger,
    Construct,
    ConstructError,
    GreedyBytes,
    Int8sb,
    Int8ub,
    Int16ub,
    Int32ub,
    Sequence,
    Struct,
    Terminated,
)

from protocol.errors import BodyError, UsageError
from protocol.firmware import Version

T = TypeVar("T")


class Text(Adapter):  # type: ignore[misc]
    """One byte per character, cut at the first NUL; writers add no NUL (decision D19).

    Bytes above 127 are kept as they are, so that a client reads back the bytes that it wrote.
    """

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        return obj.partition(b"\0")[0].decode("latin-1")

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        return obj.encode("latin-1")


class FixedText(Text):
    """Text in a field of fixed size, filled up with NUL."""

    def __init__(self, size: int) -> None:
        super().__init__(Bytes(size))
        self.size = size

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        return super()._encode(obj, context, path).ljust(self.size, b"\0")


class Member(Adapter):  # type: ignore[misc]
    """An integer that has to be a member of an enumeration, or a mask of flags."""

    def __init__(self, enumeration: type[IntEnum] | type[IntFlag], subcon: Construct) -> None:
        super().__init__(subcon)
        self.enumeration = enumeration

    def _decode(self, obj: int, context: Any, path: str) -> int:
        return self.enumeration(obj)

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return int(self.enumeration(obj))


class Boolean(Adapter):  # type: ignore[misc]
    """Bit 0 of one byte; the vendor's encoder writes FE for false, so only bit 0 counts."""

    def _decode(self, obj: int, context: Any, path: str) -> bool:
        return bool(obj & 1)

    def _encode(self, obj: bool, context: Any, path: str) -> int:
        return 0x01 if obj else 0xFE


class VersionNumber(Adapter):  # type: ignore[misc]
    """Major and minor in a byte each, patch in two."""

    def __init__(self) -> None:
        super().__init__(Sequence(Int8ub, Int8ub, Int16ub))

    def _decode(self, obj: list[int], context: Any, path: str) -> Version:
        return Version(*obj)

    def _encode(self, obj: Version, context: Any, path: str) -> list[int]:
        return list(obj)


class Record(Adapter):  # type: ignore[misc]
    """A `Struct` that is read into, and written from, a dataclass with the same field names."""

    def __init__(self, record: type, struct: Construct) -> None:
        super().__init__(struct)
        self.record = record
        self.names = tuple(field.name for field in fields(record))

    def _decode(self, obj: Any, context: Any, path: str) -> Any:
        return self.record(**{name: obj[name] for name in self.names})

    def _encode(self, obj: Any, context: Any, path: str) -> dict[str, Any]:
        return {name: getattr(obj, name) for name in self.names}


class Body(Generic[T]):
    """A named body of a request or an answer.

    Args:
        name: the codec's name in documentation and error messages.
        schema: the construct definition; it has to consume the whole input.
        type: Python type of the value, for editors and generated documentation.
        reader, writer: optional shortcuts for values on the path of every exchange. They have to agree with the
            schema on every input, which a test checks.
    """

    def __init__(
        self,
        name: str,
        schema: Construct,
        type: type[T],
        *,
        reader: Callable[[bytes], T] | None = None,
        writer: Callable[[T], bytes] | None = None,
    ) -> None:
        self.name = name
        self.schema = Struct("value" / schema, Terminated)
        self.type = type
        self._reader = reader or self.parse
        self._writer = writer or self.build

    def __repr__(self) -> str:
        return f"<Body {self.name}>"

    def decode(self, data: bytes) -> T:
        """Value of a complete body.

        Raises:
            BodyError: too short, too long, or a value outside its range.
        """
        try:
            return self._reader(data)
        except (ConstructError, ValueError) as error:
            raise BodyError(f"{self.name} in {len(data)} bytes: {explain(error)}") from error

    def encode(self, value: T) -> bytes:
        """Bytes of a value.

        Raises:
            UsageError: the value does not fit the schema.
        """
        try:
            return self._writer(value)
        except (ConstructError, ValueError, OverflowError, AttributeError, TypeError, KeyError) as error:
            raise UsageError(f"{value!r} is no {self.name}: {explain(error)}") from error

    def parse(self, data: bytes) -> T:
        """Reads with the schema itself; raises construct's errors."""
        value: T = self.schema.parse(data).value
        return value

    def build(self, value: T) -> bytes:
        """Writes with the schema itself; raises construct's errors."""
        built: bytes = self.schema.build({"value": value})
        return built


def explain(error: Exception) -> str:
    """What construct, or a type, says was wrong, on one line."""
    return " ".join(str(error).replace("Error in path (parsing)", "").replace("Error in path (building)", "").split())


def _integer(name: str, schema: Construct, size: int, signed: bool = False) -> Body[int]:
    def read(data: bytes) -> int:
        if len(data) != size:
            raise ValueError(f"expected {size} bytes")
        return int.from_bytes(data, "big", signed=signed)

    def write(value: int) -> bytes:
        return value.to_bytes(size, "big", signed=signed)

    return Body(name, schema, int, reader=read, writer=write)


def _read_text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("latin-1")


def _write_text(value: str) -> bytes:
    return value.encode("latin-1")


INT8: Final = _integer("int8", Int8sb, 1, signed=True)
UINT8: Final = _integer("uint8", Int8ub, 1)
UINT16: Final = _integer("uint16", Int16ub, 2)
UINT32: Final = _integer("uint32", Int32ub, 4)
BOOLEAN: Final = Body("boolean", Boolean(Int8ub), bool)
ASCII: Final = Body("ascii", Text(GreedyBytes), str, reader=_read_text, writer=_write_text)
RAW: Final = Body("bytes", GreedyBytes, bytes, reader=bytes, writer=bytes)
VERSION: Final = Body("stringVersion", VersionNumber(), Version)
"""Text form ``1.2.300``; @iotize/device-client.js writes the same four bytes as one uint32."""


def fixed_bytes(name: str, size: int) -> Body[bytes]:
    """A body of exactly this many raw bytes."""
    return Body(name, Bytes(size), bytes)


def enumeration(name: str, members: type[IntEnum] | type[IntFlag], size: int = 1) -> Body[Any]:
    """A body that is one member of an enumeration, or a mask of flags, in `size` bytes."""
    return Body(name, Member(members, BytesInteger(size)), members)

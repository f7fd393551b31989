"""Bodies of object 1029: types, addresses and names of variables."""

import math
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from construct import Adapter, BitsInteger, BitStruct, GreedyBytes, Int8ub, Int16ub, Optional, Struct

from protocol.errors import UsageError
from protocol.values import Body, Member, Record


class Domain(IntEnum):
    """Where a variable lives."""

    TARGET = 0
    GPIO = 1
    IN_TAP_STATIC = 2
    """In the Tap, survives a reboot."""
    IN_TAP_VOLATILE = 3
    """In the Tap, until the next reboot."""


class DataType(IntEnum):
    """Type of one element: bits 1-0 are the size code, 0x20 unsigned, 0x10 floating point, 0x08 text."""

    BOOLEAN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    ASCII = 8
    FLOAT32 = 19
    UINT8 = 33
    UINT16 = 34
    UINT32 = 35


Value = bool | int | float | str | list[bool] | list[int] | list[float]
"""Value of a variable: one element, a list of them, or text."""

_FORMATS: Final = {
    DataType.BOOLEAN: "?",
    DataType.INT8: "b",
    DataType.INT16: "h",
    DataType.INT32: "i",
    DataType.ASCII: "c",
    DataType.FLOAT32: "f",
    DataType.UINT8: "B",
    DataType.UINT16: "H",
    DataType.UINT32: "I",
}


@dataclass(frozen=True, slots=True)
class VariableType:
    """The type byte of a variable."""

    domain: Domain = Domain.TARGET
    data: DataType = DataType.UINT8

    @property
    def size(self) -> int:
        """Bytes of one element on the wire."""
        return struct.calcsize(_FORMATS[self.data])

    def encode(self, value: Value, length: int = 1) -> bytes:
        """Bytes of a value of `length` elements; text is filled up with NUL.

        Raises:
            UsageError: the value does not fit.
        """
        if self.data is DataType.ASCII:
            return _encode_text(value, length)
        elements = value if isinstance(value, list) else [value]
        if len(elements) != length or not all(self._takes(element) for element in elements):
            raise UsageError(f"{value!r} is no {self.data.name} of length {length}")
        try:
            return struct.pack(f">{length}{_FORMATS[self.data]}", *elements)
        except (struct.error, OverflowError) as error:
            raise UsageError(f"{value!r} is no {self.data.name} of length {length}: {error}") from error

    def decode(self, data: bytes) -> Value:
        """The value of these bytes: a list where there is more than one element.

        Raises:
            UsageError: they are no whole number of elements.
        """
        if not data or len(data) % self.size:
            raise UsageError(f"{len(data)} bytes are no {self.data.name} of {self.size} bytes each")
        if self.data is DataType.ASCII:
            return data.partition(b"\0")[0].decode("latin-1")
        elements = list(struct.unpack(f">{len(data) // self.size}{_FORMATS[self.data]}", data))
        return elements[0] if len(elements) == 1 else elements

    def _takes(self, element: object) -> bool:
        if self.data is DataType.BOOLEAN:
            return isinstance(element, bool)
        if self.data is DataType.FLOAT32:
            return isinstance(element, int | float) and not isinstance(element, bool) and math.isfinite(element)
        return isinstance(element, int) and not isinstance(element, bool)


def _encode_text(value: Value, length: int) -> bytes:
    if not isinstance(value, str) or len(value) > length or any(character > "\xff" for character in value):
        raise UsageError(f"{value!r} is no text of at most {length} characters, one byte each")
    return value.encode("latin-1").ljust(length, b"\0")


VARIABLE_TYPE: Final = Body(
    "variableType",
    Record(
        VariableType, BitStruct("domain" / Member(Domain, BitsInteger(2)), "data" / Member(DataType, BitsInteger(6)))
    ),
    VariableType,
)


@dataclass(frozen=True, slots=True)
class VariableMeta:
    """The meta block of a variable, text ``name:unit``."""

    name: str
    unit: str = ""


class _MetaText(Adapter):  # type: ignore[misc]
    """Only the first two parts between colons count, as in the vendor's decoder."""

    def _decode(self, obj: bytes, context: Any, path: str) -> VariableMeta:
        name, *units = obj.partition(b"\0")[0].decode("utf-8", "replace").split(":")
        return VariableMeta(name, units[0] if units else "")

    def _encode(self, obj: VariableMeta, context: Any, path: str) -> bytes:
        if ":" in obj.name + obj.unit:
            raise ValueError("a colon separates name and unit, so it can stand in neither")
        return f"{obj.name}:{obj.unit}".encode()


@dataclass(frozen=True, slots=True)
class ModbusVariableAddress:
    """Address of a variable on a Modbus slave; takes the place of a 32-bit address."""

    function_code: int
    slave: int
    address: int


VARIABLE_META: Final = Body("variableMeta", _MetaText(GreedyBytes), VariableMeta)
MODBUS_VARIABLE_ADDRESS: Final = Body(
    "modbusVariableAddress",
    Record(ModbusVariableAddress, Struct("function_code" / Int8ub, "slave" / Int8ub, "address" / Int16ub)),
    ModbusVariableAddress,
)
META_SIZE: Final = Body("uint8, or nothing", Optional(Int8ub), int)
"""Bytes that the creation of a variable reserves for its meta block."""

"""Variables of `device.yaml`: their form, and the variable, start value and simulation that each makes."""

import struct
from functools import cache
from typing import Annotated, Any, Final

from emulator.blueprint import Simulation, Variable
from emulator.config import kinds
from emulator.config.draft import Fault
from emulator.config.fields import Of, Strict, optional
from emulator.config.keys import fits
from emulator.config.kinds import Kind, Plain
from emulator.config.loaded import KeyPath
from emulator.signals import Signal
from protocol.bodies.variable import (
    MODBUS_VARIABLE_ADDRESS,
    VARIABLE_META,
    DataType,
    Domain,
    ModbusVariableAddress,
    VariableMeta,
    VariableType,
)
from protocol.codes import NO_INSTANCE
from protocol.errors import UsageError

DOMAINS: Final = {
    "target": Domain.TARGET,
    "gpio": Domain.GPIO,
    "stored": Domain.IN_TAP_STATIC,
    "volatile": Domain.IN_TAP_VOLATILE,
}

MAX_META: Final = 255
"""Bytes of a meta block: its size is announced in one byte."""
MAX_NAME: Final = 50
MAX_UNIT: Final = 30
"""Characters of name and unit. Source: JSON schema of @iotize/tap 2.7.0."""
MAX_LENGTH: Final = 255
"""Elements of a variable: a Tap is told their number in one byte."""

ID: Final = kinds.integer(0, NO_INSTANCE - 1)
TYPE: Final = kinds.member(DataType)
DOMAIN: Final = kinds.word(DOMAINS)
LENGTH: Final = kinds.integer(1, MAX_LENGTH)
ADDRESS: Final = kinds.address()
META: Final = kinds.hexadecimal(range(MAX_META + 1))
META_SIZE: Final = kinds.or_null(kinds.integer(0, MAX_META))
LIMIT: Final = kinds.number()


def _without_colon(lengths: range) -> Kind[str]:
    plain = kinds.unicode_text(lengths)

    def read(value: Any) -> str:
        text = plain.read(value)
        if ":" in text:
            raise ValueError
        return text

    return Kind(f"{plain.expected} without colon", read, plain.write, plain.schema)


NAME: Final = _without_colon(range(1, MAX_NAME + 1))
UNIT: Final = _without_colon(range(1, MAX_UNIT + 1))

_BYTE: Final = kinds.integer(0, 0xFF)


class ModbusEntry(Strict):
    """Where a variable is on a Modbus slave."""

    function: Annotated[Any, Of(_BYTE)] = optional(
        "Function code: 1 coil, 2 discrete input, 3 holding, 4 input register."
    )
    slave: Annotated[Any, Of(_BYTE)] = optional("Address of the slave.")
    address: Annotated[Any, Of(kinds.integer(0, 0xFFFF))] = optional("Address of the first coil or register.")


class VariableEntry(Strict):
    """A variable on the target, on a pin or in the Tap."""

    id: Annotated[Any, Of(ID)] = optional("Else the lowest that is free, from 1 on.")
    name: Annotated[Any, Of(NAME)] = optional("Where it differs from the key.")
    type: Annotated[Any, Of(TYPE)] = optional("Type of one element, else uint8.")
    domain: Annotated[Any, Of(DOMAIN)] = optional("Where it lives, else target; stored and volatile are in the Tap.")
    length: Annotated[Any, Of(LENGTH)] = optional("Elements, or characters of text; else as many as the value has.")
    address: Annotated[Any, Of(ADDRESS)] = optional("Address on the target, or number of the first pin.")
    modbus: ModbusEntry | None = optional("Address on a Modbus slave.")
    unit: Annotated[Any, Of(UNIT)] = optional("Unit that clients show.")
    meta: Annotated[Any, Of(META)] = optional("The meta block in hexadecimal digits, in place of name and unit.")
    meta_size: Annotated[Any, Of(META_SIZE)] = optional("Bytes that are reserved for the meta block, else its length.")
    value: Any = optional("Start value: one, a list of them, text, or {hex: ...} for the bytes themselves.")
    minimum: Annotated[Any, Of(LIMIT)] = optional("Smaller values are refused.")
    maximum: Annotated[Any, Of(LIMIT)] = optional("Larger values are refused.")
    signal: Any = optional("What the value follows until somebody writes the variable.")


class VariableReader:
    """Makes one variable of its entry; what is wrong is collected."""

    def __init__(self, entry: VariableEntry, path: KeyPath) -> None:
        self.faults: list[Fault] = []
        self._entry = entry
        self._path = path

    def _fault(self, text: str, *field: str) -> None:
        self.faults.append(Fault((*self._path, *field), text))

    def variable(self, bundle: int) -> Variable:
        """The variable itself."""
        entry = self._entry
        meta = self._meta()
        if len(meta) > MAX_META:
            self._fault(f"has {len(meta)} bytes of name and unit, expected at most {MAX_META}")
        size = len(meta) or None
        if "meta_size" in entry.model_fields_set:
            size = entry.meta_size
            if size is not None and size < len(meta):
                self._fault(f"is {size}, expected at least the {len(meta)} bytes of the meta block", "meta_size")
        data_type = DataType.UINT8 if entry.type is None else entry.type
        return Variable(
            variable_type(entry.domain or Domain.TARGET, data_type),
            entry.length or self._length(data_type),
            bundle,
            self._address(),
            meta,
            size,
        )

    def _meta(self) -> bytes:
        entry = self._entry
        if entry.meta is not None:
            given = [name for name in ("name", "unit") if getattr(entry, name) is not None]
            if given:
                self._fault(f"has meta and {given[0]}, expected only one of them")
            return bytes(entry.meta)
        name = entry.name
        if name is None:
            try:
                name = NAME.parse(self._path[-1])
            except ValueError as error:
                self._fault(f"{error}, or a name: beside the id")
                return b""
        return VARIABLE_META.encode(VariableMeta(name, entry.unit or ""))

    def _length(self, data: DataType) -> int:
        value = self._entry.value
        if isinstance(value, list) or (data is DataType.ASCII and isinstance(value, str)):
            return min(max(len(value), 1), MAX_LENGTH)
        return 1

    def _address(self) -> int:
        entry = self._entry
        if entry.modbus is None:
            return entry.address or 0
        if entry.address is not None:
            self._fault("has address and modbus, expected only one of them")
        modbus = entry.modbus
        return modbus_address(modbus.function or 0, modbus.slave or 0, modbus.address or 0)

    def value(self, variable: Variable) -> bytes | None:
        """Start value; None if the entry has none."""
        value = self._entry.value
        if value is None:
            return None
        try:
            return read_value(value, variable)
        except ValueError as error:
            self._fault(str(error), "value")
            return None

    def simulation(self, variable: Variable, signal: Signal | None) -> Simulation | None:
        """What moves and limits the value; None if nothing does."""
        low, high = self._entry.minimum, self._entry.maximum
        if signal is None and low is None and high is None:
            return None
        if low is not None and high is not None and low > high:
            self._fault(f"is {low!r}, expected at most the maximum {high!r}", "minimum")
        if variable.type.data is DataType.ASCII and not low is high is None:
            self._fault("has a minimum or maximum, expected none for text")
        return Simulation(signal, low, high)


def describe_meta(meta: bytes) -> VariableMeta | None:
    """Name and unit, if a meta block says these and nothing else."""
    described = VARIABLE_META.decode(meta)
    plain = fits(NAME, described.name) and (not described.unit or fits(UNIT, described.unit))
    return described if plain and VARIABLE_META.encode(described) == meta else None


@cache
def variable_type(domain: Domain, data: DataType) -> VariableType:
    """The type byte; variables of one type share it."""
    return VariableType(domain, data)


def modbus_address(function: int, slave: int, address: int) -> int:
    """The address of a variable on a Modbus slave as one number."""
    return int.from_bytes(MODBUS_VARIABLE_ADDRESS.encode(ModbusVariableAddress(function, slave, address)), "big")


def read_value(value: Any, variable: Variable) -> bytes:
    """Bytes of a value as a file has it; elements that it leaves out are zero.

    Raises:
        ValueError: it does not fit the variable; says what it is and what was expected.
    """
    if isinstance(value, dict):
        return _read_bytes(value, variable.size)
    data = variable.type.data
    if data is DataType.ASCII:
        return _read_text(value, variable.length)
    kind = element_kind(data)
    elements = value if isinstance(value, list) else [value]
    if len(elements) > variable.length:
        raise ValueError(f"has {len(elements)} elements, expected at most {variable.length}")
    if variable.length > 1 and not isinstance(value, list):
        raise ValueError(f"is {kinds.shown(value)}, expected a list of up to {variable.length} elements")
    return b"".join(_encode(kind, data, element) for element in elements).ljust(variable.size, b"\0")


def _read_bytes(value: dict[str, Any], size: int) -> bytes:
    if list(value) != ["hex"]:
        raise ValueError("is a mapping, expected one value, a list, or {hex: ...}")
    return kinds.hexadecimal(range(size + 1)).parse(value["hex"]).ljust(size, b"\0")


def _read_text(value: Any, length: int) -> bytes:
    if not isinstance(value, str) or len(value) > length or any(character > "\xff" for character in value):
        raise ValueError(f"is {kinds.shown(value)}, expected text of at most {length} characters of Latin-1")
    return value.encode("latin-1").ljust(length, b"\0")


def _encode(kind: Kind[Any], data: DataType, element: Any) -> bytes:
    try:
        return VariableType(data=data).encode(kind.parse(element))
    except UsageError as error:
        raise ValueError(f"is {kinds.shown(element)}, expected {kind.expected}") from error


@cache
def element_kind(data: DataType) -> Kind[Any]:
    """The kind of one element."""
    if data is DataType.BOOLEAN:
        return kinds.BOOLEAN
    if data is DataType.FLOAT32:
        return Kind("a number of 32 bits", LIMIT.read, write_float32, LIMIT.schema)
    size = VariableType(data=data).size
    if data in (DataType.INT8, DataType.INT16, DataType.INT32):
        return kinds.integer(-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1)
    return kinds.integer(0, (1 << 8 * size) - 1)


_FLOAT32: Final = struct.Struct(">f")


def write_float32(value: float) -> str:
    """The shortest number that is this one in 32 bits: 21.1 and not 21.100000381469727."""
    packed = _FLOAT32.pack(value)
    texts = (f"{value:.{digits}g}" for digits in range(1, 10))
    return next(text for text in texts if _FLOAT32.pack(float(text)) == packed)


def write_value(variable: Variable, value: bytes) -> str:
    """The value as a file has it; where it has no other form, its bytes in hexadecimal digits."""
    try:
        text = _write_value(variable, value)
    except (UsageError, ValueError, StopIteration, OverflowError):
        text = None
    return text or f'{{hex: "{value.rstrip(bytes(1)).hex().upper()}"}}'


def _write_value(variable: Variable, value: bytes) -> str | None:
    data = variable.type.data
    if data is DataType.ASCII:
        text = value.rstrip(b"\0").decode("latin-1")
        return kinds.quoted(text) if "\0" not in text else None
    decoded = variable.type.decode(value)
    elements: list[Any] = decoded if isinstance(decoded, list) else [decoded]
    kind = element_kind(data)
    texts = [kind.write(element) for element in elements]
    if b"".join(_encode(kind, data, Plain(text)) for text in texts) != value:
        return None
    if variable.length == 1:
        return texts[0]
    zero = kind.write(element_zero(data))
    while texts and texts[-1] == zero:
        texts.pop()
    return f"[{', '.join(texts)}]"


def element_zero(data: DataType) -> bool | int | float:
    """The element whose bytes are all zero."""
    zero = VariableType(data=data).decode(bytes(VariableType(data=data).size))
    assert isinstance(zero, bool | int | float)
    return zero

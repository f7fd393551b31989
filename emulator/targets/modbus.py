"""Modbus: simulated slaves, and the Tap as their master."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from emulator import remembered
from emulator.remembered import Remembered
from emulator.targets.base import ModbusBus, ModbusError, modbus_refusals
from emulator.targets.spec import ModbusSlave
from emulator.targets.words import Words
from protocol.bodies.target import ModbusObjectType, TargetModbusSettings
from protocol.codes import ResultCode
from protocol.errors import PeerError

COILS: Final = 1
DISCRETE_INPUTS: Final = 2
HOLDING_REGISTERS: Final = 3
INPUT_REGISTERS: Final = 4
"""Tables by the function code that reads them."""
BIT_TABLES: Final = (COILS, DISCRETE_INPUTS)

ILLEGAL_ADDRESS: Final = 2

_READ_AT_ONCE: Final = 125
_WRITE_AT_ONCE: Final = 123
"""Registers in one Modbus request; for bits there is room for more, but no need."""
_ADDRESSES: Final = 0x10000

_TABLES: Final = {
    ModbusObjectType.COIL: COILS,
    ModbusObjectType.DISCRET_INPUT: DISCRETE_INPUTS,
    ModbusObjectType.HOLDING_REGISTER: HOLDING_REGISTERS,
    ModbusObjectType.INPUT_REGISTER: INPUT_REGISTERS,
    ModbusObjectType.WRITE_COIL: COILS,
    ModbusObjectType.WRITE_COILS: COILS,
    ModbusObjectType.WRITE_REGISTER: HOLDING_REGISTERS,
    ModbusObjectType.WRITE_REGISTERS: HOLDING_REGISTERS,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A row of values of a slave, and the elements that it holds.

    An element of 32 bits takes two registers, the high one first (OQ55); a smaller one takes one register, in its low
    bits. In a table of bits every element is one bit.
    """

    slave: int
    table: int
    address: int
    words: Words

    @classmethod
    def of(cls, address: int, count: int, format: int, settings: TargetModbusSettings) -> "Place":
        """Reads function code, slave and address out of one number, as variables and requests have them.

        Function code 0 is the table that goes with the format, slave 0 the one of the settings block.

        Raises:
            PeerError: B3, there is no such function code, format or address.
        """
        words = Words.of(0, count, format)
        function = address >> 24
        default = COILS if words.bits else HOLDING_REGISTERS
        table = _TABLES.get(function, None if function else default)  # type: ignore[call-overload]
        first = (address & 0xFFFF) - settings.offset_first_register
        place = cls(address >> 16 & 0xFF or settings.slave, table or 0, first, words)
        if table is None or first < 0 or first + place.count > _ADDRESSES:
            raise PeerError(
                f"Modbus function {function}, {place.count} values at {first}", ResultCode.TARGET_PROTOCOL_WRONG_PARAM
            )
        return place

    @property
    def registers(self) -> int:
        """Values of one element."""
        return 2 if self.words.unit == 4 and self.table not in BIT_TABLES else 1

    @property
    def count(self) -> int:
        """Values of all elements."""
        return self.words.count * self.registers

    @property
    def last(self) -> int:
        """Address of the last value."""
        return self.address + self.count - 1

    def elements(self, values: list[int]) -> bytes:
        """Values of the slave as elements on the wire."""
        if self.registers == 2:
            values = [high << 16 | low for high, low in zip(values[::2], values[1::2], strict=True)]
        return self.words.wire(values)

    def values(self, data: bytes) -> list[int]:
        """Elements on the wire as values of the slave."""
        numbers = self.words.numbers(data)
        if self.table in BIT_TABLES:
            return [int(number != 0) for number in numbers]
        if self.registers == 1:
            return numbers
        return [half for number in numbers for half in (number >> 16, number & 0xFFFF)]


class Master:
    """The Tap on a Modbus wire."""

    def __init__(self, bus: ModbusBus) -> None:
        self._bus = bus

    def read(self, place: Place) -> bytes:
        """Elements of a slave.

        Raises:
            PeerError: what the slave answers (OQ55); B7, it does not answer.
        """
        values: list[int] = []
        with modbus_refusals():
            while len(values) < place.count:
                count = min(place.count - len(values), _READ_AT_ONCE)
                values += self._bus.read(place.slave, place.table, place.address + len(values), count)
        return place.elements(values)

    def write(self, place: Place, data: bytes) -> None:
        """Writes elements of a slave, all or none.

        Raises:
            PeerError: as `read`; 80, the length is wrong; B4, the table cannot be written; B3, too many at once.
        """
        place.words.check_data(data)
        if place.table not in (COILS, HOLDING_REGISTERS):
            raise PeerError("inputs cannot be written", ResultCode.TARGET_PROTOCOL_FORBIDDEN)
        if place.count > _WRITE_AT_ONCE and place.table == HOLDING_REGISTERS:
            raise PeerError(f"{place.count} registers at once", ResultCode.TARGET_PROTOCOL_WRONG_PARAM)
        with modbus_refusals():
            self._bus.write(place.slave, place.table, place.address, place.values(data))

    def poke(self, place: Place, data: bytes) -> None:
        """The world changes values of a slave."""
        self._bus.poke(place.slave, place.table, place.address, place.values(data))


class SimulatedBus(Remembered):
    """Slaves that live in this process."""

    KEPT = remembered.kept(_tables=remembered.nested)
    FIXED = ("_only_listed",)

    def __init__(self, slaves: Sequence[ModbusSlave]) -> None:
        self._only_listed = {slave.address: slave.only_listed for slave in slaves}
        self._tables = {
            (slave.address, table): dict(values)
            for slave in slaves
            for table, values in (
                (COILS, slave.coils),
                (DISCRETE_INPUTS, slave.discrete_inputs),
                (HOLDING_REGISTERS, slave.holding_registers),
                (INPUT_REGISTERS, slave.input_registers),
            )
        }

    def open(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def read(self, slave: int, function: int, address: int, count: int) -> list[int]:
        """Reads a row of values."""
        table = self._row(slave, function, address, count)
        return [table.get(place, 0) for place in range(address, address + count)]

    def write(self, slave: int, function: int, address: int, values: list[int]) -> None:
        """Writes a row of values."""
        self._row(slave, function, address, len(values)).update(enumerate(values, address))

    def poke(self, slave: int, function: int, address: int, values: list[int]) -> None:
        """The world changes values, and adds what the table did not list."""
        if (slave, function) in self._tables:
            self._tables[slave, function].update(enumerate(values, address))

    def _row(self, slave: int, function: int, address: int, count: int) -> dict[int, int]:
        if (slave, function) not in self._tables:
            raise ModbusError(f"slave {slave} does not answer")
        table = self._tables[slave, function]
        if self._only_listed[slave] and any(place not in table for place in range(address, address + count)):
            raise ModbusError(f"slave {slave}: exception 2, {count} values at {address}", ILLEGAL_ADDRESS)
        return table

"""The Tap as master of simulated Modbus slaves."""

from dataclasses import replace
from typing import Any

import pytest

from emulator.targets.base import DamagedAnswerError, ModbusError
from emulator.targets.modbus import Master, Place, SimulatedBus
from emulator.targets.spec import ModbusSlave
from protocol.bodies.target import TargetModbusSettings
from protocol.errors import PeerError

SETTINGS = TargetModbusSettings(slave=1, offset_first_register=False)
SLAVES = (
    ModbusSlave(
        1,
        coils={0: 1, 2: 1},
        discrete_inputs={1: 1},
        holding_registers={0: 0x1234, 1: 0xABCD, 65535: 7},
        input_registers={3: 0x0102},
    ),
    ModbusSlave(17, holding_registers={5: 1, 6: 2}, only_listed=True),
)


def place(address: int, count: int, format: int, settings: TargetModbusSettings = SETTINGS) -> Place:
    return Place.of(address, count, format, settings)


def master() -> Master:
    return Master(SimulatedBus(SLAVES))


READS = [
    (0x01010000, 3, 0, "010001"),
    (0x01010000, 3, 2, "000100000001"),
    (0x02010000, 2, 0, "0001"),
    (0x03010000, 2, 2, "1234abcd"),
    (0x03010000, 1, 3, "1234abcd"),
    (0x03010000, 2, 1, "34cd"),
    (0x03010000, 3, 0, "010100"),
    (0x04010002, 3, 2, "000001020000"),
    (0x0301FFFF, 1, 2, "0007"),
    # function code 0: coils for bits, else holding registers; slave 0: that of the settings
    (0x00000000, 2, 2, "1234abcd"),
    (0x00000000, 3, 0, "010001"),
    (0x00110005, 2, 2, "00010002"),
    # the function codes that write name a table too
    (0x06010000, 1, 2, "1234"),
    (0x10010000, 1, 2, "1234"),
    (0x05010002, 1, 0, "01"),
    (0x0F010002, 1, 0, "01"),
]


@pytest.mark.parametrize(("address", "count", "format", "data"), READS)
def test_reading(address: int, count: int, format: int, data: str) -> None:
    assert master().read(place(address, count, format)).hex() == data


WRITES = [
    # at, format, data; what the registers or bits are then
    (0x03010000, 2, "00010002", 0x03010000, "00010002"),
    (0x03010000, 3, "01020304", 0x03010000, "01020304"),
    (0x03010000, 1, "ff01", 0x03010000, "00ff0001"),
    (0x01010000, 0, "00ff", 0x01010000, "00000001"),
    (0x01010000, 2, "00000100", 0x01010000, "00000001"),
    (0x00000000, 2, "00010002", 0x03010000, "00010002"),
]


@pytest.mark.parametrize(("address", "format", "data", "then", "values"), WRITES)
def test_writing(address: int, format: int, data: str, then: int, values: str) -> None:
    tap = master()
    written = bytes.fromhex(data)
    tap.write(place(address, len(written) // {0: 1, 1: 1, 2: 2, 3: 4}[format], format), written)
    assert tap.read(place(then, 2, 2)).hex() == values


@pytest.mark.parametrize(
    ("access", "address", "count", "format", "code"),
    [
        ("read", 0x07010000, 1, 2, 0xB3),
        ("read", 0xFF010000, 1, 2, 0xB3),
        ("read", 0x0301FFFF, 2, 2, 0xB3),
        ("read", 0x0301FFFF, 1, 3, 0xB3),
        ("read", 0x03010000, 0, 2, 0xB3),
        ("read", 0x03010000, 1, 4, 0xB3),
        ("read", 0x03020000, 1, 2, 0xB7),
        ("write", 0x03020000, 1, 2, 0xB7),
        ("read", 0x03110007, 1, 2, 0xB5),
        ("read", 0x03110005, 3, 2, 0xB5),
        ("write", 0x03110006, 2, 2, 0xB5),
        ("write", 0x02010000, 1, 0, 0xB4),
        ("write", 0x04010000, 1, 2, 0xB4),
        ("write", 0x03010000, 124, 2, 0xB3),
    ],
)
def test_refusals_change_nothing(access: str, address: int, count: int, format: int, code: int) -> None:
    tap = master()
    before = [tap.read(place(0x03010000, 4, 2)), tap.read(place(0x03110005, 2, 2)), tap.read(place(0x01010000, 4, 0))]

    def attempt() -> None:
        where = place(address, count, format)
        if access == "read":
            tap.read(where)
        else:
            tap.write(where, b"\xff" * where.words.size)

    with pytest.raises(PeerError) as refusal:
        attempt()
    assert refusal.value.code == code
    after = [tap.read(place(0x03010000, 4, 2)), tap.read(place(0x03110005, 2, 2)), tap.read(place(0x01010000, 4, 0))]
    assert after == before


def test_first_register_can_be_called_one() -> None:
    offset = replace(SETTINGS, offset_first_register=True)
    assert master().read(place(0x03010001, 1, 2, offset)).hex() == "1234"
    with pytest.raises(PeerError):
        place(0x03010000, 1, 2, offset)


def test_long_rows_are_read_in_requests_that_modbus_allows() -> None:
    asked = []

    class Bus(SimulatedBus):
        def read(self, slave: int, function: int, address: int, count: int) -> list[int]:
            asked.append((address, count))
            return super().read(slave, function, address, count)

    data = Master(Bus(SLAVES)).read(place(0x03010000, 255, 3))
    assert len(data) == 1020
    assert asked == [(0, 125), (125, 125), (250, 125), (375, 125), (500, 10)]


def test_the_world_pokes_inputs_too_and_adds_what_was_not_listed() -> None:
    tap = master()
    tap.poke(place(0x04010003, 1, 2), b"\x00\x09")
    assert tap.read(place(0x04010003, 1, 2)).hex() == "0009"
    tap.poke(place(0x03110063, 1, 3), bytes.fromhex("00010002"))
    assert tap.read(place(0x03110063, 1, 3)).hex() == "00010002"
    tap.poke(place(0x03630000, 1, 2), b"\x00\x01")


EXCEPTIONS = {1: 0xBB, 2: 0xB5, 3: 0xB5, 4: 0xB0, 5: 0xB1, 6: 0xB1, 7: 0xB4, 8: 0xB6, 10: 0xB7, 11: 0xB7, 99: 0xB0}
ERRORS = [
    (ModbusError("no answer"), 0xB7),
    (DamagedAnswerError("what?"), 0xB6),
    *((ModbusError("exception", number), code) for number, code in EXCEPTIONS.items()),
]


@pytest.mark.parametrize(("error", "code"), ERRORS)
def test_exceptions_become_codes(error: ModbusError, code: int) -> None:
    class Bus(SimulatedBus):
        def read(self, *_: Any) -> list[int]:
            raise error

        def write(self, *_: Any) -> None:
            raise error

    tap = Master(Bus(()))
    with pytest.raises(PeerError) as refusal:
        tap.read(place(0x03010000, 1, 2))
    assert refusal.value.code == code
    with pytest.raises(PeerError) as refusal:
        tap.write(place(0x03010000, 1, 2), bytes(2))
    assert refusal.value.code == code

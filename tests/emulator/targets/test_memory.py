"""Memory of the simulated target, and the pins of the module."""

import pytest

from emulator.targets.memory import MAX_PAGES, PAGE, Memory
from emulator.targets.pins import Pins
from emulator.targets.spec import MemoryRegion
from emulator.targets.words import Words
from protocol.bodies.gpio import GPIOMode
from protocol.codes import ResultCode
from protocol.errors import PeerError

RAM = 0x20000000
REGIONS = (
    MemoryRegion(RAM, 0x2000, content=bytes(range(16)), name="RAM"),
    MemoryRegion(0x08000000, 0x1000, rights="r", content=b"\xde\xad\xbe\xef", name="flash"),
    MemoryRegion(0x40000000, 16, rights="w"),
    MemoryRegion(RAM + 0x2000, 16, rights="", name="secret"),
)


def words(address: int, count: int, format: int) -> Words:
    return Words.of(address, count, format)


READS = [
    (RAM, 4, 1, "00010203"),
    (RAM, 2, 2, "01000302"),
    (RAM, 2, 3, "0302010007060504"),
    (RAM, 3, 0, "000101"),
    (RAM + PAGE - 4, 2, 3, "00" * 8),
    (0x08000000, 1, 3, "efbeadde"),
]


@pytest.mark.parametrize(("address", "count", "format", "data"), READS)
def test_words_are_big_endian_on_the_wire_and_little_endian_in_memory(
    address: int, count: int, format: int, data: str
) -> None:
    assert Memory(REGIONS).read(words(address, count, format)).hex() == data


def test_what_is_written_is_read_in_any_size() -> None:
    memory = Memory(REGIONS)
    memory.write(words(RAM + PAGE - 4, 2, 3), bytes.fromhex("0102030405060708"))
    assert memory.read(words(RAM + PAGE - 4, 8, 1)).hex() == "0403020108070605"
    assert memory.read(words(RAM + PAGE - 4, 4, 2)).hex() == "0304010207080506"
    assert memory.read(words(RAM, 2, 3)).hex() == "0302010007060504", "its neighbours stay"
    memory.write(words(RAM, 3, 0), bytes.fromhex("ff0001"))
    assert memory.read(words(RAM, 4, 1)).hex() == "01000103"


REFUSED = [
    ("read", RAM + 1, 1, 2, 0xB8),
    ("read", RAM + 2, 1, 3, 0xB8),
    ("write", RAM + 2, 1, 3, 0xB8),
    ("read", 0x30000000, 1, 1, 0xB0),
    ("read", 0x08000FFC, 2, 3, 0xB0),
    ("read", 0x40000000, 1, 1, 0xB4),
    ("write", 0x08000000, 1, 1, 0xB4),
    ("read", RAM + 0x1FFF, 2, 1, 0xB4),
    ("write", RAM + 0x1FFC, 2, 3, 0xB4),
    ("read", 0xFFFFFFFC, 2, 3, 0xB3),
    ("read", RAM, 0, 1, 0xB3),
    ("read", RAM, 1, 4, 0xB3),
    ("read", RAM, 1, 0x43, 0xB3),
]


@pytest.mark.parametrize(("access", "address", "count", "format", "code"), REFUSED)
def test_refusals(access: str, address: int, count: int, format: int, code: int) -> None:
    memory = Memory(REGIONS)
    before = memory.peek(RAM, 0x2000)

    def attempt() -> None:
        place = words(address, count, format)
        if access == "read":
            memory.read(place)
        else:
            memory.write(place, b"\xff" * place.size)

    with pytest.raises(PeerError) as refusal:
        attempt()
    assert refusal.value.code == code
    assert memory.peek(RAM, 0x2000) == before


@pytest.mark.parametrize("data", [b"", b"123", b"12345"])
def test_data_of_the_wrong_length(data: bytes) -> None:
    with pytest.raises(PeerError, match="1 elements of 4 bytes"):
        words(RAM, 1, 3).check_data(data)


def test_without_regions_every_address_exists_up_to_a_limit() -> None:
    memory = Memory(())
    assert memory.read(words(0xFFFFFFFC, 1, 3)) == bytes(4)
    for page in range(MAX_PAGES):
        memory.write(words(page * PAGE, 1, 1), b"\x01")
    with pytest.raises(PeerError) as refusal:
        memory.write(words(MAX_PAGES * PAGE - 4, 2, 3), b"\xff" * 8)
    assert refusal.value.code == ResultCode.TARGET_PROTOCOL_INT
    assert memory.read(words(MAX_PAGES * PAGE - 4, 1, 3)) == bytes(4), "all or none"
    memory.write(words(0, 1, 1), b"\x02")
    memory.poke(words(MAX_PAGES * PAGE, 1, 1), b"\x02")
    assert memory.read(words(MAX_PAGES * PAGE, 1, 1)) == b"\0"


def test_the_world_pokes_whatever_the_rights() -> None:
    memory = Memory(REGIONS)
    memory.poke(words(0x08000000, 1, 3), bytes.fromhex("01020304"))
    assert memory.read(words(0x08000000, 1, 3)).hex() == "01020304"
    memory.poke(words(0x30000000, 1, 1), b"\x01")
    assert memory.peek(0x30000000, 1) == b"\0", "what does not exist takes no room"


def test_pins_have_modes_and_levels() -> None:
    pins = Pins({2: 1, 4: 0})
    assert pins.read(0, 26).hex() == "000001" + "00" * 23
    pins.write(0x80000003, 3, bytes([GPIOMode.INPUT_PULL_UP, GPIOMode.INPUT_PULL_UP, 0xFF]))
    assert pins.read(0x80000002, 4) == bytes([0, 4, 4, 0])
    assert pins.read(2, 4).hex() == "01010000", "a pull-up holds what nobody drives"
    pins.write(0x80000005, 1, bytes([GPIOMode.OUTPUT_PUSH_PULL]))
    pins.write(3, 3, bytes.fromhex("ff0001"))
    assert pins.read(3, 3).hex() == "010001"
    pins.poke(5, [0, 1])
    assert pins.read(5, 2).hex() == "0101", "an output is stronger than the world"
    pins.restart()
    assert pins.read(5, 2).hex() == "0001"


@pytest.mark.parametrize(
    ("mode", "output", "driven", "level"),
    [
        (GPIOMode.INPUT_FLOATING, 1, None, 0),
        (GPIOMode.INPUT_FLOATING, 0, 1, 1),
        (GPIOMode.INPUT_PULL_UP, 0, None, 1),
        (GPIOMode.INPUT_PULL_UP, 0, 0, 0),
        (GPIOMode.INPUT_PULL_DOWN, 1, None, 0),
        (GPIOMode.OUTPUT_PUSH_PULL, 1, 0, 1),
        (GPIOMode.OUTPUT_PUSH_PULL, 0, 1, 0),
        (GPIOMode.OUTPUT_OPEN_DRAIN, 0, 1, 0),
        (GPIOMode.OUTPUT_OPEN_DRAIN, 1, None, 0),
        (GPIOMode.OUTPUT_OPEN_DRAIN, 1, 1, 1),
        (GPIOMode.OUTPUT_OPEN_DRAIN_PULL_UP, 1, None, 1),
        (GPIOMode.OUTPUT_OPEN_DRAIN_PULL_UP, 1, 0, 0),
    ],
)
def test_level_of_a_pin(mode: GPIOMode, output: int, driven: int | None, level: int) -> None:
    pins = Pins({} if driven is None else {7: driven})
    pins.write(0x80000007, 1, bytes([mode]))
    pins.write(7, 1, bytes([output]))
    assert pins.read(7, 1) == bytes([level])


@pytest.mark.parametrize(
    ("address", "count", "data", "code"),
    [
        (26, 1, "01", 0xB3),
        (25, 2, "0101", 0xB3),
        (0, 0, "", 0xB3),
        (0x80000000, 1, "02", 0xB3),
        (0x80000000, 2, "0302", 0xB3),
        (0, 2, "01", 0x80),
        (0, 1, "0101", 0x80),
    ],
)
def test_pins_that_do_not_exist(address: int, count: int, data: str, code: int) -> None:
    pins = Pins({})
    with pytest.raises(PeerError) as refusal:
        pins.write(address, count, bytes.fromhex(data))
    assert refusal.value.code == code
    assert pins.read(0x80000000, 26) == bytes(26)

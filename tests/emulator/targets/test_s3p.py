"""S3P: frames bit by bit, the firmware of a target, and the Tap that talks to it."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.targets.memory import Memory
from emulator.targets.s3p import CSW, ID, TAR, Firmware, Master
from emulator.targets.s3p_frames import (
    Command,
    DroppedError,
    S3pError,
    encode_answer,
    from_bits,
    read_answer,
    read_command,
    to_bits,
)
from emulator.targets.spec import MemoryRegion, S3pVariable
from protocol.bodies.target import S3PMode
from protocol.errors import PeerError

# Worked by hand from the rules of the vendor's target library: parity is bit 3 of the first byte and bit 7 of the
# second and of the ACK, odd; a checksum is the complement of the sum.
COMMANDS = [
    # read CSW as a word: size 2 -> 40, one bit, no parity needed
    (Command(False, 4, 0), 0, "40"),
    # read ID as a byte: 07 has three bits
    (Command(False, 1, 7), 0, "07"),
    # read TAR as a word: 41 has two bits, so 49
    (Command(False, 4, 1), 0, "49"),
    # write CSW 20000007: c0 has two bits, so c8; sum c8 + 07 + 20 = ef, complement 10
    (Command(True, 4, 0), 0x20000007, "c80700002010"),
    # read variable 0 as a byte: extended 10; second byte 00 has no bit, so 80
    (Command(False, 1, 0, extended=True), 0, "1080"),
    # write variable 1023 = 1234 in two bytes: a0 + 10 + 07 = b7 has six bits, so bf; 7f has seven
    (Command(True, 2, 1023, extended=True), 0x1234, "bf7f34127b"),
]


@pytest.mark.parametrize(("command", "value", "frame"), COMMANDS)
def test_first_phase(command: Command, value: int, frame: str) -> None:
    assert command.encode(value).hex() == frame
    received = read_command(bytes.fromhex(frame))
    assert (received.command, received.value, received.intact) == (command, value, True)


ANSWERS = [
    # ACK without error: no bit, so 80; sum 40 + 80 + 01 + 02 + 03 + 04 = ca, complement 35
    (Command(False, 4, 0), S3pError.OK, 0x04030201, "800102030435"),
    # 10 + 80 + 80 + 2a = 13a, complement c5
    (Command(False, 1, 0, extended=True), S3pError.OK, 0x2A, "802ac5"),
    (Command(True, 4, 0), S3pError.OK, 0, "80"),
    (Command(False, 4, 0), S3pError.DEVICE, 0, "01"),
    (Command(False, 4, 0), S3pError.COMMUNICATION, 0, "83"),
    (Command(True, 4, 0), S3pError.RIGHTS, 0, "04"),
    (Command(True, 4, 0), S3pError.UNKNOWN, 0, "7f"),
]


@pytest.mark.parametrize(("command", "error", "value", "frame"), ANSWERS)
def test_second_phase(command: Command, error: S3pError, value: int, frame: str) -> None:
    assert encode_answer(command, error, value).hex() == frame
    assert read_answer(command, bytes.fromhex(frame)) == (error, value)


def test_bits_go_least_significant_first() -> None:
    assert to_bits(bytes.fromhex("4901")) == [1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0]


any_command = st.builds(
    lambda write, unit, address, extended: Command(write, unit, address if extended else address & 7, extended),
    st.booleans(),
    st.sampled_from([1, 2, 4]),
    st.integers(0, 1023),
    st.booleans(),
)


@given(command=any_command, value=st.integers(0, 0xFFFFFFFF), bit=st.integers(0, 400))
def test_one_wrong_bit_is_always_noticed(command: Command, value: int, bit: int) -> None:
    value = value & (1 << 8 * command.unit) - 1 if command.write else 0
    for frame in (command.encode(value), encode_answer(command, S3pError.OK, value)):
        bits = to_bits(frame)
        assert from_bits(bits) == frame
        bits[bit % len(bits)] ^= 1
        damaged = from_bits(bits)
        if frame == command.encode(value):
            with suppress(DroppedError):
                assert not read_command(damaged).intact
        else:
            assert read_answer(command, damaged)[0] is S3pError.COMMUNICATION


@given(data=st.binary(max_size=9), command=any_command)
def test_any_bytes_are_read_or_dropped(data: bytes, command: Command) -> None:
    read_answer(command, data)
    answer = Firmware(Memory(()), (S3pVariable(1),)).exchange(data)
    try:
        read_command(data)
    except DroppedError:
        assert answer == b""
    else:
        assert answer


RAM = MemoryRegion(0x20000000, 64, content=bytes(range(64)))
ROM = MemoryRegion(0x08000000, 64, rights="r")
VARIABLES = (
    S3pVariable(0, unit=4, count=3, values=(1, 2, 0xFFFFFFFF)),
    S3pVariable(5, unit=2, count=2, values=(0x1234,), rights="r"),
    S3pVariable(900, unit=1, values=(7,)),
)


def pair() -> tuple[Firmware, Master]:
    firmware = Firmware(Memory((RAM, ROM)), VARIABLES)
    return firmware, Master(firmware.exchange)


@pytest.mark.parametrize(
    ("mode", "address", "count", "format", "data"),
    [
        (S3PMode.INDEXED, 0, 3, 3, "0000000100000002ffffffff"),
        (S3PMode.INDEXED, 0, 1, 3, "00000001"),
        (S3PMode.INDEXED, 5, 2, 2, "12340000"),
        (S3PMode.INDEXED, 900, 1, 1, "07"),
        (S3PMode.EMULATION, 0x20000010, 2, 3, "1312111017161514"),
        (S3PMode.EMULATION, 0x20000010, 2, 2, "11101312"),
        (S3PMode.EMULATION, 0x20000000, 2, 0, "0001"),
    ],
)
def test_reading(mode: S3PMode, address: int, count: int, format: int, data: str) -> None:
    master = pair()[1]
    for _ in range(2):
        assert master.read(mode, address, count, format).hex() == data, "each access starts at the first element"


def test_writing() -> None:
    firmware, master = pair()
    master.write(S3PMode.INDEXED, 0, 2, 3, bytes.fromhex("0000000a0000000b"))
    assert master.read(S3PMode.INDEXED, 0, 3, 3).hex() == "0000000a0000000bffffffff"
    master.write(S3PMode.EMULATION, 0x20000004, 1, 3, bytes.fromhex("01020304"))
    assert master.read(S3PMode.EMULATION, 0x20000004, 4, 1).hex() == "04030201"
    firmware.poke(5, [0xABCD1])
    firmware.poke(6, [1])
    assert master.read(S3PMode.INDEXED, 5, 2, 2).hex() == "bcd10000"
    firmware.poke(900, [1, 2, 3])
    assert master.read(S3PMode.INDEXED, 900, 1, 1).hex() == "01"


@pytest.mark.parametrize(
    ("access", "mode", "address", "count", "format", "code"),
    [
        ("read", S3PMode.INDEXED, 0, 4, 3, 0xB4),  # over the end
        ("write", S3PMode.INDEXED, 0, 4, 3, 0xB4),
        ("read", S3PMode.INDEXED, 0, 1, 2, 0xB3),  # wrong size
        ("write", S3PMode.INDEXED, 900, 1, 2, 0xB3),
        ("read", S3PMode.INDEXED, 7, 1, 1, 0xB4),  # no such variable
        ("write", S3PMode.INDEXED, 5, 1, 2, 0xB4),  # read only
        ("read", S3PMode.INDEXED, 1024, 1, 1, 0xB3),
        ("read", S3PMode.EMULATION, 0x30000000, 1, 1, 0xB0),
        ("write", S3PMode.EMULATION, 0x08000000, 1, 3, 0xB4),
        ("read", S3PMode.EMULATION, 0x20000001, 1, 3, 0xB8),
    ],
)
def test_errors_of_the_firmware_become_codes(
    access: str, mode: S3PMode, address: int, count: int, format: int, code: int
) -> None:
    master = pair()[1]
    data: list[Any] = [] if access == "read" else [bytes(count * {1: 1, 2: 2, 3: 4}[format])]
    with pytest.raises(PeerError) as refusal:
        getattr(master, access)(mode, address, count, format, *data)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("answer", "code"),
    [(b"", 0xB6), (b"\x80", 0xB6), (b"\x01", 0xB0), (b"\x7f", 0xB0), (b"\x83", 0xB6), (b"\x10", 0xB0)],
)
def test_bad_line(answer: bytes, code: int) -> None:
    """The write that starts an access is taken, the read after it is not."""

    def exchange(frame: bytes) -> bytes:
        return b"\x80" if read_command(frame).command.write else answer

    with pytest.raises(PeerError) as refusal:
        Master(exchange).read(S3PMode.INDEXED, 0, 1, 3)
    assert refusal.value.code == code


def ask(firmware: Firmware, command: Command, value: int = 0) -> tuple[S3pError, int]:
    return read_answer(command, firmware.exchange(command.encode(value)))


def test_registers_of_the_firmware() -> None:
    firmware = pair()[0]
    assert ask(firmware, Command(False, 4, CSW)) == (S3pError.OK, 0xBFFFFFFF), "features: memory and indexed"
    assert ask(firmware, Command(True, 1, CSW), 0x04) == (S3pError.OK, 0)
    assert ask(firmware, Command(False, 4, CSW)) == (S3pError.OK, 0xBFFFFF04)
    assert ask(firmware, Command(False, 4, ID)) == (S3pError.OK, 0)
    assert ask(firmware, Command(True, 4, ID), 1)[0] is S3pError.COMMAND
    assert ask(firmware, Command(False, 4, 5))[0] is S3pError.COMMAND
    assert ask(firmware, Command(True, 4, TAR), 0x20000000) == (S3pError.OK, 0)
    assert ask(firmware, Command(False, 4, TAR)) == (S3pError.OK, 0x20000000)
    assert Firmware(Memory(()), ()).exchange(Command(False, 1, 0, extended=True).encode()) == b"\x02"


def test_index_goes_on_until_variable_direction_or_csw_change() -> None:
    firmware = pair()[0]
    read = Command(False, 4, 0, extended=True)
    ask(firmware, Command(True, 4, CSW), 0x20000007)
    assert [ask(firmware, read)[1] for _ in range(2)] == [1, 2]
    assert ask(firmware, Command(False, 2, 5, extended=True))[1] == 0x1234
    assert ask(firmware, read)[1] == 1, "another variable was read in between"
    assert ask(firmware, replace(read, write=True), 9) == (S3pError.OK, 0x0)
    assert ask(firmware, read)[1] == 9, "the direction changed twice"
    ask(firmware, Command(True, 4, CSW), 0x20000007)
    assert [ask(firmware, read) for _ in range(4)] == [
        (S3pError.OK, 9),
        (S3pError.OK, 2),
        (S3pError.OK, 0xFFFFFFFF),
        (S3pError.RIGHTS, 0),
    ]
    ask(firmware, Command(True, 4, CSW), 0x20000003)
    assert [ask(firmware, read)[1] for _ in range(2)] == [9, 9], "without auto-increment it stays"


def test_damaged_write_changes_nothing() -> None:
    firmware = pair()[0]
    frame = bytearray(Command(True, 4, 0, extended=True).encode(5))
    frame[-1] ^= 1
    assert firmware.exchange(bytes(frame)) == b"\x83"
    assert ask(firmware, Command(False, 4, 0, extended=True))[1] == 1

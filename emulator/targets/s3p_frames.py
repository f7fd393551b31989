"""Frames of S3P, the two-wire protocol between a Tap and firmware that shows its variables.

An exchange has two phases: the command, and the answer. Bits go least significant first, so values are little-endian.

=======  ==================================================================================================
byte     bits
=======  ==================================================================================================
command  7 write, 6-5 log2 of the bytes, 4 extended, 3 parity, 2-0 address
second   7 parity, 6-0 bits 9-3 of the address; only if extended
ACK      7 parity, 6-0 error
=======  ==================================================================================================

Each of these bytes has an odd number of ones. A value is followed by a checksum: the complement of the sum of all bytes
before it, and for an answer of those of its command too, without the command's own checksum and value.

Source: the vendor's library for targets, Arduino-Tap 1.1.1 (the position of the parity in the command byte is the only
bit that it leaves).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

_WRITE: Final = 0x80
_EXTENDED: Final = 0x10
_COMMAND_PARITY: Final = 0x08
_PARITY: Final = 0x80
_SIZES: Final = {1: 0, 2: 1, 4: 2}

MAX_ADDRESS: Final = 0x3FF


class S3pError(IntEnum):
    """What firmware answers."""

    OK = 0
    DEVICE = 1
    COMMAND = 2
    COMMUNICATION = 3
    RIGHTS = 4
    UNKNOWN = 0x7F


class DroppedError(Exception):
    """A frame is damaged so that the other side cannot even answer."""


@dataclass(frozen=True, slots=True)
class Command:
    """What the Tap wants.

    Args:
        unit: bytes of the value: 1, 2 or 4.
        address: register 0..7; extended a variable 0..1023.
        extended: the address is that of a variable.
    """

    write: bool
    unit: int
    address: int
    extended: bool = False

    def __post_init__(self) -> None:
        if self.unit not in _SIZES or not 0 <= self.address <= (MAX_ADDRESS if self.extended else 7):
            raise ValueError(f"no S3P command: {self}")

    @property
    def head(self) -> bytes:
        """Its one or two command bytes."""
        first = (_WRITE if self.write else 0) | _SIZES[self.unit] << 5 | self.address & 7
        if not self.extended:
            return bytes([_odd(first, _COMMAND_PARITY)])
        return bytes([_odd(first | _EXTENDED, _COMMAND_PARITY), _odd(self.address >> 3, _PARITY)])

    def encode(self, value: int = 0) -> bytes:
        """First phase: the command bytes, and for a write value and checksum."""
        if not self.write:
            return self.head
        data = self.head + value.to_bytes(self.unit, "little")
        return data + _checksum(data)


@dataclass(frozen=True, slots=True)
class Received:
    """A first phase as firmware reads it.

    Args:
        intact: the checksum is right; if not, the answer is `S3pError.COMMUNICATION`.
    """

    command: Command
    value: int = 0
    intact: bool = True


def read_command(data: bytes) -> Received:
    """Reads a first phase.

    Raises:
        DroppedError: parity or length is wrong, so firmware drops the frame.
    """
    if not data or not _is_odd(data[0]):
        raise DroppedError("parity of the command")
    extended = bool(data[0] & _EXTENDED)
    head = data[: 2 if extended else 1]
    if extended and (len(head) < 2 or not _is_odd(head[1])):
        raise DroppedError("parity of the second byte")
    address = data[0] & 7 | ((head[1] & 0x7F) << 3 if extended else 0)
    unit = 1 << (data[0] >> 5 & 3)
    if unit not in _SIZES:
        raise DroppedError(f"{unit} bytes")
    command = Command(bool(data[0] & _WRITE), unit, address, extended)
    rest = data[len(head) :]
    if len(rest) != (unit + 1 if command.write else 0):
        raise DroppedError(f"{len(rest)} bytes after the command")
    if not command.write:
        return Received(command)
    return Received(command, int.from_bytes(rest[:unit], "little"), rest[unit:] == _checksum(data[:-1]))


def encode_answer(command: Command, error: S3pError, value: int = 0) -> bytes:
    """Second phase: the ACK, and after a read without error value and checksum."""
    ack = bytes([_odd(error, _PARITY)])
    if error or command.write:
        return ack
    data = ack + value.to_bytes(command.unit, "little")
    return data + _checksum(command.head + data)


def read_answer(command: Command, data: bytes) -> tuple[S3pError, int]:
    """Reads a second phase; the value is 0 where there is none.

    A wrong parity, length or checksum is `S3pError.COMMUNICATION`, an error that nobody knows `S3pError.UNKNOWN`.
    """
    if not data or not _is_odd(data[0]):
        return S3pError.COMMUNICATION, 0
    number = data[0] & 0x7F
    error = S3pError(number) if number in list(S3pError) else S3pError.UNKNOWN
    value = data[1:-1]
    if error or command.write:
        return (error, 0) if len(data) == 1 else (S3pError.COMMUNICATION, 0)
    if len(value) != command.unit or data[-1:] != _checksum(command.head + data[:-1]):
        return S3pError.COMMUNICATION, 0
    return S3pError.OK, int.from_bytes(value, "little")


def to_bits(data: bytes) -> list[int]:
    """The bits in the order in which they are on the wire."""
    return [byte >> bit & 1 for byte in data for bit in range(8)]


def from_bits(bits: list[int]) -> bytes:
    """The bytes of whole groups of eight bits."""
    return bytes(sum(bit << place for place, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))


def _checksum(data: bytes) -> bytes:
    return bytes([~sum(data) & 0xFF])


def _is_odd(byte: int) -> bool:
    return byte.bit_count() % 2 == 1


def _odd(byte: int, parity: int) -> int:
    return byte if _is_odd(byte) else byte ^ parity

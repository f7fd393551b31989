"""Writes what went over connections as a capture file that Wireshark opens.

Classic pcap with raw IPv4 packets. Hosts, ports and TCP are made up, since a connection may have gone over a serial
line: each has a handshake, numbered and acknowledged segments with right checksums, and an end.
"""

import struct
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final

from protocol.codes import TCP_PORT

_HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFF, 101)
"""Times in microseconds, packets up to 64 KiB, link type RAW: packets begin with their IP header."""
_HOST: Final = bytes((10, 0, 0, 1))
_TAP: Final = bytes((10, 0, 0, 2))
_FIRST_PORT: Final = 40_000
_PORTS: Final = 20_000
_SEGMENT: Final = 1460
"""Bytes of data in a segment at the most."""
_WINDOW: Final = 0xFFFF
_TCP: Final = 6
_FIN, _SYN, _PSH, _ACK = 1, 2, 8, 16


class Side(Enum):
    """Who sends."""

    HOST = "host"
    TAP = "tap"

    @property
    def other(self) -> "Side":
        """Who receives."""
        return Side.TAP if self is Side.HOST else Side.HOST


class Capture:
    """A capture file that is being written; what is written is there at once.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb")
        self._file.write(_HEADER)
        self._file.flush()
        self._connections = 0
        self._packets = 0

    def connection(self, time: float) -> "CapturedConnection":
        """A host connects. Times are in seconds since 1970."""
        self._connections += 1
        return CapturedConnection(self, _FIRST_PORT + self._connections % _PORTS, time)

    def packet(self, time: float, source: bytes, target: bytes, segment: bytes) -> None:
        """Writes a TCP segment as an IP packet."""
        self._packets += 1
        size = 20 + len(segment)
        header = struct.pack(">BBHHHBBH", 0x45, 0, size, self._packets & 0xFFFF, 0x4000, 64, _TCP, 0) + source + target
        header = header[:10] + _checksum(header) + header[12:]
        seconds, micros = divmod(round(time * 1e6), 1_000_000)
        self._file.write(struct.pack("<IIII", seconds, micros, size, size) + header + segment)
        self._file.flush()

    def close(self) -> None:
        """Ends the file; closing again does nothing."""
        self._file.close()


class CapturedConnection:
    """One connection in a capture."""

    def __init__(self, capture: Capture, port: int, time: float) -> None:
        self._capture = capture
        self._ends = {Side.HOST: (_HOST, port), Side.TAP: (_TAP, TCP_PORT)}
        self._sent = {Side.HOST: 0x1000_0000, Side.TAP: 0x2000_0000}
        """Number of the next byte of each side."""
        self._open = True
        self._segment(time, Side.HOST, _SYN)
        self._segment(time, Side.TAP, _SYN | _ACK)
        self._segment(time, Side.HOST, _ACK)

    def data(self, time: float, side: Side, data: bytes) -> None:
        """One side sent bytes."""
        for start in range(0, len(data), _SEGMENT):
            self._segment(time, side, _PSH | _ACK, data[start : start + _SEGMENT])
        self._segment(time, side.other, _ACK)

    def close(self, time: float, side: Side) -> None:
        """One side ended the connection; ending it again does nothing."""
        if not self._open:
            return
        self._open = False
        self._segment(time, side, _FIN | _ACK)
        self._segment(time, side.other, _FIN | _ACK)
        self._segment(time, side, _ACK)

    def _segment(self, time: float, side: Side, flags: int, data: bytes = b"") -> None:
        (source, source_port), (target, target_port) = self._ends[side], self._ends[side.other]
        number = self._sent[side]
        heard = self._sent[side.other] if flags & _ACK else 0
        header = struct.pack(">HHIIBBHHH", source_port, target_port, number, heard, 5 << 4, flags, _WINDOW, 0, 0)
        pseudo = source + target + struct.pack(">HH", _TCP, len(header) + len(data))
        header = header[:16] + _checksum(pseudo + header + data) + header[18:]
        self._sent[side] = (number + len(data) + bool(flags & (_SYN | _FIN))) & 0xFFFF_FFFF
        self._capture.packet(time, source, target, header + data)


def _checksum(data: bytes) -> bytes:
    """Internet checksum of an even or odd number of bytes."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")

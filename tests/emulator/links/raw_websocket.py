"""WebSocket clients that say what they like: frames byte by byte, as no library would send them."""

import socket
import struct
from dataclasses import dataclass
from typing import Final

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK: Final = b"\x12\x34\x56\x78"
UPGRADE: Final = {
    "Host": "127.0.0.1",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def handshake(line: str = "GET / HTTP/1.1", **changes: str | None) -> bytes:
    """A request for a WebSocket; headers are changed, or left out, by their names with underscores."""
    headers = {**UPGRADE, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = [line, *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(
    data: bytes = b"",
    opcode: int = BINARY,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bool = True,
    size: int | None = None,
) -> bytes:
    """A frame; its header may say another size than it has."""
    size = len(data) if size is None else size
    head = bytes((fin << 7 | rsv << 4 | opcode,))
    if size < 126:
        head += bytes((mask << 7 | size,))
    elif size < 1 << 16:
        head += struct.pack(">BH", mask << 7 | 126, size)
    else:
        head += struct.pack(">BQ", mask << 7 | 127, size)
    return head + MASK + _masked(data) if mask else head + data


def _masked(data: bytes) -> bytes:
    return bytes(byte ^ MASK[at % 4] for at, byte in enumerate(data))


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of the server."""

    opcode: int
    data: bytes

    @property
    def closing(self) -> tuple[int, str]:
        """Code and reason of a closing frame."""
        assert self.opcode == CLOSE, self
        return int.from_bytes(self.data[:2], "big"), self.data[2:].decode()


class RawClient:
    """A connection; it reads frames, but sends what it is told. Its time-out only ends a test which would hang."""

    def __init__(self, address: tuple[str, int], *, upgrade: bool = True, buffer: int = 0) -> None:
        self.socket = socket.socket()
        self._read = b""
        if buffer:  # a small one is full soon
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                self.socket.setsockopt(socket.SOL_SOCKET, option, buffer)
        self.socket.settimeout(10)
        try:
            self.socket.connect(address)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if upgrade:
                self.send(handshake())
                assert self.status() == 101
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def status(self) -> int:
        """The status of an HTTP response; `text` has its body."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return int(head.split()[1])

    def text(self) -> str:
        """What comes until the end."""
        try:
            while True:
                self._more()
        except ConnectionError:
            pass
        return self._read.decode()

    def frame(self) -> Frame:
        """The next frame."""
        head = self._take(2)
        assert head[0] & 0xF0 == 0x80, "one frame a message, without extensions"
        size = head[1]
        if size == 126:
            size = int.from_bytes(self._take(2), "big")
        assert size < 126 or size > 126
        return Frame(head[0] & 0x0F, self._take(size))

    def over(self) -> bool:
        """Waits for the other side to end the connection; False if it sends something instead."""
        try:
            return not self._read and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            self._more()
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the connection is over")
        self._read += data

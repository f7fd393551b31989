"""An MQTT 3.1.1 broker in the hands of a test: it says what no honest broker says, or nothing at all."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 12, 14
_SUBACK, _PINGRESP = 0x90, 0xD0


def packet(first: int, body: bytes) -> bytes:
    """A control packet: first byte, remaining length, body."""
    length, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length += bytes([digit | (0x80 if rest else 0)])
        if not rest:
            return bytes([first]) + length + body


def text(value: str | bytes) -> bytes:
    """A string with its length."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def publish(
    topic: str | bytes, payload: bytes, *, dup: bool = False, retain: bool = False, qos: int = 0, id: int = 1
) -> bytes:
    """A PUBLISH packet."""
    first = PUBLISH << 4 | dup << 3 | qos << 1 | retain
    return packet(first, text(topic) + (struct.pack("!H", id) if qos else b"") + payload)


@dataclass
class Login:
    """What a client says of itself in CONNECT."""

    client_id: str
    username: str | None
    password: str | None
    keep_alive: int
    clean: bool
    will: bool

    @classmethod
    def read(cls, body: bytes) -> "Login":
        assert body[:7] == b"\x00\x04MQTT\x04", body[:7]
        flags, keep_alive, rest = body[7], struct.unpack_from("!H", body, 8)[0], body[10:]
        texts = []
        for present in (True, bool(flags & 0x80), bool(flags & 0x40)):
            size = struct.unpack_from("!H", rest)[0] if present else 0
            texts.append(rest[2 : 2 + size].decode() if present else None)
            rest = rest[2 + size :] if present else rest
        client_id, username, password = texts
        assert client_id is not None
        return cls(client_id, username, password, keep_alive, bool(flags & 2), bool(flags & 4))


@dataclass
class LyingBroker:
    """Takes one client after the other.

    Args:
        connack: return code of CONNECT; None does not answer.
        suback: return code of SUBSCRIBE; None does not answer.
        greeting: is sent as soon as somebody has subscribed.
        respond: makes the bytes that are sent back for a message that was published.
    """

    connack: int | None = 0
    suback: int | None = 0
    greeting: bytes = b""
    respond: Callable[[bytes], bytes] = lambda message: b""
    port: int = 0
    logins: list[Login] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)
    published: list[tuple[str, bytes]] = field(default_factory=list)
    goodbyes: int = 0
    clients: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def send(self, data: bytes) -> None:
        """Sends bytes to the client that came last."""
        self.clients[-1].sendall(data)

    def drop(self) -> None:
        """Cuts the client off, unless it has gone by itself."""
        with suppress(OSError):
            self.clients[-1].shutdown(socket.SHUT_RDWR)

    def serve(self, connection: socket.socket) -> None:
        """Until the client has gone."""
        self.clients.append(connection)
        with connection.makefile("rb") as stream:
            while head := stream.read(1):
                size = shift = 0
                while True:
                    digit = stream.read(1)[0]
                    size |= (digit & 0x7F) << shift
                    shift += 7
                    if digit < 0x80:
                        break
                self._answer(connection, head[0] >> 4, stream.read(size))

    def _answer(self, connection: socket.socket, kind: int, body: bytes) -> None:
        match kind:
            case 1:
                self.logins.append(Login.read(body))
                if self.connack is not None:
                    connection.sendall(bytes([0x20, 2, 0, self.connack]))
            case 3:
                size = struct.unpack_from("!H", body)[0]
                self.published.append((body[2 : 2 + size].decode(), body[2 + size :]))
                connection.sendall(self.respond(body[2 + size :]))
            case 8:
                size = struct.unpack_from("!H", body, 2)[0]
                self.subscriptions.append(body[4 : 4 + size].decode())
                if self.suback is not None:
                    connection.sendall(packet(_SUBACK, body[:2] + bytes([self.suback])) + self.greeting)
            case 12:
                connection.sendall(packet(_PINGRESP, b""))
            case 14:
                self.goodbyes += 1


@contextmanager
def lying(**behaviour: Any) -> Iterator[LyingBroker]:
    """A broker on a free port, in a thread."""
    broker = LyingBroker(**behaviour)
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker.port = server.getsockname()[1]
        stopped = threading.Event()

        def accept() -> None:
            while True:
                connection, _ = server.accept()
                with connection, suppress(OSError, IndexError):
                    if stopped.is_set():
                        return
                    broker.serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield broker
        finally:
            stopped.set()
            for client in broker.clients:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", broker.port)).close()
            thread.join()

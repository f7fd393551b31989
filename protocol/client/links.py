"""Links: how a request gets to a Tap and its answer back, opened by URL.

A link moves the bytes of one APDU each way and knows nothing of sessions. A further transport is a class here, or in
a module of its own, and a line in `_OPENERS`. `protocol.client.links_aio` has the same for asyncio.

On a byte stream nothing says how long an answer is, since the protocol has no prefix for it. So a stream link reads
until `is_complete` says so, or until the time is over.
"""

import socket
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

from protocol.apdu import HEADER_SIZE, StatusWord, build_status
from protocol.client.calls import find_call
from protocol.codes import TCP_PORT
from protocol.crypto import BLOCK
from protocol.errors import IntegrityError, ProtocolError, UsageError
from protocol.frames import Request

READ_SIZE: Final = 4096
MAX_ANSWER: Final = 1024
"""Bytes that no answer reaches; a peer that sends more without an end is cut off."""
OK: Final = build_status(StatusWord.OK)

_CODE_AND_STATUS: Final = 3
"""Bytes around the body of an answer: result code and status word."""
_CARRIERS: Final = tuple(
    bytes(Request(carrier.call.method, carrier.resource.path()))
    for carrier in (find_call("scram.send"), find_call("scram.send_with_iv"))
)


class LinkError(ConnectionError, ProtocolError):
    """There is no connection, or no answer came in time; the message names the address and the reason."""


class Link(Protocol):
    """One open connection to a Tap. After an error it is of no use but to be closed."""

    def send(self, request: bytes) -> None:
        """Sends one request.

        Raises:
            LinkError: the connection is lost, or bytes came that nobody asked for.
        """
        ...

    def receive(self) -> bytes:
        """The answer to the request sent last.

        Raises:
            LinkError: the connection is lost, or the answer is not complete in time.
            IntegrityError: the peer sends without end.
        """
        ...

    def close(self) -> None:
        """Ends the connection; closing again does nothing."""
        ...


class MemoryPeer(Protocol):
    """A Tap in the same process. Each method may raise `ConnectionError`, for example because the Tap reboots."""

    def connect(self) -> None:
        """A client connects."""
        ...

    def receive(self, data: bytes) -> list[bytes]:
        """Takes a request and returns what is sent back, each answer in one piece."""
        ...

    def close(self) -> None:
        """The client has gone."""
        ...


class TcpLink:
    """Raw APDUs over TCP.

    Args:
        timeout: seconds for the connection to be made, and for each answer to be complete.

    Raises:
        LinkError: nobody listens there.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.url = tcp_url(host, port)
        self._timeout = timeout
        self._request = b""
        with self._link_errors():
            self._socket = socket.create_connection((host, port), timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        """Sends one request, once it has seen that the line is silent: a stray answer must not become the next one."""
        with self._link_errors():
            self._socket.settimeout(0)
            try:
                stray = self._socket.recv(READ_SIZE)
            except BlockingIOError:
                self._socket.settimeout(self._timeout)
                self._socket.sendall(request)
                self._request = request
            else:
                raise stray_error(self.url, stray)

    def receive(self) -> bytes:
        """Reads until the answer is complete."""
        received = b""
        deadline = time.monotonic() + self._timeout
        with self._link_errors():
            while not is_complete(self._request, received):
                check_length(self.url, received)
                self._socket.settimeout(max(deadline - time.monotonic(), 1e-6))
                try:
                    piece = self._socket.recv(READ_SIZE)
                except TimeoutError:
                    return salvage(self.url, received, self._timeout)
                if not piece:
                    raise lost_error(self.url, received)
                received += piece
        return received

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    @contextmanager
    def _link_errors(self) -> Iterator[None]:
        try:
            yield
        except ProtocolError:
            raise
        except OSError as error:
            raise LinkError(f"{self.url}: {error.strerror or error}") from error


class MemoryLink:
    """Talks to a peer in the same process, without socket and without waiting.

    Raises:
        LinkError: the peer takes no connection.
    """

    def __init__(self, peer: MemoryPeer, name: str = "") -> None:
        self.url = f"mem://{name}"
        self._peer: MemoryPeer | None = peer
        self._answers: list[bytes] = []
        with self._link_errors():
            peer.connect()

    def send(self, request: bytes) -> None:
        """Hands the request to the peer, which answers at once."""
        if self._peer is None:
            raise lost_error(self.url)
        if self._answers:
            raise stray_error(self.url, b"".join(self._answers))
        with self._link_errors():
            self._answers = self._peer.receive(request)

    def receive(self) -> bytes:
        """The first thing that the peer sent back."""
        if not self._answers:
            raise LinkError(f"{self.url}: no answer")
        return self._answers.pop(0)

    def close(self) -> None:
        """Tells the peer."""
        peer, self._peer = self._peer, None
        self._answers = []
        if peer is not None:
            peer.close()

    @contextmanager
    def _link_errors(self) -> Iterator[None]:
        try:
            yield
        except ConnectionError as error:
            raise LinkError(f"{self.url}: {error}") from error


# --- the rule of a byte stream, shared with asyncio ---------------------------------------------------------------


def is_complete(request: bytes, received: bytes) -> bool:
    """Whether these bytes of a stream are the whole answer to this request.

    An answer ends with 9000, or it is a bare status word 6xxx. The bytes 9000 may occur inside it too, so an answer
    that the network cuts exactly there is taken for complete. Taps send each answer in one piece, which makes that
    rare. Encrypted answers, whose bytes are random, also have to have whole cipher blocks.
    """
    if len(received) == len(OK) and received[0] >> 4 == 0x6:
        return True
    if not received.endswith(OK):
        return False
    if not request.startswith(_CARRIERS, HEADER_SIZE):
        return True
    blocks, rest = divmod(len(received) - _CODE_AND_STATUS, BLOCK)
    return rest == 0 and (blocks > 0 or received[0] >= 0x80)


def check_length(url: str, received: bytes) -> None:
    """Stops a peer that sends without end.

    Raises:
        IntegrityError: no answer is that long.
    """
    if len(received) >= MAX_ANSWER:
        raise IntegrityError(f"{url}: {len(received)} bytes came and no end of the answer")


def salvage(url: str, received: bytes, timeout: float) -> bytes:
    """What to do when the time is over: an answer of strange length that ends properly is for the session to judge.

    Raises:
        LinkError: the answer is missing, or was cut.
    """
    if received.endswith(OK):
        return received
    part = f"; {len(received)} bytes of one came" if received else ""
    raise LinkError(f"{url}: no answer within {timeout:g} s{part}")


def lost_error(url: str, received: bytes = b"") -> LinkError:
    """The connection has ended, maybe inside an answer."""
    part = f" after {len(received)} bytes of an answer" if received else ""
    return LinkError(f"{url}: the connection is closed{part}")


def stray_error(url: str, stray: bytes) -> LinkError:
    """Something waits to be read before anything was asked: bytes, or the end of the connection."""
    if not stray:
        return lost_error(url)
    return LinkError(f"{url}: {len(stray)} bytes came that nobody asked for")


# --- URLs -----------------------------------------------------------------------------------------------------------


def split_url(url: str, known: Collection[str]) -> SplitResult:
    """The parts of a link's URL.

    Raises:
        UsageError: it is none, or its transport is not among the known ones.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{url}: {error}") from error
    if parts.scheme not in known:
        raise UsageError(f"{url}: unknown link, expected one of {', '.join(f'{scheme}://' for scheme in known)}")
    return parts


def tcp_address(url: SplitResult) -> tuple[str, int]:
    """Host and port; the defaults are those of the emulator."""
    return url.hostname or "127.0.0.1", TCP_PORT if url.port is None else url.port


def tcp_url(host: str, port: int) -> str:
    """The URL of a TCP address."""
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


_memory_peers: Final[dict[str, Callable[[], MemoryPeer]]] = {}


def register_memory_peer(name: str, factory: Callable[[], MemoryPeer]) -> None:
    """Makes ``mem://name`` a link to what the factory returns, called anew for each connection."""
    _memory_peers[name] = factory


def unregister_memory_peer(name: str) -> None:
    """Forgets a name; connections that are open stay."""
    _memory_peers.pop(name, None)


def memory_peer(url: SplitResult) -> MemoryPeer:
    """The peer that a ``mem://`` URL names.

    Raises:
        LinkError: nobody has that name.
    """
    factory = _memory_peers.get(url.netloc)
    if factory is None:
        raise LinkError(f"{url.geturl()}: no peer of this process has that name")
    return factory()


_OPENERS: Final[dict[str, Callable[[SplitResult, float], Link]]] = {
    "tcp": lambda url, timeout: TcpLink(*tcp_address(url), timeout),
    "mem": lambda url, timeout: MemoryLink(memory_peer(url), url.netloc),
}


def open_link(url: str, timeout: float) -> Link:
    """Opens the link that a URL names.

    Args:
        timeout: seconds for the connection to be made, and for each answer.

    Raises:
        UsageError: it is no URL of a known transport.
        LinkError: nobody is there.
    """
    parts = split_url(url, _OPENERS)
    return _OPENERS[parts.scheme](parts, timeout)

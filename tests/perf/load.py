"""The load: clients that send prepared requests and check every answer byte by byte.

The same code drives the Tap and the echo server, so what it costs itself is on both sides of each ratio.
"""

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from protocol.apdu import build_answer, build_request, split_answer
from protocol.codes import Method, ResultCode
from protocol.crypto import ZERO_IV, FrameCipher
from protocol.frames import EncryptedFrame, Request, Response
from protocol.paths import Path
from tests.serving import Serving

_READ_SIZE = 4096
_FRAME_ID = 1


@dataclass(frozen=True, slots=True)
class Line:
    """A connection, the one request that it sends and the one answer that is right."""

    socket: socket.socket
    request: bytes
    answer: bytes

    def ask(self) -> None:
        """One request, and its whole answer."""
        self.socket.sendall(self.request)
        received = self.socket.recv(_READ_SIZE)
        while len(received) < len(self.answer):
            received += self.socket.recv(_READ_SIZE)
        if received != self.answer:
            raise ValueError(f"answer {received.hex()} instead of {self.answer.hex()}")


def clear_get(path: str) -> bytes:
    """The envelope of a GET."""
    return build_request(bytes(Request(Method.GET, Path.parse(path))))


def answered_value(answer: bytes) -> bytes:
    """The data of an answer."""
    return Response.from_bytes(split_answer(answer)).body


def encrypted_get(key: bytes, path: str) -> bytes:
    """The envelope of an encrypted GET; a Tap accepts the same frame any number of times (decision D8)."""
    inner = bytes(Request(Method.GET, Path.parse(path)))
    return build_request(bytes(Request(Method.GET, Path.parse("/1024//48"), _encrypted(key, inner))))


def encrypted_answer(key: bytes, value: bytes) -> bytes:
    """What a Tap has to answer to it."""
    inner = build_answer(bytes(Response(ResultCode.OK, value)))
    return build_answer(bytes(Response(ResultCode.OK, _encrypted(key, inner))))


def _encrypted(key: bytes, payload: bytes) -> bytes:
    return FrameCipher(key).encrypt(ZERO_IV, EncryptedFrame(_FRAME_ID, payload).plaintext())


def conversation(ask: Callable[[bytes], bytes], path: str) -> tuple[bytes, bytes]:
    """Agrees on a session key and returns an encrypted GET with the answer that it has to get.

    Args:
        ask: sends a request and returns its answer.
    """
    value = answered_value(ask(clear_get(path)))
    key = answered_value(ask(clear_get("/1024//47")))
    return encrypted_get(key, path), encrypted_answer(key, value)


@contextmanager
def lines_to_tap(tap: Serving, count: int, path: str) -> Iterator[list[Line]]:
    """Connections with a session key each."""

    def ask(request: bytes) -> bytes:
        connection.sendall(request)
        return connection.recv(_READ_SIZE)

    with ExitStack() as stack:
        lines = []
        for _ in range(count):
            connection = stack.enter_context(tap.connect())
            lines.append(Line(connection, *conversation(ask, path)))
        yield lines


@contextmanager
def lines_to_echo(echo: Serving, count: int, request: bytes, answer: bytes) -> Iterator[list[Line]]:
    """Connections to the yardstick."""
    with ExitStack() as stack:
        yield [Line(stack.enter_context(echo.connect()), request, answer) for _ in range(count)]


def latencies(line: Line, seconds: float) -> list[float]:
    """Seconds from each request to its answer, one after the other over one connection."""
    measured = []
    before = time.perf_counter()
    end = before + seconds
    while before < end:
        line.ask()
        after = time.perf_counter()
        measured.append(after - before)
        before = after
    return measured


def rush(lines: list[Line], requests: int, patience: float) -> int:
    """Has every connection make so many requests, all connections at once.

    Args:
        patience: seconds without any answer after which what is missing is lost.

    Returns:
        How many right answers came.
    """
    left = dict.fromkeys(lines, requests)
    answered = 0
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.socket.sendall(line.request)
        while selector.get_map():
            ready = selector.select(patience)
            if not ready:
                break
            for key, _ in ready:
                line = key.data
                answered += line.socket.recv(_READ_SIZE) == line.answer
                left[line] -= 1
                if left[line]:
                    line.socket.sendall(line.request)
                else:
                    selector.unregister(line.socket)
    return answered


def throughput(lines: list[Line], seconds: float) -> float:
    """Answers per second over all connections, with one request in flight on each."""
    answered = 0

    def check(line: Line) -> None:
        received = line.socket.recv(_READ_SIZE)
        if received != line.answer:
            raise ValueError(f"answer {received.hex()} instead of {line.answer.hex()}")

    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.socket.sendall(line.request)
        start = now = time.perf_counter()
        while now < start + seconds:
            for key, _ in selector.select():
                line = key.data
                check(line)
                line.socket.sendall(line.request)
                answered += 1
            now = time.perf_counter()
    for line in lines:
        check(line)
    return answered / (now - start)

"""Cuts the two byte streams of a connection into requests and their answers, however they were segmented.

A request says how long it is; an answer does not. So what comes from the Tap belongs to the request that waits for it,
until the host sends the next one. Where several requests wait, an answer ends at the first place where its end fits
what was asked.
"""

from collections import deque
from typing import Final, NamedTuple

from protocol import apdu
from protocol.client.links.base import MAX_ANSWER, OK, is_complete
from protocol.errors import PeerError, ProtocolError
from protocol.frames import Request, Response
from protocol.resources.registry import find_entry


class Exchange(NamedTuple):
    """A request and what came back, as they were on the way."""

    asked: float
    """When the request was complete, in seconds."""
    answered: float | None
    """When the last byte of the answer came; None if none did."""
    request: bytes
    """Empty where the Tap sent something that nobody had asked for."""
    answer: bytes
    cut: bool = False
    """The request is not complete: the connection ended in it."""


class RequestCutter:
    """Cuts what a host sends into complete envelopes, as raw bytes."""

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def pending(self) -> bytes:
        """The beginning of an envelope that is not complete yet."""
        return self._buffer

    def feed(self, data: bytes) -> list[bytes]:
        """Takes the next bytes and returns the envelopes that they complete, in order."""
        self._buffer += data
        found = []
        while (size := self._size()) is not None:
            found.append(self._buffer[:size])
            self._buffer = self._buffer[size:]
        return found

    def release(self) -> bytes:
        """What is pending after all, if it is a pairing command: its tail may be missing, and another request come."""
        if not self._buffer.startswith(apdu.NFC_SELECT):
            return b""
        released, self._buffer = self._buffer, b""
        return released

    def _size(self) -> int | None:
        """Bytes of the first envelope; None while it is not complete."""
        buffer = self._buffer
        if len(buffer) < apdu.HEADER_SIZE or len(buffer) < (size := apdu.HEADER_SIZE + buffer[4]):
            return None
        if buffer[:size] != apdu.NFC_SELECT:
            return size
        tail = buffer[size : size + len(apdu.NFC_SELECT_TAIL)]
        if tail == apdu.NFC_SELECT_TAIL:
            return size + len(tail)
        return None if apdu.NFC_SELECT_TAIL.startswith(tail) else size


class Cutter:
    """Pairs the requests of a connection with their answers."""

    def __init__(self) -> None:
        self._requests = RequestCutter()
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._answer = b""
        self._answered: float | None = None

    def host(self, time: float, data: bytes) -> list[Exchange]:
        """The host sent bytes."""
        done = self.settle()
        self._waiting += [(time, request) for request in self._requests.feed(data)]
        return done

    def tap(self, time: float, data: bytes) -> list[Exchange]:
        """The Tap sent bytes."""
        if not self._waiting and (pairing := self._requests.release()):
            self._waiting.append((time, pairing))
        self._answer += data
        self._answered = time
        done = []
        while len(self._waiting) > 1 and (size := _first_fit(self._waiting[0][1], self._answer)) is not None:
            done.append(self._take(size))
        return done

    @property
    def settled(self) -> bool:
        """Whether what has come so far looks like the whole answer to the last request."""
        if not self._answer:
            return False
        return not self._waiting or (len(self._waiting) == 1 and is_complete(self._waiting[0][1], self._answer))

    def settle(self) -> list[Exchange]:
        """The exchange that is over as far as can be seen, because the host goes on or the line is silent."""
        return [self._take(len(self._answer))] if self.settled or len(self._answer) > MAX_ANSWER else []

    def end(self, time: float) -> list[Exchange]:
        """The connection is over: what is left, answered or not."""
        done = self.settle()
        while len(self._waiting) > 1 and (size := _first_end(self._waiting[0][1], self._answer)) is not None:
            done.append(self._take(size))
        while self._waiting or self._answer:
            done.append(self._take(len(self._answer)))
        if self._requests.pending:
            done.append(Exchange(time, None, self._requests.pending, b"", cut=True))
        return done

    def _take(self, size: int) -> Exchange:
        asked, request = self._waiting.popleft() if self._waiting else (self._answered or 0.0, b"")
        answer, self._answer = self._answer[:size], self._answer[size:]
        return Exchange(asked, self._answered if answer else None, request, answer)


def _ends(request: bytes, stream: bytes) -> list[int]:
    """Where the answer to a request may end in what the Tap sent."""
    ends = [len(OK)] if stream[:1] and stream[0] >> 4 == 0x6 and len(stream) >= len(OK) else []
    position = stream.find(OK)
    while position >= 0:
        if is_complete(request, stream[: position + len(OK)]):
            ends.append(position + len(OK))
        position = stream.find(OK, position + 1)
    return sorted(ends)


def _first_end(request: bytes, stream: bytes) -> int | None:
    return next(iter(_ends(request, stream)), None)


def _first_fit(request: bytes, stream: bytes) -> int | None:
    return next((end for end in _ends(request, stream) if _fits(request, stream[:end])), None)


_STATUS_SIZE: Final = len(OK)


def _fits(request: bytes, answer: bytes) -> bool:
    """Whether this can be the whole answer: a refusal without data, or data as the resource gives it."""
    if len(answer) <= _STATUS_SIZE:
        return True
    response = Response.from_bytes(answer[:-_STATUS_SIZE])
    if not response.success or not response.body:
        return not response.body
    try:
        asked = Request.from_bytes(request[apdu.HEADER_SIZE :])
        entry = find_entry(asked.method, asked.path)
        if entry is not None and entry.call.response is not None:
            entry.call.response.decode(response.body)
    except (PeerError, ProtocolError):
        return False
    return True

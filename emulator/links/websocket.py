"""``ws://host:port``: raw APDUs in WebSocket messages, as the vendor's web client sends them.

A binary message is one APDU. So is a text message, a byte per character (U+0000 to U+00FF), and it is answered with
text. Where messages are cut differently their bytes are taken as a stream, as over TCP; each answer is one message.

Framing is left to the ``websockets`` library without its I/O (its Sans-I/O layer): what was read is then answered
before the event loop gets to anything else, without a task and a queue for each connection.
"""

import asyncio
import codecs
from collections.abc import Callable, Collection
from contextlib import suppress
from http import HTTPStatus
from typing import Final

import structlog
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from emulator.links.base import Host, Pipe, Receiver
from emulator.links.listening import CLOSE_TIME, ListeningLink
from emulator.links.origins import is_welcome, read_origin
from emulator.links.tcp import reset
from protocol.codes import HostProtocol
from protocol.urls import LinkUrl, Option, Options, integer

log = structlog.get_logger("tap")

_PORT: Final = 2080
_PING_TIME: Final = 20
"""Seconds of silence after which a client is asked whether it is still there; it has as many to answer."""
_HANDSHAKE_TIME: Final = 5.0
"""Seconds that a client has to ask for a WebSocket: as many as for the rest of an APDU."""
_LARGEST_MESSAGE: Final = 4096
"""Bytes. An APDU has 260 at most."""
_MOST_IN_LIMBO: Final = 256
"""Connections that are not open yet, or not gone yet: as many as the Tap serves."""
_MOST_ORIGINS_TOLD: Final = 16
"""Refused origins that get a line in the log."""

_OPTIONS: Final[Options] = {
    "origin": Option(read_origin, "an origin such as https://app.example, or null, or *", (), repeated=True),
    "ping": integer(0, 3600, _PING_TIME),
}


class WebSocketLink(ListeningLink):
    """Listens for WebSockets, at any path.

    Args:
        port: 0 takes any free port; `url` then says which.
        origins: whose pages may connect, beside those that always may; ``*`` for all.
        ping: seconds of silence after which a client is asked whether it is still there; 0 for never.
    """

    scheme = "ws"
    protocol = HostProtocol.WEBSOCKET

    def __init__(self, host: str, port: int, origins: Collection[str] = (), ping: float = _PING_TIME) -> None:
        super().__init__(host, port)
        self.origins = frozenset(origins)
        self.ping = ping
        self._limbo: dict[_WebSocketConnection, None] = {}
        """Connections on their way in or out, the one that is so for the longest time first."""
        self._told: set[str] = set()

    @classmethod
    def from_url(cls, url: LinkUrl) -> "WebSocketLink":
        """The link of ``ws://host:port?origin=https://app.example&ping=20``."""
        options = url.options(_OPTIONS)
        return cls(*url.address("127.0.0.1", _PORT), options["origin"], options["ping"])

    async def pause(self) -> None:
        """Gives the port back. Connections on their way out have the usual time for it."""
        await super().close()

    async def close(self) -> None:
        """Gives the port back, and waits for nobody."""
        await self.pause()
        for connection in self._limbo:
            connection.cut()

    def _connection(self, host: Host, buffer: memoryview) -> asyncio.BaseProtocol:
        return _WebSocketConnection(self, host, buffer)

    def enter_limbo(self, connection: "_WebSocketConnection") -> None:
        """A connection begins, or ends. The slowest makes room if there are too many."""
        self.leave_limbo(connection)
        self._limbo[connection] = None
        if len(self._limbo) > _MOST_IN_LIMBO:
            slowest = next(iter(self._limbo))
            self.leave_limbo(slowest)
            slowest.cut()

    def leave_limbo(self, connection: "_WebSocketConnection") -> None:
        """A connection is open, or gone."""
        self._limbo.pop(connection, None)

    def tell_refused(self, origin: str) -> None:
        """Logs once whose pages may not connect."""
        if origin not in self._told and len(self._told) < _MOST_ORIGINS_TOLD:
            self._told.add(origin)
            log.warning("page refused", link=self.url, origin=ascii(origin[:100]), allow_with="?origin=...")


class _WebSocketConnection(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self, link: WebSocketLink, host: Host, buffer: memoryview) -> None:
        self._link = link
        self._host = host
        self._buffer = buffer
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._websocket = ServerProtocol(max_size=_LARGEST_MESSAGE)  # without extensions, so without compression
        self._receiver: Receiver | None = None
        self._decode: Callable[[bytes, bool], str] | None = None
        """Decodes the text of the last message; None if it was binary."""
        self._leaving = False
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0
        """When something came, in the time of the event loop."""
        self._pinged = False
        """It was asked whether it is still there, and nothing came since."""

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._link.enter_limbo(self)
        self._after(_HANDSHAKE_TIME, self.cut)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._websocket.state is State.CONNECTING:
            reason = self._websocket.handshake_exc or "refused, or no handshake in time"
            log.debug("no WebSocket", link=self._link.url, reason=str(reason))
        self._websocket.receive_eof()
        self._lose()
        self._link.leave_limbo(self)
        self._after(0, self.cut)

    def eof_received(self) -> None:
        self._websocket.receive_eof()
        self._leave()  # it may not read what was written

    def pause_writing(self) -> None:
        """The client does not read its answers: it gets no more until it does, and we keep no more of them."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def cut(self) -> None:
        """Ends the connection at once."""
        self._transport.abort()

    def _lose(self) -> None:
        """The Tap's connection is over. It is told later, since it may be about to end it itself."""
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            self._loop.call_soon(receiver.lost)

    def _leave(self) -> None:
        """The end has begun; it may take a moment."""
        if not self._leaving:
            self._leaving = True
            self._lose()
            self._link.enter_limbo(self)
            self._after(CLOSE_TIME, self.cut)

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        """Sets the one timer of the connection: for its handshake, then for pings, then for its end; 0 is never."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, action) if seconds else None

    # --- what comes in

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._heard, self._pinged = self._loop.time(), False
        data = bytes(self._buffer[:nbytes])
        while data and self._websocket.state is State.CONNECTING and not self._leaving:
            # Line by line, since frames that come with the handshake have to wait for its answer.
            end = data.find(b"\n") + 1 or len(data)
            self._websocket.receive_data(data[:end])
            data = data[end:]
            for request in self._websocket.events_received():
                assert isinstance(request, Request)
                self._websocket.send_response(self._respond(request))
            self._flush()
        self._websocket.receive_data(data)
        for frame in self._websocket.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode in DATA_OPCODES and self._receiver is not None:
                self._deliver(frame, self._receiver)
        self._flush()

    def _respond(self, request: Request) -> Response:
        """Answers a handshake."""
        response = self._websocket.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return response
        origin = request.headers.get("Origin")
        if not is_welcome(origin, ",".join(request.headers.get_all("Host")), self._link.origins):
            assert origin is not None
            self._link.tell_refused(origin)
            text = f"Pages of {origin} may not connect to this Tap unless it is started with\n"
            return self._websocket.reject(HTTPStatus.FORBIDDEN, f"{text}--listen '{self._link.url}?origin={origin}'\n")
        pipe: Pipe = self
        self._receiver = self._host.accept(self._link, pipe)
        if self._receiver is None:
            return self._websocket.reject(HTTPStatus.SERVICE_UNAVAILABLE, "The Tap takes no further connection now.\n")
        self._link.leave_limbo(self)
        self._after(self._link.ping, self._keep_alive)
        return response

    def _deliver(self, frame: Frame, receiver: Receiver) -> None:
        data = bytes(frame.data)
        if frame.opcode is Opcode.TEXT:
            self._decode = codecs.getincrementaldecoder("utf-8")().decode
        elif frame.opcode is Opcode.BINARY:
            self._decode = None
        try:
            if self._decode is not None:
                data = self._decode(data, frame.fin).encode("latin-1")
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
        except UnicodeEncodeError:
            self._fail(CloseCode.INVALID_DATA, "character above U+00FF, expected one byte per character")
        else:
            if data:
                receiver.received(data)

    def _keep_alive(self) -> None:
        """Asks a silent client whether it is still there, and drops one that has not answered."""
        silence = self._loop.time() - self._heard
        if self._pinged:
            self._fail(CloseCode.INTERNAL_ERROR, "no answer to a ping")
        elif silence < self._link.ping:
            self._after(self._link.ping - silence, self._keep_alive)
        else:
            self._pinged = True
            self._websocket.send_ping(b"")
            self._flush()
            self._after(self._link.ping, self._keep_alive)

    # --- what goes out

    def write(self, data: bytes) -> None:
        if self._websocket.state is State.OPEN:
            if self._decode is None:
                self._websocket.send_binary(data)
            else:
                self._websocket.send_text(data.decode("latin-1").encode())
            self._flush()

    def close(self) -> None:
        self._lose()
        if self._websocket.state is State.OPEN:
            self._websocket.send_close(CloseCode.NORMAL_CLOSURE if self._link.listening else CloseCode.GOING_AWAY)
            self._flush()
        if not self._link.listening:
            self._transport.close()  # nobody waits for the client any more

    def reset(self) -> None:
        self._lose()
        reset(self._transport)

    def _fail(self, code: CloseCode, reason: str) -> None:
        self._websocket.fail(code, reason)
        self._flush()

    def _flush(self) -> None:
        """Sends what the library has to send, and begins to end the connection if it has come to that."""
        if self._transport.is_closing():
            return
        for data in self._websocket.data_to_send():
            if data:
                self._transport.write(data)
            else:
                with suppress(OSError):  # the client has gone already
                    self._transport.write_eof()
        if self._websocket.close_expected():
            self._leave()

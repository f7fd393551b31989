"""``tcp://host:port``: raw APDUs, as the hardware speaks them on Wi-Fi."""

import asyncio
from typing import Final

from emulator.links.base import Host, LinkError, Pipe, Receiver
from protocol.codes import HostProtocol

_READ_SIZE: Final = 4096
"""Bytes taken from a connection at a time: enough for a dozen requests, too few to keep the others waiting."""
_CLOSE_TIME: Final = 1.0
"""Seconds that a closing connection has to take what was written before it is cut."""
_ACCEPTED_AT_ONCE: Final = 16
"""Connections that asyncio accepts before it looks at those that it has. Few, so that the end of old ones is noticed
before new ones exceed the limit of the Tap, and far fewer than the files that a process may have open."""
_WAITING: Final = 1024
"""Connections that may wait to be accepted."""


class TcpLink:
    """Listens on a TCP port.

    Args:
        port: 0 takes any free port; `url` then says which.
    """

    protocol = HostProtocol.WIFI

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where a client connects."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"tcp://{host}:{self._port}"

    async def open(self, host: Host) -> None:
        """Binds the port and accepts.

        Raises:
            LinkError: the port is in use, or the address is not ours.
        """
        try:
            self._server = await self._listen(host)
            self._port = self._server.sockets[0].getsockname()[1]
            if len({socket.getsockname()[1] for socket in self._server.sockets}) > 1:
                # A name with several addresses got a free port for each; a client knows only one.
                self._server.close()
                self._server = await self._listen(host)
        except OSError as error:
            raise LinkError(f"{self.url}: {error.strerror or error}") from error

    async def _listen(self, host: Host) -> asyncio.Server:
        buffer = memoryview(bytearray(_READ_SIZE))
        server = await asyncio.get_running_loop().create_server(
            lambda: _TcpConnection(self, host, buffer), self._host, self._port, backlog=_ACCEPTED_AT_ONCE
        )
        for listening in server.sockets:
            with listening.dup() as same:
                same.listen(_WAITING)
        return server

    async def close(self) -> None:
        """Gives the port back."""
        if self._server is not None:
            self._server.close()
            self._server = None


class _TcpConnection(asyncio.BufferedProtocol):
    """One connection. All connections of a link share one read buffer, since what is read is used at once."""

    def __init__(self, link: TcpLink, host: Host, buffer: memoryview) -> None:
        self._link = link
        self._host = host
        self._buffer = buffer
        self._transport: asyncio.Transport
        self._receiver: Receiver | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        pipe: Pipe = self
        self._receiver = self._host.accept(self._link, pipe)
        if self._receiver is None:
            transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._receiver is not None:
            self._receiver.received(bytes(self._buffer[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lost()

    def pause_writing(self) -> None:
        """The host does not read its answers: it gets no more until it does, and we keep no more of them."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def close(self) -> None:
        self._transport.close()
        asyncio.get_running_loop().call_later(_CLOSE_TIME, self._transport.abort)

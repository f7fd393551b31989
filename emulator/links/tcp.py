"""``tcp://host:port``: raw APDUs, as the hardware speaks them on Wi-Fi."""

import asyncio
import socket
import struct
from typing import Final

from emulator.links.base import Host, Link, Pipe, Receiver
from emulator.links.listening import CLOSE_TIME, ListeningLink
from protocol.codes import TCP_PORT, HostProtocol
from protocol.urls import LinkUrl

RESET_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""Value of SO_LINGER with which a socket that is closed sends RST."""


class TcpLink(ListeningLink):
    """Listens on a TCP port for raw APDUs."""

    scheme = "tcp"
    protocol = HostProtocol.WIFI

    @classmethod
    def from_url(cls, url: LinkUrl) -> "TcpLink":
        """The link of ``tcp://host:port``."""
        url.options({})
        return cls(*url.address("127.0.0.1", TCP_PORT))

    def _connection(self, host: Host, buffer: memoryview) -> "TcpConnection":
        return TcpConnection(self, host, buffer)


class TcpConnection(asyncio.BufferedProtocol):
    """One connection. All connections of a link share one read buffer, since what is read is used at once."""

    def __init__(self, link: Link, host: Host, buffer: memoryview) -> None:
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
        if not self._transport.is_closing():  # asyncio complains of what is written to a host that has gone
            self._transport.write(data)

    def close(self) -> None:
        self._transport.close()
        asyncio.get_running_loop().call_later(CLOSE_TIME, self._transport.abort)

    def reset(self) -> None:
        reset(self._transport)


def reset(transport: asyncio.Transport) -> None:
    """Ends a TCP connection with RST; what was written and not sent yet is lost."""
    if (own := transport.get_extra_info("socket")) is not None and not transport.is_closing():
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
    transport.abort()

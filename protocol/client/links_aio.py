"""Links for asyncio: the transports of `protocol.client.links`, and the same rules."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from urllib.parse import SplitResult

from protocol.client.links import (
    LinkError,
    MemoryLink,
    MemoryPeer,
    check_length,
    is_complete,
    lost_error,
    memory_peer,
    salvage,
    split_url,
    stray_error,
    tcp_address,
    tcp_url,
)


class AsyncLink(Protocol):
    """One open connection to a Tap. After an error it is of no use but to be closed."""

    async def send(self, request: bytes) -> None:
        """Sends one request.

        Raises:
            LinkError: the connection is lost, or bytes came that nobody asked for.
        """
        ...

    async def receive(self) -> bytes:
        """The answer to the request sent last.

        Raises:
            LinkError: the connection is lost, or the answer is not complete in time.
            IntegrityError: the peer sends without end.
        """
        ...

    def close(self) -> None:
        """Ends the connection; closing again does nothing."""
        ...


class AsyncTcpLink(asyncio.Protocol):
    """Raw APDUs over TCP; made by `open`."""

    def __init__(self, url: str, limit: float) -> None:
        self.url = url
        self._limit = limit
        self._request = b""
        self._received = b""
        self._lost = False
        self._news = asyncio.Event()
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, host: str, port: int, limit: float) -> "AsyncTcpLink":
        """Connects.

        Args:
            limit: seconds for the connection to be made, and for each answer to be complete.

        Raises:
            LinkError: nobody listens there.
        """
        link = cls(tcp_url(host, port), limit)
        try:
            async with asyncio.timeout(limit):
                await asyncio.get_running_loop().create_connection(lambda: link, host, port)
        except TimeoutError as error:
            raise LinkError(f"{link.url}: no connection within {limit:g} s") from error
        except OSError as error:
            raise LinkError(f"{link.url}: {error.strerror or error}") from error
        return link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._news.set()

    async def send(self, request: bytes) -> None:
        """Sends one request, once it has seen that the line is silent: a stray answer must not become the next one."""
        if self._received or self._lost:
            raise stray_error(self.url, self._received)
        self._request = request
        self._transport.write(request)

    async def receive(self) -> bytes:
        """Waits until the answer is complete."""
        try:
            async with asyncio.timeout(self._limit):
                while not is_complete(self._request, self._received):
                    check_length(self.url, self._received)
                    if self._lost:
                        raise lost_error(self.url, self._received)
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            salvage(self.url, self._received, self._limit)
        received, self._received = self._received, b""
        return received

    def close(self) -> None:
        """Ends the connection."""
        self._transport.abort()


class AsyncMemoryLink:
    """Talks to a peer in the same process, without socket and without waiting.

    Raises:
        LinkError: the peer takes no connection.
    """

    def __init__(self, peer: MemoryPeer, name: str = "") -> None:
        self._link = MemoryLink(peer, name)

    async def send(self, request: bytes) -> None:
        """Hands the request to the peer, which answers at once."""
        self._link.send(request)

    async def receive(self) -> bytes:
        """The first thing that the peer sent back."""
        return self._link.receive()

    def close(self) -> None:
        """Tells the peer."""
        self._link.close()


async def _open_tcp(url: SplitResult, limit: float) -> AsyncLink:
    return await AsyncTcpLink.open(*tcp_address(url), limit)


async def _open_memory(url: SplitResult, limit: float) -> AsyncLink:
    return AsyncMemoryLink(memory_peer(url), url.netloc)


_OPENERS: Final[dict[str, Callable[[SplitResult, float], Awaitable[AsyncLink]]]] = {
    "tcp": _open_tcp,
    "mem": _open_memory,
}


async def open_link(url: str, limit: float) -> AsyncLink:
    """Opens the link that a URL names.

    Args:
        limit: seconds for the connection to be made, and for each answer.

    Raises:
        UsageError: it is no URL of a known transport.
        LinkError: nobody is there.
    """
    parts = split_url(url, _OPENERS)
    return await _OPENERS[parts.scheme](parts, limit)

"""Links for asyncio: TCP of its own kind, every other transport in a thread, and the same rules."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from protocol.client.links.base import (
    Link,
    LinkError,
    check_length,
    is_complete,
    lost_error,
    salvage,
    stray_error,
)
from protocol.client.links.memory import MemoryLink, MemoryPeer, memory_peer
from protocol.client.links.opening import SCHEMES
from protocol.client.links.opening import open_link as open_blocking_link
from protocol.codes import TCP_PORT
from protocol.urls import LinkUrl, authority

T = TypeVar("T")


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
        link = cls(f"tcp://{authority(host, port)}", limit)
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


class AsyncThreadLink:
    """A blocking link that does its waiting in a thread of its own; made by `open`."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "tap-link")
        self._link: Link | None = None

    @classmethod
    async def open(cls, url: str, limit: float) -> "AsyncThreadLink":
        """Connects.

        Args:
            limit: seconds for the connection to be made, and for each answer to be complete.

        Raises:
            UsageError: it is no URL of a known transport.
            LinkError: nobody is there.
        """
        link = cls()
        opening = link._thread.submit(open_blocking_link, url, limit)
        try:
            link._link = await asyncio.wrap_future(opening)
        except BaseException:
            opening.add_done_callback(_close_late)
            link.close()
            raise
        return link

    async def send(self, request: bytes) -> None:
        """Sends one request."""
        await self._run(lambda link: link.send(request))

    async def receive(self) -> bytes:
        """The answer to the request sent last."""
        return await self._run(lambda link: link.receive())

    def close(self) -> None:
        """Ends the connection; the thread that still waits for an answer then stops waiting.

        A goodbye may take a moment here: a port is free for the next one only when it is closed.
        """
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._thread.shutdown(wait=False)

    async def _run(self, action: Callable[[Link], T]) -> T:
        if self._link is None:
            raise LinkError("the link is closed")
        return await asyncio.wrap_future(self._thread.submit(action, self._link))


def _close_late(opening: Future[Link]) -> None:
    """A connection that was made after nobody waited for it any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def open_link(url: str, limit: float) -> AsyncLink:
    """Opens the link that a URL names.

    Args:
        limit: seconds for the connection to be made, and for each answer.

    Raises:
        UsageError: it is no URL of a known transport, or has an option that the transport does not have.
        LinkError: nobody is there.
    """
    parts = LinkUrl.parse(url, SCHEMES)
    match parts.scheme:
        case "tcp":
            parts.options({})
            return await AsyncTcpLink.open(*parts.address("127.0.0.1", TCP_PORT), limit)
        case "mem":
            parts.options({})
            return AsyncMemoryLink(memory_peer(parts.name), parts.name)
        case _:
            return await AsyncThreadLink.open(url, limit)

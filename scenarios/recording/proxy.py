"""Stands between clients and a Tap and passes on what they send, unchanged.

Towards the clients it is any link of the emulator. A Tap behind TCP is reached byte for byte: half an answer, bytes
that nobody asked for and the end of a connection arrive as they were sent. Over other links a request is sent when it
is complete, and its answer when the client of that link takes it for complete.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import structlog

from emulator.blueprint import Rules
from emulator.links import Link, LinkError
from emulator.links.base import Pipe
from emulator.links.together import close_all, open_all
from protocol.client.links.aio import AsyncLink, open_link
from protocol.client.links.opening import SCHEMES
from protocol.codes import TCP_PORT
from protocol.errors import ProtocolError
from protocol.resources.registry import SETTINGS
from protocol.urls import LinkUrl
from scenarios.recording.cutting import RequestCutter
from scenarios.recording.pcap import Side

log = structlog.get_logger("record")

_PATIENCE: Final = 10.0
"""Seconds for the Tap to be reached, and for an answer where whole answers are waited for; clients give up earlier."""


class Witness(Protocol):
    """Is told what goes over one connection."""

    def passed(self, side: Side, data: bytes) -> None:
        """That side sent bytes."""
        ...

    def closed(self, side: Side | None) -> None:
        """That side ended the connection, or the proxy (None). Told once."""
        ...


class Proxy:
    """Passes on everything between its links and a Tap.

    Args:
        links: where clients connect.
        upstream: URL of the Tap.
        witness: makes the witness of a new connection.

    Raises:
        UsageError: `upstream` is no URL of a known transport.
    """

    def __init__(self, links: Sequence[Link], upstream: str, witness: Callable[[], Witness]) -> None:
        self.links = links
        self._url = LinkUrl.parse(upstream, SCHEMES)
        if self._url.scheme == "tcp":
            self._url.options({})
            self._url.address("127.0.0.1", TCP_PORT)
        self._upstream = upstream
        self._witness = witness
        self._passages: set[_Passage] = set()
        self._stopped = False

    @property
    def upstream(self) -> str:
        """URL of the Tap, without a password."""
        return str(self._url)

    async def start(self) -> None:
        """Opens all links.

        Raises:
            LinkError: one of them cannot be opened; none is then.
        """
        await open_all(self)

    async def stop(self) -> None:
        """Closes links and connections."""
        self._stopped = True
        await close_all(self.links)
        for passage in list(self._passages):
            passage.end(None)
        await asyncio.sleep(0)

    # --- the Tap, as a link sees it

    def accept(self, link: Link, pipe: Pipe) -> "_Passage | None":
        """A client has connected."""
        if self._stopped:
            return None
        kind = _StreamPassage if self._url.scheme == "tcp" else _RequestPassage
        passage = kind(self, pipe, self._witness())
        self._passages.add(passage)
        return passage

    @property
    def max_connections(self) -> int:
        """How many connections of one link are taken."""
        return Rules().max_connections

    def setting(self, key: str) -> Any:
        """What the link says, or what a Tap has that nobody has configured."""
        for link in self.links:
            if key in link.settings:
                return link.settings[key]
        setting = SETTINGS[key].setting
        return None if setting is None else setting.default

    def on_change(self, changed: Callable[[], None]) -> None:
        """Nothing changes here."""

    # --- for passages

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of a Tap behind TCP."""
        return self._url.address("127.0.0.1", TCP_PORT)

    async def open_link(self) -> AsyncLink:
        """A new connection to the Tap.

        Raises:
            LinkError: it is not there.
        """
        return await open_link(self._upstream, _PATIENCE)

    def missing(self, error: Exception) -> None:
        """The Tap cannot be reached."""
        log.warning("the Tap is not there, the client is disconnected", upstream=self.upstream, reason=str(error))

    def forget(self, passage: "_Passage") -> None:
        """A connection is over."""
        self._passages.discard(passage)


class _Passage:
    """One connection of a client and its connection to the Tap."""

    def __init__(self, proxy: Proxy, pipe: Pipe, witness: Witness) -> None:
        self._proxy = proxy
        self._pipe = pipe
        self._witness = witness
        self._open = True
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        raise NotImplementedError

    def received(self, data: bytes) -> None:
        """The client sent bytes."""
        if self._open:
            self._witness.passed(Side.HOST, data)
            self._forward(data)

    def lost(self) -> None:
        """The client has gone."""
        self._finish(Side.HOST)

    def end(self, side: Side | None) -> None:
        """Ends the connection of the client."""
        if self._open:
            self._finish(side)
            self._pipe.close()

    def _answer(self, data: bytes) -> None:
        if self._open:
            self._witness.passed(Side.TAP, data)
            self._pipe.write(data)

    def _finish(self, side: Side | None) -> None:
        if not self._open:
            return
        self._open = False
        self._proxy.forget(self)
        self._witness.closed(side)
        self._hang_up()

    def _forward(self, data: bytes) -> None:
        raise NotImplementedError

    def _hang_up(self) -> None:
        """Ends the connection to the Tap."""
        raise NotImplementedError


class _StreamPassage(_Passage, asyncio.Protocol):
    """Byte for byte, to a Tap behind TCP."""

    def __init__(self, proxy: Proxy, pipe: Pipe, witness: Witness) -> None:
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        """What the client sent before the Tap was reached."""
        super().__init__(proxy, pipe, witness)

    async def _run(self) -> None:
        host, port = self._proxy.address
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.get_running_loop().create_connection(lambda: self, host, port)
        except OSError as error:  # a time-out is one too
            self._proxy.missing(LinkError(error.strerror or str(error) or f"no connection within {_PATIENCE:g} s"))
            self.end(Side.TAP)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        for data in self._early:
            transport.write(data)
        self._early = []
        if not self._open:
            transport.close()

    def data_received(self, data: bytes) -> None:
        self._answer(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(Side.TAP)

    def _forward(self, data: bytes) -> None:
        if self._transport is None:
            self._early.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()
        elif asyncio.current_task() is not self._task:
            self._task.cancel()


class _RequestPassage(_Passage):
    """Request by request, over a link of the client."""

    def __init__(self, proxy: Proxy, pipe: Pipe, witness: Witness) -> None:
        self._cutter = RequestCutter()
        self._requests: asyncio.Queue[bytes] = asyncio.Queue()
        self._link: AsyncLink | None = None
        super().__init__(proxy, pipe, witness)

    async def _run(self) -> None:
        try:
            self._link = await self._proxy.open_link()
        except ProtocolError as error:
            self._proxy.missing(error)
            self.end(Side.TAP)
            return
        try:
            while True:
                request = await self._requests.get()
                await self._link.send(request)
                self._answer(await self._link.receive())
        except ProtocolError as error:
            log.info("the Tap did not answer, the client is disconnected", reason=str(error))
        finally:
            self._link.close()
        self.end(Side.TAP)

    def _forward(self, data: bytes) -> None:
        for request in self._cutter.feed(data):
            self._requests.put_nowait(request)

    def _hang_up(self) -> None:
        if asyncio.current_task() is not self._task:
            self._task.cancel()

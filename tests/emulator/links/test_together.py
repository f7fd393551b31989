"""All links of a host are open, or none."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from emulator.blueprint import demo
from emulator.device import Device
from emulator.links import Host, Link, LinkError, open_link
from emulator.server import Server
from protocol.codes import HostProtocol
from scenarios.recording.pcap import Side
from scenarios.recording.proxy import Proxy


class Unseeing:
    """A witness who tells nothing."""

    def passed(self, side: Side, data: bytes) -> None:
        pass

    def closed(self, side: Side | None) -> None:
        pass


class Taken(Link):
    """A link that cannot be opened; meanwhile a client comes over the link before it."""

    protocol = HostProtocol.UART

    def __init__(self, before: Link) -> None:
        self._before = before

    @property
    def url(self) -> str:
        return "taken:"

    async def open(self, host: Host) -> None:
        self.received, self.client = await asyncio.open_connection(*address(self._before))
        raise LinkError("taken: by somebody else")

    async def close(self) -> None:
        pass


def address(link: Link) -> tuple[str, int]:
    host, _, port = link.url.removeprefix("tcp://").rpartition(":")
    return host, int(port)


def server(links: Sequence[Link], upstream: str) -> Server:
    return Server(Device(demo()), links)


def proxy(links: Sequence[Link], upstream: str) -> Proxy:
    return Proxy(links, upstream, Unseeing)


@pytest.mark.parametrize("make", [server, proxy])
def test_a_link_that_cannot_be_opened_closes_the_others_and_who_came_over_them(make: Callable[..., Any]) -> None:
    first, third = open_link("tcp://127.0.0.1:0"), open_link("tcp://127.0.0.1:0")
    second = Taken(first)

    async def test(upstream: str) -> None:
        with pytest.raises(LinkError, match="taken: by somebody else"):
            await make([first, second, third], upstream).start()
        async with asyncio.timeout(10):
            assert await second.received.read() == b""
        second.client.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address(first))
        assert third.url == "tcp://127.0.0.1:0", "it was never opened"

    with socket.create_server(("127.0.0.1", 0)) as tap:
        asyncio.run(test(f"tcp://127.0.0.1:{tap.getsockname()[1]}"))

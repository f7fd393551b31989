"""The shell around the device: reboots and ends at awkward moments, with links that take their time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from emulator.blueprint import Rules, demo
from emulator.device import Device
from emulator.links.base import Host, Link, LinkError, Receiver
from emulator.server import Server
from emulator.state import CONFIG_VERSION
from protocol.codes import HostProtocol
from protocol.firmware import FACTORY_STATE

REBOOT = bytes.fromhex("a2ca000007020003ffff0004")
GET_SERIAL_NUMBER = bytes.fromhex("a2ca000007010003ffff0002")
REBOOT_TIME = 0.05
PATIENCE = 5.0


class Wire(Link):
    """A link in memory that notes what is asked of it, and takes its time for it.

    Args:
        broken: how often it cannot be opened again.
        slow: seconds that it takes to pause or to close.
    """

    protocol = HostProtocol.UART

    def __init__(self, name: str, *, broken: int = 0, slow: float = 0.0) -> None:
        self.url_text = name
        self.told: list[str] = []
        self.sent: list[bytes] = []
        self.closed_pipes = 0
        self._broken = broken
        self._slow = slow
        self._host: Host | None = None

    @property
    def url(self) -> str:
        return f"wire:{self.url_text}"

    @property
    def is_open(self) -> bool:
        return self._host is not None

    async def open(self, host: Host) -> None:
        if self.told and self._broken:
            self._broken -= 1
            raise LinkError("taken")
        assert self._host is None, "open already"
        self.told.append("open")
        self._host = host

    async def pause(self) -> None:
        self.told.append("pause")
        await self._end()

    async def close(self) -> None:
        self.told.append("close")
        await self._end()

    async def _end(self) -> None:
        await asyncio.sleep(self._slow)
        self._host = None

    def connect(self) -> Receiver | None:
        assert self._host is not None
        return self._host.accept(self, WirePipe(self))

    def ask(self, request: bytes) -> None:
        receiver = self.connect()
        if receiver is not None:
            receiver.received(request)


class WirePipe:
    """What the server writes to."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def write(self, data: bytes) -> None:
        self._wire.sent.append(data)

    def close(self) -> None:
        self._wire.closed_pipes += 1

    def reset(self) -> None:
        self._wire.closed_pipes += 1


def serve(test: Callable[[Server], Awaitable[None]], *wires: Wire) -> None:
    """Runs a test with a server on these wires, in factory state so that everybody may reboot it."""

    async def run() -> None:
        settings = {**demo().settings, CONFIG_VERSION: FACTORY_STATE}
        blueprint = replace(demo(), settings=settings, rules=Rules(reboot_time=REBOOT_TIME))
        server = Server(Device(blueprint), wires)
        await server.start()
        try:
            await test(server)
        finally:
            await server.stop()
            await asyncio.sleep(3 * REBOOT_TIME)
        assert not any(wire.is_open for wire in wires), "a link is open behind the end"
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for is not told
            await asyncio.sleep(0.005)


def test_reboot_pauses_and_reopens_every_link() -> None:
    first, second = Wire("a"), Wire("b")

    async def test(server: Server) -> None:
        first.ask(REBOOT)
        await until(lambda: not second.is_open)
        await until(lambda: first.is_open and second.is_open)
        second.ask(GET_SERIAL_NUMBER)
        assert second.sent[-1].startswith(b"\x00IoTize")

    serve(test, first, second)
    assert first.told == second.told == ["open", "pause", "open", "close"]


def test_reboot_while_a_link_is_not_back_from_the_one_before() -> None:
    quick, late = Wire("quick"), Wire("late", broken=1)

    async def test(server: Server) -> None:
        quick.ask(REBOOT)
        await until(lambda: not quick.is_open)
        await until(lambda: quick.is_open)
        assert not late.is_open
        quick.ask(REBOOT)
        await until(lambda: not quick.is_open)
        await until(lambda: quick.is_open and late.is_open)

    serve(test, quick, late)


def test_links_that_take_long_to_pause_do_not_keep_the_others_open() -> None:
    slow, quick = Wire("slow", slow=4 * REBOOT_TIME), Wire("quick")

    async def test(server: Server) -> None:
        quick.ask(REBOOT)
        await until(lambda: not quick.is_open)
        assert slow.is_open
        await until(lambda: slow.told[-1] == "open" and quick.is_open)

    serve(test, slow, quick)
    assert quick.told == ["open", "pause", "open", "close"]


def test_end_in_the_middle_of_a_reboot() -> None:
    wire, late = Wire("a"), Wire("late", broken=1000)

    async def test(server: Server) -> None:
        wire.ask(REBOOT)
        await until(lambda: not wire.is_open)
        await until(lambda: wire.is_open)

    serve(test, wire, late)


def test_what_comes_while_the_tap_ends_is_not_answered() -> None:
    slow, wire = Wire("slow", slow=0.1), Wire("a")

    async def test(server: Server) -> None:
        receiver = wire.connect()
        assert receiver is not None
        ending = asyncio.create_task(server.stop())
        await until(lambda: "close" in slow.told)
        receiver.received(GET_SERIAL_NUMBER)
        receiver.received(REBOOT)
        assert slow.connect() is None
        await ending
        assert wire.sent == []
        assert wire.closed_pipes == 1

    serve(test, slow, wire)

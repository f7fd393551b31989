"""Clocks that are steered, journeys through time, and the server whose device lives by such a clock."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from emulator import time_travel
from emulator.blueprint import Blueprint, Bundle, Rules, Simulation, Variable, demo
from emulator.clock import RealClock, SteeredClock, VirtualClock
from emulator.device import Device
from emulator.effects import Close
from emulator.links.base import Host as LinkHost
from emulator.links.base import Link, Pipe, Receiver
from emulator.server import Server
from emulator.signals import Ramp
from emulator.state import CONFIG_VERSION
from protocol.bodies.data_log import DataLogOption
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import HostProtocol
from protocol.firmware import FACTORY_STATE
from tests.hosts import HOST_INACTIVITY, LINK, Host, make_device

REBOOT = bytes.fromhex("a2ca000007020003ffff0004")
GET_SERIAL_NUMBER = bytes.fromhex("a2ca000007010003ffff0002")
HALF_A_REQUEST = GET_SERIAL_NUMBER[:7]
PATIENCE = 5.0


class Machine:
    """Stands in for the time of the machine."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def time(self) -> float:
        return 1_700_000_000.0 + self.seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr("emulator.clock.time", machine)
    return machine


@pytest.mark.parametrize(
    ("rate", "shown", "delay"), [(1.0, 10.0, 5.0), (10.0, 100.0, 0.5), (0.5, 5.0, 10.0), (0.0, 0.0, None)]
)
def test_rate(machine: Machine, rate: float, shown: float, delay: float | None) -> None:
    clock = SteeredClock(rate, wall=1_700_000_000.0)
    machine.seconds += 10
    assert clock.now() == shown
    assert clock.wall() == 1_700_000_000.0 + shown
    assert clock.real_delay(5.0) == delay
    assert clock.real_delay(-1.0) == 0.0


def test_a_new_rate_does_not_make_time_jump(machine: Machine) -> None:
    clock = SteeredClock()
    shown = []
    for rate in (10.0, 0.0, 1.0):
        machine.seconds += 2
        clock.rate = rate
        shown.append(clock.now())
    machine.seconds += 2
    assert [*shown, clock.now()] == [2, 22, 22, 24]


def test_advance_moves_any_clock_and_tells_who_listens(machine: Machine) -> None:
    clock = SteeredClock(2.0)
    told: list[float] = []
    cancel = clock.on_change(lambda: told.append(clock.now()))
    clock.advance(5)
    machine.seconds += 1
    clock.rate = 0
    assert told == [5, 7]
    cancel()
    clock.advance(1)
    assert told == [5, 7]
    assert clock.now() == 8


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_what_no_clock_can_do(wrong: float) -> None:
    with pytest.raises(ValueError, match="expected 0"):
        SteeredClock(wrong)
    clock = VirtualClock()
    with pytest.raises(ValueError, match="expected 0"):
        clock.advance(wrong)
    with pytest.raises(ValueError, match="expected 0"):
        clock.rate = wrong


def test_the_clock_of_the_machine() -> None:
    clock = RealClock()
    assert clock.real_delay(3) == 3
    assert clock.real_delay(-3) == 0
    clock.on_change(lambda: pytest.fail("nobody steers it"))()


def logging_tap(max_packets: int = 700) -> tuple[Device, VirtualClock]:
    word = VariableType(Domain.IN_TAP_VOLATILE, DataType.UINT16)
    return make_device(
        bundles={1: Bundle("b", log_period=1)},
        variables={1: Variable(word, bundle=1)},
        simulations={1: Simulation(Ramp(0, 3600, 3600))},
        settings={
            "data_log.options": DataLogOption(autorun=True, rolling_mode=True),
            "data_log.max_packet_count": max_packets,
        },
    )


def test_every_deadline_on_the_way_is_kept() -> None:
    device, clock = logging_tap(5)
    list(time_travel.advance(device, clock, 100.5))
    assert clock.now() == 100.5
    assert sorted(device.state.packets) == [95, 96, 97, 98, 99]


def test_effects_come_when_the_clock_shows_their_time() -> None:
    device, clock = make_device()
    first, second = Host(device), Host(device)
    first.exchange(HALF_A_REQUEST)
    clock.advance(1)
    second.exchange(HALF_A_REQUEST)
    seen = [
        (clock.now(), effect.connection)
        for effect in time_travel.advance(device, clock, 60)
        if isinstance(effect, Close)
    ]
    assert seen == [(5, first.connection), (6, second.connection)]


def test_a_deadline_that_stays_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    device, clock = make_device()
    monkeypatch.setattr(device, "next_deadline", lambda: 1.0)
    monkeypatch.setattr(time_travel, "_MOST_AT_ONCE", 10)
    with pytest.raises(RuntimeError, match="stays"):
        list(time_travel.advance(device, clock, 2))


class Wire(Link):
    """A link in memory."""

    protocol = HostProtocol.UART

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = 0
        self.host: LinkHost | None = None

    @property
    def url(self) -> str:
        return "wire:a"

    async def open(self, host: LinkHost) -> None:
        self.host = host

    async def pause(self) -> None:
        self.host = None

    async def close(self) -> None:
        self.host = None

    def connect(self) -> Receiver:
        assert self.host is not None
        receiver = self.host.accept(self, WirePipe(self))
        assert receiver is not None
        return receiver


class WirePipe(Pipe):
    """What the server writes to."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def write(self, data: bytes) -> None:
        self._wire.sent.append(data)

    def close(self) -> None:
        self._wire.closed += 1

    def reset(self) -> None:
        self.close()


def serve(clock: SteeredClock | None, test: Callable[[Server, Wire], Awaitable[None]]) -> None:
    """Runs a test with a server, in factory state so that everybody may reboot it."""

    async def run() -> None:
        settings = {**demo().settings, CONFIG_VERSION: FACTORY_STATE, HOST_INACTIVITY: 0}
        blueprint: Blueprint = replace(demo(), settings=settings, rules=Rules(reboot_time=3600))
        wire = Wire()
        server = Server(Device(blueprint, clock=clock), [wire])
        await server.start()
        try:
            await test(server, wire)
        finally:
            await server.stop()

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for is not told
            await asyncio.sleep(0.002)


def test_a_server_ticks_when_its_clock_is_moved() -> None:
    clock = SteeredClock(0)

    async def test(server: Server, wire: Wire) -> None:
        wire.connect().received(HALF_A_REQUEST)
        await asyncio.sleep(0.02)
        assert wire.closed == 0
        clock.advance(5)
        await until(lambda: wire.closed == 1)

    serve(clock, test)


def test_a_server_follows_a_new_rate() -> None:
    clock = SteeredClock(0)

    async def test(server: Server, wire: Wire) -> None:
        wire.connect().received(HALF_A_REQUEST)
        await asyncio.sleep(0.02)
        assert wire.closed == 0
        clock.rate = 1000
        await until(lambda: wire.closed == 1)

    serve(clock, test)


def test_a_server_carries_out_what_happens_on_the_way() -> None:
    clock = SteeredClock(0)

    async def test(server: Server, wire: Wire) -> None:
        wire.connect().received(HALF_A_REQUEST)
        await server.advance(5)
        assert wire.closed == 1

    serve(clock, test)


@pytest.mark.parametrize("way", ["advance", "rate", "restore"])
def test_a_reboot_takes_the_time_of_the_clock(way: str) -> None:
    clock = SteeredClock(0)

    async def test(server: Server, wire: Wire) -> None:
        snapshot = server.device.snapshot()
        wire.connect().received(REBOOT)
        await until(lambda: wire.host is None)
        await server.advance(3599)
        await asyncio.sleep(0.02)
        assert wire.host is None
        if way == "advance":
            await server.advance(1)
        elif way == "rate":
            clock.rate = 1000
            await until(lambda: wire.host is not None)
        else:
            server.restore(snapshot)
            await until(lambda: wire.host is not None)
        wire.connect().received(GET_SERIAL_NUMBER)
        assert wire.sent[-1].startswith(b"\x00IoTize")

    serve(clock, test)


def test_a_server_restores_and_closes_what_came_since() -> None:
    async def test(server: Server, wire: Wire) -> None:
        older = wire.connect()
        snapshot = server.device.snapshot()
        wire.connect()
        server.restore(snapshot)
        assert wire.closed == 1
        older.received(GET_SERIAL_NUMBER)
        assert wire.sent[-1].startswith(b"\x00IoTize")

    serve(SteeredClock(0), test)


def test_the_clock_of_the_machine_cannot_be_moved() -> None:
    async def test(server: Server, wire: Wire) -> None:
        with pytest.raises(ValueError, match="can be steered"):
            await server.advance(1)

    serve(None, test)


def test_time_passes_in_steps_of_the_log() -> None:
    device, clock = logging_tap()
    list(time_travel.advance(device, clock, 360))
    assert len(device.state.packets) == 360
    assert device.connect(LINK, HostProtocol.WIFI).open

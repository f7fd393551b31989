"""Links over bumpy roads: the wrapper by itself, and with the reference client over TCP."""

import asyncio
import gc
import socket
import subprocess
import time
import weakref
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
import structlog
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from emulator.blueprint import demo
from emulator.device import Device
from emulator.links import Link, LinkError, bumpy, open_link
from emulator.links.base import Host, Pipe, Receiver
from emulator.links.bumpy import MOST_UNDER_WAY, BumpyLink
from emulator.roads import ROADS, Road
from emulator.server import Server
from protocol import apdu
from protocol.bodies.interface import MaxFrameSize
from protocol.client.blocking import Tap
from protocol.client.links import LinkError as ClientLinkError
from protocol.codes import HostProtocol, Method
from protocol.errors import IntegrityError, RefusedError
from protocol.frames import Request
from protocol.resources.registry import parse_path
from tests.hosts import Host as DirectHost
from tests.serving import SERVE, serving

T = TypeVar("T")
REQUESTS = [
    apdu.build_request(bytes(Request(Method.GET, parse_path(path))))
    for path in ("/3//2", "/1024//9", "/3//0", "/9//9", "/1024//6") * 20
]
SERIAL_NUMBER = "IoTize00410000009B"
LONG = Road(delay=(60.0, 60.0))
SHORT = Road(delay=(0.02, 0.02))
GOOD = Road()


def run(test: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(test, 60))


async def until(condition: Callable[[], object]) -> None:
    """Waits for something to become true; `run` ends a wait that is in vain."""
    while not condition():  # noqa: ASYNC110 - what is waited for knows no events
        await asyncio.sleep(0.001)


# --- the wrapper by itself


class Wire(Link):
    """A link in the hands of the test, and its only pipe."""

    protocol = HostProtocol.BLE
    frame_size = MaxFrameSize(100, 120)
    settings: Mapping[str, Any] = {"interface.app_name": "Wired"}

    def __init__(self) -> None:
        self.host: Host | None = None
        self.paused = False
        self.written: list[bytes] = []
        self.closed = 0

    @property
    def url(self) -> str:
        return "wire:test"

    async def open(self, host: Host) -> None:
        self.host = host

    async def close(self) -> None:
        self.host = None

    async def pause(self) -> None:
        self.paused = True

    def connect(self) -> Receiver | None:
        assert self.host is not None
        return self.host.accept(self, WirePipe(self))


class WirePipe:
    """What the server writes to."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def write(self, data: bytes) -> None:
        assert not self.wire.closed, "written to a closed pipe"
        self.wire.written.append(data)

    def close(self) -> None:
        self.wire.closed += 1

    def reset(self) -> None:
        self.wire.closed += 1


class Echo:
    """A server that answers with what it hears, in upper case."""

    max_connections = 256

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.pipe: Pipe
        self.heard: list[bytes] = []
        self.losses = 0
        self.changed: list[Callable[[], None]] = []
        self.full = False
        self.closes = False

    def accept(self, link: Link, pipe: Pipe) -> Receiver | None:
        self.links.append(link)
        self.pipe = pipe
        return None if self.full else self

    def received(self, data: bytes) -> None:
        self.heard.append(data)
        self.pipe.write(data.upper())
        if self.closes:
            self.pipe.close()

    def lost(self) -> None:
        self.losses += 1

    def setting(self, key: str) -> Any:
        return f"value of {key}"

    def on_change(self, changed: Callable[[], None]) -> None:
        self.changed.append(changed)


async def opened(
    to_tap: Road = GOOD, to_host: Road = GOOD, *, seed: int = 7, whole: bool = False
) -> tuple[BumpyLink, Wire, Echo]:
    wire, echo = Wire(), Echo()
    link = BumpyLink.with_roads(wire, "wire", to_tap, to_host, seed=seed, whole=whole)
    await link.open(echo)
    return link, wire, echo


async def connected(to_tap: Road = GOOD, to_host: Road = GOOD) -> tuple[BumpyLink, Wire, Echo, Receiver]:
    link, wire, echo = await opened(to_tap, to_host)
    receiver = wire.connect()
    assert receiver is not None
    return link, wire, echo, receiver


def test_the_road_shows_the_link_behind_it() -> None:
    async def test() -> None:
        link, wire, echo = await opened()
        assert (link.url, link.protocol) == (wire.url, wire.protocol)
        assert (link.max_request, link.max_response) == (wire.max_request, wire.max_response)
        assert link.settings == {"interface.app_name": "Wired"}
        assert wire.connect() is not None
        assert echo.links == [link]
        assert wire.host is not None
        assert wire.host.setting("mqtt.port") == "value of mqtt.port"
        wire.host.on_change(echo.lost)
        assert echo.changed == [echo.lost]
        await link.pause()
        assert wire.paused
        await link.close()
        assert wire.host is None

    run(test())


def test_on_a_good_road_everything_arrives_at_once() -> None:
    async def test() -> None:
        _, wire, echo, receiver = await connected()
        for segment in (b"ab", b"c"):
            receiver.received(segment)
        assert (echo.heard, wire.written) == ([b"ab", b"c"], [b"AB", b"C"])

    run(test())


def course_of(seed: int, connections: int) -> list[list[bytes]]:
    """What each of some connections hears when all of them ask the same."""

    async def test() -> list[list[bytes]]:
        _, wire, _echo = await opened(Road(drop=0.3), Road(drop=0.3), seed=seed)
        courses = []
        for _ in range(connections):
            receiver = wire.connect()
            assert receiver is not None
            for number in range(50):
                receiver.received(b"%02d" % number)
            courses.append(list(wire.written))
            wire.written.clear()
        return courses

    return run(test())


def test_a_seed_gives_each_connection_a_course_of_its_own_and_the_same_again() -> None:
    first, second, third = course_of(7, 3)
    assert first != second != third != first
    assert course_of(7, 2) == [first, second]
    assert course_of(8, 1) != [first]


def test_without_a_seed_one_is_drawn_and_told() -> None:
    async def test() -> None:
        drawn = [BumpyLink.with_roads(Wire(), "wire", GOOD, GOOD) for _ in range(2)]
        for link in [*drawn, BumpyLink.with_roads(Wire(), "wire", GOOD, GOOD, seed=1)]:
            await link.open(Echo())
            await link.pause()
            await link.open(Echo())

    with structlog.testing.capture_logs() as logs:
        asyncio.run(test())
    assert [(entry["log_level"], entry["link"]) for entry in logs] == [("info", "wire:test")] * 2
    assert logs[0]["road_seed"] != logs[1]["road_seed"]


def test_a_host_that_the_tap_refuses_has_no_number() -> None:
    async def test() -> list[bytes]:
        _, wire, echo = await opened(Road(drop=0.5), seed=7)
        echo.full = True
        assert wire.connect() is None
        echo.full = False
        receiver = wire.connect()
        assert receiver is not None
        for number in range(20):
            receiver.received(b"%d" % number)
        return echo.heard

    async def undisturbed() -> list[bytes]:
        _, wire, echo = await opened(Road(drop=0.5), seed=7)
        receiver = wire.connect()
        assert receiver is not None
        for number in range(20):
            receiver.received(b"%d" % number)
        return echo.heard

    assert run(test()) == run(undisturbed())


def test_a_lost_connection_leaves_nothing_behind() -> None:
    async def test() -> None:
        _, wire, echo, receiver = await connected(SHORT, SHORT)
        receiver.received(b"one")
        await until(lambda: echo.heard)
        receiver.received(b"two")
        receiver.received(b"three")
        receiver.lost()
        assert echo.losses == 1
        echo.pipe.write(b"late")
        echo.pipe.close()
        receiver.received(b"four")
        remains = weakref.ref(receiver)
        del receiver, echo.pipe
        gc.collect()
        assert remains() is None
        await asyncio.sleep(0.1)
        assert (echo.heard, wire.written, wire.closed, echo.losses) == ([b"one"], [], 0, 1)

    run(test())


def test_the_tap_closes_after_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bumpy, "_CLOSE_TIME", 1000)

    async def test() -> None:
        _, wire, echo, receiver = await connected(to_host=SHORT)
        receiver.received(b"one")
        echo.pipe.close()
        receiver.received(b"two")
        assert (wire.written, wire.closed) == ([], 0)
        await until(lambda: wire.closed)
        assert (echo.heard, wire.written) == ([b"one"], [b"ONE"])
        receiver.lost()
        assert (wire.closed, echo.losses) == (1, 1)

    run(test())


def test_nothing_reaches_a_tap_that_has_closed() -> None:
    async def test() -> None:
        _, wire, echo, receiver = await connected(SHORT)
        echo.closes = True
        for segment in (b"one", b"two"):
            receiver.received(segment)
        await until(lambda: wire.closed)
        assert (echo.heard, wire.written) == ([b"one"], [b"ONE"])

    run(test())


def test_the_tap_closes_at_once_where_nothing_is_under_way() -> None:
    async def test() -> None:
        _, wire, echo, receiver = await connected(LONG, SHORT)
        receiver.received(b"never heard")
        echo.pipe.close()
        assert wire.closed == 1

    run(test())


def test_the_tap_does_not_wait_long_for_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bumpy, "_CLOSE_TIME", 0.02)

    async def test() -> None:
        _, wire, echo, receiver = await connected(to_host=LONG)
        receiver.received(b"one")
        echo.pipe.close()
        assert not wire.closed
        await until(lambda: wire.closed)
        assert wire.written == []

    run(test())


@pytest.mark.parametrize("first", ["pipe", "link"])
def test_a_link_that_is_closed_leaves_no_connection_waiting(first: str) -> None:
    async def test() -> None:
        link, wire, echo, receiver = await connected(to_host=LONG)
        receiver.received(b"one")
        if first == "pipe":
            echo.pipe.close()
            assert not wire.closed
        await link.close()
        if first == "link":
            assert not wire.closed
            echo.pipe.close()
        assert wire.closed
        await link.open(echo)
        again = wire.connect()
        assert again is not None
        again.received(b"two")
        echo.pipe.close()
        assert wire.closed == 1

    run(test())


@pytest.mark.parametrize("roads", [(Road(cut_off=1), GOOD), (GOOD, Road(cut_off=1))], ids=["to Tap", "to host"])
@pytest.mark.parametrize("closes", [False, True])
def test_a_connection_that_is_cut_off_ends_for_both_sides(roads: tuple[Road, Road], closes: bool) -> None:
    async def test() -> None:
        _, wire, echo, receiver = await connected(*roads)
        receiver.received(b"a long segment")
        echo.pipe.write(b"the server writes on")
        assert not echo.losses, "the server was told in the middle of its work"
        if closes:
            echo.pipe.close()
        await until(lambda: wire.closed and echo.losses)
        receiver.lost()
        assert (wire.closed, echo.losses) == (1, 1)
        sent = b"".join(wire.written)
        assert b"A LONG SEGMENT".startswith(sent)
        assert len(sent) < 14

    run(test())


@pytest.mark.parametrize("roads", [(LONG, GOOD), (GOOD, LONG)], ids=["to Tap", "to host"])
def test_a_host_that_sends_more_than_the_road_carries_loses_the_connection(roads: tuple[Road, Road]) -> None:
    async def test() -> None:
        _, wire, echo, receiver = await connected(*roads)
        with structlog.testing.capture_logs() as logs:
            for _ in range(MOST_UNDER_WAY // 1024 + 10):
                receiver.received(bytes(1024))
        await until(lambda: wire.closed)
        assert (wire.closed, echo.losses) == (1, 1)
        assert [entry["reason"] for entry in logs] == [f"more than {MOST_UNDER_WAY} bytes under way"]

    run(test())


# --- over TCP, and WebSockets


def visit(roads: str, visits: Callable[..., T], scheme: str = "tcp") -> T:
    """Serves a Tap over two links, one of them bumpy, to a function that gets both URLs."""

    async def serve() -> T:
        links = [open_link(f"{scheme}://127.0.0.1:0?{roads}"), open_link("tcp://127.0.0.1:0")]
        server = Server(Device(demo()), links)
        await server.start()
        try:
            return await asyncio.to_thread(visits, *(link.url for link in links))
        finally:
            await server.stop()

    return asyncio.run(serve())


@pytest.mark.parametrize("road", ["serial-9600", "byte-by-byte", "wifi-busy,delay:0ms-20ms,cut:1"])
def test_a_client_has_right_answers_over_a_road_that_loses_nothing(road: str) -> None:
    def visits(bumpy: str, _: str) -> None:
        with Tap(bumpy, timeout=10) as tap:
            tap.login("admin", "admin")
            assert tap.session.encrypted
            tap.service.interface.put_app_name("Lamp")
            assert tap.service.interface.get_app_name() == "Lamp"
            assert tap.service.device.get_serial_number() == SERIAL_NUMBER

    visit(f"road={road}&road_seed=1", visits)


def test_a_serial_line_takes_its_time_in_both_directions() -> None:
    def visits(bumpy: str, _good: str) -> None:
        with Tap(bumpy, timeout=10) as tap:
            start = time.monotonic()
            for _ in range(3):
                assert tap.service.device.get_serial_number() == SERIAL_NUMBER
            # 5 + 6 bytes of each request, and 1 + 18 + 2 of each answer.
            assert time.monotonic() - start > 3 * (11 + 21) / 960

    visit("road=serial-9600", visits)


def test_requests_in_a_row_are_answered_in_their_order_however_they_are_cut() -> None:
    def visits(bumpy: str, _: str) -> None:
        address = urlsplit(bumpy)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as connection:
            for request in REQUESTS:
                connection.sendall(request)
            with connection.makefile("rb") as answers:
                assert answers.read(len(expected)) == expected

    host = DirectHost(Device(demo()))
    expected = b"".join(host.exchange(request) for request in REQUESTS)
    visit("road=delay:0ms-3ms,cut:0.8,mtu:30,rate:50000&road_seed=5", visits)


@pytest.mark.parametrize("name", ROADS)
def test_the_tap_survives_every_road_and_serves_a_good_one_meanwhile(name: str) -> None:
    def try_to_read(url: str) -> None:
        try:
            with Tap(url, timeout=0.2) as tap:
                assert tap.service.device.get_serial_number() == SERIAL_NUMBER
        except (ClientLinkError, IntegrityError, RefusedError):
            pass  # that is what the road is for

    def visits(bumpy: str, good: str) -> None:
        with Tap(good) as tap:
            for _ in range(3):
                try_to_read(bumpy)
                tap.login("admin", "admin")
                assert tap.service.device.get_serial_number() == SERIAL_NUMBER

    visit(f"road={name},drop:0.2,cut_off:0.2&road_seed=3", visits)


def test_no_road_cuts_a_message() -> None:
    def visits(bumpy: str, _: str) -> None:
        with connect(bumpy) as connection:
            for request, answer in zip(REQUESTS, answers, strict=False):
                connection.send(request)
                assert connection.recv(timeout=10) == answer

    host = DirectHost(Device(demo()))
    answers = [host.exchange(request) for request in REQUESTS[:5]]
    visit("road=byte-by-byte,mtu:3,cut:1", visits, "ws")


def test_a_message_whose_connection_is_cut_off_does_not_arrive() -> None:
    def visits(bumpy: str, _: str) -> None:
        with connect(bumpy) as connection:
            connection.send(REQUESTS[0])
            with pytest.raises(ConnectionClosed):
                connection.recv(timeout=10)

    visit("road_to_host=cut_off:1", visits, "ws")


def test_a_road_may_lead_in_one_direction_only() -> None:
    def hears_nothing(bumpy: str, _: str) -> None:
        with Tap(bumpy, timeout=0.1) as tap, pytest.raises(ClientLinkError, match="no answer"):
            tap.service.device.get_serial_number()

    def is_answered(bumpy: str, _: str) -> None:
        with Tap(bumpy, timeout=10) as tap:
            assert tap.service.device.get_serial_number() == SERIAL_NUMBER

    visit("road_to_host=drop:1", hears_nothing)
    visit("road_to_tap=drop:1", hears_nothing)
    visit("road=drop:1&road_to_host=drop:0&road_to_tap=drop:0", is_answered)


REFUSED = {
    "road=ble-por": r"road=ble-por: expected a road \(ble-poor, wifi-busy, .*, what differs .*drop:0.01",
    "road=drop:2": "road=drop:2: expected a road",
    "road_to_tap=": "road_to_tap=: expected a road",
    "road=lossy&road_seed=many": "road_seed=many: expected a whole number",
    "road_seed=7": "road_seed without a road, expected road, road_to_tap or road_to_host too",
    "road=lossy&road=lossy": "road is there 2 times",
}


@pytest.mark.parametrize("query", REFUSED)
def test_a_road_that_is_none_is_refused_by_name(query: str) -> None:
    with pytest.raises(LinkError, match=rf"^tcp://127\.0\.0\.1:0: (option )?{REFUSED[query]}"):
        open_link(f"tcp://127.0.0.1:0?{query}")


def test_serve_with_a_road(tmp_path: Path) -> None:
    command = [*SERVE[:-1], "tcp://127.0.0.1:0?road=byte-by-byte"]
    with serving(command, tmp_path / "log") as server:
        url = f"tcp://{server.address[0]}:{server.address[1]}"
        with Tap(url) as tap:
            assert tap.service.device.get_serial_number() == SERIAL_NUMBER
    log = (tmp_path / "log").read_text()
    assert "road_seed" in log
    assert "Error" not in log
    assert "Warning" not in log
    wrong = subprocess.run([*SERVE[:-1], "tcp://127.0.0.1:0?road=bumpy"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "road=bumpy: expected a road (ble-poor" in wrong.stderr

"""Links of the client over serial lines whose other end is slow, silent, gone, or something else."""

import asyncio
import os
import select
import socket
import struct
import threading
import time
import tty
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from serial.rfc2217 import PortManager

from emulator.cli import main
from protocol.client.blocking import Tap
from protocol.client.links import Link, LinkError, line, open_link
from protocol.client.links.aio import open_link as open_async_link
from protocol.errors import IntegrityError, UsageError
from tests.protocol.client.peers import SERIAL_NUMBER, SmallTap, pieces
from tests.protocol.client.serving import requests, serving, wait_for_end
from tests.protocol.client.shells import SHELLS, Shell, connected

REQUEST = bytes.fromhex("a2ca000007010003ffff0002")
ANSWER = b"\x00" + SERIAL_NUMBER.encode() + b"\x90\x00"
MISLEADING = bytes.fromhex("00 9000 01 9000 9000")
"""An answer whose end occurs in it, too."""
Answer = Callable[[bytes], list[bytes]]
"""Pieces of the answer to a request."""


def whole(request: bytes) -> list[bytes]:
    return [ANSWER]


class Peer:
    """The other end of a serial port, which answers in pieces.

    Args:
        gap: seconds before each piece.
    """

    def __init__(self, answer: Answer, gap: float) -> None:
        self.descriptor, self._port = os.openpty()
        tty.setraw(self._port)
        self.url = f"serial:{os.ttyname(self._port)}"
        self._answer = answer
        self._gap = gap
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self.descriptor, self._stop], [], [])
            if self._stop in ready:
                return
            for piece in self._answer(os.read(self.descriptor, 4096)):
                time.sleep(self._gap)
                os.write(self.descriptor, piece)

    def unplug(self) -> None:
        """The port is gone."""
        if self.descriptor >= 0:
            os.write(self._stopped, b"x")
            self._thread.join()
            for each in (self.descriptor, self._port, self._stop, self._stopped):
                os.close(each)
            self.descriptor = -1


@contextmanager
def peer(answer: Answer = whole, gap: float = 0.0) -> Iterator[Peer]:
    other_end = Peer(answer, gap)
    try:
        yield other_end
    finally:
        other_end.unplug()


@contextmanager
def opened(url: str, timeout: float = 5.0) -> Iterator[Link]:
    link = open_link(url, timeout)
    try:
        yield link
    finally:
        link.close()


def ask(link: Link) -> bytes:
    link.send(REQUEST)
    return link.receive()


# --- when an answer is complete


def test_end_in_the_middle_of_a_slow_answer() -> None:
    """The client believes in 115200 baud; it sees that the line is slower."""
    with peer(lambda _: [bytes([byte]) for byte in MISLEADING], 0.03) as other, opened(other.url) as link:
        assert ask(link) == MISLEADING


def test_end_in_the_middle_between_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a USB adapter delivers them."""
    monkeypatch.setattr(line, "_SILENCE", 0.5)
    with peer(lambda _: [MISLEADING[:3], MISLEADING[3:]], 0.02) as other, opened(other.url) as link:
        assert ask(link) == MISLEADING


def test_nobody_waits_where_there_is_no_cable(monkeypatch: pytest.MonkeyPatch) -> None:
    """33 bytes at 50 baud take six seconds; what is quicker by far comes from a pseudo terminal, in one piece."""
    monkeypatch.setattr(line, "_SILENCE", 30.0)
    with peer() as other, opened(f"{other.url}?baudrate=50", timeout=60) as link:
        began = time.monotonic()
        assert ask(link) == ANSWER
        assert time.monotonic() - began < 20


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(1, 40), max_size=4))
def test_any_segments(cuts: list[int]) -> None:
    tap = SmallTap()
    with peer(lambda request: pieces(tap.answer(request), cuts), 0.002) as other, Tap(other.url) as client:
        client.set_initialization_vector_refresh_period(2)
        client.encryption(True)
        for _ in range(3):
            assert client.service.device.get_serial_number() == SERIAL_NUMBER


@pytest.mark.parametrize("shell", SHELLS)
def test_bare_status_word(shell: Shell) -> None:
    with (
        peer(lambda _: [b"\x6d\x00"]) as other,
        connected(shell, other.url) as tap,
        pytest.raises(IntegrityError, match="6D00"),
    ):
        tap.request("GET", "/3//2")


# --- lines that are not as they should be


def test_silence() -> None:
    with peer(lambda _: []) as other, opened(other.url, timeout=0.1) as link:
        with pytest.raises(LinkError) as caught:
            ask(link)
        assert str(caught.value) == f"{other.url}: no answer within 0.1 s"


def test_half_an_answer() -> None:
    with (
        peer(lambda _: [ANSWER[:7]]) as other,
        opened(other.url, timeout=0.1) as link,
        pytest.raises(LinkError, match=r"no answer within 0\.1 s; 7 bytes of one came"),
    ):
        ask(link)


def test_answer_without_end() -> None:
    with (
        peer(lambda _: [bytes(500)] * 5) as other,
        opened(other.url) as link,
        pytest.raises(IntegrityError, match="no end of the answer"),
    ):
        ask(link)


def test_bytes_from_before_are_flushed() -> None:
    with peer() as other:
        os.write(other.descriptor, ANSWER)
        time.sleep(0.05)
        with opened(other.url) as link:
            assert ask(link) == ANSWER


def test_bytes_that_nobody_asked_for() -> None:
    with peer() as other, opened(other.url) as link:
        os.write(other.descriptor, ANSWER)
        time.sleep(0.05)
        with pytest.raises(LinkError, match="21 bytes came that nobody asked for"):
            link.send(REQUEST)


def test_unplugged() -> None:
    with peer() as other, opened(other.url) as link:
        assert ask(link) == ANSWER
        other.unplug()
        with pytest.raises(LinkError, match="the connection is closed"):
            ask(link)


def test_unplugged_while_somebody_waits() -> None:
    with peer(lambda _: []) as other, opened(other.url, timeout=60) as link:
        link.send(REQUEST)
        timer = threading.Timer(0.05, other.unplug)
        timer.start()
        with pytest.raises(LinkError, match="the connection is closed"):
            link.receive()
        timer.join()


def test_request_that_is_not_taken() -> None:
    descriptor, port = os.openpty()
    tty.setraw(port)
    try:
        with (
            opened(f"serial:{os.ttyname(port)}", timeout=0.1) as link,
            pytest.raises(LinkError, match=r"the request was not taken within 0\.1 s"),
        ):
            deque(map(link.send, [REQUEST] * 5000))
    finally:
        os.close(descriptor)
        os.close(port)


# --- closed by somebody else


@pytest.fixture(params=["serial", "rfc2217"])
def silent(request: pytest.FixtureRequest) -> Iterator[str]:
    """A line on which nobody answers."""
    with peer(lambda _: []) as other, serving_port(port_manager(lambda _: [])) as url:
        yield other.url if request.param == "serial" else url


def test_closed_while_another_thread_waits(silent: str) -> None:
    with opened(silent, timeout=60) as link:
        link.send(REQUEST)
        timer = threading.Timer(0.05, link.close)
        timer.start()
        with pytest.raises(LinkError, match=r"connection is closed|Bad file descriptor"):
            link.receive()
        timer.join()


def test_cancelled_while_it_waits(silent: str) -> None:
    async def main() -> None:
        link = await open_async_link(silent, 60)
        await link.send(REQUEST)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(link.receive(), 0.05)
        link.close()

    threads = threading.active_count()
    asyncio.run(main())
    deadline = time.monotonic() + 10
    while threading.active_count() > threads:
        assert time.monotonic() < deadline, "a thread still waits"
        time.sleep(0.01)


def test_closed_and_used(silent: str) -> None:
    with opened(silent) as link:
        link.close()
        link.close()
        with pytest.raises(LinkError):
            link.send(REQUEST)


# --- URLs


def test_port_that_another_client_has() -> None:
    with peer() as other, opened(other.url), pytest.raises(LinkError, match="in use by another program"):
        open_link(other.url, 1)


NO_PORTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "No such file or directory"),
    "file": (lambda path: path.write_text("mine"), "no serial port, expected the path of one"),
    "directory": (Path.mkdir, "no serial port but a directory, expected the path of one"),
    "stale link": (lambda path: path.symlink_to("/dev/pts/9999"), "No such file or directory"),
}


@pytest.mark.parametrize("thing", NO_PORTS)
def test_no_port(tmp_path: Path, thing: str) -> None:
    make, reason = NO_PORTS[thing]
    path = tmp_path / "tap0"
    make(path)
    for scheme in ("pty", "serial"):
        result = CliRunner().invoke(main, ["call", f"{scheme}:{path}", "GET", "/3//2"])
        assert (result.exit_code, result.output) == (2, f"{scheme}:{path}: {reason}\n")


BAD_URLS = {
    "pty:": "pty:: expected the path of a serial port",
    "serial://ttyUSB0": "serial://ttyUSB0: expected the path of a serial port",
    "serial:/dev/ttyUSB0?speed=9600": "serial:/dev/ttyUSB0: unknown option speed, expected baudrate",
    "pty:./tap0?baudrate=1": "pty:./tap0: baudrate=1: expected a whole number",
    "rfc2217://host?pace=yes": "rfc2217://host: unknown option pace, expected baudrate",
}


@pytest.mark.parametrize("url", BAD_URLS)
def test_bad_url(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_link(url, 1)
    assert str(caught.value).startswith(BAD_URLS[url])


# --- servers of serial ports


class Port(SimpleNamespace):
    """A serial port for pyserial's server."""

    def __init__(self) -> None:
        super().__init__(baudrate=9600, bytesize=8, parity="N", stopbits=1, xonxoff=False, rtscts=False)
        self.cts = self.dsr = self.cd = True
        self.ri = False


def port_manager(answer: Answer, ports: list[Port] | None = None) -> Callable[[socket.socket], None]:
    """pyserial's server, with a Tap behind it."""

    def handle(connection: socket.socket) -> None:
        port: Any = Port()
        if ports is not None:
            ports.append(port)
        outgoing: Any = SimpleNamespace(write=connection.sendall)
        manager = PortManager(port, outgoing)
        for segment in requests(connection):
            if data := b"".join(manager.filter(segment)):
                for piece in answer(data):
                    connection.sendall(b"".join(manager.escape(piece)))

    return handle


@pytest.mark.parametrize("shell", SHELLS)
def test_server_of_pyserial(shell: Shell) -> None:
    ports: list[Port] = []
    tap = SmallTap()
    with (
        serving_port(port_manager(lambda request: [tap.answer(request)], ports)) as url,
        connected(shell, f"{url}?baudrate=57600&parity=odd&stopbits=2&bytesize=8") as client,
    ):
        client.encryption(True)
        assert client.service.device.get_serial_number() == SERIAL_NUMBER
    (port,) = ports
    assert (port.baudrate, port.parity, port.stopbits, port.bytesize) == (57600, "O", 2, 8)


@contextmanager
def serving_port(handle: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on the network; gives the URL."""
    with serving(handle) as url:
        yield url.replace("tcp", "rfc2217")


def reading(*answers: bytes) -> Callable[[socket.socket], None]:
    """Answers whatever comes with each of these in turn, and then nothing."""

    def handle(connection: socket.socket) -> None:
        for answer in answers:
            connection.recv(4096)
            connection.sendall(answer)
        wait_for_end(connection)

    return handle


def resetting(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


DO_PORT = "fffd2c"
SETTINGS = "fffa2c650001c200fff0 fffa2c6608fff0 fffa2c6701fff0 fffa2c6801fff0"
STRANGE_SERVERS: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "silent": (reading(), "no serial port (RFC 2217) answers within 0.3 s"),
    "silent after the agreement": (reading(bytes.fromhex(DO_PORT)), "no serial port (RFC 2217) answers within 0.3 s"),
    "Tap on TCP": (reading(b"\x6e\x00" * 5), "no serial port (RFC 2217) answers within 0.3 s"),
    "other Telnet": (
        reading(bytes.fromhex("fffe2c")),
        "no serial port but another Telnet server, expected one of RFC 2217",
    ),
    "other baud rate": (
        reading(bytes.fromhex(DO_PORT), bytes.fromhex(SETTINGS.replace("0001c200", "00002580"))),
        "the port does not take this baudrate",
    ),
    "without parity": (
        reading(bytes.fromhex(DO_PORT), bytes.fromhex(SETTINGS.replace("6701", "6702"))),
        "the port does not take this parity",
    ),
    "closing": (lambda connection: None, "the connection is closed"),
    "resetting": (resetting, "Connection reset by peer"),
}


@pytest.mark.parametrize("server", STRANGE_SERVERS)
def test_strange_server(server: str) -> None:
    handle, reason = STRANGE_SERVERS[server]
    with serving_port(handle) as url, pytest.raises(LinkError) as caught:
        open_link(url, 0.3)
    reasons = {reason, "Connection reset by peer"} if server == "closing" else {reason}
    assert str(caught.value) in {f"{url}: {each}" for each in reasons}


def test_server_that_never_ends() -> None:
    with (
        serving_port(reading(bytes.fromhex(DO_PORT), b"\xff\xfa" + bytes(1000))) as url,
        pytest.raises(IntegrityError, match=r"^rfc2217://127\.0\.0\.1:\d+: .*no end of it"),
    ):
        open_link(url, 5)


def test_server_that_goes_away() -> None:
    def handle(connection: socket.socket) -> None:
        for answer in (DO_PORT, SETTINGS, ""):
            connection.recv(4096)
            connection.sendall(bytes.fromhex(answer))

    with serving_port(handle) as url, opened(url) as link, pytest.raises(LinkError):
        ask(link)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(LinkError) as caught:
        open_link(f"rfc2217://127.0.0.1:{port}", 1)
    assert str(caught.value) == f"rfc2217://127.0.0.1:{port}: Connection refused"

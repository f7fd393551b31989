"""A Tap on serial lines, in a thread of the test's process, and what a host does on them."""

import asyncio
import os
import random
import select
import shutil
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Coroutine, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from structlog.testing import capture_logs

from emulator.blueprint import demo
from emulator.device import Device
from emulator.links import open_link
from emulator.server import Server
from emulator.state import CONFIG_VERSION
from protocol.firmware import FACTORY_STATE

T = TypeVar("T")
GET_SERIAL_NUMBER = bytes.fromhex("a2ca000007010003ffff0002")
SERIAL_NUMBER = b"\x00IoTize00410000009B\x90\x00"
GET_GROUP = bytes.fromhex("a2ca000007010400ffff0007")
NOBODY = bytes.fromhex("000000 9000")
NEW_KEY = bytes.fromhex("a2ca000007010400ffff002f")
REBOOT = bytes.fromhex("a2ca000007020003ffff0004")
WRONG_CLASS = b"\x00" * 5, bytes.fromhex("6e00")
OPEN_TO_ALL = {CONFIG_VERSION: FACTORY_STATE}
"""Settings of a Tap that everybody may reboot."""
PATIENCE = 15.0
"""Seconds after which a test that waits has failed."""

needs_socat = pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed: apt-get install socat")


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.002)


class Running:
    """A Tap that serves.

    Args:
        log: what it has logged so far.
    """

    def __init__(
        self, server: Server, loop: asyncio.AbstractEventLoop, log: Sequence[MutableMapping[str, Any]]
    ) -> None:
        self.device = server.device
        self.links = server.links
        self.urls = [link.url for link in server.links]
        self._loop = loop
        self._log = log

    @property
    def warnings(self) -> list[str]:
        """What a user should have seen in the log so far."""
        return [record["event"] for record in self._log if record["log_level"] == "warning"]

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.ask(lambda: list(self.device.connections)))

    @property
    def served(self) -> list[int]:
        """The connection of each request so far, numbered from 1."""
        return self.ask(lambda: [record.connection for record in self.device.journal])

    def ask(self, question: Callable[[], T]) -> T:
        """Looks at it in its own thread."""

        async def answer() -> T:
            return question()

        return self.run(answer())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does something in its own thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def wait_for_connections(self, number: int) -> None:
        wait_for(lambda: self.connections == number, f"{self.connections} connections, expected {number}")


@contextmanager
def running(*urls: str, settings: dict[str, Any] | None = None, **rules: Any) -> Iterator[Running]:
    """The demo Tap on these links, with rules of its own."""
    blueprint = replace(demo(), rules=replace(demo().rules, **rules), seed=1)
    device = Device(replace(blueprint, settings={**blueprint.settings, **(settings or {})}))
    server = Server(device, [open_link(url) for url in urls])
    faults: list[dict[str, Any]] = []
    with capture_logs() as log, asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context))
        runner.run(server.start())
        stop = asyncio.Event()
        thread = threading.Thread(target=runner.run, args=(stop.wait(),))
        thread.start()
        try:
            yield Running(server, loop, log)
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            runner.run(server.stop())
    assert not faults


class Wire(Protocol):
    """What a host has in its hands."""

    def write(self, data: bytes) -> Any: ...

    def read(self, size: int) -> bytes: ...


class RawPort:
    """A terminal device, opened as a shell opens it: nothing is set, nothing is flushed."""

    def __init__(self, path: str | Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def __enter__(self) -> "RawPort":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        while data:
            select.select([], [self.descriptor], [], PATIENCE)
            data = data[self.write_some(data) :]

    def write_some(self, data: bytes) -> int:
        """How much was taken at once."""
        try:
            return os.write(self.descriptor, data)
        except BlockingIOError:
            return 0

    def read(self, size: int) -> bytes:
        """So many bytes."""
        data = b""
        while len(data) < size:
            piece = self.read_once(PATIENCE)
            assert piece, f"{len(data)} bytes came, expected {size}"
            data += piece
        return data

    def read_once(self, seconds: float = 0) -> bytes:
        """What comes in one read."""
        end = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return b""
            with suppress(BlockingIOError):  # Linux says so for a moment while the Tap flushes what nobody read
                return os.read(self.descriptor, 65536)

    def raw(self) -> "RawPort":
        """For terminals that nobody else puts into raw mode."""
        tty.setraw(self.descriptor)
        return self

    def close(self) -> None:
        os.close(self.descriptor)


def ask(wire: Wire, request: bytes = GET_SERIAL_NUMBER, answer: bytes = SERIAL_NUMBER) -> None:
    """A request that has this answer."""
    wire.write(request)
    assert wire.read(len(answer)) == answer


def is_served(wire: Wire) -> None:
    """A few requests, byte by byte and several at once."""
    for byte in GET_SERIAL_NUMBER:
        wire.write(bytes([byte]))
    assert wire.read(len(SERIAL_NUMBER)) == SERIAL_NUMBER
    ask(wire, GET_SERIAL_NUMBER * 3 + GET_GROUP, SERIAL_NUMBER * 3 + NOBODY)


def garbage(size: int, seed: int = 1) -> bytes:
    """Bytes that are no requests."""
    return random.Random(seed).randbytes(size)


@contextmanager
def cable(folder: Path) -> Iterator["Cable"]:
    """Two serial ports with a cable between them."""
    found = Cable(folder)
    found.plug()
    try:
        yield found
    finally:
        found.unplug()


class Cable:
    """A cable that can be unplugged; both ports are gone then."""

    def __init__(self, folder: Path) -> None:
        self.tap_end = folder / "A"
        self.host_end = folder / "B"
        self._process: subprocess.Popen[bytes] | None = None

    def plug(self) -> None:
        ends = [f"pty,raw,echo=0,link={end}" for end in (self.tap_end, self.host_end)]
        self._process = subprocess.Popen(["socat", *ends])
        wait_for(lambda: self.tap_end.exists() and self.host_end.exists(), "no cable")

    def unplug(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE)

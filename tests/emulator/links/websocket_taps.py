"""A Tap behind a WebSocket link: as a process, or in the process of the test."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from emulator.links import Host, Link
from emulator.links.base import Pipe, Receiver
from emulator.links.websocket import WebSocketLink
from tests.emulator.links.raw_websocket import BINARY, Frame, RawClient, frame
from tests.serving import MEASURABLE, SERVE, Serving, serving

MIB = 2**20
MEMORY_GROWTH = 20.0
"""MiB that may come and stay."""
REQUEST = bytes.fromhex("a2ca000007010003ffff0002")
ANSWER = b"\x00IoTize00410000009B\x90\x00"
LISTEN = (*SERVE[:2], "--listen", "ws://127.0.0.1:0")


def text(data: bytes) -> bytes:
    """Bytes as a text message carries them."""
    return data.decode("latin-1").encode()


def ask(client: RawClient) -> None:
    client.send(frame(REQUEST))
    assert client.frame() == Frame(BINARY, ANSWER)


def pour(client: RawClient, data: bytes, times: int) -> None:
    for _ in range(times):
        client.send(data)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def assert_serves(tap: Serving) -> None:
    with RawClient(tap.address) as client:
        ask(client)


def assert_no_complaint(log: str) -> None:
    for word in ("Traceback", "Error", "Exception", "Warning", "error", "exception", "never"):
        assert word not in log, log


@contextmanager
def unharmed(tap: Serving) -> Iterator[None]:
    """Whatever happens in the block, the Tap is afterwards as it was."""
    assert_serves(tap)
    memory, descriptors, logged = tap.memory, tap.descriptors, len(tap.log.read_text())
    yield
    assert_serves(tap)
    wait_for(lambda: tap.descriptors <= descriptors, "connections stay open")
    assert tap.memory - memory < MEMORY_GROWTH
    assert_no_complaint(tap.log.read_text()[logged:])


@contextmanager
def spotless(folder: Path) -> Iterator[Serving]:
    """A Tap that complains of nothing until its end."""
    if not MEASURABLE:
        pytest.skip("this system does not tell what a process uses")
    with serving(LISTEN, folder / "log") as server:
        yield server
    assert server.process.returncode == 0
    assert_no_complaint(server.log.read_text())


class Line:
    """What the link of a test is to somebody who is no Tap: answers come when the test wants it."""

    max_connections = 256

    def __init__(self, *, accepts: bool = True) -> None:
        self.accepts = accepts
        self.pipes: list[Pipe] = []
        self.received_bytes = b""
        self.losses = 0
        self.answer: Callable[[Pipe, bytes], None] = lambda pipe, data: None

    def accept(self, link: Link, pipe: Pipe) -> Receiver | None:
        self.pipes.append(pipe)
        return self if self.accepts else None

    def received(self, data: bytes) -> None:
        self.received_bytes += data
        self.answer(self.pipes[-1], data)

    def lost(self) -> None:
        self.losses += 1

    def setting(self, key: str) -> Any:
        raise KeyError(key)

    def on_change(self, changed: Callable[[], None]) -> None:
        raise NotImplementedError


class Running:
    """A link in a thread of its own."""

    def __init__(self, link: WebSocketLink, loop: asyncio.AbstractEventLoop) -> None:
        self.link = link
        self._loop = loop
        self.faults: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: self.faults.append(context))

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.link.url.removeprefix("ws://").rpartition(":")
        return host, int(port)

    def soon(self, action: Callable[..., object], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(action, *arguments)

    def run(self, action: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(action, self._loop).result(10)


@contextmanager
def running(host: Host, **options: Any) -> Iterator[Running]:
    """The link on a free port."""
    with asyncio.Runner() as runner:
        link = WebSocketLink("127.0.0.1", 0, **options)
        runner.run(link.open(host))
        server = Running(link, runner.get_loop())
        stop = asyncio.Event()
        thread = threading.Thread(target=runner.run, args=(stop.wait(),))
        thread.start()
        try:
            yield server
        finally:
            server.run(link.close())
            wait_for(lambda: not link._limbo, "connections stay open")
            server.soon(stop.set)
            thread.join()
    assert not server.faults


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data cut at these places, if there are that many bytes."""
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in itertools.pairwise(edges)]

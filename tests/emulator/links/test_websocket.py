"""The WebSocket link: clients that keep its rules, clients that do not, and the Tap behind it."""

import asyncio
import itertools
import random
import resource
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from emulator.links import Host, Link, LinkError, open_link, websocket
from emulator.links.base import Pipe, Receiver
from emulator.links.origins import is_welcome
from emulator.links.websocket import WebSocketLink
from emulator.server import Server
from protocol.client.blocking import Tap
from protocol.client.links import LinkError as ClientLinkError
from protocol.codes import HostProtocol
from tests.emulator.links.raw_websocket import BINARY, CLOSE, CONT, PING, PONG, TEXT, Frame, RawClient, frame, handshake
from tests.hosts import make_device
from tests.serving import MEASURABLE, SERVE, Serving, serving

MIB = 2**20
LIMIT = 256
MEMORY_GROWTH = 20.0
"""MiB that may come and stay."""
REQUEST = bytes.fromhex("a2ca000007010003ffff0002")
ANSWER = b"\x00IoTize00410000009B\x90\x00"
UNKNOWN = bytes.fromhex("a2ca000007010009ffff0002"), bytes.fromhex("849000")
WRONG_CLASS = bytes.fromhex("9000000000"), bytes.fromhex("6e00")
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


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    if not MEASURABLE:
        pytest.skip("this system does not tell what a process uses")
    with serving(LISTEN, tmp_path_factory.mktemp("tap") / "log") as server:
        yield server
    assert server.process.returncode == 0
    assert_no_complaint(server.log.read_text())


# --- in the process of the test


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


# --- messages


def test_binary_and_text_are_answered_in_kind(tap: Serving) -> None:
    with connect(tap.urls[0], compression=None) as client:
        for _ in range(2):
            client.send(REQUEST)
            assert client.recv(10) == ANSWER
            client.send(REQUEST.decode("latin-1"))
            assert client.recv(10) == ANSWER.decode("latin-1")


def test_no_compression_and_any_path(tap: Serving) -> None:
    with connect(f"{tap.urls[0]}/any/path?at=all", compression="deflate") as client:
        assert client.protocol.extensions == []
        client.send(REQUEST)
        assert client.recv(10) == ANSWER


def test_tap_says_which_interface_it_is(tap: Serving) -> None:
    with Tap(tap.urls[0]) as client:
        assert client.service.interface.get_current_host_protocol() == HostProtocol.WEBSOCKET


EXCHANGES = st.lists(st.sampled_from([(REQUEST, ANSWER), UNKNOWN, WRONG_CLASS]), min_size=1, max_size=5)
CUTS = st.lists(st.integers(1, 70), max_size=8)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data cut at these places, if there are that many bytes."""
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


async def converse(wire: list[bytes], answers: int) -> tuple[list[Frame], int]:
    """Sends bytes, each piece in a segment of its own; gives the answers, and how many pings were answered."""
    device, _ = make_device()
    link = open_link("ws://127.0.0.1:0")
    server = Server(device, [link])
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(link.url.rpartition(":")[2]))
    for piece in wire:
        writer.write(piece)
        for _ in range(3):
            await asyncio.sleep(0)
    await reader.readuntil(b"\r\n\r\n")
    frames: list[Frame] = []
    pongs = 0
    while len(frames) < answers:
        opcode, size = await reader.readexactly(2)
        data = await reader.readexactly(size)
        if opcode & 0x0F == PONG:
            assert data == b"hello?"
            pongs += 1
        else:
            frames.append(Frame(opcode & 0x0F, data))
    writer.close()
    await server.stop()
    return frames, pongs


@settings(max_examples=60)
@given(
    exchanges=EXCHANGES,
    messages=CUTS,
    kinds=st.lists(st.booleans(), min_size=9, max_size=9),
    fragments=CUTS,
    pings=st.booleans(),
    segments=st.one_of(st.just(list(range(1, 2000))), st.lists(st.integers(1, 600), max_size=12)),
)
def test_any_segmentation(
    exchanges: list[tuple[bytes, bytes]],
    messages: list[int],
    kinds: list[bool],
    fragments: list[int],
    pings: bool,
    segments: list[int],
) -> None:
    """The APDUs are cut into messages, these into fragments, even inside a character, and all into segments."""
    requests = b"".join(request for request, _ in exchanges)
    wire = handshake()
    kind_of_byte = b""
    for message, is_text in zip(pieces(requests, messages), kinds, strict=False):
        opcode = TEXT if is_text else BINARY
        kind_of_byte += bytes((opcode,)) * len(message)
        parts = pieces(text(message) if is_text else message, fragments)
        for number, part in enumerate(parts):
            wire += frame(part, CONT if number else opcode, fin=number == len(parts) - 1)
            wire += frame(b"hello?", PING) * pings
    expected = []
    end = 0
    for request, answer in exchanges:
        end += len(request)
        is_text = kind_of_byte[end - 1] == TEXT
        expected.append(Frame(TEXT, text(answer)) if is_text else Frame(BINARY, answer))
    frames, _ = asyncio.run(converse(pieces(wire, segments), len(expected)))
    assert frames == expected


def test_pings_in_the_middle_of_a_message() -> None:
    wire = [handshake(), frame(REQUEST[:5], fin=False), frame(b"hello?", PING), frame(REQUEST[5:], CONT)]
    assert asyncio.run(converse(wire, 1)) == ([Frame(BINARY, ANSWER)], 1)
    assert asyncio.run(converse([b"".join(wire)], 1)) == ([Frame(BINARY, ANSWER)], 1)


def test_answers_at_any_time() -> None:
    """Not only while the request is being received; the kind is that of the last message."""
    line = Line()
    with running(line) as server, RawClient(server.address) as client:
        server.soon(lambda: line.pipes[0].write(b"first"))
        assert client.frame() == Frame(BINARY, b"first")
        client.send(frame(b"question", TEXT))
        wait_for(lambda: line.received_bytes == b"question", "nothing came")
        server.soon(lambda: line.pipes[0].write(b"\xff" * 200))
        assert client.frame() == Frame(TEXT, "\u00ff".encode() * 200)


def test_answers_to_nobody() -> None:
    line = Line()
    with running(line) as server:
        with RawClient(server.address) as client:
            client.send(frame(b"now", BINARY))
            wait_for(lambda: bool(line.received_bytes), "nothing came")
        wait_for(lambda: line.losses == 1, "the end was not noticed")
        for _ in range(10):
            server.soon(line.pipes[0].write, b"late")
        server.soon(lambda: line.pipes[0].close())
        with RawClient(server.address):
            pass


# --- the end of a connection


def test_client_closes(tap: Serving) -> None:
    with unharmed(tap), RawClient(tap.address) as client:
        ask(client)
        client.send(frame(b"\x03\xe8bye", CLOSE))
        assert client.frame().closing == (1000, "bye")
        assert client.over()


def test_what_comes_with_the_end_is_done() -> None:
    """The client does not hear the answer any more; the Tap has got the request."""
    line = Line()
    line.answer = lambda pipe, data: pipe.write(data)
    with running(line) as server, RawClient(server.address) as client:
        client.send(frame(b"request") + frame(b"", CLOSE))
        assert client.frame() == Frame(CLOSE, b"")
        assert client.over()
        assert line.received_bytes == b"request"
        wait_for(lambda: line.losses == 1, "the end was not noticed")


def test_what_comes_after_the_tap_hung_up_is_nobodys() -> None:
    line = Line()
    line.answer = lambda pipe, data: pipe.close()
    with running(line) as server:
        for end in (b"", frame(b"\x03\xe8", CLOSE)):
            line.received_bytes = b""
            with RawClient(server.address) as client:
                client.send(frame(b"first") + frame(b"second") + end)
                assert client.frame().closing == (1000, "")
                assert client.over()
            assert line.received_bytes == b"first"


def test_tap_hangs_up(tmp_path: Path) -> None:
    """After too many logins; what comes after that is nobody's."""
    login = bytes.fromhex("a2ca00001b010400ffff0028") + b"admin".ljust(16, b"\0") + bytes(4)
    proof = bytes.fromhex("a2ca000017010400ffff0029") + bytes(16)
    with serving(LISTEN, tmp_path / "log") as tap, RawClient(tap.address) as client:
        for attempt in range(3):
            client.send(frame(login))
            assert client.frame().data[:1] == b"\0"
            client.send(frame(proof + REQUEST))
            assert client.frame().data == bytes.fromhex("869000")
            if attempt < 2:
                assert client.frame().data == ANSWER
        assert client.frame().closing == (1000, "")
        client.send(frame(REQUEST) * 3 + frame(b"\x03\xe8", CLOSE))
        assert client.over()
        assert_no_complaint(tap.log.read_text())


def test_client_that_does_not_take_part_in_the_end() -> None:
    line = Line()
    with running(line) as server, RawClient(server.address) as client:
        server.soon(lambda: line.pipes[0].close())
        assert client.frame().closing == (1000, "")
        client.send(frame(b"still here"))
        assert client.over()
        assert line.received_bytes == b""
        assert line.losses == 1


def test_reboot(tmp_path: Path) -> None:
    config = tmp_path / "device.yaml"
    config.write_text("tap: 1\nrules: {reboot_time: 0.05}\n", encoding="utf-8")
    with serving((*LISTEN, str(config)), tmp_path / "log") as tap, RawClient(tap.address) as other:
        ask(other)
        with Tap(tap.urls[0]) as client:
            client.login("admin", "admin")
            client.service.device.reboot()
            with pytest.raises(ClientLinkError, match="the connection is closed"):
                client.service.device.get_serial_number()
        assert other.frame().closing == (1000, "")
        wait_for(lambda: "rebooted" in tap.log.read_text(), "the Tap does not come back")
        with Tap(tap.urls[0]) as client:
            client.login("admin", "admin")
        assert_no_complaint(tap.log.read_text())


def test_handshake_while_the_tap_takes_nobody() -> None:
    with running(Line(accepts=False)) as server, RawClient(server.address, upgrade=False) as client:
        client.send(handshake())
        assert client.status() == 503
        assert "takes no further connection" in client.text()


def test_port_is_the_same_after_a_pause() -> None:
    line = Line()
    with running(line) as server, RawClient(server.address) as before:
        url = server.link.url
        server.run(server.link.pause())
        with pytest.raises(ConnectionRefusedError):
            RawClient(server.address)
        server.run(server.link.open(line))
        assert server.link.url == url
        with RawClient(server.address) as client:
            client.send(frame(b"new"))
            wait_for(lambda: line.received_bytes == b"new", "nothing came")
        before.send(frame(b"old"))
        wait_for(lambda: line.received_bytes == b"newold", "nothing came")


def test_stop_in_the_middle_of_it_all(tmp_path: Path) -> None:
    """SIGTERM while clients wait, send, do not read, or have not finished their handshake."""
    with serving(LISTEN, tmp_path / "log") as tap, ExitStack() as stack:
        idle = stack.enter_context(RawClient(tap.address))
        for data in (frame(REQUEST[:5]), frame(REQUEST)[:5], frame(REQUEST) * 1000, frame(b"", CLOSE), frame(rsv=1)):
            stack.enter_context(RawClient(tap.address)).send(data)
        for data in (b"", b"GET ", handshake()):
            stack.enter_context(RawClient(tap.address, upgrade=False)).send(data)
        ask(idle)
        tap.process.terminate()
        assert tap.process.wait(10) == 0
        assert idle.frame().closing == (1001, "")
        assert idle.over()
    assert_no_complaint(tap.log.read_text())


# --- pings


def test_silent_clients_are_pinged_and_dropped() -> None:
    with running(Line(), ping=0.1) as server, RawClient(server.address) as client:
        for _ in range(3):
            assert client.frame() == Frame(PING, b"")
            client.send(frame(b"", PONG))
        assert client.frame() == Frame(PING, b"")
        assert client.frame().closing == (1011, "no answer to a ping")
        assert client.over()


def test_pings_find_out_who_will_never_read() -> None:
    """Nothing is read from such a client, not even that it has gone."""
    line = Line()
    line.answer = lambda pipe, data: pipe.write(bytes(4 * MIB))
    with running(line, ping=0.1) as server, RawClient(server.address, buffer=4096) as client:
        client.send(frame(b"request"))
        client.socket.shutdown(socket.SHUT_WR)
        wait_for(lambda: line.losses == 1, "the end was not noticed")


def test_anything_is_a_sign_of_life() -> None:
    with running(Line(), ping=0.1) as server, RawClient(server.address) as client:
        for number in range(3):
            assert client.frame() == Frame(PING, b""), number
            client.send(frame(b"x"))


def test_without_pings() -> None:
    with (
        running(Line(), ping=0) as server,
        RawClient(server.address, timeout=0.3) as client,
        pytest.raises(TimeoutError),
    ):
        client.frame()


# --- clients that break the rules

BROKEN = {
    "unmasked": (frame(REQUEST, mask=False), 1002),
    "reserved bit": (frame(REQUEST, rsv=4), 1002),
    "reserved bits": (frame(REQUEST, rsv=7), 1002),
    "unknown opcode": (frame(REQUEST, 3), 1002),
    "unknown control opcode": (frame(b"", 15), 1002),
    "continuation of nothing": (frame(REQUEST, CONT), 1002),
    "message in a message": (frame(b"", fin=False) + frame(b""), 1002),
    "long ping": (frame(bytes(126), PING), 1002),
    "fragmented ping": (frame(b"", PING, fin=False), 1002),
    "closing frame of one byte": (frame(b"\x03", CLOSE), 1002),
    "closing code that is reserved": (frame(b"\x03\xed", CLOSE), 1002),
    "closing in a message": (frame(b"", fin=False) + frame(b"\x03\xe8", CLOSE), 1002),
    "closing reason that is not UTF-8": (frame(b"\x03\xe8\xff", CLOSE), 1007),
    "text that is not UTF-8": (frame(b"\xa2\xca", TEXT), 1007),
    "text that ends in a character": (frame(b"\xc3", TEXT), 1007),
    "fragments that end in a character": (frame(b"\xc2", TEXT, fin=False) + frame(b"", CONT), 1007),
    "character U+0100": (frame("\u0100".encode(), TEXT), 1007),
    "4097 bytes": (frame(bytes(4097)), 1009),
    "4096 bytes and one": (frame(bytes(4096), fin=False) + frame(b"\0", CONT), 1009),
    "100 MiB announced": (frame(size=100 * MIB), 1009),
    "8 EiB announced": (frame(size=2**63 - 1), 1009),
}


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
def test_broken_rules(tap: Serving, bytewise: bool) -> None:
    with unharmed(tap):
        for name, (data, code) in BROKEN.items():
            with RawClient(tap.address) as client:
                ask(client)
                for piece in pieces(data, list(range(1, 200)) if bytewise else []):
                    client.send(piece)
                seen = client.frame()
                while seen.opcode != CLOSE:  # of the bytes before the last one
                    seen = client.frame()
                assert seen.closing[0] == code, name
                assert client.over(), name


def test_reasons_for_people(tap: Serving) -> None:
    with RawClient(tap.address) as client:
        client.send(frame("€".encode(), TEXT))
        assert client.frame().closing == (1007, "character above U+00FF, expected one byte per character")


def test_100_mib_are_neither_read_nor_kept(tap: Serving) -> None:
    with unharmed(tap), RawClient(tap.address) as client:
        before = tap.memory
        client.send(frame(size=100 * MIB))
        with pytest.raises(ConnectionError):
            pour(client, bytes(MIB), 10_000)
        assert tap.memory - before < MEMORY_GROWTH


def test_endless_fragments(tap: Serving) -> None:
    with unharmed(tap), RawClient(tap.address) as client:
        client.send(frame(b"\0", fin=False))
        sent = 1
        try:
            while sent < 10_000:
                client.send(frame(b"\0", CONT, fin=False))
                sent += 1
        except ConnectionError:
            assert sent > 4000
        closing = client.frame()
        while closing.opcode != CLOSE:  # zeros are no APDUs
            closing = client.frame()
        assert closing.closing[0] == 1009


def test_endless_empty_fragments(tap: Serving) -> None:
    """They cost nothing, so they may go on; others are served meanwhile."""
    with unharmed(tap), RawClient(tap.address) as client:
        client.send(frame(b"", fin=False))
        for _ in range(20):
            client.send(frame(b"", CONT, fin=False) * 5000)
            assert_serves(tap)
        client.send(frame(REQUEST, CONT))
        assert client.frame() == Frame(BINARY, ANSWER)


def test_noise_after_the_handshake(tap: Serving) -> None:
    chance = random.Random(4)
    with unharmed(tap):
        for size in [1, 2, *(chance.randrange(5000) for _ in range(100))]:
            with RawClient(tap.address) as client:
                client.send(chance.randbytes(size))


def test_ping_flood_of_a_client_that_never_reads(tap: Serving) -> None:
    with unharmed(tap), RawClient(tap.address, buffer=4096, timeout=0.3) as client:
        memory = tap.memory
        with pytest.raises(TimeoutError):
            pour(client, frame(bytes(125), PING) * 100, 10_000)
        assert tap.memory - memory < MEMORY_GROWTH
        assert_serves(tap)


def test_client_that_never_reads() -> None:
    """The link stops to read from it, and keeps no more than a moment's answers; others are served meanwhile."""
    line = Line()
    written = 0

    def answer(pipe: Pipe, data: bytes) -> None:
        nonlocal written
        written += 1
        pipe.write(bytes(4000))

    line.answer = answer
    with running(line) as server, RawClient(server.address, buffer=4096, timeout=0.3) as client:
        with pytest.raises(TimeoutError):
            pour(client, frame(b"x" * 50) * 10, 10_000)
        assert written * 4000 < MEMORY_GROWTH * MIB
        with RawClient(server.address) as other:
            other.send(frame(b"x"))
            assert other.frame() == Frame(BINARY, bytes(4000))


def test_client_that_reads_late() -> None:
    """It gets all that it has asked for, although more than fits on the way."""
    line = Line()
    line.answer = lambda pipe, data: pipe.write(bytes(4000))
    with running(line) as server, RawClient(server.address, buffer=4096) as client:
        sender = threading.Thread(target=pour, args=(client, frame(b"x"), 3000))
        sender.start()
        time.sleep(0.3)
        for _ in range(3000):
            assert client.frame() == Frame(BINARY, bytes(4000))
        sender.join()


def test_dropped_with_answers_on_their_way(tap: Serving) -> None:
    with unharmed(tap):
        for number in range(300):
            with RawClient(tap.address) as client:
                client.send((frame(REQUEST)[:9], frame(REQUEST), frame(REQUEST) * 300)[number % 3])


# --- handshakes

HANDSHAKES = {
    "no upgrade": (handshake(Upgrade=None, Connection=None), 426),
    "other upgrade": (handshake(Upgrade="h2c"), 426),
    "no key": (handshake(Sec_WebSocket_Key=None), 400),
    "bad key": (handshake(Sec_WebSocket_Key="short"), 400),
    "old version": (handshake(Sec_WebSocket_Version="8"), 400),
    "POST": (handshake("POST / HTTP/1.1"), 405),
    "HTTP/1.0": (handshake("GET / HTTP/1.0"), 505),
    "two origins": (handshake(Origin="http://localhost\r\nOrigin: http://localhost"), 400),
    "other page": (handshake(Origin="https://evil.example"), 403),
    "noise for an origin": (handshake(Origin="http://[\u00ff"), 403),
    "long path": (handshake(f"GET /{'x' * 9000} HTTP/1.1"), 414),
    "long header": (handshake(Cookie="x" * 9000), 431),
    "many headers": (handshake(**{f"X{number}": "y" for number in range(200)}), 431),
    "body": (handshake("PUT / HTTP/1.1", Content_Length="100"), None),
    "other version": (handshake("GET / HTTP/3"), None),
    "raw APDU": (REQUEST + b"\n", None),
    "TLS": (bytes.fromhex("160301020001000a01fc0303") + bytes(20) + b"\n", None),
    "empty lines": (b"\n" * 5000, None),
    "line feeds only": (handshake().replace(b"\r\n", b"\n"), None),
}


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
def test_handshakes_that_are_refused(tap: Serving, bytewise: bool) -> None:
    with unharmed(tap):
        for name, (data, status) in HANDSHAKES.items():
            with RawClient(tap.address, upgrade=False) as client:
                for piece in pieces(data, list(range(1, 300)) if bytewise else []):
                    client.send(piece)
                if status is None:
                    assert client.over(), name
                else:
                    assert client.status() == status, name
                    assert client.text(), name


def test_a_person_with_a_browser_is_told_what_this_is(tap: Serving) -> None:
    with RawClient(tap.address, upgrade=False) as client:
        client.send(handshake(Upgrade=None, Connection=None))
        assert client.status() == 426
        assert "You need a WebSocket client" in client.text()


def test_what_comes_with_the_handshake(tap: Serving) -> None:
    """No client has to do this; the answer to the handshake comes first anyhow."""
    for data, expected in (
        (frame(REQUEST), Frame(BINARY, ANSWER)),
        (frame(b"x", PING), Frame(PONG, b"x")),
        (frame(b"\x03\xe8", CLOSE), Frame(CLOSE, b"\x03\xe8")),
        (frame(rsv=1), Frame(CLOSE, b"\x03\xeareserved bits must be 0")),
    ):
        with RawClient(tap.address, upgrade=False) as client:
            client.send(handshake() + data)
            assert client.status() == 101
            assert client.frame() == expected


@pytest.mark.parametrize("data", [b"", REQUEST, handshake()[:-1]], ids=["nothing", "an APDU", "all but one byte"])
def test_half_a_handshake_and_silence(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_HANDSHAKE_TIME", 0.2)
    with running(line := Line()) as server, RawClient(server.address, upgrade=False) as client:
        client.send(data)
        assert client.over()
        assert not line.pipes


def test_slow_handshakes_do_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slowest are cut when there are too many."""
    monkeypatch.setattr(websocket, "_HANDSHAKE_TIME", 60.0)
    monkeypatch.setattr(websocket, "_MOST_IN_LIMBO", 10)
    with running(Line()) as server, ExitStack() as stack:
        slow = [stack.enter_context(RawClient(server.address, upgrade=False)) for _ in range(15)]
        with RawClient(server.address):
            assert all(client.over() for client in slow[:6])
        for client in slow[6:]:
            client.send(handshake())
            assert client.status() == 101


def test_1000_connections(tap: Serving) -> None:
    """256 are served, and the others are told that there are too many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("this process may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with unharmed(tap), ExitStack() as stack:
        clients = []
        for _ in range(1000):
            clients.append(stack.enter_context(RawClient(tap.address, upgrade=False)))
            clients[-1].send(handshake())
        answered = [(client.status(), client) for client in clients]
        served = [client for status, client in answered if status == 101]
        assert len(served) == LIMIT
        assert {status for status, _ in answered} == {101, 503}
        for client in served:
            ask(client)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert tap.log.read_text().count("connections are refused") < 10


# --- origins

HERE = "tap.example:2080"
ORIGINS = [
    (None, (), True),
    ("http://localhost", (), True),
    ("https://localhost", (), True),
    ("http://localhost:8080", (), True),
    ("http://127.0.0.1:3000", (), True),
    ("http://[::1]:3000", (), True),
    ("http://tap.example", (), True),
    ("https://tap.example:8443", (), True),
    ("http://TAP.example", (), True),
    ("file://", (), True),
    ("capacitor://localhost", (), True),
    ("ionic://localhost", (), True),
    ("app://localhost", (), True),
    ("null", (), False),
    ("", (), False),
    ("https://evil.example", (), False),
    ("http://localhost.evil.example", (), False),
    ("http://evil.example/localhost", (), False),
    ("http://localhost@evil.example", (), False),
    ("http://tap.example.evil.example", (), False),
    ("http://127.0.0.1.evil.example", (), False),
    ("ftp://tap.example", (), False),
    ("chrome-extension://abcdefghijklmnop", (), False),
    ("http://[", (), False),
    ("https://evil.example", ("*",), True),
    ("null", ("*",), True),
    ("null", ("null",), True),
    ("https://app.example", ("https://app.example",), True),
    ("https://APP.example", ("https://other.example", "https://app.example"), True),
    ("https://app.example:8443", ("https://app.example",), False),
    ("http://app.example", ("https://app.example",), False),
    ("null", ("https://app.example",), False),
    ("chrome-extension://abcdefghijklmnop", ("chrome-extension://abcdefghijklmnop",), True),
]


@pytest.mark.parametrize(("origin", "allowed", "welcome"), ORIGINS)
def test_origins(origin: str | None, allowed: tuple[str, ...], welcome: bool) -> None:
    assert is_welcome(origin, HERE, allowed) is welcome


@pytest.mark.parametrize("host", ["", "[", "evil.example:2080,tap.example", "[::1", "@"])
def test_origins_and_strange_hosts(host: str) -> None:
    assert not is_welcome("http://tap.example", host)
    assert is_welcome("http://localhost", host)


def test_origin_over_the_wire(tap: Serving) -> None:
    evil = handshake(Origin="https://evil.example")
    for _ in range(3):
        with RawClient(tap.address, upgrade=False) as client:
            client.send(evil)
            assert client.status() == 403
            assert f"--listen '{tap.urls[0]}?origin=https://evil.example'" in client.text()
    assert tap.log.read_text().count("page refused") <= len(HANDSHAKES)
    with running(line := Line(), origins=["https://evil.example"]) as server:
        for request in (evil, handshake(Origin="http://localhost:8080"), handshake(Origin="http://127.0.0.1:1")):
            with RawClient(server.address, upgrade=False) as client:
                client.send(request)
                assert client.status() == 101
        assert len(line.pipes) == 3


def test_refused_pages_are_logged_once(tmp_path: Path) -> None:
    with serving(LISTEN, tmp_path / "log") as tap:
        for number in range(60):
            with RawClient(tap.address, upgrade=False) as client:
                client.send(handshake(Origin=f"https://\u009b{number // 2}.example"))
                assert client.status() == 403
        log = tap.log.read_text()
    assert "\u009b" not in log
    assert log.count("page refused") == 16


# --- URLs


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ws://127.0.0.1:0?origin=app.example", "origin=app.example: expected an origin such as"),
        ("ws://127.0.0.1:0?origin=https://app.example/path", "expected an origin such as"),
        ("ws://127.0.0.1:0?origin=", "expected an origin such as"),
        ("ws://127.0.0.1:0?ping=-1", "ping=-1: expected a whole number from 0 to 3600"),
        ("ws://127.0.0.1:0?ping=1&ping=2", "expected once"),
        ("ws://127.0.0.1:0?origins=*", "unknown option origins, expected origin, ping"),
    ],
)
def test_urls_that_are_none(url: str, message: str) -> None:
    with pytest.raises(LinkError, match=message) as caught:
        open_link(url)
    assert str(caught.value).startswith("ws://127.0.0.1:0: ")


def test_urls() -> None:
    link = open_link("ws://?origin=https://App.example&origin=null&ping=0")
    assert isinstance(link, WebSocketLink)
    assert (link.url, link.ping) == ("ws://127.0.0.1:2080", 0)
    assert link.origins == {"https://app.example", "null"}
    assert open_link("ws://[::1]:8080").url == "ws://[::1]:8080"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ws://nobody.invalid:2080", "ws://nobody.invalid:2080: "),
        ("ws://192.0.2.1:2080", "ws://192.0.2.1:2080: .*(assign|bind)"),
    ],
)
def test_addresses_that_are_not_ours(url: str, message: str) -> None:
    with pytest.raises(LinkError, match=message):
        asyncio.run(open_link(url).open(Line()))


def test_port_in_use() -> None:
    with running(Line()) as server, pytest.raises(LinkError, match=rf"{server.link.url}: .*in use"):
        asyncio.run(open_link(server.link.url).open(Line()))

"""The WebSocket link: messages, pings, and the end of a connection."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from emulator.links import open_link
from emulator.server import Server
from protocol.client.blocking import Tap
from protocol.client.links import LinkError as ClientLinkError
from protocol.codes import HostProtocol
from tests.emulator.links.raw_websocket import BINARY, CLOSE, CONT, PING, PONG, TEXT, Frame, RawClient, frame, handshake
from tests.emulator.links.websocket_taps import (
    ANSWER,
    LISTEN,
    MIB,
    REQUEST,
    Line,
    ask,
    assert_no_complaint,
    pieces,
    running,
    spotless,
    text,
    unharmed,
    wait_for,
)
from tests.hosts import make_device
from tests.serving import Serving, serving

UNKNOWN = bytes.fromhex("a2ca000007010009ffff0002"), bytes.fromhex("849000")
WRONG_CLASS = bytes.fromhex("9000000000"), bytes.fromhex("6e00")


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with spotless(tmp_path_factory.mktemp("tap")) as server:
        yield server


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
    with running(Line(), ping=0.5) as server, RawClient(server.address) as client:
        for _ in range(2):
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
    with running(Line(), ping=0.5) as server, RawClient(server.address) as client:
        for number in range(2):
            assert client.frame() == Frame(PING, b""), number
            client.send(frame(b"x"))


def test_without_pings() -> None:
    with running(Line(), ping=0) as server, RawClient(server.address) as client:
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.frame()

"""WebSocket clients that break the rules, and those that stretch them."""

import random
import threading
import time
from collections.abc import Iterator

import pytest

from emulator.links.base import Pipe
from tests.emulator.links.raw_websocket import BINARY, CLOSE, CONT, PING, TEXT, Frame, RawClient, frame
from tests.emulator.links.websocket_taps import (
    ANSWER,
    MEMORY_GROWTH,
    MIB,
    REQUEST,
    Line,
    ask,
    assert_serves,
    pieces,
    pour,
    running,
    spotless,
    unharmed,
)
from tests.serving import Serving


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with spotless(tmp_path_factory.mktemp("tap")) as server:
        yield server


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
    with unharmed(tap), RawClient(tap.address, buffer=4096) as client:
        client.socket.settimeout(0.3)
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
    with running(line) as server, RawClient(server.address, buffer=4096) as client:
        client.socket.settimeout(0.3)
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

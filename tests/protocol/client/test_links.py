"""Links and shells over real sockets whose other end misbehaves."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.client.aio import AsyncTap
from protocol.client.blocking import Tap
from protocol.client.links import (
    LinkError,
    MemoryLink,
    is_complete,
    open_link,
    register_memory_peer,
    unregister_memory_peer,
)
from protocol.client.links.aio import AsyncMemoryLink
from protocol.errors import IntegrityError, ProtocolError, UsageError
from tests.protocol.client.peers import SERIAL_NUMBER, SmallTap, pieces
from tests.protocol.client.serving import requests, serving, wait_for_end
from tests.protocol.client.shells import SHELLS, Shell, connected, new_tap

ANSWER = b"\x00" + SERIAL_NUMBER.encode() + b"\x90\x00"
IN_BOTH_SHELLS = pytest.mark.parametrize("shell", SHELLS)


def small_tap(connection: socket.socket) -> None:
    peer = SmallTap()
    for request in requests(connection):
        connection.sendall(peer.answer(request))


def cut_everywhere(cuts: list[int]) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        peer = SmallTap()
        for request in requests(connection):
            for piece in pieces(peer.answer(request), cuts):
                connection.sendall(piece)
                time.sleep(0.002)

    return handle


@IN_BOTH_SHELLS
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 40), max_size=4))
def test_answers_may_come_in_any_segments(shell: Shell, cuts: list[int]) -> None:
    with serving(cut_everywhere(cuts)) as url, connected(shell, url) as tap:
        assert tap.service.device.get_serial_number() == SERIAL_NUMBER
        tap.set_initialization_vector_refresh_period(2)
        tap.encryption(True)
        for _ in range(4):
            assert tap.service.device.get_serial_number() == SERIAL_NUMBER
        tap.set_initialization_vector_refresh_period(1)
        assert tap.service.device.get_serial_number() == SERIAL_NUMBER


@IN_BOTH_SHELLS
def test_byte_by_byte(shell: Shell) -> None:
    with serving(cut_everywhere(list(range(1, 60)))) as url, connected(shell, url) as tap:
        tap.encryption(True)
        assert tap.service.device.get_serial_number() == SERIAL_NUMBER


def answer_with(*steps: bytes | float) -> Callable[[socket.socket], None]:
    """Sends these bytes after each request, and waits these seconds; then closes."""

    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        for step in steps:
            if isinstance(step, bytes):
                connection.sendall(step)
            else:
                time.sleep(step)

    return handle


@IN_BOTH_SHELLS
@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "the connection is closed$"),
        ([ANSWER[:5]], "the connection is closed after 5 bytes of an answer"),
        ([0.5], r"no answer within 0\.2 s$"),
        ([ANSWER[:5], 0.5], r"no answer within 0\.2 s; 5 bytes of one came"),
        ([step for byte in ANSWER for step in (bytes([byte]), 0.15)], r"no answer within 0\.2 s; \d+ bytes of one"),
    ],
)
def test_no_answer(shell: Shell, steps: list[bytes | float], message: str) -> None:
    with serving(answer_with(*steps)) as url, connected(shell, url, timeout=0.2) as tap:
        start = time.monotonic()
        with pytest.raises(LinkError, match=message):
            tap.service.device.get_serial_number()
        assert time.monotonic() - start < 0.1 * len(ANSWER)  # a slow answer does not extend the time
        assert not tap.is_connected
        with pytest.raises(LinkError, match="not connected"):
            tap.service.device.get_serial_number()


def test_link_errors_are_connection_errors() -> None:
    assert issubclass(LinkError, ConnectionError)
    assert issubclass(LinkError, ProtocolError)


@IN_BOTH_SHELLS
def test_a_late_answer_is_not_taken_for_the_next(shell: Shell) -> None:
    first = threading.Event()

    def handle(connection: socket.socket) -> None:
        if not first.is_set():
            first.set()
            connection.recv(4096)
            wait_for_end(connection)
            connection.sendall(b"\x00late\x90\x00")
        else:
            small_tap(connection)

    with serving(handle) as url, connected(shell, url, timeout=1.5) as tap:
        with pytest.raises(LinkError, match="no answer"):
            tap.service.device.get_serial_number()
        tap.connect()
        assert tap.service.device.get_serial_number() == SERIAL_NUMBER


@IN_BOTH_SHELLS
def test_bytes_that_nobody_asked_for(shell: Shell) -> None:
    answered, sent = threading.Event(), threading.Event()

    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(ANSWER)
        answered.wait(10)
        connection.sendall(ANSWER)
        sent.set()
        wait_for_end(connection)

    with serving(handle) as url, connected(shell, url) as tap:
        assert tap.service.device.get_serial_number() == SERIAL_NUMBER
        answered.set()
        sent.wait(10)
        if shell == "aio":
            tap._runner.run(asyncio.sleep(0.05))
        with pytest.raises(LinkError, match=f"{len(ANSWER)} bytes came that nobody asked for"):
            tap.service.device.get_serial_number()
        assert not tap.is_connected


@IN_BOTH_SHELLS
def test_a_tap_that_has_gone(shell: Shell) -> None:
    with serving(answer_with(ANSWER)) as url, connected(shell, url) as tap:
        assert tap.service.device.get_serial_number() == SERIAL_NUMBER
        with pytest.raises(LinkError):
            tap.service.device.get_serial_number()


@IN_BOTH_SHELLS
def test_an_endless_answer_is_cut_off(shell: Shell) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        while True:
            connection.sendall(b"\x00" * 100)

    with serving(handle) as url, connected(shell, url) as tap:
        with pytest.raises(IntegrityError, match="no end of the answer"):
            tap.service.device.get_serial_number()
        assert not tap.is_connected


@IN_BOTH_SHELLS
def test_a_bare_status_word_is_an_answer(shell: Shell) -> None:
    with (
        serving(answer_with(b"\x6e\x00", 0.1)) as url,
        connected(shell, url) as tap,
        pytest.raises(IntegrityError, match=r"6E00 \(WRONG_CLASS\)"),
    ):
        tap.service.device.get_serial_number()


@IN_BOTH_SHELLS
@pytest.mark.parametrize("change", [b"", b"\x00"], ids=["short", "long"])
def test_an_encrypted_answer_of_strange_length(shell: Shell, change: bytes) -> None:
    def handle(connection: socket.socket) -> None:
        peer = SmallTap()
        peer.spoil = lambda answer: answer[:-3] + change * 2 + answer[-2:]
        for request in requests(connection):
            connection.sendall(peer.answer(request))

    with serving(handle) as url, connected(shell, url, timeout=1.5) as tap:
        tap.encryption(True)
        with pytest.raises(IntegrityError, match="expected a multiple of 16"):
            tap.service.device.get_serial_number()
        assert tap.is_connected  # the line itself is in order


@IN_BOTH_SHELLS
def test_nobody_listens(shell: Shell) -> None:
    with serving(small_tap) as url:
        pass
    with new_tap(shell, url) as tap:
        with pytest.raises(LinkError, match=rf"{url}: .*[Cc]onn"):
            tap.connect()
        assert not tap.is_connected


@IN_BOTH_SHELLS
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host", r"ftp://host: unknown link 'ftp', expected one of"),
        ("host:2000", "unknown link"),
        ("", "unknown link"),
        ("tcp://host:port", "[Pp]ort"),
        ("tcp://host:70000", "[Pp]ort"),
    ],
)
def test_urls_that_are_none(shell: Shell, url: str, message: str) -> None:
    with new_tap(shell, url) as tap, pytest.raises(UsageError, match=message):
        tap.connect()


@IN_BOTH_SHELLS
def test_ipv6_addresses_in_messages(shell: Shell) -> None:
    with new_tap(shell, "tcp://[::1]:1") as tap, pytest.raises(LinkError, match=r"tcp://\[::1\]:1: "):
        tap.connect()


@IN_BOTH_SHELLS
def test_reconnecting_starts_a_fresh_session(shell: Shell) -> None:
    with serving(small_tap) as url, connected(shell, url) as tap:
        tap.encryption(True)
        tap.close()
        tap.close()
        tap.connect()
        assert not tap.session.encrypted
        assert tap.service.device.get_serial_number() == SERIAL_NUMBER
        tap.connect()  # is connected: does nothing


@IN_BOTH_SHELLS
def test_a_session_can_be_kept(shell: Shell) -> None:
    peer = SmallTap()
    register_memory_peer("one host", lambda: peer)
    with connected(shell, "mem://one host") as tap:
        tap.encryption(True)
        tap.close()
        tap.connect(keep_session=True)
        assert tap.service.device.get_serial_number() == SERIAL_NUMBER
    assert peer.requests[-1] == "[GET /3//2]"
    unregister_memory_peer("one host")


@IN_BOTH_SHELLS
def test_memory_peers_have_names(shell: Shell) -> None:
    with new_tap(shell, "mem://nobody") as tap, pytest.raises(LinkError, match=r"mem://nobody: no peer"):
        tap.connect()


class Rebooting(SmallTap):
    """Answers nothing, then refuses connections."""

    connections = 0

    def connect(self) -> None:
        Rebooting.connections += 1
        if Rebooting.connections > 2:
            raise ConnectionRefusedError("the Tap reboots")

    def receive(self, data: bytes) -> list[bytes]:
        if Rebooting.connections == 1:
            return []
        raise ConnectionResetError("the Tap reboots")


def test_memory_peers_may_refuse() -> None:
    Rebooting.connections = 0
    register_memory_peer("rebooting", Rebooting)
    tap = Tap("mem://rebooting")
    for message in ("mem://rebooting: no answer", "mem://rebooting: the Tap reboots"):
        tap.connect()
        with pytest.raises(LinkError, match=message):
            tap.service.device.get_serial_number()
    with pytest.raises(LinkError, match="mem://rebooting: the Tap reboots"):
        tap.connect()
    unregister_memory_peer("rebooting")


def test_stray_answers_in_memory() -> None:
    class Twice(SmallTap):
        def receive(self, data: bytes) -> list[bytes]:
            return [ANSWER, ANSWER]

    link = MemoryLink(Twice())
    tap = Tap(link=link)
    tap.service.device.get_serial_number()
    with pytest.raises(LinkError, match="nobody asked for"):
        tap.service.device.get_serial_number()
    with pytest.raises(LinkError, match="no URL"):
        tap.connect()
    with pytest.raises(LinkError, match="the connection is closed"):
        link.send(b"")


def test_a_tap_needs_one_way_to_connect() -> None:
    with pytest.raises(UsageError):
        Tap()
    with pytest.raises(UsageError):
        AsyncTap("tcp://host", link=AsyncMemoryLink(SmallTap()))


def test_threads_share_a_tap() -> None:
    results: list[str] = []
    with serving(small_tap) as url, connected("blocking", url) as tap:
        tap.encryption(True)

        def read() -> None:
            results.extend(tap.service.device.get_serial_number() for _ in range(50))

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [SERIAL_NUMBER] * 400


def test_tasks_share_a_tap() -> None:
    async def read(url: str) -> list[str]:
        async with AsyncTap(url) as tap:
            await tap.encryption(True)
            return await asyncio.gather(*(tap.service.device.get_serial_number() for _ in range(100)))

    with serving(small_tap) as url:
        assert asyncio.run(read(url)) == [SERIAL_NUMBER] * 100


def test_a_cancelled_request_closes_the_connection() -> None:
    async def cancel(url: str) -> None:
        async with AsyncTap(url) as tap:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await tap.service.device.get_serial_number()
            assert not tap.is_connected

    with serving(answer_with(0.2, ANSWER)) as url:
        asyncio.run(cancel(url))


def test_open_links_directly() -> None:
    with serving(small_tap) as url:
        link = open_link(url, 1.0)
        link.send(bytes.fromhex("a2ca000007010003ffff0002"))
        assert link.receive() == ANSWER
        link.close()
        with pytest.raises(LinkError):
            link.send(b"")


CLEAR = bytes.fromhex("a2ca000007010003ffff0002")
CARRIER_48 = bytes.fromhex("a2ca000017010400ffff0030") + bytes(16)
CARRIER_44 = bytes.fromhex("a2ca000027010400ffff002c") + bytes(32)


@pytest.mark.parametrize("request_", [CARRIER_48, CARRIER_44])
@given(ciphertext=st.lists(st.sampled_from([b"\x90\x00", b"\x00\x90", b"\x6e\x00"]), min_size=8, max_size=8))
def test_9000_inside_a_ciphertext_does_not_end_it(request_: bytes, ciphertext: list[bytes]) -> None:
    answer = b"\x00" + b"".join(ciphertext) + b"\x90\x00"
    for size in range(2, len(answer)):
        assert not is_complete(request_, answer[:size])
    assert is_complete(request_, answer)


@pytest.mark.parametrize(
    ("request_", "received", "complete"),
    [
        (CLEAR, "", False),
        (CLEAR, "90", False),
        (CLEAR, "9000", True),
        (CLEAR, "819000", True),
        (CLEAR, "6d00", True),
        (CLEAR, "6d0000", False),
        (CARRIER_48, "819000", True),
        (CARRIER_48, "009000", False),
        (CARRIER_48, "6700", True),
    ],
)
def test_where_an_answer_ends(request_: bytes, received: str, complete: bool) -> None:
    assert is_complete(request_, bytes.fromhex(received)) is complete

"""Bad clients against a Tap that is served over TCP: afterwards the next client is served, and nothing is left behind.

No test waits for a time to be short, and none sleeps longer than what it shows: time-outs here only end a test that
would hang. Memory and open files are looked at in the process of the Tap itself.
"""

import random
import resource
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from protocol.apdu import split_answer
from protocol.frames import Response
from tests.robustness.bad_inputs import ANYWHERE, SERIAL_NUMBER, WITH_KEY, WITHOUT_KEY, WITHOUT_LOGIN, envelope, request
from tests.serving import MEASURABLE, SERVE, Serving, serving

pytestmark = pytest.mark.skipif(not MEASURABLE, reason="this system does not tell what a process uses")

MALFORMED = 100_000
LINES = 16
BATCH = 50
"""Malformed frames in one write; their answers fit every socket buffer, so nobody waits for anybody."""
MEMORY_GROWTH = 20.0
"""MiB that may come and stay, after a warm-up which fills the journal."""
JOURNAL = 10_000
LIMIT = 256
ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER that resets a connection instead of closing it."""
GET_SERIAL_NUMBER = envelope(SERIAL_NUMBER)
LONG_ANSWER = request(1, "/1024//89", (b"\0\x07" + SERIAL_NUMBER + b"\xff") * 10)
SILENCE = 0.3
"""Seconds that the hasty Tap waits for the rest of a request."""


def read(connection: socket.socket, size: int) -> bytes:
    """Exactly so many bytes, or fewer at the end of the connection."""
    received = b""
    while len(received) < size and (data := connection.recv(size - len(received))):
        received += data
    return received


def ask(connection: socket.socket, data: bytes) -> Response:
    """One request in clear, whose answer comes in one piece."""
    connection.sendall(data)
    return Response.from_bytes(split_answer(connection.recv(4096)))


def pour(connection: socket.socket, data: bytes) -> None:
    """Sends all of it, and drops what is answered meanwhile."""
    rest = memoryview(data)
    while rest:
        readable, writable, _ = select.select([connection], [connection], [])
        if readable:
            assert connection.recv(65536), "the Tap closed the connection"
        if writable:
            rest = rest[connection.send(rest, socket.MSG_DONTWAIT) :]


def swallows(connection: socket.socket, most: int) -> bool:
    """Whether the other side takes so many bytes of requests although nobody reads its answers."""
    while most > 0:
        try:
            most -= connection.send(LONG_ANSWER * 100)
        except TimeoutError:
            return False
    return True


def over(connection: socket.socket) -> bool:
    """Waits for the other side, and says whether it ended the connection."""
    try:
        return connection.recv(4096) == b""
    except ConnectionResetError:
        return True


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def assert_serves(tap: Serving) -> None:
    with tap.connect() as client:
        assert ask(client, GET_SERIAL_NUMBER).success


def assert_no_complaint(log: str) -> None:
    for word in ("Traceback", "Error", "Exception", "Warning", "internal error", "never"):
        assert word not in log, log


@contextmanager
def unharmed(tap: Serving) -> Iterator[None]:
    """Whatever happens in the block, the Tap is afterwards as it was."""
    memory, descriptors, logged = tap.memory, tap.descriptors, len(tap.log.read_text())
    yield
    assert_serves(tap)
    wait_for(lambda: tap.descriptors <= descriptors, "connections stay open")
    assert tap.memory - memory < MEMORY_GROWTH
    assert_no_complaint(tap.log.read_text()[logged:])


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A Tap whose journal is full, so that what it holds from now on is for good."""
    with serving(SERVE, tmp_path_factory.mktemp("tap") / "log") as server:
        with server.connect() as client:
            client.sendall(GET_SERIAL_NUMBER)
            size = len(client.recv(4096))
            for _ in range(JOURNAL // BATCH):
                client.sendall(GET_SERIAL_NUMBER * BATCH)
                read(client, size * BATCH)
        yield server
    assert server.process.returncode == 0
    assert_no_complaint(server.log.read_text())


@pytest.fixture(scope="module")
def hasty_tap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A Tap that does not wait long for the rest of a request."""
    folder = tmp_path_factory.mktemp("hasty")
    config = folder / "device.yaml"
    config.write_text(f"tap: 1\nrules: {{partial_request_time: {SILENCE}}}\n", encoding="utf-8")
    with serving((*SERVE, str(config)), folder / "log") as server:
        yield server


def test_storm_of_malformed_frames(tap: Serving) -> None:
    """Each of the frames gets its exact answer; half of the connections have a session key."""
    chance = random.Random(2)
    with unharmed(tap), ExitStack() as stack:
        lines = []
        for number in range(LINES):
            client = stack.enter_context(tap.connect())
            key = ask(client, request(1, "/1024//47")).body if number % 2 else b""
            cases = (*ANYWHERE, *WITHOUT_LOGIN, *(WITH_KEY if key else WITHOUT_KEY))
            lines.append((client, [(case.data(key), case.answer(key)) for case in cases]))
        sent = 0
        while sent < MALFORMED:
            expected = []
            for client, pairs in lines:
                batch = chance.choices(pairs, k=BATCH)
                client.sendall(b"".join(data for data, _ in batch))
                expected.append(b"".join(answer for _, answer in batch))
                sent += BATCH
            for (client, _), answers in zip(lines, expected, strict=True):
                assert read(client, len(answers)) == answers


def test_random_bytes_and_the_end(tap: Serving) -> None:
    """Whatever the bytes are, the Tap answers what is complete, and closes when the client has."""
    chance = random.Random(3)
    with unharmed(tap):
        for size in [0, 1, 4, 5, *(chance.randrange(20_000) for _ in range(200))]:
            with tap.connect() as client:
                client.sendall(chance.randbytes(size))
                client.shutdown(socket.SHUT_WR)
                while not over(client):
                    pass


@pytest.mark.parametrize("pattern", ["00", "ff", "a2ca0000ff", bytes(range(256)).hex()], ids=lambda text: text[:16])
def test_endless_stream(tap: Serving, pattern: str) -> None:
    """While it goes on, others are served."""
    chunk = bytes.fromhex(pattern) * (2**15 // len(pattern))
    with unharmed(tap), tap.connect() as endless:
        for number in range(64):
            pour(endless, chunk)
            if number % 8 == 0:
                assert_serves(tap)
        endless.shutdown(socket.SHUT_WR)
        while not over(endless):
            pass


def test_clients_that_never_read_their_answers(tap: Serving) -> None:
    """The Tap stops to read from them, and keeps no more than a moment's answers."""
    most = 64 * 2**20
    with unharmed(tap), ExitStack() as stack:
        memory = tap.memory
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):  # small ones are full soon
                client.setsockopt(socket.SOL_SOCKET, buffer, 4096)
            client.settimeout(0.5)
            client.connect(tap.address)
            assert not swallows(client, most)
        assert tap.memory - memory < MEMORY_GROWTH
        assert_serves(tap)


def test_connections_opened_and_dropped(tap: Serving) -> None:
    """At once, after half a frame, with an answer or many on their way; closed, or reset."""
    openings = (b"", GET_SERIAL_NUMBER[:5], GET_SERIAL_NUMBER, GET_SERIAL_NUMBER * 300)
    with unharmed(tap):
        for number in range(3000):
            client = tap.connect()
            client.sendall(openings[number % 3] if number % 60 else openings[3])
            if number % 2 or not number % 60:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            client.close()


def test_too_many_connections(tap: Serving) -> None:
    """256 are served and the others are closed (decision D4)."""
    with unharmed(tap), ExitStack() as stack:
        clients = [stack.enter_context(tap.connect()) for _ in range(300)]
        refused = clients[LIMIT:]
        assert all(over(client) for client in refused)
        for client in clients[:LIMIT]:
            assert ask(client, GET_SERIAL_NUMBER).success


def test_a_crowd_at_once_does_not_use_up_the_files_of_the_process(tap: Serving) -> None:
    """Many times more than the Tap takes wait together; it never has to hold all of them."""
    crowd, files = 1100, 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * crowd:
        pytest.skip("this process may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    resource.prlimit(tap.process.pid, resource.RLIMIT_NOFILE, (files, hard))
    with unharmed(tap), ExitStack() as stack:
        tap.process.send_signal(signal.SIGSTOP)
        for _ in range(crowd):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(tap.address)
        tap.process.send_signal(signal.SIGCONT)
        wait_for(lambda: tap.descriptors > LIMIT, "the crowd is not let in")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_half_frames_and_silence(hasty_tap: Serving) -> None:
    with unharmed(hasty_tap), ExitStack() as stack:
        silent = [stack.enter_context(hasty_tap.connect()) for _ in range(100)]
        for number, client in enumerate(silent):
            client.sendall(GET_SERIAL_NUMBER[: 1 + number % 11])
        assert all(over(client) for client in silent)


def test_one_byte_at_a_time(hasty_tap: Serving) -> None:
    """Each byte comes within the time of the Tap, the whole request does not."""
    with unharmed(hasty_tap), hasty_tap.connect() as slow:
        for byte in GET_SERIAL_NUMBER[:-1]:
            slow.send(bytes((byte,)))
            if select.select([slow], [], [], 0.9 * SILENCE)[0]:
                break
        assert over(slow)


def test_reboot_asked_for_twice_in_one_request(tmp_path: Path) -> None:
    """The Tap comes back once, and stays."""
    config = tmp_path / "device.yaml"
    config.write_text("tap: 1\nbase: factory\nrules: {reboot_time: 0.05}\n", encoding="utf-8")
    item = bytes.fromhex("0007 020003ffff0004 ff")
    with serving((*SERVE, str(config)), tmp_path / "log") as tap:
        with tap.connect() as client:
            assert ask(client, request(1, "/1024//89", item * 2)).body == bytes.fromhex("000100 000100")
            assert over(client)
        wait_for(lambda: "rebooted" in tap.log.read_text(), "the Tap does not come back")
        assert_serves(tap)
        assert tap.log.read_text().count("rebooting") == 1
        assert_no_complaint(tap.log.read_text())


def test_stop_in_the_middle_of_it_all(tmp_path: Path) -> None:
    """SIGTERM while clients wait, send and do not read: exit 0 and a clean log."""
    with serving(SERVE, tmp_path / "log") as tap, ExitStack() as stack:
        for data in (b"", GET_SERIAL_NUMBER[:5], GET_SERIAL_NUMBER, GET_SERIAL_NUMBER * 1000):
            stack.enter_context(tap.connect()).sendall(data)
        tap.process.terminate()
        assert tap.process.wait(10) == 0
    assert_no_complaint(tap.log.read_text())

"""Virtual serial ports: opened, closed, opened again, left alone, and paced."""

import os
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from serial import Serial

from emulator.cli import main
from emulator.links import LinkError, open_link, open_watch
from protocol.codes import HostProtocol
from tests.emulator.links.serial_taps import (
    GET_GROUP,
    GET_SERIAL_NUMBER,
    NOBODY,
    OPEN_TO_ALL,
    REBOOT,
    SERIAL_NUMBER,
    WRONG_CLASS,
    RawPort,
    Running,
    ask,
    garbage,
    is_served,
    running,
    wait_for,
)
from tests.protocol.client.shells import SHELLS, Shell, connected
from tests.serving import MEASURABLE, SERVE, serving, start, stop


@pytest.fixture(params=["told", "polled"])
def watching(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which the link notices that somebody opens the port."""

    def fail(*_: object) -> None:
        raise OSError("no inotify")

    if request.param == "polled":
        monkeypatch.setattr(open_watch.OpenWatch, "__init__", fail)
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tap0"


@pytest.fixture
def tap(path: Path) -> Iterator[Running]:
    with running(f"pty:{path}") as server:
        yield server


# --- hosts as they should be


def test_port_of_pyserial(watching: str, tap: Running, path: Path) -> None:
    assert tap.urls == [f"pty:{path}"]
    with Serial(str(path), 9600, parity="E", stopbits=2, timeout=10) as port:
        is_served(port)
        port.reset_input_buffer()
        port.baudrate = 115200
        is_served(port)
    tap.wait_for_connections(0)
    assert set(tap.served) == {1}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("period", [1, 3])
def test_reference_client(tap: Running, path: Path, shell: Shell, period: int) -> None:
    for _ in range(2):
        with connected(shell, f"pty:{path}") as client:
            client.set_initialization_vector_refresh_period(period)
            client.login("admin", "admin")
            for _ in range(4):
                assert client.service.device.get_serial_number() == "IoTize00410000009B"
            assert client.service.interface.get_current_host_protocol() == HostProtocol.UART


def test_answer_is_one_write(tap: Running, path: Path) -> None:
    with RawPort(path) as port:
        for _ in range(20):
            port.write(GET_SERIAL_NUMBER)
            assert port.read_once(10) == SERIAL_NUMBER


def test_command_line(tap: Running, path: Path) -> None:
    result = CliRunner().invoke(main, ["call", tap.urls[0], "GET", "/3//2"])
    assert (result.exit_code, result.output) == (0, "IoTize00410000009B\n")


def test_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with running("pty:./tap0") as tap:
        assert tap.urls == ["pty:./tap0"]
        monkeypatch.chdir("/")  # the link stays where it was made
        with RawPort(tmp_path / "tap0") as port:
            is_served(port)
    assert not list(tmp_path.iterdir())


# --- opened and closed


def test_each_opening_is_a_connection(tap: Running, path: Path) -> None:
    """However quickly they follow each other."""
    for _ in range(100):
        with RawPort(path) as port:
            ask(port)
    assert tap.served == list(range(1, 101))


def test_opened_again_after_a_while(watching: str, tap: Running, path: Path) -> None:
    for number in range(1, 4):
        with RawPort(path) as port:
            ask(port)
            ask(port)
        tap.wait_for_connections(0)
        assert tap.served == [connection for connection in range(1, number + 1) for _ in range(2)]


def test_session_ends_with_the_port(tap: Running, path: Path) -> None:
    with connected("blocking", f"pty:{path}") as client:
        client.login("admin", "admin")
    with RawPort(path) as port:
        ask(port, GET_GROUP, NOBODY)
        port.write(bytes.fromhex("a2ca00001701 0400ffff0030") + bytes(16))
        assert port.read(3)[0] == 0x81, "no key"


def test_half_a_request_ends_with_the_port(watching: str, tap: Running, path: Path) -> None:
    with RawPort(path) as port:
        port.write(GET_SERIAL_NUMBER[:7])
        tap.wait_for_connections(1)
    tap.wait_for_connections(0)
    with RawPort(path) as port:
        ask(port)


@pytest.mark.parametrize("requests", [1, 5000], ids=["one answer", "more answers than fit"])
def test_answers_that_nobody_read_are_gone(watching: str, tap: Running, path: Path, requests: int) -> None:
    with RawPort(path) as port:
        if requests == 1:
            port.write(GET_SERIAL_NUMBER)
            wait_for(lambda: len(tap.served) == 1, "no request was served")
        else:
            write_until_full(port, GET_SERIAL_NUMBER * requests)
        served = len(tap.served)
    tap.wait_for_connections(0)
    with RawPort(path) as port:
        ask(port, *WRONG_CLASS)
        assert port.read_once(0.05) == b""
    assert len(tap.served) == served + 1, "nor are requests served whose answers would have had to wait"


def test_answer_that_nobody_read_is_gone_at_once(tap: Running, path: Path) -> None:
    """For a host that flushes what it finds, which may be quicker than the Tap."""
    for _ in range(10):
        with Serial(str(path), timeout=10) as port:
            port.write(GET_SERIAL_NUMBER * 2)
            port.read(len(SERIAL_NUMBER) + 1)
        with Serial(str(path), timeout=10) as port:
            ask(port, *WRONG_CLASS)
            assert port.in_waiting == 0


def write_until_full(port: RawPort, data: bytes) -> int:
    """Writes until nobody takes any more, and says how much was taken."""
    taken = 0
    quiet = time.monotonic()
    while time.monotonic() < quiet + 0.3:
        if size := port.write_some(data[taken : taken + 600]):
            taken += size
            quiet = time.monotonic()
    assert taken < len(data)
    return taken


def test_quick_write_loses_nothing(watching: str, tap: Running, path: Path) -> None:
    """As ``printf ... > tap0`` does it."""
    for number in range(1, 21):
        with RawPort(path) as port:
            port.write(GET_SERIAL_NUMBER * 40)
        wait_for(lambda number=number: len(tap.served) == number * 40, "requests are lost")  # type: ignore[misc]


def test_two_programs_share_a_line(tap: Running, path: Path) -> None:
    with RawPort(path) as port:
        ask(port)
        with RawPort(path) as other:
            ask(other)
        ask(port)
    assert tap.served == [1, 1, 1]


def test_terminal_is_raw_again(watching: str, tap: Running, path: Path) -> None:
    with RawPort(path) as port:
        attributes = termios.tcgetattr(port.descriptor)
        attributes[3] |= termios.ECHO | termios.ICANON
        termios.tcsetattr(port.descriptor, termios.TCSANOW, attributes)
        port.write(b"\xa2")
        tap.wait_for_connections(1)
    tap.wait_for_connections(0)
    with RawPort(path) as port:
        assert not termios.tcgetattr(port.descriptor)[3] & (termios.ECHO | termios.ICANON)
        is_served(port)


# --- what the Tap does


def test_reboot_with_the_port_open(path: Path) -> None:
    with running(f"pty:{path}", settings=OPEN_TO_ALL, reboot_time=0.3) as tap, RawPort(path) as port:
        ask(port)
        device = path.readlink()
        ask(port, REBOOT, b"\x00\x90\x00")
        tap.wait_for_connections(0)
        port.write(GET_SERIAL_NUMBER)
        assert port.read_once(0.1) == b"", "the Tap is down"
        answers = []

        def answered() -> bool:
            port.write(WRONG_CLASS[0])
            answers.append(port.read_once(0.05))
            return answers[-1] == WRONG_CLASS[1]

        wait_for(answered, "the Tap does not come back")
        assert set(answers[:-1]) <= {b""}, "what came while it was down is thrown away"
        assert path.readlink() == device
        is_served(port)
        assert set(tap.served) == {1, 2}
        assert tap.warnings == []


def test_tap_closes_and_the_next_byte_is_a_new_connection(path: Path) -> None:
    """Half a request, then silence: a line cannot be hung up, so the connection ends without it."""
    with running(f"pty:{path}", partial_request_time=0.1) as tap, RawPort(path) as port:
        ask(port)
        port.write(GET_SERIAL_NUMBER[:6])
        tap.wait_for_connections(0)
        ask(port)
        assert tap.served == [1, 2]


def test_connections_that_the_tap_does_not_want(path: Path) -> None:
    """What comes meanwhile is lost; the port is not."""
    with running(f"pty:{path}", max_connections=0) as tap, RawPort(path) as port:
        port.write(GET_SERIAL_NUMBER * 2)
        assert port.read_once(0.1) == b""
        assert tap.served == []


# --- hosts as they should not be


def test_garbage(tap: Running, path: Path) -> None:
    with RawPort(path) as port:
        rest = garbage(20_000)
        while rest:
            rest = rest[port.write_some(rest[:1000]) :]
            port.read_once()
        while port.read_once(0.2):
            pass
    with RawPort(path) as port:
        is_served(port)


@pytest.mark.parametrize("query", ["", "?baudrate=4000000"], ids=["not paced", "paced"])
def test_host_that_does_not_read(path: Path, query: str) -> None:
    """No more is read from it; later it gets every answer, in order."""
    request, answer = GET_SERIAL_NUMBER + GET_GROUP, SERIAL_NUMBER + NOBODY
    stream = request * 5000
    with running(f"pty:{path}{query}") as tap, RawPort(path) as port:
        taken = write_until_full(port, stream)
        asked = -(-taken // len(request))
        rest, answers = stream[taken : asked * len(request)], b""
        assert len(tap.served) < 2 * asked, "requests wait for answers to be read"
        while len(answers) < asked * len(answer):
            rest = rest[port.write_some(rest) :]
            piece = port.read_once(10)
            assert piece
            answers += piece
        assert answers == answer * asked
        is_served(port)


# --- pace


@pytest.mark.parametrize("pieces", [1, 12])
def test_bytes_take_their_time(path: Path, pieces: int) -> None:
    """Both ways: 33 bytes of ten bits. How much longer it takes is the machine's affair."""
    with running(f"pty:{path}?baudrate=4800") as tap, RawPort(path) as port:
        assert tap.urls == [f"pty:{path}"]
        began = time.monotonic()
        size = len(GET_SERIAL_NUMBER) // pieces
        for start_ in range(0, len(GET_SERIAL_NUMBER), size):
            port.write(GET_SERIAL_NUMBER[start_ : start_ + size])
        received: list[bytes] = []
        while len(b"".join(received)) < len(SERIAL_NUMBER):
            received.append(port.read_once(10))
        assert b"".join(received) == SERIAL_NUMBER
        assert time.monotonic() - began >= 33 * 10 / 4800
        assert len(received) > 1, "there are gaps between the bytes"


def test_many_bytes_take_their_time(path: Path) -> None:
    with running(f"pty:{path}?baudrate=115200"), RawPort(path) as port:
        began = time.monotonic()
        port.write(GET_SERIAL_NUMBER * 200)
        assert port.read(len(SERIAL_NUMBER) * 200) == SERIAL_NUMBER * 200
        taken = time.monotonic() - began
        assert taken >= 200 * 21 * 10 / 115200


# --- the path


def test_link_goes_with_the_tap(tmp_path: Path, path: Path) -> None:
    with running(f"pty:{path}"):
        assert path.readlink().parent == Path("/dev/pts")
    assert not list(tmp_path.iterdir())


def test_what_somebody_else_put_there_stays(path: Path) -> None:
    with running(f"pty:{path}"):
        path.unlink()
        path.write_text("mine")
    assert path.read_text() == "mine"


def test_link_of_a_killed_tap_is_replaced(path: Path) -> None:
    path.symlink_to("/dev/pts/9999")
    with running(f"pty:{path}"), RawPort(path) as port:
        is_served(port)


IN_THE_WAY: dict[str, tuple[Callable[[Path], object], str]] = {
    "file": (lambda path: path.write_text("mine"), "there is a file, expected"),
    "directory": (Path.mkdir, "there is a directory, expected"),
    "pipe": (os.mkfifo, "there is something else, expected"),
    "link to a file": (
        lambda path: path.symlink_to("/etc/passwd"),
        "there is a symbolic link to /etc/passwd, expected",
    ),
    "link to a device": (lambda path: path.symlink_to("/dev/null"), "there is a symbolic link to /dev/null, expected"),
    "link to nowhere": (lambda path: path.symlink_to("nowhere"), "there is a symbolic link to nowhere, expected"),
}


@pytest.mark.parametrize("thing", IN_THE_WAY)
def test_something_in_the_way(path: Path, thing: str) -> None:
    make, message = IN_THE_WAY[thing]
    make(path)
    before = path.lstat()
    for _ in range(2):
        with pytest.raises(LinkError) as caught, running(f"pty:{path}"):
            pass
        assert str(caught.value).startswith(f"pty:{path}: {message}")
    assert path.lstat() == before


BAD_URLS = {
    "pty:": "pty:: expected a path, as in pty:./tap0",
    "pty://tap0": "pty://tap0: expected a path",
    "pty:.": "pty:.: expected a path",
    "pty:./tap0?baudrate=fast": "pty:./tap0: baudrate=fast: expected a whole number from 50 to 4000000",
    "pty:./tap0?baudrate=49": "expected a whole number",
    "pty:./tap0?parity=even": "pty:./tap0: unknown option parity, expected baudrate",
}


@pytest.mark.parametrize("url", BAD_URLS)
def test_bad_url(url: str) -> None:
    with pytest.raises(LinkError, match=r"^pty:") as caught:
        open_link(url)
    assert BAD_URLS[url] in str(caught.value)


def test_command_line_with_a_file_in_the_way(path: Path) -> None:
    path.write_text("mine")
    command = [*SERVE[:2], "--listen", f"pty:{path}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert f"pty:{path}: there is a file, expected a path that is free for a symbolic link" in result.stderr


def test_no_such_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(LinkError, match=r"there is no folder .*/missing, expected one"),
        running(f"pty:{tmp_path}/missing/tap0"),
    ):
        pass


def test_folder_that_takes_no_links() -> None:
    with pytest.raises(LinkError, match=r"^pty:/proc/tap0: "), running("pty:/proc/tap0"):
        pass


def test_two_taps_in_one_place(tmp_path: Path, path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with running(f"pty:{path}"), RawPort(path) as port:
        for other in (path, tmp_path / "folder" / ".." / "tap0"):
            with pytest.raises(LinkError, match="in use by another Tap"), running(f"pty:{other}"):
                pass
        is_served(port)
    with running(f"pty:{path}"), RawPort(path) as port:
        is_served(port)


# --- processes


def serve(path: Path) -> tuple[str, ...]:
    return (*SERVE[:2], "--listen", f"pty:{path}")


def test_killed_and_started_again(tmp_path: Path, path: Path) -> None:
    server = start(serve(path), tmp_path / "log")
    with RawPort(path) as port:
        ask(port)
        refused = subprocess.run(serve(path), capture_output=True, text=True, check=False)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"pty:{path}: in use by another Tap" in refused.stderr
        server.process.send_signal(signal.SIGKILL)
        stop(server)
    assert path.is_symlink()
    with serving(serve(path), tmp_path / "log"), RawPort(path) as port:
        is_served(port)
    assert not path.is_symlink()


@pytest.mark.skipif(not MEASURABLE, reason="this system does not tell what a process uses")
def test_nobody_there_costs_nothing(tmp_path: Path, path: Path) -> None:
    with serving(serve(path), tmp_path / "log") as server:
        with RawPort(path) as port:
            ask(port)
        files = server.descriptors
        used = cpu_time(server.process.pid)
        time.sleep(0.5)
        assert cpu_time(server.process.pid) - used < 0.25
        for _ in range(50):
            with RawPort(path) as port:
                ask(port)
        assert server.descriptors == files


def cpu_time(process: int) -> float:
    """Seconds that a process has computed so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

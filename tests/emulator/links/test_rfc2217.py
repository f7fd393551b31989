"""A serial port over the network: hosts with pyserial, with Telnet made by hand, and without manners."""

import resource
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from serial import serial_for_url

from emulator.links import Link, LinkError, open_link, rfc2217
from emulator.links.rfc2217 import Rfc2217Link, SerialPort
from protocol.codes import HostProtocol
from protocol.rfc2217 import FROM_SERVER, PortCommand, PortMessage, Telnet, escape
from tests.emulator.links.serial_taps import (
    GET_GROUP,
    GET_SERIAL_NUMBER,
    NOBODY,
    OPEN_TO_ALL,
    REBOOT,
    SERIAL_NUMBER,
    WRONG_CLASS,
    Running,
    ask,
    garbage,
    is_served,
    running,
    wait_for,
)
from tests.protocol.client.shells import SHELLS, Shell, connected
from tests.serving import MEASURABLE, SERVE, serving

URL = "rfc2217://127.0.0.1:0"
LIMIT = 256
MOST_SWALLOWED = 10_000_000
"""Bytes that systems do not keep for a connection."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that resets a connection instead of closing it."""


@pytest.fixture
def tap() -> Iterator[Running]:
    with running(URL) as server:
        yield server


class TelnetHost:
    """A host that speaks Telnet, and shows what it hears."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("rfc2217://").rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=15)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.telnet = Telnet()
        self.messages: list[PortMessage] = []
        self._data = b""

    def __enter__(self) -> "TelnetHost":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def write(self, data: bytes) -> None:
        self.socket.sendall(self.telnet.take() + escape(data))

    def read(self, size: int) -> bytes:
        while len(self._data) < size:
            assert self.listen(), "the Tap has closed the connection"
        data, self._data = self._data[:size], self._data[size:]
        return data

    def forget(self) -> bytes:
        """Data that came and nobody has read."""
        data, self._data = self._data, b""
        return data

    def listen(self) -> bool:
        """Takes what comes; false at the end."""
        received = self.socket.recv(4096)
        for item in self.telnet.receive(received):
            if isinstance(item, bytes):
                self._data += item
            else:
                self.messages.append(item)
        return bool(received)

    def command(self, command: int, value: bytes = b"") -> bytes:
        """Sends a command and gives the answer to it."""
        self.messages.clear()
        self.telnet.send_port(command, value)
        self.write(b"")
        while (answer := dict(self.messages).get(command + FROM_SERVER)) is None:
            assert self.listen(), "the Tap has closed the connection"
        return answer

    @property
    def is_closed(self) -> bool:
        """Whether the Tap ends the connection."""
        try:
            while self.listen():
                pass
        except ConnectionError:
            pass
        return True


# --- hosts as they should be


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
def test_port_of_pyserial(tap: Running) -> None:
    port: Any
    with serial_for_url(tap.urls[0], baudrate=9600, parity="E", stopbits=2, bytesize=7, timeout=10) as port:
        assert (port.cts, port.dsr, port.cd, port.ri) == (True, True, True, False)
        is_served(port)
        for name, value in {"baudrate": 57600, "parity": "O", "stopbits": 1, "bytesize": 8, "rtscts": True}.items():
            setattr(port, name, value)  # pyserial waits until the other side has confirmed it
            is_served(port)
        for line in ("rts", "dtr", "break_condition"):
            for state in (False, True, False):
                setattr(port, line, state)
        port.reset_input_buffer()
        port.reset_output_buffer()
        is_served(port)
    tap.wait_for_connections(0)
    assert set(tap.served) == {1}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("period", [1, 3])
def test_reference_client(tap: Running, shell: Shell, period: int) -> None:
    for _ in range(2):
        with connected(shell, tap.urls[0]) as client:
            client.set_initialization_vector_refresh_period(period)
            client.login("admin", "admin")
            for _ in range(4):
                assert client.service.device.get_serial_number() == "IoTize00410000009B"
            assert client.service.interface.get_current_group_id() == 0xFFFF, "bytes that Telnet escapes"
            assert client.service.interface.get_current_host_protocol() == HostProtocol.UART


def test_connections_have_sessions_and_ports_of_their_own(tap: Running) -> None:
    with TelnetHost(tap.urls[0]) as one, TelnetHost(tap.urls[0]) as other:
        one.command(PortCommand.BAUDRATE, (9600).to_bytes(4))
        is_served(one)
        is_served(other)
        assert other.command(PortCommand.BAUDRATE, bytes(4)) == (115200).to_bytes(4)
        assert set(tap.served) == {1, 2}


def test_host_without_telnet(tap: Running) -> None:
    """It hears no Telnet, and has to know nothing of it but that FF is sent twice."""
    with TelnetHost(tap.urls[0]) as host:
        host.write(GET_SERIAL_NUMBER)
        assert host.socket.recv(100) == SERIAL_NUMBER
        host.socket.sendall(WRONG_CLASS[0])
        assert host.socket.recv(100) == WRONG_CLASS[1]


def test_agreement(tap: Running) -> None:
    """A host that wants a serial port gets one, an offer of all that goes with it, and the modem lines, once."""
    agreement = bytes.fromhex("fffd2c  fffb00 fffd00 fffb03 fffd03 fffb2c  fffa2c6bb0fff0")
    with TelnetHost(tap.urls[0]) as host:
        host.socket.sendall(bytes.fromhex("fffb2c"))
        received = b""
        while len(received) < len(agreement):
            received += host.socket.recv(100)
        assert received == agreement
        host.socket.sendall(bytes.fromhex("fffb2c fffd2c fffd00 fffb00 fffd03 fffb03"))
        is_served(host)
        assert host.messages == []


def test_any_segments(tap: Running) -> None:
    stream = escape(GET_SERIAL_NUMBER) + bytes.fromhex("fffa2c0100002580fff0 fffd01") + escape(GET_SERIAL_NUMBER)
    with TelnetHost(tap.urls[0]) as host:
        for byte in stream:
            host.socket.sendall(bytes([byte]))
        assert host.read(2 * len(SERIAL_NUMBER)) == 2 * SERIAL_NUMBER
        assert host.messages[0] == (PortCommand.BAUDRATE + FROM_SERVER, (9600).to_bytes(4))


# --- the port


COMMANDS = [
    # command, value, answer
    (PortCommand.BAUDRATE, "00000000", "0001c200"),
    (PortCommand.BAUDRATE, "00002580", "00002580"),
    (PortCommand.BAUDRATE, "00000000", "00002580"),
    (PortCommand.BAUDRATE, "00000001", "00002580"),
    (PortCommand.BAUDRATE, "ffffffff", "00002580"),
    (PortCommand.BAUDRATE, "25", "00002580"),
    (PortCommand.BAUDRATE, "", "00002580"),
    (PortCommand.DATASIZE, "00", "08"),
    (PortCommand.DATASIZE, "07", "07"),
    (PortCommand.DATASIZE, "09", "07"),
    (PortCommand.PARITY, "00", "01"),
    (PortCommand.PARITY, "03", "03"),
    (PortCommand.PARITY, "06", "03"),
    (PortCommand.STOPSIZE, "00", "01"),
    (PortCommand.STOPSIZE, "02", "02"),
    (PortCommand.STOPSIZE, "04", "02"),
    (PortCommand.CONTROL, "00", "01"),
    (PortCommand.CONTROL, "03", "03"),
    (PortCommand.CONTROL, "00", "03"),
    (PortCommand.CONTROL, "04", "06"),
    (PortCommand.CONTROL, "05", "05"),
    (PortCommand.CONTROL, "04", "05"),
    (PortCommand.CONTROL, "07", "08"),
    (PortCommand.CONTROL, "09", "09"),
    (PortCommand.CONTROL, "07", "09"),
    (PortCommand.CONTROL, "0a", "0b"),
    (PortCommand.CONTROL, "0c", "0c"),
    (PortCommand.CONTROL, "0a", "0c"),
    (PortCommand.CONTROL, "0d", "0e"),
    (PortCommand.CONTROL, "12", "12"),
    (PortCommand.CONTROL, "14", None),
    (PortCommand.LINESTATE, "", "00"),
    (PortCommand.MODEMSTATE, "", "b0"),
    (PortCommand.MODEMSTATE_MASK, "20", "20"),
    (PortCommand.MODEMSTATE, "", "20"),
    (PortCommand.LINESTATE_MASK, "ff", "ff"),
    (PortCommand.SIGNATURE, "", "7461702d656d756c61746f72"),
    (PortCommand.SIGNATURE, "636c69656e74", None),
    (PortCommand.PURGE, "03", "03"),
    (PortCommand.SUSPEND, "", None),
    (PortCommand.RESUME, "", None),
    (99, "01", None),
]


def test_commands_of_the_port() -> None:
    port = SerialPort()
    for command, value, expected in COMMANDS:
        answer = port.answer(PortMessage(command, bytes.fromhex(value)))
        assert (None if answer is None else answer.hex()) == expected, f"{command} {value}"
    assert port.baudrate == 9600


def test_settings_are_kept_and_reported(tap: Running) -> None:
    with TelnetHost(tap.urls[0]) as host:
        for control, query in ((5, 4), (9, 7), (12, 10), (3, 0)):
            assert host.command(PortCommand.CONTROL, bytes([control])) == bytes([control])
            assert host.command(PortCommand.CONTROL, bytes([query])) == bytes([control])
        assert host.command(PortCommand.BAUDRATE, (255).to_bytes(4)) == (255).to_bytes(4)
        is_served(host)


# --- pace


def test_baud_rate_does_not_matter(tap: Running) -> None:
    with TelnetHost(tap.urls[0]) as host:
        host.command(PortCommand.BAUDRATE, (50).to_bytes(4))
        ask(host, GET_SERIAL_NUMBER * 20, SERIAL_NUMBER * 20)  # eight seconds, if it did


def test_baud_rate_matters_where_it_is_asked_for() -> None:
    with running(f"{URL}?pace=yes") as tap, TelnetHost(tap.urls[0]) as host:
        for baudrate in (2400, 9600):
            host.command(PortCommand.BAUDRATE, baudrate.to_bytes(4))
            began = time.monotonic()
            ask(host)
            assert time.monotonic() - began >= 33 * 10 / baudrate


def test_purge_of_requests() -> None:
    with running(f"{URL}?pace=yes") as tap, TelnetHost(tap.urls[0]) as host:
        host.command(PortCommand.BAUDRATE, (300).to_bytes(4))
        host.socket.sendall(escape(GET_SERIAL_NUMBER * 2) + bytes.fromhex("fffa2c0c02fff0"))
        host.command(PortCommand.BAUDRATE, (115200).to_bytes(4))
        ask(host, GET_GROUP, NOBODY)
        assert len(tap.served) == 1


def test_purge_of_answers() -> None:
    with running(f"{URL}?pace=yes") as tap, TelnetHost(tap.urls[0]) as host:
        host.write(GET_GROUP)
        host.read(len(NOBODY))
        host.command(PortCommand.BAUDRATE, (300).to_bytes(4))
        host.write(GET_SERIAL_NUMBER)
        wait_for(lambda: len(tap.served) >= 2, "not served")
        host.command(PortCommand.PURGE, b"\x03")
        assert len(host.forget()) < len(SERIAL_NUMBER)
        host.command(PortCommand.BAUDRATE, (115200).to_bytes(4))
        ask(host, GET_GROUP, NOBODY)


def test_tap_closes_once_its_answers_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rfc2217, "_DRAIN_TIME", 60)
    with running(f"{URL}?pace=yes", settings=OPEN_TO_ALL, reboot_time=60) as tap, TelnetHost(tap.urls[0]) as host:
        host.command(PortCommand.BAUDRATE, (2400).to_bytes(4))
        host.write(GET_SERIAL_NUMBER + REBOOT + GET_SERIAL_NUMBER)
        answers = SERIAL_NUMBER + b"\x00\x90\x00"
        assert host.read(len(answers)) == answers
        assert host.is_closed


def test_tap_closes_although_its_answers_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rfc2217, "_DRAIN_TIME", 0.1)
    with running(f"{URL}?pace=yes", settings=OPEN_TO_ALL, reboot_time=60) as tap, TelnetHost(tap.urls[0]) as host:
        host.write(GET_SERIAL_NUMBER + REBOOT[:-1])
        host.read(len(SERIAL_NUMBER))
        host.command(PortCommand.BAUDRATE, (50).to_bytes(4))
        host.write(REBOOT[-1:])
        assert host.is_closed
        assert host.forget() != b"\x00\x90\x00"


def test_host_that_leaves_while_answers_do(caplog: pytest.LogCaptureFixture) -> None:
    with running(f"{URL}?pace=yes") as tap:
        with TelnetHost(tap.urls[0]) as host:
            host.command(PortCommand.BAUDRATE, (2400).to_bytes(4))
            ask(host)
            host.write(GET_SERIAL_NUMBER * 2)
            wait_for(lambda: len(tap.served) >= 2, "not served")
        tap.wait_for_connections(0)
        time.sleep(0.1)
    assert not caplog.records


# --- hosts as they should not be


def test_garbage(tap: Running) -> None:
    for seed in range(20):
        with TelnetHost(tap.urls[0]) as host, suppress(OSError):  # the Tap may have closed already
            host.socket.sendall(garbage(5000, seed))
            host.socket.shutdown(socket.SHUT_WR)
            assert host.is_closed
    with TelnetHost(tap.urls[0]) as host:
        is_served(host)
    tap.wait_for_connections(0)


ENDLESS = {
    "subnegotiation": bytes.fromhex("fffa2c01") + bytes(1000),
    "subnegotiation of escapes": bytes.fromhex("fffa2c01") + b"\xff" * 1001,
}


@pytest.mark.parametrize("case", ENDLESS)
def test_subnegotiation_without_end(tap: Running, case: str) -> None:
    with TelnetHost(tap.urls[0]) as host, TelnetHost(tap.urls[0]) as other:
        host.socket.sendall(ENDLESS[case])
        assert host.is_closed
        is_served(other)


def test_lone_escape(tap: Running) -> None:
    with TelnetHost(tap.urls[0]) as host, TelnetHost(tap.urls[0]) as other:
        for piece in (b"\xff", b"\xff\xfa", b"\xff\xfa\x2c\x01"):
            host.socket.sendall(piece)
            is_served(other)
    tap.wait_for_connections(0)


def test_half_a_request(tap: Running) -> None:
    with (
        running(URL, partial_request_time=0.1) as hasty,
        TelnetHost(hasty.urls[0]) as host,
        TelnetHost(hasty.urls[0]) as other,
    ):
        is_served(other)
        host.socket.sendall(GET_SERIAL_NUMBER[:6])
        assert host.is_closed
        is_served(other)


def test_reset(tap: Running) -> None:
    for part in (b"", b"\xff\xfa", escape(GET_SERIAL_NUMBER * 100)):
        with TelnetHost(tap.urls[0]) as host:
            host.socket.sendall(part)
            host.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    tap.wait_for_connections(0)
    with TelnetHost(tap.urls[0]) as host:
        is_served(host)


def keep_little(link: Link) -> None:
    """Has the system keep few answers for the hosts of a link, so that it does not take long until it takes no more."""
    assert isinstance(link, Rfc2217Link)
    assert link._server is not None
    for listening in link._server.sockets:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


@pytest.mark.parametrize("query", ["", "?pace=yes"])
@pytest.mark.parametrize(
    "flood", [escape(GET_SERIAL_NUMBER), bytes.fromhex("fffa2c00fff0")], ids=["requests", "commands"]
)
def test_host_that_does_not_read(query: str, flood: bytes) -> None:
    """No more is read from it, and the others are served."""
    with running(f"{URL}{query}") as tap, socket.socket() as host, TelnetHost(tap.urls[0]) as other:
        host.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        tap.ask(lambda: keep_little(tap.links[0]))
        host.connect(other.socket.getpeername())
        host.settimeout(0.5)
        sent = 0
        with suppress(TimeoutError):
            while sent < MOST_SWALLOWED:
                sent += host.send(flood * 1000)
        assert sent < MOST_SWALLOWED
        is_served(other)


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may have so many connections too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(not MEASURABLE, reason="this system does not tell what a process uses")
def test_a_thousand_connections(tmp_path: Path, many_files: None) -> None:
    """256 are served, the others are closed, and afterwards all is as it was."""
    command = (*SERVE[:2], "--listen", URL)
    with serving(command, tmp_path / "log") as server:
        url = server.urls[0]
        with TelnetHost(url) as host:
            is_served(host)
        before = server.descriptors
        with ExitStack() as stack:
            hosts = [stack.enter_context(TelnetHost(url)) for _ in range(1000)]
            served = []
            for host in hosts:
                try:
                    ask(host)
                    served.append(host)
                except (AssertionError, ConnectionError):
                    pass
            assert len(served) == LIMIT
            for host in served:
                ask(host)
        wait_for(lambda: server.descriptors <= before, "connections stay open")
        with TelnetHost(url) as host:
            is_served(host)
    log = (tmp_path / "log").read_text()
    assert log.count("connections are refused") == 1
    assert "Traceback" not in log


def test_reboot() -> None:
    with running(URL, settings=OPEN_TO_ALL, reboot_time=0.1) as tap:
        with TelnetHost(tap.urls[0]) as host:
            ask(host, REBOOT, b"\x00\x90\x00")
            assert host.is_closed

        def is_back() -> bool:
            try:
                with TelnetHost(tap.urls[0]) as host:
                    is_served(host)
            except (AssertionError, ConnectionError):
                return False
            return True

        wait_for(is_back, "the Tap does not come back")


# --- addresses


def test_port_in_use(tap: Running) -> None:
    with pytest.raises(LinkError, match="address already in use") as caught, running(tap.urls[0]):
        pass
    assert str(caught.value).startswith(tap.urls[0])


@pytest.mark.parametrize("query", ["pace=maybe", "baudrate=9600"])
def test_bad_url(query: str) -> None:
    with pytest.raises(LinkError, match=r"^rfc2217://127\.0\.0\.1:2217: .*expected"):
        open_link(f"rfc2217://127.0.0.1:2217?{query}")


def test_default_address() -> None:
    assert open_link("rfc2217:").url == "rfc2217://127.0.0.1:2217"

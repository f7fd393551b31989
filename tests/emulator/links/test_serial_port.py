"""Serial ports: a cable made by socat, which can be unplugged, and ports that cannot be had."""

import fcntl
import os
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from serial import Serial

from emulator.cli import main
from emulator.links import LinkError, open_link, serial_port
from protocol.client.links.serial_port import open_port
from protocol.codes import HostProtocol
from protocol.urls import LinkUrl
from tests.emulator.links.serial_taps import (
    GET_SERIAL_NUMBER,
    OPEN_TO_ALL,
    REBOOT,
    WRONG_CLASS,
    Cable,
    RawPort,
    ask,
    cable,
    garbage,
    is_served,
    needs_socat,
    running,
    wait_for,
)
from tests.protocol.client.shells import SHELLS, Shell, connected
from tests.serving import SERVE

LOST, BACK = "serial port lost", "serial port back"


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cable]:
    monkeypatch.setattr(serial_port, "_FIRST_DELAY", 0.05)
    with cable(tmp_path) as found:
        yield found


def settles(tap_end: Path, speed: int, *flags: int) -> bool:
    """How the Tap has set its port. (A pseudo terminal keeps no parity.)"""
    with RawPort(tap_end) as port:
        _, _, control, _, _, output_speed, _ = termios.tcgetattr(port.descriptor)
    return output_speed == speed and all(control & flag for flag in flags)


# --- hosts as they should be


@needs_socat
def test_settings_of_the_line(wire: Cable) -> None:
    with running(f"serial:{wire.tap_end}?baudrate=9600&parity=even&stopbits=2&bytesize=8") as tap:
        assert tap.urls == [f"serial:{wire.tap_end}"]
        assert settles(wire.tap_end, termios.B9600, termios.CSTOPB)
        with Serial(str(wire.host_end), timeout=10) as port:
            is_served(port)
    with running(f"serial:{wire.tap_end}"):
        assert settles(wire.tap_end, termios.B115200)
        assert not settles(wire.tap_end, termios.B115200, termios.CSTOPB)


@needs_socat
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("period", [1, 3])
def test_reference_client(wire: Cable, shell: Shell, period: int) -> None:
    with running(f"serial:{wire.tap_end}"):
        for _ in range(2):
            with connected(shell, f"serial:{wire.host_end}?baudrate=9600") as client:
                client.set_initialization_vector_refresh_period(period)
                client.login("admin", "admin")
                for _ in range(4):
                    assert client.service.device.get_serial_number() == "IoTize00410000009B"
                assert client.service.interface.get_current_host_protocol() == HostProtocol.UART


@needs_socat
def test_command_line(wire: Cable) -> None:
    with running(f"serial:{wire.tap_end}"):
        result = CliRunner().invoke(main, ["call", f"serial:{wire.host_end}", "GET", "/3//2"])
    assert (result.exit_code, result.output) == (0, "IoTize00410000009B\n")


@needs_socat
def test_tap_closes_and_the_next_byte_is_a_new_connection(wire: Cable) -> None:
    with running(f"serial:{wire.tap_end}", partial_request_time=0.1) as tap, RawPort(wire.host_end) as port:
        ask(port)
        port.write(GET_SERIAL_NUMBER[:6])
        tap.wait_for_connections(0)
        is_served(port)
        assert set(tap.served) == {1, 2}


@needs_socat
def test_garbage(wire: Cable) -> None:
    with running(f"serial:{wire.tap_end}", partial_request_time=0.1) as tap, RawPort(wire.host_end) as port:
        rest = garbage(20_000)
        while rest:
            rest = rest[port.write_some(rest[:1000]) :]
            port.read_once()
        while port.read_once(0.2):
            pass
        tap.wait_for_connections(0)
        is_served(port)


@needs_socat
def test_reboot_with_the_port_open(wire: Cable) -> None:
    with (
        running(f"serial:{wire.tap_end}", settings=OPEN_TO_ALL, reboot_time=0.3) as tap,
        RawPort(wire.host_end) as port,
    ):
        ask(port, REBOOT, b"\x00\x90\x00")
        tap.wait_for_connections(0)
        port.write(GET_SERIAL_NUMBER)
        assert port.read_once(0.1) == b"", "the Tap is down"

        def answered() -> bool:
            port.write(WRONG_CLASS[0])
            return port.read_once(0.05) == WRONG_CLASS[1]

        wait_for(answered, "the Tap does not come back")
        is_served(port)
        assert LOST not in tap.warnings


# --- the cable


@needs_socat
def test_unplugged_and_plugged_in_again(wire: Cable) -> None:
    with running(f"serial:{wire.tap_end}") as tap:
        for times in range(1, 3):
            with RawPort(wire.host_end) as port:
                is_served(port)
            wire.unplug()
            tap.wait_for_connections(0)
            wait_for(lambda times=times: tap.warnings.count(LOST) == times, "not noticed")  # type: ignore[misc]
            wire.plug()
            wait_for(lambda times=times: tap.warnings.count(BACK) == times, "not back")  # type: ignore[misc]
        with RawPort(wire.host_end) as port:
            is_served(port)
        assert tap.warnings == [LOST, BACK, LOST, BACK]


@needs_socat
def test_unplugged_for_a_long_time(wire: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, less and less often, and that is no news."""
    attempts: list[float] = []

    def noted(url: LinkUrl, settings: dict[str, Any]) -> Serial:
        attempts.append(time.monotonic())
        return open_port(url, settings)

    with running(f"serial:{wire.tap_end}") as tap:
        monkeypatch.setattr("emulator.links.serial_port.open_port", noted)
        wire.unplug()
        wait_for(lambda: len(attempts) == 4, "not tried again")
        assert attempts[3] - attempts[0] >= 0.1 + 0.2 + 0.4
        assert tap.warnings == [LOST]
        wire.plug()
        wait_for(lambda: tap.warnings == [LOST, BACK], "not back")


@needs_socat
def test_unplugged_while_the_tap_reboots(wire: Cable) -> None:
    with running(f"serial:{wire.tap_end}", settings=OPEN_TO_ALL, reboot_time=0.2) as tap:
        with RawPort(wire.host_end) as port:
            ask(port, REBOOT, b"\x00\x90\x00")
        wire.unplug()
        wait_for(lambda: tap.warnings == [LOST], "not noticed")
        time.sleep(0.4)  # the reboot is over
        wire.plug()
        wait_for(lambda: tap.warnings == [LOST, BACK], "not back")
        with RawPort(wire.host_end) as port:

            def answered() -> bool:
                port.write(WRONG_CLASS[0])
                return port.read_once(0.05) == WRONG_CLASS[1]

            wait_for(answered, "the Tap does not come back")
            is_served(port)


@needs_socat
def test_unplugged_while_the_host_does_not_read(wire: Cable) -> None:
    with running(f"serial:{wire.tap_end}") as tap:
        with RawPort(wire.host_end) as port:
            for _ in range(200):
                port.write_some(GET_SERIAL_NUMBER * 50)
            wait_for(lambda: tap.served != [], "nothing served")
        wire.unplug()
        wait_for(lambda: tap.warnings == [LOST], "not noticed")
        wire.plug()
        wait_for(lambda: tap.warnings == [LOST, BACK], "not back")
        with RawPort(wire.host_end) as port:
            is_served(port)


@needs_socat
def test_closed_while_it_waits_for_the_port(wire: Cable) -> None:
    with running(f"serial:{wire.tap_end}") as tap:
        wire.unplug()
        wait_for(lambda: tap.warnings == [LOST], "not noticed")
        tap.run(tap.links[0].close())
        wire.plug()
        time.sleep(0.3)
        assert tap.warnings == [LOST]


# --- ports that cannot be had


@needs_socat
def test_port_that_another_program_has(wire: Cable) -> None:
    with RawPort(wire.tap_end) as port:
        fcntl.flock(port.descriptor, fcntl.LOCK_EX)
        with pytest.raises(LinkError) as caught, running(f"serial:{wire.tap_end}"):
            pass
        assert str(caught.value) == f"serial:{wire.tap_end}: in use by another program"
    with running(f"serial:{wire.tap_end}"):
        with pytest.raises(LinkError, match="in use by another program"), running(f"serial:{wire.tap_end}"):
            pass
        with RawPort(wire.host_end) as port:
            is_served(port)


NO_PORTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "No such file or directory"),
    "file": (lambda path: path.write_text("mine"), "no serial port, expected the path of one"),
    "directory": (Path.mkdir, "no serial port but a directory, expected the path of one"),
    "other device": (lambda path: path.symlink_to("/dev/null"), "no serial port, expected the path of one"),
}


@pytest.mark.parametrize("thing", NO_PORTS)
def test_no_port(tmp_path: Path, thing: str) -> None:
    make, reason = NO_PORTS[thing]
    path = tmp_path / "ttyUSB0"
    make(path)
    with pytest.raises(LinkError) as caught, running(f"serial:{path}"):
        pass
    assert str(caught.value) == f"serial:{path}: {reason}"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_port_that_is_forbidden(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch(0)
    with pytest.raises(LinkError, match="Permission denied"), running(f"serial:{tmp_path}/ttyUSB0"):
        pass


def test_command_line_of_a_port_that_is_missing(tmp_path: Path) -> None:
    command = [*SERVE[:2], "--listen", f"serial:{tmp_path}/ttyUSB0"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert f"serial:{tmp_path}/ttyUSB0: No such file or directory" in result.stderr


BAD_URLS = {
    "serial:/dev/ttyUSB0?baudrate=0": "baudrate=0: expected a whole number from 50 to 4000000",
    "serial:/dev/ttyUSB0?parity=mark": "parity=mark: expected one of none, even, odd",
    "serial:/dev/ttyUSB0?stopbits=1.5": "stopbits=1.5: expected one of 1, 2",
    "serial:/dev/ttyUSB0?bytesize=9": "bytesize=9: expected one of 8, 7",
    "serial:/dev/ttyUSB0?speed=9600": "unknown option speed, expected baudrate, bytesize, parity, stopbits",
}


@pytest.mark.parametrize("url", BAD_URLS)
def test_bad_url(url: str) -> None:
    with pytest.raises(LinkError) as caught:
        open_link(url)
    assert str(caught.value).startswith(f"serial:/dev/ttyUSB0: {BAD_URLS[url]}")


@pytest.mark.parametrize("url", ["serial:", "serial://ttyUSB0"])
def test_url_without_a_port(url: str) -> None:
    with pytest.raises(LinkError, match=r"expected the path of a serial port, as in serial:/dev/ttyUSB0"), running(url):
        pass

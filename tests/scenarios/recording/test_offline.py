"""A recording of one Tap, played by another, and held against others, as a user does it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from emulator.blueprint import demo
from emulator.cli import main
from emulator.device import Device
from emulator.links import open_links
from emulator.server import Server
from protocol.client.blocking import Tap
from tests.scenarios.recording.test_record import ANYWHERE, Loop, Recording
from tests.serving import SERVE, serving

NAMES = {"device.serial_number": "IoTize0815", "interface.app_name": "Recorded Tap"}


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def taps(loop: Loop) -> Iterator[dict[str, str]]:
    """URLs of the Tap that is recorded, and of the demo Tap."""
    blueprint = demo()
    other = replace(blueprint, settings={**blueprint.settings, **NAMES})
    servers = {
        name: Server(Device(each), open_links([ANYWHERE])) for name, each in (("other", other), ("demo", demo()))
    }
    for server in servers.values():
        loop.run(server.start())
    yield {name: server.links[0].url for name, server in servers.items()}
    for server in servers.values():
        loop.run(server.stop())


@pytest.fixture(scope="module")
def session(loop: Loop, taps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    recording = Recording(loop, tmp_path_factory.mktemp("recorded") / "session.yaml", taps["other"])
    assert look_around(recording.url) == list(NAMES.values())
    recording.finish()
    return recording.file


def look_around(url: str) -> list[str]:
    with Tap(url) as tap:
        tap.login("admin", "admin")
        tap.encryption(True)
        return [tap.service.device.get_serial_number(), tap.service.interface.get_app_name()]


def diff(file: Path, target: str, *options: str) -> Result:
    arguments = ["scenario", "diff", str(file), "--target", target, "--set", "password_admin=admin", *options]
    with capture_logs():  # the Taps log in this process
        return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_the_demo_tap_plays_the_recorded_one(session: Path, taps: dict[str, str], tmp_path: Path) -> None:
    assert look_around(taps["demo"]) != list(NAMES.values())
    command = (*SERVE, "--scenario", str(session), "--set", "password_admin=admin")
    with serving(command, tmp_path / "log") as tap:
        for _ in range(2):
            assert look_around(tap.urls[0]) == list(NAMES.values())
        assert diff(session, tap.urls[0]).exit_code == 0


def test_a_tap_like_the_recorded_one_does_not_differ(session: Path, taps: dict[str, str]) -> None:
    same = diff(session, taps["other"])
    assert (same.exit_code, len(same.output.splitlines())) == (0, 1)
    everything = diff(session, taps["other"], "--all").output
    assert "device.get_serial_number: same" in everything


def test_another_tap_differs(session: Path, taps: dict[str, str]) -> None:
    other = diff(session, taps["demo"])
    assert other.exit_code == 1
    first, second, _ = other.output.splitlines()
    assert "client 1: device.get_serial_number: different, expected 'IoTize0815', got 'IoTize00410000009B'" in first
    assert "client 1: interface.get_app_name: different, expected 'Recorded Tap', got 'Virtual Tap'" in second
    report = json.loads(diff(session, taps["demo"], "--json").output)
    assert (report["target"], report["same"]) == (taps["demo"], False)
    different = [each["text"] for each in report["exchanges"] if each["verdict"] == "different"]
    assert different == ["device.get_serial_number", "interface.get_app_name"]


def test_nobody_to_compare_with(session: Path) -> None:
    nobody = diff(session, "tcp://127.0.0.1:1")
    assert (nobody.exit_code, nobody.output) == (2, "tcp://127.0.0.1:1: Connection refused\n")

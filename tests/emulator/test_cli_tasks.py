"""Commands that make many requests, run as their users run them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from tests import commandline
from tests.serving import SERVE, Serving, serving

ADMIN = ("--user", "admin", "--password", "admin")

DEVICE = """
tap: 1
base: factory
settings:
  interface:
    app_name: Written
    config_version: 2.3.4
    security_options: {scram_activated: true, hash_password: true}
  device: {serial_number: IoTize00410000FFFF}
users:
  admin: {password: other}
bundles:
  Room:
    rights: {anonymous: [read, write]}
    variables:
      level: {type: uint16, domain: stored, value: 770}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with serving((*SERVE, "--firmware", "1.85"), tmp_path / "log") as running:
        yield running


def run(name: str, server: Serving, *arguments: str) -> Result:
    return commandline.run(*name.split(), server.urls[0], *arguments)


def test_configure(server: Serving, tmp_path: Path) -> None:
    file = tmp_path / "device.yaml"
    file.write_text(DEVICE)
    result = run("configure", server, str(file), *ADMIN)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.endswith("requests written to firmware 1.85.0\n")
    assert "not written: device.serial_number: no request writes it" in result.stderr
    assert run("bundle", server, "Room").stdout == "level: 770\n"
    assert run("call", server, "GET", "/interface/config-version").stdout == "2.3.4\n"
    assert run("call", server, "GET", "/interface/uid", *ADMIN).exit_code == 3
    written = run("call", server, "GET", "/interface/app-name", "--user", "admin", "--password", "other")
    assert written.stdout == "Written\n"


def test_configure_is_refused(server: Serving, tmp_path: Path) -> None:
    file = tmp_path / "device.yaml"
    file.write_text(DEVICE)
    result = run("configure", server, str(file))
    assert result.exit_code == 3
    assert "UNAUTHORIZED" in result.stderr
    file.write_text("tap: 7")
    result = run("configure", server, str(file), *ADMIN)
    assert result.exit_code == 2
    assert f"{file}:1" in result.stderr


def test_bundle(server: Serving) -> None:
    assert run("bundle", server, "2").stdout == 'setpoint: 21.0\nlamp: false\nmessage: ""\n'
    assert json.loads(run("bundle", server, "Climate", "--json").stdout).keys() == {"temperature", "humidity"}
    result = run("bundle", server, "Attic")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no bundle is called 'Attic'; there are Climate, Controls" in result.stderr
    assert run("bundle", server, "99").exit_code == 3


def test_log(server: Serving) -> None:
    assert run("log", server).exit_code == 3
    for path, body in [("PUT /bundle/2/data-log-period", "4294967295"), ("POST /data-log/run", None)]:
        arguments = [*path.split(), *([body] if body else [])]
        assert run("call", server, *arguments, *ADMIN).exit_code == 0
    lines: list[str] = []
    while not lines:
        result = run("log", server, *ADMIN)
        assert result.exit_code == 0, result.stderr
        lines = result.stdout.splitlines()
    packet = json.loads(lines[0])
    assert packet["bundle"] == 2
    assert packet["values"] == {"3": "41a80000", "4": "00", "5": "00" * 16}


def test_firmware_update(server: Serving, tmp_path: Path) -> None:
    file = tmp_path / "update.bin"
    packed = commandline.run("firmware", "pack", "--version", "1.86.0", "-o", str(file))
    assert packed.exit_code == 0
    result = run("firmware update", server, str(file))
    assert result.exit_code == 3, "anonymous may not"
    result = run("firmware update", server, str(file), *ADMIN)
    assert result.stdout == "1.86.0\n", result.stderr
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.write_bytes(damaged)
    assert run("firmware update", server, str(file), *ADMIN).exit_code == 3, "only the Tap has the key"
    file.write_bytes(bytes(400))
    result = run("firmware update", server, str(file), *ADMIN)
    assert result.exit_code == 2
    assert f"{file}: no update file" in result.stderr
    assert run("firmware update", server, str(tmp_path / "none"), *ADMIN).exit_code == 2
    assert run("call", server, "GET", "/device/firmware-version").stdout == "1.86.0\n"

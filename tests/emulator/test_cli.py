"""The command as its users run it: processes where it serves, real sockets, exit codes, what is printed where."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.commandline import run
from tests.serving import serving

COMMAND = str(Path(sys.executable).with_name("tap-emulator"))
SERVE = (COMMAND, "serve", "--listen", "tcp://127.0.0.1:0")


def test_serve_prints_one_line_per_link_and_then_ready(tmp_path: Path) -> None:
    command = [*SERVE, "--listen", "tcp://localhost:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    rest, log = process.communicate(timeout=30)
    assert [line.rsplit(":", 1)[0] for line in lines] == ["ready tcp://127.0.0.1", "ready tcp://localhost", "ready"]
    assert lines[0] != lines[1]
    assert rest == ""
    assert "stopped" in log
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_it_with_open_connections(number: signal.Signals, tmp_path: Path) -> None:
    with serving(SERVE, tmp_path / "log") as server:
        connection = server.connect()
        server.process.send_signal(number)
        assert server.process.wait(30) == 0
        assert connection.recv(1) == b""
        connection.close()


def test_options_come_from_the_environment(tmp_path: Path) -> None:
    environment = {"TAP_LISTEN": "tcp://127.0.0.1:0", "TAP_FIRMWARE": "1.85", "TAP_SEED": "7", "TAP_LOG": "json"}
    with subprocess.Popen(
        [COMMAND, "serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        assert run("call", url, "GET", "/3//3").stdout == "1.85.0\n"
        assert run("call", url, "GET", "/device/serial-number").stdout == "IoTize004100000007\n"
        process.terminate()
        _, log = process.communicate(timeout=30)
    assert json.loads(log.splitlines()[-1])["event"] == "stopped"


def serve_badly(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, "serve", *arguments], capture_output=True, text=True, check=False, timeout=30)


def test_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        result = serve_badly("--listen", url)
    assert result.returncode == 2
    assert url in result.stderr
    assert "in use" in result.stderr
    assert "Traceback" not in result.stderr


BAD_STARTS = [
    (("--listen", "carrier-pigeon://x"), "unknown link 'carrier-pigeon', expected one of"),
    (("--listen", "tcp://127.0.0.1:99999"), "Port out of range"),
    (("--listen", "tcp://192.0.2.1:2000"), "tcp://192.0.2.1:2000"),
    (
        ("--listen", "mqtt://a", "--listen", "mqtt://b"),
        "mqtt://b: a Tap has one broker (/1024//50 to 59)",
    ),
    (("--firmware", "newest"), "is not a version"),
    (("--seed", "x"), "not a valid integer"),
    (("--state", "/none/at/all.sqlite"), "does its folder exist"),
    (("/none/at/all.yaml",), "/none/at/all.yaml"),
    (("--colour", "red"), "No such option"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_STARTS)
def test_bad_start_is_explained_and_exits_2(arguments: tuple[str, ...], message: str) -> None:
    result = serve_badly(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_state_survives_a_restart_and_a_kill(tmp_path: Path) -> None:
    command = [*SERVE, "--state", str(tmp_path / "tap.sqlite")]
    with serving(command, tmp_path / "log") as server:
        url = f"tcp://{server.address[0]}:{server.address[1]}"
        admin = ("--user", "admin", "--password", "admin")
        assert run("call", url, "PUT", "/interface/app-name", '"Kept"', *admin).exit_code == 0
        server.process.kill()
        server.process.wait()
    with serving(command, tmp_path / "log") as server:
        url = f"tcp://{server.address[0]}:{server.address[1]}"
        assert run("call", url, "GET", "/1024//9").stdout == "Kept\n"


def test_reboot_refuses_connections_for_a_while_and_comes_back_on_the_same_port(tmp_path: Path) -> None:
    with serving(SERVE, tmp_path / "log") as server:
        url = f"tcp://{server.address[0]}:{server.address[1]}"
        admin = ("--user", "admin", "--password", "admin")
        assert run("call", url, "POST", "/3//4", *admin).exit_code == 0
        with suppress(ConnectionError):
            while True:  # it goes down right after its answer
                server.connect().close()
        while run("health", url).exit_code != 0:
            time.sleep(0.01)
        assert run("call", url, "GET", "/3//2").stdout == "IoTize00410000009B\n"


def test_call(tmp_path: Path) -> None:
    with serving(SERVE, tmp_path / "log") as server:
        url = f"tcp://{server.address[0]}:{server.address[1]}"
        admin = ("--user", "admin", "--password", "admin")
        cases = [
            (("GET", "/3//2"), 0, "IoTize00410000009B", ""),
            (("get", "/device/serial-number", "--json"), 0, '"value": "IoTize00410000009B"', ""),
            (("GET", "/1024//6", "--encrypt", "--iv-period", "1"), 0, '"scram_activated": true', ""),
            (("PUT", "/1024//9", "hex:4142", *admin), 0, "OK (0x00)", ""),
            (("GET", "/1024//9"), 0, "AB", ""),
            (("PUT", "/1024//10", '"2.1.0"', *admin), 0, "OK (0x00)", ""),
            (("PUT", "/1024//9", '"x"'), 3, "UNAUTHORIZED (0x81)", "PUT /1024//9: UNAUTHORIZED (0x81)"),
            (("GET", "/9//9"), 3, "NOT_FOUND (0x84)", "NOT_FOUND"),
            (("GET", "/3//2", "--user", "admin", "--password", "wrong"), 3, "", "NOT_ACCEPTABLE (0x86)"),
            (("PUT", "/1024//9", "hex:4"), 2, "", "hex"),
            (("PUT", "/1024//42", '"many"', *admin), 2, "", "uint16"),
            (("LIST", "/3//2"), 2, "", "expected GET, POST or PUT"),
            (("GET", "/device/colour"), 2, "", "no resource is called"),
        ]
        for arguments, code, printed, complaint in cases:
            result = run("call", url, *arguments)
            assert result.exit_code == code, (arguments, result)
            assert printed in result.stdout, (arguments, result)
            assert complaint in result.stderr, (arguments, result)
            assert "Traceback" not in result.stderr


def test_health(tmp_path: Path) -> None:
    with serving(SERVE, tmp_path / "log") as server:
        port = server.address[1]
        assert run("health", f"tcp://127.0.0.1:{port}").exit_code == 0
        for listen in (
            f"tcp://0.0.0.0:{port} tcp://0.0.0.0:1",
            f"mqtt://broker.invalid:1 serial:/dev/none tcp://0.0.0.0:{port}?interface=nfc",
        ):
            assert run("health", TAP_LISTEN=listen).exit_code == 0, listen
    dead = run("health", f"tcp://127.0.0.1:{port}")
    assert dead.exit_code == 1
    assert f"tcp://127.0.0.1:{port}" in dead.stderr


def test_tap_that_refuses_is_alive(tmp_path: Path) -> None:
    file = tmp_path / "device.yaml"
    file.write_text("tap: 1\nrules: {hosts: single}\n", encoding="utf-8")
    with serving((*SERVE, str(file)), tmp_path / "log") as server, server.connect():
        result = run("health", server.urls[0])
    assert result.exit_code == 0
    assert "DEVICE_UNAVAILABLE" in result.stdout


def test_health_of_something_else() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        result = run("health", f"tcp://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "0.2")
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr


def test_resources() -> None:
    old, new = (run("resources", "--firmware", version).stdout for version in ("1.85", "1.86"))
    assert "scram.set_initialization_vector" not in old
    assert "scram.set_initialization_vector" in new
    listed = json.loads(run("resources", "--format", "json").stdout)
    assert {"path": "/1024//45", "method": "GET", "firmware": "1.86-"}.items() <= next(
        row for row in listed if row["name"] == "scram.set_initialization_vector"
    ).items()
    assert run("resources", "--format", "markdown").stdout.startswith("| path | method |")


def test_resources_that_change_with_an_update() -> None:
    up, down = (json.loads(run("resources", "--diff", *pair, "--format", "json").stdout) for pair in
                (("1.85", "1.113"), ("1.113", "1.85")))  # fmt: skip
    assert (up["from"], up["to"]) == ("1.85.0", "1.113.0")
    assert {"scram.send_with_iv", "time.get_ntp_server", "wifi.get_country_code"} <= names(up["added"])
    assert {"cloud.get_mqtt_client_id", "cloud.put_mqtt_password"} <= names(up["gone"])
    assert (names(down["added"]), names(down["gone"])) == (names(up["gone"]), names(up["added"]))
    every = {version: names(json.loads(run("resources", "--firmware", version, "--format", "json").stdout))
             for version in ("1.85", "1.113")}  # fmt: skip
    assert every["1.113"] - every["1.85"] == names(up["added"])
    assert every["1.85"] - every["1.113"] == names(up["gone"])


def names(rows: list[dict[str, str]]) -> set[str]:
    return {row["name"] for row in rows}


@pytest.mark.parametrize(
    ("arguments", "code", "printed", "complaint"),
    [
        (("--diff", "1.85", "1.86"), 0, "1.85.0 -> 1.86.0: 11 added, 0 gone, 0 changed", ""),
        (("--diff", "1.85", "1.86"), 0, "added   /1024//44  GET     scram.send_with_iv", ""),
        (("--diff", "1.86", "1.86.7"), 0, "1.86.0 -> 1.86.7: 0 added, 0 gone, 0 changed\n", ""),
        (("--diff", "1.86", "1.85", "--format", "markdown"), 0, "| gone | /1024//44 | GET | scram.send_with_iv |", ""),
        (("--diff", "1.85"), 2, "", "requires 2 arguments"),
        (("--diff", "1.85", "new"), 2, "", "'new' is not a version; expected MAJOR.MINOR"),
        (("--diff", "1.85", "1.86", "--firmware", "1.85"), 2, "", "--diff names two versions itself"),
        (("--firmware", "1.300"), 2, "", "the limit is 255.255.65535"),
    ],
)
def test_resources_of_two_versions(arguments: tuple[str, ...], code: int, printed: str, complaint: str) -> None:
    result = run("resources", *arguments)
    assert result.exit_code == code, result
    assert printed in result.stdout
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr


def test_resources_leave_a_firmware_of_the_environment_alone() -> None:
    assert "11 added" in run("resources", "--diff", "1.85", "1.86", TAP_FIRMWARE="1.113").stdout


HEAVY = {"pydantic", "yaml", "protocol.client", "emulator.docs", "emulator.config.model"}
"""What a Tap without a configuration file never needs; each costs a good part of the half second to `ready`."""


def test_serve_imports_no_more_than_it_needs() -> None:
    code = "import sys, emulator.cli, emulator.commands.serve; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = result.stdout.split()
    assert "emulator.device" in imported
    assert {name for name in HEAVY for module in imported if f"{module}.".startswith(f"{name}.")} == set()


KEY = "000102030405060708090a0b0c0d0e0f"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("a2ca000007010003ffff0002",), "GET /3//2  device.get_serial_number"),
        (("a2ca000017010400ffff0030d47d3b6b3f2b65cbe3dc9a2e9d899e8a", "--key", KEY), "frame id 0, 7 bytes, CRC right"),
        (
            (
                "a2ca000027010400ffff002c101112131415161718191a1b1c1d1e1fb1dcbc296846e6be4c29d258d52ddfd5",
                "--key",
                KEY,
            ),
            "GET /3//2  device.get_serial_number",
        ),
        (("a2ca000017010400ffff0030d47d3b6b3f2b65cbe3dc9a2e9d899e8a", "--key", "00" * 16), "cannot be opened"),
        (("819000",), "UNAUTHORIZED (0x81)"),
        (("9000",), "bare status word"),
        (("6e00",), "WRONG_CLASS"),
        (("00a4040007f0024c774d324d9000",), "NFC pairing"),
        (("a2ca000007010003",), "8 bytes of an incomplete APDU"),
        (("a2ca000007010009ffff0002",), "not in the resource table"),
        (("a2da000009030400ffff000a0102",), "does not fit"),
    ],
)
def test_decode(arguments: tuple[str, ...], expected: str) -> None:
    result = run("decode", *arguments)
    assert expected in result.stdout, result
    assert result.exit_code == 0


def test_decode_reads_answers_with_their_requests(tmp_path: Path) -> None:
    file = tmp_path / "capture.txt"
    file.write_text("# a comment\na2ca000007010400ffff0006\n0000189000\n")
    result = run("decode", str(file))
    assert f"{file}:2:" in result.stdout
    assert "SecurityOptions(scram_activated=True, hash_password=True" in result.stdout


@pytest.mark.parametrize("arguments", [("xyz",), ("a2", "--key", "00"), ("a2", "--iv", "00")])
def test_decode_complains(arguments: tuple[str, ...]) -> None:
    result = run("decode", *arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("file", ["Dockerfile", "README.md", "."])
def test_config_check_of_a_file_that_is_none(file: str) -> None:
    result = run("config", "check", file)
    assert result.exit_code == 2
    assert file in result.stderr
    assert "Traceback" not in result.stderr


def test_config_commands(tmp_path: Path) -> None:
    source, copy = tmp_path / "device.yaml", tmp_path / "copy.yaml"
    source.write_text("tap: 1\nfirmware: 1.85.0\nsettings:\n  interface:\n    app_name: Mine\n")
    assert "ok" in run("config", "check", str(source)).stdout
    assert "Mine" in run("config", "show", str(source)).stdout
    assert run("config", "convert", str(source), "-o", str(copy)).exit_code == 0
    assert "Mine" in run("config", "show", str(copy)).stdout
    assert "app_name" in json.dumps(json.loads(run("config", "schema").stdout)["$defs"])

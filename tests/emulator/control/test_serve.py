"""`serve` with a scenario, a steered clock and the control API, as its users run it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulator.commands.starting import StartError
from emulator.commands.steering import make_steering
from emulator.control.client import ControlClient
from emulator.storage import SqliteStore
from protocol.client.blocking import Tap

COMMAND = str(Path(sys.executable).with_name("tap-emulator"))
STILL_AT_ONCE = 10
"""Seconds: less than whoever waits for something would wait, more than a busy machine takes."""
SCENARIO = """
scenario: 1
name: not at first
inputs: {code: {default: BUSY}, at_least: {default: 1}}
device: {firmware: "1.85"}
script:
  rules:
    - name: once
      when: {request: device.get_serial_number}
      then: {answer: "${code}"}
      times: 1
verify:
  - {request: device.get_serial_number, count: {min: "${at_least}"}}
  - {rule: once, count: 1}
"""


@dataclass(frozen=True, slots=True)
class Served:
    process: subprocess.Popen[str]
    lines: list[list[str]]
    """Words of what was printed up to `ready`."""

    def line(self, first: str) -> list[str]:
        return next(words for words in self.lines if words[0] == first)

    def end(self) -> tuple[int, str, str]:
        """Exit code and what was printed since."""
        self.process.send_signal(signal.SIGTERM)
        out, log = self.process.communicate(timeout=20)
        return self.process.returncode, out, log


@contextmanager
def served(*arguments: str, **environment: str) -> Iterator[Served]:
    process = subprocess.Popen(
        [COMMAND, "serve", "--listen", "tcp://127.0.0.1:0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "default", **environment},
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.split())
        if lines[-1] == ["ready"]:
            break
    try:
        assert lines, process.communicate()
        yield Served(process, lines)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "once.yaml").write_text(SCENARIO)
    return str(tmp_path / "once.yaml")


def test_scenario_clock_and_control_together(file: str) -> None:
    with served(
        "--scenario", file, "--set", "code=NOT_FOUND", "--clock", "virtual", "--control", "http://127.0.0.1:0"
    ) as tap:
        assert [words[0] for words in tap.lines] == ["ready", "control", "ready"]
        _, url, word, token = tap.line("control")
        assert word == "token"
        with ControlClient(url, token) as control, Tap(tap.lines[0][1]) as client:
            assert control.device().firmware == "1.85.0"
            assert control.clock().rate == 0
            assert [armed.name for armed in control.scenarios()] == ["not at first"]
            assert client.request("GET", "/3//2").code == 0x84
            assert client.request("GET", "/3//2").success
            assert control.scenario("not at first").rules[0].acted == 1
        code, out, log = tap.end()
    assert code == 0, log
    assert out == "verdict passed\n"
    assert "ResourceWarning" not in log


def test_verdict_that_fails_ends_with_1_and_says_why(file: str) -> None:
    with served(TAP_SCENARIO=file, TAP_CLOCK="10x") as tap:
        code, out, log = tap.end()
    assert code == 1
    assert out == "verdict failed 2 of 2\n"
    assert "device.get_serial_number" in log


def test_it_ends_at_once_whoever_follows_it_and_its_token_stays_secret(tmp_path: Path) -> None:
    state = str(tmp_path / "tap.sqlite")
    with served("--state", state, "--verbose", TAP_CONTROL="http://127.0.0.1:0", TAP_CONTROL_TOKEN="known") as tap:
        _, url = tap.line("control")
        with ControlClient(url, "known") as control, ThreadPoolExecutor() as pool:
            control.snapshot("start")
            control.change_device(settings={"interface.app_name": "Oven"})
            control.restore("start")
            assert control.advance(1).rate == 1
            second = start_badly("--control", url)
            assert (second.returncode, second.stdout) == (2, "")
            assert f"{url}: address already in use" in second.stderr
            with Tap(tap.lines[0][1]):
                control.wait(kind="connected")
            stream = control.stream(since=0)
            next(stream)
            following = pool.submit(list, stream)
            connected = threading.Event()
            waiting = pool.submit(wait_for_reboot, url, connected)
            connected.wait(20)
            time.sleep(0.2)
            began = time.monotonic()
            code, out, log = tap.end()
            assert time.monotonic() - began < STILL_AT_ONCE
            assert isinstance(following.result(5), list)
            assert waiting.result(5) == "fewer"
    assert (code, out) == (0, "")
    assert "known" not in log
    assert "Traceback" not in log
    store = SqliteStore(Path(state), "IoTize00410000009B")
    assert "Oven" not in str(store.load())
    store.close()


def wait_for_reboot(url: str, connected: threading.Event) -> str:
    with ControlClient(url, "known") as control:
        control.health()
        connected.set()
        try:
            control.wait(kind="reboot", timeout=30)
        except TimeoutError:
            return "fewer"
    return "it came"


BAD_OPTIONS = [
    ({"scenario": "/none/at/all.yaml"}, "there is no such file"),
    ({"scenario": "{file}", "inputs": ["cod=1"]}, "unknown, expected code"),
    ({"scenario": "{file}", "inputs": ["code"]}, "expected name=value"),
    ({"scenario": "{file}", "inputs": ["code=LUNCH"]}, "LUNCH, expected a result code"),
    ({"inputs": ["code=1"]}, "expected --scenario too"),
    ({"clock": "slow"}, "expected real, virtual"),
    ({"clock": "0x"}, "expected real, virtual"),
]


@pytest.mark.parametrize(("given", "message"), BAD_OPTIONS)
def test_bad_options_are_explained(given: dict[str, Any], message: str, file: str) -> None:
    options = {"control": "off", "clock": None, "scenario": None, "inputs": [], "token": None, **given}
    if options["scenario"] == "{file}":
        options["scenario"] = file
    with pytest.raises(StartError, match=message):
        make_steering(**options)


def start_badly(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, "serve", "--listen", "tcp://127.0.0.1:0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_without_the_options_nothing_of_it_is_imported() -> None:
    heavy = {"fastapi", "httpx", "pydantic", "rich", "scenarios", "uvicorn"}
    probe = f"import sys, emulator.cli, emulator.commands.serve; print({heavy} & {{*sys.modules}} or None)"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert result.stdout == "None\n"

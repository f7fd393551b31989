"""`serve` with a scenario, a steered clock and the control API, as its users run it."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulator.commands.starting import StartError
from emulator.commands.steering import make_steering
from emulator.control.client import ControlClient
from emulator.storage import SqliteStore
from protocol.client.blocking import Tap
from tests.serving import SERVE, serving

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


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "once.yaml").write_text(SCENARIO)
    return str(tmp_path / "once.yaml")


def test_scenario_clock_and_control_together(file: str, log: Path) -> None:
    options = ["--scenario", file, "--set", "code=NOT_FOUND", "--clock", "virtual", "--control", "http://127.0.0.1:0"]
    with serving([*SERVE, *options], log) as tap:
        assert [words[0] for words in tap.lines] == ["ready", "control"]
        url, word, token = tap.control
        assert word == "token"
        with ControlClient(url, token) as control, Tap(tap.urls[0]) as client:
            assert control.device().firmware == "1.85.0"
            assert control.clock().rate == 0
            assert [armed.name for armed in control.scenarios()] == ["not at first"]
            assert client.request("GET", "/3//2").code == 0x84
            assert client.request("GET", "/3//2").success
            assert control.scenario("not at first").rules[0].acted == 1
        assert tap.end() == (0, "verdict passed\n")
    assert "ResourceWarning" not in log.read_text()


def test_verdict_that_fails_ends_with_1_and_says_why(file: str, log: Path) -> None:
    with serving(SERVE, log, TAP_SCENARIO=file, TAP_CLOCK="10x") as tap:
        assert tap.end() == (1, "verdict failed 2 of 2\n")
    assert "device.get_serial_number" in log.read_text()


def test_it_ends_at_once_whoever_follows_it_and_its_token_stays_secret(tmp_path: Path, log: Path) -> None:
    state = str(tmp_path / "tap.sqlite")
    options = ["--state", state, "--verbose"]
    with serving([*SERVE, *options], log, TAP_CONTROL="http://127.0.0.1:0", TAP_CONTROL_TOKEN="known") as tap:
        (url,) = tap.control
        with ControlClient(url, "known") as control, ThreadPoolExecutor() as pool:
            control.snapshot("start")
            control.change_device(settings={"interface.app_name": "Oven"})
            control.restore("start")
            assert control.advance(1).rate == 1
            second = start_badly("--control", url)
            assert (second.returncode, second.stdout) == (2, "")
            assert f"{url}: address already in use" in second.stderr
            with Tap(tap.urls[0]):
                control.wait(kind="connected")
            stream = control.stream(since=0)
            next(stream)
            following = pool.submit(list, stream)
            asked = threading.Event()
            waiting = pool.submit(wait_for_reboot, url, asked)
            assert asked.wait(20)
            began = time.monotonic()
            assert tap.end() == (0, "")
            assert time.monotonic() - began < STILL_AT_ONCE
            assert isinstance(following.result(20), list)
            assert waiting.result(20) == {"entries": [], "complete": False}
    assert "known" not in log.read_text()
    assert "Traceback" not in log.read_text()
    store = SqliteStore(Path(state), "IoTize00410000009B")
    assert "Oven" not in str(store.load())
    store.close()


def wait_for_reboot(url: str, asked: threading.Event) -> object:
    """The answer to a request that waits for a reboot; `asked` is set when the request has left."""

    def note(what: str, details: object) -> None:
        if what == "http11.send_request_body.complete":
            asked.set()

    with httpx.Client(base_url=url, headers={"Authorization": "Bearer known"}, timeout=40, trust_env=False) as client:
        client.get("/health")
        wanted = {"kind": "reboot", "timeout": 30}
        return client.post("/v1/journal/wait", json=wanted, extensions={"trace": note}).json()


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
    return subprocess.run([*SERVE, *arguments], capture_output=True, text=True, check=False, timeout=30)


def test_without_the_options_nothing_of_it_is_imported() -> None:
    heavy = {"fastapi", "httpx", "pydantic", "rich", "scenarios", "uvicorn"}
    probe = f"import sys, emulator.cli, emulator.commands.serve; print({heavy} & {{*sys.modules}} or None)"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert result.stdout == "None\n"

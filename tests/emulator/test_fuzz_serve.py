"""`fuzz serve` as a process, with a client that somebody else drives, and its control API."""

import asyncio
import json
from pathlib import Path

import pytest

from emulator.blueprint import demo
from emulator.clock import VirtualClock
from emulator.commands.fuzz_serve import CASES, FuzzSteering
from emulator.control.client import ControlClient
from emulator.control.errors import ControlError
from emulator.device import Device
from protocol.client.blocking import Tap
from protocol.errors import ProtocolError
from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.grammar import BY_NAME
from tests import commandline
from tests.hosts import Host
from tests.serving import SERVE, Serving, serving

TOKEN = "known"
REFUSED = Case((Fault("device.get_serial_number", 1, BY_NAME["code.known"], 6),)).id
"""The first serial number is refused with 80."""


def read(tap: Serving) -> str:
    """What a client makes of the serial number."""
    with Tap(tap.urls[0]) as client:
        return client.service.device.get_serial_number()


def test_cases_come_with_connections_and_by_the_control_api(tmp_path: Path) -> None:
    folder = tmp_path / "cases"
    command = [SERVE[0], "fuzz", *SERVE[1:], "--control", "http://127.0.0.1:0", "-o", str(folder)]
    with serving([*command, "--seed", "3", "--firmware", "1.85"], tmp_path / "log", TAP_CONTROL_TOKEN=TOKEN) as tap:
        (control_url,) = tap.control
        with ControlClient(control_url, TOKEN) as control:
            assert control.fuzzing().number == 0
            true = read(tap)
            first = control.fuzzing()
            assert (first.case, first.number, first.requests, first.moves) == ("clean", 1, 1, "connection")
            second = control.fuzz_next()
            assert second.number == 2
            assert second.known == 1
            assert second.faults[0].startswith("device.get_serial_number#1: ")
            code = control.fuzz_next(REFUSED)
            assert code.number == 3
            with pytest.raises(ProtocolError):
                read(tap)
            done = control.fuzzing()
            assert done.case == code.case
            assert done.done == code.faults
            told = [entry.detail or "" for entry in control.journal(kind="script")]
            assert f"fuzz case {code.case}: {code.faults[0]}" in told
            with pytest.raises(ControlError, match="is no case") as refused:
                control.fuzz_next("mistake")
            assert refused.value.status == 422
            assert control.fuzz_next("clean").faults == []
            assert read(tap) == true
            assert control.scenarios() == []
            with pytest.raises(ControlError):
                control.disarm("fuzz")
        assert tap.end() == (0, "")
    log = tap.log.read_text()
    assert "ResourceWarning" not in log
    assert "Traceback" not in log
    assert f"case={code.case}" in log
    played = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]
    assert [each["number"] for each in played] == [1, 2, 3, 4]
    assert played[2]["done"] == code.faults
    assert played[2]["afterwards"]


def test_options_reach_what_fuzzes(tmp_path: Path) -> None:
    steering = FuzzSteering(
        turn="request:2", case=REFUSED, restore=True, output=tmp_path, inputs={}, control="off", clock=None,
        scenario=None, token=None,
    )  # fmt: skip
    device = Device(demo(), clock=VirtualClock())
    steering.arm(device, 3)
    host = Host(device)
    assert [host.get("/3//2").code for _ in range(4)] == [0x80, 0, 0x80, 0]
    device.state.put("interface.app_name", "mine")
    device.state.commit()
    host.get("/3//2")
    assert device.state["interface.app_name"] == "Virtual Tap"
    asyncio.run(steering.stop())
    played = [json.loads(line) for line in (tmp_path / CASES).read_text().splitlines()]
    assert [each["requests"] for each in played] == [2, 2, 1]


BAD = [
    (["--next", "soon"], "--next: next 'soon', expected connection"),
    (["--case", "mistake"], "--case: 'mistake' is no case"),
    (["-o", "/dev/null/cases"], "/dev/null/cases: cannot be written"),
    (["--scenario", "none.yaml"], "there is no such file"),
    (["--scenario", "{named}"], "the scenario is called 'fuzz', expected another name"),
    (["--firmware", "new"], "expected MAJOR"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=lambda value: str(value)[:30])
def test_what_cannot_be_used_is_told(arguments: list[str], message: str, tmp_path: Path) -> None:
    named = tmp_path / "named.yaml"
    named.write_text("scenario: 1\nname: fuzz\nscript: {rules: [{when: {request: device.*}, then: {delay: 1s}}]}\n")
    arguments = [str(named) if each == "{named}" else each for each in arguments]
    result = commandline.run("fuzz", "serve", "--listen", "tcp://127.0.0.1:0", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "ready" not in result.output
    assert "Traceback" not in result.output

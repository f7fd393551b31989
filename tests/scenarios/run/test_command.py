"""`tap-emulator scenario`: exit codes, reports, targets, names of files."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import Result

from tests import commandline
from tests.serving import SERVE, serving

GOOD = """
scenario: 1
name: good
inputs: {name: {default: Virtual Tap}}
replay:
  - encrypt: true
  - {request: interface.get_app_name, expect: {value: "${name}"}}
verify:
  - {request: interface.get_app_name, count: 1}
"""
BAD_STEP = "scenario: 1\nname: <bad> & worse\nreplay:\n  - {request: interface.get_app_name, expect: {value: x}}\n"
BAD_SCRIPT = """
scenario: 1
script: {rules: [{when: {request: interface.get_app_name}, then: {set: {nolamp: 1}}}]}
"""
BAD_FILE = "scenario: 1\nreplay:\n  - {reqest: interface.get_app_name}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("good", GOOD), ("failing", BAD_STEP), ("broken", BAD_FILE), ("odd", BAD_SCRIPT)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def scenario(*arguments: str | Path) -> Result:
    return commandline.run("scenario", *arguments)


def test_exit_code_tells_whether_all_is_well(folder: Path) -> None:
    assert scenario("run", folder / "good.yaml").exit_code == 0
    failed = scenario("run", folder / "good.yaml", folder / "failing.yaml")
    assert failed.exit_code == 1
    assert f"{folder}/failing.yaml:4:5: client: interface.get_app_name: the value is another one" in failed.output
    assert "2 runs, 1 failed" in failed.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "{folder}/broken.yaml"], "broken.yaml:3:6: "),
        (["run", "{folder}"], "broken.yaml:3:6: "),
        (["run", "{folder}/odd.yaml"], "no variable is named 'nolamp'"),
        (["check", "{folder}/good.yaml", "{folder}/broken.yaml"], "broken.yaml:3:6: "),
        (["run", "{folder}/none.yaml"], "there is no such file, expected a scenario, a folder, or library:NAME"),
        (["run", "library:lock-out"], "expected for example lock-out-and-recovery"),
        (["run", "{folder}/good.yaml", "--set", "nme=x"], "the input nme is unknown"),
        (["run", "{folder}/good.yaml", "--set", "name"], "expected name=value"),
        (["run", "{folder}/good.yaml", "--target", "gopher://x"], "gopher"),
        (["run", "{folder}/good.yaml", "--junit", "{folder}/none/x.xml"], "cannot be written"),
    ],
)
def test_what_cannot_be_used_is_told(folder: Path, arguments: list[str], words: str) -> None:
    result = scenario(*(each.format(folder=folder) for each in arguments))
    assert result.exit_code == 2
    assert words in result.output


def test_nothing_runs_if_one_file_is_bad(folder: Path) -> None:
    assert "good" not in scenario("run", folder / "good.yaml", folder / "broken.yaml").output.replace("good.yaml", "")


def test_nothing_runs_if_a_report_cannot_be_written(folder: Path) -> None:
    assert "ok " not in scenario("run", folder / "good.yaml", "--json", folder).output


def test_a_terminal_gets_no_control_sequences(tmp_path: Path) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text('scenario: 1\nreplay: [{note: "\\u001b[31mred"}]\n')
    for output in (scenario("run", "-v", file).output, scenario("explain", file).output):
        assert "\x1b" not in output
        assert "\\x1b[31mred" in output


def test_inputs_are_set(folder: Path) -> None:
    result = scenario("run", folder / "good.yaml", "--set", "name=other")
    assert result.exit_code == 1
    assert "expected 'other'" in result.output


def test_each_repetition_has_a_seed_of_its_own(folder: Path) -> None:
    output = scenario("run", folder / "good.yaml", "--repeat", "3", "--seed", "7").output
    assert [f"seed {seed}" in output for seed in (6, 7, 8, 9, 10)] == [False, True, True, True, False]


def test_processes_share_the_work(folder: Path) -> None:
    alone = scenario("run", folder / "good.yaml", folder / "failing.yaml")
    together = scenario("run", folder / "good.yaml", folder / "failing.yaml", "--parallel", "2")
    assert together.exit_code == 1
    assert [line[:12] for line in together.output.splitlines()] == [line[:12] for line in alone.output.splitlines()]


def test_reports_are_written(folder: Path) -> None:
    files = folder / "junit.xml", folder / "report.json"
    scenario("run", folder / "good.yaml", folder / "failing.yaml", "--junit", files[0], "--json", files[1])
    suites = ET.fromstring(files[0].read_text())
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in suites] == [
        ("good", "3", "0"),
        ("<bad> & worse", "1", "1"),
    ]
    failure = suites.find(".//failure")
    assert failure is not None
    assert "got      'Virtual Tap'" in (failure.text or "")
    report = json.loads(files[1].read_text())
    assert report["ok"] is False
    assert [run["ok"] for run in report["runs"]] == [True, False]
    assert report["runs"][1]["steps"][0]["got"] == "'Virtual Tap'"
    assert report["runs"][1]["journal"]


MIXED = """
scenario: 1
script: {rules: [{when: {request: device.reboot}, then: {drop: answer}}]}
replay:
  clients:
    - name: one
      steps:
        - login: {user: admin, password: admin}
        - {request: interface.put_app_name, value: "hello", expect: {within: 3s}}
        - {check: {variable: lamp, equals: true}}
        - {request: interface.get_app_name, timeout: 1s, expect: {value: hello}}
        - parallel: [[{request: device.get_serial_number}], [{wait: 50ms}]]
    - {name: two, steps: [{request: device.get_serial_number}, {disconnect: true}]}
verify: [{request: interface.put_app_name}]
"""


def test_a_tap_that_is_there_already(tmp_path: Path) -> None:
    file = tmp_path / "mixed.yaml"
    file.write_text(MIXED)
    failing = tmp_path / "failing.yaml"
    failing.write_text(BAD_STEP.replace("expect: {value: x}", "timeout: 200ms"))
    needing = tmp_path / "needing.yaml"
    needing.write_text(BAD_STEP.replace("name:", "needs: emulator\nname:"))
    with serving(SERVE, tmp_path / "log") as tap:
        url = tap.urls[0]
        report = tmp_path / "report.json"
        result = scenario("run", file, needing, failing, "--target", url, "--json", report)
    assert result.exit_code == 0, result.output
    first, second, _ = json.loads(report.read_text())["runs"]
    assert [each["text"] for each in first["skipped"]] == ["script, 1 rules", "check lamp", "verify request"]
    assert all(url in each["reason"] or "emulator only" in each["reason"] for each in first["skipped"])
    assert len(first["steps"]) == 7
    assert second["skipped"][0]["text"] == "the whole scenario"
    gone = scenario("run", failing, "--target", url)
    assert gone.exit_code == 1
    assert "error link" in gone.output or "error closed" in gone.output


def test_the_library_is_listed() -> None:
    result = scenario("list", "--format", "json")
    names = [row["name"] for row in json.loads(result.output)]
    assert "library:lock-out-and-recovery" in names
    assert len(names) >= 25


def test_a_scenario_is_explained(folder: Path) -> None:
    output = scenario("explain", folder / "good.yaml").output
    for words in (
        "good",
        "turns encryption on",
        "asks interface.get_app_name; expects an answer with success, 'Virtual Tap'",
    ):
        assert words in output


def test_the_schema_is_json() -> None:
    assert json.loads(scenario("schema").output)["properties"]["replay"]


STEERED = """
scenario: 1
needs: emulator
script: {rules: [{name: slow, when: {request: interface.get_app_name, nth: 1}, then: {answer: BUSY}}]}
replay:
  - {request: interface.get_app_name, expect: {status: BUSY}}
  - {request: interface.get_app_name, expect: {value: Virtual Tap}}
  - {check: {variable: lamp, equals: false}}
  - {check: {setting: interface.app_name, equals: Virtual Tap}}
  - {snapshot: before}
  - {restore: before}
verify:
  - {rule: slow, count: 1}
  - {request: interface.get_app_name, count: 2}
  - {request: interface.get_app_name, count: 3}
"""


def test_an_emulator_that_is_there_already_is_steered(tmp_path: Path) -> None:
    file = tmp_path / "steered.yaml"
    file.write_text(STEERED)
    with serving((*SERVE, "--control", "http://127.0.0.1:0", "--control-token", "a" * 32), tmp_path / "log") as tap:
        options = ("--target", tap.urls[0], "--control", tap.control[0], "--token")
        result = scenario("run", file, *options, "a" * 32)
        again = scenario("run", file, *options, "a" * 32)
        stranger = scenario("run", file, *options, "wrong")
    for output in (result.output, again.output):
        assert "6 steps, 3 verifications" in output
        assert "expected 3 times" in output
        assert "got      2 times" in output
    assert (result.exit_code, again.exit_code, stranger.exit_code) == (1, 1, 2)

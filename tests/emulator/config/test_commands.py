"""`tap-emulator config`: what the commands print and how they end."""

from pathlib import Path

import pytest
from click.testing import Result

from emulator.config import load
from tests import commandline

JSON = '{"config": {"version": "1.0.0",\n"data": {"bundles": [{"id": 1, "name": "Light", "variables": [{"id": 5}]}]},\n'
JSON += '"target": {"type": "MCU"}}}'
NOTE = "tap.json:3: unused: config.target.type: it says which tool to use, and no request carries it"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tap.json"
    path.write_text(JSON)
    return path


def run(*arguments: str | Path) -> Result:
    return commandline.run("config", *arguments)


def test_check_counts_and_tells_what_has_no_effect(file: Path) -> None:
    result = run("check", file)
    assert result.exit_code == 0
    assert result.stdout == f"{file}: ok, 3 users, 1 bundle, 1 variable, 1 note\n"
    assert result.stderr.endswith(f"{NOTE}\n")


def test_show_has_bundles_with_their_lines(file: Path) -> None:
    lines = [" ".join(line.split()) for line in run("show", file).stdout.splitlines()]
    assert f"id: 5 # {file}:2" in lines
    assert "voltage: 3300 # default" in lines


def test_convert_gives_an_equal_tap_and_tells_what_is_left_out(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "device.yaml"
    result = run("convert", file, "-o", copy)
    assert (result.exit_code, result.stdout) == (0, "")
    assert NOTE in result.stderr
    assert load(copy).blueprint == load(file).blueprint
    assert run("convert", file).stdout == copy.read_text(encoding="utf-8")


def test_convert_to_a_place_that_is_none(file: Path, tmp_path: Path) -> None:
    result = run("convert", file, "-o", tmp_path / "nowhere" / "device.yaml")
    assert result.exit_code == 2
    assert "nowhere/device.yaml: cannot be written (no such file or directory), expected" in result.stderr


@pytest.mark.parametrize("command", ["check", "show", "convert"])
def test_a_wrong_file_ends_with_exit_code_2(file: Path, command: str) -> None:
    file.write_text('{"config": {"version": "1.0.0",\n"data": {"bundles": [{"id": -1}]}}}')
    result = run(command, file)
    assert result.exit_code == 2
    assert f"{file}:2: config.data.bundles.0.id is -1, expected a whole number" in result.stderr

"""From a path to a Tap: kinds of file, files that cannot be read, overrides, and what is imported for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.blueprint import Blueprint, demo
from emulator.config import ConfigError, load, with_overrides
from protocol.firmware import Version
from protocol.resources.registry import SETTINGS

YAML = "tap: 1\n"
JSON = '\ufeff {"config": {"version": "1.0.0"}}'
XML = "<IOTizeConfiguration><IOTizeApp/></IOTizeConfiguration>"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tap.yaml", YAML),
        ("tap.YML", YAML),
        ("tap.json", JSON),
        ("tap.iotz", XML),
        ("tap.xml", XML),
        ("yaml", YAML),
        ("json", JSON),
        ("iotz", XML),
        ("tap.conf", XML),
    ],
)
def test_the_kind_of_file(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert load(path).blueprint.settings["interface.config_version"] == Version(1)
    assert load(str(path)) == load(path)


@pytest.mark.parametrize("name", ["missing.yaml", "folder", "nul\0.yaml"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / name)
    assert len(caught.value.problems) == 1
    assert "cannot be read (" in str(caught.value)


def test_a_hundred_megabytes_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "tap.iotz"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(ConfigError, match="the file is too large"):
        load(path)


MANY = 65_536
TOO_MANY = {
    "tap.yaml": "tap: 1\nbundles: {b: {variables: {" + ", ".join(f"v{one}: " for one in range(MANY)) + "}}}\n",
    "tap.json": '{"config": {"version": "1.0.0",\n"data": {"bundles": [{"id": 1, "variables": ['
    + ",".join('{"id":1}' for _ in range(MANY))
    + "]}]}}}",
    "tap.iotz": '<IOTizeConfiguration><IOTizeApp/>\n<IOTizeBundle Id="1">'
    + '<IOTizeVariable Id="1"/>' * MANY
    + "</IOTizeBundle></IOTizeConfiguration>",
}


@pytest.mark.parametrize("name", TOO_MANY)
def test_as_many_variables_as_there_are_ids_are_too_many(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(TOO_MANY[name])
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert len(caught.value.problems) == 1
    assert "expected at most" in caught.value.problems[0]


LONG = "n" * 100_000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tap.yaml", f"tap: 1\nbundles: {{{LONG}: {{}}}}\n"),
        ("tap.yaml", f"tap: 1\nbundles: {{b: {{name: {LONG}, variables: {{v: {{name: {LONG}, unit: {LONG}}}}}}}}}\n"),
        ("tap.yaml", f"tap: 1\nbundles: {{b: {{variables: {{v: {{value: {LONG}, signal: {{{LONG}: 1}}}}}}}}}}\n"),
        ("tap.yaml", f"tap: 1\nusers: {{{LONG}: }}\ntarget: {{url: {LONG}, {LONG}: 1}}\n"),
        ("tap.json", f'{{"config": {{"version": "1.0.0", "application": {{"name": "{LONG}", "data": "{LONG}"}}}}}}'),
    ],
)
def test_very_long_words_are_not_repeated_in_messages(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert all(len(problem) < 600 + len(str(path)) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "tap.json",
            {"data": {"bundles": [{"id": 1, "name": LONG, "variables": [{"id": 1, "meta": {"name": LONG}}]}]}},
        ),
        (
            "tap.iotz",
            f'<IOTizeBundle Id="1" GUI_Name="{LONG}"><IOTizeVariable Id="1" GUI_Name="{LONG}"/></IOTizeBundle>',
        ),
    ],
)
def test_very_long_names_of_the_vendor_are_cut(tmp_path: Path, name: str, text: object) -> None:
    path = tmp_path / name
    if isinstance(text, str):
        path.write_text(f"<IOTizeConfiguration><IOTizeApp/>{text}</IOTizeConfiguration>")
    else:
        assert isinstance(text, dict)
        path.write_text(json.dumps({"config": {"version": "1.0.0", **text}}))
    loaded = load(path)
    assert loaded.blueprint.bundles[1].name == "n" * 64
    assert loaded.blueprint.variables[1].name == "n" * 50
    assert [note.kind for note in loaded.notes] == ["ignored", "ignored"]
    assert all(len(note.text) < 200 for note in loaded.notes)


def test_an_error_with_very_many_problems_stays_readable() -> None:
    error = ConfigError(f"tap.yaml:{line}: wrong" for line in range(1000))
    assert len(error.problems) == 1000
    assert str(error).endswith("tap.yaml:99: wrong\n... and 900 more")


def test_overrides() -> None:
    assert with_overrides(demo()) == demo()
    changed = with_overrides(demo(), firmware=Version(1, 85), seed=0x1_0000_00FF)
    assert (changed.firmware, changed.seed) == (Version(1, 85), 0x1_0000_00FF)
    assert changed.settings["device.serial_number"] == "IoTize0041000000FF"
    assert SETTINGS["device.serial_number"].setting is not None
    assert SETTINGS["device.serial_number"].setting.allows(changed.settings["device.serial_number"])


def test_a_seed_in_the_file_gives_a_serial_number_too() -> None:
    assert with_overrides(Blueprint(seed=-1)).settings["device.serial_number"] == "IoTize0041FFFFFFFF"


def test_a_serial_number_from_a_file_stays() -> None:
    blueprint = Blueprint(settings={"device.serial_number": "IoTize00610000101F"})
    assert with_overrides(blueprint, seed=5).settings["device.serial_number"] == "IoTize00610000101F"


def test_the_demo_tap_needs_no_heavy_library() -> None:
    code = (
        "import sys, emulator.blueprint, emulator.config; emulator.config.with_overrides(emulator.blueprint.demo());"
        "print(*{'pydantic', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

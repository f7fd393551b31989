"""`tap-emulator fuzz client`, `replay`, `shrink` and `explain`: what they say, how they end, what they leave."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest
from click.testing import Result

from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.grammar import BY_NAME
from scenarios.loading import load
from tests import commandline

SERIAL = "device.get_serial_number"
CLIENT = Path(__file__).parent.parent / "scenarios" / "fuzz" / "small_client.py"
COMMAND = f"{sys.executable} -S -E {CLIENT} {{url}}"
EMPTY = Case((Fault(SERIAL, 1, BY_NAME["structure.empty"], 0),)).id
SOUND = Case((Fault(SERIAL, 1, BY_NAME["code.with-body"], 0),)).id


def fuzz(*arguments: str | Path, env: dict[str, str] | None = None) -> Result:
    return commandline.run("fuzz", *arguments, **env or {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a campaign that has found one thing."""
    path = tmp_path_factory.mktemp("campaign") / "findings"
    found = fuzz("client", "--client", COMMAND, "--only", "structure.empty", "-o", path)
    assert found.exit_code == 1, found.output
    return path


def test_a_campaign_says_what_it_found_and_what_to_do_next(tmp_path: Path) -> None:
    path = tmp_path / "findings"
    found = fuzz("client", "--client", COMMAND, "--only", "structure.empty", "-o", path)
    assert found.exit_code == 1
    assert "UNHANDLED ERROR" in found.output
    assert re.search(rf"{SERIAL} +\d+ +1\n", found.output)
    assert re.search(r"structure +\d+\n", found.output)
    assert re.search(r"unhandled error +\d+\n", found.output)
    assert re.search(rf"tap-emulator fuzz shrink \w+ -o {path}\n", found.output)
    assert (path / "report.html").is_file()


def test_exit_code_0_where_nothing_is_found(tmp_path: Path) -> None:
    env = {"TAP_CLIENT": COMMAND, "TAP_CASES": "2", "TAP_ONLY": "code.with-body", "TAP_OUTPUT": str(tmp_path / "out")}
    quiet = fuzz("client", env=env)
    assert quiet.exit_code == 0
    assert "2 cases" in quiet.output
    assert "nothing found" in quiet.output


@pytest.mark.parametrize("how", ["id", "folder", "name", "scenario"])
def test_a_finding_is_played_again(folder: Path, how: str) -> None:
    (name,) = (each.name for each in folder.iterdir() if each.is_dir())
    found = folder / name
    cases: dict[str, str | Path] = {"id": EMPTY, "folder": found, "name": name, "scenario": found / "scenario.yaml"}
    where = ("-o", folder) if how in ("id", "name") else ()
    again = fuzz("replay", cases[how], *where)
    assert again.exit_code == 1, again.output
    assert "UNHANDLED ERROR" in again.output
    assert f"{SERIAL} -> OK" in again.output
    assert "| AssertionError: nobody expects an empty name" in again.output


def test_all_findings_are_not_one(folder: Path) -> None:
    told = fuzz("replay", folder)
    assert told.exit_code == 2
    assert f"{folder} holds all findings" in told.output


def test_a_folder_keeps_who_logs_in_and_no_password(tmp_path: Path) -> None:
    folder = tmp_path / "findings"
    login = ("--login", "admin:admin")
    assert fuzz("client", "--client", COMMAND, *login, "--only", "structure.empty", "-o", folder).exit_code == 1
    assert json.loads((folder / "findings.json").read_text())["about"]["login"] == "admin"
    assert fuzz("replay", EMPTY, "-o", folder).exit_code == 1
    refused = fuzz("replay", EMPTY, "-o", folder, env={"TAP_LOGIN": "admin:wrong"})
    assert refused.exit_code == 2
    assert "login as 'admin': wrong user name or password" in refused.output


def test_what_does_not_fail_is_no_failure(folder: Path) -> None:
    again = fuzz("replay", SOUND, "-o", folder, "--verbose")
    assert again.exit_code == 0
    assert "nothing speaks against the client" in again.output


def test_a_case_needs_no_folder(tmp_path: Path) -> None:
    assert fuzz("replay", EMPTY, "--client", COMMAND).exit_code == 1
    assert fuzz("replay", EMPTY, "--client", COMMAND, "-o", tmp_path / "new").exit_code == 1


def test_a_folder_that_is_not_there_knows_no_client(tmp_path: Path) -> None:
    told = fuzz("replay", EMPTY, "-o", tmp_path / "new")
    assert told.exit_code == 2
    assert f"{tmp_path / 'new'} is no folder of findings" in told.output


def test_a_finding_is_made_smaller(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "shrunk.yaml"
    shrunk = fuzz("shrink", EMPTY, "-o", folder, "--save", file, "--most", "20")
    assert shrunk.exit_code == 0, shrunk.output
    assert "still" in shrunk.output
    assert len(load(file).script.rules) == 1
    (name,) = (each.name for each in folder.iterdir() if each.is_dir())
    assert (folder / name / "shrunk.yaml").read_text() == file.read_text()
    assert fuzz("replay", file, "-o", folder).exit_code == 1


def test_what_does_not_fail_cannot_be_made_smaller(folder: Path) -> None:
    shrunk = fuzz("shrink", SOUND, "-o", folder)
    assert shrunk.exit_code == 1
    assert "nothing speaks against the client" in shrunk.output


@pytest.mark.parametrize(
    ("case", "known", "words"),
    [
        (EMPTY, False, [f"answer 1 to {SERIAL}: structure.empty (family structure), variant 0"]),
        (EMPTY, True, ["variant 0", "empty instead of"]),
        ("clean", False, ["nothing goes wrong"]),
    ],
)
def test_a_case_is_explained(folder: Path, case: str, known: bool, words: list[str]) -> None:
    told = fuzz("explain", case, *(("-o", folder) if known else ()))
    assert told.exit_code == 0
    assert all(word in told.output for word in words)


def test_a_finding_is_explained_where_nothing_else_is_known(folder: Path, tmp_path: Path) -> None:
    (name,) = (each.name for each in folder.iterdir() if each.is_dir())
    shutil.copytree(folder / name, tmp_path / name)
    told = fuzz("explain", tmp_path / name)
    assert told.exit_code == 0
    assert f"  answer 1 to {SERIAL}: empty instead of" in told.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["client"], "--client"),
        (["client", "--client", "nope {url}"], "nope"),
        (["client", "--client", "true", "--time", "0"], "90s"),
        (["client", "--client", "true", "--time", "soon"], "'soon'"),
        (["client", "--client", "true", "--hang-time", "-1s"], "-1s"),
        (["client", "--client", "true", "--memory", "much"], "512M"),
        (["client", "--client", "true", "--cases", "0"], "--cases"),
        (["client", "--client", "true", "--workers", "0"], "--workers"),
        (["client", "--client", "true", "--handled", "256"], "--handled"),
        (["client", "--client", "true", "--login", ":admin"], "USER:PASSWORD"),
        (["client", "--client", "true", "--login", "nobody"], "--login nobody:PASSWORD"),
        (["client", "--client", "true", "--only", "fram.crc"], "frame.crc"),
        (["client", "--client", COMMAND, "--only", "variable.*", "-o", "{folder}/new"], f"it calls {SERIAL}"),
        (["client", "--client", "true", "-o", "{folder}"], "holds other files ('file.yaml')"),
        (["client", "--client", "true", "--set", "x"], "name=value"),
        (["client", "--client", "true", "--set", "x=1"], "--scenario"),
        (["client", "--client", "true", "--scenario", "none.yaml"], "no such file"),
        (["client", "--client", "true", "--persistent", "--loop"], "one of them"),
        (["client", "--client", "true", "--listen", "carrier://pigeon"], "carrier"),
        (["client", "--client", "true", "--listen", "tcp://127.0.0.1:1", "--workers", "2"], "once for each"),
        (["client", "--client", "true", "--login", "nobody:x"], "nobody"),
        (["client", "--client", f"{COMMAND} x", "--cases", "1", "-o", "{file}"], "is a file"),
        (["replay", "no-case"], "no case"),
        (["replay", EMPTY], "--client"),
        (["replay", EMPTY, "-o", "no-folder"], "no-folder"),
        (["replay", "none.yaml"], "no such file"),
        (["replay", "{folder}"], "finding.json"),
        (["replay", "{folder}/none"], "no such folder"),
        (["shrink", "no-case"], "no case"),
        (["shrink", "{file}", "--client", "true"], "smaller"),
        (["explain", "no-case"], "no case"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, arguments: list[str], words: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text("scenario: 1\n")
    filled = [each.replace("{file}", str(file)).replace("{folder}", str(tmp_path)) for each in arguments]
    wrong = fuzz(*filled)
    assert wrong.exit_code == 2, wrong.output
    assert words in wrong.output
    assert "Traceback" not in wrong.output


def test_a_client_that_does_not_end_its_turn_is_told_how(tmp_path: Path) -> None:
    client = tmp_path / "client.py"
    client.write_text(
        f"import json, sys\n"
        f"sys.path.insert(0, {str(CLIENT.parent)!r})\n"
        f"from small_client import read\n"
        f"for line in sys.stdin:\n"
        f"    read(json.loads(line)['url'])\n"
    )
    told = fuzz("client", "--client", f"{sys.executable} -S -E {client}", "--persistent", "--hang-time", "3s")
    assert told.exit_code == 2
    assert """it has to end its turn with the line {"done": true}""" in told.output


def processes_with(marker: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if marker in text and int(process.name) != os.getpid():
            found.append(text)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_all_that_was_found_and_no_process(tmp_path: Path, number: signal.Signals) -> None:
    marker, output = f"marker-{tmp_path.name}-{number}", tmp_path / "findings"
    command = [sys.executable, "-m", "emulator.cli", "fuzz", "client", "--client", f"{COMMAND} -- {marker}"]
    command += ["--only", "structure.*", "-o", str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CLIENT.parents[3]) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "UNHANDLED" in line:
                break
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(30) == 1
    assert "interrupted" in rest
    assert "tap-emulator fuzz replay" in rest
    assert (output / "index.md").is_file()
    assert (output / "progress.json").is_file()
    deadline = time.monotonic() + 5
    while (left := processes_with(marker)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def test_ctrl_c_before_anything_was_found(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "emulator.cli", "fuzz", "client", "--client", COMMAND]
    command += ["--only", "code.with-body", "-o", str(tmp_path / "findings")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CLIENT.parents[3]) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the clean runs are over
        process.send_signal(signal.SIGINT)
        assert "interrupted" in process.stdout.read()
        assert process.wait(30) == 130


@pytest.mark.parametrize("module", ["scenarios.model.common", "emulator.links", "emulator.commands.fuzz"])
def test_ctrl_c_while_it_loads(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    class Loading(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, module, Loading(module))
    told = fuzz("client", "--client", "true", "--time", "9s")
    assert told.exit_code == 130
    assert told.output == "interrupted\n"


def test_ctrl_c_while_a_tap_is_fuzzed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("scenarios.fuzz.device.running.make_case", interrupted)
    told = fuzz("device", "in-process")
    assert told.exit_code == 130
    assert "interrupted: 0 cases" in told.output


def test_serving_a_tap_loads_none_of_it() -> None:
    code = "import sys, emulator.cli, emulator.commands.serve; sys.exit('scenarios.fuzz' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=CLIENT.parents[3], check=False).returncode == 0

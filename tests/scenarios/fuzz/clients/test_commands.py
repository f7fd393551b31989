"""Commands that cannot run are refused, and where the others run."""

from pathlib import Path

import pytest

from protocol.errors import UsageError
from scenarios.fuzz.clients import make_client
from tests.scenarios.fuzz.clients.programs import Bench, play

pytestmark = pytest.mark.slow

USELESS: dict[str, tuple[str, str]] = {
    "empty": ("", "the command is empty"),
    "blank": ("  \n", "the command is empty"),
    "no program": ("'' a", "the command is empty"),
    "open quote": ("app 'a", "No closing quotation"),
    "not found": ("no-such-program-anywhere {url}", "not found in PATH"),
    "not there": ("./no-such-file", "no-such-file: not found"),
    "folder": ("./folder", "folder: is a folder"),
    "not executable": ("./plain", "plain: not executable"),
    "NUL": ("sh 'a\0b'", "NUL"),
}


@pytest.mark.parametrize(("command", "message"), USELESS.values(), ids=USELESS.keys())
def test_commands_that_cannot_run_are_refused_before_anything_runs(
    command: str, message: str, tmp_path: Path
) -> None:  # fmt: skip
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    with pytest.raises(UsageError, match=message):
        make_client(command, "spawn", cwd=tmp_path)


@pytest.mark.parametrize("cwd", ["missing", "file"])
def test_the_folder_has_to_be_there(cwd: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=f"not there: .*{cwd}"):
        make_client("sh", "spawn", cwd=tmp_path / cwd)


@pytest.mark.parametrize(
    ("text", "message"),
    [("no program\n", "no program of this machine"), ("#!/no/such/shell\n", "interpreter named in its first line")],
)
def test_what_only_the_system_can_tell(text: str, message: str, tmp_path: Path, bench: Bench) -> None:
    program = tmp_path / "app"
    program.write_text(text)
    program.chmod(0o755)
    with pytest.raises(UsageError, match=f"app: cannot be started: .*{message}"):
        play(make_client("./app {url}", "spawn", cwd=tmp_path))


def test_it_runs_in_its_folder_with_its_environment(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    client = make_client("sh -c 'pwd; echo $WORD-$HOME'", "spawn", cwd=tmp_path / "here", env={"WORD": "w"})
    (result,) = play(client)
    assert result.output == f"{tmp_path / 'here'}\nw-\n"

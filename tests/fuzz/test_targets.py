"""A short run of all targets: what is in their corpus, and what hypothesis makes of it."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given

from tests.fuzz import child, growing, running
from tests.fuzz.inputs import CORPUS, corpus, inputs
from tests.fuzz.targets import TARGETS, Check, Target
from tests.robustness.effort import effort

SLOW = {"iotz", "tapconfig", "device_yaml", "tap", "scenario", "stream"}
"""Which take milliseconds for an input."""


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_kept(name: str) -> None:
    files = corpus(name)
    assert files, "expected a corpus: python -m tests.fuzz --seed"
    child.replay(TARGETS[name].load(name), files)


@pytest.mark.parametrize("name", TARGETS)
def test_something_new(name: str) -> None:
    kept = [file.read_bytes() for file in corpus(name)]
    check = TARGETS[name].load(name)

    @effort(8 if name in SLOW else 50)
    @given(inputs(kept))
    def anything(data: bytes) -> None:
        check(data)

    anything()


def test_the_corpus_is_small_and_of_targets_only() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    assert sum(file.stat().st_size for name in TARGETS for file in corpus(name)) < 300_000


# --- the runner ---------------------------------------------------------------------------------------------------


def wrong(data: bytes) -> None:
    """A target that does not hold."""
    assert b"\xff" not in data, "as planned"


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "apdu", Planted("wire", "nothing"))


class Planted(Target):
    """The target `wrong`."""

    def load(self, name: str) -> Check:
        return wrong


@pytest.mark.usefixtures("planted")
def test_a_crash_is_kept_and_can_be_had_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert child.with_hypothesis("apdu", 5, tmp_path) == child.CRASHED
    shown = capsys.readouterr().err
    assert "AssertionError: as planned" in shown
    assert "stat::number_of_executed_units: " in shown
    (kept,) = tmp_path.glob("crash-*")
    with pytest.raises(AssertionError, match="as planned"):
        child.replay(wrong, [kept])


def test_a_run_that_fails_is_told_with_the_input_and_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "import pathlib, sys; folder = pathlib.Path(sys.argv[-1])\n"
        "(folder / 'crash-1').touch(); (folder / 'new' / 'more').touch()\n"
        "print('stat::number_of_executed_units: 12345', 'stat::average_exec_per_sec: 678', sep='\\n')\n"
        "print('Traceback:', 'ValueError: oh', sep='\\n'); sys.exit(77)"
    )
    run = running.Children.run

    def planted(self: running.Children, command: list[str], log: Path, seconds: float) -> int:
        return run(self, [sys.executable, "-c", code, *command[3:]], log, seconds)

    monkeypatch.setattr(running.Children, "run", planted)
    assert running.run_all(["apdu"], 1, tmp_path)
    shown = capsys.readouterr().out
    assert "apdu               12,345        678          1        1" in shown
    assert "  ValueError: oh" in shown
    assert f"again: {sys.executable} -m tests.fuzz apdu {tmp_path / 'apdu' / 'crash-1'}" in shown


def test_a_process_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with running.children() as started:
        assert started.run([sys.executable, "-c", "while True: pass"], tmp_path / "log", 0.2) < 0


def test_inputs_run_again_by_a_command(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"\0\xa2")
    command = [sys.executable, "-m", "tests.fuzz", "apdu", str(file)]
    done = subprocess.run(command, cwd=CORPUS.parents[2], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("1 inputs: all holds\n", 0)


def test_an_unknown_target_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "apdus"]
    done = subprocess.run(command, cwd=CORPUS.parents[2], capture_output=True, text=True, check=False)
    assert "no target 'apdus', expected one of apdu, " in done.stderr
    assert done.returncode == 2


def test_only_inputs_that_reach_something_new_are_kept() -> None:
    check = TARGETS["tlv"].load("tlv")
    seeds = TARGETS["tlv"].seeds("tlv")
    kept = growing.smallest(check, [*seeds, seeds[0] + b"\0", seeds[0] + b"\0\0", b""])
    assert kept[0] == b""
    assert seeds[0] + b"\0\0" not in kept  # as the one with a single byte too many
    assert seeds[1] in kept

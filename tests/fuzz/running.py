"""Runs the targets, two processes at a time, and tells what came of it."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import click

from tests.fuzz.child import has_atheris
from tests.fuzz.growing import seed
from tests.fuzz.inputs import corpus
from tests.fuzz.targets import TARGETS

AT_ONCE: Final = 2
_PATIENCE: Final = 60
"""Seconds after its time in which a target may come to its end."""
_STATISTIC: Final = re.compile(r"stat::(\w+):\s+(\d+)")


class Outcome(NamedTuple):
    """What came of one target."""

    name: str
    executions: int
    per_second: int
    new: int
    crashes: tuple[Path, ...]
    failed: bool
    log: Path


class Children:
    """Processes that have been started; all of them end when this one does."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._over = False
        self._busy = threading.Lock()

    def run(self, command: Sequence[str], log: Path, seconds: float) -> int:
        """The exit code; a process that does not end is killed."""
        with log.open("wb") as file, self._busy:
            if self._over:
                return 0
            child = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
            self._running.add(child)
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
        finally:
            self._kill(child)

    def _kill(self, child: subprocess.Popen[bytes]) -> None:
        with self._busy:
            self._running.discard(child)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def end(self) -> None:
        """Ends all of them, and starts no more."""
        with self._busy:
            self._over = True
            children = list(self._running)
        for child in children:
            self._kill(child)


@contextmanager
def children() -> Iterator[Children]:
    """Processes that end with this block, however it ends."""
    started = Children()
    try:
        yield started
    finally:
        started.end()


def run_all(names: Sequence[str], seconds: int, output: Path) -> bool:
    """Fuzzes the targets, prints a table, and says whether one has crashed.

    Args:
        seconds: in all; each target has an equal share of them.
        output: a folder with a folder for each target: its log, its new inputs, what it crashed with.
    """
    if not has_atheris():
        click.echo("atheris is not installed (it exists for Linux on x86-64 only): hypothesis makes the inputs")
    share = max(1, seconds * min(AT_ONCE, len(names)) // len(names))
    click.echo(f"{len(names)} targets, {share} s each, {AT_ONCE} at a time")
    click.echo(f"{'target':14} {'executions':>10} {'per second':>10} {'new inputs':>10} {'crashes':>8}")
    outcomes = []
    with children() as started, ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for outcome in pool.map(lambda name: _run(started, name, share, output / name), names):
                click.echo(_row(outcome))
                outcomes.append(outcome)
        except KeyboardInterrupt:
            started.end()
            pool.shutdown(cancel_futures=True)
            raise click.Abort from None
    for outcome in outcomes:
        _tell_crash(outcome)
    return any(outcome.failed for outcome in outcomes)


def _run(started: Children, name: str, seconds: int, folder: Path) -> Outcome:
    new = folder / "new"
    new.mkdir(parents=True, exist_ok=True)
    if name in TARGETS and not corpus(name):
        seed([name])
    before = set(folder.glob("*-*")), len(list(new.iterdir()))
    begun = time.monotonic()
    log = folder / "log"
    command = [sys.executable, "-m", "tests.fuzz.child", name, str(seconds), str(folder)]
    code = started.run(command, log, seconds + _PATIENCE)
    told = dict(_STATISTIC.findall(log.read_text(encoding="utf-8", errors="replace")))
    executions = int(told.get("number_of_executed_units", 0))
    return Outcome(
        name,
        executions,
        int(told.get("average_exec_per_sec", 0)) or round(executions / max(time.monotonic() - begun, 1)),
        len(list(new.iterdir())) - before[1],
        tuple(sorted(set(folder.glob("*-*")) - before[0])),
        code != 0,
        log,
    )


def _row(outcome: Outcome) -> str:
    crashes = str(len(outcome.crashes)) if outcome.crashes or not outcome.failed else "failed"
    return f"{outcome.name:14} {outcome.executions:10,} {outcome.per_second:10,} {outcome.new:10,} {crashes:>8}"


def _tell_crash(outcome: Outcome) -> None:
    if not outcome.failed:
        return
    lines = outcome.log.read_text(encoding="utf-8", errors="replace").splitlines()
    click.echo(f"\n{outcome.name} has crashed, see {outcome.log}:")
    for line in _last_error(lines):
        click.echo(f"  {line}")
    for file in outcome.crashes:
        click.echo(f"  again: {sys.executable} -m tests.fuzz {outcome.name} {file}")


def _last_error(lines: list[str]) -> list[str]:
    """From the last line of the trace on, as far as it is of interest."""
    found = [number for number, line in enumerate(lines) if re.match(r"\w+(\.\w+)*(Error|Exception)\b", line)]
    return [line for line in lines[found[0] : found[0] + 5] if not line.startswith("==")] if found else lines[-5:]

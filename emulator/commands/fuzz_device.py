"""What `tap-emulator fuzz device` does: a client that misbehaves, against a Tap."""

import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from emulator.commands.exits import FAILED, INTERRUPTED
from protocol.errors import UsageError
from protocol.firmware import Version

if TYPE_CHECKING:
    from scenarios.fuzz.device.outcome import Outcome
    from scenarios.fuzz.device.running import Tally, Tap

IN_PROCESS: Final = "in-process"
DEFAULT_CASES: Final = 10_000
_PERIOD: Final = 1.0
"""Seconds between two looks at the progress."""


def run(
    target: str,
    *,
    user: str | None,
    password: str | None,
    config: Path | None,
    firmwares: Sequence[Version],
    allow_writes: bool,
    seed: int,
    cases: int | None,
    seconds: float | None,
    timeout: float,
    output: Path | None,
    replay: str | None,
) -> int:
    """Plays cases and tells of them; the exit code is 1 if something speaks against the Tap, 130 if Ctrl-C came first.

    Raises:
        UsageError, ConfigError: an option cannot be used.
        LinkError, IntegrityError, RefusedError: nobody is there, the login is refused, or it is no Tap.
    """
    from scenarios.fuzz.device.cases import CaseId
    from scenarios.fuzz.device.running import Limits, Records
    from scenarios.fuzz.device.running import run as play

    known = None if replay is None else CaseId.parse(replay)
    records = None if output is None else Records(output)
    in_process = target == IN_PROCESS
    chosen = firmwares if known is None or not in_process else (known.firmware,)
    taps = _taps(target, user, password, config, chosen, seed if known is None else known.seed, timeout)
    again = _command(target, user, config, allow_writes)
    if known is not None:
        with closing(taps[0]):
            return _replay(taps[0], known, spare=not in_process, writes=allow_writes)

    def found(outcome: "Outcome") -> None:
        command = f"{again} --replay {outcome.case.id}"
        click.echo("\n".join(_told(outcome, command)))
        if records is not None:
            records.keep(outcome, command)

    limits = Limits(cases or (DEFAULT_CASES if seconds is None else None), seconds)
    bar = _Bar(limits.cases)
    with ExitStack() as stack:
        for tap in taps:
            stack.enter_context(closing(tap))
        tally = play(
            taps, seed=seed, limits=limits, found=found, spare=not in_process, writes=allow_writes, progress=bar.show
        )
    bar.end()
    click.echo("\n".join(tally.lines()))
    if tally.faults:
        return FAILED
    return INTERRUPTED if tally.interrupted else 0


def _taps(
    target: str,
    user: str | None,
    password: str | None,
    config: Path | None,
    firmwares: Sequence[Version],
    seed: int,
    timeout: float,
) -> "list[Tap]":
    if target != IN_PROCESS:
        from scenarios.fuzz.device.distant import Distant

        if config is not None or firmwares:
            raise UsageError(f"--config and --firmware say what a Tap {IN_PROCESS} is; the one at {target} is as it is")
        return [Distant(target, user=user, password=password or "", timeout=timeout, seed=seed)]
    from emulator.config import load
    from scenarios.fuzz.device.bench import Bench, rich

    blueprint = rich() if config is None else load(config).blueprint
    name = "admin" if user is None else user
    secret = ("admin" if user is None else "") if password is None else password
    return [
        Bench(blueprint, firmware=firmware, user=name, password=secret, seed=seed, patience=timeout)
        for firmware in firmwares or (None,)
    ]


def _replay(tap: "Tap", id: Any, *, spare: bool, writes: bool) -> int:
    from scenarios.fuzz.device.cases import make_case
    from scenarios.fuzz.device.permits import objection

    case = make_case(id)
    why = objection(case, writes=writes) if spare else ""
    if why:
        raise UsageError(f"case {id} is not played over a URL: {why}")
    outcome = tap.play(case)
    click.echo(f"case {case.id}: {case.who.value}, cut {case.cutting}")
    for sent, answer in zip(outcome.sent, [*outcome.answers, *[b""] * len(outcome.sent)], strict=False):
        click.echo(f"> {sent.hex()}\n< {answer.hex()}")
    click.echo("\n".join(outcome.told))
    for fault in outcome.faults:
        click.echo("\n".join(filter(None, (f"{fault.broken}: {fault.detail}", fault.trace))))
    return FAILED if outcome.faults else 0


def _told(outcome: "Outcome", command: str) -> list[str]:
    lines = [f"{fault.broken}: {fault.detail}" for fault in outcome.faults]
    return [*lines, f"    {command}"]


def _command(target: str, user: str | None, config: Path | None, allow_writes: bool) -> str:
    """How to do it again, but for the case; passwords are left out."""
    words = ["tap-emulator", "fuzz", "device", target]
    words += [] if user is None else ["--user", user]
    words += [] if config is None else ["--config", str(config)]
    words += ["--allow-writes"] if allow_writes else []
    return shlex.join(words)


class _Bar:
    """The progress on standard error, if that is a terminal."""

    def __init__(self, cases: int | None) -> None:
        self._cases = cases
        self._shown_at = time.monotonic()
        self._visible = sys.stderr.isatty()

    def show(self, tally: "Tally") -> None:
        """Tells how far it is, now and then."""
        if not self._visible or time.monotonic() - self._shown_at < _PERIOD:
            return
        self._shown_at = time.monotonic()
        of = "" if self._cases is None else f" of {self._cases}"
        rate = tally.requests / max(tally.seconds, 1e-9)
        click.echo(
            f"\r{tally.cases}{of} cases, {rate:.0f} requests a second, {len(tally.faults)} found ", nl=False, err=True
        )

    def end(self) -> None:
        """Leaves the line."""
        if self._visible:
            click.echo(err=True)

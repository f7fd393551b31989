"""Plays many cases against one Tap or several in turn, counts what comes of them, and keeps the findings."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from protocol.errors import UsageError
from protocol.firmware import Version
from scenarios.fuzz.device.cases import Case, CaseId, make_case
from scenarios.fuzz.device.outcome import Broken, Outcome
from scenarios.fuzz.device.permits import objection

FINDINGS: Final = "findings.jsonl"


class Tap(Protocol):
    """What cases are played against."""

    @property
    def firmware(self) -> Version:
        """Whose calls the cases make."""
        ...

    def play(self, case: Case) -> Outcome:
        """What comes of a case."""
        ...

    def close(self) -> None:
        """Ends what is open to it."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop; at whichever comes first.

    Args:
        cases: None for any number.
        seconds: None for as long as that takes.
    """

    cases: int | None = None
    seconds: float | None = None


@dataclass(slots=True)
class Tally:
    """What has come of the cases so far."""

    cases: int = 0
    spared: int = 0
    """Cases that were left out for the sake of the Tap."""
    requests: int = 0
    seconds: float = 0.0
    codes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Answers by call and code."""
    faults: Counter[tuple[Broken, str]] = field(default_factory=Counter)
    """By what is broken and signature."""
    interrupted: bool = False

    def lines(self) -> list[str]:
        """The summary, for people."""
        calls = {call for call, _ in self.codes}
        rate = self.requests / self.seconds if self.seconds else 0.0
        spared = f", {self.spared} spared" if self.spared else ""
        interrupted = "interrupted: " if self.interrupted else ""
        lines = [
            f"{interrupted}{self.cases} cases{spared}, "
            f"{self.requests} requests in {self.seconds:.1f} s, {rate:.0f} a second",
            f"{len(calls)} calls reached, {len(self.codes)} different answers of calls by code",
        ]
        found = [f"{broken}: {count} times ({signature})" for (broken, signature), count in self.faults.most_common()]
        return [*lines, *(found or ["nothing speaks against this Tap"])]


class Records:
    """Findings in a folder: one line of JSON each, and the bytes of their requests, one APDU in hex per line.

    Raises:
        UsageError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = folder / FINDINGS
            self._file.open("a", encoding="utf-8").close()

    def keep(self, outcome: Outcome, command: str) -> None:
        """Writes a finding at once."""
        line = json.dumps({**outcome.as_json(), "command": command}, ensure_ascii=False)
        with _writing(self._folder):
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
            bytes_file = self._folder / f"{outcome.case.id}.hex"
            bytes_file.write_text("".join(f"{data.hex()}\n" for data in outcome.sent), encoding="utf-8")


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{place}: cannot be written ({reason}), expected a folder for findings") from error


def run(
    taps: Sequence[Tap],
    *,
    seed: int,
    limits: Limits,
    found: Callable[[Outcome], None],
    spare: bool = False,
    writes: bool = False,
    progress: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Plays cases until a limit, or Ctrl-C.

    Args:
        taps: they take turns.
        found: gets the first outcome of each kind that speaks against a Tap.
        spare: leave out what is not allowed over a URL.
        writes: settings and values of the Tap may be written.
        progress: is called now and then.
    """
    tally = Tally()
    began = time.monotonic()
    with suppress(KeyboardInterrupt):
        tally.interrupted = True
        for number, tap in _turns(taps):
            tally.seconds = time.monotonic() - began
            if _over(tally, limits):
                break
            case = make_case(CaseId(tap.firmware, seed, number))
            if spare and objection(case, writes=writes):
                tally.spared += 1
                continue
            _count(tap.play(case), tally, found)
            progress(tally)
            if _gone(tally):
                break
        tally.interrupted = False
    return tally


def _turns(taps: Sequence[Tap]) -> Iterable[tuple[int, Tap]]:
    number = 0
    while True:
        for tap in taps:
            yield number, tap
        number += 1


def _over(tally: Tally, limits: Limits) -> bool:
    enough = limits.cases is not None and tally.cases >= limits.cases
    return enough or (limits.seconds is not None and tally.seconds >= limits.seconds)


def _count(outcome: Outcome, tally: Tally, found: Callable[[Outcome], None]) -> None:
    tally.cases += 1
    tally.requests += len(outcome.sent)
    tally.codes.update(outcome.codes)
    new = [fault for fault in outcome.faults if not tally.faults[fault.broken, fault.signature]]
    tally.faults.update((fault.broken, fault.signature) for fault in outcome.faults)
    if new:
        found(outcome)


def _gone(tally: Tally) -> bool:
    """The Tap does not answer any more, so nothing can be learned from it."""
    return tally.faults[Broken.GONE, "gone"] > 0

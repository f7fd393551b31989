"""What a person sees: a line for each scenario while they run, and what has failed with all that helps to find out why.

On a terminal, progress is shown while a scenario runs and the lines have colours; into a file go the plain lines.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from scenarios.run.outcome import Outcome

_EXCERPT = 12
"""Entries of the journal that are shown of a scenario that has failed."""


class Terminal:
    """Tells of scenarios while they run.

    Args:
        stream: where to.
        verbose: tell each step.
    """

    def __init__(self, stream: IO[str], *, verbose: bool = False) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._verbose = verbose
        self._runs = self._failed = self._skipped = 0

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Shows that a scenario runs, where somebody looks on."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(f"running {name}"):
            yield

    def done(self, outcome: Outcome) -> None:
        """Tells what came of a scenario."""
        self._runs += 1
        self._failed += not outcome.ok
        self._skipped += len(outcome.skipped)
        self._line("ok" if outcome.ok else "FAILED", f"{outcome.name}: {outcome.summary}")
        if outcome.error:
            self._tell(f"  {outcome.error}")
        if self._verbose:
            for result in outcome.steps:
                self._tell(f"  {result.time:10.3f} s  {result.client} {result.text}")
        for result in outcome.skipped:
            self._tell(f"  skipped {result.where}: {result.text}: {result.reason}")
        for result in outcome.failures:
            self._tell(_indented(result.message))
        if outcome.failures and outcome.journal:
            self._tell("  the Tap's journal, its last entries:")
            for line in outcome.journal[-_EXCERPT:]:
                self._tell(f"  {line}")

    def end(self) -> None:
        """Tells how many scenarios there were."""
        if self._runs != 1:
            skipped = f", {self._skipped} parts skipped" if self._skipped else ""
            verdict = "ok" if not self._failed else "FAILED"
            self._line(verdict, f"{self._runs} runs, {self._failed} failed{skipped}")

    def _tell(self, text: str) -> None:
        self._console.print("\n".join(map(printable, text.split("\n"))), markup=False)

    def _line(self, verdict: str, text: str) -> None:
        from rich.text import Text

        style = "bold green" if verdict == "ok" else "bold red"
        self._console.print(Text.assemble((f"{verdict:6}", style), f" {text}"))


def printable(line: str) -> str:
    """The line with escapes for what a terminal would obey, such as control sequences in a name or an answer."""
    return line if line.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in line)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())

"""What a person sees of a campaign: a line for each finding, and on a terminal how far it is."""

import time
from types import TracebackType
from typing import IO, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from protocol.words import counted
from scenarios.fuzz.campaign.counting import Counts
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.findings import Finding, visible

_PERIOD: Final = 0.2
"""Seconds between two looks at how far it is."""
_PLAIN_PERIOD: Final = 30.0
"""The same where lines stay."""


class Terminal:
    """Tells of a campaign while it runs.

    Args:
        stream: where to.
    """

    def __init__(self, stream: IO[str], settings: CampaignSettings) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._settings = settings
        self._began = time.monotonic()
        self._next = self._began if self._console.is_terminal else self._began + _PLAIN_PERIOD
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._counted = -1
        """Cases of the runs before this one; -1 before that is known."""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def note(self, text: str) -> None:
        """Tells something."""
        self._console.print(visible(text), markup=False)

    def progressed(self, counts: Counts, findings: int) -> None:
        """Shows how far it is, now and then."""
        if self._counted < 0:
            self._counted = counts.cases - 1
            self._began = time.monotonic()
        now = time.monotonic()
        if now < self._next:
            return
        cases, seconds = counts.cases - self._counted, max(now - self._began, 0.001)
        said = f"{counted(counts.cases, 'case')}, {counts.rate:.0f}/s, {counted(findings, 'finding')}"
        if not self._console.is_terminal:
            self._next = now + _PLAIN_PERIOD
            self.note(f"{seconds:6.0f} s: {said}")
            return
        self._next = now + _PERIOD
        if self._progress is None:
            columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
            self._progress = Progress(*columns, console=self._console, transient=True, refresh_per_second=1 / _PERIOD)
            self._task = self._progress.add_task(said, total=1.0)
            self._progress.start()
        self._progress.update(self._task, description=said, completed=self._part(cases, seconds))

    def _part(self, cases: int, seconds: float) -> float:
        """How much of it is done."""
        settings = self._settings
        by_cases = cases / settings.cases if settings.cases else 0.0
        by_time = seconds / settings.seconds if settings.seconds else 0.0
        return min(max(by_cases, by_time), 1.0)

    def found(self, finding: Finding) -> None:
        """Tells of something new."""
        once = "" if finding.reproduced is not False else " (not reproduced)"
        text = f" {finding.detail}{once}, case {finding.case}"
        self._console.print(Text.assemble((finding.verdict.upper(), "bold red"), visible(text)))

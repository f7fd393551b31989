"""Which of the planted defects are found, and after how many cases and seconds.

All of them at once would hide each other, so they are hunted one by one: each gets a slice of the budget, and those
that were not found get slices twice as long until it is spent. The campaign goes on where its last slice ended, with
a client that starts anew.
"""

import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from protocol.errors import UsageError
from scenarios.fuzz.campaign.campaign import Silence, run_campaign
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.clients import Limits
from scenarios.fuzz.findings import Finding
from tests.fuzz.planted import client
from tests.perf.figures import Figure

WANTED: Final = 20
_SLICE: Final = 10.0
_WORKERS: Final = 2
_COMMAND: Final = f"{sys.executable} {client.__file__} --persistent --reconnect --defects "
_LIMITS: Final = Limits(progress=1.0, requests=2_000)


@dataclass
class Hunt(Silence):
    """The campaign against one defect.

    Args:
        folder: for its findings.
        blind: mutates bytes without knowing what they are.
    """

    defect: str
    folder: Path
    blind: bool
    seconds: float = 0.0
    cases: int = 0
    finding: Finding | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def go_on(self, seconds: float) -> None:
        """Hunts until the defect is found or the time is over."""
        settings = CampaignSettings(
            client=_COMMAND + self.defect,
            output=self.folder / self.defect,
            mode="persistent",
            seconds=seconds,
            workers=_WORKERS,
            limits=_LIMITS,
            bytes_only=self.blind,
        )
        begin = time.monotonic()
        with suppress(UsageError):  # a clean run that failed: the machine is busy, the next slice may be better
            summary = await run_campaign(settings, self, self._over)
            self.cases += summary.cases
        self.seconds += time.monotonic() - begin

    def found(self, finding: Finding) -> None:
        """The first finding that shows again is it: without its defect the client gives none."""
        if finding.reproduced and self.finding is None:
            self.finding = finding
            self._over.set()

    @property
    def outcome(self) -> str:
        """Cases, and the verdict."""
        return f"{self.cases:,} cases, {'not found' if self.finding is None else self.finding.verdict}"


async def hunt(budget: float, folder: Path, *, blind: bool) -> list[Hunt]:
    """Hunts all defects one by one, in slices, until all are found or the budget is spent."""
    hunts = [Hunt(defect, folder / ("bytes" if blind else "grammar"), blind) for defect in client.DEFECTS]
    spent, slice_ = 0.0, min(_SLICE, budget / len(hunts))
    left = hunts
    while left and spent < budget:
        for each in left:
            if spent >= budget:
                break
            before = each.seconds
            await each.go_on(min(slice_, budget - spent))
            spent += each.seconds - before
        left = [each for each in left if each.finding is None]
        slice_ *= 2
    return hunts


def all_figures(budget: float) -> list[Figure]:
    """What the grammar finds, and what byte mutation finds with the same budget of seconds."""
    with tempfile.TemporaryDirectory() as folder:
        ours = asyncio.run(hunt(budget, Path(folder), blind=False))
        theirs = asyncio.run(hunt(budget, Path(folder), blind=True))
    return [
        Figure(f"planted defects found in {budget:.0f} s, of {len(ours)}", _found(ours), "", WANTED, "more"),
        Figure("  by mutating bytes, in the same time", _found(theirs), ""),
        *(
            Figure(
                f"  {mine.defect}", mine.seconds, f"s, {mine.outcome}; bytes: {other.seconds:.1f} s, {other.outcome}"
            )
            for mine, other in zip(ours, theirs, strict=True)
        ),
    ]


def _found(hunts: list[Hunt]) -> int:
    return sum(each.finding is not None for each in hunts)

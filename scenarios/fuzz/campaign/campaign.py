"""A campaign: one case after another against a client, until the time is over, and everything that it shows on disk.

For each case: the Tap is put back and armed, the client has its turn, what was seen is judged, what is new is kept and
played once more. Several workers do that side by side, each with a Tap and a client of its own; they share the plan,
the statistics and the folder. All of it runs in one event loop.
"""

import asyncio
import shlex
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from protocol.errors import UsageError
from scenarios.fuzz.campaign.clean import check_clean
from scenarios.fuzz.campaign.counting import Counts
from scenarios.fuzz.campaign.coverage import Coverage
from scenarios.fuzz.campaign.endurance import endure, tell
from scenarios.fuzz.campaign.planning import Planner
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.campaign.worker import TapFailureError, Worker
from scenarios.fuzz.case import ENDURANCE, ENDURANCE_REQUESTS, Case
from scenarios.fuzz.findings import Finding, Folder, Statistics
from scenarios.fuzz.handover.as_scenario import to_scenario
from scenarios.fuzz.judging.judge import Baseline, judge
from scenarios.fuzz.observation import Judgement, Observation
from scenarios.model import Scenario

T = TypeVar("T")

CLEAN_RUNS: Final = 2
"""Of each worker, before anything goes wrong."""
_SAVE_PERIOD: Final = 5.0
"""Seconds at least between two times that the progress is written."""
_SAVE_SHARE: Final = 50
"""And so many times as long as that takes: a plan grows."""
_ENDURING_AFTER: Final = 20.0
"""Seconds after which one worker sees how long a session can be; before that there is more to find elsewhere."""
_ENDURING_FOR: Final = 60.0
"""Seconds that have to be left for it: enough for most clients."""
_SHORTEST: Final = 0.001
"""Seconds of a clean run, where costs of cases are compared with it."""


class Audience(Protocol):
    """Who is told what happens."""

    def note(self, text: str) -> None:
        """Something that the user should know."""
        ...

    def progressed(self, counts: Counts, findings: int) -> None:
        """A case is over."""
        ...

    def found(self, finding: Finding) -> None:
        """Something new."""
        ...


class Silence:
    """Nobody listens."""

    def note(self, text: str) -> None:
        """Nothing."""

    def progressed(self, counts: Counts, findings: int) -> None:
        """Nothing."""

    def found(self, finding: Finding) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a campaign.

    Args:
        statistics: of all that was done in this folder.
        by_family: how many cases used mutators of each family.
        findings: all that the folder has, by the names of their folders.
        new: how many of them are of this run.
        cases: played in this run.
        seconds: that this run took.
        interrupted: it was ended before its time.
        exhausted: there are no more cases.
        mistakes: what our own Tap has failed with, in words.
    """

    statistics: Statistics
    by_family: Mapping[str, int] = field(default_factory=dict)
    findings: Mapping[str, Finding] = field(default_factory=dict)
    new: int = 0
    cases: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    exhausted: bool = False
    mistakes: tuple[str, ...] = ()


async def run_campaign(
    settings: CampaignSettings, audience: Audience | None = None, stop: asyncio.Event | None = None
) -> Summary:
    """Runs a campaign.

    Args:
        stop: ends it, as Ctrl-C does, once it is set.

    Raises:
        UsageError: the client, the scenario or the folder cannot be used, or the client fails where nothing goes wrong.
        LinkError: a link cannot be opened.
    """
    stop, audience = stop or asyncio.Event(), audience or Silence()
    scenario = settings.load_scenario()
    workers = [Worker(settings, scenario, links) for links in settings.links()]
    try:
        clean = await _unless(stop, _run_clean(workers))
        if clean is None:
            return Summary(Statistics(seed=settings.seed), interrupted=True)
        baseline = check_clean(clean, workers[0].url, settings)
        audience.note(_told(clean))
        for known in baseline.known:
            audience.note(f"already in clean runs, and not counted: {known.verdict}: {known.detail}")
        with Folder.open(settings.output, about=settings.about()) as folder:
            settings.check(folder.about)
            campaign = Campaign(settings, scenario, folder, audience, baseline)
            campaign.learn(clean)
            return await campaign.run(workers, stop)
    finally:
        await asyncio.gather(*(worker.stop() for worker in workers))


async def _run_clean(workers: Sequence[Worker]) -> list[Observation]:
    async def run(worker: Worker) -> list[Observation]:
        await worker.start()
        return [seen for _ in range(CLEAN_RUNS) for seen in await worker.play(Case())]

    return [observation for seen in await _all(map(run, workers)) for observation in seen]


class Campaign:
    """What the workers of one run share. See `run_campaign`."""

    def __init__(
        self,
        settings: CampaignSettings,
        scenario: Scenario | None,
        folder: Folder,
        audience: Audience,
        baseline: Baseline,
    ) -> None:
        self._settings = settings
        self._scenario = scenario
        self._folder = folder
        self._audience = audience
        self._baseline = baseline
        self._planner = Planner(settings.seed, settings.wanted)
        self._coverage = Coverage()
        self._counts = Counts(seed=settings.seed)
        self._mistakes: list[str] = []
        self._usual = _SHORTEST
        """Seconds of a clean run."""
        self._cases = 0
        self._new = 0
        self._exhausted = False
        self._began = time.monotonic()
        self._next_save = 0.0
        self._earlier = 0.0
        """Seconds of the runs before this one."""
        for warning in folder.warnings:
            audience.note(warning)
        if folder.progress and not settings.fresh:
            self._resume(folder.progress)
        self._endures = settings.endures and not self._counts.endurance
        """The long session is still to come."""

    # --- from beginning to end --------------------------------------------------------------------------------------

    def learn(self, clean: Sequence[Observation]) -> None:
        """Takes the clean runs."""
        self._usual = max(min(each.seconds for each in clean), _SHORTEST)
        for each in clean:
            self._planner.learn(each.answers)
            self._coverage.add(each)

    async def run(self, workers: Sequence[Worker], stop: asyncio.Event) -> Summary:
        """Plays cases until it is over; the workers are left as they are."""
        self._began = time.monotonic()
        self._next_save = self._began + _SAVE_PERIOD
        try:
            ended = await _unless(stop, _all(self._run_cases(worker) for worker in workers))
        finally:  # whatever has ended it: what was found is on the disk, and so is where it goes on
            self._save()
            self._folder.write_reports(self._statistics())
        return Summary(
            self._statistics(),
            self._counts.by_family,
            dict(self._folder.findings),
            self._new,
            self._cases,
            self._elapsed,
            ended is None,
            self._exhausted,
            tuple(self._mistakes),
        )

    async def _run_cases(self, worker: Worker) -> None:
        while not self._over():
            case = self._next()
            if case is None:
                self._exhausted = True
                return
            self._cases += 1
            await self._run_case(worker, case)
            self._counts.seconds = self._earlier + self._elapsed
            self._audience.progressed(self._counts, len(self._folder.findings))
            if time.monotonic() >= self._next_save:
                self._save()

    def _next(self) -> Case | None:
        """The next case of the plan; once, in its time, that of endurance, which is in no plan."""
        seconds, is_time = self._settings.seconds, self._earlier + self._elapsed >= _ENDURING_AFTER
        enough = seconds is None or seconds - self._elapsed >= _ENDURING_FOR
        case = None if self._endures and is_time and enough else self._planner.next()
        if case is None and self._endures:
            self._endures = False
            return Case(endurance=ENDURANCE_REQUESTS)
        return case

    def _over(self) -> bool:
        return self._out_of_time() or (self._settings.cases is not None and self._cases >= self._settings.cases)

    def _out_of_time(self) -> bool:
        return self._settings.seconds is not None and self._elapsed >= self._settings.seconds

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    # --- one case ---------------------------------------------------------------------------------------------------

    async def _run_case(self, worker: Worker, case: Case) -> None:
        try:
            seen = await self._play(worker, case)
        except TapFailureError as failure:
            self._mistakes.append(str(failure))
            self._planner.told(case)
            return
        for observation in seen:
            await self._take(worker, observation, of_turn=observation.case == case)

    async def _play(self, worker: Worker, case: Case) -> list[Observation]:
        if not case.endurance:
            return await worker.play(case)
        endured = await endure(worker, case, self._baseline, self._out_of_time)
        if endured.observation.case == case and not self._counts.endurance:
            self._counts.endurance = endured.end
            self._audience.note(f"{case}: {endured.end}")
        return [endured.observation]

    async def _take(self, worker: Worker, observation: Observation, *, of_turn: bool) -> None:
        """Judges what was seen, and keeps what is new."""
        judgements = judge(observation, self._baseline)
        new = self._coverage.add(observation)
        new += self._planner.learn(observation.answers)
        fresh = [self._finding(observation, each) for each in judgements]
        fresh = [finding for finding in fresh if self._folder.add(finding)]
        self._counts.add(observation, judgements, counted=of_turn)
        cost = observation.seconds / self._usual
        came_true = bool(observation.applied)
        self._planner.told(observation.case, cost=cost, came_true=came_true, new=new > 0, found=bool(fresh))
        if fresh:
            self._new += len(fresh)
            await self._confirm(worker, observation.case, fresh)
            for finding in fresh:
                self._audience.found(finding)

    def _finding(self, observation: Observation, judgement: Judgement) -> Finding:
        known = self._folder.known(Finding(judgement.verdict, observation.case.id, "", judgement.signature))
        if known is not None:  # it is only counted
            return Finding(judgement.verdict, observation.case.id, judgement.detail, judgement.signature)
        if observation.case.endurance:
            judgement = judgement._replace(detail=f"{judgement.detail}; {self._counts.endurance}")
        scenario = to_scenario(
            observation.applied,
            base=self._scenario,
            seed=self._settings.seed,
            name=f"fuzz case {observation.case.id}",
            purpose=f"{judgement.verdict}: {judgement.detail}",
        )
        finding = Finding.of(
            observation,
            judgement,
            scenario=scenario,
            command=f"tap-emulator fuzz replay {observation.case.id} -o {shlex.quote(str(self._settings.output))}",
            first_seen=self._earlier + self._elapsed,
        )
        if observation.case.endurance:
            finding.faults, finding.mutators = [tell(observation.case)], [ENDURANCE]
        return finding

    async def _confirm(self, worker: Worker, case: Case, fresh: Sequence[Finding]) -> None:
        """Plays the case once more; what does not show again is marked so."""
        try:
            again = await self._play(worker, case)
        except TapFailureError as failure:
            self._mistakes.append(str(failure))
            return
        tried = not (case.endurance and self._out_of_time())
        verdicts = {each.verdict for seen in again if seen.case == case for each in judge(seen, self._baseline)}
        for finding in fresh:
            finding.reproduced = finding.verdict in verdicts or (False if tried else None)
            self._folder.update(finding)

    # --- kept -------------------------------------------------------------------------------------------------------

    def _resume(self, progress: dict[str, Any]) -> None:
        try:
            planner = Planner.resume(progress["planner"], self._settings.wanted)
            coverage = Coverage.resume(progress["coverage"])
            counts = Counts.resume(progress["counts"])
        except (KeyError, TypeError, UsageError) as error:
            self._audience.note(f"{self._folder.path}: the last run cannot be continued ({error}); a new one begins")
            return
        self._planner, self._coverage, self._counts = planner, coverage, counts
        self._earlier = counts.seconds
        found = len(self._folder.findings)
        self._audience.note(f"{self._folder.path}: goes on after {counts.cases} cases and {found} findings")

    def _save(self) -> None:
        before = time.monotonic()
        self._counts.seconds = self._earlier + self._elapsed
        self._folder.save_progress(
            {"planner": self._planner.state(), "coverage": self._coverage.state(), "counts": self._counts.state()}
        )
        now = time.monotonic()
        self._next_save = now + max(_SAVE_PERIOD, _SAVE_SHARE * (now - before))

    def _statistics(self) -> Statistics:
        self._counts.seconds = self._earlier + self._elapsed
        return self._counts.statistics(self._coverage.table())


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of it; None if it was stopped before."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for each in (task, stopped):
            each.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)


async def _all(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Runs them side by side; where one fails, the others are ended before that goes on."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _told(clean: Sequence[Observation]) -> str:
    usual = min(each.seconds for each in clean)
    calls = {answer.call for each in clean for answer in each.answers}
    requests = max(len(each.answers) for each in clean)
    return f"{len(clean)} clean runs, {usual:.3f} s each: {requests} requests, {len(calls)} different calls"

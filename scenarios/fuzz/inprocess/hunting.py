"""Looks for what is wrong with a client in this process, case after case, planned in one place and played by a crew."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from scenarios.fuzz.campaign.lanes import Site
from scenarios.fuzz.campaign.planning import Planner
from scenarios.fuzz.case import Case
from scenarios.fuzz.findings import Finding
from scenarios.fuzz.inprocess.crew import AHEAD, Outcome, make_crew
from scenarios.fuzz.judging.judge import Baseline, judge
from scenarios.fuzz.observation import Ending, Judgement, Observation, Verdict
from scenarios.fuzz.saboteur import Applied

Observe = Callable[[Case], Observation]
Key = tuple[Verdict, str]
_OURS: Final = f'  File "{Path(__file__).parent}'
"""How a line of a stack begins that is not the client's any more."""


def hunt(
    observe: Observe, baseline: Baseline, planner: Planner, *, cases: int | None, seconds: float | None, workers: int
) -> list[Finding]:
    """Runs cases, and returns the first finding of each kind; see `Target.fuzz`."""
    left = sys.maxsize if cases is None else cases
    given: deque[Case] = deque()
    found: dict[Key, Finding] = {}
    begun = time.monotonic()
    with make_crew(_Player(observe, baseline), partial(_died, planner), workers) as crew:
        while seconds is None or time.monotonic() - begun < seconds:
            while left and len(given) < AHEAD and (case := planner.next()) is not None:
                crew.give(case)
                given.append(case)
                left -= 1
            if not given:
                break
            outcome = crew.outcome()
            new = [finding for finding in outcome.findings if finding.key not in found]
            for finding in new:
                finding.first_seen = time.monotonic() - begun
                found[finding.key] = finding
            planner.learn(outcome.answers)
            planner.told(given.popleft(), came_true=outcome.came_true, found=bool(new))
    return list(found.values())


def findings_of(observation: Observation, judgements: Iterable[Judgement]) -> list[Finding]:
    """What speaks against a client in this process, with how to see it again."""
    command = f"target.check({observation.case.id!r})"
    return [Finding.of(observation, each, command=command) for each in judgements]


class _Player:
    """Runs cases, and says what it has not said before."""

    def __init__(self, observe: Observe, baseline: Baseline) -> None:
        self._observe = observe
        self._baseline = baseline
        self._asked: set[int] = set()
        """Hashes of all requests of a case."""
        self._found: set[Key] = set()

    def __call__(self, case: Case) -> Outcome:
        observation = self._observe(case)
        judgements = judge(observation, self._baseline)
        new = [each for each in judgements if (each.verdict, each.signature) not in self._found]
        self._found.update((each.verdict, each.signature) for each in new)
        asked = hash(tuple((answer.call, answer.request) for answer in observation.answers))
        answers = () if asked in self._asked else observation.answers
        self._asked.add(asked)
        return Outcome(answers, bool(observation.applied), findings_of(observation, new))


def _died(planner: Planner, case: Case, code: int, words: str) -> Outcome:
    """What came of a case in which the client has taken its process down with it."""
    if code < 0:
        ending = Ending("exited", code)
    else:
        ending = Ending("done", error=f"it ended the process, exit code {code}", unhandled=True)
    applied = list(_planned(case, planner.sites))
    output = words.partition(_OURS)[0]
    observation = Observation(case, [each.answer for each in applied], applied, [], ending, output=output)
    return Outcome((), came_true=True, findings=findings_of(observation, judge(observation, Baseline())))


def _planned(case: Case, sites: Iterable[Site]) -> Iterator[Applied]:
    """Faults of a case, as they come true where the client gets the answers that it got before."""
    known = {(site.call, site.nth): site for site in sites}
    for fault in case.faults:
        site = known.get((fault.call, fault.nth or 1))
        mutations = () if site is None else fault.mutator.mutations(site.seen_by(fault.mutator))
        if site is not None and fault.variant < len(mutations):
            yield Applied(fault, site.nth, site.answer, mutations[fault.variant])

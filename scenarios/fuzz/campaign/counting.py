"""Numbers of a campaign, as they grow."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocol.errors import UsageError
from scenarios.fuzz.findings import CoverageRow, Statistics
from scenarios.fuzz.observation import Judgement, Observation

_TABLES = ("by_call", "by_family", "by_mutator", "by_verdict")


@dataclass(slots=True)
class Counts:
    """What was done so far.

    Args:
        seconds: that it took, in all runs.
        by_call, by_family, by_mutator: how many cases hit the call, used the mutator.
        by_verdict: how many cases ended with the verdict.
        endurance: what came of the one long session; empty before.
    """

    seed: int = 0
    cases: int = 0
    seconds: float = 0.0
    by_call: Counter[str] = field(default_factory=Counter)
    by_family: Counter[str] = field(default_factory=Counter)
    by_mutator: Counter[str] = field(default_factory=Counter)
    by_verdict: Counter[str] = field(default_factory=Counter)
    endurance: str = ""

    @property
    def rate(self) -> float:
        """Cases a second."""
        return self.cases / self.seconds if self.seconds else 0.0

    def add(self, observation: Observation, judgements: Sequence[Judgement], *, counted: bool = True) -> None:
        """Takes one run.

        Args:
            counted: the case was not counted before.
        """
        if counted:
            self.cases += 1
            for applied in observation.applied:
                mutator = applied.fault.mutator
                self.by_call[applied.answer.call or "unknown"] += 1
                self.by_family[mutator.family] += 1
                self.by_mutator[mutator.name] += 1
        for verdict in {str(each.verdict) for each in judgements}:
            self.by_verdict[verdict] += 1

    def statistics(self, coverage: Sequence[CoverageRow]) -> Statistics:
        """The same for reports."""
        return Statistics(self.cases, self.seconds, self.seed, self.by_call, self.by_mutator, self.by_verdict, coverage)

    def state(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        tables = {name: dict(getattr(self, name)) for name in _TABLES}
        numbers = {"seed": self.seed, "cases": self.cases, "seconds": self.seconds}
        return {**numbers, "endurance": self.endurance, **tables}

    @classmethod
    def resume(cls, state: Mapping[str, Any]) -> "Counts":
        """What `state` has made this of.

        Raises:
            UsageError: it has not.
        """
        try:
            counts = cls(int(state["seed"]), int(state["cases"]), float(state["seconds"]))
            counts.endurance = str(state.get("endurance", ""))
            for name in _TABLES:
                getattr(counts, name).update({str(key): int(count) for key, count in state[name].items()})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"the counts that were kept cannot be read ({error!r})") from error
        return counts

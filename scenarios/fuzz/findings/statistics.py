"""What a campaign has done, in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class CoverageRow(NamedTuple):
    """A triple that was seen, and in how many cases."""

    state: str
    """Of the client's session: ``clear``, ``encrypted``, ``logged in``."""
    request: str
    """Id of a call."""
    answer: str
    """Kind of the answer: ``right``, a result code, or the family of a mutator."""
    cases: int


@dataclass(slots=True)
class Statistics:
    """What a campaign has done.

    Args:
        cases: how many were played.
        seconds: how long it took.
        by_call, by_mutator: how many cases hit the call, used the mutator.
        by_verdict: how many cases ended with the verdict.
        coverage: which (state, request, answer) were seen.
    """

    cases: int = 0
    seconds: float = 0.0
    seed: int = 0
    by_call: Mapping[str, int] = field(default_factory=dict)
    by_mutator: Mapping[str, int] = field(default_factory=dict)
    by_verdict: Mapping[str, int] = field(default_factory=dict)
    coverage: Sequence[CoverageRow] = ()

    @property
    def rate(self) -> float:
        """Cases a second."""
        return self.cases / self.seconds if self.seconds else 0.0

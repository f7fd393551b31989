"""What a campaign has led a client to: which kind of answer, to which request, in which state of its session."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from emulator.blueprint import ANONYMOUS
from emulator.exchange import Carrier
from emulator.journal import Record
from protocol.codes import describe_code
from protocol.errors import UsageError
from scenarios.fuzz.case import ANY_CALL
from scenarios.fuzz.findings import CoverageRow
from scenarios.fuzz.mutation import Mutator
from scenarios.fuzz.observation import Observation

RIGHT: Final = "right"
_UNKNOWN: Final = "unknown request"


class Point(NamedTuple):
    """A kind of answer, to a request, in a state."""

    encrypted: bool
    logged_in: bool
    """After the answer."""
    before: str
    """Family of the mutator of what went wrong last before; empty if nothing did."""
    request: str
    answer: str
    """``right``, a result code, or the name of a mutator."""

    @property
    def state(self) -> str:
        """The state in words: ``encrypted, logged in, after delivery``."""
        words = ["encrypted" if self.encrypted else "clear"]
        if self.logged_in:
            words.append("logged in")
        if self.before:
            words.append(f"after {self.before}")
        return ", ".join(words)


class Coverage:
    """Counts in how many cases each point was seen."""

    def __init__(self) -> None:
        self._counts: Counter[Point] = Counter()

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, observation: Observation) -> int:
        """Takes one run, and says how many points are new."""
        points = points_of(observation)
        before = len(self._counts)
        self._counts.update(points)
        return len(self._counts) - before

    def table(self) -> list[CoverageRow]:
        """A row for each point, by state and request."""
        return [
            CoverageRow(point.state, point.request, point.answer, count)
            for point, count in sorted(self._counts.items())
        ]

    def state(self) -> list[list[Any]]:
        """All of it as JSON has it."""
        return [[*point, count] for point, count in self._counts.items()]

    @classmethod
    def resume(cls, state: Iterable[list[Any]]) -> "Coverage":
        """What `state` has made this of.

        Raises:
            UsageError: it has not.
        """
        coverage = cls()
        try:
            for encrypted, logged_in, before, request, answer, count in state:
                point = Point(bool(encrypted), bool(logged_in), str(before), str(request), str(answer))
                coverage._counts[point] = int(count)
        except (TypeError, ValueError) as error:
            raise UsageError(f"the coverage that was kept cannot be read ({error}); begin afresh") from error
        return coverage


def points_of(observation: Observation) -> set[Point]:
    """The points that one run has come to.

    An answer is found in the journal by its request: both are the same object.
    """
    mutated = _mutators(observation)
    before, position = "", 0
    points = set()
    answers = observation.answers
    for entry in observation.entries:
        if not isinstance(entry, Record) or entry.request is None or position >= len(answers):
            continue
        answer = answers[position]
        if entry.request is not answer.request:
            continue
        mutator = mutated.get(position)
        if mutator is not None:
            kind = mutator.name
        else:
            kind = RIGHT if answer.response.success else _code(answer.response.code)
        encrypted = entry.carrier is not Carrier.CLEAR
        points.add(Point(encrypted, entry.group_id != ANONYMOUS, before, answer.call or _UNKNOWN, kind))
        before = before if mutator is None else mutator.family
        position += 1
    return points


def _mutators(observation: Observation) -> Mapping[int, Mutator]:
    """Which answers were mutated, by position, and by what."""
    if not observation.applied:
        return {}
    wanted = {(applied.fault.call, applied.nth): applied.fault.mutator for applied in observation.applied}
    counts: Counter[str] = Counter()
    found = {}
    for position, answer in enumerate(observation.answers):
        for call in (ANY_CALL, answer.call):
            if call is None:
                continue
            counts[call] += 1
            if (call, counts[call]) in wanted:
                found[position] = wanted[call, counts[call]]
    return found


_code = lru_cache(maxsize=256)(describe_code)

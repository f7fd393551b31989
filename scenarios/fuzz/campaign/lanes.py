"""Lanes: all cases of one kind at one place, in an order that looks at all of the range early.

A lane has so many cases and gives each of them once. Which is next follows from how many it has given, so a lane is
remembered by a number.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import gcd, prod
from typing import Final, NamedTuple

from protocol.codes import ResultCode
from protocol.frames import Response
from scenarios.fuzz.case import MOST_VARIANTS, Case, Fault
from scenarios.fuzz.mutation import Answer, Mutator

_GOLDEN: Final = 0.6180339887498949
"""Steps of this part of a range leave no gap that is much larger than the others, however far one goes."""
_EMPTY_SUCCESS: Final = Response(ResultCode.OK)


Place = tuple[str, int]
"""A call, and which answer to it."""


class Site(NamedTuple):
    """An answer that a client gets."""

    call: str
    nth: int
    answer: Answer
    """What it was when it was met first."""

    def seen_by(self, mutator: Mutator) -> Answer:
        """The answer as it is shown to a mutator."""
        return self.answer._replace(response=_EMPTY_SUCCESS) if mutator.early else self.answer


class Pool:
    """Single faults at one site.

    Args:
        site: whose answer says how many mutations there are; where `Fault.nth` is `EVERY`, that of the first.
        mutators: which are wanted.
        most: mutations of each mutator, from all over their range.
    """

    def __init__(self, site: Site, mutators: Iterable[Mutator], most: int = MOST_VARIANTS) -> None:
        self._site = site
        self._mutators = tuple(mutators)
        self._most = most
        self._counts: list[int] = []
        self._ends: list[int] | None = None

    def __len__(self) -> int:
        ends = self._counted()
        return ends[-1] if ends else 0

    def _counted(self) -> list[int]:
        if self._ends is None:
            self._counts = [len(mutator.mutations(self._site.seen_by(mutator))) for mutator in self._mutators]
            self._ends = list(accumulate(min(count, self._most) for count in self._counts))
        return self._ends

    def __getitem__(self, index: int) -> Fault:
        before, ends = 0, self._counted()
        for mutator, count, end in zip(self._mutators, self._counts, ends, strict=True):
            if index < end:
                return Fault(self._site.call, self._site.nth, mutator, (index - before) * count // (end - before))
            before = end
        raise IndexError(index)


class Lane:
    """Cases with one fault out of each of some pools.

    Args:
        key: stands for it where it is saved; says what it is.
        places, mutator: what its faults have in common; None for faults of many mutators.
        weight: how often its turn comes, beside others.
        offset: where in the range it begins, 0..1.
        turn: its first one.
    """

    __slots__ = (
        "_offset",
        "_pools",
        "_size",
        "_step",
        "first_turn",
        "given",
        "heat",
        "key",
        "mutator",
        "places",
        "turn",
        "weight",
    )

    def __init__(
        self,
        key: str,
        pools: Sequence[Pool],
        *,
        places: tuple[Place, ...],
        mutator: Mutator | None,
        weight: float,
        offset: float,
        turn: float,
    ) -> None:
        self.key = key
        self.places = places
        self.mutator = mutator
        self.weight = weight
        self.first_turn = self.turn = turn
        self.heat = 1.0
        """Grows with what its cases find, and cools down."""
        self.given = 0
        """How many cases it has given."""
        self._pools = pools
        self._offset = offset
        self._size: int | None = None
        self._step = 0

    @property
    def size(self) -> int:
        """How many cases there are. Counting them lists all mutations, so it is done when they are wanted."""
        if self._size is None:
            self._size = size = prod(len(pool) for pool in self._pools)
            self._step = max(round(size * _GOLDEN), 1)
            while size and gcd(self._step, size) > 1:
                self._step += 1
        return self._size

    @property
    def stride(self) -> float:
        """How much later its next turn is."""
        return 1 / (self.weight * self.heat)

    def next(self) -> Case | None:
        """The next case; None if there is none any more."""
        size = self.size
        if self.given >= size:
            return None
        index = (int(self._offset * size) + self.given * self._step) % size
        self.given += 1
        faults = []
        for pool in self._pools:
            index, place = divmod(index, len(pool))
            faults.append(pool[place])
        return Case(tuple(faults))

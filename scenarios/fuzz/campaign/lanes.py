"""Lanes: all cases of one kind at one place, in an order that looks at all of the range early; and queues of lanes.

A lane has so many cases and gives each of them once. Which is next follows from how many it has given, so a lane is
remembered by a number.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import gcd, prod
from typing import Final, NamedTuple, Protocol

from protocol.codes import ResultCode
from protocol.frames import Response
from scenarios.fuzz.case import MOST_VARIANTS, Case, Fault
from scenarios.fuzz.mutation import Answer, Mutator

GOLDEN: Final = 0.6180339887498949
"""Steps of this part of a range leave no gap that is much larger than the others, however far one goes."""
SWEPT: Final = 1.0
"""A lane whose turn is before this has not been in the sweep yet."""
HOTTEST: Final = 8.0
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


class Faults(Protocol):
    """Some of which a case takes one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Fault: ...


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
        pools: Sequence[Faults],
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
            self._step = max(round(size * GOLDEN), 1)
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


class Queue:
    """The lanes of one tier, in the order of their turns.

    Args:
        share: of all cases, in the end.
        sweeps: the first turns of its lanes do not count for its share.
    """

    def __init__(self, share: float, *, sweeps: bool) -> None:
        self.share = share
        self.sweeps = sweeps
        self.given = 0
        """Cases, beside those of the sweep."""
        self.now = 0.0
        """Turn of the lane that came last."""
        self.lanes: list[Lane] = []
        self.by_mutator: dict[int, list[int]] = {}
        self.by_place: dict[Place, list[int]] = {}
        self._by_call: dict[str, list[int]] = {}
        self._heap: list[tuple[float, int]] = []
        """Turns and numbers of lanes; where the turn is not that of the lane, it has got another one since."""

    def add(self, lane: Lane) -> None:
        """One more lane."""
        number = len(self.lanes)
        self.lanes.append(lane)
        if lane.mutator is not None:
            self.by_mutator.setdefault(lane.mutator.number, []).append(number)
            self.by_place.setdefault(lane.places[0], []).append(number)
        for call, _ in lane.places:
            self._by_call.setdefault(call, []).append(number)
        heapq.heappush(self._heap, (lane.turn, number))

    def alike(self, mutator: Mutator | None) -> Sequence[int]:
        """The lanes of a mutator."""
        return () if mutator is None else self.by_mutator.get(mutator.number, ())

    @property
    def top(self) -> float | None:
        """The next turn; None if there are no lanes any more."""
        while self._heap and self.lanes[self._heap[0][1]].turn != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self) -> tuple[int, Lane]:
        """Takes the next lane out; `serve` puts it back."""
        turn, number = heapq.heappop(self._heap)
        self.now = max(self.now, turn)
        return number, self.lanes[number]

    def serve(self, number: int, lane: Lane) -> None:
        """The lane has given a case, and waits for its next turn."""
        self.given += not self.sweeps or lane.turn >= SWEPT
        self.move(number, max(lane.turn, SWEPT) + lane.stride)

    def move(self, number: int, turn: float) -> None:
        """The lane has another turn."""
        self.lanes[number].turn = turn
        heapq.heappush(self._heap, (turn, number))

    def neighbours(self, lane: Lane) -> Iterator[int]:
        """Lanes whose cases are like those of a lane, and itself."""
        if lane.mutator is None:
            yield from (number for number, each in enumerate(self.lanes) if each is lane)
            return
        yield from self.alike(lane.mutator)
        for call, _ in lane.places:
            for number in self._by_call.get(call, ()):
                near = self.lanes[number].mutator
                if near is not None and near is not lane.mutator and near.family == lane.mutator.family:
                    yield number

    def recall(self, kept: Mapping[str, tuple[int, float, float]]) -> None:
        """Makes the lanes what they were."""
        for number, lane in enumerate(self.lanes):
            given, turn, heat = kept.get(lane.key, (0, lane.first_turn, 1.0))
            lane.given, lane.heat = int(given), float(heat)
            if lane.given < 0 or not 0 < lane.heat <= HOTTEST:
                raise ValueError(f"{lane.key}: {given} {turn} {heat}")
            self.move(number, float(turn))

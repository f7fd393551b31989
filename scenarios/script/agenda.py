"""What a script does at certain times of the device's clock."""

import heapq
import itertools
from collections.abc import Callable

from emulator.remembered import Remembered, kept

Action = Callable[[float], None]
"""Does what is due; gets the time for which it was due."""

_Heap = list[tuple[float, int, Action]]


def _copy_heap(heap: _Heap, shift: float) -> _Heap:
    return [(time + shift, number, action) for time, number, action in heap]


class Agenda(Remembered):
    """Actions in the order of their times; those of one time in the order in which they were added."""

    KEPT = kept(_heap=_copy_heap)
    FIXED = ("_numbers",)

    def __init__(self) -> None:
        self._heap: _Heap = []
        self._numbers = itertools.count()

    def add(self, time: float, action: Action) -> None:
        """Has something done at a time in seconds, or as soon as `run` is called if that is over."""
        heapq.heappush(self._heap, (time, next(self._numbers), action))

    def next_time(self) -> float | None:
        """When the next one is due; None if there is none."""
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Does all that is due, also what becomes so meanwhile."""
        while self._heap and self._heap[0][0] <= now:
            time, _, action = heapq.heappop(self._heap)
            action(time)

    def clear(self) -> None:
        """Forgets everything."""
        self._heap = []

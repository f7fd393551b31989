"""How often a rule has matched and acted, for the Tap or for one session, and the dice that go with it."""

import random
from collections.abc import Callable
from typing import Final


class Tally:
    """Counts of one rule.

    Args:
        seed: the same text draws the same numbers in every run.
    """

    __slots__ = ("_random", "_seed", "acted", "matched")

    def __init__(self, seed: str) -> None:
        self.matched = 0
        self.acted = 0
        self._seed = seed
        self._random: random.Random | None = None

    @property
    def random(self) -> random.Random:
        """The dice."""
        if self._random is None:
            self._random = random.Random(self._seed)  # noqa: S311 - reproducible on purpose
        return self._random

    def copy(self) -> "Tally":
        """Another one that counts and draws on from here."""
        other = Tally(self._seed)
        other.matched, other.acted = self.matched, self.acted
        if self._random is not None:
            other.random.setstate(self._random.getstate())
        return other


Count = Callable[[int], bool]
"""Whether a rule acts on its n-th match."""

COUNTS: Final[dict[str, Callable[..., Count]]] = {
    "nth": lambda given: lambda n: n == given,
    "every": lambda given: lambda n: n % given == 0,
    "first": lambda given: lambda n: n <= given,
    "after": lambda given: lambda n: n > given,
    "between": lambda given: lambda n: given[0] <= n <= given[1],
}
"""Counts of a rule by name."""

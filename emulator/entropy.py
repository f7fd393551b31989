"""Randomness, handed to the device: of the operating system, or from a seed."""

import os
import random
from typing import Any, Protocol

from emulator.remembered import Memory, Remembered


class Entropy(Protocol):
    """Where keys, nonces and initialization vectors come from."""

    def token(self, size: int) -> bytes:
        """`size` random bytes."""
        ...


class SystemEntropy:
    """Randomness of the operating system."""

    def token(self, size: int) -> bytes:
        """`size` random bytes."""
        return os.urandom(size)


class SeededEntropy(Remembered):
    """The same numbers in every run; for tests, never for secrets."""

    FIXED = ("_random", "_state", "seed")

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 - reproducible on purpose
        self._state: tuple[Any, ...] | None = None
        """Where the series is, once that was asked for and until a number is drawn."""

    def token(self, size: int) -> bytes:
        """`size` bytes that follow from the seed and from what was drawn before."""
        self._state = None
        return self._random.randbytes(size)

    def remember(self) -> Memory:
        """Where the series of numbers is."""
        if self._state is None:
            self._state = self._random.getstate()
        return {"state": self._state}

    def recall(self, memory: Memory, shift: float) -> None:
        """The same numbers follow again."""
        if self._state is not memory["state"]:  # setting it takes as long as all the rest of a Tap
            self._random.setstate(memory["state"])
            self._state = memory["state"]

"""Time, handed to the device: real, or moved by hand."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the device reads the time; it never waits."""

    def now(self) -> float:
        """Seconds that only go forward, from an arbitrary origin."""
        ...

    def wall(self) -> float:
        """Seconds since 1970."""
        ...


class RealClock:
    """The clocks of the machine."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Unix time."""
        return time.time()


class VirtualClock:
    """Stands still until it is moved.

    Args:
        wall: Unix time at the start.
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._elapsed = 0.0
        self._start = wall

    def advance(self, seconds: float) -> None:
        """Moves time forward."""
        if seconds < 0:
            raise ValueError(f"time does not go back by {-seconds} s")
        self._elapsed += seconds

    def now(self) -> float:
        """Seconds since the start."""
        return self._elapsed

    def wall(self) -> float:
        """Unix time."""
        return self._start + self._elapsed

"""Time, handed to the device: that of the machine, or steered: faster, slower, standing still, moved by hand."""

import math
import time
from collections.abc import Callable
from typing import Protocol

Cancel = Callable[[], None]
"""Ends what it was returned for."""


class Clock(Protocol):
    """Where the device reads the time; it never waits."""

    def now(self) -> float:
        """Seconds that only go forward, from an arbitrary origin."""
        ...

    def wall(self) -> float:
        """Seconds since 1970."""
        ...

    def real_delay(self, seconds: float) -> float | None:
        """Seconds of the world in which this clock goes forward by so many of its own; None if it never does so by
        itself."""
        ...

    def on_change(self, changed: Callable[[], None]) -> Cancel:
        """Calls the function whenever the clock was moved or goes at another rate: what `real_delay` said before does
        not hold any more. What is returned ends that."""
        ...


class RealClock:
    """The clocks of the machine; nobody steers them."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Unix time."""
        return time.time()

    def real_delay(self, seconds: float) -> float | None:
        """As many; 0 for what is over."""
        return max(0.0, seconds)

    def on_change(self, changed: Callable[[], None]) -> Cancel:
        """Never calls it."""
        return lambda: None


class SteeredClock:
    """A clock that goes at a chosen rate, and can be moved forward.

    Args:
        rate: its seconds per second of the world: 1 is real time, 10 is ten times as fast; at 0 it is frozen, and moves
            only by `advance`.
        wall: Unix time at the start; that of the machine if it is None.

    Raises:
        ValueError: the rate is negative, or no number.
    """

    def __init__(self, rate: float = 1.0, wall: float | None = None) -> None:
        self._rate = _checked(rate)
        self._elapsed = 0.0
        """What this clock said at the moment `_since` of the world."""
        self._since = time.monotonic()
        self._start = time.time() if wall is None else wall
        self._listeners: dict[object, Callable[[], None]] = {}

    @property
    def rate(self) -> float:
        """Its seconds per second of the world. A new rate holds from now on; the time does not jump."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        _checked(rate)
        self._elapsed, self._since = self.now(), time.monotonic()
        self._rate = rate
        self._tell()

    def advance(self, seconds: float) -> None:
        """Moves time forward.

        Raises:
            ValueError: that would be backward.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"time goes forward; expected 0 seconds or more, not {seconds}")
        self._elapsed += seconds
        self._tell()

    def now(self) -> float:
        """Seconds since the start."""
        if not self._rate:
            return self._elapsed
        return self._elapsed + (time.monotonic() - self._since) * self._rate

    def wall(self) -> float:
        """Unix time."""
        return self._start + self.now()

    def real_delay(self, seconds: float) -> float | None:
        """Seconds of the world; None while the clock is frozen, 0 for what is over."""
        if seconds <= 0:
            return 0.0
        return seconds / self._rate if self._rate else None

    def on_change(self, changed: Callable[[], None]) -> Cancel:
        """Calls the function after each `advance` and each change of the rate, in the thread that makes it."""
        key = object()
        self._listeners[key] = changed
        return lambda: self._listeners.pop(key, None) and None

    def _tell(self) -> None:
        for changed in list(self._listeners.values()):
            changed()


class VirtualClock(SteeredClock):
    """Stands still until it is moved.

    Args:
        wall: Unix time at the start.
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        super().__init__(0.0, wall)


def _checked(rate: float) -> float:
    if not 0 <= rate < math.inf:
        raise ValueError(f"rate {rate}; expected 0 (frozen) or more, for example 1 (real time) or 10")
    return rate

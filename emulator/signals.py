"""Values that move: constant, ramp, sine, square, random walk, steps, a recorded file.

A signal is plain data and a function of time: the same signal gives the same value for the same second, in whatever
order it is asked. What does not make a signal raises `ValueError` when it is made.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Final, Protocol


class Signal(Protocol):
    """A value over time."""

    def at(self, seconds: float) -> float:
        """Value, `seconds` after the start of the Tap; before it the value at the start."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same value."""

    value: float

    def at(self, seconds: float) -> float:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Ramp:
    """From `start` to `end` in `period` seconds, then again from `start`; without `repeat` it stays at `end`."""

    start: float
    end: float
    period: float
    repeat: bool = True

    def __post_init__(self) -> None:
        _check_period(self.period)

    def at(self, seconds: float) -> float:
        """Value at a time."""
        if not self.repeat and seconds >= self.period:
            return self.end
        return self.start + (self.end - self.start) * _phase(seconds, self.period)


@dataclass(frozen=True, slots=True)
class Sine:
    """A sine around `mean`: highest value ``mean + amplitude``, one cycle in `period` seconds.

    Args:
        phase: part of a cycle by which it starts later in its cycle: 0.25 starts at the highest value.
    """

    mean: float
    amplitude: float
    period: float
    phase: float = 0.0

    def __post_init__(self) -> None:
        _check_period(self.period)

    def at(self, seconds: float) -> float:
        """Value at a time."""
        return self.mean + self.amplitude * math.sin(math.tau * (_phase(seconds, self.period) + self.phase))


@dataclass(frozen=True, slots=True)
class Square:
    """Starts at `high` for the part `duty` of each `period` (seconds), then `low`."""

    low: float
    high: float
    period: float
    duty: float = 0.5

    def __post_init__(self) -> None:
        _check_period(self.period)
        if not 0 <= self.duty <= 1:
            raise ValueError(f"duty {self.duty} is outside 0..1")

    def at(self, seconds: float) -> float:
        """Value at a time."""
        return self.high if _phase(seconds, self.period) < self.duty else self.low


@dataclass(frozen=True, slots=True)
class RandomWalk:
    """Wanders from `start`, one random change each `interval` seconds.

    The walk is a Brownian one that is halved again and again between points that a hash of the seed fixes (midpoint
    displacement). So a value at any time takes as many hashes as the number of intervals has bits, and no memory.

    Args:
        step: standard deviation of one change.
        minimum, maximum: the walk is reflected there.
        seed: another seed is another walk.
    """

    start: float
    step: float
    interval: float = 1.0
    minimum: float = -math.inf
    maximum: float = math.inf
    seed: int = 0

    def __post_init__(self) -> None:
        _check_period(self.interval)
        if not self.minimum <= self.start <= self.maximum:
            raise ValueError(f"start {self.start} is outside {self.minimum}..{self.maximum}")

    def at(self, seconds: float) -> float:
        """Value at a time."""
        walked = self.start + self.step * _brownian(self.seed, int(max(seconds, 0.0) / self.interval))
        return _reflect(walked, self.minimum, self.maximum)


@dataclass(frozen=True, slots=True)
class Steps:
    """One value after the other, each for its time.

    Args:
        values: in their order.
        durations: seconds of each; one number holds for all.
        repeat: starts again after the last; otherwise the last value stays.
    """

    values: tuple[float, ...]
    durations: tuple[float, ...] = (1.0,)
    repeat: bool = True
    _ends: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("steps without a value")
        durations = self.durations * len(self.values) if len(self.durations) == 1 else self.durations
        if len(durations) != len(self.values):
            raise ValueError(f"{len(self.values)} values and {len(durations)} durations; expected as many, or one")
        for duration in durations:
            _check_period(duration)
        object.__setattr__(self, "_ends", tuple(accumulate(durations)))

    def at(self, seconds: float) -> float:
        """Value at a time."""
        total = self._ends[-1]
        now = _phase(seconds, total) * total if self.repeat else min(max(seconds, 0.0), total)
        return self.values[min(bisect_right(self._ends, now), len(self.values) - 1)]


@dataclass(frozen=True, slots=True)
class Recording:
    """Replays what was recorded; between two samples the older one holds.

    Args:
        times: seconds, rising; the first is where the replay starts.
        values: as many.
        speed: 2 replays twice as fast.
        repeat: starts again one average distance after the last sample; otherwise its value stays.
    """

    times: tuple[float, ...]
    values: tuple[float, ...]
    speed: float = 1.0
    repeat: bool = True

    def __post_init__(self) -> None:
        if not self.times or len(self.times) != len(self.values):
            raise ValueError(f"{len(self.times)} times and {len(self.values)} values; expected as many, at least one")
        if any(later <= earlier for earlier, later in pairwise(self.times)):
            raise ValueError("the times of a recording have to rise")
        if not 0 < self.speed < math.inf:
            raise ValueError(f"speed {self.speed}; expected more than 0")

    def at(self, seconds: float) -> float:
        """Value at a time."""
        played = max(seconds, 0.0) * self.speed
        if self.repeat and len(self.times) > 1:
            span = self.times[-1] - self.times[0]
            played = math.fmod(played, span + span / (len(self.times) - 1))
        return self.values[max(bisect_right(self.times, self.times[0] + played) - 1, 0)]


def _check_period(seconds: float) -> None:
    if not 0 < seconds < math.inf:
        raise ValueError(f"{seconds} s; expected more than 0")


def _phase(seconds: float, period: float) -> float:
    """Part of the current period that is over, 0 up to but not 1."""
    return seconds % period / period if seconds > 0 else 0.0


_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_UNIFORM_SCALE: Final = math.sqrt(3.0) / 0x10000
"""Four 16-bit numbers, each taken from its middle, add up to a standard deviation of 65536 / sqrt(3)."""


def _normal(seed: int, place: int) -> float:
    """A number around 0 with standard deviation 1, always the same for the same place.

    SplitMix64 of the place; the sum of its four quarters is close enough to a normal distribution.
    """
    mixed = (seed * _GOLDEN + place * 0xD1B54A32D192ED03 + _GOLDEN) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    mixed ^= mixed >> 31
    quarters = (mixed & 0xFFFF) + (mixed >> 16 & 0xFFFF) + (mixed >> 32 & 0xFFFF) + (mixed >> 48)
    return (quarters - 0x1FFFE) * _UNIFORM_SCALE


def _brownian(seed: int, steps: int) -> float:
    """Place of a walk with changes of standard deviation 1 after so many steps."""
    if steps == 0:
        return 0.0
    left, right, low, high = 0, 1, 0.0, _normal(seed, 1)
    while right < steps:
        left, low = right, high
        right *= 2
        high = low + math.sqrt(left) * _normal(seed, right)
    while left < steps < right:  # both ends are fixed, so what is between is halved
        middle = (left + right) // 2
        value = (low + high) / 2 + math.sqrt(right - left) / 2 * _normal(seed, middle)
        if steps < middle:
            right, high = middle, value
        else:
            left, low = middle, value
    return low if steps == left else high


def _reflect(value: float, minimum: float, maximum: float) -> float:
    """The value, folded back at the limits as often as needed."""
    if minimum <= value <= maximum:
        return value
    if math.isinf(minimum):
        return maximum - (value - maximum)
    if math.isinf(maximum):
        return minimum + (minimum - value)
    width = maximum - minimum
    if width == 0:
        return minimum
    folded = math.fmod(value - minimum, 2 * width) % (2 * width)
    return minimum + (folded if folded <= width else 2 * width - folded)

"""Signals: a function of time and nothing else."""

import math
import statistics
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.signals import Constant, Ramp, RandomWalk, Recording, Signal, Sine, Square, Steps

DAY = 86_400.0
WALK = RandomWalk(start=20, step=0.5, minimum=15, maximum=25, seed=7)

VALUES: list[tuple[Signal, dict[float, float]]] = [
    (Constant(3.5), {0: 3.5, 1e9: 3.5, -1: 3.5}),
    (Ramp(0, 10, period=5), {-1: 0, 0: 0, 1: 2, 4.5: 9, 5: 0, 6: 2}),
    (Ramp(10, 0, period=5), {0: 10, 4: 2}),
    (Ramp(0, 10, period=5, repeat=False), {0: 0, 4: 8, 5: 10, 100: 10}),
    (Sine(20, 5, period=4), {0: 20, 1: 25, 2: 20, 3: 15, 5: 25}),
    (Sine(0, 1, period=4, phase=0.25), {0: 1, 1: 0, 2: -1}),
    (Square(0, 1, period=10), {0: 1, 4.9: 1, 5: 0, 9.9: 0, 10: 1}),
    (Square(-1, 1, period=10, duty=0.2), {0: 1, 1.9: 1, 2: -1}),
    (Steps((1, 2, 3)), {-5: 1, 0: 1, 0.9: 1, 1: 2, 2.5: 3, 3: 1, 4: 2}),
    (Steps((1, 2), durations=(1, 3)), {0: 1, 1: 2, 3.9: 2, 4: 1}),
    (Steps((1, 2), repeat=False), {0: 1, 1: 2, 2: 2, 99: 2}),
    (Recording((10, 11, 13), (5, 6, 7)), {-1: 5, 0: 5, 0.9: 5, 1: 6, 2.9: 6, 3: 7, 4.4: 7, 4.5: 5, 5.5: 6}),
    (Recording((0, 1), (5, 6), speed=2), {0: 5, 0.4: 5, 0.5: 6, 1: 5}),
    (Recording((0, 1), (5, 6), repeat=False), {0: 5, 1: 6, 1000: 6}),
    (Recording((3,), (5,)), {0: 5, 1000: 5}),
    (RandomWalk(start=4, step=0), {0: 4, 77: 4}),
    (RandomWalk(start=4, step=1, minimum=4, maximum=4), {0: 4, 77: 4}),
]


@pytest.mark.parametrize(("signal", "expected"), VALUES, ids=lambda case: type(case).__name__)
def test_value_at_a_time(signal: Signal, expected: dict[float, float]) -> None:
    assert {seconds: pytest.approx(signal.at(seconds), abs=1e-9) for seconds in expected} == expected


WRONG: list[tuple[type, dict[str, Any], str]] = [
    (Ramp, {"start": 0, "end": 1, "period": 0}, "more than 0"),
    (Sine, {"mean": 0, "amplitude": 1, "period": -1}, "more than 0"),
    (Sine, {"mean": 0, "amplitude": 1, "period": math.inf}, "more than 0"),
    (Square, {"low": 0, "high": 1, "period": 1, "duty": 1.1}, "duty"),
    (Steps, {"values": ()}, "without a value"),
    (Steps, {"values": (1, 2, 3), "durations": (1, 2)}, "3 values and 2 durations"),
    (Steps, {"values": (1,), "durations": (0,)}, "more than 0"),
    (Recording, {"times": (), "values": ()}, "at least one"),
    (Recording, {"times": (0, 1), "values": (1,)}, "2 times and 1 values"),
    (Recording, {"times": (0, 0), "values": (1, 2)}, "rise"),
    (Recording, {"times": (0,), "values": (1,), "speed": 0}, "speed"),
    (RandomWalk, {"start": 0, "step": 1, "interval": 0}, "more than 0"),
    (RandomWalk, {"start": 0, "step": 1, "minimum": 1}, "outside"),
]


@pytest.mark.parametrize(("signal", "fields", "reason"), WRONG)
def test_what_makes_no_signal(signal: type, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        signal(**fields)


def test_random_walk_is_the_same_in_any_order_and_for_every_instance() -> None:
    forward = [WALK.at(second) for second in range(500)]
    again = RandomWalk(start=20, step=0.5, minimum=15, maximum=25, seed=7)
    assert [again.at(second) for second in reversed(range(500))] == forward[::-1]
    assert [RandomWalk(20, 0.5, minimum=15, maximum=25, seed=8).at(second) for second in range(500)] != forward


def test_random_walk_keeps_its_value_between_two_changes() -> None:
    walk = RandomWalk(start=0, step=1, interval=10)
    assert walk.at(10) == walk.at(19.9) != walk.at(20)


def test_random_walk_has_changes_of_the_size_asked_for() -> None:
    walk = RandomWalk(start=0, step=0.5, seed=3)
    values = [walk.at(second) for second in range(4001)]
    changes = [later - earlier for earlier, later in pairwise(values)]
    assert statistics.pstdev(changes) == pytest.approx(0.5, rel=0.1)
    assert statistics.fmean(changes) == pytest.approx(0, abs=0.05)
    assert max(values) - min(values) > 5, "it wanders, it does not only shake"


@given(seconds=st.floats(min_value=-10, max_value=1e12), seed=st.integers(0, 2**70))
def test_random_walk_stays_inside_its_limits(seconds: float, seed: int) -> None:
    assert 15 <= RandomWalk(20, 3, minimum=15, maximum=25, seed=seed).at(seconds) <= 25


def test_random_walk_takes_no_longer_after_years() -> None:
    """Each call is some dozens of hashes, also for the 300 millionth change."""
    began = time.perf_counter()
    for second in range(1000):
        WALK.at(10 * 365 * DAY + second)
    assert time.perf_counter() - began < 1.0

"""Two sides that take turns: what a busy machine does to one it does to the other."""

import statistics
from collections.abc import Callable

Round = Callable[[], float]


def alternate(ours: Round, theirs: Round, rounds: int) -> tuple[list[float], list[float]]:
    """Measures both in turns; every other pair is swapped, so that neither is always the first."""
    measured: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for side in (0, 1) if number % 2 else (1, 0):
            measured[side].append((ours, theirs)[side]())
    return measured


def ratio(of: list[float], to: list[float]) -> tuple[float, list[float]]:
    """The median of the ratios of neighbours, and all of them."""
    ratios = [ours / theirs for ours, theirs in zip(of, to, strict=True)]
    return statistics.median(ratios), ratios

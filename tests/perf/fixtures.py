"""What a fresh Tap costs a test: made, connected to once, and closed with the check for leaks."""

import statistics
import time

from emulator.testing import VirtualTap
from tests.perf.figures import Figure

_TAPS = 20


def all_figures(rounds: int) -> list[Figure]:
    """Every figure of this module."""
    fresh_tap(connect=True)  # whatever is loaded and made once
    figures = []
    for name, connect in (("fresh Tap of a test, with one connection", True), ("fresh Tap of a test", False)):
        samples = [fresh_tap(connect=connect) * 1e3 for _ in range(_TAPS * rounds)]
        target = 10 if connect else None
        figures.append(Figure(name, statistics.median(samples), "ms", target, samples=samples))
    return figures


def fresh_tap(*, connect: bool) -> float:
    """Seconds from nothing to a Tap that has gone again."""
    began = time.perf_counter()
    with VirtualTap() as tap:
        if connect:
            tap.client()
    return time.perf_counter() - began

"""How hard tests try that could try for ever.

The usual run makes the same examples every time. With ``ROBUSTNESS_EFFORT=20 make test`` it makes 20 times as many, and
hypothesis new ones in every run.
"""

import os

from hypothesis import HealthCheck, settings

_FACTOR = int(os.environ.get("ROBUSTNESS_EFFORT", "1"))


def times(count: int, most: int | None = None) -> int:
    """How often something is done that the usual run does `count` times."""
    return min(count * _FACTOR, most or count * _FACTOR)


def effort(examples: int, steps: int = 50) -> settings:
    """Settings for a test which in the usual run has this many examples, of this many steps if it is stateful."""
    return settings(
        max_examples=examples * _FACTOR,
        stateful_step_count=steps,
        derandomize=_FACTOR == 1,
        deadline=None,  # a busy machine is no failure
        suppress_health_check=[HealthCheck.too_slow],
    )

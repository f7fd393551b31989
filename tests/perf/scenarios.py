"""What a step of a scenario costs in process: encrypted requests, each with an expectation, on a virtual clock."""

import statistics
import time

from scenarios.loading import loads
from scenarios.run.running import run
from tests.perf.figures import Figure

_ROUNDS = 500
_STEPS = f"""
scenario: 1
replay:
  - encrypt: true
  - repeat:
      times: {_ROUNDS}
      do:
        - {{request: device.get_serial_number, expect: {{value: {{pattern: ^IoTize}}}}}}
        - {{request: interface.get_app_name, expect: {{value: Virtual Tap, within: 100ms}}}}
        - {{request: interface.get_security_options, expect: {{value: {{scram_activated: true}}}}}}
        - {{request: interface.put_app_name, value: x, expect: {{status: UNAUTHORIZED}}}}
"""


def all_figures(rounds: int) -> list[Figure]:
    """Every figure of this module."""
    return [steps_per_second(rounds)]


def steps_per_second(rounds: int) -> Figure:
    """Steps of one client, the whole run with its Tap included; the file is read before.

    Seconds are those of the processor: nothing is waited for, and what else the machine does must not count.
    """
    scenario = loads(_STEPS)
    run(scenario)  # whatever is made once
    samples = []
    for _ in range(rounds):
        begin = time.process_time()
        outcome = run(scenario)
        assert outcome.ok
        samples.append(len(outcome.steps) / (time.process_time() - begin))
    return Figure("scenario, in process", statistics.median(samples), "steps/s", 2_000, "more", samples)

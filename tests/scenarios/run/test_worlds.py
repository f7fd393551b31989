"""What goes wrong on the way, as a client of the virtual world sees it; and that a seed reproduces a run."""

import pytest

from scenarios.loading import loads
from scenarios.run.outcome import Outcome
from scenarios.run.running import run

_ASK = "request: interface.get_app_name"


def play(then: str, steps: str, when: str = f"{_ASK}, nth: 1") -> Outcome:
    rule = f"script: {{rules: [{{name: r, when: {{{when}}}, then: {{{then}}}}}]}}"
    return run(loads(f"scenario: 1\n{rule}\nreplay:\n{steps}"))


CASES = {
    "delayed": ("delay: 2s", "  - {%s, expect: {value: Virtual Tap}}", 2.0),
    "delayed beyond the time-out": ("delay: 4s", "  - {%s, expect: {error: timeout}}", 3.0),
    "delayed beyond a longer time-out": ("delay: 4s", "  - {%s, timeout: 10s}", 4.0),
    "delayed beyond a shorter time-out": ("delay: 2s", "  - {%s, timeout: 500ms, expect: {error: timeout}}", 0.5),
    "too late for the step": (
        "delay: 2s",
        "  - {%s, expect: {within: 3s}}",
        2.0,
    ),
    "lost answer": ("drop: answer", "  - {%s, expect: {error: timeout}}", 3.0),
    "lost request": ("drop: request", "  - {%s, expect: {error: timeout}}", 3.0),
    "twice": ("duplicate: 2", "  - {%s}\n  - {%s, expect: {error: link}}", 0.0),
    "in pieces": ("split: {sizes: [1, 3], gap: 100ms}", "  - {%s, expect: {value: Virtual Tap}}", 0.2),
    "cut": ("cut: 5", "  - {%s, expect: {error: timeout}}", 3.0),
    "closed after it": ("close: true", "  - {%s}\n  - {%s, expect: {error: closed}}", 0.0),
    "closed before it": ("close: before", "  - {%s, expect: {error: closed}}", 0.0),
    "reset before it": ("reset: before", "  - {%s, expect: {error: closed}}", 0.0),
    "reboot": (
        "reboot: 5s",
        "  - {%s}\n  - {%s, expect: {error: closed}}\n  - {connect: true, expect: {error: link}}\n"
        "  - {wait: 5s}\n  - {connect: true}\n  - {%s}",
        5.0,
    ),
    "another status word": ("wrong: {status: '6F00'}", "  - {%s, expect: {error: timeout}}", 3.0),
    "wrong CRC": ("wrong: crc", "  - {encrypt: true}\n  - {%s, expect: {error: integrity}}\n  - {%s}", 0.0),
    "busy": ("busy: 1", "  - {%s, expect: {status: BUSY}}\n  - {%s, expect: {value: Virtual Tap}}", 0.0),
}


@pytest.mark.parametrize(("then", "steps", "seconds"), CASES.values(), ids=CASES)
def test_what_a_client_sees(then: str, steps: str, seconds: float) -> None:
    outcome = play(then, steps.replace("%s", _ASK))
    assert outcome.ok, outcome.failures[0].message
    assert outcome.virtual_duration == pytest.approx(seconds)


def test_an_answer_that_comes_too_late_fails_the_step() -> None:
    (failure,) = play("delay: 2s", f"  - {{{_ASK}, expect: {{within: 1s}}}}").failures
    assert (failure.reason, failure.expected, failure.got) == ("it took too long", "within 1 s", "2 s")


_MANY = """
scenario: 1
script:
  rules:
    - {name: slow, when: {request: "interface.*"}, probability: 0.5, then: {delay: [10ms, 200ms]}}
    - {name: lost, when: {request: device.get_serial_number}, probability: 0.3, then: {drop: answer}}
replay:
  clients:
    - {name: a, steps: [{encrypt: true}, {repeat: {times: 5, do: [{request: interface.get_app_name}]}}]}
    - {name: b, steps: [{repeat: {times: 5, do: [{request: interface.get_app_name}]}}]}
    - name: c
      steps:
        - repeat: {times: 2, do: [{connect: true}, {request: device.get_serial_number, expect: {error: timeout}}]}
"""


def test_a_seed_reproduces_a_run_with_many_clients() -> None:
    scenario = loads(_MANY)
    first, again, other = (run(scenario, seed=seed) for seed in (4, 4, 5))
    assert first.journal == again.journal
    assert first.steps == again.steps
    assert other.journal != first.journal


def test_clients_take_turns() -> None:
    steps = "[{repeat: {times: 3, do: [{request: interface.get_app_name}]}}]"
    text = f"scenario: 1\nreplay: {{clients: [{{name: a, steps: {steps}}}, {{name: b, steps: {steps}}}]}}"
    assert [each.client for each in run(loads(text)).steps] == ["a", "b"] * 3

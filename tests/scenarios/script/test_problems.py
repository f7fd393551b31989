"""What is wrong with a script is said when it is made, in words for people."""

import pytest

from scenarios.script import Script, ScriptError, problems
from tests.scenarios.script.directed import furnished, spec_of

ANY_TAP: list[tuple[str, str]] = [
    ("{when: {at: 5s}, then: {delay: 2s}}", "delay needs an answer, and a rule for a time has none"),
    ("{when: {event: login}, then: {wrong: crc}}", "wrong needs an answer, and a rule for an event has none"),
    ("{when: {event: login}, then: [{note: x}, {answer: BUSY}]}", "answer needs an answer"),
    ("{when: {request: device.get_serial}, then: {answer: BUSY}}", "no call is named device.get_serial, expected"),
    ("{when: {request: /3//2}, then: {answer: {value: 7000000}}}", ""),
    ("{when: {request: scram.get_hash_iteration}, then: {answer: {value: {a: 1}}}}", "answer: .*expected"),
    ("{when: {request: interface.logout}, then: {answer: {value: 1}}}", "carries no value, expected body"),
    ("{when: {request: /3//2}, then: {answer_to: device.get_serial}}", "answer_to: no call is named"),
    ("{when: {request: /3//2}, then: {answer_to: group.get_name}}", "answer_to: .*needs instance"),
    ("{when: {request: /3//2, result: ok}, then: {drop: request}}", "drop: the request is executed already"),
    (
        "{when: {request: /3//2, result: ok}, then: {power_failure: torn}}",
        "power_failure: .*expected kept instead of torn",
    ),
    ("{when: {request: /3//2}, then: {settings: {interface.app: x}}}", "settings: no setting has the key"),
    ("{when: {request: /3//2}, then: {settings: {scram.hash_iteration: [1]}}}", "settings: .*expected"),
    ("{when: {request: /3//2}, then: {enter: {door: open}}}", "enter: no machine is named 'door'"),
    ("{when: {request: /3//2}, then: {enter: {m: open}}}", "enter: machine m has no state 'open'; expected a, b"),
    ("{when: {request: /3//2, in: {m: open}}, then: {note: x}}", "machine m has no state 'open'"),
    ("{when: {at: 5s}, then: {enter: {s: b}}}", "enter: s goes by sessions, and a rule for a time has none"),
    ("{when: {at: 5s, in: {s: b}}, then: {note: x}}", "in: s goes by sessions"),
    ("{when: {at: 5s}, then: {expire: session}}", "expire: session needs a session"),
    ("{when: {at: 5s}, then: {target_error: 7}}", "target_error: 0x07 is no error of a target"),
    ("{when: {at: 5s}, then: {ramp: {variable: x, to: 1, over: 0}}}", "ramp: over is 0 s, expected more"),
]

THIS_TAP: list[tuple[str, str]] = [
    ("{when: {at: 5s}, then: {set: {lamb: 1}}}", "set: no variable is named 'lamb'.*lamp"),
    ("{when: {at: 5s}, then: {set: {lamp: 7}}}", "set: .*BOOLEAN"),
    ("{when: {at: 5s}, then: {ramp: {variable: x, to: 1, over: 1s}}}", "ramp: no variable is named 'x'"),
    ("{when: {at: 5s}, then: {ramp: {variable: message, to: 1, over: 1s}}}", "ramp: message holds text"),
    ("{when: {request: /3//2}, then: {answer: {value: '${name}'}}}", "answer: nothing defines"),
]

MACHINES = "machines: {{m: {{states: [a, b]}}, s: {{states: [a, b], per: session}}}}\nrules: [{rule}]"


@pytest.mark.parametrize(("rule", "message"), ANY_TAP, ids=[rule for rule, _ in ANY_TAP])
def test_problem_of_any_tap(rule: str, message: str) -> None:
    spec = spec_of(MACHINES.format(rule=rule))
    if not message:
        assert problems(spec) == []
        return
    device, _ = furnished()
    with pytest.raises(ScriptError, match=f"rule 1: .*{message}") as caught:
        Script(spec, device)
    assert caught.value.problems == problems(spec)


@pytest.mark.parametrize(("rule", "message"), THIS_TAP, ids=[rule for rule, _ in THIS_TAP])
def test_problem_of_this_tap_or_these_inputs(rule: str, message: str) -> None:
    spec = spec_of(MACHINES.format(rule=rule))
    assert problems(spec) == []
    device, _ = furnished()
    with pytest.raises(ScriptError, match=f"rule 1: .*{message}"):
        Script(spec, device)


def test_all_problems_are_told_at_once() -> None:
    spec = spec_of("[{when: {at: 5s}, then: {delay: 2s}}, {name: x, when: {at: 5s}, then: {drop: answer}}]")
    assert [problem.partition(":")[0] for problem in problems(spec)] == ["rule 1", "x"]

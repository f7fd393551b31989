"""What had to happen: found, missed, and what was nearest."""

import pytest

from scenarios.loading import loads
from scenarios.run.outcome import Result
from scenarios.run.running import run

_STEPS = """
scenario: 1
script: {rules: [{name: slow, when: {request: interface.get_app_name, first: 2}, then: {delay: 1s}}]}
replay:
  - request: device.get_serial_number
  - {request: interface.put_app_name, value: x, expect: {status: UNAUTHORIZED}}
  - {login: {user: admin, password: x}, expect: {error: login}}
  - login: {user: admin, password: admin}
  - {request: interface.put_app_name, value: hello}
  - repeat: {times: 3, do: [{request: interface.get_app_name}]}
"""


def verify(steps: str, *items: str) -> list[Result]:
    lines = "".join(f"  - {item}\n" for item in items)
    return run(loads(f"{steps}verify:\n{lines}")).verifications


MET = [
    "{request: device.get_serial_number}",
    "{request: device.get_serial_number, count: 1}",
    "{request: interface.get_app_name, count: {min: 2, max: 3}}",
    "{request: [/1024//9, device.*], count: 6}",
    "{request: interface.put_app_name, method: PUT, user: admin, encrypted: true, value: hello, status: ok}",
    "{request: interface.put_app_name, status: refused, count: 1}",
    "{request: interface.put_app_name, value: {pattern: ^.$}, count: 1}",
    "{request: interface.get_app_name, within: 500ms, count: 1}",
    "{request: device.reboot, count: 0}",
    "{never: {request: device.reboot}}",
    "{never: {request: interface.put_app_name, value: y}}",
    "{never: {event: locked}}",
    "{order: [device.get_serial_number, {event: login-failed}, {event: login}, {request: interface.put_app_name}]}",
    "{order: [interface.get_app_name, interface.get_app_name]}",
    "{event: login-failed, count: 1}",
    "{event: connected, session: 1}",
    "{setting: interface.app_name, equals: hello}",
    "{variable: lamp, equals: false}",
    "{rule: slow, count: 2}",
    "{nothing_unexpected: true}",
]


def test_what_has_happened_is_found() -> None:
    results = verify(_STEPS, *MET)
    assert len(results) == len(MET)
    assert [result.message for result in results if result.status != "passed"] == []


MISSED = [
    (
        "{request: device.get_serial_number, count: 2}",
        ["expected 2 times", "got      once", "found: 0.000 s  connection 1: device.get_serial_number -> OK"],
    ),
    (
        "{request: interface.put_app_name, value: hallo}",
        ["expected at least once", "got      never", "near: 0.000 s", "value: expected 'hallo', got 'hello'"],
    ),
    ("{request: interface.*, method: POST}", ["method: expected POST, got GET"]),
    ("{request: interface.get_app_name, user: supervisor}", ["user: expected supervisor, got admin"]),
    ("{request: interface.get_app_name, encrypted: false}", ["encrypted: expected false, got true"]),
    ("{request: device.get_serial_number, session: 2}", ["session: expected 2, got 1"]),
    ("{request: device.get_serial_number, link: ws}", ["link: expected ws, got mem://tap"]),
    ("{request: device.get_serial_number, status: refused}", ["status: expected refused, got OK (0x00)"]),
    ("{request: device.get_memory_free}", ["request: expected device.get_memory_free, got device.get_serial_number"]),
    ("{request: interface.get_app_name, within: 500ms, count: 2}", ["expected 2 times within 0.5 s", "got      once"]),
    ("{never: interface.get_app_name}", ["it happened", "got      3 times"]),
    ("{never: {event: login}}", ["got      once", "connection 1: login"]),
    (
        "{order: [interface.get_app_name, device.get_serial_number]}",
        ["expected device.get_serial_number after 0.000 s", "before that: 0.000 s  connection 1: device.get_serial"],
    ),
    ("{event: login-failed, count: 2}", ["expected 2 times", "got      once"]),
    ("{event: reboot}", ["expected at least once", "got      never"]),
    ("{setting: interface.app_name, equals: x}", ["expected 'x'", "got      'hello'"]),
    ("{variable: lamp, equals: true}", ["expected true", "got      false"]),
    ("{rule: slow, count: 3}", ["expected 3 times", "got      2 times"]),
]


@pytest.fixture(scope="module")
def misses() -> dict[str, Result]:
    items = [item for item, _ in MISSED]
    return dict(zip(items, verify(_STEPS, *items), strict=True))


@pytest.mark.parametrize(("item", "words"), MISSED, ids=[item for item, _ in MISSED])
def test_a_miss_tells_what_was_near(misses: dict[str, Result], item: str, words: list[str]) -> None:
    result = misses[item]
    assert result.status == "failed"
    for each in words:
        assert each in result.message


def test_a_refusal_that_nobody_expected_is_unexpected() -> None:
    steps = "scenario: 1\nreplay:\n  - {request: interface.put_app_name, value: x, expect: {status: any}}\n"
    (result,) = verify(steps, "{nothing_unexpected: true}")
    assert result.status == "passed"
    steps = 'scenario: 1\nreplay:\n  - {raw: "hex:00ca000007010400ffff0009"}\n'
    (result,) = verify(steps, "{nothing_unexpected: true}")
    assert "no request: class byte 00 instead of A2" in result.message

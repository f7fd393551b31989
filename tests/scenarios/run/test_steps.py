"""Steps of clients: what passes, and what a client that stops says."""

import time

import pytest

from scenarios.loading import loads
from scenarios.run import client, virtual
from scenarios.run.outcome import Outcome
from scenarios.run.running import run


def play(steps: str, rest: str = "") -> Outcome:
    """Runs the steps of one client."""
    return run(loads(f"scenario: 1\nname: t\nreplay:\n{steps}\n{rest}"))


PASSING = {
    "nothing": "  []",
    "in clear": "  - {request: device.get_serial_number, expect: {value: {pattern: ^IoTize}}}",
    "by path": "  - {request: GET /1024//9, expect: {value: Virtual Tap}}",
    "bytes": '  - {request: GET /1024//9, expect: {body: "hex:5669727475616c20546170"}}',
    "raw": '  - {raw: "hex:a2ca000007010400ffff0009", expect: {raw: "hex:005669727475616c205461709000"}}',
    "raw rejected": '  - {raw: "hex:00ca000007010400ffff0009", expect: {raw: "hex:6e00"}}',
    "encrypted": "  - encrypt: true\n  - {request: interface.get_app_name, expect: {value: Virtual Tap}}",
    "encryption off again": "  - encrypt: true\n  - encrypt: false\n  - request: interface.get_app_name",
    "vectors": (
        "  - encrypt: true\n  - refresh_iv: true\n  - iv_period: 1\n  - request: interface.get_app_name\n"
        "  - iv_period: 2\n  - repeat: {times: 5, do: [{request: interface.get_app_name}]}"
    ),
    "login": (
        "  - login: {user: admin, password: admin}\n"
        "  - {request: interface.get_current_group_id, expect: {value: 65535}}\n"
        "  - logout: true\n"
        "  - {request: interface.get_current_group_id, expect: {value: 0}}"
    ),
    "login that has to fail": "  - {login: {user: admin, password: x}, expect: {error: login}}",
    "login refused with a code": "  - {login: {user: admin, password: x}, expect: {status: NOT_ACCEPTABLE}}",
    "refused": "  - {request: interface.put_app_name, value: x, expect: {status: refused}}",
    "refused with a code": "  - {request: interface.put_app_name, value: x, expect: {status: UNAUTHORIZED}}",
    "refused by number": "  - {request: interface.put_app_name, value: x, expect: {status: 0x81}}",
    "any status": "  - {request: interface.put_app_name, value: x, expect: {status: any}}",
    "fields": "  - {request: interface.get_security_options, expect: {value: {scram_activated: true}}}",
    "captures": (
        '  - {request: device.get_serial_number, capture: {serial: ""}}\n'
        "  - {request: interface.get_security_options, capture: {scram: scram_activated}}\n"
        '  - {request: device.get_serial_number, expect: {value: "${serial}"}}\n'
        '  - {check: {setting: interface.security_options, equals: {scram_activated: "${scram}",'
        " hash_password: true, disable_hardware_factory_reset: false, disable_login_with_uid: false,"
        " disable_resource_factory_reset: false}}}"
    ),
    "instances": "  - login: {user: admin, password: admin}\n  - {request: group.get_name, instance: 65534}",
    "rows": (
        "  - for_each:\n      table: [{user: admin, group: 65535}, {user: supervisor, group: 65534}]\n      as: row\n"
        '      do:\n        - login: {user: "${row.user}", password: "${row.user}"}\n'
        '        - {request: interface.get_current_group_id, expect: {value: "${row.group}"}}\n'
        "        - logout: true"
    ),
    "rounds": (
        "  - repeat:\n      times: 3\n      do:\n"
        '        - {request: GET /1024//9, expect: {status: ok, within: 1ms}}\n        - wait: "${round}"'
    ),
    "connections": (
        "  - connect: true\n  - encrypt: true\n  - disconnect: true\n"
        "  - {request: device.get_serial_number, expect: {error: closed}}\n"
        "  - connect: ws\n  - request: device.get_serial_number"
    ),
    "silence": ("  - connect: true\n  - wait: 1h\n  - {request: device.get_serial_number, expect: {error: closed}}"),
    "state": "  - {check: {variable: lamp, equals: false}}\n  - {check: {setting: interface.app_name, pattern: Tap$}}",
    "snapshot": (
        "  - login: {user: admin, password: admin}\n  - snapshot: before\n"
        "  - {request: interface.put_app_name, value: other}\n"
        "  - {check: {setting: interface.app_name, equals: other}}\n"
        "  - restore: before\n  - {request: interface.get_app_name, expect: {value: Virtual Tap}}"
    ),
    "side by side": (
        "  - parallel:\n"
        '      - [{request: device.get_serial_number, capture: {one: ""}}, {wait: 2s}]\n'
        '      - [{wait: 1s}, {request: interface.get_app_name, capture: {two: ""}}]\n'
        '  - {request: interface.get_app_name, expect: {value: "${two}"}}'
    ),
    "reboot": (
        "  - login: {user: admin, password: admin}\n  - request: device.reboot\n"
        "  - {connect: true, expect: {error: link}}\n  - wait: 2s\n  - connect: true\n"
        "  - request: device.get_serial_number"
    ),
}


@pytest.mark.parametrize("steps", PASSING.values(), ids=PASSING)
def test_what_a_client_may_say(steps: str) -> None:
    outcome = play(steps)
    assert outcome.ok, outcome.failures[0].message
    assert not outcome.skipped


FAILING = {
    "refused": (
        "  - {request: interface.put_app_name, value: x}",
        "the answer has another status",
        "status ok",
        "UNAUTHORIZED (0x81)",
    ),
    "not refused": (
        "  - {request: interface.get_app_name, expect: {status: refused}}",
        "the answer has another status",
        "status refused",
        'OK (0x00) "Virtual Tap"',
    ),
    "another code": (
        "  - {request: interface.put_app_name, value: x, expect: {status: NOT_FOUND}}",
        "the answer has another status",
        "status NOT_FOUND (0x84)",
        "UNAUTHORIZED (0x81)",
    ),
    "a value": (
        "  - {request: interface.get_app_name, expect: {value: x}}",
        "the value is another one",
        "'x'",
        "'Virtual Tap'",
    ),
    "a field": (
        "  - {request: interface.get_security_options, expect: {value: {scram_activated: false}}}",
        "the value differs in scram_activated",
        "scram_activated false",
        "{'scram_activated': True",
    ),
    "bytes": (
        '  - {request: interface.get_app_name, expect: {body: "hex:01"}}',
        "the answer has another body",
        "hex:01",
        "hex:5669727475616c20546170",
    ),
    "no error": (
        "  - {request: interface.get_app_name, expect: {error: timeout}}",
        "no error came",
        "error timeout",
        'OK (0x00) "Virtual Tap"',
    ),
    "another error": (
        "  - disconnect: true\n  - {request: interface.get_app_name, expect: {error: timeout}}",
        "the error is another one",
        "error timeout",
        "error closed:",
    ),
    "no answer": (
        "  - disconnect: true\n  - {request: interface.get_app_name}",
        "there is no answer",
        "status ok",
        "error closed:",
    ),
    "a wrong password": (
        "  - {login: {user: admin, password: x}}",
        "the answer has another status",
        "status ok",
        "NOT_ACCEPTABLE (0x86) (login as 'admin': wrong user name or password)",
    ),
    "state": (
        "  - {check: {variable: lamp, equals: true}}",
        "the value is another one",
        "true",
        "false",
    ),
}


@pytest.mark.parametrize(("steps", "reason", "expected", "got"), FAILING.values(), ids=FAILING)
def test_a_failure_says_what_was_expected_and_what_came(steps: str, reason: str, expected: str, got: str) -> None:
    outcome = play(steps)
    (failure,) = outcome.failures
    assert failure.reason == reason
    assert failure.expected == expected
    assert failure.got.startswith(got)
    assert failure.where == f"scenario:{3 + len(steps.splitlines())}:5"
    assert not outcome.ok


def test_a_client_stops_at_its_first_failure_and_others_go_on() -> None:
    outcome = run(
        loads(
            "scenario: 1\nreplay:\n  clients:\n"
            "    - {name: one, steps: [{request: interface.get_app_name, expect: {value: x}}, {note: never}]}\n"
            "    - {name: two, steps: [{wait: 1s}, {request: interface.get_app_name}]}\n"
        )
    )
    assert [(each.client, each.text, each.status) for each in outcome.steps] == [
        ("one", "interface.get_app_name", "failed"),
        ("two", "wait 1s", "passed"),
        ("two", "interface.get_app_name", "passed"),
    ]


def test_a_failure_beside_others_stops_the_client_that_waits_for_them() -> None:
    outcome = play("  - parallel: [[{check: {variable: lamp, equals: true}}], [{wait: 1s}]]\n  - note: never")
    assert [each.text for each in outcome.steps] == ["check lamp", "wait 1s"]


def test_a_failure_in_a_loop_names_the_row() -> None:
    outcome = play("  - for_each: {table: [admin, nobody], do: [{login: {user: '${row}', password: admin}}]}")
    assert [each.text for each in outcome.steps] == ["login admin", "login nobody"]
    assert outcome.steps[1].status == "failed"


def test_secrets_are_not_told() -> None:
    text = (
        "scenario: 1\ninputs: {name: {default: hush-hush, secret: true}}\nreplay:\n"
        '  - {request: interface.get_app_name, expect: {value: "${name}"}}\n'
    )
    (failure,) = run(loads(text)).failures
    assert "***" in failure.expected
    assert "hush" not in failure.message


def test_an_hour_passes_in_no_time() -> None:
    begin = time.perf_counter()
    outcome = play("  - wait: 1h")
    assert outcome.virtual_duration == 3600
    assert time.perf_counter() - begin < 1


def test_a_scaled_clock_goes_by_itself() -> None:
    outcome = play("  - wait: 10s", "device: {clock: 1000x}")
    assert outcome.ok
    assert outcome.duration >= 0.01
    assert 10 <= outcome.virtual_duration < 1000


GET_NAME = "  - {request: interface.get_app_name, capture: {name: ''}}\n"


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ("  - {request: interface.get_app_name, expect: {value: {pattern: '(${name}'}}}", "a pattern that is none"),
        ("  - {request: interface.get_app_name, expect: {value: {range: '${name}'}}}", "a range that is none"),
        ("  - {request: interface.get_app_name, expect: {value: {one_of: '${name}'}}}", "expected a list of values"),
        ("  - {repeat: {times: '${name}', do: [note: x]}}", "is 'Virtual Tap', expected a whole number"),
        ("  - for_each: {table: [100000000000], as: n, do: [repeat: {times: '${n}', do: [note: x]}]}", "from 1 to"),
        ("  - for_each: {table: [true], as: n, do: [repeat: {times: '${n}', do: [note: x]}]}", "is True, expected"),
        (
            "  - for_each: {table: [65536], as: n, do: [{request: group.get_name, instance: '${n}'}]}",
            "has the instance 65536, expected a number from 0 to 65535",
        ),
        (
            "  - for_each: {table: [[1]], as: n, do: [{request: group.get_name, instance: '${n}'}]}",
            "has the instance [1], expected a number from 0 to 65535",
        ),
    ],
)
def test_what_is_filled_in_later_may_be_wrong(steps: str, reason: str) -> None:
    (failure,) = play(GET_NAME + steps).failures
    assert reason in failure.reason
    assert "Step(" not in failure.text


def test_a_scenario_that_says_too_much_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_STEPS", 50)
    outcome = play("  - repeat: {times: 1000000, do: [repeat: {times: 1000000, do: [note: x]}]}")
    (failure,) = outcome.failures
    assert failure.reason == "is one step too many, expected at most 50 in one run"
    assert len(outcome.steps) < 50


def test_a_tap_with_too_much_to_do_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual, "_MOST_MOVES", 50)
    outcome = play("  - wait: 8000h", "script: {rules: [{when: {every: 1ms}, then: {note: x}}]}\n")
    assert outcome.error == "the clock was moved 50 times until 0.051 s, expected less that is due, or less waiting"

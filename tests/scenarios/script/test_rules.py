"""When a rule acts: triggers, filters, counts, budgets, dice, machines."""

from typing import Any

import pytest

from emulator.device import Device
from protocol.client.links import LinkError
from protocol.codes import HostProtocol, ResultCode
from protocol.errors import RefusedError
from protocol.frames import Response
from tests.hosts import Host, make_device
from tests.scenarios.script.directed import direct, directed, notes, visit

BUSY = Response(ResultCode.BUSY)
SERIAL = "/3//2"
NAME = "/1024//9"


def acted(device: Device, rule: str, asks: int = 8) -> list[int]:
    """Which of so many equal requests a rule answers, from 1."""
    direct(device, f"[{rule}]")
    host = Host(device)
    return [number for number in range(1, asks + 1) if host.get(SERIAL) == BUSY]


COUNTS: list[tuple[str, str, list[int]]] = [
    ("", "", [1, 2, 3, 4, 5, 6, 7, 8]),
    (", nth: 3", "", [3]),
    (", every: 3", "", [3, 6]),
    (", first: 2", "", [1, 2]),
    (", after: 6", "", [7, 8]),
    (", between: [3, 5]", "", [3, 4, 5]),
    ("", ", times: 2", [1, 2]),
    (", every: 3", ", times: 1", [3]),
    (", after: 2", ", times: 2", [3, 4]),
    ("", ", probability: 0", []),
    ("", ", probability: 1", [1, 2, 3, 4, 5, 6, 7, 8]),
]


@pytest.mark.parametrize(("count", "budget", "expected"), COUNTS)
def test_counts_and_budgets(count: str, budget: str, expected: list[int]) -> None:
    device, _ = make_device()
    rule = f"{{when: {{request: device.get_serial_number{count}}}, then: {{answer: BUSY}}{budget}}}"
    assert acted(device, rule) == expected


PATTERNS: list[tuple[str, bool]] = [
    ("device.get_serial_number", True),
    ("device.*", True),
    ("/3//2", True),
    ("GET /3//2", True),
    ("/3/*/*", True),
    ("[interface.*, device.get_serial_number]", True),
    ("interface.*", False),
    ("/3//3", False),
]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_requests_by_name_glob_and_path(pattern: str, expected: bool) -> None:
    device, _ = make_device()
    assert bool(acted(device, f"{{when: {{request: {pattern}}}, then: {{answer: BUSY}}}}")) is expected


FILTERS: list[tuple[str, dict[str, Any], bool]] = [
    ("method: GET", {}, True),
    ("user: anonymous", {}, True),
    ("user: admin", {}, False),
    ("user: admin", {"login": True}, True),
    ("encrypted: true", {}, False),
    ("encrypted: true", {"login": True}, True),
    ("encrypted: false", {"login": True}, False),
    ("link: tcp", {}, True),
    ("link: 'tcp://127.0.0.1:2000'", {}, True),
    ("link: ws", {}, False),
    ("session: 2", {}, False),
    ("session: 3", {}, True),
    ("firmware: '>=1.86'", {}, True),
    ("firmware: '<1.86'", {}, False),
    ("in: {door: shut}", {}, True),
    ("in: {door: open}", {}, False),
    ("in: {door: shut, lamp: 'on'}", {}, False),
]


@pytest.mark.parametrize(("condition", "how", "expected"), FILTERS)
def test_filters(condition: str, how: dict[str, Any], expected: bool) -> None:
    device, _, _ = directed(
        f"""
        machines: {{door: {{states: [shut, open]}}, lamp: {{states: ["off", "on"], per: session}}}}
        rules: [{{when: {{request: device.get_serial_number, {condition}}}, then: {{answer: BUSY}}}}]
        """
    )
    Host(device), Host(device)
    host = Host(device)
    if how.get("login"):
        host.login()
    answer = host.secret("GET", SERIAL) if host.cipher else host.get(SERIAL)
    assert (answer == BUSY) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [("Bath", True), ("{pattern: '^B'}", True), ("{length: 3}", False), ("${x}", True)]
)
def test_filter_by_the_value_of_the_request(value: str, expected: bool) -> None:
    device, _ = make_device()
    rule = f"[{{when: {{request: interface.put_app_name, value: '{value}'}}, then: {{answer: BUSY}}}}]"
    direct(device, rule if "{" not in value or "$" in value else rule.replace(f"'{value}'", value), x="Bath")
    host = Host(device)
    host.login()
    assert (host.secret("PUT", NAME, b"Bath") == BUSY) is expected


def test_counts_are_of_the_matches_of_all_filters() -> None:
    device, _, script = directed("[{when: {request: device.*, encrypted: true, nth: 2}, then: {answer: BUSY}}]")
    host = Host(device)
    host.initialize()
    answers = [ask(SERIAL) for _ in range(3) for ask in (host.get, lambda path: host.secret("GET", path))]
    assert [number for number, answer in enumerate(answers) if answer == BUSY] == [3]
    assert script.states()["rules"] == [{"name": "rule 1", "matched": 3, "acted": 1}]


@pytest.mark.parametrize(("per", "expected"), [("tap", [[2], []]), ("session", [[2], [2]])])
def test_two_hosts_share_counts_or_have_their_own(per: str, expected: list[list[int]]) -> None:
    device, _, _ = directed(f"[{{when: {{request: device.*, nth: 2}}, then: {{answer: BUSY}}, per: {per}, times: 1}}]")
    hosts = Host(device), Host(device)
    found = [[number for number in (1, 2, 3) if host.get(SERIAL) == BUSY] for host in hosts]
    assert found == expected


def test_new_session_counts_anew() -> None:
    device, _, _ = directed("[{when: {request: device.*, first: 1}, then: {answer: BUSY}, per: session}]")
    for _ in range(3):
        host = Host(device)
        assert [host.get(SERIAL) == BUSY for _ in range(2)] == [True, False]
        device.disconnect(host.connection)


def test_dice_follow_from_the_seed_and_other_rules_do_not_change_them() -> None:
    lucky = "{name: lucky, when: {request: device.*}, then: {answer: BUSY}, probability: 0.3}"
    other = "{when: {request: device.*}, then: {note: x}, probability: 0.5}"
    drawn = []
    for seed, text in ((1, lucky), (1, lucky), (1, f"{lucky}, {other}"), (2, lucky)):
        device, _ = make_device()
        direct(device, f"[{text}]", seed=seed)
        host = Host(device)
        drawn.append([host.get(SERIAL) == BUSY for _ in range(100)])
    assert drawn[0] == drawn[1] == drawn[2] != drawn[3]
    assert 15 < sum(drawn[0]) < 45


RESULTS: list[tuple[str, str, bool]] = [
    ("ok", SERIAL, True),
    ("ok", "/1024//777", False),
    ("refused", SERIAL, False),
    ("refused", "/1024//777", True),
    ("NOT_FOUND", "/1024//777", True),
    ("UNAUTHORIZED", "/1024//777", False),
    ("any", SERIAL, True),
]


@pytest.mark.parametrize(("result", "path", "expected"), RESULTS)
def test_rule_with_a_result_acts_after_the_execution(result: str, path: str, expected: bool) -> None:
    device, _, _ = directed(f"[{{when: {{request: '/*/*/*', result: {result}}}, then: {{answer: BUSY}}}}]")
    assert (Host(device).get(path) == BUSY) is expected


def test_answer_after_the_execution_leaves_what_it_did() -> None:
    device, _, _ = directed("[{when: {request: interface.put_app_name, result: ok}, then: {answer: NVM_ERROR}}]")
    host = Host(device)
    host.login()
    assert host.secret("PUT", NAME, b"Bath").code == ResultCode.NVM_ERROR
    assert host.secret("GET", NAME).body == b"Bath"


def test_lost_request_has_no_result() -> None:
    device, _, _ = directed(
        """
        - {when: {request: device.*}, then: {drop: request}}
        - {when: {request: device.*, result: any}, then: {note: x}}
        """
    )
    assert Host(device).exchange(bytes.fromhex("A2CA00000701 0003 FFFF 0002")) == b""
    assert notes(device) == []


def test_first_answer_stands_and_all_rules_act() -> None:
    device, _, _ = directed(
        """
        - {name: one, when: {request: device.*}, then: {answer: BUSY}}
        - {name: two, when: {request: device.*}, then: [{answer: NVM_FULL}, {note: too}]}
        """
    )
    assert Host(device).get(SERIAL) == BUSY
    assert notes(device) == ["two: too"]
    assert [record.rules for record in device.journal] == [("one", "two")]


def test_first_two_logins_fail_and_the_third_works() -> None:
    device, _, _ = directed(
        "[{name: unlucky, when: {request: scram.login_proof, first: 2}, then: {answer: NOT_ACCEPTABLE}}]"
    )
    with visit(device, encrypted=False) as tap:
        for _ in range(2):
            with pytest.raises(RefusedError, match="wrong user name or password"):
                tap.login("admin", "admin")
        assert tap.login("admin", "admin").group_id == 65535


def test_rules_see_the_items_of_a_multi_request() -> None:
    device, _, _ = directed("[{when: {request: device.get_serial_number, nth: 2}, then: {answer: BUSY}}]")
    with visit(device) as tap:
        from protocol.client.calls import make_request

        answers = tap.multi_request([make_request("GET", SERIAL, b"")] * 3)
    assert [answer == BUSY for answer in answers] == [False, True, False]


MACHINE = """
machines: {{download: {{states: [idle, running], per: {per}}}}}
rules:
  - {{when: {{request: interface.get_app_name}}, then: {{enter: {{download: running}}}}}}
  - {{when: {{request: device.*, in: {{download: running}}}}, then: {{answer: BUSY}}}}
"""


@pytest.mark.parametrize(("per", "expected"), [("tap", [True, True]), ("session", [True, False])])
def test_machine_belongs_to_the_tap_or_to_each_session(per: str, expected: list[bool]) -> None:
    device, _, script = directed(MACHINE.format(per=per))
    one, other = Host(device), Host(device)
    one.get(NAME)
    assert [host.get(SERIAL) == BUSY for host in (one, other)] == expected
    running = {"tap": "running", "session": {"1": "running", "2": "idle"}}
    assert script.states()["machines"] == {"download": running[per]}
    device.disconnect(one.connection)
    assert (Host(device).get(SERIAL) == BUSY) is (per == "tap")


def test_tap_with_one_session_keeps_its_state_when_a_host_goes() -> None:
    device, _, _ = directed(MACHINE.format(per="session"), hosts="single")
    host = Host(device)
    host.get(NAME)
    device.disconnect(host.connection)
    assert Host(device).get(SERIAL) == BUSY


EVENTS: list[tuple[str, int]] = [
    ("event: connected", 2),
    ("event: disconnected", 1),
    ("event: [connected, disconnected]", 3),
    ("event: login", 1),
    ("event: login-failed", 2),
    ("event: login-failed, nth: 2", 1),
    ("event: connected, session: 2", 1),
    ("event: login, user: admin", 1),
    ("event: login, user: supervisor", 0),
    ("event: connected, link: mqtt", 0),
    ("event: logout", 0),
    ("event: key-made", 1),
]


@pytest.mark.parametrize(("when", "times"), EVENTS)
def test_events(when: str, times: int) -> None:
    device, _, _ = directed(f"[{{name: it, when: {{{when}}}, then: {{note: seen}}}}]")
    host, other = Host(device), Host(device)
    host.initialize()
    for password in ("wrong", "wrong", "admin"):
        host.proof("admin", password)
    device.disconnect(other.connection)
    assert notes(device) == ["it: seen"] * times


def test_event_enters_a_state_before_the_next_request() -> None:
    device, _, _ = directed(
        """
        machines: {door: {states: [shut, open], per: session}}
        rules:
          - {when: {event: login}, then: {enter: {door: open}}}
          - {when: {request: device.*, in: {door: open}}, then: {answer: BUSY}}
        """
    )
    host = Host(device)
    assert host.get(SERIAL) != BUSY
    host.login()
    assert host.secret("GET", SERIAL) == BUSY
    assert Host(device).get(SERIAL) != BUSY


def test_event_ends_the_connection_that_it_came_from() -> None:
    device, _, _ = directed("[{when: {event: login-failed}, then: {close: true}}]")
    with visit(device, encrypted=False) as tap:
        with pytest.raises(RefusedError):
            tap.login("admin", "wrong")
        with pytest.raises(LinkError, match="closed"):
            tap.service.device.get_serial_number()


def test_times() -> None:
    device, clock = make_device()
    clock.advance(7)
    direct(
        device,
        """
        - {name: once, when: {at: 30s}, then: {note: x}}
        - {name: again, when: {every: 20s}, then: {note: x}, times: 3}
        """,
    )
    seen = []
    while device.director is not None and (due := device.director.next_deadline()) is not None:
        clock.advance(due - clock.now())
        before = len(notes(device))
        device.tick()
        seen.append((clock.now() - 7, [note.partition(":")[0] for note in notes(device)[before:]]))
    assert seen == [(20, ["again"]), (30, ["once"]), (40, ["again"]), (60, ["again"])]


def test_late_tick_catches_up() -> None:
    device, clock, script = directed("[{when: {every: 10s}, then: {note: x}}]")
    clock.advance(35)
    device.tick()
    assert script.states()["rules"] == [{"name": "rule 1", "matched": 3, "acted": 3}]
    assert script.next_deadline() == 40


def test_snapshot_brings_back_counts_machines_dice_and_times() -> None:
    device, clock, script = directed(
        """
        machines: {door: {states: [shut, open]}}
        rules:
          - {when: {request: device.*}, then: {answer: BUSY}, probability: 0.5}
          - {when: {request: device.*, nth: 3}, then: {enter: {door: open}}}
          - {when: {at: 10s}, then: {note: late}}
        """
    )
    host = Host(device)
    host.get(SERIAL)
    clock.advance(4)
    before, snapshot = script.states(), device.snapshot()
    first = [host.get(SERIAL) for _ in range(10)]
    clock.advance(10)
    device.tick()
    device.restore(snapshot)
    assert script.states() == before
    assert [host.get(SERIAL) for _ in range(10)] == first
    assert script.next_deadline() == 14 + 6


def test_host_on_nfc_is_told_by_its_link() -> None:
    device, _, _ = directed("[{when: {request: device.*, link: nfc}, then: {answer: BUSY}}]")
    assert Host(device, "nfc://reader", HostProtocol.NFC).get(SERIAL) == BUSY
    assert Host(device).get(SERIAL) != BUSY

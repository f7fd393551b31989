"""Every operation through the client, over HTTP, at a Tap that is served for real."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from emulator.control import models
from emulator.control.client import ControlClient
from emulator.control.errors import ControlError
from emulator.control.models import MOST_WAIT
from emulator.control.operations import MOST_SNAPSHOTS
from protocol.client.blocking import Tap
from protocol.client.links import LinkError
from protocol.errors import ProtocolError
from tests.emulator.control.steered import Steered, steered


@pytest.fixture(scope="module")
def running() -> Iterator[Steered]:
    with steered(rate=0.0) as found:
        yield found


@pytest.fixture
def control(running: Steered) -> Iterator[ControlClient]:
    """Each test finds the Tap as it was at the start."""
    with running.client() as client:
        client.clear_journal()
        client.snapshot("before")
        yield client
        for armed in client.faults():
            client.disarm_fault(armed.name)
        for armed in client.scenarios():
            client.disarm(armed.name)
        client.set_rate(0)
        client.restore("before")
        client.clear_journal()


@pytest.fixture
def tap(running: Steered) -> Iterator[Tap]:
    with Tap(running.url) as found:
        yield found


def test_health_and_links(control: ControlClient, running: Steered) -> None:
    assert control.health().ready
    assert control.health().links == [running.url]
    assert [link.url for link in control.links()] == [running.url]


def test_device_shows_everything_but_secrets(control: ControlClient) -> None:
    device = control.device()
    assert device.firmware == "1.113.0"
    assert device.settings["interface.app_name"] == "Virtual Tap"
    assert {user.name for user in device.users} == {"anonymous", "supervisor", "admin"}
    assert "wifi.key" not in device.settings
    assert "admin" not in str(device.settings)
    assert [variable.name for variable in device.variables][:2] == ["temperature", "humidity"]


def test_settings_variables_and_firmware_change_as_the_world_would(control: ControlClient, tap: Tap) -> None:
    control.change_device(
        settings={"interface.app_name": "Changed"}, variables={"lamp": True, "temperature": 99.5}, firmware="1.86"
    )
    assert tap.service.interface.get_app_name() == "Changed"
    assert tap.service.device.get_firmware_version() == "1.86.0"
    assert control.variable("lamp").value is True
    assert control.variable("1").value == 99.5


BAD_CHANGES = [
    ({"settings": {"interface.app_nam": "x"}}, 404, "no setting 'interface.app_nam'"),
    ({"settings": {"interface.app_name": 7}}, 422, None),
    ({"settings": {"interface.host_inactivity_period": "soon"}}, 422, "whole number"),
    ({"settings": {"interface.app_name": "x"}, "variables": {"nothing": 1}}, 404, "temperature"),
    ({"settings": {"interface.app_name": "x"}, "variables": {"lamp": 3}}, 422, "lamp"),
    ({"settings": {"interface.app_name": "x"}, "firmware": "newest"}, 422, "firmware"),
]


@pytest.mark.parametrize(("change", "status", "message"), [each for each in BAD_CHANGES if each[2] is not None])
def test_a_bad_change_is_refused_and_nothing_is_done(
    control: ControlClient, change: dict[str, object], status: int, message: str
) -> None:
    with pytest.raises(ControlError, match=message) as refusal:
        control.change_device(**change)  # type: ignore[arg-type] # wrong on purpose
    assert refusal.value.status == status
    assert control.device().settings["interface.app_name"] == "Virtual Tap"


def test_looking_at_the_tap_changes_nothing(control: ControlClient) -> None:
    control.snapshot("unseen")
    assert control.device().variables
    control.variable("temperature")
    control.verify([{"variable": "temperature", "range": [-100, 100]}])
    assert control.diff("unseen") == []


def test_a_variable_is_set_beyond_its_range_and_against_its_signal(control: ControlClient) -> None:
    assert control.set_variable("setpoint", 500.0).value == 500.0
    assert control.set_variable("temperature", -40.0).value == -40.0
    control.advance(30)
    assert control.variable("temperature").value == -40.0
    assert len(control.variables()) == 5


def test_snapshot_brings_a_login_back(control: ControlClient, tap: Tap) -> None:
    tap.login("admin", "admin")
    control.snapshot("logged in")
    control.set_variable("lamp", True)
    tap.logout()
    changes = {change.what: (change.before, change.after) for change in control.diff("logged in")}
    assert any("lamp" in what for what in changes), changes
    control.restore("logged in")
    assert control.sessions()[-1].user == "admin"
    assert control.variable("lamp").value is False
    control.snapshot("again")
    assert not [change for change in control.diff("logged in", "again") if "lamp" in change.what]
    assert {each.name for each in control.snapshots()} >= {"logged in", "again"}
    control.delete_snapshot("again")
    with pytest.raises(ControlError, match="no snapshot 'again'"):
        control.restore("again")


def test_snapshots_are_limited(control: ControlClient) -> None:
    room = MOST_SNAPSHOTS - len(control.snapshots())
    for number in range(room):
        control.snapshot(f"many {number}")
    with pytest.raises(ControlError, match="delete one first") as refusal:
        control.snapshot("one too many")
    assert refusal.value.status == 409
    control.snapshot("many 0")
    for number in range(room):
        control.delete_snapshot(f"many {number}")


def test_reset_forgets_the_configuration(control: ControlClient) -> None:
    device = control.reset()
    assert device.factory
    assert device.variables == []
    assert control.journal(kind="factory-reset")


def test_reboot_closes_connections_and_comes_back(control: ControlClient, running: Steered) -> None:
    with Tap(running.url) as tap:
        tap.service.device.get_serial_number()
        control.reboot(3600)
        assert not control.health().ready
        with pytest.raises(LinkError):
            tap.service.device.get_serial_number()
    control.advance(3600)
    assert control.health().ready
    with Tap(running.url) as tap:
        tap.service.device.get_serial_number()


def test_time_is_moved_and_steered(control: ControlClient, tap: Tap) -> None:
    tap.login("admin", "admin")
    before = control.clock()
    assert before.rate == 0
    control.change_device(settings={"interface.host_inactivity_period": 0})
    assert control.advance(299).now == pytest.approx(before.now + 299)
    assert tap.service.interface.get_current_group_id() == 65535
    control.advance(301)
    assert tap.service.interface.get_current_group_id() == 0
    assert control.set_rate(10).rate == 10
    assert control.freeze().rate == 0


def test_seed_repeats_what_is_random(control: ControlClient, tap: Tap) -> None:
    keys = []
    for _ in range(2):
        assert control.set_seed(7).seed == 7
        keys.append(tap.service.scram.initialize())
    assert keys[0] == keys[1]
    assert control.seed().seed == 7
    control.snapshot("with seed")
    control.set_seed(None)
    assert control.seed().seed is None
    assert tap.service.scram.initialize() != keys[0]
    control.restore("with seed")
    assert control.seed().seed == 7
    control.delete_snapshot("with seed")


def test_sessions_are_shown_expired_and_closed(control: ControlClient, tap: Tap) -> None:
    tap.login("admin", "admin")
    (session,) = control.sessions()
    assert (session.user, session.user_id, session.encryption != "no key") == ("admin", 65535, True)
    assert control.expire_session(session.connection).user == "anonymous"
    assert control.journal(kind="session-expired")
    control.close_session(session.connection, reset=True)
    assert control.sessions() == []
    with pytest.raises(ProtocolError):
        tap.service.device.get_serial_number()
    with pytest.raises(ControlError, match="nobody is connected"):
        control.close_session(session.connection)


def test_a_fault_acts_as_often_as_it_may(control: ControlClient, tap: Tap) -> None:
    rule = {"when": {"request": "device.get_serial_number"}, "then": {"answer": "BUSY"}, "times": 1}
    armed = control.arm_fault(rule)
    assert [each.name for each in control.faults()] == [armed.name]
    assert tap.request("GET", "/3//2").code == 0x46
    assert tap.request("GET", "/3//2").success
    assert control.faults()[0].rules[0].acted == 1
    (entry,) = control.journal(code="BUSY")
    assert entry.rules
    control.disarm_fault(armed.name)
    assert control.faults() == []
    with pytest.raises(ControlError, match="no fault"):
        control.disarm_fault(armed.name)


SCENARIO = """
scenario: 1
name: Half a download
inputs: {code: {default: BUSY}}
script:
  machines: {download: {per: tap, states: [idle, running]}}
  rules:
    - name: begin
      when: {request: device.get_serial_number, in: {download: idle}}
      then: {enter: {download: running}, answer: "${code}"}
"""


def test_a_scenario_is_armed_and_shows_its_machines(control: ControlClient, tap: Tap) -> None:
    armed = control.arm(SCENARIO, inputs={"code": "NOT_FOUND"})
    assert armed.name == "Half a download"
    assert armed.machines == {"download": "idle"}
    assert tap.request("GET", "/3//2").code == 0x84
    assert control.scenario(armed.name).machines == {"download": "running"}
    with pytest.raises(ControlError, match="armed already") as refusal:
        control.arm(SCENARIO)
    assert refusal.value.status == 409
    control.arm({"scenario": 1, "script": {"rules": []}}, name="beside it")
    assert [each.name for each in control.scenarios()] == ["Half a download", "beside it"]
    control.disarm(armed.name)
    assert tap.request("GET", "/3//2").success


BAD_SCENARIOS: list[tuple[str | dict[str, object], str]] = [
    ("scenario: [", "expected"),
    ("scenario: 1\nscrip: {}", "scrip"),
    ("scenario: 1\ninclude: [/etc/passwd]", "include"),
    ("scenario: 1\ndevice: {config: /etc/passwd}", "config"),
    ({"scenario": 1, "script": {"rules": [{"when": {"request": "no.such"}, "then": {"drop": "answer"}}]}}, "no.such"),
]


@pytest.mark.parametrize(("scenario", "message"), BAD_SCENARIOS)
def test_a_bad_scenario_is_refused(control: ControlClient, scenario: str | dict[str, object], message: str) -> None:
    with pytest.raises(ControlError, match=message) as refusal:
        control.arm(scenario)
    assert refusal.value.status == 422
    assert control.scenarios() == []


def test_journal_is_queried_by_what_is_asked(control: ControlClient, tap: Tap) -> None:
    tap.service.device.get_serial_number()
    assert not tap.request("PUT", "/interface/app-name", b"x").success
    queries: list[tuple[dict[str, object], int]] = [
        ({"request": "device.*"}, 1),
        ({"request": "/3//*"}, 1),
        ({"request": "/1024//9", "code": "refused"}, 1),
        ({"code": "UNAUTHORIZED"}, 1),
        ({"code": "81"}, 1),
        ({"code": "0x81"}, 1),
        ({"kind": "connected"}, 1),
        ({"kind": "request"}, 2),
        ({"link": "tcp:"}, 3),
        ({"link": "ws:"}, 0),
        ({"connection": 10**6}, 0),
        ({"limit": 1}, 1),
    ]
    for query, count in queries:
        assert len(control.journal(**query)) == count, query  # type: ignore[arg-type] # of several types
    first, *rest = control.journal()
    assert control.journal(since=first.number) == rest
    with pytest.raises(ControlError, match="kind: 'lunch' is none of"):
        control.journal(kind="lunch")
    control.clear_journal()
    assert control.journal() == []


def test_waiting_ends_with_the_request_or_with_the_time(control: ControlClient, tap: Tap) -> None:
    timer = threading.Timer(0.05, tap.service.device.get_serial_number)
    timer.start()
    (entry,) = control.wait(request="device.get_serial_number")
    assert entry.answer is not None
    timer.join()
    assert control.wait(request="device.get_serial_number") == [entry]
    with pytest.raises(TimeoutError, match="1 of 2"):
        control.wait(request="device.get_serial_number", count=2, timeout=0.05)


def test_verify_tells_what_is_missing(control: ControlClient, tap: Tap) -> None:
    tap.service.device.get_serial_number()
    items: list[dict[str, Any]] = [
        {"request": "device.get_serial_number", "count": 1},
        {"never": {"request": "device.get_serial_number"}},
    ]
    verdicts = control.verify(items)
    assert [each.passed for each in verdicts.results] == [True, False]
    assert not verdicts.passed
    assert verdicts.results[1].message
    with pytest.raises(ControlError, match="requst"):
        control.verify([{"requst": "x"}])


def test_the_stream_tells_live_and_ends_with_the_client(control: ControlClient, running: Steered) -> None:
    with Tap(running.url) as tap:
        tap.service.device.get_serial_number()
        first, second = _take(control.stream(since=0, kind="request"), 1), control.journal(kind="request")
        assert first == second
        stream = control.stream(request="device.*")
        later = threading.Timer(0.05, tap.service.device.get_serial_number)
        later.start()
        (entry,) = _take(stream, 1)
        later.join()
        assert entry.call == "device.get_serial_number"


def _take(stream: Iterator[models.Entry], count: int) -> list[models.Entry]:
    return [next(stream) for _ in range(count)]


def test_a_stream_ends_when_the_tap_stops() -> None:
    with ExitStack() as after_the_tap:
        with steered() as running:
            control = after_the_tap.enter_context(running.client())
            with Tap(running.url) as tap:
                tap.service.device.get_serial_number()
            control.wait(kind="disconnected")
            stream = control.stream(since=0)
            entries = [next(stream)]
        entries += stream
    assert [entry.kind or entry.call for entry in entries] == ["connected", "device.get_serial_number", "disconnected"]


def test_whoever_comes_while_the_tap_stops_does_not_wait() -> None:
    with steered() as running, running.client() as control:
        with Tap(running.url):
            control.wait(kind="connected")
        running.api.let_go()
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="0 of 1"):
            control.wait(kind="reboot", timeout=MOST_WAIT)
        assert time.monotonic() - began < MOST_WAIT
        assert [entry.kind for entry in control.stream(since=0)][:1] == ["connected"]


def test_nothing_is_fuzzed_but_by_fuzz_serve(control: ControlClient) -> None:
    for ask in (control.fuzzing, control.fuzz_next, lambda: control.fuzz_next("clean")):
        with pytest.raises(ControlError, match=r"nothing is fuzzed here; expected .*fuzz serve") as refused:
            ask()
        assert refused.value.status == 409
    control.arm(
        {
            "scenario": 1,
            "name": "fuzz",
            "script": {"rules": [{"when": {"request": "device.*"}, "then": {"answer": "BUSY"}}]},
        }
    )
    assert [armed.name for armed in control.scenarios()] == ["fuzz"]
    control.disarm("fuzz")

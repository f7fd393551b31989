"""What a script does to the Tap and to the world around it."""

import struct
from contextlib import suppress

import pytest

from emulator.blueprint import Variable
from emulator.device import RefusedConnectionError
from emulator.directors import Directors
from emulator.effects import Reboot, Send
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.client.links import LinkError
from protocol.codes import ResultCode
from protocol.frames import Response
from tests.hosts import Host, make_device
from tests.scenarios.script.directed import direct, directed, notes, visit

BUSY = Response(ResultCode.BUSY)
SERIAL = "/3//2"
NAME = "/1024//9"
TEMPERATURE, SETPOINT, LAMP, MESSAGE = ("/1029/1/4", "/1029/3/4", "/1029/4/4", "/1029/5/4")


def on(trigger: str, action: str) -> str:
    return f"[{{name: it, when: {{{trigger}}}, then: {action}}}]"


FIRST = "request: device.get_serial_number, first: 1"

SET: list[tuple[str, str, bytes]] = [
    ("{temperature: 99.5}", TEMPERATURE, struct.pack(">f", 99.5)),
    ("{setpoint: 99}", SETPOINT, struct.pack(">f", 99)),
    ("{lamp: 1}", LAMP, b"\1"),
    ("{lamp: true}", LAMP, b"\1"),
    ("{message: hello}", MESSAGE, b"hello".ljust(16, b"\0")),
    ("{'3': 7}", SETPOINT, struct.pack(">f", 7)),
]


@pytest.mark.parametrize("trigger", [FIRST, "event: connected", "at: 5s"])
@pytest.mark.parametrize(("values", "path", "expected"), SET)
def test_variables_are_set(trigger: str, values: str, path: str, expected: bytes) -> None:
    device, clock, _ = directed(on(trigger, f"{{set: {values}}}"))
    host = Host(device)
    host.get(SERIAL)
    clock.advance(5)
    device.tick()
    clock.advance(5)
    assert host.get(path).body == expected


def test_settings_are_set_and_stay_whatever_the_request_comes_to() -> None:
    device, _, _ = directed(
        on("request: '/1024//9'", "{settings: {interface.app_name: Bath, scram.hash_iteration: 77}}")
    )
    host = Host(device)
    assert host.put(NAME, b"Kitchen").code == ResultCode.UNAUTHORIZED
    assert host.get(NAME).body == b"Bath"
    assert device.state["scram.hash_iteration"] == 77


@pytest.mark.parametrize(
    ("start", "name", "path"), [("from: 10, ", "temperature", TEMPERATURE), ("", "setpoint", SETPOINT)]
)
def test_ramp_moves_evenly_and_stays_at_its_end(start: str, name: str, path: str) -> None:
    device, clock, script = directed(on(FIRST, f"{{ramp: {{variable: {name}, {start}to: 31, over: 10s}}}}"))
    host = Host(device)
    before = host.get(path).body
    clock.advance(3)
    host.get(SERIAL)
    low = 10 if start else 21

    def read() -> float:
        (value,) = struct.unpack(">f", host.get(path).body)
        return float(value)

    found = []
    for _ in range(6):
        found.append(read())
        clock.advance(2.5)
    expected = [low + (31 - low) * part for part in (0, 0.25, 0.5, 0.75, 1, 1)]
    assert found == pytest.approx(expected, abs=1e-4)
    script.disarm()
    assert host.get(path).body == before or name == "temperature"


def test_written_variable_leaves_its_ramp() -> None:
    device, clock, _ = directed(on(FIRST, "{ramp: {variable: setpoint, to: 30, over: 10s}}"))
    host = Host(device)
    host.get(SERIAL)
    clock.advance(5)
    assert host.post("/1029/3/5", struct.pack(">f", 8)).success
    clock.advance(1)
    assert host.get(SETPOINT).body == struct.pack(">f", 8)


TARGET = "/1029/1/4"


@pytest.mark.parametrize(
    ("action", "later"),
    [
        ("{target_error: TARGET_PROTOCOL_COM}", ResultCode.TARGET_PROTOCOL_COM),
        ("{target_error: {code: TARGET_PROTOCOL_COM, for: 5s}}", ResultCode.OK),
        ("[{target_error: TARGET_PROTOCOL_COM}, {target_error: off}]", None),
    ],
)
def test_target_fails(action: str, later: ResultCode | None) -> None:
    device, clock, script = directed(on(FIRST, action))
    host = Host(device)
    host.get(SERIAL)
    if later is None:
        assert host.get(TARGET).success
        return
    assert host.get(TARGET).code == ResultCode.TARGET_PROTOCOL_COM
    clock.advance(5)
    device.tick()
    assert host.get(TARGET).code == later
    script.disarm()
    assert host.get(TARGET).success


def test_newer_target_error_outlives_the_end_of_the_older() -> None:
    device, clock, _ = directed(
        """
        - {when: {request: device.get_serial_number}, then: {target_error: {code: TARGET_PROTOCOL_COM, for: 5s}}}
        - {when: {request: interface.get_app_name}, then: {target_error: TARGET_PROTOCOL_BUSY}}
        """
    )
    host = Host(device)
    host.get(SERIAL)
    host.get(NAME)
    clock.advance(5)
    device.tick()
    assert host.get(TARGET).code == ResultCode.TARGET_PROTOCOL_BUSY


def test_busy_for_some_requests_or_some_time() -> None:
    for action, expected in (("3", [True, True, True, False]), ("2s", [True, True, False, False])):
        device, clock, script = directed(on(FIRST, f"{{busy: {action}}}"))
        host, found = Host(device), []
        for _ in range(4):
            found.append(host.get(SERIAL) == BUSY)
            clock.advance(1)
        assert found == expected
        assert script.states()["busy"] is None
        assert [record.rules for record in device.journal] == [("it",) if busy else () for busy in expected]


def test_busy_from_a_time_on_meets_every_host() -> None:
    device, clock, script = directed(on("at: 5s", "{busy: 2s}"))
    hosts = Host(device), Host(device)
    clock.advance(5)
    device.tick()
    assert script.states()["busy"] == {"seconds": 2.0, "requests": None}
    assert [host.get(SERIAL) for host in hosts] == [BUSY, BUSY]
    script.disarm()
    assert hosts[0].get(SERIAL) != BUSY


@pytest.mark.parametrize(("given", "seconds"), [("true", 1.0), ("5s", 5.0)])
@pytest.mark.parametrize("trigger", [FIRST, "event: connected", "at: 1s"])
def test_reboot(trigger: str, given: str, seconds: float) -> None:
    device, clock, _ = directed(on(trigger, f"{{reboot: {given}}}").replace("then", "times: 1, then"))
    host = Host(device)
    if trigger != FIRST:
        due = device.next_deadline()
        assert due is not None
        assert due <= 1
        clock.advance(due - clock.now())
        effects = device.tick()
    else:
        assert host.get(SERIAL).success
        effects = host.effects
    assert [effect.seconds for effect in effects if isinstance(effect, Reboot)] == [seconds]
    clock.advance(seconds - 0.1)
    with pytest.raises(RefusedConnectionError):
        Host(device)
    clock.advance(0.1)
    assert Host(device).get(SERIAL).success


def test_what_follows_a_reboot_is_done_to_the_tap_that_starts() -> None:
    device, clock, _ = directed(on("event: reboot", "{set: {message: hello}}"))
    host = Host(device)
    host.login()
    host.secret("POST", "/3//4")
    clock.advance(2)
    device.tick()
    assert Host(device).get(MESSAGE).body == b"hello".ljust(16, b"\0")


@pytest.mark.parametrize(("failure", "left"), [("lost", b"AAAAAAAA"), ("kept", b"BBBBBBBB"), ("torn", b"BBBBAAAA")])
def test_power_failure_in_the_middle_of_a_write(failure: str, left: bytes) -> None:
    stored = VariableType(Domain.IN_TAP_STATIC, DataType.ASCII)
    device, clock = make_device(variables={5: Variable(stored, 8, None, meta=b"text:")}, values={5: b"AAAAAAAA"})
    direct(device, on("request: variable.put_value", f"{{power_failure: {failure}}}"))
    host = Host(device)
    host.login()
    with suppress(ValueError):
        host.exchange(b"")
    with visit(device, encrypted=False) as tap:
        tap.login("admin", "admin")
        with pytest.raises(LinkError):
            tap.call(object, "variable.put_value", b"BBBBBBBB", 5)
    assert device.state.values[5] == left
    with pytest.raises(RefusedConnectionError):
        Host(device)
    clock.advance(2)
    assert Host(device).get(SERIAL).success


def test_power_fails_also_where_the_request_is_refused() -> None:
    device, _, _ = directed(on("request: interface.put_app_name", "{power_failure: torn}"))
    host = Host(device)
    host.exchange(bytes.fromhex("A2DA000008 03 0400 FFFF 0009 41"))
    assert host.rebooted
    assert not any(isinstance(effect, Send) for effect in host.effects)


def test_unreachable() -> None:
    device, clock, _ = directed(on("at: 1s", "{unreachable: 5s}"))
    host = Host(device)
    clock.advance(1)
    device.tick()
    assert not host.connection.open
    clock.advance(4)
    with pytest.raises(RefusedConnectionError):
        Host(device)
    clock.advance(1)
    assert Host(device).get(SERIAL).success


@pytest.mark.parametrize(("whose", "left"), [("session", [0, 65535]), ("all", [0, 0])])
def test_logins_expire(whose: str, left: list[int]) -> None:
    device, _, _ = directed(on(FIRST, f"{{expire: {whose}}}"))
    hosts = Host(device), Host(device)
    for host in hosts:
        host.login()
    hosts[0].secret("GET", SERIAL)
    assert [host.connection.session.group_id for host in hosts] == left
    kinds = [getattr(entry, "kind", None) for entry in device.journal.entries]
    assert kinds.count("session-expired") == left.count(0)


def test_firmware_changes() -> None:
    device, _, _ = directed(on("event: login", "{firmware: '1.85'}"), firmware="1.86")
    host = Host(device)
    assert host.get("/1024//45", bytes(16)).success
    host.login()
    assert host.get("/1024//45", bytes(16)).code == ResultCode.NOT_IMPLEMENTED


def test_event_during_a_request_is_acted_on_after_it() -> None:
    device, _, _ = directed(on("event: locked", "[{settings: {interface.app_name: Locked}}, {reboot: true}]"))
    host = Host(device)
    for _ in range(3):
        host.proof("admin", "wrong")
    assert host.rebooted
    assert device.state["interface.app_name"] == "Locked"


def test_disarmed_script_leaves_the_tap_alone() -> None:
    device, clock, script = directed(
        "[{when: {request: device.*}, then: {answer: BUSY}}, {when: {at: 5s}, then: {note: x}}]"
    )
    host = Host(device)
    assert host.get(SERIAL) == BUSY
    script.disarm()
    assert host.get(SERIAL) != BUSY
    clock.advance(9)
    device.tick()
    assert notes(device) == []


def test_busy_is_over_when_its_time_is_whether_asked_or_not() -> None:
    device, clock, script = directed(on("at: 1s", "{busy: 2s}"))
    clock.advance(1)
    device.tick()
    clock.advance(2)
    assert script.states()["busy"] is None


def test_two_scripts_side_by_side_where_the_first_answers() -> None:
    device, _, first = directed(on("request: device.*", "{answer: BUSY}"))
    second = direct(device, "[{name: other, when: {event: logout}, then: {note: seen}}]")
    device.director = Directors({"first": first, "second": second})
    host = Host(device)
    host.login()
    assert host.secret("GET", SERIAL) == BUSY
    assert host.secret("POST", "/1024//1").success
    assert notes(device) == ["other: seen"]

"""Differences between two snapshots, as people read them."""

import json
from collections.abc import Callable

import pytest

from emulator.blueprint import Bundle, Group, Simulation, Variable
from emulator.device import Device
from emulator.signals import Ramp
from emulator.state_diff import Change, diff
from emulator.targets.spec import TargetSpec
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.client.jsonable import to_json
from protocol.codes import Rights
from protocol.firmware import Version
from tests.hosts import HOST_INACTIVITY, LINK, Host, make_device

FLOAT = VariableType(Domain.IN_TAP_STATIC, DataType.FLOAT32)
VOLATILE = VariableType(Domain.IN_TAP_VOLATILE, DataType.ASCII)
BYTE = VariableType(Domain.TARGET, DataType.UINT8)
VARIABLES = {
    1: Variable(FLOAT, bundle=1, meta=b"setpoint:C"),
    2: Variable(VOLATILE, length=8, bundle=1, meta=b"message:"),
    3: Variable(BYTE, bundle=1, address=0x2000_0000, meta=b"lamp:"),
    4: Variable(BYTE, bundle=1, address=0x2000_0001, meta=b"twin:"),
    5: Variable(BYTE, bundle=1, address=0x2000_0002, meta=b"twin:"),
    6: Variable(BYTE, bundle=1, address=0x2000_0003, meta=b"level:"),
}


def make_tap() -> Device:
    device, _ = make_device(
        bundles={1: Bundle("all", {0: Rights.READ})},
        variables=VARIABLES,
        simulations={6: Simulation(Ramp(0, 200, 200))},
        target=TargetSpec(auto_connect=True),
        groups={5: Group("tech", b"tech", 5)},
        settings={HOST_INACTIVITY: 0, "interface.app_name": "A"},
    )
    device.target.connect()
    return device


def write(variable: int, value: bytes) -> Callable[[Device], object]:
    return lambda device: device.variables.write(variable, VARIABLES[variable], value)


def lock(device: Device) -> None:
    for _ in range(3):
        device.lockout.fail(device.clock.now())


CASES: list[tuple[Callable[[Device], object], list[str]]] = [
    (lambda device: None, []),
    (lambda device: device.state.put("interface.app_name", "B"), ['setting interface.app_name: "A" -> "B"']),
    (lambda device: device.state.post("interface.app_name", "B"), ['setting interface.app_name: "A" -> "B"']),
    (lambda device: device.state.put("wifi.key", "secret"), ["setting wifi.key: <hidden> -> <hidden>"]),
    (lambda device: device.state.keep("group", 5, Group("t", b"x", 5)), [
        'group 5 name: "tech" -> "t"', "group 5 password: <hidden> -> <hidden>"]),
    (lambda device: device.state.remove("group", 5), [
        'group 5: name "tech", password <hidden>, alias 5, lifetime 300 -> nothing']),
    (lambda device: device.state.keep("bundle", 1, Bundle("all", {0: Rights.READ | Rights.WRITE})), [
        'bundle 1 rights: 0 "READ" -> 0 "READ|WRITE"']),
    (write(1, bytes.fromhex("41a80000")), ["value of setpoint: 0.0 -> 21.0"]),
    (write(2, b"hello"), ['value of message: "" -> "hello"']),
    (write(3, b"\x07"), ["value of lamp: 0 -> 7"]),
    (write(5, b"\x07"), ["value of variable 5: 0 -> 7"]),
    (write(6, b"\x07"), ["value of level: <follows its signal> -> 7"]),
    (lambda device: device.variables.read(6, VARIABLES[6]), []),
    (lambda device: device.state.keep("packet", 3, b"x"), [
        "log packets: 0 -> 1", "newest log packet: nothing -> 3"]),
    (lambda device: device.change_firmware(Version(1, 80)), ['firmware: "1.113.0" -> "1.80.0"']),
    (lock, ["logins locked: false -> true"]),
    (lambda device: setattr(device, "paired", True), ["paired: false -> true"]),
    (lambda device: device.target.disconnect(), ["target connected: true -> false"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), CASES)
def test_changes(change: Callable[[Device], object], expected: list[str]) -> None:
    device = make_tap()
    before = device.snapshot()
    change(device)
    device.state.commit()
    changes = diff(before, device.snapshot())
    assert list(map(str, changes)) == expected
    assert json.loads(json.dumps(to_json(changes))) == [
        {"what": each.what, "before": each.before, "after": each.after} for each in changes
    ]


def test_who_is_there() -> None:
    device = make_tap()
    gone = Host(device)
    host = Host(device)
    before = device.snapshot()
    device.disconnect(gone.connection)
    host.login("admin")
    Host(device)
    what = {change.what: (change.before, change.after) for change in diff(before, device.snapshot())}
    assert what["connection 2 user"] == ("anonymous", "admin")
    assert what["connection 2 key"] == (None, "<hidden>")
    assert what["connection 2 encryption"][0] == "no key"
    assert what["connection 1"][1] is None
    assert what["connection 3"] == (None, {"link": LINK, "user": "anonymous", "encryption": "no key", "key": None})


def test_no_secret_is_told() -> None:
    device = make_tap()
    before = device.snapshot()
    device.state.put("mqtt.password", "PASSWORD")
    device.state.put("data_log.crypto_key", b"PASSWORDPASSWORDPASSWORDPASSWORD")
    device.state.keep("group", 9, Group("new", b"PASSWORD", 9))
    device.state.commit()
    changes = diff(before, device.snapshot())
    assert [each.what for each in changes] == ["setting data_log.crypto_key", "setting mqtt.password", "group 9"]
    assert "PASSWORD" not in "".join(map(str, changes)) + json.dumps(to_json(changes))
    assert b"PASSWORD".hex() not in json.dumps(to_json(changes))
    assert str(Change("x", None, "<hidden>")) == "x: nothing -> <hidden>"


def test_factory_reset() -> None:
    device = make_tap()
    before = device.snapshot()
    device.state.factory_reset()
    device.state.commit()
    told = [str(each) for each in diff(before, device.snapshot())]
    assert any(each.startswith('setting interface.app_name: "A" -> ') for each in told)
    assert "flag erased: nothing -> true" in told
    assert "value of lamp: 0 -> nothing" in told

"""Conversations that the vendor's client had with a test device which knows less than a Tap, held with a Tap.

Where the Tap answers something else, the table says what and why; a step that is not in it has the same bytes.
"""

from typing import Any

import pytest

from emulator.blueprint import Blueprint, Bundle, Variable
from emulator.clock import VirtualClock
from emulator.device import Device
from protocol.apdu import split_answer
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import Rights
from protocol.frames import Response
from tests.hosts import Host, ScriptedEntropy
from tests.vectors import load

VISITS = {flow["name"]: flow["steps"] for flow in load("visits")["flows"]}
SESSION_KEY = bytes(range(0xA0, 0xB0)).hex()
DEVICE_IV = bytes(range(0xB0, 0xC0)).hex()
FLOAT = VariableType(Domain.TARGET, DataType.FLOAT32)

SENSORS = Blueprint(
    bundles={1: Bundle("Sensors", {0: Rights.READ | Rights.WRITE})},
    variables={
        1: Variable(FLOAT, bundle=1, address=0x20000000, meta=b"temp:C"),
        2: Variable(FLOAT, bundle=1, address=0x20000004, meta=b"hum:%"),
    },
    values={1: bytes.fromhex("40537f3a"), 2: bytes.fromhex("41f38d72")},
)
"""What the test device knew of data."""

ANY_SUCCESS = ""
OTHER_ANSWERS: dict[str, dict[int, str]] = {
    # The test device has no pins; ours keep what was written.
    "gpio": {3: "0001", 4: "0003", 5: "00000100"},
    # The packet of the test is no packet, which a Tap sees when it is complete.
    "firmware update": {6: "00515952406f057fa86db77d30d4ed6713"},
    # Nothing is configured, so there is nothing to log.
    "data log download": {3: "000000", 4: "84", 5: "84"},
    # The firmware version has three numbers, and a PUT is answered without a value.
    "configurator write (hash)": {1: "00312e3131332e30", 41: "00"},
    "configurator write (scram)": {1: "00312e3131332e30", 45: "00700253e5789b72c1f2e7f733e768cfc2"},
    # The test device knew four of these resources, a Tap has them all.
    "configurator read": dict.fromkeys(range(1, 45), ANY_SUCCESS),
}


@pytest.mark.parametrize("name", VISITS)
def test_answers(name: str) -> None:
    device = Device(SENSORS, clock=VirtualClock(), entropy=ScriptedEntropy([SESSION_KEY, DEVICE_IV]))
    host = Host(device)
    for number, (request, answer) in enumerate(VISITS[name], start=1):
        found = host.exchange(bytes.fromhex(request)).hex()
        other = OTHER_ANSWERS.get(name, {}).get(number)
        if other == ANY_SUCCESS:
            assert Response.from_bytes(split_answer(bytes.fromhex(found))).success, f"step {number}"
        else:
            assert found == (answer if other is None else f"{other}9000"), f"step {number}"


@pytest.mark.parametrize("name", OTHER_ANSWERS)
def test_table_names_only_what_differs(name: str) -> None:
    for number, other in OTHER_ANSWERS[name].items():
        assert other == ANY_SUCCESS or f"{other}9000" != VISITS[name][number - 1][1]


def visit(name: str) -> Device:
    device = Device(Blueprint(), clock=VirtualClock(), entropy=ScriptedEntropy([SESSION_KEY, DEVICE_IV]))
    host = Host(device)
    for request, _ in VISITS[name]:
        host.exchange(bytes.fromhex(request))
    return device


@pytest.mark.parametrize("name", ["configurator write (hash)", "configurator write (scram)"])
def test_what_the_configurator_wrote_is_there(name: str) -> None:
    state = visit(name).state
    expected: dict[str, Any] = {
        "interface.app_name": "Demo",
        "interface.universal_link": "https://example.test",
        "interface.app_path": "$4/com.example",
        "wifi.ssid": "tap",
    }
    assert {key: state[key] for key in expected} == expected
    assert not state.factory
    assert {group_id: state.groups[group_id].name for group_id in (5, 6)} == {5: "user1", 6: "user2"}
    assert state.groups[6].alias == 5
    bundle = state.bundles[1]
    assert (bundle.name, bundle.log_period) == ("Memory", 60)
    assert dict(bundle.rights) == {0: Rights.READ | Rights.WRITE, 65535: Rights.READ | Rights.WRITE}
    free, volatile = state.variables[2], state.variables[7]
    assert (free.name, free.meta, free.meta_size, free.bundle, free.address) == ("free", b"free:MB", 7, 1, 2)
    assert (free.type, free.length) == (VariableType(Domain.TARGET, DataType.UINT16), 1)
    assert (volatile.type, volatile.length) == (VariableType(Domain.IN_TAP_STATIC, DataType.UINT8), 2)
    assert state.values[7] == b"\x01\x02"

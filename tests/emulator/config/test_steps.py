"""The requests that make a Tap what a configuration says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulator.blueprint import ADMIN, SUPERVISOR, Blueprint, Bundle, Group, Variable, factory_groups
from emulator.clock import VirtualClock
from emulator.config import load
from emulator.config.steps import CHUNK, plan, steps
from emulator.device import Device
from emulator.links import memory
from protocol.bodies.interface import LowPowerOptimizationLevel, NfcPairingMode, SecurityOptions
from protocol.bodies.target import TargetProtocol
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.bodies.wifi import WifiMode
from protocol.client.blocking import Tap
from protocol.client.links import unregister_memory_peer
from protocol.codes import HostProtocol, Rights
from protocol.firmware import CONFIGURATION_MODE, Version
from protocol.resources.model import Kept
from protocol.resources.registry import SETTINGS
from protocol.scram import RECORD_SIZE, PasswordKey, password_hash

DEVICES = Path(__file__).parents[4] / "shared" / "devices"
HASHED = SecurityOptions(hash_password=True)
SCRAM = SecurityOptions(scram_activated=True, hash_password=True)

# What @iotize/tap 2.7.0 wrote for a configuration with all kinds of parts, from configuration mode to final version;
# methods are 2 POST and 3 PUT.
CONFIGURATOR = """
    3 /1024//10 ffffffff
    3 /1024//9 44656d6f
    3 /1024//19 68747470733a2f2f6578616d706c652e74657374
    3 /1024//11 24342f636f6d2e6578616d706c65
    2 /1028/1/65535
    3 /1028/1/4 4d656d6f7279
    3 /1028/1/2 0000003c
    3 /1028/1/0 410003
    3 /1028/1/0 61ff03
    3 /1025//4 012c
    2 /1025//2 0155affc023aff6882f56a4e0d9c5466
    2 /1025/5/65535
    3 /1025/5/0 7573657231
    3 /1025/5/4 003c
    2 /1025/5/2 0b28e4170f594119b3b44f78aefc66f7
    2 /1025/6/65535
    3 /1025/6/0 7573657232
    3 /1025/6/4 003c
    3 /1025/6/5 0005
    2 /1025/6/2 f24710d488bcd7fbea6e5431423b6eb5
    3 /1025/65534/4 001e
    2 /1025/65534/2 99c243d5f82eb712c281d5ffe7d12097
    2 /1024//101 0001
    2 /1029/2/65535 07
    3 /1029/2/2 01
    3 /1029/2/1 22
    3 /1029/2/6 0001
    3 /1029/2/0 00000002
    3 /1029/2/8 667265653a4d42
    2 /1029/7/65535
    3 /1029/7/2 02
    3 /1029/7/1 a1
    3 /1029/7/6 0001
    2 /1029/7/5 0102
    3 /1024//14 00
    3 /1027//1 03
    3 /1027//21 0a00010080250001
    3 /1027//6 01000000
    3 /1024//34 1e
    3 /1024//17 0041
    3 /1024//13 00
    3 /1024//15 00
    3 /1024//25 746170
    3 /1024//6 0008
    3 /1024//10 02010000
"""

OUR_WAY = {
    "3 /1028/1/0 61ff03": "3 /1028/1/0 61ffff03",  # the vendor's encoder cuts the id of the admin
    "2 /1024//101 0001": "3 /1024//101 0001",  # stored, so that a reboot keeps it
    "3 /1024//34 1e": "3 /1024//34 001e",  # two bytes, as the other vendor clients write them
}

THE_SAME = Blueprint(
    settings={
        "interface.app_name": "Demo",
        "interface.universal_link": "https://example.test",
        "interface.app_path": "$4/com.example",
        "interface.serial_access_bundle": 1,
        "interface.power_optimisation_level": LowPowerOptimizationLevel.NO,
        "interface.host_inactivity_period": 30,
        "interface.authorized_host_protocol": HostProtocol.NFC | HostProtocol.BLE,
        "interface.nfc_pairing_mode": NfcPairingMode.NO,
        "interface.security_options": HASHED,
        "interface.config_version": Version(2, 1),
        "target.protocol": TargetProtocol.MODBUS,
        "target.protocol_configuration": bytes.fromhex("0a00010080250001"),
        "target.firmware_version": Version(1),
        "wifi.mode": WifiMode.PEER_TO_PEER,
        "wifi.ssid": "tap",
    },
    groups={
        0: factory_groups()[0],
        ADMIN: Group("admin", b"admin", ADMIN, 300),
        5: Group("user1", b"pw", 5, 60),
        6: Group("user2", password_hash("pw2"), 5, 60),
        SUPERVISOR: Group("supervisor", b"supervisor", SUPERVISOR, 30),
    },
    bundles={1: Bundle("Memory", {0: Rights.READ | Rights.WRITE, ADMIN: Rights.READ | Rights.WRITE}, 60)},
    variables={
        2: Variable(VariableType(Domain.TARGET, DataType.UINT16), 1, 1, 2, b"free:MB", 7),
        7: Variable(VariableType(Domain.IN_TAP_STATIC, DataType.UINT8), 2, 1),
    },
    values={7: b"\x01\x02"},
)


def written(blueprint: Blueprint) -> list[str]:
    return [
        f"{step.request.method:d} {step.request.path} {step.request.body.hex()}".rstrip() for step in steps(blueprint)
    ]


def test_the_requests_are_those_of_the_configurator() -> None:
    theirs = [line.strip() for line in CONFIGURATOR.strip().splitlines()]
    assert set(OUR_WAY) <= set(theirs)
    assert written(THE_SAME) == [OUR_WAY.get(line, line) for line in theirs]


def test_the_start_value_of_a_volatile_variable_is_stored() -> None:
    """The configurator would write it until the next reboot."""
    variables = {1: Variable(VariableType(Domain.IN_TAP_VOLATILE)), 2: Variable(VariableType(Domain.IN_TAP_STATIC))}
    lines = written(Blueprint(variables=variables, values={1: b"a", 2: b"b"}))
    assert [line for line in lines if line.endswith(("61", "62"))] == ["3 /1029/1/4 61", "2 /1029/2/5 62"]


def test_each_step_says_what_it_writes() -> None:
    docs = [step.doc for step in steps(THE_SAME)]
    assert docs[:2] == ["configuration begins", "interface.app_name"]
    assert "bundle 1: rights of 65535" in docs
    assert "variable 7: value" in docs
    assert docs[-1] == "configuration ends"


def password(blueprint: Blueprint, number: int) -> bytes | None:
    found = [step.request.body for step in steps(blueprint) if step.doc == f"user {number}: password"]
    return found[0] if found else None


KEY = bytes(range(36))


@pytest.mark.parametrize(
    ("options", "kept", "sent"),
    [
        (SecurityOptions(), b"clear", b"clear"),
        (SecurityOptions(), password_hash("clear"), password_hash("clear")),
        (HASHED, b"clear", password_hash("clear")),
        (HASHED, password_hash("clear"), password_hash("clear")),
        (HASHED, KEY, KEY),
        (SCRAM, KEY, KEY),
        (SCRAM, None, None),
    ],
)
def test_passwords(options: SecurityOptions, kept: bytes | None, sent: bytes | None) -> None:
    groups = {**factory_groups(), 5: Group("u", kept, 5)}
    assert password(Blueprint(settings={"interface.security_options": options}, groups=groups), 5) == sent


@pytest.mark.parametrize("kept", [b"clear", password_hash("clear")])
def test_under_scram_a_password_becomes_a_key(kept: bytes) -> None:
    settings = {"interface.security_options": SCRAM, "scram.hash_iteration": 9}
    blueprint = Blueprint(settings=settings, groups={**factory_groups(), 5: Group("u", kept, 5)}, seed=3)
    sent = password(blueprint, 5)
    assert sent is not None
    assert len(sent) == RECORD_SIZE
    assert sent == bytes(PasswordKey.derive(password_hash("clear"), sent[-4:], 9))
    assert password(blueprint, 5) == sent  # the same seed gives the same salt
    assert password(replace(blueprint, seed=None), 5) != sent


def test_the_tap_is_told_for_how_many_iterations_keys_are_made() -> None:
    lines = written(Blueprint(settings={"interface.security_options": SCRAM}, seed=1))
    assert lines[1] == "3 /1024//6 10"
    assert "3 /1024//42 1388" in lines


def test_long_values_go_out_in_parts() -> None:
    code = bytes(2 * CHUNK + 1)
    bodies = [
        step.request.body for step in steps(Blueprint(settings={"jvm.code": code})) if step.doc.startswith("jvm.code")
    ]
    assert [len(body) for body in bodies] == [CHUNK, CHUNK, 1]


@pytest.mark.parametrize(
    ("blueprint", "reason"),
    [
        (
            Blueprint(Version(1, 72), {}, variables={1: Variable(meta=b"v:")}),
            "variable 1: name and unit: firmware 1.72.0 does not have /1029/{variable_id}/8",
        ),
        (Blueprint(Version(1, 85), {"jvm.code": b"x"}), "jvm.code from byte 0 on: firmware 1.85.0 does not have"),
        (Blueprint(settings={"cloud.mqtt_username": "u"}), "cloud.mqtt_username: firmware 1.113.0 does not have"),
        (Blueprint(settings={"device.serial_number": "IoTize004100000001"}), "device.serial_number: no request writes"),
        (Blueprint(settings={"acl.owner": 1}), "acl.owner: no request writes it"),
        (Blueprint(settings={"mqtt.username": "u" * (CHUNK + 1)}), "mqtt.username: 221 bytes do not fit one request"),
        (
            Blueprint(groups={**factory_groups(), ADMIN: Group("admin", None, ADMIN)}),
            "user 65535: no password: no request takes a password away",
        ),
        (Blueprint(variables={1: Variable()}, values={1: b"x"}), "variable 1: value: it is the target's"),
        (
            Blueprint(variables={1: Variable(VariableType(Domain.IN_TAP_STATIC), 255)}, values={1: bytes(255)}),
            "variable 1: value: 255 bytes do not fit one request",
        ),
    ],
)
def test_what_no_request_writes_is_left_out_with_its_reason(blueprint: Blueprint, reason: str) -> None:
    (left_out,) = plan(blueprint).left_out
    assert left_out.startswith(reason)


def test_a_configuration_never_ends_in_the_factory_state() -> None:
    lines = written(Blueprint(settings={"interface.config_version": Version(0)}))
    assert (lines[0], lines[-1]) == ("3 /1024//10 ffffffff", "3 /1024//10 01000000")
    mode = written(Blueprint(settings={"interface.config_version": CONFIGURATION_MODE}))
    assert mode[-1] == "3 /1024//10 ffffffff"


@pytest.fixture
def device() -> Iterator[Device]:
    device = Device(Blueprint(seed=1), clock=VirtualClock())
    memory.register(device, "configured")
    yield device
    unregister_memory_peer("configured")


def check_configured(device: Device, blueprint: Blueprint) -> None:
    """The state of the Tap is that of one which starts with the configuration."""
    expected = Device(replace(blueprint, seed=1), clock=VirtualClock()).state
    for key in blueprint.settings:
        if key != "device.serial_number":
            assert device.state[key] == expected[key], key
    assert device.state.bundles == expected.bundles
    assert device.state.variables == expected.variables
    stored: dict[int, Any] = {
        number: value
        for number, value in expected.values.items()
        if expected.variables[number].type.domain in (Domain.IN_TAP_STATIC, Domain.IN_TAP_VOLATILE)
    }
    assert dict(device.state.values) == stored
    assert {number: (group.name, group.alias, group.lifetime) for number, group in device.state.groups.items()} == {
        number: (group.name, group.alias, group.lifetime) for number, group in expected.groups.items()
    }


def test_they_configure_a_tap(device: Device) -> None:
    with Tap("mem://configured") as tap:
        tap.configure(steps(THE_SAME))
        check_configured(device, THE_SAME)
        tap.login("user1", "pw")


@pytest.mark.skipif(not DEVICES.is_dir(), reason="the real configurations are not beside the repository")
@pytest.mark.parametrize("path", sorted(DEVICES.glob("*")), ids=lambda path: path.name)
def test_each_real_configuration_configures_a_tap(device: Device, path: Path) -> None:
    # An older firmware has the resources that the newest has lost.
    blueprint = load(path).blueprint
    with Tap("mem://configured") as tap:
        tap.configure(steps(blueprint))
        lost = [key for key in blueprint.settings if not SETTINGS[key].exists_in(blueprint.firmware)]
        kept = {key: value for key, value in blueprint.settings.items() if key not in lost}
        check_configured(device, replace(blueprint, settings=kept))
        tap.login("admin", "admin")
    assert all(SETTINGS[key].setting.kept is Kept.STORED for key in lost)  # type: ignore[union-attr]

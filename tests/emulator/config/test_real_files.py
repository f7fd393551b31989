"""Real configurations: published projects of the vendor, kept beside the repository and not in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from emulator.blueprint import ADMIN, ANONYMOUS, SUPERVISOR, Bundle, Group, factory_groups
from emulator.config import Loaded, dump_yaml, load
from protocol.bodies.interface import SecurityOptions
from protocol.bodies.target import SERIAL_MODBUS_CONFIGURATION, TargetProtocol
from protocol.codes import Rights
from protocol.firmware import Version
from protocol.scram import PasswordKey, password_hash

DEVICES = Path(__file__).parents[4] / "shared" / "devices"
SCRAM = SecurityOptions(scram_activated=True, hash_password=True)

pytestmark = pytest.mark.skipif(not DEVICES.is_dir(), reason="the real configurations are not beside the repository")


def load_device(name: str) -> Loaded:
    return load(DEVICES / name)


def key_of(loaded: Loaded, number: int, password: str) -> bytes:
    """The record that the Tap would have made of a password with the salt of the record in the file."""
    record = loaded.blueprint.groups[number].password
    assert record is not None
    iterations = loaded.blueprint.settings["scram.hash_iteration"]
    return bytes(PasswordKey.derive(password_hash(password), PasswordKey.from_bytes(record).salt, iterations))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (
            "digital-lock.iotz",
            {
                "device.serial_number": "IoTize000000000000",
                "interface.app_name": "DigiTapLock",
                "interface.config_version": Version(2, 7, 0),
                "interface.nfc_autolog_profile_id": 0,
                "interface.security_options": SCRAM,
                "scram.hash_iteration": 5000,
            },
        ),
        (
            "modbus-demo.iotz",
            {
                "device.serial_number": "IoTize000000000000",
                "interface.app_name": "Modbus Slave Demo",
                "interface.config_version": Version(2, 1, 0),
                "interface.nfc_autolog_profile_id": 0,
                "interface.security_options": SCRAM,
                "scram.hash_iteration": 5000,
            },
        ),
        (
            "modbus-demo.tapconfig.json",
            {
                "interface.app_name": "Modbus Slave Demo",
                "interface.config_version": Version(2, 1, 0),
                "interface.nfc_autolog_profile_id": 0,
                "interface.security_options": SCRAM,
                "scram.hash_iteration": 5000,
            },
        ),
        (
            "thermostat.iotz",
            {
                "device.serial_number": "IoTize00610000101F",
                "interface.app_name": "ThermosTap",
                "interface.config_version": Version(2, 9, 0),
                "interface.nfc_autolog_profile_id": 0,
                "interface.security_options": SecurityOptions(hash_password=True),
                "scram.hash_iteration": 5000,
            },
        ),
        ("aws-script-older-dialect.tapconfig.json", {"interface.config_version": Version(1, 0, 0)}),
    ],
)
def test_settings(name: str, settings: dict[str, object]) -> None:
    found = load_device(name).blueprint.settings
    assert {key: found[key] for key in settings} == settings


@pytest.mark.parametrize("name", ["digital-lock.iotz", "modbus-demo.iotz", "modbus-demo.tapconfig.json"])
@pytest.mark.parametrize(("number", "password"), [(ADMIN, "admin"), (SUPERVISOR, "supervisor")])
def test_scram_keys_belong_to_the_known_passwords(name: str, number: int, password: str) -> None:
    loaded = load_device(name)
    assert loaded.blueprint.groups[number] == Group(password, key_of(loaded, number, password), number, 300)


def test_hashes_belong_to_the_known_passwords() -> None:
    groups = load_device("thermostat.iotz").blueprint.groups
    assert groups == {
        ANONYMOUS: Group("anonymous", None, ANONYMOUS, 300),
        SUPERVISOR: Group("supervisor", password_hash("supervisor"), SUPERVISOR, 300),
        ADMIN: Group("admin", password_hash("admin"), ADMIN, 300),
    }


def test_users_of_a_profile() -> None:
    groups = load_device("digital-lock.iotz").blueprint.groups
    assert set(groups) == {ANONYMOUS, 1, 3, 4, SUPERVISOR, ADMIN}
    assert [(groups[number].name, groups[number].alias) for number in (1, 3, 4)] == [
        ("User", 1),
        ("user1", 1),
        ("user2", 1),
    ]
    assert all(len(groups[number].password or b"") == 36 for number in (1, 3, 4))
    assert [groups[number].lifetime for number in (1, 3, 4)] == [300, 300, 300]


def test_of_a_silent_file_the_configurator_still_writes_admin_and_supervisor() -> None:
    factory = factory_groups()
    assert load_device("aws-script-older-dialect.tapconfig.json").blueprint.groups == {
        ANONYMOUS: factory[ANONYMOUS],
        SUPERVISOR: replace(factory[SUPERVISOR], lifetime=30),
        ADMIN: replace(factory[ADMIN], lifetime=30),
    }


def test_both_files_of_one_project_differ_only_where_the_vendors_converter_does() -> None:
    """The .iotz is the source; the tapconfig.json is what the vendor's converter made of it."""
    project, config = load_device("modbus-demo.iotz").blueprint, load_device("modbus-demo.tapconfig.json").blueprint
    both = project.settings.keys() & config.settings.keys()
    assert {key: project.settings[key] for key in both} == {key: config.settings[key] for key in both}
    assert project.settings.keys() - both == {
        "device.serial_number",  # it has no place in a tapconfig.json
        "interface.authorized_host_protocol",  # all of them: the converter takes FFFF for nothing said
        # The converter looks for these below WIFI_Info, and finds none of them there.
        "mqtt.broker_hostname",
        "mqtt.broker_port",
        "mqtt.client_id",
        "mqtt.username",
        "mqtt.password",
        "cloud.mqtt_broker_port",
        "cloud.mqtt_password",
        "cloud.mqtt_username",
    }
    assert project.settings["interface.authorized_host_protocol"] == 0xFFFF
    assert config.settings.keys() == both
    # The converter writes every address on the target as 0x0.
    assert {number: one.address for number, one in project.variables.items()} == {
        2: 2,
        4: 4,
        9: 9,
        6: 6,
        11: 11,
        13: 0x100,
    }
    assert {one.address for one in config.variables.values()} == {0}
    assert {number: replace(one, address=0) for number, one in project.variables.items()} == config.variables
    assert replace(project, settings={}, variables={}) == replace(config, settings={}, variables={})


READ = Rights.READ
ALL = Rights.READ | Rights.WRITE


@pytest.mark.parametrize(
    ("name", "bundles"),
    [
        (
            "digital-lock.iotz",
            {
                1: Bundle("State", {ANONYMOUS: ALL}),
                2: Bundle("Access", {ADMIN: ALL}),
                3: Bundle("Control", {ADMIN: ALL}),
            },
        ),
        (
            "modbus-demo.iotz",
            {number: Bundle(name, {ANONYMOUS: ALL}) for number, name in enumerate(["Memory", "CPUs", "Control"], 1)},
        ),
        (
            "thermostat.iotz",
            {
                6: Bundle("State", {ANONYMOUS: READ}),
                2: Bundle("Control", {ANONYMOUS: ALL}),
                4: Bundle("Weekend", {ANONYMOUS: ALL}),
                5: Bundle("Workdays", {ANONYMOUS: ALL}),
            },
        ),
        ("aws-script-older-dialect.tapconfig.json", {0: Bundle("test")}),
    ],
)
def test_bundles(name: str, bundles: dict[int, Bundle]) -> None:
    assert load_device(name).blueprint.bundles == bundles


@pytest.mark.parametrize(
    ("name", "described"),
    [
        (
            "digital-lock.iotz",
            [
                "8 accessMessage: volatile int8[1] of 1",
                "1 digitalCode: volatile int32[1] of 1",
                "5 accessRemaining: static int32[1] of 2 = 15",
                f"4 accessCode: static int32[21] of 2 = {[1111, *[0] * 20]}",
                f"6 dailySetup: static int8[24] of 3 = {[0] * 24}",
            ],
        ),
        (
            "modbus-demo.iotz",
            [
                "2 freeMemoryMB MB: target uint16[1] of 1",
                "4 totalMemoryMB MB: target uint16[1] of 1",
                "9 freeMemoryPercentage: target uint16[1] of 1",
                "6 cpuCount: target uint16[1] of 2",
                "11 cpuUsagePercentage: target uint16[1] of 2",
                "13 screenBrightness %: target uint16[1] of 3",
            ],
        ),
        (
            "thermostat.iotz",
            [
                "19 currentTemp °C: volatile float32[1] of 6",
                "18 targetTemp °C: volatile float32[1] of 6",
                "2 currentMode: static int8[1] of 2 = 1",
                "23 autoRecovery: static int8[1] of 2 = 1",
                "1 comfortTemp °C: static int8[1] of 2 = 22",
                "6 frostFreeTemp °C: static int8[1] of 2 = 15",
                "7 ecoTemp °C: static int8[1] of 2 = 19",
                "3 hysteresis °C: static float32[1] of 2 = 0.20000000298023224",
                "4 dayConfig: static int8[7] of 2 = [1, 2, 2, 2, 2, 1, 1]",
                "11 program_WE: static int8[24] of 4 = "
                "[3, 3, 2, 1, 2, 0, 1, 3, 3, 3, 2, 1, 1, 2, 1, 2, 1, 0, 3, 3, 0, 2, 1, 3]",
                "10 program_WD: static int8[24] of 5 = "
                "[2, 3, 1, 2, 0, 3, 1, 0, 0, 3, 2, 1, 1, 0, 2, 3, 0, 2, 1, 0, 1, 0, 0, 3]",
            ],
        ),
        ("aws-script-older-dialect.tapconfig.json", ["0 test: static uint32[1] of 0"]),
    ],
)
def test_variables(name: str, described: list[str]) -> None:
    blueprint = load_device(name).blueprint
    found = []
    for number, one in blueprint.variables.items():
        domain = one.type.domain.name.lower().removeprefix("in_tap_")
        text = f"{number} {f'{one.name} {one.meta_unit}'.strip()}: {domain} "
        text += f"{one.type.data.name.lower()}[{one.length}] of {one.bundle}"
        value = blueprint.values.get(number)
        found.append(text if value is None else f"{text} = {one.type.decode(value)}")
        assert one.meta_size == len(one.meta)
    assert found == described


def test_features_and_target() -> None:
    settings = load_device("modbus-demo.iotz").blueprint.settings
    assert (settings["interface.serial_access_bundle"], settings["interface.modbus_direct_access_bundle"]) == (3, 3)
    assert settings["target.protocol"] is TargetProtocol.MODBUS
    line = SERIAL_MODBUS_CONFIGURATION.decode(settings["target.protocol_configuration"])
    assert (line.modbus.slave, line.serial.baud_rate, line.serial.timeout) == (1, 9600, 10)


def test_what_has_no_effect_has_a_reason() -> None:
    for path in sorted(DEVICES.glob("*")):
        for note in load(path).notes:
            assert ": " in note.text, note
            assert not note.text.partition(": ")[2].startswith("attributes "), note  # nothing that nobody knows


def test_duplicate_attributes_are_told_with_their_lines() -> None:
    ignored = [note for note in load_device("thermostat.iotz").notes if note.kind == "ignored"]
    assert [note.line for note in ignored] == [17, 17, 31, 31, 32, 32, 33, 33, 34, 34]
    assert all(note.text.endswith("is there twice; both values are equal") for note in ignored)


@pytest.mark.parametrize("path", sorted(DEVICES.glob("*")), ids=lambda path: path.name)
def test_each_file_converts_to_device_yaml(path: Path, tmp_path: Path) -> None:
    blueprint = load(path).blueprint
    converted = tmp_path / "device.yaml"
    converted.write_text(dump_yaml(blueprint))
    assert load(converted).blueprint == blueprint

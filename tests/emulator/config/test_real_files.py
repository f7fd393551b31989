"""Real configurations: published projects of the vendor, kept beside the repository and not in it."""

from pathlib import Path

import pytest

from emulator.blueprint import ADMIN, ANONYMOUS, SUPERVISOR, Group, factory_groups
from emulator.config import Loaded, dump_yaml, load
from protocol.bodies.interface import SecurityOptions
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


def test_a_silent_file_leaves_the_factory_users() -> None:
    assert load_device("aws-script-older-dialect.tapconfig.json").blueprint.groups == factory_groups()


def test_both_files_of_one_project_agree() -> None:
    project, config = load_device("modbus-demo.iotz").blueprint, load_device("modbus-demo.tapconfig.json").blueprint
    assert {key: project.settings[key] for key in config.settings} == config.settings
    assert set(project.settings) - set(config.settings) == {"device.serial_number"}
    assert project.groups == config.groups


@pytest.mark.parametrize(
    ("name", "bundles"),
    [
        ("digital-lock.iotz", ["1 State", "2 Access", "3 Control"]),
        ("modbus-demo.iotz", ["1 Memory", "2 CPUs", "3 Control"]),
        ("modbus-demo.tapconfig.json", ["1 Memory", "2 CPUs", "3 Control"]),
        ("thermostat.iotz", ["6 State", "2 Control", "4 Weekend", "5 Workdays"]),
        ("aws-script-older-dialect.tapconfig.json", ["0 test"]),
    ],
)
def test_bundles_are_listed(name: str, bundles: list[str]) -> None:
    texts = [note.text for note in load_device(name).notes]
    assert [text.partition(";")[0] for text in texts if text.startswith("bundle ")] == [
        f"bundle {one}" for one in bundles
    ]


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

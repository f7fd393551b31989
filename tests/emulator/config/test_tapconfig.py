"""The vendor's tapconfig.json: what is used, what is listed, and where each mistake is reported."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from emulator.blueprint import ADMIN, ANONYMOUS, SUPERVISOR, Bundle, Group, Variable, factory_groups
from emulator.config import Loaded
from emulator.config.json_reader import MAX_DEPTH
from protocol.bodies.interface import LowPowerOptimizationLevel, NfcPairingMode, SecurityOptions
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import Rights
from protocol.firmware import Version

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]

HASH = "0x00112233445566778899AABBCCDDEEFF"
KEY = HASH + HASH[2:] + "0000002A"

CONFIG = f"""{{
  "meta": {{"version": "1.0.0", "options": {{"skipFactoryReset": true}}, "author": "me"}},
  "config": {{
    "version": "3.2.1",
    "application": {{"name": "Lamp", "uri": "$4/com.example", "colour": "red"}},
    "data": {{
      "bundles": [
        {{"id": 1, "name": "Light", "variables": [{{"id": 8, "meta": {{"name": "level", "unit": "%"}}, "gpio": "RST"}}],
          "acls": {{"anonymous": {{"read": true, "write": false}}}}, "features": ["SERIAL_ACCESS"]}},
        {{"id": 2, "variables": [{{"id": 0, "name": "old", "type": "UINT32", "kind": "IN_TAP_STATIC"}}]}}
      ],
      "profiles": [
        {{"username": "admin", "lifeTime": 200, "key": "{KEY}"}},
        {{"username": "tech", "id": 4, "lifeTime": 50, "password": "tech", "salt": 1,
          "users": [{{"username": "paul", "id": 5, "lifeTime": 0, "key": "{HASH}"}}]}}
      ]
    }},
    "tap": {{
      "security": {{"scramActivated": true, "disableLoginWithUID": true}},
      "scram": {{"hashIteration": 6000}},
      "powerOptimization": "STANDBY"
    }},
    "wireless": {{"protocols": {{"nfc": {{"autoLogProfileId": 4, "pairingMode": "NO"}}, "ble": {{"pairing": true}}}}}},
    "target": {{"type": "MCU", "firmwareVersion": "1.0.0"}}
  }}
}}
"""


@pytest.fixture
def suffix() -> str:
    return ".tapconfig.json"


def config(**members: Any) -> str:
    """A configuration with each member of ``config`` on a line of its own, from line 2 on."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in {"version": "1.0.0", **members}.items()]
    return '{"config": {\n' + ",\n".join(lines) + "\n}}\n"


def profiles(*entries: object) -> str:
    """A configuration with these profiles on line 3."""
    return config(data={"profiles": entries})


def test_a_configuration_sets_up_a_tap(load_text: LoadText) -> None:
    blueprint = load_text(CONFIG).blueprint
    assert blueprint.settings == {
        "interface.app_name": "Lamp",
        "interface.app_path": "$4/com.example",
        "interface.config_version": Version(3, 2, 1),
        "interface.nfc_autolog_profile_id": 4,
        "interface.nfc_pairing_mode": NfcPairingMode.NO,
        "interface.power_optimisation_level": LowPowerOptimizationLevel.STANDBY,
        "interface.security_options": SecurityOptions(
            scram_activated=True, hash_password=True, disable_login_with_uid=True
        ),
        "interface.serial_access_bundle": 1,
        "scram.hash_iteration": 6000,
        "target.firmware_version": Version(1),
    }
    assert blueprint.groups == {
        ANONYMOUS: factory_groups()[ANONYMOUS],
        SUPERVISOR: Group("supervisor", b"supervisor", SUPERVISOR, 30),
        ADMIN: Group("admin", bytes.fromhex(KEY[2:]), ADMIN, 200),
        4: Group("tech", b"tech", 4, 50),
        5: Group("paul", bytes.fromhex(HASH[2:]), 4, 0),
    }
    assert blueprint.bundles == {1: Bundle("Light", {ANONYMOUS: Rights.READ}), 2: Bundle()}
    assert blueprint.variables == {
        8: Variable(bundle=1, meta=b"level:%", meta_size=7),
        0: Variable(VariableType(Domain.IN_TAP_STATIC, DataType.UINT32), bundle=2, meta=b"old:", meta_size=4),
    }


def test_the_rest_of_a_configuration_is_listed(load_text: LoadText) -> None:
    notes = load_text(CONFIG).notes
    assert {note.kind for note in notes} == {"unused"}
    assert [(note.line, note.text) for note in notes] == [
        (2, "meta: author"),
        (2, "meta.version: the version of the file's own form"),
        (2, "meta.options.skipFactoryReset: a configuration always starts from a Tap that nobody has configured"),
        (5, "config.application: colour"),
        (
            8,
            "config.data.bundles.0.variables.0.gpio: the vendor's configurator knows no request for it; "
            "domain and address choose a pin",
        ),
        (14, "config.data.profiles.1.salt: the salt is part of the key"),
        (
            23,
            "config.wireless.protocols.ble.pairing: the vendor's configurator knows no request for it",
        ),
        (24, "config.target.type: it says which tool to use, and no request carries it"),
    ]


def test_origins_are_the_lines_of_keys(load_text: LoadText) -> None:
    origins = load_text(CONFIG).origins
    lines = {path: int(origin.rpartition(":")[2]) for path, origin in origins.items()}
    assert lines["settings", "interface", "app_name"] == 5
    assert lines["settings", "scram", "hash_iteration"] == 20
    assert lines["users", "paul", "alias"] == 15


def test_a_short_configuration_leaves_security_off(load_text: LoadText) -> None:
    blueprint = load_text(config(tap={})).blueprint
    assert blueprint.settings == {"interface.config_version": Version(1, 0, 0)}


def test_the_configurator_writes_admin_and_supervisor_whatever_the_file_says(load_text: LoadText) -> None:
    groups = load_text(config(tap={})).blueprint.groups
    assert groups == {
        ANONYMOUS: factory_groups()[ANONYMOUS],
        SUPERVISOR: Group("supervisor", b"supervisor", SUPERVISOR, 30),
        ADMIN: Group("admin", b"admin", ADMIN, 30),
    }


def test_scram_switches_hashed_passwords_on_and_says_so(load_text: LoadText) -> None:
    loaded = load_text(config(tap={"security": {"scramActivated": True, "hashPassword": False}}))
    options = loaded.blueprint.settings["interface.security_options"]
    assert options == SecurityOptions(scram_activated=True, hash_password=True)
    assert [(note.line, note.kind) for note in loaded.notes] == [(3, "ignored")]


def test_an_empty_password_leaves_what_the_tap_has(load_text: LoadText) -> None:
    text = profiles({"username": "admin", "password": ""}, {"username": "a", "id": 1, "password": ""})
    groups = load_text(text).blueprint.groups
    assert (groups[ADMIN].password, groups[1].password) == (b"admin", None)


def test_the_last_of_two_keys_counts(load_text: LoadText) -> None:
    loaded = load_text('{"config": {\n"version": "1.0.0",\n"version": "2.0.0"}}')
    assert loaded.blueprint.settings["interface.config_version"] == Version(2)
    assert [(note.line, note.text) for note in loaded.notes] == [
        (2, "the key 'version' is there twice; the value of line 3 counts")
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "the file ends, expected a value"),
        ("[]", 1, "the file has no object config, expected"),
        ('{"config":\n5}', 1, "the file has no object config"),
        ('{"config": {\n}}', 1, "config.version is missing, expected a version such as 1.0.0"),
        ('{"config": {\n"version": "x"}}', 2, "config.version is 'x', expected a version"),
        ('{"config": {\n"version": 1.0}}', 2, "config.version is 1.0, expected a version"),
        (config(application=5), 3, "config.application is 5, expected an object"),
        (config(application={"name": 5}), 3, "config.application.name is 5, expected text of 1 to 32"),
        (config(application={"name": "n" * 33}), 3, "config.application.name is 'nnnn"),
        (config(application={"name": "\u0436"}), 3, "config.application.name is '\\u0436', expected text"),
        (config(tap={"scram": {"hashIteration": "5000"}}), 3, "hashIteration is '5000', expected a whole number"),
        (config(tap={"scram": {"hashIteration": 1e3}}), 3, "hashIteration is 1000.0, expected a whole number"),
        (config(tap={"scram": {"hashIteration": {}}}), 3, "hashIteration is a mapping, expected a whole number"),
        (config(tap={"scram": []}), 3, "config.tap.scram is a list, expected an object"),
        (config(tap={"security": 24}), 3, "config.tap.security is 24, expected an object"),
        (config(tap={"security": {"hashPassword": 1}}), 3, "config.tap.security.hashPassword is 1, expected true or"),
        (config(data={"profiles": {}}), 3, "config.data.profiles is a mapping, expected a list"),
        (config(data={"bundles": 5}), 3, "config.data.bundles is 5, expected a list"),
        (profiles(5), 3, "config.data.profiles.0 is 5, expected an object"),
        (profiles({"id": 1}), 3, "config.data.profiles.0 has no name, expected the name of a user"),
        (profiles({"username": 1, "id": 1}), 3, "config.data.profiles.0 has no name, expected"),
        (profiles({"username": "a"}), 3, "config.data.profiles.0.id is missing, expected the id"),
        (profiles({"username": "a", "id": -1}), 3, "config.data.profiles.0.id is -1, expected a whole number"),
        (profiles({"username": "a", "id": 1, "lifeTime": 70000}), 3, "profiles.0.lifeTime is 70000, expected"),
        (profiles({"username": "a", "id": 1, "key": "0x00"}), 3, "profiles.0.key has an unusable value, which is not"),
        (profiles({"username": "a", "id": 1, "key": 5}), 3, "profiles.0.key has an unusable value"),
        (profiles({"username": "a", "id": 1, "key": "0x" + "g" * 32}), 3, "profiles.0.key has an unusable value"),
        (profiles({"username": "a", "id": 1, "password": 5}), 3, "profiles.0.password has an unusable value"),
        (profiles({"username": "a", "id": 1, "password": "p", "key": KEY}), 3, "has password and key, expected only"),
        (profiles({"username": "a", "id": 1}, {"username": "a", "id": 2}), 3, "the name a is there twice"),
        (profiles({"username": "a", "id": 1}, {"username": "b", "id": 1}), 3, "profiles.1.id is 1, which 'a' has"),
        (profiles({"username": "a", "id": 1, "users": [{"id": 2}]}), 3, "profiles.0.users.0 has no name"),
        ('{"config":\n{"version" 5}}', 2, "'5}}' stands here, expected a colon"),
        ('{"config":\n{version: 5}}', 2, "'version: 5}}' stands here, expected a key in double quotes"),
        ('{"config":\n{"version": "1.0.0",}}', 2, "'}}' stands here, expected a key"),
        ('{"config":\n["a" "b"]}', 2, "'\"b\"]}' stands here, expected a comma or ]"),
        ('{"config":\n{"a": 1 "b"}}', 2, "expected a comma or }"),
        ('{"config":\n{"a": "no end\n"}}', 2, "a string cannot be read"),
        ('{"config":\n{"a": "\\x"}}', 2, "a string cannot be read"),
        ('{"config":\n{"a": "\\ud800"}}', 2, "an escape stands for half a character"),
        ('{"config":\n{"a": 01}}', 2, "'01}}' stands here, expected a number"),
        ('{"config":\n{"a": NaN}}', 2, "'NaN}}' stands here, expected a value"),
        ('{"config":\n{"a": ' + "9" * 5000 + "}}", 2, "stands here, expected a number"),
        ("{}\n{}", 2, "'{}' stands here, expected the end of the file"),
        (b'{"config":\n\xff}', 2, "byte FF is no text, expected UTF-8"),
        ('{"config":\n' + "[" * 100_000, 2, f"values are nested too deep, expected at most {MAX_DEPTH} levels"),
        ("[" + " " * 2_000_000, 1, "the file is too large"),
    ],
)
def test_mistakes(problems: Problems, text: str | bytes, line: int, reason: str) -> None:
    found = problems(text)
    assert found[0][0] == line
    assert reason in found[0][1]


def test_all_mistakes_are_reported_in_the_order_of_the_file(problems: Problems) -> None:
    text = config(application={"name": ""}, tap={"scram": {"hashIteration": 0}}, data={"profiles": [{"id": 1}, 5]})
    assert [line for line, _ in problems(text)] == [3, 4, 5, 5]

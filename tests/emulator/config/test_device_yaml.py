"""Our own kind of file: what each form means, and where each mistake is reported."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from emulator.blueprint import ADMIN, ANONYMOUS, SUPERVISOR, Group, Quirk, Rules, demo, factory_groups
from emulator.config import Loaded, device_yaml, json_schema
from emulator.config.device_yaml import MAX_DEPTH, MAX_VALUES
from emulator.config.source import MAX_SIZE
from protocol.bodies.interface import SecurityOptions
from protocol.codes import PowerSource
from protocol.firmware import Version
from protocol.resources.registry import SETTINGS
from protocol.scram import password_hash

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]


@pytest.fixture(params=device_yaml.PARSERS, autouse=True, ids=["libyaml", "pyyaml"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers understand the same."""
    if request.param is None:
        pytest.skip("pyyaml comes without libyaml here")
    monkeypatch.setattr(device_yaml, "PARSERS", (request.param,))


HASH = "0155AFFC023AFF6882F56A4E0D9C5466"
KEY = HASH + HASH + "01020304"


def test_the_shortest_file_is_the_demo_tap(load_text: LoadText) -> None:
    loaded = load_text("tap: 1\n")
    assert loaded.blueprint == demo()
    assert (loaded.links, loaded.notes) == ((), ())


def test_the_base_factory_sets_nothing(load_text: LoadText) -> None:
    blueprint = load_text("tap: 1\nbase: factory\n").blueprint
    assert blueprint.settings == {}
    assert blueprint.groups == factory_groups()


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("device: {serial_number: IoTize004100000001}", "device.serial_number", "IoTize004100000001"),
        ("device: {power_source_voltage: 5000}", "device.power_source_voltage", 5000),
        ("device: {power_source_voltage: 0x1388}", "device.power_source_voltage", 5000),
        ("device: {available_power_source: s3p}", "device.available_power_source", PowerSource.S3P),
        ("device: {available_power_source: 16}", "device.available_power_source", PowerSource.S3P),
        ("interface: {app_name: 1234}", "interface.app_name", "1234"),
        ("interface: {app_name: no}", "interface.app_name", "no"),
        ('interface: {app_name: "\\xe9t\\xe9"}', "interface.app_name", "été"),
        ("interface: {uid: 0011}", "interface.uid", b"\x00\x11"),
        ("interface: {uid: 0xAB}", "interface.uid", b"\xab"),
        ("interface: {config_version: 2.10}", "interface.config_version", Version(2, 10)),
        ("interface: {config_version: 255.255.65535}", "interface.config_version", Version(255, 255, 65535)),
        (
            "interface: {security_options: {disable_login_with_uid: true}}",
            "interface.security_options",
            SecurityOptions(scram_activated=True, hash_password=True, disable_login_with_uid=True),
        ),
        (
            "interface: {security_options: {scram_activated: false}}",
            "interface.security_options",
            SecurityOptions(hash_password=True),
        ),
        ("scram: {hash_iteration: 65535}", "scram.hash_iteration", 65535),
    ],
)
def test_settings(load_text: LoadText, text: str, key: str, value: Any) -> None:
    assert load_text(f"tap: 1\nsettings:\n  {text}\n").blueprint.settings[key] == value


@pytest.mark.parametrize(
    ("text", "number", "group"),
    [
        ("admin: {password: secret}", ADMIN, Group("admin", b"secret", ADMIN)),
        ("admin: {password: 0123}", ADMIN, Group("admin", b"0123", ADMIN)),
        ("admin: {password: null}", ADMIN, Group("admin", None, ADMIN)),
        ("admin: {lifetime: 0}", ADMIN, Group("admin", b"admin", ADMIN, 0)),
        ("admin:", ADMIN, Group("admin", b"admin", ADMIN)),
        ("boss: {id: 65535}", ADMIN, Group("boss", b"admin", ADMIN)),
        (f"supervisor: {{hash: {HASH}}}", SUPERVISOR, Group("supervisor", bytes.fromhex(HASH), SUPERVISOR)),
        (f"supervisor: {{key: 0x{KEY}}}", SUPERVISOR, Group("supervisor", bytes.fromhex(KEY), SUPERVISOR)),
        ("anonymous: {lifetime: 5}", ANONYMOUS, Group("anonymous", None, ANONYMOUS, 5)),
        ("tech: {}", 1, Group("tech", None, 1)),
        ("tech: {id: 7, password: tech}", 7, Group("tech", b"tech", 7)),
        ("{tech: {id: 7}, paul: {alias: tech}}", 1, Group("paul", None, 7)),
        ("{tech: {id: 1}, paul: {}}", 2, Group("paul", None, 2)),
        ("paul: {alias: 65534}", 1, Group("paul", None, SUPERVISOR)),
        ("paul: {alias: admin}", 1, Group("paul", None, ADMIN)),
        ("paul: {password: sixteen-letters!}", 1, Group("paul", password_hash("sixteen-letters!"), 1)),
    ],
)
def test_users(load_text: LoadText, text: str, number: int, group: Group) -> None:
    groups = load_text(f"tap: 1\nusers:\n  {text}\n").blueprint.groups
    assert groups[number] == group
    assert {ANONYMOUS, SUPERVISOR, ADMIN} <= set(groups)


def test_a_password_of_sixteen_characters_stays_clear_where_hashes_are_off(load_text: LoadText) -> None:
    text = "tap: 1\nbase: factory\nusers: {admin: {password: sixteen-letters!}}\n"
    assert load_text(text).blueprint.groups[ADMIN].password == b"sixteen-letters!"


def test_rules_links_firmware_and_seed(load_text: LoadText) -> None:
    loaded = load_text(
        "tap: 1\nfirmware: 1.110\nseed: -7\nlinks: [tcp://0.0.0.0:2000, 'pty:./tap0']\n"
        "rules: {hosts: single, lockout_time: .5, reboot_time: 0, quirks: [lenient_login]}\n"
    )
    assert loaded.links == ("tcp://0.0.0.0:2000", "pty:./tap0")
    assert loaded.blueprint.firmware == Version(1, 110)
    assert loaded.blueprint.seed == -7
    assert loaded.blueprint.rules == Rules(
        hosts="single", lockout_time=0.5, reboot_time=0, quirks=frozenset({Quirk.LENIENT_LOGIN})
    )


def test_anchors_may_repeat_a_value(load_text: LoadText) -> None:
    groups = load_text("tap: 1\nusers:\n  a: &short {lifetime: 5}\n  b: *short\n").blueprint.groups
    assert (groups[1].lifetime, groups[2].lifetime) == (5, 5)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "the file is empty, expected a mapping"),
        ("- tap\n", 1, "the file is a list, expected a mapping"),
        ("# nothing\n", 1, "the file is empty"),
        ("seed: 1\n", 1, "tap is missing, expected tap: 1"),
        ("tap: 2\n", 1, "tap is 2, expected 1"),
        ("tap: 1\n\nfirmwre: 1.86\n", 3, "firmwre is an unknown key, expected firmware or another of tap, base"),
        ("tap: 1\nfirmware: new\n", 2, "firmware is new, expected a version such as 1.86.0"),
        ("tap: 1\nfirmware: 256.0\n", 2, "firmware is 256.0, expected a version"),
        ("tap: 1\nfirmware: [1]\n", 2, "firmware is a list, expected a version"),
        ("tap: 1\nbase: nothing\n", 2, "base is nothing, expected one of demo, factory"),
        ("tap: 1\nseed: 1.5\n", 2, "seed is 1.5, expected a whole number"),
        ('tap: 1\nseed: "1"\n', 2, "seed is '1', expected a whole number"),
        ("tap: 1\nsettings: 5\n", 2, "settings is 5, expected a mapping of keys to values"),
        ("tap: 1\nsettings:\n  devices: {}\n", 3, "settings.devices is an unknown key, expected device or another of"),
        ("tap: 1\nsettings:\n  device:\n    serial: x\n", 4, "settings.device.serial is an unknown key, expected"),
        (
            "tap: 1\nsettings:\n  device: {serial_number: IoTize}\n",
            3,
            "settings.device.serial_number is IoTize, expected text of 18 printable characters",
        ),
        ("tap: 1\nsettings:\n  device: {memory_free: -1}\n", 3, "settings.device.memory_free is -1, expected a whole"),
        (
            "tap: 1\nsettings:\n  scram:\n    hash_iteration: 65536\n",
            4,
            "settings.scram.hash_iteration is 65536, expected a whole number from 1 to 65535",
        ),
        (
            "tap: 1\nsettings:\n  interface:\n    app_name: Lamp\n    config_version: 1\n",
            5,
            "settings.interface.config_version is 1, expected a version",
        ),
        (
            'tap: 1\nsettings:\n  interface:\n    app_name: "a\\tb"\n',
            4,
            "settings.interface.app_name is 'a\\tb', expected text of 1 to 32 printable characters",
        ),
        (
            "tap: 1\nsettings:\n  interface:\n    app_name: Ж\n",
            4,
            "settings.interface.app_name is '\\u0416', expected text",
        ),
        (
            "tap: 1\nsettings:\n  interface:\n    security_options:\n      scram_activated: yes\n",
            5,
            "scram_activated is yes, expected true or false",
        ),
        (
            "tap: 1\nsettings:\n  interface:\n    security_options:\n      scram: true\n",
            5,
            "settings.interface.security_options.scram is an unknown key, expected one of scram_activated",
        ),
        (
            "tap: 1\nsettings:\n  device: {available_power_source: sun}\n",
            3,
            "available_power_source is sun, expected one of dc_power, s3p",
        ),
        ("tap: 1\nusers: [admin]\n", 2, "users is a list, expected a mapping"),
        ("tap: 1\nusers:\n  admin: secret\n", 3, "users.admin is secret, expected a mapping"),
        ("tap: 1\nusers:\n  admin: {pasword: x}\n", 3, "users.admin.pasword is an unknown key, expected password"),
        (
            f"tap: 1\nusers:\n  admin:\n    password: x\n    hash: {HASH}\n",
            3,
            "users.admin has password and hash, expected only one of them",
        ),
        (
            "tap: 1\nusers:\n  admin:\n    password: seventeen-letters\n",
            4,
            "users.admin.password has an unusable value, which is not shown, expected 1 to 16 characters of ASCII",
        ),
        ('tap: 1\nusers:\n  admin: {password: ""}\n', 3, "expected 1 to 16 characters of ASCII"),
        ("tap: 1\nusers:\n  admin: {password: <hidden>}\n", 3, "users.admin.password has an unusable value"),
        ("tap: 1\nusers:\n  admin: {hash: 00}\n", 3, "expected hexadecimal digits of 16 bytes"),
        (f"tap: 1\nusers:\n  admin: {{key: {HASH}}}\n", 3, "expected hexadecimal digits of 36 bytes"),
        ("tap: 1\nusers:\n  admin: {lifetime: 70000}\n", 3, "users.admin.lifetime is 70000, expected a whole number"),
        ("tap: 1\nusers:\n  a: {}\n  a-very-long-name-: {}\n", 4, "is 'a-very-long-name-', expected text of 1 to 16"),
        ("tap: 1\nusers:\n  a: {id: 3}\n  b: {id: 3}\n", 4, "users.b.id is 3, which 'a' has already"),
        ("tap: 1\nusers:\n  admin: {id: 3}\n", 3, "users.admin.id is 3, but 'admin' has id 65535"),
        ("tap: 1\nusers:\n  a: {}\n  b: {alias: c}\n", 4, "users.b.alias is 'c', expected the name or id of a profile"),
        ("tap: 1\nusers:\n  b: {alias: 9}\n", 3, "users.b.alias is 9, expected the name or id of a profile"),
        ("tap: 1\nrules: {hosts: few}\n", 2, "rules.hosts is few, expected one of many, single"),
        ("tap: 1\nrules:\n  lockout_time: -1\n", 3, "rules.lockout_time is -1, expected a number of seconds"),
        ("tap: 1\nrules:\n  lockout_time: .inf\n", 3, "rules.lockout_time is .inf, expected a number of seconds"),
        ("tap: 1\nrules:\n  partial_request_time: 0\n", 3, "expected a number of seconds above 0"),
        ("tap: 1\nrules:\n  quirks:\n  - lenient\n", 3, "rules.quirks is a list, expected a list of lenient_login"),
        ("tap: 1\nlinks: tcp://a\n", 2, "links is tcp://a, expected a list"),
        ("tap: 1\nlinks:\n- tcp://a\n- tpc://a\n", 4, "links.1 is wrong: tpc://a: unknown link 'tpc', expected one of"),
        ("tap: 1\nlinks:\n- mqtt://a\n- tcp://b\n- mqtt://c\n", 5, "links.2 is wrong: mqtt://c: a Tap has one broker"),
        ("tap: 1\nlinks:\n- tcp://a?speed=1\n", 3, "links.0 is wrong: tcp://a: unknown option speed"),
        ("tap: 1\nlinks:\n- tcp://a\n- here\n", 4, "links.1 is here, expected a URL such as"),
        ("tap: 1\ntap: 1\n", 2, "tap is there twice, expected it only on line 1"),
        ("tap: 1\nusers:\n  a: {}\n  a: {}\n", 4, "users.a is there twice, expected it only on line 3"),
        ("tap: 1\n? [a]\n: b\n", 2, "a key is no text, expected a name"),
        ("tap: 1\nseed: *one\n", 2, "the alias *one stands for nothing"),
        ("tap: 1\nseed: &a [*a]\n", 2, "the alias *a stands for nothing"),
        ("tap: 1\nseed: !!python/object:os.system x\n", 2, "the tag 'tag:yaml.org,2002:python/object:os.syst..."),
        ("tap: 1\n---\ntap: 1\n", 2, "a second document starts, expected only one"),
        ("tap: 1\n\tseed: 1\n", 2, "this is no YAML (found "),
        ("tap: 1\nusers: {a: {}\n", 3, "this is no YAML"),
        ('tap: 1\nseed: "\\UFFFFFFFF"\n', 2, "this is no YAML"),
        ('tap: 1\nseed: "\\ud800"\n', 2, "expected"),  # libyaml and pyyaml say it differently
        ("tap: 1\nseed: \x07\n", 2, "the character '\\x07' cannot stand in YAML"),
        (b"tap: 1\nseed: \xff\n", 2, "byte FF is no text, expected UTF-8"),
        ("%YAML " + "9" * 5000 + ".1\n---\ntap: 1\n", 1, "this is no YAML"),
        ("tap: 1\nseed: " + "[" * 10_000, 2, f"values are nested too deep, expected at most {MAX_DEPTH} levels"),
        ("tap: 1\nseed:\n" + "- 1\n" * MAX_VALUES, MAX_VALUES, "the file has too many values"),
        ("#" * (MAX_SIZE + 1), 1, "the file is too large"),
    ],
)
def test_mistakes(problems: Problems, text: str | bytes, line: int, reason: str) -> None:
    found = problems(text)
    assert [one_line for one_line, _ in found][:1] == [line]
    assert reason in found[0][1]


def test_a_billion_laughs_stop_early(problems: Problems) -> None:
    lines = ["tap: 1", "l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert problems("\n".join(lines)) == [(6, f"the file has too many values, expected at most {MAX_VALUES}")]


def test_all_mistakes_are_reported_in_the_order_of_the_file(problems: Problems) -> None:
    found = problems("tap: 1\nfoo: 1\nfirmware: x\nfoo: 2\nusers:\n  admin: {lifetime: x, id: x}\n")
    assert [line for line, _ in found] == [2, 3, 4, 6, 6]


def test_contradictions_between_users_are_reported_together(problems: Problems) -> None:
    found = problems("tap: 1\nusers:\n  a: {id: 3}\n  b: {id: 3}\n  c: {alias: nobody}\n")
    assert [line for line, _ in found] == [4, 5]


def test_secrets_are_not_repeated_in_messages(problems: Problems) -> None:
    found = problems("tap: 1\nusers:\n  admin: {password: my-very-long-password}\n  b: {key: C0FFEE}\n")
    assert len(found) == 2
    assert not any("my-very" in reason or "C0FFEE" in reason for _, reason in found)


def test_the_schema_has_each_setting_and_each_rule() -> None:
    schema = json_schema()
    for key in SETTINGS:
        service, name = key.split(".")
        reference = schema["$defs"]["Settings"]["properties"][service]["$ref"]
        described = schema["$defs"][reference.rpartition("/")[2]]["properties"][name]
        assert "$ref" in described or ("description" in described and "default" in described)
    rules = schema["$defs"]["Rules"]["properties"]
    assert {rule.name for rule in fields(Rules)} == set(rules)
    assert rules["lockout_time"]["description"].startswith("How long it then refuses logins")
    assert schema["additionalProperties"] is False

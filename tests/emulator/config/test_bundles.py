"""Bundles and variables of device.yaml."""

from collections.abc import Callable, Mapping

import pytest

from emulator.blueprint import ADMIN, SUPERVISOR, Bundle, Simulation, Variable, demo
from emulator.config import Loaded
from emulator.config.bundles import BUNDLE_NAME
from emulator.config.model import MAX_VARIABLES
from emulator.config.variables import MAX_META, MAX_UNIT
from emulator.services import bundle as bundle_service
from emulator.services import variable as variable_service
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import LOG_ON_CHANGE, Rights

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]

START = "tap: 1\nusers: {tech: {id: 4}, 7: {id: 9}}\nbundles:\n"
"""Three lines before the first bundle."""


def variable(fields: str) -> str:
    """A variable whose fields stand on line 6."""
    return f"{START}  b:\n    variables:\n      v: {fields}\n"


@pytest.mark.parametrize(
    ("text", "number", "made"),
    [
        ("  b:\n", 1, Bundle("b")),
        ("  b: {id: 0}\n", 0, Bundle("b")),
        ("  b: {id: 65534}\n", 65534, Bundle("b")),
        ("  b: {name: other}\n", 1, Bundle("other")),
        ('  b: {name: ""}\n', 1, Bundle("")),
        ("  a: {id: 1}\n  b: {}\n", 2, Bundle("b")),
        ("  b: {}\n  a: {id: 1}\n", 2, Bundle("b")),
        ("  b: {rights: {anonymous: read}}\n", 1, Bundle("b", {0: Rights.READ})),
        ("  b: {rights: {tech: [read, write]}}\n", 1, Bundle("b", {4: Rights.READ | Rights.WRITE})),
        ("  b: {rights: {admin: [], 65534: write}}\n", 1, Bundle("b", {ADMIN: Rights.NONE, SUPERVISOR: Rights.WRITE})),
        ("  b: {rights: {7: read}}\n", 1, Bundle("b", {9: Rights.READ})),  # a user of this name comes before an id
        ("  b: {rights: {4: read}}\n", 1, Bundle("b", {4: Rights.READ})),
        ("  b: {log: {period: 60}}\n", 1, Bundle("b", log_period=60)),
        ("  b: {log: {period: on_change, key_group: tech}}\n", 1, Bundle("b", {}, LOG_ON_CHANGE, 4)),
        ("  b: {log: {key_group: 65535}}\n", 1, Bundle("b", {}, 0, ADMIN)),
        ('  b: {log: {key_group: "7"}}\n', 1, Bundle("b", {}, 0, 9)),
    ],
)
def test_bundles(load_text: LoadText, text: str, number: int, made: Bundle) -> None:
    assert load_text(START + text).blueprint.bundles[number] == made


@pytest.mark.parametrize(
    ("fields", "made", "value"),
    [
        ("", Variable(bundle=1, meta=b"v:", meta_size=2), None),
        ("{address: 0x20000010}", Variable(bundle=1, address=0x20000010, meta=b"v:", meta_size=2), None),
        (
            "{modbus: {function: 3, slave: 1, address: 258}}",
            Variable(bundle=1, address=0x03010102, meta=b"v:", meta_size=2),
            None,
        ),
        ("{unit: °C}", Variable(bundle=1, meta="v:°C".encode(), meta_size=5), None),
        ("{name: other, unit: V}", Variable(bundle=1, meta=b"other:V", meta_size=7), None),
        ("{meta_size: 20}", Variable(bundle=1, meta=b"v:", meta_size=20), None),
        ("{meta_size: null}", Variable(bundle=1, meta=b"v:"), None),
        ('{meta: ""}', Variable(bundle=1), None),
        ("{meta: 00ff}", Variable(bundle=1, meta=b"\0\xff", meta_size=2), None),
        (
            "{type: float32, value: 21.5}",
            Variable(VariableType(Domain.TARGET, DataType.FLOAT32), 1, 1, 0, b"v:", 2),
            b"\x41\xac\0\0",
        ),
        (
            "{type: int16, domain: volatile, value: [1, -2]}",
            Variable(VariableType(Domain.IN_TAP_VOLATILE, DataType.INT16), 2, 1, 0, b"v:", 2),
            b"\0\x01\xff\xfe",
        ),
        (
            "{type: int16, domain: gpio, length: 3, value: [1]}",
            Variable(VariableType(Domain.GPIO, DataType.INT16), 3, 1, 0, b"v:", 2),
            b"\0\x01\0\0\0\0",
        ),
        (
            "{type: ascii, domain: stored, value: Hallöchen}",
            Variable(VariableType(Domain.IN_TAP_STATIC, DataType.ASCII), 9, 1, 0, b"v:", 2),
            b"Hall\xf6chen",
        ),
        (
            "{type: ascii, length: 4, value: 12}",
            Variable(VariableType(Domain.TARGET, DataType.ASCII), 4, 1, 0, b"v:", 2),
            b"12\0\0",
        ),
        (
            "{type: boolean, value: true}",
            Variable(VariableType(Domain.TARGET, DataType.BOOLEAN), 1, 1, 0, b"v:", 2),
            b"\x01",
        ),
        (
            "{type: uint32, value: {hex: 01}}",
            Variable(VariableType(Domain.TARGET, DataType.UINT32), 1, 1, 0, b"v:", 2),
            b"\x01\0\0\0",
        ),
        (
            "{type: uint32, value: 0xFFFFFFFF}",
            Variable(VariableType(Domain.TARGET, DataType.UINT32), 1, 1, 0, b"v:", 2),
            b"\xff" * 4,
        ),
    ],
)
def test_variables(load_text: LoadText, fields: str, made: Variable, value: bytes | None) -> None:
    blueprint = load_text(variable(fields)).blueprint
    assert blueprint.variables == {1: made}
    assert blueprint.values == ({} if value is None else {1: value})
    assert blueprint.simulations == {}


def test_ids_of_variables_are_unique_in_the_tap(load_text: LoadText) -> None:
    text = "  a: {variables: {x: , y: {id: 1}}}\n  b: {variables: {x: , z: {id: 0}}}\n"
    variables = load_text(START + text).blueprint.variables
    assert {number: (one.name, one.bundle) for number, one in variables.items()} == {
        2: ("x", 1),
        1: ("y", 1),
        3: ("x", 2),
        0: ("z", 2),
    }


def test_limits_of_a_value(load_text: LoadText) -> None:
    simulations = load_text(variable("{minimum: -40, maximum: 85.5}")).blueprint.simulations
    assert simulations == {1: Simulation(None, -40.0, 85.5)}


@pytest.mark.parametrize("text", ["bundles:\n", "bundles: {}\n"])
def test_a_file_with_bundles_has_none_of_the_demo_tap(load_text: LoadText, text: str) -> None:
    assert load_text("tap: 1\n").blueprint.bundles == demo().bundles != {}
    blueprint = load_text(f"tap: 1\n{text}").blueprint
    parts: list[Mapping[int, object]] = [
        blueprint.bundles,
        blueprint.variables,
        blueprint.values,
        blueprint.simulations,
    ]
    assert parts == [{}] * 4


def test_variables_that_behave_alike_share_what_says_so(load_text: LoadText) -> None:
    same = "{type: uint8, maximum: 5, signal: {constant: 1}}"
    blueprint = load_text(f"{START}  b: {{variables: {{x: {same}, y: {same}}}}}\n").blueprint
    assert blueprint.simulations[1] is blueprint.simulations[2]
    assert blueprint.variables[1].type is blueprint.variables[2].type


def test_features(load_text: LoadText) -> None:
    text = "  a: {features: [serial_access, modbus_direct_access]}\n  b: {features: [swd_direct_access]}\n"
    settings = load_text(START + text).blueprint.settings
    assert {key: value for key, value in settings.items() if key.endswith("_bundle")} == {
        "interface.serial_access_bundle": 1,
        "interface.modbus_direct_access_bundle": 1,
        "interface.swd_direct_access_bundle": 2,
    }


def test_a_feature_may_stand_among_the_settings_too(load_text: LoadText) -> None:
    text = "settings: {interface: {serial_access_bundle: 1}}\n"
    settings = load_text(f"{START}  b: {{features: [serial_access]}}\n{text}").blueprint.settings
    assert settings["interface.serial_access_bundle"] == 1


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("  b: 5\n", 4, "bundles.b is 5, expected a mapping"),
        ("  b: {id: 65535}\n", 4, "bundles.b.id is 65535, expected a whole number from 0 to 65534"),
        ("  b: {id: -1}\n", 4, "bundles.b.id is -1, expected a whole number"),
        (
            "  a: {id: 2}\n  b: {id: 2}\n",
            5,
            "b.id is 2, which bundle a has already, expected a bundle id of its",
        ),
        ("  b: {nam: x}\n", 4, "bundles.b.nam is an unknown key, expected name or another of id, rights"),
        (f"  {'b' * 81}: {{}}\n", 4, "expected text of 1 to 80 printable characters"),
        (f"  {'b' * 65}: {{}}\n", 4, "expected text of 0 to 64 printable characters of Latin-1, or a name: beside"),
        (f"  b: {{name: {'n' * 65}}}\n", 4, "bundles.b.name is nnnnn"),
        ("  b: {name: \u0436}\n", 4, "bundles.b.name is '\\u0436', expected text of 0 to 64"),
        ("  b: {rights: read}\n", 4, "bundles.b.rights is read, expected a mapping"),
        ("  b: {rights: {tech: fly}}\n", 4, "bundles.b.rights.tech is fly, expected read, write or [read, write]"),
        ("  b: {rights: {tech: }}\n", 4, "bundles.b.rights.tech is empty, expected read, write or"),
        ("  b: {rights: {nobody: read}}\n", 4, "bundles.b.rights.nobody is no user, expected the name or id of a user"),
        ("  b: {rights: {5: read}}\n", 4, "bundles.b.rights.5 is no user, expected the name or id"),
        (
            "  b: {rights: {tech: read, 4: read}}\n",
            4,
            "bundles.b.rights.4 is the user 4 again, expected each user once",
        ),
        ("  b: {log: 60}\n", 4, "bundles.b.log is 60, expected a mapping"),
        (
            "  b: {log: {period: often}}\n",
            4,
            "bundles.b.log.period is often, expected seconds, 0 for off, or on_change",
        ),
        ("  b: {log: {period: 4294967296}}\n", 4, "log.period is 4294967296, expected seconds"),
        (
            "  b: {log: {key_group: nobody}}\n",
            4,
            "bundles.b.log.key_group is nobody, expected the name or id of a user",
        ),
        ("  b: {log: {key_group: 7}}\n", 4, "bundles.b.log.key_group is 7, expected the name or id of a user"),
        ("  b: {features: serial_access}\n", 4, "bundles.b.features is serial_access, expected a list"),
        ("  b:\n    features:\n    - flying\n", 6, "bundles.b.features.0 is flying, expected one of swd_direct_access"),
        (
            "  a:\n    features:\n    - serial_access\n  b:\n    features: [mqtt_ids_access,\n     serial_access]",
            9,
            "bundles.b.features.1 is serial_access, which bundle a has already, expected it only once (see line 6)",
        ),
        (
            "  a: {id: 0, features: [serial_access]}\n",
            4,
            "features.0 is serial_access, expected no feature in bundle 0",
        ),
        (
            "  a: {features: [serial_access]}\nsettings:\n  interface:\n    serial_access_bundle: 9\n",
            4,
            "features.0 is serial_access, which settings.interface.serial_access_bundle gives to 9, expected one "
            "(see line 7)",
        ),
        ("  b: {variables: [x]}\n", 4, "bundles.b.variables is a list, expected a mapping"),
        ("  b: {variables: {v: 5}}\n", 4, "bundles.b.variables.v is 5, expected a mapping"),
        (
            "  a: {variables: {x: {id: 3}}}\n  b:\n    variables:\n      y: {id: 3}\n",
            7,
            "y.id is 3, which variable x has already, expected a variable id of its own (see line 4)",
        ),
    ],
)
def test_mistakes_of_bundles(problems: Problems, text: str, line: int, reason: str) -> None:
    found = problems(START + text)
    assert [one_line for one_line, _ in found] == [line]
    assert reason in found[0][1]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("{id: 65535}", "v.id is 65535, expected a whole number from 0 to 65534"),
        ("{tipe: int8}", "v.tipe is an unknown key, expected type or another of id, name"),
        ("{type: int64}", "v.type is int64, expected one of boolean, int8"),
        ("{domain: moon}", "v.domain is moon, expected one of target, gpio, stored, volatile"),
        ("{length: 256}", "v.length is 256, expected a whole number from 1 to 255"),
        ("{length: 0}", "v.length is 0, expected a whole number from 1 to 255"),
        ("{address: 0x100000000}", "v.address is 0x100000000, expected a whole number"),
        ("{address: here}", "v.address is here, expected a whole number"),
        ("{modbus: 5}", "v.modbus is 5, expected a mapping"),
        ("{modbus: {function: 256}}", "v.modbus.function is 256, expected a whole number from 0 to 255"),
        ("{modbus: {register: 1}}", "v.modbus.register is an unknown key, expected one of function, slave"),
        ("{address: 1, modbus: {slave: 1}}", "v has address and modbus, expected only one of them"),
        ('{name: "a:b"}', "v.name is 'a:b', expected text of 1 to 50 printable characters without colon"),
        (f"{{name: {'n' * 51}}}", "v.name is nnnn"),
        (f"{{unit: {'u' * 31}}}", "v.unit is uuuu"),
        (f"{{name: {'°' * 50}, unit: {'€' * 30}}}", None),
        (f"{{name: {'€' * 50}, unit: {'€' * 30}}}", None),
        ("{meta: 00, unit: V}", "v has meta and unit, expected only one of them"),
        ("{meta: 0}", "v.meta is 0, expected hexadecimal digits of 0 to 255 bytes"),
        ("{meta_size: 1}", "v.meta_size is 1, expected at least the 2 bytes of the meta block"),
        ("{meta_size: 256}", "v.meta_size is 256, expected a whole number from 0 to 255"),
        ("{value: 256}", "v.value is 256, expected a whole number from 0 to 255"),
        ("{value: -1}", "v.value is -1, expected a whole number from 0 to 255"),
        ("{value: 1.5}", "v.value is 1.5, expected a whole number from 0 to 255"),
        ('{value: "1"}', "v.value is '1', expected a whole number from 0 to 255"),
        ("{type: int16, value: 32768}", "v.value is 32768, expected a whole number from -32768 to 32767"),
        ("{type: float32, value: 1.0e+39}", "v.value is 1.0e+39, expected a number of 32 bits"),
        ("{type: float32, value: .nan}", "v.value is .nan, expected a number of 32 bits"),
        ("{type: boolean, value: yes}", "v.value is yes, expected true or false"),
        ("{type: ascii, length: 2, value: abc}", "v.value is abc, expected text of at most 2 characters of Latin-1"),
        ("{type: ascii, length: 2, value: \u0436}", "v.value is '\\u0436', expected text of at most 2 characters"),
        ("{type: ascii, length: 2, value: [a]}", "v.value is a list, expected text of at most 2"),
        ("{length: 2, value: [1, 2, 3]}", "v.value has 3 elements, expected at most 2"),
        ("{length: 2, value: 1}", "v.value is 1, expected a list of up to 2 elements"),
        ("{length: 2, value: [1, [2]]}", "v.value is a list, expected a whole number"),
        (f"{{value: [{', '.join(['1'] * 256)}]}}", "v.value has 256 elements, expected at most 255"),
        ("{value: {hax: 00}}", "v.value is a mapping, expected one value, a list, or {hex: ...}"),
        ("{value: {hex: 0102}}", "v.value is 0102, expected hexadecimal digits of 0 to 1 byte"),
        ("{minimum: low}", "v.minimum is low, expected a number"),
        ("{minimum: .inf}", "v.minimum is .inf, expected a number"),
        ("{minimum: 2, maximum: 1}", "v.minimum is 2.0, expected at most the maximum 1.0"),
        ("{type: ascii, minimum: 2}", "v has a minimum or maximum, expected none for text"),
    ],
)
def test_mistakes_of_variables(load_text: LoadText, problems: Problems, fields: str, reason: str | None) -> None:
    if reason is None:
        made = load_text(variable(fields)).blueprint.variables[1]
        assert len(made.meta) == made.meta_size
        return
    found = problems(variable(fields))
    assert [line for line, _ in found] == [6]
    assert reason in found[0][1]


def test_all_mistakes_are_told_at_once(problems: Problems) -> None:
    text = (
        START
        + "  a: {log: {period: x}}\n  b: {variables: {v: {value: 300, signal: {sine: {}}}}}\ntarget: {voltage: x}\n"
    )
    assert sorted({line for line, _ in problems(text)}) == [4, 5, 6]
    users = "tap: 1\nusers:\n  a: {alias: nobody}\nbundles: {b: {rights: {a: read}}}\n"
    assert [line for line, _ in problems(users)] == [3]  # whether the rights are right shows when the users are
    contradictions = (
        START + "  a: {rights: {x: read}}\n  b: {features: [serial_access], variables: {v: {value: 300}}}\n"
    )
    assert [line for line, _ in problems(contradictions)] == [4, 5]


@pytest.mark.parametrize(
    ("rules", "limit"), [("", 1024), ("rules: {max_instances: 3}\n", 3), ("rules: {max_instances: 9999}\n", 4096)]
)
@pytest.mark.parametrize("thing", ["bundles", "variables"])
def test_a_tap_has_room_for_so_many(
    load_text: LoadText, problems: Problems, rules: str, limit: int, thing: str
) -> None:
    def text(number: int) -> str:
        entries = ", ".join(f"x{one}: " for one in range(number))
        bundles = f"{{{entries}}}" if thing == "bundles" else f"{{b: {{variables: {{{entries}}}}}}}"
        return f"tap: 1\n{rules}bundles: {bundles}\n"

    assert len(getattr(load_text(text(limit)).blueprint, thing)) == limit
    found = problems(text(limit + 1))
    assert found == [(3 if rules else 2, f"bundles has {limit + 1} {thing}, expected at most {limit}")]


def test_the_limits_are_those_of_the_tap() -> None:
    assert BUNDLE_NAME.schema["maxLength"] == bundle_service.MAX_NAME
    assert (MAX_META, MAX_UNIT) == (variable_service.MAX_META, variable_service.MAX_UNIT)
    assert MAX_VARIABLES == 4096

"""Bundles and variables of the vendor's tapconfig.json, of both dialects."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from emulator.blueprint import Bundle, Variable
from emulator.config import Loaded
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import LOG_ON_CHANGE, Rights

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]


@pytest.fixture
def suffix() -> str:
    return ".tapconfig.json"


def bundles(*entries: object) -> str:
    """A configuration with these bundles."""
    return json.dumps({"config": {"version": "1.0.0", "data": {"bundles": entries}}}, indent=1)


def bundle(*variables: object, **members: object) -> str:
    return bundles({"id": 1, "name": "b", "variables": variables, **members})


@pytest.mark.parametrize(
    ("members", "made"),
    [
        ({}, Bundle("b")),
        ({"name": None}, Bundle("")),
        ({"name": ""}, Bundle("")),
        ({"name": "n" * 70}, Bundle("n" * 64)),
        ({"dataLog": {"period": 60}}, Bundle("b", log_period=60)),
        ({"dataLog": {"period": LOG_ON_CHANGE}}, Bundle("b", log_period=LOG_ON_CHANGE)),
        ({"acls": {"admin": {"read": True, "write": True}}}, Bundle("b", {65535: Rights.READ | Rights.WRITE})),
        ({"acls": {"anonymous": {"read": False, "write": False}}}, Bundle("b", {0: Rights.NONE})),
        ({"acls": {"anonymous": {"write": True}}}, Bundle("b", {0: Rights.WRITE})),
    ],
)
def test_bundles(load_text: LoadText, members: dict[str, object], made: Bundle) -> None:
    assert load_text(bundle(**members)).blueprint.bundles == {1: made}


@pytest.mark.parametrize(
    ("variable", "made", "value"),
    [
        ({"id": 2}, Variable(bundle=1), None),
        ({"id": 0, "address": 16}, Variable(bundle=1, address=16), None),
        ({"id": 2, "address": "0x20000010"}, Variable(bundle=1, address=0x20000010), None),
        (
            {"id": 2, "modbusAddress": {"functionCode": 3, "slave": 1, "address": 258}},
            Variable(bundle=1, address=0x03010102),
            None,
        ),
        ({"id": 2, "meta": {"name": "t", "unit": "°C"}}, Variable(bundle=1, meta="t:°C".encode(), meta_size=5), None),
        ({"id": 2, "meta": {"name": "a:b"}}, Variable(bundle=1, meta=b"a:b:", meta_size=4), None),
        ({"id": 2, "meta": {"name": "n" * 60}}, Variable(bundle=1, meta=b"n" * 50 + b":", meta_size=51), None),
        ({"id": 2, "meta": "0x743A56"}, Variable(bundle=1, meta=b"t:V", meta_size=3), None),
        ({"id": 2, "rawMeta": "0x00FF"}, Variable(bundle=1, meta=b"\0\xff", meta_size=2), None),
        (
            {"id": 2, "dataType": "FLOAT32", "domain": "GPIO", "length": 3},
            Variable(VariableType(Domain.GPIO, DataType.FLOAT32), 3, 1),
            None,
        ),
        (
            {"id": 2, "domain": "IN_TAP_VOLATIL", "dataType": "INT16", "value": -2},
            Variable(VariableType(Domain.IN_TAP_VOLATILE, DataType.INT16), 1, 1),
            b"\xff\xfe",
        ),
        (
            {"id": 2, "kind": "IN_TAP_STATIC", "type": "STRING", "length": 4, "value": "ab", "name": "o", "unit": "V"},
            Variable(VariableType(Domain.IN_TAP_STATIC, DataType.ASCII), 4, 1, meta=b"o:V", meta_size=3),
            b"ab\0\0",
        ),
        (
            {"id": 2, "domain": "IN_TAP_STATIC", "dataType": "UINT16", "length": 3, "value": ["0x1", 2]},
            Variable(VariableType(Domain.IN_TAP_STATIC, DataType.UINT16), 3, 1),
            b"\0\x01\0\x02\0\0",
        ),
        (
            {"id": 2, "domain": "IN_TAP_STATIC", "dataType": "FLOAT32", "value": "0x3F"},
            Variable(VariableType(Domain.IN_TAP_STATIC, DataType.FLOAT32), 1, 1),
            b"\0\0\0\x3f",
        ),
        (
            {"id": 2, "domain": "IN_TAP_STATIC", "dataType": "BOOLEAN", "value": 1},
            Variable(VariableType(Domain.IN_TAP_STATIC, DataType.BOOLEAN), 1, 1),
            b"\x01",
        ),
    ],
)
def test_variables(load_text: LoadText, variable: dict[str, Any], made: Variable, value: bytes | None) -> None:
    blueprint = load_text(bundle(variable)).blueprint
    assert blueprint.variables == {variable["id"]: made}
    assert blueprint.values == ({} if value is None else {variable["id"]: value})


def test_rights_know_users_by_their_whole_name(load_text: LoadText) -> None:
    data = {
        "profiles": [{"username": "a-name-of-17-chars", "id": 5}],
        "bundles": [{"id": 1, "acls": {"a-name-of-17-chars": {"read": True}}}],
    }
    blueprint = load_text(json.dumps({"config": {"version": "1.0.0", "data": data}})).blueprint
    assert blueprint.bundles[1].rights == {5: Rights.READ}


def test_names_need_not_differ(load_text: LoadText) -> None:
    variables = [{"id": number, "meta": {"name": "same"}} for number in (4, 5)]
    text = bundles(*({"id": number, "name": "b", "variables": []} for number in (7, 8)))
    assert [one.name for one in load_text(text).blueprint.bundles.values()] == ["b", "b"]
    assert [one.name for one in load_text(bundle(*variables)).blueprint.variables.values()] == ["same", "same"]


def test_features_belong_to_one_bundle_each(load_text: LoadText, problems: Problems) -> None:
    features = ["SWD_DIRECT_ACCESS", "SP_CODEEXEC_ACCESS", "MQTT_IDS_ACCESS"]
    settings = load_text(bundle(features=features)).blueprint.settings
    assert {key: value for key, value in settings.items() if key.endswith("_bundle")} == {
        "interface.swd_direct_access_bundle": 1,
        "interface.sp_codeexec_access_bundle": 1,
        "interface.mqtt_ids_access_bundle": 1,
    }
    twice = [{"id": number, "features": ["SERIAL_ACCESS"]} for number in (1, 2)]
    assert problems(bundles(*twice)) == [
        (
            15,
            "config.data.bundles.1.features.0 is serial_access, which config.data.bundles.0.features.0 has already, "
            "expected it only once (see line 9)",
        )
    ]


def test_bundle_zero_can_have_no_features(load_text: LoadText) -> None:
    loaded = load_text(bundles({"id": 0, "features": ["SERIAL_ACCESS"]}))
    assert "interface.serial_access_bundle" not in loaded.blueprint.settings
    assert [note.kind for note in loaded.notes] == ["ignored"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (bundle(id="x"), "config.data.bundles.0.id is 'x', expected a whole number from 0 to 65534"),
        (bundle(id=None), "config.data.bundles.0.id is empty, expected a whole number"),
        (bundles({}), "config.data.bundles.0.id is missing, expected a number"),
        (bundles({"id": 1}, {"id": 1}), "bundles.1.id is 1, which bundle bundle-1 has already"),
        (bundle(name=5), "config.data.bundles.0.name is 5, expected text"),
        (bundle(name="\u0436"), "config.data.bundles.0.name is '\\u0436', expected text of 0 to 64"),
        (bundle(dataLog=5), "config.data.bundles.0.dataLog is 5, expected an object"),
        (bundle(dataLog={"period": -1}), "config.data.bundles.0.dataLog.period is -1, expected seconds, 0 for off"),
        (bundle(acls=[]), "config.data.bundles.0.acls is a list, expected an object"),
        (bundle(acls={"anonymous": True}), "config.data.bundles.0.acls.anonymous is true, expected an object"),
        (bundle(acls={"anonymous": {"read": 1}}), "acls.anonymous.read is 1, expected true or false"),
        (bundle(acls={"nobody": {"read": True}}), "acls.nobody is no user, expected the name or id of a user"),
        (bundle(features=5), "config.data.bundles.0.features is 5, expected a list"),
        (bundle(features=["FLYING"]), "features.0 is 'FLYING', expected one of swd_direct_access"),
        (bundle(features=[[]]), "features.0 is a list, expected one of"),
        (bundle(5), "config.data.bundles.0.variables.0 is 5, expected an object"),
        (bundle({}), "variables.0.id is missing, expected a number"),
        (bundle({"id": 65535}), "variables.0.id is 65535, expected a whole number from 0 to 65534"),
        (bundle({"id": 1}, {"id": 1}), "variables.1.id is 1, which variable variable-1 has already"),
        (bundle({"id": 1, "dataType": "INT64"}), "variables.0.dataType is 'INT64', expected one of boolean"),
        (bundle({"id": 1, "domain": "MOON"}), "variables.0.domain is 'MOON', expected one of target, gpio"),
        (bundle({"id": 1, "length": 256}), "variables.0.length is 256, expected a whole number from 1 to 255"),
        (bundle({"id": 1, "address": "12"}), "variables.0.address is '12', expected a whole number"),
        (bundle({"id": 1, "address": "0x100000000"}), "variables.0.address is 0x100000000, expected a whole"),
        (bundle({"id": 1, "modbusAddress": 5}), "variables.0.modbusAddress is 5, expected an object"),
        (
            bundle({"id": 1, "modbusAddress": {"functionCode": 256, "slave": 1, "address": 1}}),
            "modbusAddress.functionCode is 256, expected a whole number from 0 to 255",
        ),
        (bundle({"id": 1, "meta": 5}), "variables.0.meta is 5, expected hexadecimal digits"),
        (bundle({"id": 1, "meta": {"name": 5}}), "variables.0.meta.name is 5, expected text"),
        (bundle({"id": 1, "rawMeta": "0x" + "00" * 256}), "variables.0.rawMeta is '0x0000"),
        (bundle({"id": 1, "value": 256}), "variables.0.value is 256, expected a number of type uint8"),
        (bundle({"id": 1, "value": 1e999}), "stands here, expected a value"),
        (bundle({"id": 1, "value": 0.5}), "variables.0.value is 0.5, expected a number of type uint8"),
        (bundle({"id": 1, "value": "0x0102"}), "variables.0.value is '0x0102', expected at most 1 bytes"),
        (bundle({"id": 1, "value": "on"}), "variables.0.value is 'on', expected a number or hexadecimal digits"),
        (bundle({"id": 1, "value": [1, 2]}), "variables.0.value has 2 bytes, expected at most 1"),
        (bundle({"id": 1, "value": {}}), "variables.0.value is a mapping, expected a number"),
        (bundle({"id": 1, "dataType": "FLOAT32", "value": 10**39}), "value is 1000000000000000000000000"),
        (bundle({"id": 1, "dataType": "ASCII", "value": "ab"}), "variables.0.value has 2 bytes, expected at most 1"),
        (bundle({"id": 1, "dataType": "ASCII", "value": "é"}), "variables.0.value is '\\xe9', expected text of ASCII"),
    ],
)
def test_mistakes_of_bundles(problems: Problems, text: str, reason: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert reason in found[0][1]

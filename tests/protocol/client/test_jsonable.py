"""Values as JSON: what comes out can be put in again, and what does not fit is named."""

import json
from typing import Any

import pytest

from protocol.bodies.interface import LOGIN_CREDENTIAL_HASHED, SECURITY_OPTIONS, LoginCredentialHashed, SecurityOptions
from protocol.bodies.multi_request import MULTI_REQUEST, MULTI_RESPONSE, MultiRequestItem
from protocol.bodies.scram import SCRAM_LOGIN, ScramLogin
from protocol.client.calls import CALLS
from protocol.client.jsonable import from_json, to_json
from protocol.codes import HostProtocol, Method, PowerSource
from protocol.errors import UsageError
from protocol.firmware import Version
from protocol.frames import Request, Response
from protocol.paths import Path
from protocol.values import ASCII, BOOLEAN, RAW, UINT16, VERSION, Body, enumeration

HOSTS = enumeration("hosts", HostProtocol, 2)
POWER = enumeration("power", PowerSource)
READ = Request(Method.GET, Path.parse("/3//2"))

PAIRS: list[tuple[Body[Any], Any, Any]] = [
    (UINT16, 7, 7),
    (BOOLEAN, True, True),
    (ASCII, "Tap", "Tap"),
    (RAW, b"\x01\x02", "hex:0102"),
    (VERSION, Version(1, 2, 3), "1.2.3"),
    (POWER, PowerSource.S3P, "S3P"),
    (HOSTS, HostProtocol.NFC | HostProtocol.BLE, "NFC|BLE"),
    (HOSTS, HostProtocol(0x0801), "NFC|2048"),
    (HOSTS, HostProtocol(0), 0),
    (SCRAM_LOGIN, ScramLogin("admin", 1), {"username": "admin", "client_nonce": 1}),
    (LOGIN_CREDENTIAL_HASHED, LoginCredentialHashed("a", bytes(16)), {"username": "a", "password": f"hex:{'00' * 16}"}),
    (
        MULTI_REQUEST,
        [MultiRequestItem(READ, 0x7F)],
        [{"request": {"method": "GET", "path": "/3//2", "body": "hex:"}, "expected": 0x7F}],
    ),
    (
        MULTI_RESPONSE,
        [Response(0, b"\x01"), Response(0x81)],
        [{"code": 0, "body": "hex:01"}, {"code": 129, "body": "hex:"}],
    ),
]


@pytest.mark.parametrize(("body", "value", "shown"), PAIRS, ids=lambda each: getattr(each, "name", None))
def test_there_and_back(body: Body[Any], value: Any, shown: Any) -> None:
    assert to_json(value) == shown
    assert from_json(body, json.dumps(shown)) == value
    assert body.decode(body.encode(value)) == value


READERS = [
    name
    for name, each in CALLS.items()
    if each.resource.setting and each.response is each.resource.setting.body and each.name == each.call.name
]
"""Calls that answer a setting as it is kept, without their other forms, which a default need not fit."""


@pytest.mark.parametrize("name", READERS)
def test_all_defaults_of_the_table(name: str) -> None:
    call = CALLS[name]
    assert call.resource.setting is not None
    assert call.response is not None
    default = call.response.decode(call.response.encode(call.resource.setting.default))
    assert from_json(call.response, json.dumps(to_json(default))) == default


@pytest.mark.parametrize(
    ("body", "text", "value"),
    [
        (ASCII, "Tap", "Tap"),
        (ASCII, "12", "12"),
        (ASCII, "true", "true"),
        (ASCII, '"12"', "12"),
        (VERSION, "1.2.3", Version(1, 2, 3)),
        (POWER, "S3P", PowerSource.S3P),
        (POWER, "16", PowerSource.S3P),
        (HOSTS, "NFC | BLE", HostProtocol.NFC | HostProtocol.BLE),
        (UINT16, "hex:0102", 0x0102),
        (RAW, "hex:", b""),
        (SECURITY_OPTIONS, "{}", SecurityOptions()),
        (SECURITY_OPTIONS, '{"scram_activated": true}', SecurityOptions(scram_activated=True)),
        (MULTI_REQUEST, '[{"request": {"method": "get", "path": "/device/serial-number"}}]', [MultiRequestItem(READ)]),
    ],
)
def test_short_forms(body: Body[Any], text: str, value: Any) -> None:
    assert from_json(body, text) == value


@pytest.mark.parametrize(
    ("body", "text", "message"),
    [
        (UINT16, "seven", 'uint16: expected a whole number, not "seven"'),
        (UINT16, "true", "uint16: expected a whole number, not true"),
        (UINT16, "1.5", r"uint16: expected a whole number, not 1\.5"),
        (UINT16, "hex:01", "uint16 in 1 bytes: expected 2 bytes"),
        (UINT16, "hex:0g", "uint16: 'hex:0g' is not bytes"),
        (BOOLEAN, "1", "boolean: expected true or false, not 1"),
        (ASCII, '"open', "ascii: no JSON"),
        (RAW, "12", "bytes: expected bytes such as"),
        (RAW, "abcd", "bytes: 'abcd' is not bytes"),
        (VERSION, "1", 'stringVersion: expected a version such as "1.2.3", not 1'),
        (VERSION, "one", "'one' is not a version"),
        (POWER, "SUN", "power: 'SUN' is none of DC_POWER, S3P, AC_EXTERNAL_POWER"),
        (POWER, "3", "power: '3' is none of"),
        (POWER, "[]", r"power: expected a name or a number, not \[\]"),
        (HOSTS, "NFC|MAIL", r"hosts: 'NFC\|MAIL' is none of NFC"),
        (SECURITY_OPTIONS, '{"scram": true}', "securityOptions: no field 'scram', expected scram_activated"),
        (SECURITY_OPTIONS, '{"hash_password": 1}', r"securityOptions\.hash_password: expected true or false, not 1"),
        (SECURITY_OPTIONS, "[]", "securityOptions: expected an object with scram_activated"),
        (SCRAM_LOGIN, '{"username": "x"}', "scramLoginParams: the field 'client_nonce' is missing"),
        (MULTI_REQUEST, "{}", "multiRequestFrame: expected a list"),
        (MULTI_REQUEST, '[{"request": {"method": "GET", "path": "3"}}]', r"\[0\]\.request: '3' is not a path|'3'"),
        (MULTI_REQUEST, '[{"request": {"method": "EAT", "path": "/3//2"}}]', r"\[0\]\.request: 'EAT' is not a method"),
        (MULTI_RESPONSE, '[{"code": 0, "body": "x"}]', r"multiResponseFrame\[0\]\.body: 'x' is not bytes"),
    ],
)
def test_what_does_not_fit_is_named(body: Body[Any], text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_json(body, text)


def test_a_type_without_a_json_form_says_so() -> None:
    strange = Body("strange", RAW.schema, complex)
    with pytest.raises(UsageError, match="strange: there is no JSON form of it; give the whole body as hex:"):
        from_json(strange, "1")


def test_unknown_methods_are_numbers() -> None:
    assert to_json(Request(9, READ.path))["method"] == 9


def test_nothing_stays_nothing() -> None:
    assert to_json(None) is None

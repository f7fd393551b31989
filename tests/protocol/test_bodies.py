"""Bodies: vendor bytes in both directions, damaged bodies, and shortcuts that agree with their schemas."""

from typing import Any

import pytest
from construct import ConstructError
from hypothesis import given
from hypothesis import strategies as st

from protocol.bodies.device import POWER_SOURCE
from protocol.bodies.interface import (
    HOST_PROTOCOL,
    LOGIN_CREDENTIAL,
    LOGIN_CREDENTIAL_HASHED,
    MAX_FRAME_SIZE,
    SECURITY_OPTIONS,
    SECURITY_OPTIONS_WRITE,
    LoginCredential,
    LoginCredentialHashed,
    MaxFrameSize,
    SecurityOptions,
)
from protocol.bodies.multi_request import MULTI_REQUEST, MULTI_RESPONSE, MultiRequestItem
from protocol.bodies.scram import (
    ENCRYPTED_IV_REQUEST,
    ENCRYPTED_IV_RESPONSE,
    INITIALIZATION_VECTOR,
    PROOF,
    SCRAM_CHALLENGE,
    SCRAM_LOGIN,
    IvFrame,
    ScramChallenge,
    ScramLogin,
)
from protocol.codes import HostProtocol, PowerSource
from protocol.errors import BodyError, UsageError
from protocol.firmware import Version
from protocol.frames import Request, Response
from protocol.paths import Path
from protocol.resources.registry import ENTRIES
from protocol.values import ASCII, BOOLEAN, RAW, UINT8, UINT16, UINT32, VERSION, Body

ADMIN = "61646d696e0000000000000000000000"
HASH = "0155affc023aff6882f56a4e0d9c5466"
IV = "101112131415161718191a1b1c1d1e1f"

VECTORS: list[tuple[Body[Any], Any, str]] = [
    (UINT8, 171, "ab"),
    (UINT16, 4660, "1234"),
    (UINT32, 305419896, "12345678"),
    (UINT32, 4294967295, "ffffffff"),
    (BOOLEAN, True, "01"),
    (BOOLEAN, False, "fe"),
    (ASCII, "Tap demo", "5461702064656d6f"),
    (RAW, b"\x01\x02", "0102"),
    (VERSION, Version(1, 2, 300), "0102012c"),
    (VERSION, Version(255, 255, 65535), "ffffffff"),
    (VERSION, Version(1), "01000000"),
    (VERSION, Version(1, 86, 2), "01560002"),
    (HOST_PROTOCOL, HostProtocol.BLE, "0040"),
    (HOST_PROTOCOL, HostProtocol.WIFI, "0020"),
    (HOST_PROTOCOL, HostProtocol.NFC | HostProtocol.BLE | HostProtocol.WIFI, "0061"),
    (LOGIN_CREDENTIAL, LoginCredential("admin", "admin"), ADMIN + ADMIN),
    (LOGIN_CREDENTIAL, LoginCredential("user-name-16-byt", ""), b"user-name-16-byt".hex() + "00" * 16),
    (LOGIN_CREDENTIAL_HASHED, LoginCredentialHashed("admin", bytes.fromhex(HASH)), ADMIN + HASH),
    (SECURITY_OPTIONS, SecurityOptions(scram_activated=True, hash_password=True), "0018"),
    (SECURITY_OPTIONS, SecurityOptions(hash_password=True), "0008"),
    (SECURITY_OPTIONS, SecurityOptions(scram_activated=True), "0010"),
    (SECURITY_OPTIONS, SecurityOptions(disable_hardware_factory_reset=True), "0004"),
    (SECURITY_OPTIONS, SecurityOptions(disable_login_with_uid=True), "0002"),
    (SECURITY_OPTIONS, SecurityOptions(disable_resource_factory_reset=True), "0001"),
    (MAX_FRAME_SIZE, MaxFrameSize(250, 250), "00fa00fa"),
    (
        MULTI_REQUEST,
        [
            MultiRequestItem(Request(1, Path.parse("/3//2")), 0xFF),
            MultiRequestItem(Request(3, Path.parse("/1025/5/4"), b"\x01\x2c"), 0x7F),
        ],
        "0007010003ffff0002ff000903040100050004012c7f",
    ),
    (MULTI_RESPONSE, [Response(0x45, b"abcd"), Response(0x84)], "00054561626364000184"),
    (SCRAM_LOGIN, ScramLogin("admin", 0x01020304), ADMIN + "01020304"),
    (SCRAM_CHALLENGE, ScramChallenge(0x05060708, bytes.fromhex("0a0b0c0d"), 1000), "050607080a0b0c0d000003e8"),
    (PROOF, bytes.fromhex(HASH), HASH),
    (INITIALIZATION_VECTOR, bytes.fromhex(IV), IV),
    (ENCRYPTED_IV_REQUEST, IvFrame(bytes.fromhex(IV), bytes(32)), IV + "00" * 32),
    (ENCRYPTED_IV_RESPONSE, IvFrame(bytes.fromhex(IV), b"\xff" * 16), IV + "ff" * 16),
    (POWER_SOURCE, PowerSource.DC_POWER, "01"),
]


@pytest.mark.parametrize(("body", "value", "data"), VECTORS, ids=lambda case: getattr(case, "name", None))
def test_vendor_bytes_in_both_directions(body: Body[Any], value: Any, data: str) -> None:
    assert body.encode(value).hex() == data
    assert body.decode(bytes.fromhex(data)) == value


READ_ONLY: list[tuple[Body[Any], Any, str]] = [
    (BOOLEAN, False, "00"),
    (ASCII, "Tap", "54617000414243"),
    (SECURITY_OPTIONS_WRITE, SecurityOptions(scram_activated=True), "10"),
    (SECURITY_OPTIONS_WRITE, SecurityOptions(scram_activated=True, hash_password=True), "0018"),
]


@pytest.mark.parametrize(("body", "value", "data"), READ_ONLY)
def test_other_bytes_that_clients_send(body: Body[Any], value: Any, data: str) -> None:
    assert body.decode(bytes.fromhex(data)) == value


def test_text_keeps_all_eight_bits() -> None:
    """The vendor's decoder clears bit 7 of what it reads (E9 becomes "i"); a Tap keeps what was written."""
    assert ASCII.encode(ASCII.decode(b"\xe9")) == b"\xe9"


DAMAGED: list[tuple[Body[Any], str]] = [
    (UINT16, "01"),
    (UINT16, "010203"),
    (VERSION, "010203"),
    (VERSION, "0102030405"),
    (LOGIN_CREDENTIAL_HASHED, "61" * 31),
    (LOGIN_CREDENTIAL_HASHED, "61" * 33),
    (SECURITY_OPTIONS_WRITE, ""),
    (SECURITY_OPTIONS_WRITE, "000018"),
    (SCRAM_LOGIN, "61" * 19),
    (PROOF, "00" * 15),
    (PROOF, "00" * 17),
    (ENCRYPTED_IV_REQUEST, "00" * 15),
    (POWER_SOURCE, "02"),
    (POWER_SOURCE, ""),
    (MULTI_REQUEST, "0007010003ffff0002"),
    (MULTI_REQUEST, "0006010003ffff00ff"),
    (MULTI_REQUEST, "0007010003ffff0002ffab"),
]


@pytest.mark.parametrize(("body", "data"), DAMAGED)
def test_body_that_does_not_fit(body: Body[Any], data: str) -> None:
    with pytest.raises(BodyError, match=f"in {len(data) // 2} bytes"):
        body.decode(bytes.fromhex(data))


UNFIT: list[tuple[Body[Any], Any]] = [
    (UINT8, 256),
    (UINT16, -1),
    (ASCII, "€"),
    (LOGIN_CREDENTIAL, LoginCredential("longer-than-16-chars", "")),
    (SCRAM_LOGIN, ScramLogin("admin", 2**32)),
    (PROOF, b"short"),
    (POWER_SOURCE, 2),
    (VERSION, Version(256)),
]


@pytest.mark.parametrize(("body", "value"), UNFIT)
def test_value_that_does_not_fit_is_our_mistake(body: Body[Any], value: Any) -> None:
    with pytest.raises(UsageError, match=r"is no "):
        body.encode(value)


ALL_BODIES = {
    body.name: body for entry in ENTRIES for body in (entry.call.request, entry.call.response) if body is not None
}


@pytest.mark.parametrize("name", ALL_BODIES)
@given(data=st.binary(max_size=40))
def test_shortcut_agrees_with_schema(name: str, data: bytes) -> None:
    """Valid, cut and over-long input: the fast reader and the schema say the same, and write it back alike."""
    body = ALL_BODIES[name]
    try:
        expected = body.parse(data)
    except (ConstructError, ValueError, BodyError):
        with pytest.raises(BodyError):
            body.decode(data)
        return
    assert body.decode(data) == expected
    assert body.encode(expected) == body.build(expected)

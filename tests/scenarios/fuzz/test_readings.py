"""Whatever a client's language makes of a value, it is the same value; another one is another one."""

from typing import Any

import pytest

from protocol.bodies.interface import ServiceCode
from protocol.client.calls import find_call
from scenarios.fuzz.judging.readings import agrees, base_call

SERIAL, VALUE, UINT = "device.get_serial_number", "variable.get_value", "group.get_session_lifetime"
FLAG, ENUM, RAW = "data_log.is_running", "target.get_protocol", "variable.get_raw_meta"
FRAME_SIZE = "interface.get_current_host_protocol_max_frame_size"
VERSION, FLAGS = "target.get_firmware_version", "interface.get_disabled_services"
VERSION_BYTES = bytes((1, 2, 0, 3))
CHALLENGE = bytes.fromhex("01020304 00010203 00001388")
FLOAT = bytes.fromhex("41ac0000")
"""21.5"""
THIRD = bytes.fromhex("3eaaaaab")
BUNDLE = bytes.fromhex("880609c10407c40541ac0000")
"""Bundle 6: variable 4 is 7, variable 5 is 21.5."""


@pytest.mark.parametrize(
    ("call", "body", "reported", "same"),
    [
        (SERIAL, b"IoTize0041", "IoTize0041", True),
        (SERIAL, b"IoTize0041\0\0", "IoTize0041", True),
        (SERIAL, b"IoTize0041", "IoTize0041\0", True),
        (SERIAL, b"IoTize\xe9", "IoTize\xe9", True),
        (SERIAL, b"IoTize\xc3\xa9", "IoTize\xe9", True),
        (SERIAL, b"IoTize\xe9", "IoTize\ufffd", True),
        (SERIAL, b"IoTize\xe9", "IoTizei", True),
        (SERIAL, b"IoTize0041", "hex:496f54697a6530303431", True),
        (SERIAL, b"IoTize0041", "iotize0041", False),
        (SERIAL, b"IoTize0041", "IoTize004", False),
        (SERIAL, b"IoTize0041", "", False),
        (SERIAL, b"IoTize0041", "SW9UaXplMDA0MQ==", False),
        (SERIAL, b"42", 42, True),
        (SERIAL, b"42", 43, False),
        (UINT, b"\x01\x2c", 300, True),
        (UINT, b"\x01\x2c", 300.0, True),
        (UINT, b"\x01\x2c", "300", True),
        (UINT, b"\x01\x2c", "0x12C", True),
        (UINT, b"\x01\x2c", "012C", True),
        (UINT, b"\x01\x2c", [1, 44], True),
        (UINT, b"\x01\x2c", "01:2c", True),
        (UINT, b"\x01\x2c", 301, False),
        (UINT, b"\x01\x2c", "three hundred", False),
        (UINT, b"\x01\x2c", 10**400, False),
        (UINT, b"\x01", 1, True),
        (UINT, b"\x01", 2, False),
        (FLAG, b"\x01", True, True),
        (FLAG, b"\x01", 1, True),
        (FLAG, b"\x01", "true", True),
        (FLAG, b"\xfe", False, True),
        (FLAG, b"\xfe", 0, True),
        (FLAG, b"\x01", False, False),
        (FLAG, b"\x01", 0, False),
        (ENUM, b"\x03", "MODBUS", True),
        (ENUM, b"\x03", "modbus", True),
        (ENUM, b"\x03", 3, True),
        (ENUM, b"\x03", "3", True),
        (ENUM, b"\x05", "serialStandard", True),
        (ENUM, b"\x03", "SWD", False),
        (ENUM, b"\x03", 4, False),
        (ENUM, b"\x77", 0x77, True),
        (ENUM, b"\x77", "NONE", False),
        (RAW, b"a\x02", "hex:6102", True),
        (RAW, b"a\x02", "6102", True),
        (RAW, b"\xab\xcd", "ABCD", True),
        (RAW, b"\xab\xcd", [0xAB, 0xCD], True),
        (RAW, b"\xab\xcd", [0xAB, 0xCE], False),
        (RAW, b"\xab\xcd", [-0x55, -0x33], True),
        (RAW, b"\xab\xcd", {"type": "Buffer", "data": [0xAB, 0xCD]}, True),
        (RAW, b"\xab\xcd", {"0": 0xAB, "1": 0xCD}, True),
        (RAW, b"\xab\xcd", "q80=", False),
        (RAW, b"\xab\xcd", [0xAB], False),
        (SERIAL, b"\xab\xcd", {"data": "abcd"}, False),
        (RAW, b"", "", True),
        (RAW, b"", [], True),
        (RAW, b"", "hex:", True),
        (RAW, b"", "00", False),
        (VALUE, FLOAT, 21.5, True),
        (VALUE, FLOAT, 0x41AC0000, True),
        (VALUE, FLOAT, "21.5", True),
        (VALUE, FLOAT, [0x41AC, 0], True),
        (VALUE, FLOAT, 200, False),
        (VALUE, THIRD, 1 / 3, True),
        (VALUE, THIRD, 0.333, False),
        (VALUE, b"\xff", -1, True),
        (VALUE, b"\xff", 255, True),
        (VALUE, b"\x01", True, True),
        (VALUE, b"hello\0\0", "hello", True),
        (VALUE, b"\x7f\xc0\0\0", None, True),
        (VALUE, b"\x7f\xc0\0\0", "NaN", True),
        (VALUE, b"\0\1\0\2", [1, 2], True),
        (VALUE, b"\0\1\0\2", [1, 3], False),
        (VALUE, b"\0\1\0\2", [], False),
        (VALUE, b"", 0, False),
        (VALUE, bytes(3), "hex:000000", True),
        ("scram.login", CHALLENGE, {"iterations": 5000, "serverNonce": 0x01020304}, True),
        ("scram.login", CHALLENGE, {"server_nonce": 0x01020304, "salt": list(range(4))}, True),
        ("scram.login", CHALLENGE, {"iterations": 5000, "unknown": 1}, True),
        ("scram.login", CHALLENGE, {"iterations": 5001}, False),
        ("scram.login", CHALLENGE, {"salt": "00"}, False),
        ("scram.login", CHALLENGE, CHALLENGE.hex(), True),
        (FRAME_SIZE, b"\x00\xfa\x00\x80", [250, 128], True),
        (FLAGS, b"\x00\x00", 0, True),
        (VERSION, VERSION_BYTES, "1.2.3", True),
        (VERSION, VERSION_BYTES, [1, 2, 3], True),
        (VERSION, VERSION_BYTES, {"major": 1, "minor": 2}, True),
        (VERSION, VERSION_BYTES, "1.2.4", False),
        ("bundle.get_values", BUNDLE, {"4": 7, "5": 21.5}, True),
        ("bundle.get_values", BUNDLE, {"5": 21.5}, True),
        ("bundle.get_values", BUNDLE, {"4": 21.5, "5": 7}, False),
        ("bundle.get_values", BUNDLE, {"bundleId": 6, "values": [[4, 7], [5, 21.5]]}, True),
        (
            "bundle.get_values",
            BUNDLE,
            {"bundleId": 6, "values": [{"id": 4, "value": 7}, {"id": 5, "value": 21.5}]},
            True,
        ),
        ("bundle.get_values", BUNDLE, {"bundleId": 6, "values": [[5, 21.5], [4, 7]]}, True),
        ("bundle.get_values", BUNDLE, {"bundleId": 6, "values": [[5, 7], [4, 21.5]]}, False),
        ("bundle.get_values", BUNDLE, {"bundleId": 6, "values": [[4, 21.5], [5, 7]]}, False),
        ("bundle.get_values", BUNDLE, {"bundleId": 6, "values": [[4, 7]]}, False),
        ("bundle.get_values", BUNDLE, {"bundleId": 7}, False),
        ("bundle.get_values", BUNDLE, [["4", "hex:07"], ["5", "hex:41ac0000"]], True),
        ("not.a_call", b"\x01", "01", True),
        ("not.a_call", b"\x01", {"deep": [[[{}]]]}, False),
    ],
)
def test_the_same_value_in_other_clothes(call: str, body: bytes, reported: Any, same: bool) -> None:
    assert agrees(call, body, reported) is same


def test_forms_of_a_call_are_that_call() -> None:
    assert base_call("variable.get_gpio_mode") == VALUE
    assert base_call(SERIAL) == SERIAL
    assert base_call("temperature") is None


def test_flags_are_a_set_of_names() -> None:
    body = find_call(FLAGS).response
    assert body is not None
    encoded = body.encode(ServiceCode.DATALOG | ServiceCode.JVM)
    names = ["DATALOG", "JVM"]
    for reported in ("|".join(names), ", ".join(reversed(names)), names, [name.lower() for name in names]):
        assert agrees(FLAGS, encoded, reported)
    assert not agrees(FLAGS, encoded, names[0])

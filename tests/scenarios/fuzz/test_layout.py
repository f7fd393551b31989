"""Layouts: each byte of each body has a name, and the right one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.bodies.interface import SECURITY_OPTIONS
from protocol.bodies.multi_request import MULTI_REQUEST, MULTI_RESPONSE
from protocol.bodies.scram import PROOF, SCRAM_CHALLENGE
from protocol.bodies.single_packet import SINGLE_PACKET
from protocol.bodies.tapnpass import TAPNPASS_CONFIGURATION
from protocol.bodies.target import MODBUS_SETTINGS, SERIAL_MODBUS_CONFIGURATION
from protocol.bodies.variable import VARIABLE_META
from protocol.packets import PacketType, encode_packet, new_packet
from protocol.tlv import BUNDLE_VALUES, encode_bundle
from protocol.values import ASCII, BOOLEAN, RAW, UINT16, VERSION, Body
from scenarios.fuzz.grammar.layout import Field, Kind, layout
from scenarios.fuzz.grammar.samples import good_bodies
from scenarios.fuzz.grammar.trees import ANY_BYTES, BY_HAND, is_bundle
from tests.robustness.effort import effort
from tests.scenarios.fuzz.bodies import answers_of_the_demo, reads, request_bodies, response_bodies, vectors_of

BUNDLE = encode_bundle(1, [(4, b"\0\0\0\1"), (300, bytes(12))])
PACKET = encode_packet(new_packet(PacketType.DATA_LOG, BUNDLE, send_time=1, log_time=2, packet_id=3))
ALL = {id(schema): schema for schema in (*response_bodies(), *request_bodies())}.values()

Row = tuple[str, Kind, int, int, int | bytes]
"""Name, kind, offset, size and value of a field."""

TABLE: list[tuple[Body[Any], str, list[Row]]] = [
    (UINT16, "1234", [("value", Kind.INTEGER, 0, 2, 0x1234)]),
    (BOOLEAN, "fe", [("value", Kind.FLAG, 0, 1, 0xFE)]),
    (ASCII, "", [("value", Kind.TEXT, 0, 0, b"")]),
    (RAW, "00ff", [("value", Kind.VALUE, 0, 2, b"\0\xff")]),
    (PROOF, "00" * 16, [("value", Kind.BYTES, 0, 16, bytes(16))]),
    (
        VERSION,
        "0102012c",
        [
            ("major", Kind.VERSION, 0, 1, 1),
            ("minor", Kind.VERSION, 1, 1, 2),
            ("patch", Kind.VERSION, 2, 2, 300),
        ],
    ),
    (
        SCRAM_CHALLENGE,
        "050607080a0b0c0d000003e8",
        [
            ("server_nonce", Kind.INTEGER, 0, 4, 0x05060708),
            ("salt", Kind.BYTES, 4, 4, bytes.fromhex("0a0b0c0d")),
            ("iterations", Kind.INTEGER, 8, 4, 1000),
        ],
    ),
    (
        SCRAM_CHALLENGE,
        "0506070801",
        [("server_nonce", Kind.INTEGER, 0, 4, 0x05060708), ("rest", Kind.REST, 4, 1, b"\1")],
    ),
    (
        MULTI_RESPONSE,
        "00024501000184",
        [
            ("answers[0].length", Kind.LENGTH, 0, 2, 2),
            ("answers[0].code", Kind.ENUM, 2, 1, 0x45),
            ("answers[0].body", Kind.VALUE, 3, 1, b"\1"),
            ("answers[1].length", Kind.LENGTH, 4, 2, 1),
            ("answers[1].code", Kind.ENUM, 6, 1, 0x84),
        ],
    ),
    (
        VARIABLE_META,
        "743a6d56003a",
        [
            ("name", Kind.TEXT, 0, 1, b"t"),
            ("colon", Kind.CONSTANT, 1, 1, b":"),
            ("unit", Kind.TEXT, 2, 2, b"mV"),
            ("unread", Kind.PADDING, 4, 2, b"\0:"),
        ],
    ),
]


@pytest.mark.parametrize(("body", "data", "expected"), TABLE)
def test_what_fields_there_are(body: Body[Any], data: str, expected: list[Row]) -> None:
    fields = layout(body, bytes.fromhex(data)).fields
    assert [(each.name, each.kind, each.offset, each.size, each.value) for each in fields] == expected


def named(body: Body[Any], data: bytes) -> dict[str, Field]:
    return {each.name: each for each in layout(body, data).fields}


def test_bits_in_a_block_that_goes_over_the_wire_in_reverse() -> None:
    data = next(vectors_of(SERIAL_MODBUS_CONFIGURATION))
    value = SERIAL_MODBUS_CONFIGURATION.decode(data)
    fields = named(SERIAL_MODBUS_CONFIGURATION, data)
    assert fields["serial.baud_rate"].value == value.serial.baud_rate
    changed = SERIAL_MODBUS_CONFIGURATION.decode(fields["serial.baud_rate"].with_number(data, 0xABCDE))
    assert changed.serial.baud_rate == 0xABCDE
    assert changed.serial.timeout == value.serial.timeout
    assert changed.modbus == value.modbus
    assert named(MODBUS_SETTINGS, data)["slave"].value == value.modbus.slave


def test_flags_are_single_bits() -> None:
    fields = named(SECURITY_OPTIONS, b"\x00\x18")
    assert {name: each.value for name, each in fields.items() if each.kind is Kind.FLAG} == {
        "scram_activated": 1,
        "hash_password": 1,
        "disable_hardware_factory_reset": 0,
        "disable_login_with_uid": 0,
        "disable_resource_factory_reset": 0,
    }
    assert fields["hash_password"].with_number(b"\x00\x18", 0) == b"\x00\x10"
    assert fields["padding"].bits == 11


def test_records_of_a_bundle_are_called_after_their_variables() -> None:
    fields = named(BUNDLE_VALUES, BUNDLE)
    length = fields["values[0].short_length"]
    assert (length.shown, length.follows) == ("length field of the record of variable 4", 4)
    assert fields["bundle.length"].shown == "length field of the record of bundle 1"
    assert fields["values[1].length"].follows == 12
    assert fields["values[1].id"].value == 300
    assert fields["values[1].value"].shown == "value of variable 300"
    (records,) = layout(BUNDLE_VALUES, BUNDLE).sequences
    assert [item.title for item in records.items] == ["record of variable 4", "record of variable 300"]
    assert records.wrap(b"".join(item.content for item in records.items)) == BUNDLE


def test_a_packet_has_a_bundle_in_it_and_a_checksum_that_can_be_put_right() -> None:
    found = layout(SINGLE_PACKET, PACKET)
    fields = {each.name: each for each in found.fields}
    assert fields["header.packet_length"].kind is Kind.LENGTH
    assert fields["data_size"].value == fields["data_size"].follows - len(SINGLE_PACKET.decode(PACKET).payload.padding)  # type: ignore[union-attr]
    assert fields["values[0].value"].value == b"\0\0\0\1"
    assert fields["crc"].kind is Kind.CHECKSUM
    changed = fields["values[0].value"].with_bytes(PACKET, b"\0\0\0\2")
    assert not reads(SINGLE_PACKET, changed)
    assert found.repair is not None
    assert reads(SINGLE_PACKET, found.repair(changed))
    (records,) = found.sequences
    shorter = SINGLE_PACKET.decode(records.wrap(records.items[0].content))
    assert shorter.payload.data == encode_bundle(1, [(4, b"\0\0\0\1")])  # type: ignore[union-attr]


def test_adapters_of_a_tapnpass_have_their_aliases() -> None:
    data = next(data for data in vectors_of(TAPNPASS_CONFIGURATION) if len(data) > 8)
    found = layout(TAPNPASS_CONFIGURATION, data)
    value = TAPNPASS_CONFIGURATION.decode(data)
    assert {each.name: each for each in found.fields}["usb.aliases[0].pid"].value == value.usb.aliases[0].pid
    assert len(found.sequences[0].items) == len(value.usb.aliases)


def test_requests_have_layouts_too() -> None:
    fields = named(MULTI_REQUEST, bytes.fromhex("0007010003ffff0002ff"))
    assert fields["requests[0].path.object"].value == 3
    assert fields["requests[0].expected"].value == 0xFF


def good_ones() -> list[tuple[Body[Any], bytes]]:
    found = [(good.schema, good.body) for good in good_bodies()]
    found += [(schema, data) for schema in ALL for data in vectors_of(schema)]
    found += [(each.body, each.response.body) for each in answers_of_the_demo() if each.body is not None]
    return list(dict.fromkeys(found))


GOOD = good_ones()
NEVER_WRONG: list[Body[Any]] = [schema for schema in ALL if schema in ANY_BYTES]


def test_each_body_of_an_answer_is_there() -> None:
    assert {schema.name for schema, _ in GOOD} >= {schema.name for schema in response_bodies()}
    assert len(answers_of_the_demo()) > 100


@pytest.mark.parametrize(("body", "data"), GOOD, ids=lambda part: getattr(part, "name", None))
def test_good_bodies_fit_and_have_no_rest(body: Body[Any], data: bytes) -> None:
    found = layout(body, data)
    assert found.fits
    assert not [each for each in found.fields if each.kind is Kind.REST]
    for each in found.fields:
        assert each.with_number(data, each.number) == data
    assert {bits(data, found.fields)} <= {"1" * len(data) * 8}
    assert found.repair is None or found.repair(data) == data


def bits(data: bytes, fields: tuple[Field, ...]) -> str:
    """How many fields each bit belongs to."""
    counts = [0] * len(data) * 8
    for each in fields:
        for bit in range(each.shift, each.shift + each.bits):
            byte = bit // 8 if each.little else each.size - 1 - bit // 8
            counts[(each.offset + byte) * 8 + bit % 8] += 1
    return "".join(map(str, counts))


anything = st.sampled_from(list(ALL)).flatmap(lambda body: st.tuples(st.just(body), st.binary(max_size=80)))
damaged = st.sampled_from(GOOD).flatmap(
    lambda good: st.tuples(
        st.just(good[0]),
        st.tuples(st.integers(0, len(good[1])), st.binary(max_size=3), st.integers(0, 3)).map(
            lambda damage: good[1][: damage[0]] + damage[1] + good[1][damage[0] + damage[2] :]
        ),
    )
)


@given(st.one_of(anything, damaged))
@effort(200)
def test_fields_are_each_bit_once_whatever_it_is(given_body: tuple[Body[Any], bytes]) -> None:
    body, data = given_body
    found = layout(body, data)
    assert bits(data, found.fields) == "1" * len(data) * 8
    if body in BY_HAND:
        assert found.fits or not reads(body, data)
    else:
        assert found.fits == reads(body, data)


@given(st.binary(max_size=100))
@effort(100)
def test_bodies_that_are_never_wrong(data: bytes) -> None:
    assert all(reads(schema, data) for schema in NEVER_WRONG)


@given(st.one_of(st.binary(max_size=40), damaged.map(lambda given_body: given_body[1])))
@effort(200)
def test_the_short_way_to_know_a_bundle(data: bytes) -> None:
    assert is_bundle(data) == reads(BUNDLE_VALUES, data)


@given(
    st.lists(st.tuples(st.sampled_from([2, 3]), st.integers(0, 300), st.binary(max_size=9)), max_size=3),
    st.integers(0, 40),
    st.binary(max_size=1),
)
@effort(150)
def test_the_short_way_to_know_a_bundle_that_is_almost_one(
    records: list[tuple[int, int, bytes]], flip: int, more: bytes
) -> None:
    data = bytearray(encode_bundle(1, [(variable, value) for _, variable, value in records]) + more)
    if flip < len(data):
        data[flip] ^= 1 << flip % 8
    assert is_bundle(bytes(data)) == reads(BUNDLE_VALUES, bytes(data))


def test_a_body_that_nobody_knows_is_bytes() -> None:
    (field,) = layout(None, b"abc").fields
    assert (field.kind, field.value) == (Kind.BYTES, b"abc")


def test_a_schema_that_nobody_has_thought_of_is_said() -> None:
    class Strange:
        pass

    from scenarios.fuzz.grammar.parts import Walk
    from scenarios.fuzz.grammar.schemas import go

    with pytest.raises(NotImplementedError, match="no layout for Strange"):
        go(Walk(b"", 0, 0), Strange(), "", None)

"""Mutators of bodies: they say what is wrong, do what they say, and can be sent."""

from collections.abc import Mapping
from typing import Any

import pytest

from emulator.effects import Send
from protocol import apdu
from protocol.bodies.scram import SCRAM_CHALLENGE
from protocol.bodies.single_packet import SINGLE_PACKET
from protocol.codes import HostProtocol, ResultCode
from protocol.frames import Response
from protocol.packets import PacketType, encode_packet, new_packet
from protocol.resources.registry import ENTRIES, Entry
from protocol.tlv import decode_bundle, encode_bundle
from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.grammar import BY_NAME, MUTATORS
from scenarios.fuzz.grammar.fields import MUTATORS as FIELDS
from scenarios.fuzz.grammar.forging import STATUS_SIZE, wire_size
from scenarios.fuzz.grammar.samples import good_bodies
from scenarios.fuzz.grammar.structures import MUTATORS as STRUCTURES
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature
from scenarios.fuzz.rig import Rig
from scenarios.model import Action
from scenarios.script.reading import Workshop, read_actions
from tests.scenarios.fuzz.bodies import BY_ID, answer, answers_of_the_demo, hexadecimal, reads, response_bodies, usual

OURS = (*FIELDS, *STRUCTURES)
BUNDLE = encode_bundle(1, [(4, b"\0\0\0\1"), (300, bytes(12))])
PACKET = encode_packet(new_packet(PacketType.DATA_LOG, BUNDLE, send_time=1, log_time=2, packet_id=3))
CHALLENGE = "050607080a0b0c0d000003e8"

LOGIN = hexadecimal("scram.login", CHALLENGE)
PROOF = answer("scram.login_proof", bytes(range(16)))
BUNDLES = answer("variable.get_bundle_values", BUNDLE)
SERIAL = answer("device.get_serial_number", b"IoTize1")
NUMBER = hexadecimal("variable.get_value", "41a40000")
FACTORY = answer("interface.put_app_name")

SAMPLES = [
    *(usual(BY_ID[good.call]) for good in good_bodies()),
    LOGIN,
    BUNDLES,
    NUMBER,
    FACTORY,
    answer("variable.get_bundle_values", encode_bundle(7, [])),
    answer("data_log.dequeue_one_packet", PACKET),
    answer("target.get_raw_protocol_configuration", bytes(range(8))),
    answer("variable.get_raw_meta", b"temperature:C"),
    answer("variable.get_bundle_values", encode_bundle(700, [(number, bytes(4)) for number in range(252, 258)])),
    answer("variable.get_value", bytes(range(0x41, 0x51))),
    answer("variable.get_value"),
    answer("device.get_serial_number"),
    answer("device.get_serial_number", b"a" * 240),
    answer("device.get_serial_number", code=ResultCode.UNAUTHORIZED),
]


def body_of(mutation: Mutation) -> bytes:
    (action,) = mutation.then
    given: Mapping[str, Any] = action["answer"]
    return bytes.fromhex(given["body"].removeprefix("hex:"))


def find(name: str, given: Answer, words: str) -> Mutation:
    found = [each for each in BY_NAME[name].mutations(given) if words in each.words]
    assert found, [each.words for each in BY_NAME[name].mutations(given)]
    return found[0]


TABLE: list[tuple[str, Answer, str, str, Nature]] = [
    ("field.boundary", LOGIN, "iterations at byte 8: 1000 -> 0", "050607080a0b0c0d00000000", Nature.FORGED),
    ("field.boundary", LOGIN, "iterations at byte 8: 1000 -> 1", "050607080a0b0c0d00000001", Nature.SOUND),
    ("field.boundary", LOGIN, "iterations at byte 8: 1000 -> 65535", "050607080a0b0c0d0000ffff", Nature.SOUND),
    ("field.boundary", LOGIN, "iterations at byte 8: 1000 -> 65536", "050607080a0b0c0d00010000", Nature.FORGED),
    ("field.boundary", LOGIN, "iterations at byte 8: 1000 -> 2147483648", "050607080a0b0c0d80000000", Nature.FORGED),
    ("field.boundary", LOGIN, "iterations at byte 8: 1000 -> 4294967295", "050607080a0b0c0dffffffff", Nature.FORGED),
    ("field.boundary", LOGIN, "server_nonce at byte 0: 84281096 -> 0", "000000000a0b0c0d000003e8", Nature.SOUND),
    ("field.zeros", LOGIN, "salt at byte 4: 0a0b0c0d -> 00000000", "0506070800000000000003e8", Nature.FORGED),
    ("field.zeros", PROOF, "value at byte 0: 000102030405060708090a0b0c0d0e0f -> 0000", "00" * 16, Nature.FORGED),
    ("field.bit", PROOF, "byte 15 of value: 0f -> 0e", "000102030405060708090a0b0c0d0e0e", Nature.FORGED),
    (
        "structure.short",
        PROOF,
        "cut inside value, at byte 15, 1 of 16 bytes missing",
        PROOF[2].body[:15].hex(),
        Nature.MALFORMED,
    ),
    ("field.boundary", hexadecimal("wifi.get_tx_power", "fb"), "-5 -> -128", "80", Nature.SOUND),
    ("field.enum", hexadecimal("wifi.get_mode", "01"), "1 (NETWORK) -> 3 (no member)", "03", Nature.MALFORMED),
    ("field.enum", hexadecimal("wifi.get_mode", "01"), "1 (NETWORK) -> 0 (PEER_TO_PEER)", "00", Nature.SOUND),
    ("field.enum", hexadecimal("wifi.get_mode", "01"), "-> 255 (no member)", "ff", Nature.MALFORMED),
    ("field.enum", hexadecimal("target.get_protocol", "03"), "-> 10 (no member)", "0a", Nature.MALFORMED),
    ("field.flags", hexadecimal("interface.get_disabled_services", "03"), "0x03 -> 0x07", "07", Nature.MALFORMED),
    (
        "field.flags",
        hexadecimal("interface.get_security_options", "0018"),
        "hash_password at bytes 0 to 1, bit 3: 1 -> 0",
        "0010",
        Nature.SOUND,
    ),
    (
        "field.flags",
        hexadecimal("interface.get_authorized_host_protocol", "0061"),
        "all bits that nobody knows",
        "f8e1",
        Nature.SOUND,
    ),
    (
        "field.padding",
        hexadecimal("interface.get_security_options", "0018"),
        "padding at bytes 0 to 1, bit 5 is not zero: 0x7ff",
        "fff8",
        Nature.SOUND,
    ),
    ("field.text", SERIAL, "a NUL before byte 3", "496f5400697a6531", Nature.SOUND),
    ("field.text", SERIAL, "an overlong NUL", "c080", Nature.SOUND),
    ("field.text", SERIAL, "1000 times 'A', no end", "41" * 1000, Nature.SOUND),
    ("field.text", answer("device.get_serial_number"), "latin-1, e9", "636166e9", Nature.SOUND),
    ("field.type", LOGIN, "000003e8 -> the text '1000'", "050607080a0b0c0d31303030", Nature.FORGED),
    ("field.type", LOGIN, "000003e8 -> 1000 in 2 bytes", "050607080a0b0c0d03e8", Nature.MALFORMED),
    ("field.float", NUMBER, "value at byte 0: 41a40000 -> NaN", "7fc00000", Nature.SOUND),
    ("field.float", BUNDLES, "value of variable 4 at byte 5: 00000001 -> largest subnormal", "", Nature.SOUND),
    (
        "field.swapped",
        LOGIN,
        "iterations at byte 8 has its bytes in the other order",
        "050607080a0b0c0de8030000",
        Nature.FORGED,
    ),
    (
        "structure.length",
        BUNDLES,
        "length field of the record of bundle 1 says 200, 22 bytes follow",
        "8801c8" + BUNDLE[3:].hex(),
        Nature.MALFORMED,
    ),
    (
        "structure.length",
        BUNDLES,
        "length field of the record of variable 4 says 7, 4 bytes follow",
        "880116c7" + BUNDLE[4:].hex(),
        Nature.MALFORMED,
    ),
    (
        "structure.length",
        answer("data_log.dequeue_one_packet", PACKET),
        "length field of the packet says 0 instead of",
        "",
        Nature.SOUND,
    ),
    (
        "structure.count",
        hexadecimal("variable.get_number_of_elements", "04"),
        "says 40, there are 4",
        "28",
        Nature.SOUND,
    ),
    ("structure.depth", BUNDLES, "80 records of bundles in one another, nothing inside", "", Nature.MALFORMED),
    (
        "structure.depth",
        BUNDLES,
        "500 records of bundles in one another, each says 7 bytes",
        "8701" * 500,
        Nature.MALFORMED,
    ),
    (
        "structure.order",
        BUNDLES,
        "record of variable 4 is missing",
        encode_bundle(1, [(300, bytes(12))]).hex(),
        Nature.SOUND,
    ),
    (
        "structure.order",
        BUNDLES,
        "records in reverse",
        encode_bundle(1, [(300, bytes(12)), (4, b"\0\0\0\1")]).hex(),
        Nature.SOUND,
    ),
    ("structure.order", BUNDLES, "id of the record of variable 4 says 255, which no other one has", "", Nature.SOUND),
    (
        "structure.short",
        LOGIN,
        "cut before iterations, at byte 8, 4 of 12 bytes missing",
        CHALLENGE[:16],
        Nature.MALFORMED,
    ),
    ("structure.long", LOGIN, "1 byte ff too many behind 12", CHALLENGE + "ff", Nature.MALFORMED),
    ("structure.empty", LOGIN, "empty instead of 12 bytes", "", Nature.MALFORMED),
    ("structure.other", LOGIN, "body of device.get_manufacturer: ascii, 8 bytes", b"Tap demo".hex(), Nature.MALFORMED),
    ("structure.repeat", LOGIN, "the body 2 times, 24 bytes instead of 12", CHALLENGE * 2, Nature.MALFORMED),
    ("structure.missing", LOGIN, "salt is missing, 4 bytes less", "05060708000003e8", Nature.MALFORMED),
    (
        "structure.exchanged",
        LOGIN,
        "salt and iterations have changed places",
        "05060708000003e80a0b0c0d",
        Nature.FORGED,
    ),
    (
        "structure.permuted",
        BUNDLES,
        "records in reverse",
        encode_bundle(1, [(300, bytes(12)), (4, b"\0\0\0\1")]).hex(),
        Nature.SOUND,
    ),
    ("structure.full", SERIAL, "again, 249 bytes, as long as one can be", (b"IoTize1" * 36)[:249].hex(), Nature.SOUND),
    ("structure.full", LOGIN, "filled with zeros to 249 bytes", CHALLENGE + "00" * 237, Nature.MALFORMED),
    ("structure.long", SERIAL._replace(encrypted=True), "230 bytes, the longest has 229", "", Nature.SOUND),
    ("field.full-text", answer("variable.get_value", b"hi\0\0\0"), "5 bytes, no end", b"hihih".hex(), Nature.SOUND),
    ("field.full-text", answer("variable.get_value", bytes(16)), "16 bytes, no end", "41" * 16, Nature.SOUND),
    ("field.no-number", NUMBER, "-> negative NaN", "ffc00000", Nature.SOUND),
    ("field.no-member", hexadecimal("wifi.get_mode", "01"), "1 (NETWORK) -> 3 (no member)", "03", Nature.MALFORMED),
    ("structure.nested", BUNDLES, "3 records of bundles in one another, nothing", "840382028001", Nature.MALFORMED),
    ("structure.long", FACTORY, "1 byte ff too many behind 0", "ff", Nature.SOUND),
    ("structure.long", SAMPLES[-1], "1 byte 00 too many behind 0", "00", Nature.REFUSAL),
    (
        "field.boundary",
        answer("target.get_raw_protocol_configuration", bytes(8)),
        "serial.baud_rate at bytes 0 to 7, bit 32: 0 -> 1048575",
        "",
        Nature.SOUND,
    ),
]


@pytest.mark.parametrize(("name", "given", "words", "body", "nature"), TABLE)
def test_what_goes_wrong(name: str, given: Answer, words: str, body: str, nature: Nature) -> None:
    mutation = find(name, given, words)
    assert mutation.nature is nature
    if body or name == "structure.empty":
        assert body_of(mutation).hex() == body


def test_ids_change_places_and_values_stay() -> None:
    given = answer("variable.get_bundle_values", encode_bundle(1, [(4, b"\1"), (5, b"\2")]))
    mutation = find("structure.order", given, "4 and 5 have changed their ids, not their values")
    assert decode_bundle(body_of(mutation)) == (1, [(5, b"\1"), (4, b"\2")])


def test_a_packet_has_the_right_checksum_around_what_is_wrong() -> None:
    mutation = find("field.boundary", answer("data_log.dequeue_one_packet", PACKET), "value of variable 4")
    assert SINGLE_PACKET.decode(body_of(mutation)) != SINGLE_PACKET.decode(PACKET)
    broken = BY_NAME["field.bit"].mutations(answer("data_log.dequeue_one_packet", PACKET))
    assert Nature.MALFORMED in {each.nature for each in broken if "crc" in each.words}


def test_of_many_variables_each_is_there() -> None:
    """Lists are not so long that the last ones never have their turn."""
    variables = [(number, bytes(4)) for number in range(60)]
    given = answer("variable.get_bundle_values", encode_bundle(1, variables))
    words = "\n".join(each.words for each in BY_NAME["field.boundary"].mutations(given))
    assert not [number for number, _ in variables if f"value of variable {number} " not in words]


def test_other_orders_have_each_record_once() -> None:
    values = [(number, bytes((number,))) for number in (4, 5, 6)]
    mutations = BY_NAME["structure.permuted"].mutations(answer("variable.get_bundle_values", encode_bundle(1, values)))
    orders = [decode_bundle(body_of(mutation)) for mutation in mutations]
    assert len(orders) == 4
    assert all(number == 1 and sorted(found) == values != found for number, found in orders)


@pytest.mark.parametrize("name", ["field.full-text", "structure.permuted"])
def test_where_there_is_no_end_or_no_order_there_is_nothing_to_change(name: str) -> None:
    assert not BY_NAME[name].mutations(SERIAL)


def test_members_are_no_strangers() -> None:
    known = BY_NAME["field.no-member"].mutations(hexadecimal("wifi.get_mode", "01"))
    assert known
    assert all("no member" in mutation.words.rpartition("->")[2] for mutation in known)


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_full_frame_has_no_room_for_another_byte(encrypted: bool) -> None:
    given = SERIAL._replace(encrypted=encrypted)
    for mutation in BY_NAME["structure.full"].mutations(given):
        sizes = [wire_size(given._replace(response=Response(0, body_of(mutation) + bytes(more)))) for more in (0, 1)]
        assert sizes[0] <= apdu.MAX_FRAME + STATUS_SIZE < sizes[1]


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.call.response], ids=lambda entry: entry.id)
def test_each_answer_of_the_table_goes_wrong_somehow(entry: Entry) -> None:
    applying = [each.name for each in OURS if next(iter(each.generate(usual(entry))), None) is not None]
    assert any(name.startswith("field.") for name in applying)
    assert {"structure.long", "structure.other", "structure.empty"} <= set(applying)


def test_there_is_a_good_body_for_each_schema() -> None:
    for good in good_bodies():
        assert reads(good.schema, good.body), good.call
    forms = {form.response.name for entry in ENTRIES for form in entry.call.forms if form.response is not None}
    assert {good.schema.name for good in good_bodies()} | forms == {schema.name for schema in response_bodies()}


JUDGED = 300
"""Bytes of the longest bodies that schemas have to read here: they take their time."""


@pytest.mark.parametrize("given", SAMPLES, ids=lambda given: given.call)
def test_each_mutation_is_another_body_and_says_what_it_is(given: Answer) -> None:
    for mutator in OURS:
        mutations = list(mutator.generate(given))
        bodies = [body_of(mutation) for mutation in mutations]
        assert len(set(bodies)) == len(bodies) <= 300, mutator.name
        assert given.response.body not in bodies, mutator.name
        assert list(map(body_of, mutator.mutations(given))) == bodies, "in the same order"
        for mutation, body in zip(mutations, bodies, strict=True):
            assert mutation.words
            assert "\n" not in mutation.words
            assert len(mutation.words) < 250
            if len(body) > JUDGED:
                continue
            judged = given.judge(Response(given.response.code, body))
            assert mutation.nature is judged, mutation.words


def test_each_mutation_can_be_sent() -> None:
    rig = Rig()
    connection = rig.device.connect("mem://tap", HostProtocol.WIFI)
    request = apdu.build_request(bytes(SERIAL.request))
    for given in SAMPLES:
        for mutator in OURS:
            mutations = mutator.mutations(given)
            for mutation in mutations:
                read_actions([Action.model_validate(dict(each)) for each in mutation.then], Workshop("request"))
            for mutation in mutations[:: max(1, len(mutations) // 3)]:
                rig.saboteur.arm(Case((Fault("device.get_serial_number", 1, only(mutation), 0),)))
                (effect,) = rig.device.receive(connection, request)
                assert isinstance(effect, Send)
                code = mutation.then[0]["answer"]["code"]
                assert apdu.split_answer(effect.data) == bytes((code,)) + body_of(mutation)


def only(mutation: Mutation) -> Mutator:
    return Mutator(0, "test.only", "field", lambda _: [mutation])


def test_a_login_goes_wrong_in_each_of_its_fields() -> None:
    (given,) = (each for each in answers_of_the_demo() if each.call == "scram.login")
    challenge = SCRAM_CHALLENGE.decode(given.response.body)
    seen: dict[str, set[Any]] = {"server_nonce": set(), "salt": set(), "iterations": set()}
    for name in ("field.boundary", "field.zeros", "field.ones", "field.random", "field.bit"):
        for mutation in BY_NAME[name].mutations(given):
            other = SCRAM_CHALLENGE.decode(body_of(mutation))
            for field, values in seen.items():
                if getattr(other, field) != getattr(challenge, field):
                    values.add(getattr(other, field))
    assert {0, 1, 0xFFFF, 0x10000, 1 << 31, (1 << 32) - 1} <= seen["iterations"]
    assert {0, (1 << 32) - 1} <= seen["server_nonce"]
    assert {bytes(4), b"\xff" * 4} <= seen["salt"]


def test_numbers_and_names_stay_what_they_are() -> None:
    """Ids of cases have them in them."""
    assert {number: mutator.name for number, mutator in MUTATORS.items() if number < 40} == {
        1: "field.boundary",
        2: "field.enum",
        3: "field.flags",
        4: "field.text",
        5: "field.type",
        6: "field.float",
        7: "field.zeros",
        8: "field.ones",
        9: "field.random",
        10: "field.padding",
        11: "field.constant",
        12: "field.bit",
        13: "field.swapped",
        14: "field.full-text",
        15: "field.no-number",
        16: "field.no-member",
        20: "structure.length",
        21: "structure.count",
        22: "structure.depth",
        23: "structure.order",
        24: "structure.short",
        25: "structure.long",
        26: "structure.empty",
        27: "structure.other",
        28: "structure.repeat",
        29: "structure.missing",
        30: "structure.exchanged",
        31: "structure.permuted",
        32: "structure.full",
        33: "structure.nested",
    }

"""Every figure of the vendor's clients, in both directions: what they write a Tap reads, and writes alike."""

import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import IntEnum, IntFlag
from importlib import import_module
from pathlib import Path as File
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from protocol import apdu, bodies, tlv, values
from protocol.bodies.scram import IvFrame, ScramChallenge
from protocol.bodies.variable import VARIABLE_META, DataType, VariableMeta, VariableType
from protocol.client.calls import name_calls, value_type
from protocol.codes import Method
from protocol.crypto import ZERO_IV, FrameCipher, crc32_mpeg2
from protocol.errors import BodyError, IntegrityError, PeerError, UsageError
from protocol.firmware import Version
from protocol.frames import EncryptedFrame, Request, Response
from protocol.packets import BLANK_KEY, SinglePacket, decode_packet, encode_packet, open_packet, seal_packet
from protocol.paths import Path
from protocol.resources.registry import RESOURCES, find_entry
from protocol.scram import password_hash
from protocol.tlv import BUNDLE_VALUES, RECORD, BundleValues, RecordType, TlvRecord, build_record
from protocol.values import Body
from tests.vectors import load, snake

BODIES, CRYPTO, ENVELOPES = load("bodies"), load("crypto"), load("envelopes")

PENDING: frozenset[str] = frozenset()
"""Codecs of vectors that have no schema yet."""

ELEMENTS = {"int16": DataType.INT16, "int32": DataType.INT32, "float": DataType.FLOAT32}
"""Codecs that the Tap has for values of variables only."""
RENAMED = {
    (ScramChallenge, "iteration_number"): "iterations",
    (IvFrame, "request"): "ciphertext",
    (IvFrame, "response"): "ciphertext",
}
"""Fields whose names differ from the vendor's by more than their spelling."""
TEXT_OF_META = "utf8"
"""The codec of the parts of a meta block."""


def modules() -> Iterator[Any]:
    yield from (values, tlv)
    for module in pkgutil.iter_modules(bodies.__path__):
        yield import_module(f"{bodies.__name__}.{module.name}")


SCHEMAS: dict[str, Body[Any]] = {
    each.name: each for module in modules() for each in vars(module).values() if isinstance(each, Body)
}


def value_of(kind: Any, given: Any) -> Any:
    """The vendor's value as one of ours: fields and members have the same names, spelled as Python does."""
    if get_origin(kind) is list:
        return [value_of(get_args(kind)[0], each) for each in given]
    if isinstance(kind, UnionType):
        kind = next(each for each in get_args(kind) if is_dataclass(each) == isinstance(given, dict))
    if kind in READERS:
        return READERS[kind](given)
    if isinstance(kind, type) and issubclass(kind, IntEnum | IntFlag):
        return kind(sum(given) if isinstance(given, list) else given)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        names = {name: RENAMED.get((kind, snake(name)), snake(name)) for name in given}  # type: ignore[arg-type]
        record: Any = kind
        return record(**{names[name]: value_of(hints[names[name]], part) for name, part in given.items()})
    return given


def read_bytes(given: str) -> bytes:
    return bytes.fromhex(given.removeprefix("hex:"))


def read_request(given: dict[str, str]) -> Request:
    return Request(Method[given["method"]], Path.parse(given["path"]), read_bytes(given["body"]))


def read_response(given: dict[str, Any]) -> Response:
    return Response(given["code"], read_bytes(given["body"]))


READERS: dict[Any, Any] = {
    bytes: read_bytes,
    Request: read_request,
    Response: read_response,
    Version: Version.parse,
}


def vectors(*directions: str) -> list[object]:
    """Those that hold in both directions, or in one only."""
    return [
        pytest.param(codec, *each[:2], id=f"{codec}-{each[1][:24]}")
        for codec, every in BODIES["bodies"].items()
        for each in every
        if (each[2:3] or ["both"])[0] in directions and codec in SCHEMAS
    ]


@pytest.mark.parametrize(("codec", "given", "data"), vectors("both", "read"))
def test_body_is_read(codec: str, given: Any, data: str) -> None:
    body = SCHEMAS[codec]
    expected, found = value_of(value_type(body), given), body.decode(bytes.fromhex(data))
    assert found == expected or (isinstance(found, IntFlag) and expected in found)


@pytest.mark.parametrize(("codec", "given", "data"), vectors("both"))
def test_body_is_written(codec: str, given: Any, data: str) -> None:
    body = SCHEMAS[codec]
    assert body.encode(value_of(value_type(body), given)).hex() == data


@pytest.mark.parametrize(("codec", "given", "data"), vectors("refused"))
def test_body_that_clients_cannot_read_is_not_written(codec: str, given: Any, data: str) -> None:
    with pytest.raises(BodyError):
        SCHEMAS[codec].decode(bytes.fromhex(data))
    with pytest.raises(UsageError):
        SCHEMAS[codec].encode(int(data, 16))


@pytest.mark.parametrize("codec", ELEMENTS)
def test_element_of_a_variable(codec: str) -> None:
    type_of_variable = VariableType(data=ELEMENTS[codec])
    for value, data in BODIES["bodies"][codec]:
        assert type_of_variable.encode(value).hex() == data
        assert type_of_variable.decode(bytes.fromhex(data)) == value


def test_text_of_a_meta_block() -> None:
    for value, data in BODIES["bodies"][TEXT_OF_META]:
        assert VARIABLE_META.encode(VariableMeta(value)) == bytes.fromhex(data) + b":"
        assert VARIABLE_META.decode(bytes.fromhex(data)).name == value


def test_every_codec_has_a_schema() -> None:
    assert BODIES["bodies"].keys() - SCHEMAS.keys() - ELEMENTS.keys() == {TEXT_OF_META} | PENDING


def test_vectors_of_one_direction_say_why() -> None:
    for every in BODIES["bodies"].values():
        for _, _, *one_way in every:
            assert not one_way or (one_way[0] in ("read", "refused") and len(one_way[1]) > 20)


@pytest.mark.parametrize(("logical", "wire"), BODIES["reversed_settings_blocks"])
def test_settings_block_is_reversed(logical: str, wire: str) -> None:
    assert bytes.fromhex(logical)[::-1].hex() == wire
    assert any(data == wire for _, data in BODIES["bodies"]["reversedTargetSerialModbusConfiguration"])


@pytest.mark.parametrize("vector", BODIES["sealed_packets"])
def test_sealed_packet(vector: dict[str, Any]) -> None:
    clear: SinglePacket = value_of(SinglePacket, vector["value"])
    sealed = decode_packet(bytes.fromhex(vector["sealed"]))
    assert BLANK_KEY.of_packet(bytes.fromhex(vector["sealed"])[4:16]).hex() == vector["key"]
    assert open_packet(sealed, BLANK_KEY) == clear
    assert encode_packet(seal_packet(clear, BLANK_KEY)).hex() == vector["sealed"]


@pytest.mark.parametrize("vector", BODIES["tlv_bundles"], ids=lambda vector: vector[1][:24])
def test_bundle(vector: list[Any]) -> None:
    children, data = vector[:2]
    if vector[2:]:
        assert vector[2] == "refused"
        with pytest.raises(BodyError):
            BUNDLE_VALUES.decode(bytes.fromhex(data))
        return
    bundle_id = bytes.fromhex(data)[1]
    expected = BundleValues(bundle_id, tuple((number, bytes.fromhex(value)) for number, value in children))
    assert BUNDLE_VALUES.decode(bytes.fromhex(data)) == expected
    assert BUNDLE_VALUES.encode(expected).hex() == data


@pytest.mark.parametrize(("type_", "id_", "value", "data"), BODIES["tlv_records"])
def test_tlv_record(type_: int, id_: int, value: str, data: str) -> None:
    record = TlvRecord(RecordType(type_), id_, bytes.fromhex(value))
    assert RECORD.parse(bytes.fromhex(data)) == record
    assert RECORD.build(record).hex() == build_record(record).hex() == data


@pytest.mark.parametrize(("method", "path", "body", "data"), ENVELOPES["requests"])
def test_request_in_its_envelope(method: str, path: str, body: str, data: str) -> None:
    request = Request(Method[method], Path.parse(path), bytes.fromhex(body))
    assert apdu.build_request(bytes(request)).hex() == data
    (read,) = apdu.RequestReader().feed(bytes.fromhex(data))
    assert isinstance(read, apdu.Request)
    assert Request.from_bytes(read.frame) == request


@pytest.mark.parametrize(("code", "body", "data"), ENVELOPES["answers"])
def test_answer_in_its_envelope(code: int, body: str, data: str) -> None:
    response = Response(code, bytes.fromhex(body))
    assert apdu.build_answer(bytes(response)).hex() == data
    assert Response.from_bytes(apdu.split_answer(bytes.fromhex(data))) == response


def test_request_too_long_for_its_envelope() -> None:
    """The vendor's client writes a length of 00 and the whole frame; nobody can cut such a stream."""
    vector = ENVELOPES["overflow"]
    request = Request(Method[vector["method"]], Path.parse(vector["path"]), bytes(vector["payload_size"]))
    assert len(bytes(request)) == 256
    with pytest.raises(UsageError):
        apdu.build_request(bytes(request))
    (refused, *_) = apdu.RequestReader().feed(bytes.fromhex(vector["begins"]))
    assert isinstance(refused, apdu.Rejected)


def test_pairing_command() -> None:
    command, answer = map(bytes.fromhex, ENVELOPES["pairing"])
    (read,) = apdu.RequestReader().feed(command)
    assert isinstance(read, apdu.Pairing)
    assert apdu.build_status(apdu.StatusWord.OK) == answer


@pytest.mark.parametrize(("data", "crc"), CRYPTO["crc"])
def test_crc(data: str, crc: str) -> None:
    assert f"{crc32_mpeg2(bytes.fromhex(data)):08x}" == crc


@pytest.mark.parametrize(("first", "then", "crc"), CRYPTO["crc_in_parts"])
def test_crc_in_parts(first: str, then: str, crc: str) -> None:
    assert f"{crc32_mpeg2(bytes.fromhex(then), crc32_mpeg2(bytes.fromhex(first))):08x}" == crc


@pytest.mark.parametrize(("password", "whole"), CRYPTO["password_hashes"])
def test_password_hash_is_the_begin_of_the_whole_one(password: str, whole: str) -> None:
    assert password_hash(password).hex() == whole[:32]


def test_frame_id_is_cut_to_16_bits() -> None:
    vector = CRYPTO["frame_id_above_16_bits"]
    frame = EncryptedFrame.from_plaintext(bytes.fromhex(vector["plain"]))
    assert (frame.id, frame.payload.hex()) == (vector["id"] & 0xFFFF, vector["payload"])


class Wire:
    """Reads both sides of a conversation; the session key and the vectors have to come by in clear."""

    def __init__(self) -> None:
        self.cipher: FrameCipher | None = None
        self.ivs = (ZERO_IV, ZERO_IV)

    def read(self, step: list[str]) -> tuple[Request, Response] | None:
        """Request and answer in clear; None for what is no request."""
        (read,) = apdu.RequestReader().feed(bytes.fromhex(step[0]))
        if not isinstance(read, apdu.Request):
            return None
        assert apdu.build_request(read.frame).hex() == step[0]
        request = Request.from_bytes(read.frame)
        response = Response.from_bytes(apdu.split_answer(bytes.fromhex(step[1])))
        if request.path == Path.parse("/1024//47"):
            self.cipher = FrameCipher(response.body)
        elif request.path == Path.parse("/1024//45"):
            self.ivs = (request.body, response.body)
        elif request.path == Path.parse("/1024//48"):
            inner, answer = self.open(request.body, self.ivs[0]), self.open(response.body, self.ivs[1])
            return Request.from_bytes(inner), Response.from_bytes(apdu.split_answer(answer))
        return request, response

    def open(self, ciphertext: bytes, iv: bytes) -> bytes:
        """The payload of a frame, which makes the same bytes again."""
        assert self.cipher is not None
        frame = EncryptedFrame.from_plaintext(self.cipher.decrypt(iv, ciphertext))
        assert self.cipher.encrypt(iv, frame.plaintext()) == ciphertext
        return frame.payload


VISITS = load("visits")["flows"]
FORMS = list(name_calls(RESOURCES))
OTHER_BYTES = {
    "PUT /1024//6 10": "the low byte alone; both forms mean the same",
    "PUT /1024//34 1e": "one byte, where two are answered",
    "PUT /1028/1/0 61ff03": "@iotize/tap 2.7.0 cuts the id of the admin to one byte",
}
"""Bodies that clients send and a Tap would write otherwise."""
MOCK_ANSWERS = {
    "PUT /1024//34": "the test device answers a PUT with the value; the client ignores it",
}


@pytest.mark.parametrize("flow", VISITS, ids=lambda flow: flow["name"])
def test_bodies_of_a_conversation(flow: dict[str, Any]) -> None:
    wire = Wire()
    for step in flow["steps"]:
        clear = wire.read(step)
        if clear is None:
            assert step == ENVELOPES["pairing"]
            continue
        request, response = clear
        entry = find_entry(request.method, request.path)
        assert entry is not None, f"{request} is not in the table"
        forms = [form for form in FORMS if form.call is entry.call]
        text = f"{Method(request.method).name} {request.path}"
        if f"{text} {request.body.hex()}" not in OTHER_BYTES:
            assert any(agrees(form.request, request.body) for form in forms), f"{text} {request.body.hex()}"
        if response.success and text not in MOCK_ANSWERS:
            assert any(agrees(form.response, response.body) for form in forms), f"{text}: {response.body.hex()}"


def agrees(body: Body[Any] | None, data: bytes) -> bool:
    """Whether these bytes are read, and written alike."""
    if body is None:
        return not data
    try:
        return body.encode(body.decode(data)) == data
    except (PeerError, IntegrityError):
        return False


DOSSIER = File("../shared/protocol/vectors.json")
NOT_BYTES = {"APDU request (Lc overflow)", "MQTT relay topic", "BLE legacy packets"}
"""Vectors that are a text, a list, or an abbreviation."""


@pytest.mark.skipif(not DOSSIER.exists(), reason=f"{DOSSIER} is not there")
def test_every_vector_of_the_dossier_is_one_of_ours() -> None:
    here = "".join(json.dumps(load(file.stem)) for file in File(__file__).parent.parent.glob("vectors/*.json"))
    known = set(re.findall(r"[0-9a-f]{2,}", here))
    given = json.loads(DOSSIER.read_text(encoding="utf-8"))
    assert len(given) == 458
    for vector in given:
        if vector["codec"] not in NOT_BYTES:
            missing = {data for data in (vector["hex"], vector.get("response_hex", vector["hex"])) if data not in known}
            assert not missing, vector

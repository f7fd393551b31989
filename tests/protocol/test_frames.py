"""Request, response and encrypted frames against vendor bytes, their schemas and damaged input."""

import pytest
from construct import ConstructError
from hypothesis import given
from hypothesis import strategies as st

from protocol.crypto import ZERO_IV, FrameCipher
from protocol.errors import FrameError
from protocol.frames import ENCRYPTED, REQUEST, RESPONSE, EncryptedFrame, Request, Response, encrypted_size
from protocol.paths import Path
from tests.vectors import load

FRAMES = load("crypto")["frames"]
ids = st.integers(0, 0xFFFF)
payloads = st.binary(max_size=240)


@pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: vector["name"])
def test_encrypted_frame_of_the_vendor(vector: dict[str, str]) -> None:
    frame = EncryptedFrame(int(vector["id"]), bytes.fromhex(vector["payload"]))
    plain = bytes.fromhex(vector["plain"])
    assert frame.plaintext() == plain
    assert EncryptedFrame.from_plaintext(plain) == frame
    cipher, iv = FrameCipher(bytes.fromhex(vector["key"])), bytes.fromhex(vector["iv"])
    for vector_iv, ciphertext in ((ZERO_IV, vector["ciphertext"]), (iv, vector["ciphertext_with_iv"])):
        assert cipher.encrypt(vector_iv, plain).hex() == ciphertext
        assert cipher.decrypt(vector_iv, bytes.fromhex(ciphertext)) == plain


def test_frame_counter_wraps_at_65536() -> None:
    payload = bytes.fromhex("010003ffff0002")
    assert EncryptedFrame(65536, payload).plaintext().hex() == "00000007010003ffff000200b6b5eb18"


@given(ids, payloads)
def test_encrypted_frame_agrees_with_its_schema(frame_id: int, payload: bytes) -> None:
    plain = EncryptedFrame(frame_id, payload).plaintext()
    assert len(plain) % 16 == 0
    assert len(plain) == encrypted_size(len(payload))
    assert ENCRYPTED.build({"checked": {"value": {"id": frame_id, "payload": payload}}}) == plain
    parsed = ENCRYPTED.parse(plain).checked.value
    assert (parsed.id, parsed.payload) == (frame_id, payload)


@given(ids, payloads, st.data())
def test_damage_to_an_encrypted_frame_is_noticed(frame_id: int, payload: bytes, data: st.DataObject) -> None:
    plain = bytearray(EncryptedFrame(frame_id, payload).plaintext())
    plain[data.draw(st.integers(0, len(plain) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(FrameError):
        EncryptedFrame.from_plaintext(bytes(plain))
    with pytest.raises(ConstructError):
        ENCRYPTED.parse(bytes(plain))


@given(ids, payloads, st.data())
def test_cut_or_extended_encrypted_frame_is_noticed(frame_id: int, payload: bytes, data: st.DataObject) -> None:
    plain = EncryptedFrame(frame_id, payload).plaintext()
    cut = data.draw(st.integers(0, len(plain) - 1))
    for damaged in (plain[:cut], plain + bytes(data.draw(st.integers(1, 40)))):
        with pytest.raises(FrameError):
            EncryptedFrame.from_plaintext(damaged)


@given(st.binary(max_size=40))
def test_request_and_response_agree_with_their_schemas(data: bytes) -> None:
    try:
        parsed = REQUEST.parse(data)
    except ConstructError:
        with pytest.raises(FrameError, match="header alone has 7"):
            Request.from_bytes(data)
    else:
        request = Request.from_bytes(data)
        path = (parsed.path.object, parsed.path.instance, parsed.path.resource)
        assert (request.method, request.path, request.body) == (parsed.method, path, parsed.body)
        assert bytes(request) == REQUEST.build(parsed) == data
    if data:
        response, answer = Response.from_bytes(data), RESPONSE.parse(data)
        assert (response.code, response.body) == (answer.code, answer.body)
        assert bytes(response) == data
    else:
        with pytest.raises(FrameError, match="empty"):
            Response.from_bytes(data)


def test_text_for_people() -> None:
    assert str(Request(1, Path.parse("/1024//47"))) == "GET /1024//47"
    assert str(Request(9, Path.parse("/1025/5/0"))) == "method 9 /1025/5/0"
    assert str(Response(0x81)) == "UNAUTHORIZED (0x81)"
    assert str(Response(0x99, b"\x01")) == "unknown result code 0x99 01"

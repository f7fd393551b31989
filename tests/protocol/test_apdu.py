"""The envelope: every vendor request round-trips, and any cutting of the stream gives the same envelopes."""

import pytest
from construct import ConstructError
from hypothesis import given
from hypothesis import strategies as st

from protocol import apdu
from protocol.errors import IntegrityError, UsageError
from protocol.frames import Request
from tests.vectors import load

REQUESTS = [bytes.fromhex(text) for text in load("requests")["requests"]]
PAIRING = bytes.fromhex("00a4040007f0024c774d324d9000")

envelopes = st.one_of(
    st.sampled_from(REQUESTS),
    st.just(PAIRING),
    st.just(apdu.NFC_SELECT),
    st.builds(
        lambda head, frame: bytes((*head, len(frame))) + frame,
        st.tuples(*[st.sampled_from([0x00, 0xA2, 0xCA, 0xDA, 0xFF])] * 4),
        st.binary(max_size=255),
    ),
)


@pytest.mark.parametrize("request_apdu", REQUESTS, ids=lambda apdu_bytes: apdu_bytes[5:12].hex())
def test_vendor_request_round_trips(request_apdu: bytes) -> None:
    (item,) = apdu.RequestReader().feed(request_apdu)
    assert isinstance(item, apdu.Request)
    assert apdu.build_request(bytes(Request.from_bytes(item.frame))) == request_apdu


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("a1ca000007010003ffff0002", apdu.StatusWord.WRONG_CLASS),
        ("00ca000000", apdu.StatusWord.WRONG_CLASS),
        ("a2cb000007010003ffff0002", apdu.StatusWord.WRONG_INSTRUCTION),
        ("a2ca000000", apdu.StatusWord.WRONG_LENGTH),
        ("a2ca000006010003ffff00", apdu.StatusWord.WRONG_LENGTH),
        ("a2da0000fb" + "00" * 251, apdu.StatusWord.WRONG_LENGTH),
    ],
)
def test_rejected_envelope(stream: str, expected: apdu.StatusWord) -> None:
    (item,) = apdu.RequestReader().feed(bytes.fromhex(stream))
    assert isinstance(item, apdu.Rejected)
    assert item.status == expected


def test_longest_frame_is_accepted() -> None:
    (item,) = apdu.RequestReader().feed(bytes.fromhex("a2da0000fa") + bytes(250))
    assert isinstance(item, apdu.Request)


def test_pairing_command_takes_its_tail_along() -> None:
    assert apdu.RequestReader().feed(PAIRING + REQUESTS[0]) == [apdu.Pairing(), apdu.Request(REQUESTS[0][5:])]


def test_pairing_command_without_tail_leaves_the_next_request_whole() -> None:
    assert apdu.RequestReader().feed(apdu.NFC_SELECT + REQUESTS[0]) == [apdu.Pairing(), apdu.Request(REQUESTS[0][5:])]


@given(st.lists(envelopes, max_size=6), st.binary(max_size=8), st.data())
def test_any_cutting_gives_the_same_envelopes(parts: list[bytes], tail: bytes, data: st.DataObject) -> None:
    stream = b"".join(parts) + tail
    whole, bytewise, cut = apdu.RequestReader(), apdu.RequestReader(), apdu.RequestReader()
    expected = whole.feed(stream)
    assert [item for byte in stream for item in bytewise.feed(bytes((byte,)))] == expected
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    assert [item for piece in pieces for item in cut.feed(piece)] == expected
    assert whole.pending == bytewise.pending == cut.pending


@given(st.binary(max_size=300))
def test_reader_agrees_with_the_schema(data: bytes) -> None:
    """A complete envelope is exactly what the schema can parse; NFC pairing has no Tap schema."""
    reader = apdu.RequestReader(0xFF)
    items = reader.feed(data)
    try:
        first = apdu.ANY_REQUEST.parse(data)
    except ConstructError:
        assert not items
        return
    if data.startswith(apdu.NFC_SELECT):
        return
    if isinstance(items[0], apdu.Request):
        assert apdu.REQUEST.parse(data).frame == items[0].frame == first.frame
    else:
        wrong = first.cla != apdu.CLASS or first.ins not in (apdu.INS_GET, apdu.INS_WRITE) or first.lc < 7
        assert wrong


def test_schema_builds_what_the_fast_builder_builds() -> None:
    frame = bytes.fromhex("010003ffff0002")
    built = apdu.REQUEST.build({"ins": apdu.INS_GET, "p1": 0, "p2": 0, "frame": frame})
    assert built == apdu.build_request(frame)
    assert apdu.ANSWER.build({"frame": b"\x00", "status": 0x9000}) == apdu.build_answer(b"\x00")


def test_frame_that_has_no_envelope_is_our_mistake() -> None:
    with pytest.raises(UsageError, match="256 bytes"):
        apdu.build_request(bytes(256))


@pytest.mark.parametrize(
    ("answer", "frame"),
    [("45496f54697a653030343130303030303039429000", "45496f54697a65303034313030303030303942"), ("819000", "81")],
)
def test_answer(answer: str, frame: str) -> None:
    assert apdu.split_answer(bytes.fromhex(answer)).hex() == frame
    assert apdu.build_answer(bytes.fromhex(frame)).hex() == answer


@pytest.mark.parametrize(("answer", "complaint"), [("", "too short"), ("90", "too short"), ("6700", "WRONG_LENGTH")])
def test_answer_that_is_none(answer: str, complaint: str) -> None:
    with pytest.raises(IntegrityError, match=complaint):
        apdu.split_answer(bytes.fromhex(answer))

"""Envelope and topics of the MQTT relay, against what the vendor's client makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import BodyError, UsageError
from protocol.relay import (
    MAX_MESSAGE,
    RelayPacket,
    Topics,
    WrongCrcError,
    configured_topics,
    decode_envelope,
    encode_envelope,
    is_raw,
    topics_of,
)
from tests.vectors import load

VECTORS = load("links")
PACKETS = st.builds(
    RelayPacket, sender=st.integers(0, 2**32 - 1), reference=st.integers(0, 2**16 - 1), payload=st.binary(max_size=262)
)
ENVELOPE = b"00000012000000010001A2CA000007010003FFFF00020000B8DF37D3"
PACKET = RelayPacket(1, 1, bytes.fromhex("a2ca000007010003ffff0002"))


@pytest.mark.parametrize(("sender", "reference", "payload", "envelope"), VECTORS["relay_packets"])
def test_envelopes_of_the_vendor(sender: int, reference: int, payload: str, envelope: str) -> None:
    packet = RelayPacket(sender, reference, bytes.fromhex(payload))
    assert encode_envelope(packet) == envelope.upper().encode()
    assert decode_envelope(envelope.lower().encode()) == decode_envelope(envelope.upper().encode()) == packet


@pytest.mark.parametrize(("serial_number", "net_key", "name", "topic"), VECTORS["relay_topics"])
def test_topics_of_the_vendor(serial_number: str, net_key: str, name: str, topic: str) -> None:
    assert getattr(topics_of(serial_number, net_key), name.lower()) == topic


@given(PACKETS)
def test_envelopes_are_read_as_they_were_written(packet: RelayPacket) -> None:
    envelope = encode_envelope(packet)
    assert decode_envelope(envelope) == packet
    assert not is_raw(envelope)
    assert len(envelope) <= 552 < MAX_MESSAGE
    assert len(envelope) % 8 == 0, "whole words"


@pytest.mark.parametrize("packet", [RelayPacket(2**32, 1, b""), RelayPacket(-1, 1, b""), RelayPacket(1, 2**16, b"")])
def test_numbers_that_do_not_fit(packet: RelayPacket) -> None:
    with pytest.raises(UsageError, match="has no envelope"):
        encode_envelope(packet)


@given(PACKETS, st.integers(0))
def test_no_damaged_bit_is_overlooked(packet: RelayPacket, position: int) -> None:
    data = bytearray.fromhex(encode_envelope(packet).decode())
    data[position // 8 % len(data)] ^= 1 << position % 8
    with pytest.raises(BodyError):
        decode_envelope(data.hex().encode())


@given(st.binary(max_size=80) | st.text("0123456789abcdefABCDEF", max_size=80).map(str.encode))
def test_anything_is_an_envelope_or_an_error(message: bytes) -> None:
    try:
        packet = decode_envelope(message)
    except WrongCrcError as error:
        packet = error.packet
    except BodyError:
        return
    assert 8 + 2 * len(packet.payload) <= len(message)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "0 characters: .*expected 4, found 0"),
        (ENVELOPE[:-1], "55 characters: Odd-length"),
        (ENVELOPE[:-2] + b"XY", "Non-hexadecimal"),
        (b" " + ENVELOPE[:-1], "Non-hexadecimal"),
        (ENVELOPE + b"\n\n", "Non-hexadecimal"),
        (ENVELOPE[:-2], "expected 4, found 3"),
        (ENVELOPE + b"00", "expected end of stream"),
        (b"00000013" + ENVELOPE[8:], "end of stream|CRC"),
        (b"00000005" + ENVELOPE[8:], "non-negative"),
        (b"FFFFFFFF" + ENVELOPE[8:], "expected 4294967289, found"),
        ("０".encode() * 56, "Non-hexadecimal"),
    ],
)
def test_what_is_no_envelope(message: bytes, reason: str) -> None:
    with pytest.raises(BodyError, match=reason):
        decode_envelope(message)


def test_wrong_crc_tells_what_the_envelope_says() -> None:
    with pytest.raises(WrongCrcError, match="CRC B8DF37D4, its bytes have B8DF37D3") as raised:
        decode_envelope(ENVELOPE[:-1] + b"4")
    assert raised.value.packet == PACKET


@pytest.mark.parametrize(
    ("message", "raw"),
    [
        (PACKET.payload, True),
        (bytes.fromhex("00a4040007f0024c774d324d9000"), True),
        (bytes.fromhex("6d00"), True),
        (ENVELOPE, False),
        (ENVELOPE.lower(), False),
        (b"f", False),
        (b"g", True),
        (b"", False),
    ],
)
def test_raw_messages(message: bytes, raw: bool) -> None:
    assert is_raw(message) is raw


@pytest.mark.parametrize(
    ("prefix", "response", "topics"),
    [
        ("", "", None),
        ("", "answers", None),
        ("my/tap", "", Topics("my/tap/COMMAND", "my/tap/ANSWER")),
        ("ask", "say it", Topics("ask", "say it")),
    ],
)
def test_configured_topics(prefix: str, response: str, topics: Topics | None) -> None:
    assert configured_topics(prefix, response) == topics


@pytest.mark.parametrize(
    ("prefix", "response"),
    [("a/+/b", ""), ("#", ""), ("a", "b#"), ("a\0", ""), ("a\n", "b"), ("a", "a"), ("a" * 65_530, "")],
)
def test_topics_that_cannot_be(prefix: str, response: str) -> None:
    with pytest.raises(UsageError, match=r"no topic|both the request and the response topic"):
        configured_topics(prefix, response)

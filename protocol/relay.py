"""The MQTT relay: the topics of a Tap, and the envelope in which each APDU travels through a broker.

An envelope is ``length | sender | reference | APDU | padding | CRC`` as hex digits. The sender says which host it is,
the reference which of its requests; answers repeat both. Source: @iotize/device-com-mqtt.js 2.0.1 (evidence
``client``); that answers repeat them is assumed, its client takes whatever comes.
"""

import hashlib
from binascii import hexlify, unhexlify
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from construct import (
    Aligned,
    Bytes,
    Construct,
    ConstructError,
    Int16ub,
    Int32ub,
    Rebuild,
    Struct,
    Terminated,
    len_,
    this,
)

from protocol.crypto import crc32_mpeg2
from protocol.errors import BodyError, UsageError
from protocol.values import Record, explain

DEFAULT_NET_KEY: Final = "testnetkey"
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
"""Registered ports of MQTT, by scheme."""
MAX_MESSAGE: Final = 1024
"""Bytes that no message reaches; the envelope of the longest APDU has 552."""
MAX_SENDER: Final = 0xFFFFFFFF
MAX_REFERENCE: Final = 0xFFFF

_IDS: Final = 6
"""Bytes of sender and reference, which the length counts too."""
_CRC: Final = 4
_HEX_DIGITS: Final = frozenset(b"0123456789ABCDEFabcdef")
_TOPIC: Final = "IOTIZE_DEV/{serial_number}_DEV/{hash}/{name}"
_HASH_SALT: Final = b"MQTTsubtopic"
_HASH_ITERATIONS: Final = 5000
_HASH_SIZE: Final = 16
_LONGEST_TOPIC: Final = 65_535


@dataclass(frozen=True, slots=True)
class RelayPacket:
    """What an envelope holds.

    Args:
        sender: the host that asks, or is answered; the vendor's client is always 1.
        reference: number of the request; the vendor's client counts from 1.
        payload: one APDU.
    """

    sender: int
    reference: int
    payload: bytes


class WrongCrcError(BodyError):
    """The envelope is whole, but its CRC belongs to other bytes; `packet` is what it says all the same."""

    def __init__(self, packet: RelayPacket, crc: int, expected: int) -> None:
        super().__init__(f"relay envelope: CRC {crc:08X}, its bytes have {expected:08X}")
        self.packet = packet


_COVERED: Final[Construct] = Aligned(
    4,
    Record(
        RelayPacket,
        Struct(
            "length" / Rebuild(Int32ub, len_(this.payload) + _IDS),
            "sender" / Int32ub,
            "reference" / Int16ub,
            "payload" / Bytes(this.length - _IDS),
        ),
    ),
)
"""What the CRC covers; zeros fill it up to whole words."""
_ENVELOPE: Final = Struct("packet" / _COVERED, "crc" / Int32ub, Terminated)


def encode_envelope(packet: RelayPacket) -> bytes:
    """The message for a packet, in upper-case digits as the vendor's client writes them.

    Raises:
        UsageError: a number does not fit its field.
    """
    try:
        covered: bytes = _COVERED.build(packet)
    except ConstructError as error:
        raise UsageError(f"{packet} has no envelope: {explain(error)}") from error
    return hexlify(covered + crc32_mpeg2(covered).to_bytes(_CRC, "big")).upper()


def decode_envelope(message: bytes) -> RelayPacket:
    """The packet in a message, whose digits may be of either case.

    Raises:
        BodyError: these are no hex digits, or their length is wrong.
        WrongCrcError: the CRC is wrong.
    """
    try:
        data = unhexlify(message)
        envelope = _ENVELOPE.parse(data)
    except (ConstructError, ValueError) as error:
        raise BodyError(f"relay envelope of {len(message)} characters: {explain(error)}") from error
    packet: RelayPacket = envelope.packet
    expected = crc32_mpeg2(data[:-_CRC])
    if envelope.crc != expected:
        raise WrongCrcError(packet, envelope.crc, expected)
    return packet


def is_raw(message: bytes) -> bool:
    """Whether a message is an APDU without envelope: it does not begin with a hex digit, as every envelope does."""
    return bool(message) and message[0] not in _HEX_DIGITS


class Topics(NamedTuple):
    """Where the Tap listens, and where it answers."""

    command: str
    answer: str


@lru_cache(maxsize=16)
def topics_of(serial_number: str, net_key: str) -> Topics:
    """The topics of a Tap that has not been given others; to compute them takes some milliseconds."""
    secret = (net_key + serial_number).encode()
    hashed = hashlib.pbkdf2_hmac("sha256", secret, _HASH_SALT, _HASH_ITERATIONS, _HASH_SIZE).hex().upper()
    names = ("COMMAND", "ANSWER")
    return Topics(*(_TOPIC.format(serial_number=serial_number, hash=hashed, name=name) for name in names))


def configured_topics(prefix: str, response: str) -> Topics | None:
    """The topics that /1024//58 and //59 ask for; None if they ask for none.

    With a response topic, 58 is the whole request topic; without one, as before firmware 1.107, it is a prefix.

    Raises:
        UsageError: nothing can be sent to such a topic, or the Tap would hear its own answers.
    """
    if not prefix:
        return None
    topics = Topics(prefix, response) if response else Topics(f"{prefix}/COMMAND", f"{prefix}/ANSWER")
    for topic in topics:
        if not topic.isprintable() or set(topic) & set("+#") or len(topic.encode()) > _LONGEST_TOPIC:
            raise UsageError(f"{topic!r} is no topic: wildcards, control characters or too long")
    if topics.command == topics.answer:
        raise UsageError(f"{prefix!r} is both the request and the response topic")
    return topics

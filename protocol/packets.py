"""Single packets: what a Tap logs, and what is sent to it to be executed.

A packet is ``sendTime | header (12 bytes) | payload``; its payload ``logTime | dataSize | data | padding | CRC``. The
length in the header counts units of 1, 16 or 256 bytes, and the payload fills whole units. An encrypted payload has a
key of its own, which follows from the keys of a user and the header. Source: ``SinglePacketBuilder`` and
``EncryptedSinglePacketConverter`` of @iotize/tap 2.7.0 (evidence ``client``).
"""

import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from construct import (
    BitsInteger,
    BitStruct,
    Const,
    Construct,
    ConstructError,
    Flag,
    Int16ub,
    Int32ub,
    Struct,
)

from protocol.codes import ResultCode
from protocol.crypto import BLOCK, ZERO_IV, FrameCipher, crc32_mpeg2
from protocol.errors import BodyError, UsageError
from protocol.scram import PasswordKey
from protocol.values import Member, Record, explain

MAX_PACKET: Final = 0x200000
"""Bytes of the largest packet."""
MAX_CHUNK: Final = 0xC0
"""Bytes of a packet that the vendor's clients send in one request."""
CHUNK_UNIT: Final = 16
"""Bytes in which length and offset of a chunk are counted."""

OUTER_SIZE: Final = 16
"""Bytes before the payload: send time and header."""
_HEADER: Final = 12
_FRAMING: Final = 10
"""Bytes of the payload beside data and padding: log time, size and CRC."""
_EXTENDED_UNIT: Final = 256
_MAX_FIELD: Final = 0xFFFF


class PacketType(IntEnum):
    """What a packet is for."""

    DATA_LOG = 1
    COMMAND = 2
    CODE_EXEC = 3
    CONF_UPDATE = 4
    SECURITY_TOKEN = 5
    TARGET_FW_UPDATE = 6
    MASK = 7


@dataclass(frozen=True, slots=True)
class SinglePacketHeader:
    """The twelve bytes that stay clear.

    Args:
        packet_length: of the payload, in units; with units of one byte the header counts too.
        config_version: configuration version of whoever made it, as four bytes.
        is_extended: units of 256 bytes.
        ack: no client gives it a meaning.
        sender_id: the user who made it, see `user_id_of`.
        salt: random; makes the key differ from packet to packet.
    """

    packet_length: int
    packet_id: int
    config_version: int
    message_type: PacketType
    is_extended: bool
    encryption: bool
    ack: bool
    sender_id: int
    salt: int

    @property
    def unit(self) -> int:
        """Bytes that `packet_length` counts as one."""
        if self.is_extended:
            return _EXTENDED_UNIT
        return CHUNK_UNIT if self.encryption or self.message_type is PacketType.CODE_EXEC else 1

    @property
    def payload_size(self) -> int:
        """Bytes of the payload, as `packet_length` says."""
        return self.packet_length * self.unit - (_HEADER if self.unit == 1 else 0)


@dataclass(frozen=True, slots=True)
class SinglePacketPayload:
    """The payload in clear.

    Args:
        log_time: when the data was made, in seconds of the maker's clock.
        data_size: bytes of `data`; 0 where they do not fit the field, and then padding counts as data.
        crc: CRC-32/MPEG-2 over header and payload.
    """

    log_time: int
    data_size: int
    data: bytes
    padding: bytes
    crc: int


@dataclass(frozen=True, slots=True)
class SinglePacket:
    """A packet as it is on the wire.

    Args:
        send_time: when it was sent, in seconds of the sender's clock.
        payload: its ciphertext, as long as it is encrypted.
    """

    send_time: int
    header: SinglePacketHeader
    payload: SinglePacketPayload | bytes


HEADER: Final[Construct] = Record(
    SinglePacketHeader,
    BitStruct(
        "packet_length" / BitsInteger(16),
        "packet_id" / BitsInteger(16),
        "config_version" / BitsInteger(32),
        "message_type" / Member(PacketType, BitsInteger(4)),
        Const(0, BitsInteger(1)),
        "is_extended" / Flag,
        "encryption" / Flag,
        "ack" / Flag,
        "sender_id" / BitsInteger(8),
        "salt" / BitsInteger(16),
    ),
)
_PACKED_HEADER: Final = struct.Struct(">HHIBBH")
_START: Final = Struct("log_time" / Int32ub, "data_size" / Int16ub)


def new_packet(
    message_type: PacketType,
    data: bytes,
    *,
    send_time: int = 0,
    log_time: int = 0,
    packet_id: int = 0,
    config_version: int = 0,
    sender_id: int = 0,
    salt: int = 0,
    encryption: bool = False,
    is_extended: bool = False,
) -> SinglePacket:
    """A packet in clear, with length, padding and CRC. With `encryption` it is still to be sealed with `seal_packet`.

    It is extended where its length needs that, or where it is asked for.

    Raises:
        UsageError: a number does not fit its field, or the packet is larger than `MAX_PACKET`.
    """
    header = SinglePacketHeader(
        0, packet_id, config_version, message_type, is_extended, encryption, False, sender_id, salt
    )
    size, length = _measure(header, len(data))
    if length > _MAX_FIELD:
        header = replace(header, is_extended=True)
        size, length = _measure(header, len(data))
    if OUTER_SIZE + size > MAX_PACKET:
        raise UsageError(f"a packet of {OUTER_SIZE + size} bytes, the limit is {MAX_PACKET}")
    header = replace(header, packet_length=length)
    data_size = len(data) if len(data) <= _MAX_FIELD else 0
    payload = SinglePacketPayload(log_time, data_size, data, bytes(size - _FRAMING - len(data)), 0)
    crc = crc32_mpeg2(_header_bytes(header) + _clear(payload)[:-4])
    return SinglePacket(send_time, header, replace(payload, crc=crc))


def encode_packet(packet: SinglePacket) -> bytes:
    """Bytes of a packet, sealed or not.

    Raises:
        UsageError: a number does not fit its field.
    """
    payload = packet.payload if isinstance(packet.payload, bytes) else _clear(packet.payload)
    return _number(packet.send_time, 4) + _header_bytes(packet.header) + payload


def decode_packet(data: bytes) -> SinglePacket:
    """The packet of exactly these bytes; its payload stays sealed if it is encrypted.

    Raises:
        BodyError: 80, these are not the bytes of a packet; 86, the CRC of a clear payload is wrong.
    """
    header = _read_header(data)
    send_time, sealed = int.from_bytes(data[:4], "big"), data[OUTER_SIZE:]
    if header.encryption:
        return SinglePacket(send_time, header, sealed)
    return SinglePacket(send_time, header, _read_payload(header, data[4:OUTER_SIZE], sealed))


@dataclass(frozen=True, slots=True)
class PacketKey:
    """What the keys of encrypted packets follow from.

    Args:
        username: at most 16 characters.
        hash_key: for a user, stored key and server key.
        serial_number: the vendor's clients use this constant for every Tap.
    """

    username: str
    hash_key: bytes = field(repr=False)
    serial_number: str = "IoTize_FWUpdate_SP"

    @classmethod
    def of_user(cls, username: str, key: PasswordKey) -> "PacketKey":
        """The key of somebody who can log in with SCRAM."""
        return cls(username, key.stored_key + key.server_key)

    def of_packet(self, header: bytes) -> bytes:
        """The AES key of the packet with these twelve bytes of header."""
        message = self.username.encode("latin-1", "replace") + self.serial_number.encode("latin-1", "replace") + header
        return hmac.digest(self.hash_key, message, "sha256")[:BLOCK]


BLANK_KEY: Final = PacketKey("IoTize", bytes(32))
"""The key that everybody knows, for firmware updates."""
BLANK_SENDER: Final = 0xFD
"""Sender of packets under `BLANK_KEY`."""


def seal_packet(packet: SinglePacket, key: PacketKey) -> SinglePacket:
    """The same packet with its payload encrypted.

    Raises:
        UsageError: its header does not say that it is encrypted, or it is sealed already.
    """
    if not packet.header.encryption or isinstance(packet.payload, bytes):
        raise UsageError("only a packet with `encryption` can be sealed, and only once")
    cipher = FrameCipher(key.of_packet(_header_bytes(packet.header)))
    return replace(packet, payload=cipher.encrypt(ZERO_IV, _clear(packet.payload)))


def open_packet(packet: SinglePacket, key: PacketKey) -> SinglePacket:
    """The same packet with its payload in clear.

    Raises:
        BodyError: 86, the CRC is wrong: it is damaged, or it is not the key; 80, it does not consist of whole blocks.
    """
    if not isinstance(packet.payload, bytes):
        return packet
    if not packet.payload or len(packet.payload) % BLOCK:
        raise BodyError(f"single packet: {len(packet.payload)} encrypted bytes are no whole blocks")
    header = _header_bytes(packet.header)
    clear = FrameCipher(key.of_packet(header)).decrypt(ZERO_IV, packet.payload)
    return replace(packet, payload=_read_payload(packet.header, header, clear))


def announced_size(start: bytes) -> int:
    """Bytes of the packet that starts with these, as its header says.

    Raises:
        BodyError: 80, no packet starts like this.
    """
    return OUTER_SIZE + _read_header(start).payload_size


def packet_ends(data: bytes) -> Iterator[int]:
    """Where the packet that these bytes start with may end; the right CRC tells which end is meant.

    Chunks add padding to the packet, and the two generations of the vendor's client disagree about the length in
    its header: the older one counts bytes whatever the unit, and send time and header too.

    Raises:
        BodyError: 80, the bytes do not start with a packet.
    """
    header = _read_header(data)
    told = (OUTER_SIZE + header.payload_size, header.packet_length, len(data))
    for end in dict.fromkeys(told):
        if OUTER_SIZE + _FRAMING <= end <= len(data) and not data[end:].strip(b"\0"):
            yield end


def data_room(size: int, encryption: bool) -> int:
    """Bytes of data that a packet of so many bytes has room for; less than 0 if it has no room at all."""
    unit = CHUNK_UNIT if encryption else 4
    return (size - OUTER_SIZE) // unit * unit - _FRAMING


def user_id_of(sender_id: int) -> int:
    """The group that a sender stands for: a byte cannot hold all of them."""
    return sender_id + 0xFF00 if sender_id >= 0x80 else sender_id


def sender_id_of(user_id: int) -> int:
    """The byte that stands for a group; 0, anonymous, for one that has none."""
    return user_id & 0xFF if user_id_of(user_id & 0xFF) == user_id else 0


def _measure(header: SinglePacketHeader, data_size: int) -> tuple[int, int]:
    """Bytes of the payload, and the length that stands for them in the header."""
    unit = header.unit
    size = data_size + _FRAMING
    size += -size % max(4, unit)
    return size, size + _HEADER if unit == 1 else size // unit


def _read_header(data: bytes) -> SinglePacketHeader:
    try:
        header: SinglePacketHeader = HEADER.parse(data[4:OUTER_SIZE])
    except (ConstructError, ValueError) as error:
        raise BodyError(f"single packet: no header in {len(data)} bytes: {explain(error)}") from error
    return header


def _read_payload(header: SinglePacketHeader, header_bytes: bytes, clear: bytes) -> SinglePacketPayload:
    if len(clear) < _FRAMING or len(clear) % 4:
        raise BodyError(f"single packet: a payload of {len(clear)} bytes")
    crc = int.from_bytes(clear[-4:], "big")
    if crc != crc32_mpeg2(header_bytes + clear[:-4]):
        raise BodyError("single packet: the CRC is wrong", ResultCode.NOT_ACCEPTABLE)
    start = _START.parse(clear)
    body = clear[_FRAMING - 4 : -4]
    # Without a size everything is data, unless it is shorter than padding would be: then there is none.
    sized = start.data_size or len(body) < max(4, header.unit)
    size = start.data_size if sized else len(body)
    if size > len(body):
        raise BodyError(f"single packet: {size} bytes of data announced, there are {len(body)}")
    return SinglePacketPayload(start.log_time, start.data_size, body[:size], body[size:], crc)


def _number(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError as error:
        raise UsageError(f"no single packet: {value} does not fit {size} bytes") from error


def _header_bytes(header: SinglePacketHeader) -> bytes:
    """The header as `HEADER` writes it: who logs every second for hours has no time for its schema."""
    kind = header.message_type << 4 | header.is_extended << 2 | header.encryption << 1 | header.ack
    parts = (header.packet_length, header.packet_id, header.config_version, kind, header.sender_id, header.salt)
    try:
        return _PACKED_HEADER.pack(*parts)
    except struct.error as error:
        raise UsageError(f"no single packet: {error} in {header}") from error


def _clear(payload: SinglePacketPayload) -> bytes:
    start = _number(payload.log_time, 4) + _number(payload.data_size, 2)
    return start + payload.data + payload.padding + _number(payload.crc, 4)

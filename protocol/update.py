"""The update file of tap-emulator: what a client sends so that the Tap has another firmware.

A vendor's file is an encrypted CODE_EXEC packet whose content nobody published. Ours has the same envelope, so that
the vendor's updater sends it as it is, and inside it an image that says which version it brings::

    "TapEmuFW" | format u8 | version (major u8, minor u8, patch u16) | size u32 | body | CRC-32/MPEG-2 u32

The body stands for code and is never run: it follows from the version, so that the same command makes the same file.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from construct import Checksum, Const, ConstructError, GreedyBytes, Int8ub, Int32ub, Prefixed, RawCopy, Struct, this

from protocol.crypto import crc32_mpeg2
from protocol.errors import BodyError, UsageError
from protocol.firmware import Version
from protocol.packets import (
    BLANK_KEY,
    BLANK_SENDER,
    PacketType,
    SinglePacketPayload,
    decode_packet,
    encode_packet,
    new_packet,
    open_packet,
    seal_packet,
)
from protocol.values import VersionNumber, explain

MAGIC: Final = b"TapEmuFW"
FORMAT: Final = 1
DEFAULT_BODY_SIZE: Final = 4096
"""Bytes of the body: enough for some twenty chunks."""

IMAGE: Final = Struct(
    "checked"
    / RawCopy(
        Struct(
            Const(MAGIC),
            Const(FORMAT, Int8ub),
            "version" / VersionNumber(),
            "body" / Prefixed(Int32ub, GreedyBytes),
        )
    ),
    "crc" / Checksum(Int32ub, crc32_mpeg2, this.checked.data),
    "rest" / GreedyBytes,
)
"""The image; zeros may follow, since a long packet does not tell data from padding."""


@dataclass(frozen=True, slots=True)
class UpdateImage:
    """What an update brings."""

    version: Version
    body: bytes


def new_image(version: Version, size: int = DEFAULT_BODY_SIZE) -> UpdateImage:
    """An image for this version, with a body of `size` bytes."""
    return UpdateImage(version, hashlib.shake_128(str(version).encode()).digest(size))


def encode_image(image: UpdateImage) -> bytes:
    """Bytes of an image."""
    value = {"version": image.version, "body": image.body}
    built: bytes = IMAGE.build({"checked": {"value": value}, "rest": b""})
    return built


def decode_image(data: bytes) -> UpdateImage:
    """The image in the data of a packet.

    Raises:
        BodyError: not an image, of another format, or damaged.
    """
    try:
        parsed = IMAGE.parse(data)
    except ConstructError as error:
        raise BodyError(f"not an update of tap-emulator, or damaged: {explain(error)}") from error
    if parsed.rest.strip(b"\0"):
        raise BodyError(f"update: {len(parsed.rest)} bytes behind the image are not zero")
    return UpdateImage(parsed.checked.value.version, parsed.checked.value.body)


def pack_update(image: UpdateImage) -> bytes:
    """The file: a packet under the key that everybody knows. Its length is a multiple of 16.

    Raises:
        UsageError: the body is too large for a packet.
    """
    data = encode_image(image)
    salt = int.from_bytes(hashlib.shake_128(data).digest(2), "big")
    packet = new_packet(PacketType.CODE_EXEC, data, sender_id=BLANK_SENDER, salt=salt, encryption=True)
    return encode_packet(seal_packet(packet, BLANK_KEY))


def unpack_update(file: bytes) -> UpdateImage:
    """The image in an update file.

    Raises:
        UsageError: not an update file, or damaged.
    """
    try:
        packet = open_packet(decode_packet(file), BLANK_KEY)
        if packet.header.message_type is not PacketType.CODE_EXEC:
            raise BodyError(f"a {packet.header.message_type.name} packet, expected CODE_EXEC")
        assert isinstance(packet.payload, SinglePacketPayload)
        return decode_image(packet.payload.data)
    except BodyError as error:
        raise UsageError(str(error)) from error

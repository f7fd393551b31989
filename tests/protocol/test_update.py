"""The update file: its bytes, what the vendor's updater needs of it, damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.crypto import crc32_mpeg2
from protocol.errors import BodyError, UsageError
from protocol.firmware import Version
from protocol.packets import (
    BLANK_KEY,
    MAX_PACKET,
    PacketType,
    decode_packet,
    encode_packet,
    new_packet,
    seal_packet,
)
from protocol.update import UpdateImage, decode_image, encode_image, new_image, pack_update, unpack_update

IMAGE = UpdateImage(Version(1, 90, 300), b"code")
BYTES = b"TapEmuFW".hex() + "01" + "015a012c" + "00000004" + b"code".hex()
BYTES += f"{crc32_mpeg2(bytes.fromhex(BYTES)):08x}"


def test_image_in_both_directions() -> None:
    assert encode_image(IMAGE).hex() == BYTES
    assert decode_image(bytes.fromhex(BYTES)) == IMAGE
    assert decode_image(bytes.fromhex(BYTES) + bytes(255)) == IMAGE


DAMAGED = [
    "",
    BYTES[:-2],
    BYTES[:40],
    "55" + BYTES[2:],
    BYTES[:16] + "02" + BYTES[18:],
    BYTES[:18] + "02" + BYTES[20:],
    BYTES[:26] + "ffffffff" + BYTES[34:],
    BYTES[:-8] + "00000000",
    BYTES + "01",
]


@pytest.mark.parametrize("data", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_image(data: str) -> None:
    with pytest.raises(BodyError):
        decode_image(bytes.fromhex(data))


@pytest.mark.parametrize("size", [0, 1, 4096, 65500, 65536, 1 << 20, 2_000_000])
def test_file_goes_through_the_vendors_updater(size: int) -> None:
    """It needs whole words; a multiple of 16 leaves no doubt about the CRC (OQ49)."""
    image = new_image(Version(1, 90), size)
    file = pack_update(image)
    assert len(file) % 16 == 0
    assert size < len(file) <= MAX_PACKET
    assert unpack_update(file) == image


def test_same_version_makes_the_same_file_and_another_one_another() -> None:
    assert pack_update(new_image(Version(1, 90))) == pack_update(new_image(Version(1, 90)))
    assert new_image(Version(1, 90)).body != new_image(Version(1, 91)).body
    assert len(new_image(Version(1, 90)).body) == 4096


def test_envelope_is_that_of_the_vendors_files() -> None:
    header = decode_packet(pack_update(IMAGE)).header
    assert header.message_type is PacketType.CODE_EXEC
    assert header.encryption
    assert header.sender_id == 0xFD


def test_body_too_large_for_a_packet() -> None:
    with pytest.raises(UsageError, match="the limit is 2097152"):
        pack_update(new_image(Version(1), MAX_PACKET))


def sealed(type: PacketType, data: bytes) -> bytes:
    return encode_packet(seal_packet(new_packet(type, data, encryption=True), BLANK_KEY))


NO_UPDATES = [
    b"",
    b"no packet at all",
    pack_update(IMAGE)[:-16],
    pack_update(IMAGE)[:-1] + b"\0",
    sealed(PacketType.COMMAND, encode_image(IMAGE)),
    sealed(PacketType.CODE_EXEC, b"something else"),
]


@pytest.mark.parametrize("file", NO_UPDATES, ids=range(len(NO_UPDATES)))
def test_file_that_is_no_update(file: bytes) -> None:
    with pytest.raises(UsageError):
        unpack_update(file)


@given(position=st.integers(4, 63), bit=st.integers(0, 7))
def test_any_changed_bit_is_noticed(position: int, bit: int) -> None:
    """All but the send time, which is no part of what the CRC covers."""
    file = bytearray(pack_update(IMAGE))
    assert len(file) == 64
    file[position] ^= 1 << bit
    with pytest.raises(UsageError):
        unpack_update(bytes(file))

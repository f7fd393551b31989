"""Single packets: vendor bytes in both directions, lengths and padding, keys, chunks, damage."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.bodies.single_packet import (
    SINGLE_PACKET,
    SINGLE_PACKET_CHUNK,
    SINGLE_PACKET_STORE_INFO,
    ChunkFormat,
    SinglePacketChunk,
    SinglePacketStoreInfo,
    StoreState,
    chunks_of,
)
from protocol.codes import ResultCode
from protocol.crypto import crc32_mpeg2
from protocol.errors import BodyError, UsageError
from protocol.packets import (
    BLANK_KEY,
    BLANK_SENDER,
    HEADER,
    MAX_PACKET,
    PacketKey,
    PacketType,
    SinglePacket,
    SinglePacketHeader,
    SinglePacketPayload,
    announced_size,
    data_room,
    decode_packet,
    encode_packet,
    new_packet,
    open_packet,
    packet_ends,
    seal_packet,
    sender_id_of,
    user_id_of,
)
from protocol.scram import PasswordKey, password_hash

SENT, LOGGED, CONFIG, SALT = 1593835520, 1593835264, 0x01000000, 0x1234


@dataclass(frozen=True)
class Vector:
    """Bytes that a vendor's client made, and what it made them of."""

    type: PacketType
    data: str
    packet: str
    crc: int
    padding: int
    packet_length: int
    sender_id: int = 0
    encryption: bool = False
    is_extended: bool = False

    def build(self) -> SinglePacket:
        return new_packet(
            self.type,
            bytes.fromhex(self.data),
            send_time=SENT,
            log_time=LOGGED,
            packet_id=7,
            config_version=CONFIG,
            sender_id=self.sender_id,
            salt=SALT,
            encryption=self.encryption,
            is_extended=self.is_extended,
        )


VECTORS = {
    "2.7.0 log": Vector(
        PacketType.DATA_LOG,
        "82010441000112",
        "5f0000000020000701000000100012345effff00000782010441000112000000f17cb2f2",
        crc=4051481330,
        padding=3,
        packet_length=32,
    ),
    "2.7.0 command": Vector(
        PacketType.COMMAND,
        "0102030405060708090a0b0c0d0e0f10",
        "5f0000000028000701000000200012345effff0000100102030405060708090a0b0c0d0e0f10000039934f6f",
        crc=965955439,
        padding=2,
        packet_length=40,
    ),
    "2.7.0 code, blank key": Vector(
        PacketType.CODE_EXEC,
        "0102030405060708090a0b0c0d0e0f10",
        "5f000000000200070100000032fd12345b78cb2033285931df268464507e262ad4bd8e3a3cf84086a9155a2c270d5730",
        crc=737508764,
        padding=6,
        packet_length=2,
        sender_id=BLANK_SENDER,
        encryption=True,
    ),
    "2.7.0 extended code": Vector(
        PacketType.CODE_EXEC,
        "aa" * 40,
        "5f0000000001000701000000340012345effff000028" + "aa" * 40 + "00" * 206 + "9df50d81",
        crc=0x9DF50D81,
        padding=206,
        packet_length=1,
        is_extended=True,
    ),
    "alpha.105 log": Vector(
        PacketType.DATA_LOG,
        "8601c10112c10213",
        "5f0000000020000701000000100012345effff0000088601c10112c102130000cd6db423",
        crc=3446518819,
        padding=2,
        packet_length=32,
    ),
}


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_vendor_packets_in_both_directions(vector: Vector) -> None:
    data = bytes.fromhex(vector.packet)
    built = vector.build()
    assert isinstance(built.payload, SinglePacketPayload)
    assert (built.payload.crc, built.payload.padding) == (vector.crc, bytes(vector.padding))
    assert built.header.packet_length == vector.packet_length
    assert encode_packet(seal_packet(built, BLANK_KEY) if vector.encryption else built) == data
    read = SINGLE_PACKET.decode(data)
    assert SINGLE_PACKET.encode(read) == data
    assert open_packet(read, BLANK_KEY) == built
    assert announced_size(data[:16]) == len(data)
    assert next(packet_ends(data + bytes(176))) == len(data)


def test_payload_of_the_encrypted_vector() -> None:
    vector = VECTORS["2.7.0 code, blank key"]
    data = bytes.fromhex(vector.packet)
    assert BLANK_KEY.of_packet(data[4:16]).hex() == "f03acadda5b5e72d510288a992beac8b"
    plain = encode_packet(open_packet(decode_packet(data), BLANK_KEY))[16:]
    assert plain.hex() == "5effff0000100102030405060708090a0b0c0d0e0f100000000000002bf57d9c"


def test_data_log_exchange_of_2_7_0() -> None:
    data = bytes.fromhex("5f0000000020000701000000100012345effff0000088601c10112c102130000cd6db423")
    packet = SINGLE_PACKET.decode(data)
    assert packet.header.message_type is PacketType.DATA_LOG
    assert isinstance(packet.payload, SinglePacketPayload)
    assert packet.payload.data.hex() == "8601c10112c10213"


def test_key_of_a_user_follows_from_the_password() -> None:
    keys = PasswordKey.derive(password_hash("admin"), bytes.fromhex("0a0b0c0d"), 1000)
    key = PacketKey.of_user("admin", keys)
    assert key.hash_key.hex() == "d8d0b73bb0e283733d488ade4cfe9c60" + "ee990dc861622a9074759023f95c5338"
    packet = seal_packet(new_packet(PacketType.COMMAND, b"secret", encryption=True, sender_id=0xFF), key)
    assert isinstance(packet.payload, bytes)
    assert b"secret" not in packet.payload
    opened = open_packet(packet, key).payload
    assert isinstance(opened, SinglePacketPayload)
    assert opened.data == b"secret"
    for other in (BLANK_KEY, replace(key, username="Admin"), replace(key, serial_number="IoTize00410000009B")):
        with pytest.raises(BodyError, match="CRC is wrong") as refused:
            open_packet(packet, other)
        assert refused.value.code is ResultCode.NOT_ACCEPTABLE


LENGTHS = [
    (PacketType.COMMAND, 0, False, 2, 12 + 12, False),
    (PacketType.COMMAND, 2, False, 0, 12 + 12, False),
    (PacketType.COMMAND, 65510, False, 0, 65520 + 12, False),
    (PacketType.COMMAND, 65514, False, 65536 - 65524, 256, True),
    (PacketType.COMMAND, 65536, False, 246, 257, True),
    (PacketType.CODE_EXEC, 1, False, 5, 1, False),
    (PacketType.CODE_EXEC, 65535 * 16 - 10, False, 0, 65535, False),
    (PacketType.CODE_EXEC, 65535 * 16 - 9, False, 15, 4096, True),
    (PacketType.COMMAND, 1, True, 5, 1, False),
]
"""Type, bytes of data and encryption; padding, packet length and extension."""


@pytest.mark.parametrize(("type", "size", "encryption", "padding", "length", "extended"), LENGTHS)
def test_units_of_the_length(
    type: PacketType, size: int, encryption: bool, padding: int, length: int, extended: bool
) -> None:
    packet = new_packet(type, bytes(size), encryption=encryption)
    assert isinstance(packet.payload, SinglePacketPayload)
    assert (packet.header.packet_length, packet.header.is_extended) == (length, extended)
    assert len(packet.payload.padding) == padding
    assert packet.payload.data_size == (size if size <= 0xFFFF else 0)
    assert packet.header.payload_size == 10 + size + padding


def test_long_data_is_read_with_its_padding() -> None:
    data = b"\x55" * 70000
    packet = new_packet(PacketType.CODE_EXEC, data)
    read = decode_packet(encode_packet(packet)).payload
    assert isinstance(read, SinglePacketPayload)
    assert read.data_size == 0
    assert (read.data[:70000], read.data[70000:].strip(b"\0"), read.padding) == (data, b"", b"")
    assert encode_packet(decode_packet(encode_packet(packet))) == encode_packet(packet)


def test_largest_packet() -> None:
    most = MAX_PACKET - 16 - 10
    most -= (most + 10) % 256
    assert len(encode_packet(new_packet(PacketType.CODE_EXEC, bytes(most)))) <= MAX_PACKET
    with pytest.raises(UsageError, match="the limit is 2097152"):
        new_packet(PacketType.CODE_EXEC, bytes(most + 1))


@pytest.mark.parametrize(
    ("field", "value"),
    [("send_time", 2**32), ("log_time", -1), ("packet_id", 65536), ("sender_id", 256), ("salt", 65536)],
)
def test_number_that_fits_no_field(field: str, value: int) -> None:
    numbers: dict[str, Any] = {field: value}
    with pytest.raises(UsageError):
        encode_packet(new_packet(PacketType.COMMAND, b"", **numbers))


def test_sealing_is_asked_for_and_happens_once() -> None:
    packet = new_packet(PacketType.COMMAND, b"1", encryption=True)
    for unfit in (new_packet(PacketType.COMMAND, b"1"), seal_packet(packet, BLANK_KEY)):
        with pytest.raises(UsageError, match="can be sealed"):
            seal_packet(unfit, BLANK_KEY)


COMMAND = bytes.fromhex(VECTORS["2.7.0 command"].packet)
SEALED = bytes.fromhex(VECTORS["2.7.0 code, blank key"].packet)
OLD_LENGTH = COMMAND[:4] + (26 + 2 + 16).to_bytes(2, "big") + COMMAND[6:40]
OLD_LENGTH += crc32_mpeg2(OLD_LENGTH[4:]).to_bytes(4, "big")
"""device-client.js alpha.105 counts send time and header too, whatever the unit."""

ENDS = [
    (COMMAND, [44]),
    (COMMAND + bytes(4), [44, 48]),
    (COMMAND + b"\0\0\0\1", [48]),
    (OLD_LENGTH, [44]),
    (OLD_LENGTH + bytes(148), [48, 44, 192]),
    (SEALED + bytes(8), [48, 56]),
    (COMMAND[:30], [30]),
    (COMMAND[:25], []),
]


@pytest.mark.parametrize(("data", "ends"), ENDS, ids=range(len(ENDS)))
def test_where_a_packet_may_end(data: bytes, ends: list[int]) -> None:
    assert list(packet_ends(data)) == ends


DAMAGED = [
    (b"", ResultCode.BAD_REQUEST),
    (COMMAND[:15], ResultCode.BAD_REQUEST),
    (COMMAND[:16], ResultCode.BAD_REQUEST),
    (COMMAND[:22], ResultCode.BAD_REQUEST),
    (COMMAND[:43], ResultCode.BAD_REQUEST),
    (COMMAND[:40], ResultCode.NOT_ACCEPTABLE),
    (COMMAND[:12] + b"\x00" + COMMAND[13:], ResultCode.BAD_REQUEST),
    (COMMAND[:12] + b"\x80" + COMMAND[13:], ResultCode.BAD_REQUEST),
    (COMMAND[:12] + b"\x28" + COMMAND[13:], ResultCode.BAD_REQUEST),
    (COMMAND[:-1] + b"\x70", ResultCode.NOT_ACCEPTABLE),
    (COMMAND[:5] + b"\x29" + COMMAND[6:], ResultCode.NOT_ACCEPTABLE),
]


@pytest.mark.parametrize(("data", "code"), DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_packet(data: bytes, code: ResultCode) -> None:
    with pytest.raises(BodyError) as refused:
        SINGLE_PACKET.decode(data)
    assert refused.value.code is code


def test_data_size_beyond_the_packet() -> None:
    body = COMMAND[4:20] + b"\x00\x13" + COMMAND[22:-4]
    with pytest.raises(BodyError, match="19 bytes of data announced, there are 18"):
        decode_packet(bytes(4) + body + crc32_mpeg2(body).to_bytes(4, "big"))


@pytest.mark.parametrize("cut", [16, 17, 47])
def test_ciphertext_that_is_no_whole_blocks(cut: int) -> None:
    with pytest.raises(BodyError, match="no whole blocks"):
        open_packet(decode_packet(SEALED[:cut]), BLANK_KEY)


CHUNKS = [
    (SinglePacketChunk(3, bytes(15) + b"\x01" + b"\x02" * 16), "00020003" + "00" * 15 + "01" + "02" * 16),
    (SinglePacketChunk(0x12345, b"\xaa" * 16, ChunkFormat.OFFSET_ON_4_BYTES), "800100012345" + "aa" * 16),
    (SinglePacketChunk(3, b"\xaa" * 16), "00010003" + "aa" * 16),
    (SinglePacketChunk(0, b"\xaa" * 192), "000c0000" + "aa" * 192),
    (SinglePacketChunk(24, b"\xaa" * 16), "00010018" + "aa" * 16),
    (SinglePacketChunk(0, b""), "00000000"),
]


@pytest.mark.parametrize(("chunk", "data"), CHUNKS, ids=[data[:12] for _, data in CHUNKS])
def test_vendor_chunks_in_both_directions(chunk: SinglePacketChunk, data: str) -> None:
    assert SINGLE_PACKET_CHUNK.encode(chunk).hex() == data
    assert SINGLE_PACKET_CHUNK.decode(bytes.fromhex(data)) == chunk
    assert chunk.length == int(data[1:4], 16)


@pytest.mark.parametrize("data", ["", "0001", "00010003" + "aa" * 15, "00010003" + "aa" * 17, "10010003" + "aa" * 16])
def test_damaged_chunk(data: str) -> None:
    with pytest.raises(BodyError):
        SINGLE_PACKET_CHUNK.decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    "chunk",
    [SinglePacketChunk(0, b"abc"), SinglePacketChunk(65536, bytes(16)), SinglePacketChunk(0, bytes(16 * 4096))],
    ids=["no units", "offset", "length"],
)
def test_chunk_that_has_no_form_on_the_wire(chunk: SinglePacketChunk) -> None:
    with pytest.raises(UsageError):
        SINGLE_PACKET_CHUNK.encode(chunk)


def test_chunks_of_the_updater() -> None:
    """A file of 400 bytes AA, as the updater of @iotize/tap 2.7.0 sends it."""
    file = b"\xaa" * 400
    sent = [SINGLE_PACKET_CHUNK.encode(chunk).hex() for chunk in chunks_of(file)]
    assert sent == ["000c0000" + "aa" * 192, "000c000c" + "aa" * 192, "00010018" + "aa" * 16]
    assert crc32_mpeg2(file) == 0x4F4EDD3F


@pytest.mark.parametrize(("size", "count", "last"), [(0, 0, None), (1, 1, 16), (192, 1, 192), (193, 2, 16)])
def test_last_chunk_is_filled_up(size: int, count: int, last: int | None) -> None:
    chunks = chunks_of(b"\x01" * size)
    assert len(chunks) == count
    assert (len(chunks[-1].data) if chunks else None) == last


def test_far_offsets_need_four_bytes() -> None:
    assert {chunk.format for chunk in chunks_of(bytes(1 << 20))} == {ChunkFormat.OFFSET_ON_2_BYTES}
    chunks = chunks_of(bytes((1 << 20) + 1))
    assert {chunk.format for chunk in chunks} == {ChunkFormat.OFFSET_ON_4_BYTES}
    assert SINGLE_PACKET_CHUNK.decode(SINGLE_PACKET_CHUNK.encode(chunks[-1])) == chunks[-1]


@pytest.mark.parametrize("state", StoreState)
def test_store_info(state: StoreState) -> None:
    info = SinglePacketStoreInfo(state)
    assert SINGLE_PACKET_STORE_INFO.encode(info).hex() == f"000000{state:02x}"
    assert SINGLE_PACKET_STORE_INFO.decode(bytes((0, 0, 0, state))) == info


SENDERS = [(0xFFFF, 0xFF), (0xFFFE, 0xFE), (0xFFFD, BLANK_SENDER), (0, 0), (1, 1), (0x7F, 0x7F), (0xFF80, 0x80)]


@pytest.mark.parametrize(("user_id", "sender_id"), SENDERS)
def test_senders(user_id: int, sender_id: int) -> None:
    assert sender_id_of(user_id) == sender_id
    assert user_id_of(sender_id) == user_id


@pytest.mark.parametrize("user_id", [0x80, 0xFF, 0x100, 0xFF7F])
def test_user_that_no_byte_stands_for(user_id: int) -> None:
    assert sender_id_of(user_id) == 0


@given(size=st.integers(26, 260), encryption=st.booleans())
def test_room_for_data(size: int, encryption: bool) -> None:
    room = data_room(size, encryption)
    if room < 0:
        return
    fits, too_long = (
        encode_packet(new_packet(PacketType.DATA_LOG, bytes(room + more), encryption=encryption)) for more in (0, 1)
    )
    assert len(fits) <= size < len(too_long)


@given(
    type=st.sampled_from(PacketType),
    data=st.binary(max_size=300),
    encryption=st.booleans(),
    extended=st.booleans(),
    salt=st.integers(0, 0xFFFF),
)
def test_any_packet_comes_back(type: PacketType, data: bytes, encryption: bool, extended: bool, salt: int) -> None:
    packet = new_packet(type, data, salt=salt, encryption=encryption, is_extended=extended)
    sent = encode_packet(seal_packet(packet, BLANK_KEY) if encryption else packet)
    assert next(packet_ends(sent)) == announced_size(sent) == len(sent)
    assert open_packet(decode_packet(sent), BLANK_KEY) == packet


@given(data=st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        packet = open_packet(decode_packet(data), BLANK_KEY)
    except BodyError:
        return
    assert encode_packet(packet)[:16] == data[:16]


HEADERS = st.builds(
    SinglePacketHeader,
    packet_length=st.integers(0, 0xFFFF),
    packet_id=st.integers(0, 0xFFFF),
    config_version=st.integers(0, 0xFFFFFFFF),
    message_type=st.sampled_from(PacketType),
    is_extended=st.booleans(),
    encryption=st.booleans(),
    ack=st.booleans(),
    sender_id=st.integers(0, 0xFF),
    salt=st.integers(0, 0xFFFF),
)


@given(HEADERS)
def test_headers_are_as_their_schema_writes_them(header: SinglePacketHeader) -> None:
    assert encode_packet(SinglePacket(1, header, b""))[4:] == HEADER.build(header)


@pytest.mark.parametrize("field", ["packet_length", "packet_id", "config_version", "sender_id", "salt"])
@pytest.mark.parametrize("number", [-1, 1 << 32])
def test_a_number_that_fits_no_header(field: str, number: int) -> None:
    wrong: dict[str, Any] = {field: number}
    header = replace(VECTORS["2.7.0 log"].build().header, **wrong)
    with pytest.raises(UsageError, match="no single packet"):
        encode_packet(SinglePacket(1, header, b""))

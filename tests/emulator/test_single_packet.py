"""Single packets: the store, commands, keys and rights, and what bad input cannot do (OQ47, OQ48, OQ49)."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.blueprint import ADMIN, ANONYMOUS, Bundle, Group
from emulator.device import Device
from protocol.bodies.single_packet import SINGLE_PACKET_CHUNK, ChunkFormat, SinglePacketChunk, StoreState, chunks_of
from protocol.codes import Rights
from protocol.crypto import crc32_mpeg2
from protocol.errors import PeerError
from protocol.frames import Request, Response
from protocol.packets import (
    BLANK_KEY,
    BLANK_SENDER,
    MAX_PACKET,
    PacketKey,
    PacketType,
    encode_packet,
    new_packet,
    seal_packet,
    sender_id_of,
)
from protocol.resources.registry import parse_method, parse_path
from protocol.scram import PasswordKey, password_hash
from tests.hosts import Host, make_device

TECH = 5
SALT = bytes.fromhex("01020304")
GROUPS = {TECH: Group("tech", bytes(PasswordKey.derive(password_hash("tech"), SALT, 5000)), TECH)}
OPEN = {"interface.sp_codeexec_access_bundle": 1}
"""Bundle 1 decides who may send packets."""


def tap(firmware: str = "1.113", **changes: Any) -> Host:
    """A host that the admin uses."""
    host = Host(make_device(firmware=firmware, groups=GROUPS, **changes)[0])
    host.login()
    return host


def frame(method: str, path: str, body: bytes = b"") -> bytes:
    return bytes(Request(parse_method(method), parse_path(path), body))


RENAME = frame("PUT", "/1024//9", b"Renamed")


def packet_of(data: bytes, type: PacketType = PacketType.COMMAND) -> bytes:
    return encode_packet(new_packet(type, data))


def sealed(data: bytes, key: PacketKey, sender_id: int, type: PacketType = PacketType.COMMAND) -> bytes:
    return encode_packet(seal_packet(new_packet(type, data, sender_id=sender_id, encryption=True), key))


def user_key(name: str, password: str, salt: bytes = SALT) -> PacketKey:
    return PacketKey.of_user(name, PasswordKey.derive(password_hash(password), salt, 5000))


def write(host: Host, chunk: SinglePacketChunk) -> Response:
    return host.post("/1024//82", SINGLE_PACKET_CHUNK.encode(chunk))


def load(host: Host, packet: bytes) -> None:
    for chunk in chunks_of(packet):
        assert write(host, chunk).code == 0


def run(host: Host, crc: int) -> Response:
    return host.post("/1024//83", crc.to_bytes(4, "big"))


def store_state(host: Host) -> StoreState:
    body = host.get("/1024//81").body
    assert body == host.get("/1024//80").body
    return StoreState(int.from_bytes(body, "big"))


def name_of(host: Host) -> bytes:
    return host.get("/1024//9").body


# --- the store


def test_a_packet_goes_through_the_store() -> None:
    host = tap()
    packet = packet_of(frame("PUT", "/1024//11", b"http://" + b"x" * 93 + b"/end"))
    packet += bytes(-len(packet) % 16)
    assert store_state(host) is StoreState.EMPTY
    first, *rest = chunks_of(packet, 48)
    assert write(host, first).code == 0
    assert store_state(host) is StoreState.USED
    for chunk in rest:
        assert write(host, chunk).code == 0
    assert store_state(host) is StoreState.FULL
    assert run(host, crc32_mpeg2(packet)).code == 0
    assert store_state(host) is StoreState.EMPTY
    assert host.get("/1024//11").body.endswith(b"/end")


def odd() -> bytes:
    """A packet whose length is no multiple of 16."""
    packet = packet_of(RENAME)
    assert len(packet) % 16 == 8
    return packet


def old(padding: int) -> bytes:
    """A packet with the length that device-client.js alpha.105 writes, chunks filled up to 192 bytes."""
    packet = packet_of(RENAME)
    packet = packet[:4] + (len(packet)).to_bytes(2, "big") + packet[6:-4]
    return packet + crc32_mpeg2(packet[4:]).to_bytes(4, "big") + bytes(padding)


GENERATIONS = {
    "2.7.0 store loader, CRC over the padded chunks": (odd() + bytes(8), odd() + bytes(8)),
    "2.7.0 updater, CRC over the file": (odd() + bytes(8), odd()),
    "alpha.105, CRC over the packet, long padding": (old(192 - 40), old(0)),
    "alpha.105, CRC over all": (old(192 - 40), old(192 - 40)),
}


@pytest.mark.parametrize(("sent", "covered"), GENERATIONS.values(), ids=GENERATIONS)
def test_crc_of_either_generation(sent: bytes, covered: bytes) -> None:
    host = tap()
    load(host, sent)
    assert run(host, crc32_mpeg2(covered)).code == 0
    assert name_of(host) == b"Renamed"


@pytest.mark.parametrize(("padding", "left_out"), [(8, 12), (8, 16), (8, 40), (400, 392), (400, 400)])
def test_crc_may_leave_out_zeros_of_the_last_chunk_only(padding: int, left_out: int) -> None:
    host = tap()
    packet = odd() + bytes(padding)
    load(host, packet)
    assert run(host, crc32_mpeg2(packet[: len(packet) - left_out])).code == 0x86
    assert name_of(host) == b"Virtual Tap"


def test_wrong_crc_erases_the_store_and_leaves_it_in_error() -> None:
    host = tap()
    load(host, odd())
    assert run(host, 0xDEADBEEF).code == 0x86
    assert store_state(host) is StoreState.ERROR
    assert name_of(host) == b"Virtual Tap"
    assert run(host, crc32_mpeg2(odd())).code == 0x86, "it was erased"
    assert store_state(host) is StoreState.ERROR
    load(host, odd())
    assert store_state(host) is StoreState.FULL
    assert run(host, crc32_mpeg2(odd())).code == 0


def test_empty_store_has_nothing_to_execute() -> None:
    host = tap()
    assert run(host, 0xFFFFFFFF).code == 0x86
    assert store_state(host) is StoreState.EMPTY


def test_chunk_at_the_start_erases_the_store() -> None:
    host = tap()
    load(host, bytes(400))
    load(host, odd())
    assert run(host, crc32_mpeg2(odd())).code == 0
    load(host, odd())
    assert write(host, SinglePacketChunk(0, b"")).code == 0
    assert store_state(host) is StoreState.EMPTY


@pytest.mark.parametrize("offset", [1, 11, 13, 24, 65535])
def test_chunk_out_of_order_changes_nothing(offset: int) -> None:
    host = tap()
    first, second = chunks_of(bytes(range(192)) + bytes(192))
    assert write(host, first).code == 0
    assert write(host, SinglePacketChunk(offset, second.data)).code == 0x86
    assert store_state(host) is StoreState.USED
    assert write(host, second).code == 0


def test_store_is_the_taps_and_ends_with_a_reboot() -> None:
    host = tap()
    other = Host(host.device)
    other.login()
    first, second = chunks_of(odd() + bytes(192))
    assert write(host, first).code == write(other, second).code == 0
    assert host.post("/3//4").code == 0
    assert host.device.packet_store.state is StoreState.EMPTY


def test_ten_megabytes_of_chunks() -> None:
    """What does not fit is refused, and nothing grows."""
    host = tap()
    store, size, codes = host.device.packet_store, 1 << 15, Counter[int]()
    for start in range(0, 10 << 20, size):
        chunk = SinglePacketChunk(start // 16, bytes(size), ChunkFormat.OFFSET_ON_4_BYTES)
        try:
            store.write(chunk)
        except PeerError as refusal:
            codes[refusal.code] += 1
    assert codes == {0xA7: (10 << 20) // size - MAX_PACKET // size}
    for offset in (MAX_PACKET // 16, 0xFFFFFFFF):
        assert write(host, SinglePacketChunk(offset, bytes(16), ChunkFormat.OFFSET_ON_4_BYTES)).code == 0xA7
    assert len(store.take(crc32_mpeg2(bytes(MAX_PACKET)))) == MAX_PACKET


# --- what is executed


def test_small_packet_is_executed_at_once() -> None:
    host = tap()
    assert host.post("/1024//80", packet_of(RENAME)).code == 0
    assert name_of(host) == b"Renamed"
    assert host.post("/1024//81", packet_of(frame("PUT", "/1024//9", b"Older"))).code == 0
    assert name_of(host) == b"Older"
    assert store_state(host) is StoreState.EMPTY


@pytest.mark.parametrize(
    "type", [each for each in PacketType if each not in (PacketType.COMMAND, PacketType.CODE_EXEC)], ids=str
)
def test_types_that_nothing_executes(type: PacketType) -> None:
    host = tap()
    assert host.post("/1024//80", packet_of(RENAME, type)).code == 0xA1
    assert name_of(host) == b"Virtual Tap"


REFUSED = {
    "no packet": (b"\x01\x02\x03", 0x80),
    "cut": (packet_of(RENAME)[:-4], 0x86),
    "longer than it says": (packet_of(RENAME) + b"\1\1\1\1", 0x86),
    "wrong CRC": (packet_of(RENAME)[:-1] + b"\xff", 0x86),
    "unknown type": (packet_of(RENAME)[:12] + b"\xf0" + packet_of(RENAME)[13:], 0x80),
    "no request": (packet_of(b"abc"), 0x80),
    "refused command": (packet_of(frame("PUT", "/1024//9", b"x" * 200)), 0x86),
    "unknown path": (packet_of(frame("GET", "/9//9")), 0x84),
    "no method": (packet_of(frame("PUT", "/3//2", b"x")), 0x85),
    "packet in a packet": (packet_of(frame("POST", "/1024//80", packet_of(RENAME))), 0x80),
    "chunk in a packet": (packet_of(frame("POST", "/1024//82", bytes(4))), 0x80),
    "execution in a packet": (packet_of(frame("POST", "/1024//83", bytes(4))), 0x80),
    "multi-request in a packet": (packet_of(frame("GET", "/1024//89")), 0x80),
    "encrypted frame in a packet": (packet_of(frame("GET", "/1024//48", bytes(16))), 0x80),
    "sender without a key": (sealed(RENAME, BLANK_KEY, sender_id=9), 0x86),
    "anonymous has no key": (sealed(RENAME, BLANK_KEY, sender_id=0xF0), 0x86),
    "wrong key": (sealed(RENAME, user_key("admin", "wrong"), sender_id=0xFF), 0x86),
    "key of another user": (sealed(RENAME, user_key("tech", "tech"), sender_id=0xFF), 0x86),
    "no firmware": (packet_of(RENAME, PacketType.CODE_EXEC), 0x86),
}


@pytest.mark.parametrize(("packet", "code"), REFUSED.values(), ids=REFUSED)
def test_refused_packet_changes_nothing(packet: bytes, code: int) -> None:
    host = tap()
    assert host.post("/1024//80", packet).code == code
    assert (name_of(host), host.group_id, store_state(host)) == (b"Virtual Tap", ADMIN, StoreState.EMPTY)
    assert str(host.device.firmware) == "1.113.0"


@pytest.mark.parametrize("name", [name for name, (packet, _) in REFUSED.items() if len(packet) % 16 == 0])
def test_refused_packet_in_the_store(name: str) -> None:
    host = tap()
    packet, _ = REFUSED[name]
    load(host, packet)
    assert run(host, crc32_mpeg2(packet)).code in range(0x80, 0xC0)
    assert (name_of(host), store_state(host)) == (b"Virtual Tap", StoreState.ERROR)


# --- keys and rights


def test_blank_key_adds_no_rights() -> None:
    host = tap(settings=OPEN, bundles={1: Bundle(rights={ANONYMOUS: Rights.WRITE})})
    packet = sealed(RENAME, BLANK_KEY, BLANK_SENDER)
    assert Host(host.device).post("/1024//80", packet).code == 0x81
    assert host.post("/1024//80", packet).code == 0


def admin_salt(device: Device) -> bytes:
    challenge = Host(device).get("/1024//40", b"admin".ljust(16, b"\0") + bytes(4))
    return challenge.body[4:8]


def test_command_has_the_rights_of_the_user_whose_key_it_has() -> None:
    """Anybody may hand it over: who made it counts."""
    device, _ = make_device(settings=OPEN, bundles={1: Bundle(rights={ANONYMOUS: Rights.WRITE})}, groups=GROUPS)
    anonymous = Host(device)
    by_tech = sealed(RENAME, user_key("tech", "tech"), sender_id_of(TECH))
    assert anonymous.post("/1024//80", by_tech).code == 0x81, "tech may not rename the Tap"
    by_admin = sealed(RENAME, user_key("admin", "admin", admin_salt(device)), sender_id_of(ADMIN))
    assert anonymous.post("/1024//80", by_admin).code == 0
    assert anonymous.group_id == ANONYMOUS
    assert name_of(anonymous) == b"Renamed"
    assert [(record.group_id, str(record.request)[:12]) for record in device.journal if record.request][-4:-1] == [
        (ADMIN, "PUT /1024//9"),
        (ANONYMOUS, "POST /1024//"),
        (ANONYMOUS, "GET /1024//7"),
    ]


def test_login_by_a_command_is_not_that_of_the_session() -> None:
    device, _ = make_device(settings=OPEN, bundles={1: Bundle(rights={ANONYMOUS: Rights.WRITE})}, groups=GROUPS)
    host = Host(device)
    logout = sealed(frame("POST", "/1024//1"), user_key("tech", "tech"), sender_id_of(TECH))
    host.login("tech")
    assert host.post("/1024//80", logout).code == 0
    assert host.group_id == TECH


def test_sender_0_is_whoever_is_logged_in() -> None:
    """2.7.0 has no sender id for users of its own."""
    device, _ = make_device(settings=OPEN, bundles={1: Bundle(rights={ANONYMOUS: Rights.WRITE})}, groups=GROUPS)
    host = Host(device)
    packet = sealed(frame("GET", "/1024//34"), user_key("tech", "tech"), sender_id=0)
    assert host.post("/1024//80", packet).code == 0x86
    host.login("tech")
    assert host.post("/1024//80", packet).code == 0


WRITERS = [
    # user, what bundle 1 grants, feature 104, code
    ("admin", Rights.NONE, 0, 0),
    ("tech", Rights.NONE, 0, 0x81),
    ("tech", Rights.WRITE, 0, 0x81),
    ("tech", Rights.READ, 1, 0x81),
    ("tech", Rights.WRITE, 1, 0),
    ("supervisor", Rights.WRITE, 1, 0x81),
]


@pytest.mark.parametrize(("user", "rights", "feature", "code"), WRITERS)
def test_who_may_send_packets(user: str, rights: Rights, feature: int, code: int) -> None:
    settings = {"interface.sp_codeexec_access_bundle": feature}
    device, _ = make_device(settings=settings, bundles={1: Bundle(rights={TECH: rights})}, groups=GROUPS)
    host = Host(device)
    host.login(user)
    packet = packet_of(frame("GET", "/3//2"))
    assert write(host, chunks_of(packet)[0]).code == code
    assert host.post("/1024//80", packet).code == code
    assert host.post("/1024//81", packet).code == code
    if code == 0:
        assert run(host, crc32_mpeg2(packet)).code == 0
    assert host.get("/1024//81").code == 0
    assert Host(device).get("/1024//81").code == 0x81


@pytest.mark.parametrize("path", ["/1024//80", "/1024//81", "/1024//82", "/1024//83"])
def test_older_firmware_has_no_packets(path: str) -> None:
    host = tap("1.12")
    assert host.post(path, bytes(4)).code == host.get(path).code == 0xA1
    assert tap("1.13").post(path, bytes(4)).code != 0xA1


# --- any bytes


@pytest.fixture(scope="module")
def shared() -> Host:
    return tap()


CALLS = [("POST", f"/1024//{number}") for number in range(80, 84)] + [("GET", "/1024//80"), ("GET", "/1024//81")]


@pytest.mark.parametrize(("method", "path"), CALLS)
@given(body=st.binary(max_size=100))
def test_any_body_is_answered(shared: Host, method: str, path: str, body: bytes) -> None:
    assert shared.ask(method, path, body).code in (0, 0x80, 0x86, 0xA1, 0xA7)
    assert name_of(shared) == b"Virtual Tap"


@given(position=st.integers(4, 39), bit=st.integers(0, 7))
def test_any_damage_is_noticed(shared: Host, position: int, bit: int) -> None:
    packet = bytearray(odd())
    packet[position] ^= 1 << bit
    assert shared.post("/1024//80", bytes(packet)).code in (0x80, 0x86)
    assert name_of(shared) == b"Virtual Tap"


@given(data=st.binary(max_size=120), type=st.sampled_from((PacketType.COMMAND, PacketType.CODE_EXEC)))
def test_any_data_in_a_good_packet_is_answered(shared: Host, data: bytes, type: PacketType) -> None:
    answer = shared.post("/1024//80", packet_of(b"\x01" + data if type is PacketType.COMMAND else data, type))
    assert answer.code in (0, *range(0x80, 0x88), 0xA0, 0xA1, 0xA3, 0xA5)
    assert str(shared.device.firmware) == "1.113.0"

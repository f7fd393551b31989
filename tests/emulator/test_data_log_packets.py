"""What the packets of the data log say, and to whom (D14)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.blueprint import Bundle, Group, Variable
from emulator.state import MemoryStore
from protocol.bodies.data_log import DataLogOption
from protocol.bodies.single_packet import SINGLE_PACKET
from protocol.errors import BodyError
from protocol.firmware import Version
from protocol.frames import Response
from protocol.packets import BLANK_KEY, PacketKey, PacketType, SinglePacketPayload, decode_packet, open_packet
from tests.emulator.logging_tap import (
    ALL,
    BYTE,
    GROUPS,
    KEY,
    ON_TARGET,
    SERIAL,
    START,
    TECH,
    VARIABLES,
    WORD,
    Tap,
    said,
)
from tests.hosts import Host

# --- what


def test_packet_says_who_what_and_when() -> None:
    tap = (
        Tap({1: Bundle(log_period=2)}, settings={"interface.config_version": Version(1, 2, 300)}).run().wait(4).wait(10)
    )
    tap.host.post("/1031//1")
    packet = tap.dequeue()
    header = packet.header
    assert packet.send_time == START + 14
    assert (header.message_type, header.packet_id, header.sender_id) == (PacketType.DATA_LOG, 0, TECH)
    assert header.config_version == 0x0102012C
    assert not header.encryption
    assert not header.ack
    assert isinstance(packet.payload, SinglePacketPayload)
    assert packet.payload.log_time == START + 2
    assert packet.payload.data.hex() == "880108" + "c10112" + "e2012c0102"
    second = tap.dequeue().header
    assert second.packet_id == 1
    assert second.salt != header.salt


def test_time_of_the_tap_is_that_of_the_packets() -> None:
    tap = Tap({1: Bundle(log_period=1)})
    tap.device.time_offset = -1_000_000
    tap.run().wait(3)
    tap.device.time_offset = -START - 10**6
    packet = tap.dequeue()
    assert isinstance(packet.payload, SinglePacketPayload)
    assert packet.payload.log_time == START - 1_000_000 + 1
    assert packet.send_time == (3 - 10**6) & 0xFFFFFFFF


SENDERS = [("tech", TECH), ("admin", 0xFF), ("supervisor", 0xFE), ("far", 0)]


@pytest.mark.parametrize(("user", "sender_id"), SENDERS)
def test_sender_is_whoever_started_the_log(user: str, sender_id: int) -> None:
    tap = Tap({1: Bundle(log_period=1)})
    host = Host(tap.device)
    host.login(user)
    assert host.post("/1031//0").code == 0
    assert tap.wait(1).dequeue().header.sender_id == sender_id


def test_packet_ids_wrap() -> None:
    store = MemoryStore()
    records = {("packet", str(number)): b"" for number in (65533, 65534)}
    store.load = lambda: records  # type: ignore[method-assign,return-value,assignment]
    tap = Tap({1: Bundle(log_period=1)}, store=store).run().wait(3)
    assert sorted(tap.device.state.packets) == [65533, 65534, 65535, 65536, 65537]
    stored = [decode_packet(tap.device.state.packets[number]).header.packet_id for number in (65535, 65536, 65537)]
    assert stored == [65535, 0, 1]


def test_bundle_that_fits_no_answer_is_cut_into_packets() -> None:
    variables = {number: Variable(WORD, length=20, bundle=1) for number in range(1, 21)}
    variables[30] = Variable(WORD, length=250, bundle=1)
    variables[31] = Variable(BYTE, bundle=1)
    tap = Tap({1: Bundle(log_period=1)}, variables=variables, values={}).run().wait(1)
    tap.host.initialize()
    found: dict[int, str] = {}
    for number in range(tap.count):
        answer = tap.host.secret("GET", "/1031//11")
        assert answer.code == 0
        packet = SINGLE_PACKET.decode(answer.body)
        assert packet.header.packet_id == number
        at, bundle, values = said(packet)
        assert (at, bundle) == (1, 1)
        assert not found.keys() & values.keys()
        found |= values
    assert sorted(found) == [*range(1, 21), 31], "what fits no packet is left out, and nothing else"


@given(lengths=st.lists(st.integers(1, 120), max_size=12), security=st.booleans(), most=st.integers(60, 250))
def test_every_packet_can_be_taken(lengths: list[int], security: bool, most: int) -> None:
    variables = {number: Variable(WORD, length=length, bundle=1) for number, length in enumerate(lengths)}
    tap = Tap(
        {1: Bundle(log_period=1)},
        DataLogOption(security=security),
        variables=variables,
        values={},
        max_response=most,
    )
    tap.device.data_log.run(TECH)
    tap.wait(2)
    tap.host.initialize()
    count = with_iv(tap.host, "/1031//10").body
    for _ in range(int.from_bytes(count, "big")):
        assert with_iv(tap.host, "/1031//11").code == 0
    assert with_iv(tap.host, "/1031//11").code == 0x84


def with_iv(host: Host, path: str) -> Response:
    """A GET in the carrier that leaves the least room for an answer."""
    outer = host.get("/1024//44", bytes(16) + host.seal("GET", path))
    assert outer.code == 0
    return host.open(outer.body[16:], outer.body[:16])


def test_variable_that_the_target_refuses_is_left_out() -> None:
    variables = {**VARIABLES, 2: Variable(ON_TARGET, bundle=1), 8: Variable(ON_TARGET, bundle=3)}
    tap = Tap({1: Bundle(log_period=1), 3: Bundle(log_period=1)}, variables=variables)
    tap.device.target.voltage = 0
    tap.run().wait(1)
    assert tap.taken() == [(1, 1, ALL)]
    assert tap.running


def test_log_connects_the_target_by_itself() -> None:
    tap = Tap({1: Bundle(log_period=1)}, variables={2: Variable(ON_TARGET, bundle=1, address=0x20000000)}, values={})
    assert not tap.device.target.connected
    tap.run().wait(1)
    assert tap.taken() == [(1, 1, {2: "00"})]
    assert tap.device.target.connected


# --- security


def keys(**changes: Any) -> PacketKey:
    return replace(PacketKey("IoTize", bytes(32), SERIAL), **changes)


SECRETS = [
    # settings, group of the bundle, key
    ({}, 0, keys()),
    ({"data_log.crypto_key": b"0123456789abcdef"}, 0, keys(hash_key=b"0123456789abcdef")),
    ({"data_log.crypto_key": b"k"}, TECH, replace(PacketKey.of_user("tech", KEY), serial_number=SERIAL)),
    ({"data_log.crypto_key": b"k"}, 65535, keys(hash_key=b"k")),
    ({"data_log.crypto_key": b"k"}, 99, keys(hash_key=b"k")),
]


@pytest.mark.parametrize(("settings", "group", "key"), SECRETS)
def test_secure_packets(settings: dict[str, Any], group: int, key: PacketKey) -> None:
    bundles = {1: Bundle(log_period=1, log_key_group=group)}
    tap = Tap(bundles, DataLogOption(security=True), settings=settings).run().wait(1)
    packet = tap.dequeue()
    assert packet.header.encryption
    assert said(open_packet(packet, key)) == (1, 1, ALL)
    for other in (BLANK_KEY, replace(key, username="x"), replace(key, hash_key=b"other")):
        with pytest.raises(BodyError):
            open_packet(packet, other)


def test_bundle_without_a_group_has_the_key_of_the_log() -> None:
    groups = GROUPS | {0: Group("anonymous", bytes(KEY), 0)}
    tap = Tap({1: Bundle(log_period=1)}, DataLogOption(security=True), groups=groups).run().wait(1)
    assert said(open_packet(tap.dequeue(), keys())) == (1, 1, ALL)


def test_key_is_written_and_never_read() -> None:
    tap = Tap({})
    admin = Host(tap.device)
    admin.login()
    assert tap.host.put("/1031//3", b"secret").code == 0x81
    assert admin.put("/1031//3", bytes(64)).code == 0
    assert admin.put("/1031//3", bytes(65)).code == 0x86
    assert admin.get("/1031//3").code == 0x85
    assert tap.device.state["data_log.crypto_key"] == bytes(64)

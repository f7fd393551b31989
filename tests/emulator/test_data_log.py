"""The data log: when it samples, what its packets say, when it stops, and what survives (D14)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.blueprint import Bundle, Group, Rules, Simulation, Variable
from emulator.clock import VirtualClock
from emulator.device import Device
from emulator.signals import Ramp
from emulator.state import MemoryStore, StoreError
from emulator.storage import SqliteStore
from protocol.bodies.data_log import DATA_LOG_OPTION, DataLogOption
from protocol.bodies.multi_request import MULTI_RESPONSE
from protocol.bodies.single_packet import SINGLE_PACKET
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import LOG_ON_CHANGE, Rights
from protocol.errors import BodyError, UsageError
from protocol.firmware import Version
from protocol.frames import Response
from protocol.packets import (
    BLANK_KEY,
    PacketKey,
    PacketType,
    SinglePacket,
    SinglePacketPayload,
    decode_packet,
    open_packet,
)
from protocol.scram import PasswordKey, password_hash
from protocol.tlv import decode_bundle
from tests.hosts import Host, make_device

START = 1_700_000_000
SERIAL = "IoTize00410000009B"
TECH = 5
KEY = PasswordKey.derive(password_hash("tech"), bytes.fromhex("01020304"), 5000)
GROUPS = {TECH: Group("tech", bytes(KEY), TECH, lifetime=0), 0x90: Group("far", b"far", 0x90)}

BYTE = VariableType(Domain.IN_TAP_VOLATILE, DataType.UINT8)
WORD = VariableType(Domain.IN_TAP_STATIC, DataType.UINT16)
ON_TARGET = VariableType(Domain.TARGET, DataType.UINT8)
VARIABLES = {1: Variable(BYTE, bundle=1), 300: Variable(WORD, bundle=1), 7: Variable(BYTE, bundle=2)}
VALUES = {1: b"\x12", 300: b"\x01\x02", 7: b"\x33"}


class Tap:
    """A Tap that is logging, its clock, and a host that tech uses."""

    def __init__(self, bundles: dict[int, Bundle], options: DataLogOption | None = None, **parts: Any) -> None:
        settings = {"data_log.options": options or DataLogOption(), **parts.pop("settings", {})}
        blueprint: dict[str, Any] = {"bundles": bundles, "variables": VARIABLES, "values": VALUES, "groups": GROUPS}
        self.device: Device
        self.clock: VirtualClock
        self.device, self.clock = make_device(settings=settings, **(blueprint | parts))
        self.host = Host(self.device)
        self.host.login("tech")

    def run(self) -> "Tap":
        assert self.host.post("/1031//0").code == 0
        return self

    def wait(self, seconds: int) -> "Tap":
        """Time passes as in the server, which ticks when something is due."""
        end = self.clock.now() + seconds
        while (deadline := self.device.next_deadline()) is not None and deadline <= end:
            self.clock.advance(max(0.0, deadline - self.clock.now()))
            self.device.tick()
        self.clock.advance(end - self.clock.now())
        return self

    def write(self, variable: int, value: bytes) -> None:
        self.device.state.post_value(variable, value)
        self.device.state.commit()

    @property
    def running(self) -> bool:
        body = self.host.get("/1031//0").body
        assert body in (b"\x01", b"\xfe")
        return body == b"\x01"

    @property
    def count(self) -> int:
        return int.from_bytes(self.host.get("/1031//10").body, "big")

    def dequeue(self) -> SinglePacket:
        answer = self.host.get("/1031//11")
        assert answer.code == 0
        return SINGLE_PACKET.decode(answer.body)

    def taken(self) -> list[tuple[int, int, dict[int, str]]]:
        """All packets: seconds after the start, bundle, values by variable."""
        return [said(self.dequeue()) for _ in range(self.count)]


def said(packet: SinglePacket) -> tuple[int, int, dict[int, str]]:
    assert isinstance(packet.payload, SinglePacketPayload)
    bundle, values = decode_bundle(packet.payload.data)
    return packet.payload.log_time - START, bundle, {variable: value.hex() for variable, value in values}


ALL = {1: "12", 300: "0102"}

# --- when


def test_packet_whose_answer_does_not_fit_stays_in_the_log() -> None:
    tap = Tap({1: Bundle(log_period=1)}).run().wait(6)
    items = bytes.fromhex("0007010407ffff000bff") * 6
    answers = MULTI_RESPONSE.decode(tap.host.get("/1024//89", items).body)
    codes = [answer.code for answer in answers]
    assert codes == [0x00] * codes.count(0x00) + [0xA0] * codes.count(0xA0)
    assert codes.count(0xA0) > 0
    taken = [said(SINGLE_PACKET.decode(answer.body)) for answer in answers if answer.success]
    assert [at for at, _, _ in taken + tap.taken()] == [1, 2, 3, 4, 5, 6]


def test_bundles_are_logged_at_their_periods() -> None:
    tap = Tap({1: Bundle(log_period=2), 2: Bundle(log_period=3), 3: Bundle(log_period=1), 4: Bundle()}).run().wait(6)
    two = {7: "33"}
    assert tap.taken() == [(2, 1, ALL), (3, 2, two), (4, 1, ALL), (6, 1, ALL), (6, 2, two)]


def test_nothing_is_logged_before_it_runs_nor_after_it_stops() -> None:
    tap = Tap({1: Bundle(log_period=1)}).wait(5)
    assert (tap.running, tap.count) == (False, 0)
    assert tap.device.next_deadline() is None
    tap.run().wait(2)
    assert (tap.running, tap.count) == (True, 2)
    assert tap.host.post("/1031//1").code == 0
    tap.wait(5)
    assert (tap.running, tap.count) == (False, 2)
    assert tap.host.post("/1031//1").code == 0, "stopping twice is no mistake"


def test_running_twice_does_not_start_again() -> None:
    tap = Tap({1: Bundle(log_period=3)}).run().wait(2).run().wait(1)
    assert tap.count == 1


def test_every_run_starts_afresh() -> None:
    tap = Tap({1: Bundle(log_period=10), 2: Bundle(log_period=LOG_ON_CHANGE)}).run().wait(4)
    tap.host.post("/1031//1")
    tap.wait(4)
    tap.run().wait(10)
    assert [(at, bundle) for at, bundle, _ in tap.taken()] == [(1, 2), (9, 2), (18, 1)]


def test_on_change() -> None:
    """The first values are a change; then there is a packet whenever one of them is another."""
    tap = Tap({1: Bundle(log_period=LOG_ON_CHANGE)}).run().wait(5)
    tap.write(1, b"\x13")
    tap.wait(2)
    tap.write(1, b"\x14")
    tap.write(1, b"\x13")
    tap.wait(2)
    assert tap.taken() == [(1, 1, ALL), (6, 1, ALL | {1: "13"})]


def test_option_log_on_change_is_for_bundles_with_a_period() -> None:
    tap = Tap({1: Bundle(log_period=2)}, DataLogOption(log_on_change=True)).run().wait(5)
    tap.write(1, b"\x13")
    tap.wait(5)
    assert tap.taken() == [(2, 1, ALL), (6, 1, ALL | {1: "13"})]


def test_moving_signal_is_sampled_when_it_is_due() -> None:
    tap = (
        Tap({2: Bundle(log_period=10)}, simulations={7: Simulation(Ramp(start=0, end=100, period=100))}).run().wait(40)
    )
    assert [values[7] for _, _, values in tap.taken()] == ["0a", "14", "1e", "28"]


@pytest.mark.parametrize("seconds", [100, 1_000_000, 10**9])
def test_jump_in_time_makes_one_packet(seconds: int) -> None:
    tap = Tap({1: Bundle(log_period=3), 2: Bundle(log_period=LOG_ON_CHANGE)}).run()
    tap.clock.advance(seconds)
    tap.device.tick()
    tap.device.tick()
    assert [(at, bundle) for at, bundle, _ in tap.taken()] == [(seconds, 1), (seconds, 2)]
    tap.wait(6)
    assert [at % 3 for at, _, _ in tap.taken()] == [0, 0], "it goes on as if nothing had been missed"


def test_late_tick_does_not_shift_the_period() -> None:
    tap = Tap({1: Bundle(log_period=3)}).run()
    tap.clock.advance(4.5)
    tap.device.tick()
    tap.wait(8)
    assert [at for at, _, _ in tap.taken()] == [4, 6, 9, 12]


def test_configuration_may_change_while_it_runs() -> None:
    tap = Tap({1: Bundle(log_period=100), 2: Bundle(log_period=1)}).run().wait(2)
    state = tap.device.state
    state.keep("bundle", 1, Bundle(log_period=2))
    state.remove("bundle", 2)
    state.keep("bundle", 9, Bundle(log_period=1))
    state.keep("variable", 9, Variable(BYTE, bundle=9))
    state.commit()
    tap.wait(5)
    assert [(at, bundle) for at, bundle, _ in tap.taken()] == [
        (1, 2),
        (2, 2),
        (4, 9),
        (5, 1),
        (5, 9),
        (6, 9),
        (7, 1),
        (7, 9),
    ]


def test_disabled_service_does_not_sample() -> None:
    tap = Tap({1: Bundle(log_period=1)}).run().wait(2)
    admin = Host(tap.device)
    admin.login()
    assert admin.post("/1024//75", b"\x01").code == 0
    tap.wait(5)
    assert tap.host.get("/1031//10").code == 0x87
    assert admin.post("/1024//75", b"\x00").code == 0
    tap.wait(2)
    assert [at for at, _, _ in tap.taken()] == [1, 2, 8, 9]


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


# --- how much


def small(capacity: int, **options: bool) -> Tap:
    return Tap({1: Bundle(log_period=1)}, DataLogOption(**options), settings={"data_log.max_packet_count": capacity})


def test_full_log_stops() -> None:
    tap = small(3).run().wait(3)
    assert (tap.running, tap.count) == (True, 3)
    tap.wait(1)
    assert (tap.running, tap.count) == (False, 3)
    assert [at for at, _, _ in tap.taken()] == [1, 2, 3]
    tap.run().wait(1)
    assert [at for at, _, _ in tap.taken()] == [5]


def test_rolling_log_drops_the_oldest() -> None:
    tap = small(3, rolling_mode=True).run().wait(10)
    assert (tap.running, tap.count) == (True, 3)
    packets = [tap.dequeue() for _ in range(3)]
    assert [packet.header.packet_id for packet in packets] == [7, 8, 9]
    assert [said(packet)[0] for packet in packets] == [8, 9, 10]


@pytest.mark.parametrize("rolling", [False, True])
def test_log_without_capacity_stops(rolling: bool) -> None:
    tap = small(0, rolling_mode=rolling).run().wait(2)
    assert (tap.running, tap.count) == (False, 0)


def test_capacity_belongs_to_the_hardware() -> None:
    host = Tap({}).host
    assert host.get("/1024//23").body.hex() == "02bc"
    assert host.put("/1024//23", b"\0\1").code == 0x85


def test_empty_log_answers_84() -> None:
    tap = Tap({1: Bundle(log_period=1)}).run().wait(1)
    tap.dequeue()
    assert tap.host.get("/1031//11").code == 0x84
    assert tap.host.get("/1031//11").code == 0x84


def test_flush_while_running() -> None:
    tap = Tap({1: Bundle(log_period=1)}).run().wait(3)
    assert tap.host.post("/1031//4").code == 0
    assert (tap.count, tap.running) == (0, True)
    assert tap.host.get("/1031//11").code == 0x84
    tap.wait(1)
    assert tap.dequeue().header.packet_id == 3


# --- what survives


def test_packets_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "tap.sqlite"
    seen: list[int] = []
    for _ in range(3):
        store = SqliteStore(file, SERIAL)
        tap = Tap({1: Bundle(log_period=1)}, store=store)
        assert not tap.running
        tap.run().wait(12)
        seen += [tap.dequeue().header.packet_id for _ in range(7)]
        store.close()
    assert seen == list(range(21)), "oldest first, none twice, none lost"


def test_taken_packet_does_not_come_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "tap.sqlite", SERIAL)
    tap = Tap({1: Bundle(log_period=1)}, store=store).run().wait(2)
    tap.taken()
    store.close()
    store = SqliteStore(tmp_path / "tap.sqlite", SERIAL)
    assert Tap({1: Bundle(log_period=1)}, store=store).count == 0
    store.close()


def test_reboot_stops_the_log_and_keeps_its_packets() -> None:
    tap = Tap({1: Bundle(log_period=1)}).run().wait(2)
    admin = Host(tap.device)
    admin.login()
    assert admin.post("/3//4").code == 0
    tap.wait(5)
    tap.host = Host(tap.device)
    tap.host.login("tech")
    assert (tap.running, tap.count) == (False, 2)


def test_autorun_starts_with_the_tap() -> None:
    tap = Tap({1: Bundle(log_period=2)}, DataLogOption(autorun=True)).wait(4)
    assert (tap.running, tap.count) == (True, 2)
    assert tap.dequeue().header.sender_id == 0
    tap.host.post("/1031//1")
    admin = Host(tap.device)
    admin.login()
    assert admin.post("/3//4").code == 0
    tap.wait(2)
    tap.host = Host(tap.device)
    tap.host.login("tech")
    assert (tap.running, tap.count) == (True, 2)


def test_factory_reset_empties_the_log() -> None:
    tap = Tap({1: Bundle(log_period=1)}, DataLogOption(autorun=True)).wait(3)
    admin = Host(tap.device)
    admin.login()
    assert admin.post("/3//5").code == 0
    assert admin.get("/1031//10").body == b"\0\0"
    assert admin.get("/1031//2").body == b"\0\0"
    tap.wait(3)
    assert admin.get("/1031//11").code == 0x84


class Disk(MemoryStore):
    """Is full from some write on."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, changes: object, erase: bool) -> None:
        self.room -= 1
        if self.room < 0:
            raise StoreError("disk full")


def test_packets_that_cannot_be_kept_stop_the_log() -> None:
    disk = Disk(2)
    tap = Tap({1: Bundle(log_period=1), 2: Bundle(log_period=1)}, store=disk).run().wait(5)
    assert (tap.running, tap.count) == (False, 4)
    assert tap.host.get("/1031//11").code == 0xA4
    assert tap.host.post("/1031//4").code == 0xA4
    assert tap.count == 4, "what could not be removed is still there"
    disk.room = 100
    assert [tap.dequeue().header.packet_id for _ in range(4)] == [0, 1, 2, 3]
    tap.run().wait(1)
    assert tap.dequeue().header.packet_id == 4


# --- who, and any bytes

CALLS = [
    # method, path, body; answers to anonymous, tech, supervisor, admin
    ("GET", "/1024//23", "", (0x81, 0, 0, 0)),
    ("GET", "/1031//0", "", (0x81, 0, 0, 0)),
    ("POST", "/1031//0", "", (0x81, 0, 0, 0)),
    ("POST", "/1031//1", "", (0x81, 0, 0, 0)),
    ("GET", "/1031//2", "", (0x81, 0, 0, 0)),
    ("PUT", "/1031//2", "0001", (0x81, 0x81, 0x81, 0)),
    ("PUT", "/1031//3", "ab", (0x81, 0x81, 0x81, 0)),
    ("POST", "/1031//4", "", (0x81, 0, 0, 0)),
    ("GET", "/1031//10", "", (0x81, 0, 0, 0)),
    ("GET", "/1031//11", "", (0x81, 0x84, 0x84, 0x84)),
]


@pytest.mark.parametrize(("method", "path", "body", "codes"), CALLS, ids=[f"{call[0]} {call[1]}" for call in CALLS])
def test_who_may(method: str, path: str, body: str, codes: tuple[int, ...]) -> None:
    for user, code in zip(("anonymous", "tech", "supervisor", "admin"), codes, strict=True):
        host = Host(Tap({}).device)
        if user != "anonymous":
            host.login(user)
        assert host.ask(method, path, bytes.fromhex(body)).code == code


OPTIONS = [
    (DataLogOption(autorun=True), "0001"),
    (DataLogOption(security=True, qos=True, log_on_change=True, rolling_mode=True, autorun=True), "0307"),
    (DataLogOption(security=True), "0200"),
    (DataLogOption(qos=True), "0100"),
    (DataLogOption(log_on_change=True), "0004"),
    (DataLogOption(rolling_mode=True), "0002"),
    (DataLogOption(), "0000"),
]


@pytest.mark.parametrize(("options", "data"), OPTIONS)
def test_options_of_the_vendor_in_both_directions(options: DataLogOption, data: str) -> None:
    assert DATA_LOG_OPTION.encode(options).hex() == data
    assert DATA_LOG_OPTION.decode(bytes.fromhex(data)) == options
    admin = Host(Tap({}).device)
    admin.login()
    assert admin.put("/1031//2", bytes.fromhex(data)).code == 0
    assert admin.get("/1031//2").body.hex() == data


def test_options_have_two_bytes() -> None:
    for damaged in ("", "00", "000000"):
        with pytest.raises(BodyError):
            DATA_LOG_OPTION.decode(bytes.fromhex(damaged))
    with pytest.raises(UsageError):
        DATA_LOG_OPTION.encode(None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shared() -> Host:
    host = Host(Tap({1: Bundle(log_period=1)}).device)
    host.login()
    return host


@pytest.mark.parametrize(("method", "path"), [(call[0], call[1]) for call in CALLS])
@given(body=st.binary(min_size=1, max_size=80))
def test_any_body_is_answered(shared: Host, method: str, path: str, body: bytes) -> None:
    assert shared.ask(method, path, body).code in (0, 0x80, 0x84, 0x86)


def test_largest_tap_is_sampled_in_one_pass() -> None:
    """1024 bundles that are all due at once: each variable is read once."""
    bundles = {number: Bundle(log_period=1) for number in range(Rules().max_instances)}
    variables = {number: Variable(BYTE, bundle=number) for number in bundles}
    tap = Tap(bundles, variables=variables, values={}, settings={"data_log.max_packet_count": 65535})
    reads = 0
    read = tap.device.variables.reader()

    def counted(variable_id: int, variable: Variable) -> bytes:
        nonlocal reads
        reads += 1
        return read(variable_id, variable)

    tap.device.variables.reader = lambda: counted  # type: ignore[method-assign]
    tap.run().wait(1)
    assert reads == tap.count == len(bundles)


def test_bundle_rights_do_not_matter_to_the_log() -> None:
    """The log is read as a whole by whoever is logged in."""
    tap = Tap({1: Bundle(rights={TECH: Rights.NONE}, log_period=1)}).run().wait(1)
    assert tap.taken() == [(1, 1, ALL)]

"""Snapshots: what a Tap remembers, given back; with times that stay right, and sessions that go on."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from emulator import remembered, snapshots
from emulator.blueprint import Bundle, Group, Simulation, Variable
from emulator.clock import VirtualClock
from emulator.device import Device
from emulator.effects import Close, Effect
from emulator.remembered import Remembered
from emulator.signals import Ramp
from emulator.state import MemoryStore, StoreError
from emulator.storage import SqliteStore
from emulator.targets.spec import ModbusSlave, S3pVariable, SerialSpec, TargetFault, TargetSpec
from protocol.bodies.data_log import DataLogOption
from protocol.bodies.single_packet import SinglePacketChunk
from protocol.bodies.tapnpass import AdpCommand, AdpControlIn
from protocol.bodies.target import GPIO_FORMAT
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import ResultCode
from protocol.errors import PeerError
from protocol.firmware import Version
from tests.contents import contents
from tests.hosts import HOST_INACTIVITY, Host, make_device

APP_NAME = "/1024//9"
SERIAL = "IoTize00410000009B"
BYTE = VariableType(Domain.TARGET, DataType.UINT8)
STORED = VariableType(Domain.IN_TAP_STATIC, DataType.UINT8)
VOLATILE = VariableType(Domain.IN_TAP_VOLATILE, DataType.UINT8)
TARGET = TargetSpec(
    auto_connect=True,
    modbus=(ModbusSlave(1),),
    s3p=(S3pVariable(1, 1),),
    serial=SerialSpec(mode="loopback"),
    faults=(TargetFault(ResultCode.TARGET_PROTOCOL_ERROR, operation="reset", skip=1),),
)


class Tap:
    """A Tap with everything that can be remembered, and a host that is logged in."""

    def __init__(self, **changes: Any) -> None:
        parts: dict[str, Any] = {
            "bundles": {1: Bundle("b", log_period=1)},
            "variables": {
                1: Variable(BYTE, bundle=1, address=0x2000_0000),
                2: Variable(STORED, bundle=1),
                3: Variable(VOLATILE, bundle=1),
                4: Variable(VOLATILE, bundle=1),
            },
            "simulations": {4: Simulation(Ramp(0, 200, 200))},
            "target": TARGET,
            "settings": {"data_log.options": DataLogOption(autorun=True), HOST_INACTIVITY: 0},
            "groups": {5: Group("tech", b"tech", 5, lifetime=60)},
            "reboot_time": 10.0,
        }
        self.device: Device
        self.clock: VirtualClock
        self.device, self.clock = make_device(**(parts | changes))
        self.host = Host(self.device)
        self.host.login()
        self.device.target.connect()

    def write(self, variable_id: int, value: bytes) -> None:
        self.device.variables.write(variable_id, self.device.state.variables[variable_id], value)
        self.device.state.commit()

    def read(self, variable_id: int) -> bytes:
        return self.device.variables.read(variable_id, self.device.state.variables[variable_id])

    def tick(self, seconds: float) -> list[Effect]:
        self.clock.advance(seconds)
        return self.device.tick()


def fail_to_reset(tap: Tap) -> None:
    tap.device.target.reset(hold=False)
    with pytest.raises(PeerError):
        tap.device.target.reset(hold=False)


CHANGES: dict[str, Callable[[Tap], object]] = {
    "setting": lambda tap: tap.host.secret("PUT", APP_NAME, b"Other"),
    "posted setting": lambda tap: tap.device.state.post("interface.app_name", "Other"),
    "group": lambda tap: tap.device.state.keep("group", 7, Group("new", None, 7)),
    "removed group": lambda tap: tap.device.state.remove("group", 5),
    "factory reset": lambda tap: tap.device.state.factory_reset(),
    "stored value": lambda tap: tap.write(2, b"\x07"),
    "posted value": lambda tap: tap.write(3, b"\x07"),
    "value on the target": lambda tap: tap.write(1, b"\x07"),
    "value of a signal": lambda tap: tap.write(4, b"\x07"),
    "log packets": lambda tap: tap.device.data_log._log([1], 0.0),
    "log stopped": lambda tap: tap.device.data_log.stop(),
    "another login": lambda tap: tap.host.login("supervisor"),
    "logout": lambda tap: tap.device.connections.__next__().session.log_out(),
    "no encryption": lambda tap: tap.device.connections.__next__().session.stop_encryption(),
    "failed login": lambda tap: tap.device.lockout.fail(0.0),
    "packet store": lambda tap: tap.device.packet_store.write(SinglePacketChunk(0, b"1234")),
    "time": lambda tap: setattr(tap.device, "time_offset", 5),
    "pairing": lambda tap: setattr(tap.device, "paired", True),
    "firmware": lambda tap: tap.device.change_firmware(Version(1, 80)),
    "target left": lambda tap: tap.device.target.disconnect(),
    "core register": lambda tap: tap.device.target.write_core(1, 5),
    "debug register": lambda tap: tap.device.target.write_debug(8, 5),
    "pins": lambda tap: tap.device.target.write(1, 1, GPIO_FORMAT, b"\x01"),
    "adapter": lambda tap: tap.device.target.adapter.execute(AdpControlIn(AdpCommand.ZIP)),
    "fault": fail_to_reset,
    "modbus": lambda tap: tap.device.target._bus.poke(1, 3, 0, [5]),  # type: ignore[attr-defined]
    "s3p": lambda tap: tap.device.target._firmware.poke(1, [5]),  # type: ignore[attr-defined]
    "serial line": lambda tap: tap.device.target._line.send(b"1", 0.0),  # type: ignore[attr-defined]
    "randomness": lambda tap: tap.device.entropy.token(1),
    "half a request": lambda tap: tap.host.exchange(b"\xa2\xca"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_restore_takes_back(change: Callable[[Tap], object]) -> None:
    tap = Tap()
    snapshot = tap.device.snapshot()
    before, text = contents(snapshot), repr(contents(snapshot))
    for _ in range(2):  # a snapshot does not wear out
        change(tap)
        tap.device.state.commit()
        assert repr(contents(snapshot)) == text, "the snapshot has followed the Tap"
        assert contents(tap.device.snapshot()) != before
        assert tap.device.restore(snapshot) == []
        assert contents(tap.device.snapshot()) == before


def test_records_come_back_in_their_order() -> None:
    tap = Tap()
    snapshot, state = tap.device.snapshot(), tap.device.state
    order = list(state.groups)
    first, group = next(iter(state.groups.items()))
    state.remove("group", first)
    state.keep("group", first, group)
    state.commit()
    assert list(state.groups) != order
    tap.device.restore(snapshot)
    assert list(state.groups) == order


def test_the_same_numbers_follow() -> None:
    tap = Tap()
    snapshot = tap.device.snapshot()
    first = [tap.device.entropy.token(8) for _ in range(3)]
    tap.device.restore(snapshot)
    assert [tap.device.entropy.token(8) for _ in range(3)] == first


def test_an_encrypted_session_goes_on_where_it_was() -> None:
    tap = Tap()
    host = tap.host
    assert host.secret("GET", "/3//2").success
    snapshot, counter, cipher = tap.device.snapshot(), host.counter, host.cipher
    host.login("supervisor")
    assert host.secret("GET", "/3//2").success
    tap.device.restore(snapshot)
    host.counter, host.cipher = counter, cipher
    assert host.secret("PUT", APP_NAME, b"Again").success


def test_connections_that_came_since_are_closed_and_closed_ones_stay_so() -> None:
    tap = Tap()
    older = Host(tap.device)
    snapshot = tap.device.snapshot()
    tap.device.disconnect(tap.host.connection)
    newer = Host(tap.device)
    effects = tap.device.restore(snapshot)
    assert [each.connection for each in effects if isinstance(each, Close)] == [newer.connection]
    assert list(tap.device.connections) == [older.connection]
    assert not newer.connection.open
    assert older.get("/3//2").success
    assert Host(tap.device).connection.id > newer.connection.id


def test_half_a_request_is_completed_after_the_restore() -> None:
    tap = Tap()
    request = bytes.fromhex("a2ca000007010003ffff0002")
    tap.host.exchange(request[:5])
    tap.clock.advance(2)
    snapshot = tap.device.snapshot()
    assert tap.host.exchange(request[5:]).startswith(b"\x00IoTize")
    tap.clock.advance(100)
    tap.device.restore(snapshot)
    assert not [each for each in tap.tick(2.5) if isinstance(each, Close)]
    assert tap.host.exchange(request[5:]).startswith(b"\x00IoTize")
    tap.device.restore(snapshot)
    tap.clock.advance(3)
    assert [each.connection for each in tap.device.tick() if isinstance(each, Close)] == [tap.host.connection]


PASSED = 1000.0
"""Seconds between a snapshot and its restore."""


def restored_later(tap: Tap) -> None:
    snapshot = tap.device.snapshot()
    tap.clock.advance(PASSED)
    tap.device.tick()
    tap.device.restore(snapshot)


def test_a_login_has_as_much_time_left() -> None:
    tap = Tap()
    host = Host(tap.device)
    host.login("tech")
    tap.clock.advance(50)
    restored_later(tap)
    tap.clock.advance(9)
    assert host.group_id == 5
    tap.device.restore(tap.device.snapshot())
    tap.clock.advance(60)
    assert host.group_id == 0


def test_a_lock_out_has_as_much_time_left() -> None:
    tap = Tap()
    for _ in range(3):
        tap.device.lockout.fail(tap.clock.now())
    tap.clock.advance(20)
    restored_later(tap)
    assert tap.device.lockout.remaining(tap.clock.now()) == 40


def test_signals_and_the_log_go_on_where_they_were() -> None:
    tap = Tap()
    tap.tick(7)
    tap.clock.advance(0.25)
    deadline = tap.device.next_deadline()
    assert deadline is not None
    left, value, packets = deadline - tap.clock.now(), tap.read(4), dict(tap.device.state.packets)
    restored_later(tap)
    assert tap.device.next_deadline() == tap.clock.now() + left
    assert tap.read(4) == value == b"\x07"
    assert tap.device.state.packets == packets


def test_a_reboot_is_undone() -> None:
    tap = Tap()
    snapshot = tap.device.snapshot()
    tap.host.secret("GET", "/3//4")
    tap.device.reboot_after_answer()
    tap.host.get("/3//2")
    assert tap.host.rebooted
    tap.device.restore(snapshot)
    assert Host(tap.device).get("/3//2").success


def test_the_session_of_a_tap_with_a_single_host() -> None:
    tap = Tap(hosts="single")
    snapshot = tap.device.snapshot()
    tap.device.reboot_after_answer()
    tap.host.get("/3//2")
    tap.device.restore(snapshot)
    assert Host(tap.device).group_id == 65535


def test_a_session_on_new_connections() -> None:
    tap = Tap()
    snapshot, counter = tap.device.snapshot(), tap.host.counter
    for host in [Host(tap.device) for _ in range(3)]:
        snapshots.adopt(host.connection, snapshot, tap.host.connection.id)
        host.cipher, host.counter = tap.host.cipher, counter
        assert host.secret("PUT", APP_NAME, b"Adopted").success
    with pytest.raises(ValueError, match=r"no connection 99, expected one of: 1$"):
        snapshots.adopt(tap.host.connection, snapshot, 99)


def test_a_snapshot_of_another_tap_is_refused() -> None:
    with pytest.raises(ValueError, match="another Tap"):
        Tap().device.restore(Tap().device.snapshot())


def test_the_state_file_follows(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "tap.db", SERIAL)
    tap = Tap(store=store)
    tap.host.secret("PUT", APP_NAME, b"First")
    snapshot = tap.device.snapshot()
    tap.device.state.factory_reset()
    tap.device.state.commit()
    tap.device.restore(snapshot)
    store.close()
    with closing(SqliteStore(tmp_path / "tap.db", SERIAL)) as reopened:
        again = Tap(store=reopened).device.state
        assert again["interface.app_name"] == "First"
        assert again.groups == tap.device.state.groups


def test_nothing_changes_where_the_store_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    tap = Tap(store=store)
    snapshot = tap.device.snapshot()
    tap.write(2, b"\x07")
    newer = Host(tap.device)
    before = contents(tap.device.snapshot())

    def fail(changes: object, erase: bool) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(store, "write", fail)
    with pytest.raises(StoreError):
        tap.device.restore(snapshot)
    assert contents(tap.device.snapshot()) == before
    assert newer.connection.open


def attributes(thing: object) -> set[str]:
    slots = {name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())}
    return slots or set(vars(thing))


def remembering(thing: Remembered) -> Iterator[Remembered]:
    yield thing
    for name in thing.PARTS:
        part = getattr(thing, name)
        assert isinstance(part, Remembered), name
        yield from remembering(part)


def test_every_attribute_is_kept_or_said_to_stay() -> None:
    device, connection = (tap := Tap()).device, tap.host.connection
    names = [name for name in snapshots.DEVICE_PARTS if name != "director"]
    parts = [each for name in names for each in remembering(getattr(device, name))]
    for part in [*parts, connection.session]:
        declared = [*part.KEPT, *part.PARTS, *part.FIXED]
        assert sorted(declared) == sorted(attributes(part)), type(part)
    assert {
        *snapshots.DEVICE_KEPT,
        *snapshots.DEVICE_PARTS,
        *snapshots.DEVICE_LISTS,
        *snapshots.DEVICE_FIXED,
    } == attributes(device)
    assert {*snapshots.CONNECTION_KEPT, *snapshots.CONNECTION_FIXED} == attributes(connection)
    assert {*snapshots.READER_KEPT} == attributes(connection.reader)


class _Counter(Remembered):
    KEPT = remembered.kept(count=remembered.value)

    def __init__(self) -> None:
        self.count = 0


def test_whoever_directs_the_tap_may_take_part() -> None:
    tap = Tap()
    director: Any = _Counter()
    tap.device.director = director
    snapshot = tap.device.snapshot()
    director.count = 5
    tap.device.restore(snapshot)
    assert director.count == 0

"""The life of a Tap: connections, reboot, factory reset, configuration mode, time-outs (D4, D11, D12, D15, D16)."""

from collections.abc import Mapping
from typing import Any

import pytest

from emulator.blueprint import Group
from emulator.device import RefusedConnectionError
from emulator.effects import Close, Send
from emulator.state import Key, StoreError
from protocol.codes import HostProtocol
from protocol.firmware import Version
from tests.hosts import Host, make_device

SERIAL_REQUEST = bytes.fromhex("a2ca000007010003ffff0002")


def test_requests_in_one_segment_are_answered_in_order_each_in_one_write() -> None:
    host = Host(make_device()[0])
    host.exchange(SERIAL_REQUEST + bytes.fromhex("a1ca000000") + bytes.fromhex("a2ca000007010400ffff0007"))
    sent = [effect.data for effect in host.effects if isinstance(effect, Send)]
    assert [data.hex() for data in sent] == ["00" + b"IoTize00410000009B".hex() + "9000", "6e00", "0000009000"]


def test_pairing_command() -> None:
    assert Host(make_device()[0]).exchange(bytes.fromhex("00a4040007f0024c774d324d9000")).hex() == "9000"


def test_partial_request_closes_the_connection() -> None:
    device, clock = make_device()
    host = Host(device)
    host.exchange(SERIAL_REQUEST[:4])
    assert device.next_deadline() == 5.0
    clock.advance(4.9)
    assert device.tick() == []
    clock.advance(0.2)
    (effect,) = device.tick()
    assert isinstance(effect, Close)
    assert effect.connection is host.connection
    assert device.next_deadline() is None


def test_slow_request_that_completes_is_served() -> None:
    device, clock = make_device()
    host = Host(device)
    for byte in SERIAL_REQUEST[:-1]:
        assert host.exchange(bytes((byte,))) == b""
        clock.advance(0.4)
    assert host.exchange(SERIAL_REQUEST[-1:]).endswith(b"\x90\x00")
    host.exchange(SERIAL_REQUEST[:3])
    clock.advance(1)
    assert device.tick() == [], "the time of the first request does not count for the second"


def test_connections_are_limited_per_link() -> None:
    device, _ = make_device(max_connections=2)
    first = Host(device)
    Host(device)
    with pytest.raises(RefusedConnectionError, match="2 connections"):
        Host(device)
    Host(device, link="tcp://127.0.0.1:3000")
    device.disconnect(first.connection)
    Host(device)


def test_many_hosts_have_sessions_of_their_own() -> None:
    device, _ = make_device()
    first, second = Host(device), Host(device)
    first.login()
    assert (first.group_id, second.group_id) == (0xFFFF, 0)


def test_single_host_keeps_its_session_over_a_change_of_link() -> None:
    device, clock = make_device(hosts="single")
    first = Host(device)
    first.login()
    second = Host(device, link="pty:tap", protocol=HostProtocol.UART)
    assert second.get("/3//2").code == 0xA8
    device.disconnect(first.connection)
    assert second.group_id == 0xFFFF
    assert second.get("/1024//3").body.hex() == "0100"
    clock.advance(301)
    assert second.group_id == 0


def test_reboot() -> None:
    device, clock = make_device()
    host, other = Host(device), Host(device)
    host.login()
    assert host.secret("POST", "/3//4").success
    assert host.rebooted
    assert {effect.connection for effect in host.effects if isinstance(effect, Close)} == {
        host.connection,
        other.connection,
    }
    with pytest.raises(RefusedConnectionError, match="rebooting"):
        Host(device)
    clock.advance(1)
    assert Host(device).group_id == 0


def test_reboot_ends_the_session_of_a_single_host() -> None:
    device, clock = make_device(hosts="single")
    host = Host(device)
    host.login()
    assert host.secret("POST", "/3//4").success
    clock.advance(1)
    assert Host(device).group_id == 0


def test_posted_values_end_with_a_reboot() -> None:
    device, clock = make_device()
    host = Host(device)
    host.login()
    assert host.secret("POST", "/3//14", bytes.fromhex("0000002a")).success
    assert host.get("/3//14").body.hex() == "0000002a"
    host.secret("POST", "/3//4")
    clock.advance(1)
    assert Host(device).get("/3//14").body.hex() == "00000000"


def test_clock_is_set_and_runs_on_over_a_reboot() -> None:
    device, clock = make_device()
    host = Host(device)
    host.login()
    assert host.secret("PUT", "/3//13", (1_600_000_000).to_bytes(4, "big")).success
    clock.advance(5)
    assert host.get("/3//13").body == b"1600000005"
    host.secret("POST", "/3//4")
    clock.advance(5)
    assert Host(device).get("/3//13").body == b"1600000010"


def test_factory_reset() -> None:
    device, _ = make_device(groups={1: Group("tech", b"tech", alias=1)}, settings={"interface.app_name": "Mine"})
    host = Host(device)
    host.login()
    assert host.secret("POST", "/3//5").success
    assert host.secret("GET", "/1024//7").body.hex() == "ffff", "key and login of the open session stay"
    after = {path: host.get(path).body.hex() for path in ("/1024//6", "/1024//10", "/1024//9", "/3//2")}
    assert after == {
        "/1024//6": "0000",
        "/1024//10": "00000000",
        "/1024//9": b"TAP".hex(),
        "/3//2": b"IoTize00410000009B".hex(),
    }
    assert host.get("/1025/1/0").code == 0x84
    fresh = Host(device)
    assert fresh.put("/1024//9", b"anyone").success, "in factory state everybody may write"
    assert fresh.put("/1024//10", bytes.fromhex("ffffffff")).success
    assert fresh.post("/1025/7/65535").success, "configuration mode entered from factory state is open too"
    assert fresh.put("/1024//10", bytes.fromhex("01000000")).success
    assert fresh.put("/1024//9", b"locked").code == 0x81
    assert fresh.post("/1024//0", b"admin".ljust(16, b"\0") + b"admin".ljust(16, b"\0")).success


def test_factory_reset_can_be_disabled() -> None:
    host = Host(make_device()[0])
    host.login()
    assert host.secret("PUT", "/1024//6", bytes.fromhex("0019")).success
    assert host.secret("POST", "/3//5").code == 0x87


def test_version_zero_restores_the_factory_state() -> None:
    host = Host(make_device()[0])
    host.login()
    assert host.secret("PUT", "/1024//10", bytes(4)).success
    assert Host(host.device).put("/1024//9", b"x").success


def test_configured_tap_is_not_opened_by_configuration_mode() -> None:
    host = Host(make_device()[0])
    host.login()
    assert host.secret("PUT", "/1024//10", bytes.fromhex("ffffffff")).success
    assert Host(host.device).put("/1024//9", b"x").code == 0x81


class BrokenStore:
    def load(self) -> Mapping[Key, Any]:
        return {}

    def write(self, changes: object, erase: bool) -> None:
        raise StoreError("disk full")


def test_write_that_cannot_be_kept_is_refused_and_undone() -> None:
    host = Host(make_device(store=BrokenStore())[0])
    host.login()
    assert host.secret("PUT", "/1024//9", b"x").code == 0xA4
    assert host.get("/1024//9").body == b"Virtual Tap"
    assert host.secret("POST", "/3//5").code == 0xA4
    assert host.get("/1024//10").body.hex() == "01000000"
    assert host.secret("POST", "/3//14", bytes(4)).success, "a value until reboot needs no store"


def test_refused_answer_undoes_what_its_handler_changed() -> None:
    device, _ = make_device(max_response=0, settings={"interface.config_version": Version(0)})
    host = Host(device)
    assert host.put("/1024//9", b"x").code == 0xA0
    assert device.state["interface.app_name"] == "Virtual Tap"


def test_seed_makes_a_run_reproducible() -> None:
    keys = [Host(make_device(seed=seed)[0]).get("/1024//47").body for seed in (5, 5, 6)]
    assert keys[0] == keys[1] != keys[2]


def test_firmware_version_text() -> None:
    assert Host(make_device(firmware="1.85")[0]).get("/3//3").body == b"1.85.0"
    assert make_device()[0].firmware == Version(1, 113)

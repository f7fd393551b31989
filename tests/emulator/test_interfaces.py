"""Several hosts on several interfaces: who is served, who has to wait, who is sent away, and what each is told."""

import pytest

from emulator.effects import Close
from emulator.links.memory import register
from emulator.services.binding import Handler
from protocol.bodies.interface import NfcConnectionPriority
from protocol.client.blocking import Tap
from protocol.client.links import LinkError, unregister_memory_peer
from protocol.codes import HostProtocol
from protocol.resources.registry import Entry
from tests.emulator.people import PAIRING
from tests.hosts import HOST_INACTIVITY, Host, make_device

NFC, WIFI, BLE, UART = HostProtocol.NFC, HostProtocol.WIFI, HostProtocol.BLE, HostProtocol.UART
NFC_PRIORITY = {"interface.nfc_connection_priority": NfcConnectionPriority.NFC_PRIORITY}


# What a host is told about its own interface


def test_each_host_is_told_its_own_interface() -> None:
    device, _ = make_device()
    hosts = {protocol: Host(device, protocol=protocol) for protocol in (WIFI, UART, HostProtocol.MQTT, NFC)}
    assert {protocol: int.from_bytes(host.get("/1024//3").body, "big") for protocol, host in hosts.items()} == {
        protocol: protocol.value for protocol in hosts
    }


def test_available_interfaces_are_those_that_are_served() -> None:
    device, _ = make_device()
    assert Host(device, protocol=BLE).get("/1024//21").body == BLE.to_bytes(2, "big")
    device.host_protocols = WIFI | UART
    assert Host(device).get("/1024//21").body == (WIFI | UART).to_bytes(2, "big")


def test_file_may_add_interfaces_that_nobody_can_reach() -> None:
    device, _ = make_device(settings={"interface.available_host_protocols": NFC | BLE})
    assert Host(device).get("/1024//21").body == (NFC | BLE | WIFI).to_bytes(2, "big")


def test_frame_size_of_a_link() -> None:
    device, _ = make_device()
    narrow, wide = Host(device), Host(device)
    narrow.connection = device.connect("pty:narrow", UART, 40, 20)
    assert narrow.get("/1024//88").body.hex() == "00280014"
    assert wide.get("/1024//88").body.hex() == "00fa00fa"
    name = b"x" * 19
    wide.login()
    assert wide.secret("PUT", "/1024//11", name).success
    assert narrow.get("/1024//11").body == name, "20 bytes with the result code"
    assert wide.secret("PUT", "/1024//11", name + b"x").success
    assert narrow.get("/1024//11").code == 0xA0
    assert wide.get("/1024//11").success
    assert narrow.exchange(bytes.fromhex("a2da000029") + bytes(41)) == b"\x67\x00"


def test_limit_of_a_link_leaves_the_other_limit_to_the_rules() -> None:
    device, _ = make_device(max_request=200, max_response=100)
    host = Host(device)
    host.connection = device.connect("pty:narrow", UART, max_request=40)
    assert host.get("/1024//88").body.hex() == "00280064"
    host.connection = device.connect("pty:narrow", UART, max_response=40)
    assert host.get("/1024//88").body.hex() == "00c80028"


# One host at a time


def test_host_that_waits_is_served_when_the_other_has_gone() -> None:
    device, _ = make_device(hosts="single")
    first, second, third = Host(device), Host(device), Host(device, "ws://x", HostProtocol.WEBSOCKET)
    assert [host.get("/3//2").code for host in (first, second, third)] == [0x00, 0xA8, 0xA8]
    device.disconnect(first.connection)
    assert [host.get("/3//2").code for host in (third, second)] == [0xA8, 0x00]


def test_encrypted_session_goes_on_over_another_link() -> None:
    device, _ = make_device(hosts="single")
    nfc, ble = Host(device, "nfc:", NFC), Host(device, "ble:", BLE)
    nfc.login()
    assert nfc.secret("GET", "/1024//7").body == b"\xff\xff"
    device.disconnect(nfc.connection)
    ble.cipher, ble.counter = nfc.cipher, nfc.counter
    assert ble.secret("GET", "/1024//7").body == b"\xff\xff"
    assert ble.secret("GET", "/1024//3").body == BLE.to_bytes(2, "big")


def test_host_that_waits_does_not_keep_the_session_alive() -> None:
    device, clock = make_device(hosts="single")
    first, second = Host(device), Host(device)
    first.login()
    for _ in range(4):
        clock.advance(100)
        assert second.get("/3//2").code == 0xA8
    assert first.group_id == 0


PRIORITY = [
    # interface of the host that is there, of the one that comes, NFC has priority, who is served
    (BLE, NFC, True, "second"),
    (WIFI, NFC, True, "second"),
    (BLE, NFC, False, "first"),
    (NFC, NFC, True, "first"),
    (NFC, BLE, True, "first"),
    (BLE, WIFI, True, "first"),
]


@pytest.mark.parametrize(("there", "comes", "priority", "served"), PRIORITY)
def test_nfc_with_priority_takes_over(there: HostProtocol, comes: HostProtocol, priority: bool, served: str) -> None:
    device, _ = make_device(hosts="single", settings=NFC_PRIORITY if priority else {})
    first, bystander, second = Host(device, "a:", there), Host(device, "b:", there), Host(device, "c:", comes)
    first.login()
    answer = second.get("/1024//7")
    if served == "first":
        assert (answer.code, second.effects[1:]) == (0xA8, [])
        assert first.group_id == 0xFFFF
        return
    assert answer.body == b"\xff\xff", "the session belongs to the Tap"
    assert [effect.connection for effect in second.effects if isinstance(effect, Close)] == [
        first.connection,
        bystander.connection,
    ]
    again = Host(device, "a:", there)
    assert again.get("/3//2").code == 0xA8
    device.disconnect(second.connection)
    assert again.get("/3//2").success


def test_nfc_that_is_not_authorised_takes_nothing_over() -> None:
    device, _ = make_device(hosts="single", settings={**NFC_PRIORITY, "interface.authorized_host_protocol": WIFI})
    wifi, nfc = Host(device), Host(device, protocol=NFC)
    assert nfc.get("/3//2").code == 0x87
    assert wifi.get("/3//2").success


def test_multi_request_goes_on_behind_the_end_of_the_only_host() -> None:
    """Its third wrong login ends the connection, but only after the answer."""
    device, _ = make_device(hosts="single", lockout_attempts=1)
    host, waiting = Host(device), Host(device)
    items = ["0024020400ffff0005" + "00" * 29, "0007010003ffff0002"]
    body = b"".join(bytes.fromhex(item) + b"\xff" for item in items)
    assert host.get("/1024//89", body).success
    assert not host.connection.open
    assert waiting.get("/3//2").success


def test_mistake_of_ours_loses_nothing_that_had_to_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    device, _ = make_device(hosts="single", settings=NFC_PRIORITY)
    first, second = Host(device), Host(device, protocol=NFC)

    def fail(entry: Entry) -> Handler:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("emulator.device.handler_of", fail)
    with pytest.raises(RuntimeError):
        second.get("/3//2")
    assert device.abort(second.connection, "internal error") == [
        Close(first.connection, "a host on NFC goes first (/1024//24)"),
        Close(second.connection, "internal error"),
    ]
    monkeypatch.undo()
    third = Host(device)
    assert third.get("/3//2").success
    assert len(third.effects) == 1


def test_session_that_is_over_is_not_taken_over() -> None:
    device, clock = make_device(hosts="single", settings=NFC_PRIORITY)
    Host(device).login()
    clock.advance(301)
    assert Host(device, protocol=NFC).group_id == 0


def test_taking_over_keeps_the_session_alive() -> None:
    device, clock = make_device(hosts="single", settings=NFC_PRIORITY)
    Host(device).login()
    clock.advance(200)
    nfc = Host(device, protocol=NFC)
    assert nfc.group_id == 0xFFFF
    clock.advance(200)
    assert nfc.group_id == 0xFFFF


def test_nfc_has_no_priority_where_each_host_has_a_session() -> None:
    device, _ = make_device(settings=NFC_PRIORITY)
    wifi, nfc = Host(device), Host(device, protocol=NFC)
    assert nfc.get("/3//2").success
    assert wifi.get("/3//2").success


def test_pairing_counts_over_nfc_only() -> None:
    device, _ = make_device()
    wifi, nfc = Host(device), Host(device, protocol=NFC)
    assert wifi.exchange(PAIRING) == b"\x90\x00"
    assert not device.paired
    assert nfc.exchange(PAIRING) == b"\x90\x00"
    assert device.paired


# Silence


def test_silent_host_is_disconnected() -> None:
    device, clock = make_device(settings={HOST_INACTIVITY: 30})
    silent = Host(device)
    clock.advance(20)
    talker = Host(device)
    clock.advance(10)
    assert talker.get("/3//2").success
    clock.advance(1.9)
    assert device.tick() == []
    clock.advance(0.2)
    (close,) = device.tick()
    assert close == Close(silent.connection, "silent for 32 s (/1024//34)")
    assert not silent.connection.open
    assert device.next_deadline() == clock.now() - 2.1 + 32


def test_keep_alive_of_the_vendor_comes_when_the_period_is_over() -> None:
    device, clock = make_device(settings={HOST_INACTIVITY: 1})
    host = Host(device)
    for _ in range(5):
        clock.advance(1.01)
        assert device.tick() == []
        assert host.get("/1024//4").success


def test_any_byte_is_a_sign_of_life() -> None:
    device, clock = make_device(settings={HOST_INACTIVITY: 3}, partial_request_time=60)
    host = Host(device)
    for byte in bytes.fromhex("a2ca000007010003ffff0002"):
        assert device.tick() == []
        host.exchange(bytes([byte]))
        clock.advance(4)
    assert len(host.effects) == 1, "the answer"


@pytest.mark.parametrize("hosts", ["many", "single"])
def test_no_period_no_end(hosts: str) -> None:
    device, clock = make_device(settings={HOST_INACTIVITY: 0}, hosts=hosts)
    host = Host(device)
    assert device.next_deadline() is None
    clock.advance(1e9)
    assert device.tick() == []
    assert host.get("/3//2").success


def test_period_holds_as_soon_as_it_is_written() -> None:
    device, clock = make_device()
    host, other = Host(device), Host(device)
    host.login()
    clock.advance(100)
    assert host.secret("PUT", "/1024//34", b"\0\x05").success
    assert [effect.connection for effect in device.tick() if isinstance(effect, Close)] == [other.connection]
    clock.advance(7)
    assert [effect.connection for effect in device.tick() if isinstance(effect, Close)] == [host.connection]


def test_host_that_waits_is_served_when_the_silent_one_is_sent_away() -> None:
    device, clock = make_device(settings={HOST_INACTIVITY: 30}, hosts="single")
    silent, patient = Host(device), Host(device)
    for _ in range(4):
        clock.advance(10)
        device.tick()
        patient.get("/3//2")
    assert patient.get("/3//2").success
    assert not silent.connection.open


def test_client_in_memory_is_told_that_it_was_disconnected() -> None:
    device, clock = make_device(settings={HOST_INACTIVITY: 30})
    register(device, "silence")
    try:
        with Tap("mem://silence") as tap:
            clock.advance(33)
            with pytest.raises(LinkError, match="the Tap has closed the connection"):
                tap.service.device.get_serial_number()
    finally:
        unregister_memory_peer("silence")

"""What a Tap keeps shut: services switched off, interfaces not authorised, a Tap not paired."""

import pytest

from protocol.bodies.interface import NfcPairingMode
from protocol.codes import HostProtocol
from protocol.firmware import Version
from tests.emulator.people import FACTORY, USERS, admin_host, pair, reboot
from tests.hosts import Host, make_device

# Services that are switched off

DATALOG, JVM = b"\x01", b"\x02"


def test_disabled_services_are_refused_until_reboot() -> None:
    host = admin_host()
    assert host.secret("POST", "/1024//75", DATALOG).success
    assert host.secret("GET", "/1024//75").body == DATALOG
    for method, path in [("POST", "/1031//0"), ("POST", "/1031//1"), ("GET", "/1031//10"), ("POST", "/1031//4")]:
        assert host.secret(method, path).code == 0x87, path
        assert "DATALOG is disabled" in str(list(host.device.journal)[-1].reason)
    assert host.secret("GET", "/1031//2").success, "settings stay within reach"
    assert host.secret("PUT", "/1024//74", b"code").success
    assert host.secret("POST", "/1024//75", JVM).success
    assert host.secret("GET", "/1031//10").success
    assert host.secret("PUT", "/1024//74", b"code").code == 0x87
    assert host.secret("POST", "/1024//74").code == 0x87
    assert host.secret("GET", "/1024//66").success
    again = reboot(host)
    assert again.secret("GET", "/1024//75").body == b"\0"
    assert again.secret("POST", "/1024//74").success


def test_right_is_asked_for_before_the_service() -> None:
    host = admin_host()
    assert host.secret("POST", "/1024//75", DATALOG).success
    assert Host(host.device).post("/1031//4").code == 0x81


# Authorised interfaces


def test_host_on_an_interface_that_is_not_authorised_gets_nothing() -> None:
    device, _ = make_device(settings={"interface.authorized_host_protocol": HostProtocol.NFC | HostProtocol.BLE})
    host = Host(device)
    for method, path in [("GET", "/3//2"), ("GET", "/1024//47"), ("GET", "/1024//6"), ("POST", "/1024//1")]:
        assert host.ask(method, path).code == 0x87, path
        assert "WIFI is not among" in str(list(device.journal)[-1].reason)
    assert Host(device, protocol=HostProtocol.BLE).get("/3//2").success


def test_authorised_interfaces_hold_for_connections_made_from_then_on() -> None:
    """The vendor's configurator writes them in the middle of its work, and logs out at its end."""
    host = admin_host()
    assert host.secret("PUT", "/1024//17", b"\0\1").success
    assert host.secret("POST", "/1024//1").success
    assert Host(host.device).get("/3//2").code == 0x87
    nfc = Host(host.device, protocol=HostProtocol.NFC)
    nfc.login()
    assert nfc.secret("PUT", "/1024//17", b"\xff\xff").success
    assert Host(host.device).get("/3//2").success


@pytest.mark.parametrize("version", [Version(0), Version(255, 255, 65535)])
def test_every_interface_configures_a_tap(version: Version) -> None:
    settings = {"interface.authorized_host_protocol": HostProtocol.NFC, "interface.config_version": version}
    assert Host(make_device(settings=settings)[0]).get("/3//2").success


# Pairing by NFC

UNPAIRED = [
    # mode, method, path, answer before the pairing command and after it
    ("MANDATORY", "GET", "/3//2", "00 00"),
    ("MANDATORY", "GET", "/1024//6", "00 00"),
    ("MANDATORY", "GET", "/1024//47", "00 00"),
    ("MANDATORY", "POST", "/1024//1", "00 00"),
    ("MANDATORY", "GET", "/1024//40", "81 80"),
    ("MANDATORY", "GET", "/1024//41", "81 80"),
    ("MANDATORY", "POST", "/1024//5", "81 86"),
    ("MANDATORY", "POST", "/1027//3", "81 00"),
    ("MANDATORY_FOR_LOGIN", "GET", "/1024//40", "81 80"),
    ("MANDATORY_FOR_LOGIN", "POST", "/1024//5", "81 86"),
    ("MANDATORY_FOR_LOGIN", "POST", "/1027//3", "00 00"),
    ("MANDATORY_FOR_LOGIN", "POST", "/1024//1", "00 00"),
    ("NO", "GET", "/1024//40", "80 80"),
]


@pytest.mark.parametrize(("mode", "method", "path", "answers"), UNPAIRED)
def test_tap_that_has_to_be_paired(mode: str, method: str, path: str, answers: str) -> None:
    device, _ = make_device(settings={"interface.nfc_pairing_mode": NfcPairingMode[mode]})
    host = Host(device)
    before = host.ask(method, path)
    if before.code == 0x81:
        assert "paired by NFC" in str(list(device.journal)[-1].reason)
    pair(device)
    after = host.ask(method, path)
    assert f"{before.code:02x} {after.code:02x}" == answers


def test_session_of_an_unpaired_tap_writes_nothing() -> None:
    host = admin_host()
    assert host.secret("PUT", "/1024//13", b"\1").success
    assert host.secret("GET", "/3//2").success, "the carrier of encrypted requests is open"
    assert host.secret("PUT", "/1024//11", b"x").code == 0x81
    pair(host.device)
    assert host.secret("PUT", "/1024//11", b"x").success


def test_pairing_ends_with_a_reboot() -> None:
    device, clock = make_device(settings={"interface.nfc_pairing_mode": NfcPairingMode.MANDATORY_FOR_LOGIN})
    host = Host(device)
    pair(host.device)
    host.login()
    assert host.secret("POST", "/3//4").success
    clock.advance(2)
    assert Host(device).get("/1024//40").code == 0x81


def test_nfc_needs_no_pairing() -> None:
    device, _ = make_device(settings={"interface.nfc_pairing_mode": NfcPairingMode.MANDATORY})
    host = Host(device, protocol=HostProtocol.NFC)
    host.login()
    assert host.secret("PUT", "/1024//11", b"x").success


def test_configurator_may_finish_before_somebody_pairs_the_tap() -> None:
    host = Host(make_device(settings=FACTORY)[0])
    for path, body in [("10", "ffffffff"), ("13", "01"), ("15", "01"), ("6", "0000"), ("10", "01000000")]:
        assert host.put(f"/1024//{path}", bytes.fromhex(body)).success, path
    assert host.get("/1024//6").success
    assert host.post("/1024//1").success
    assert host.put("/1024//11", b"x").code == 0x81


AUTOLOG = [
    # interface, profile, group after the key is made
    (HostProtocol.NFC, 1, 1),
    (HostProtocol.NFC, 65535, 65535),
    (HostProtocol.NFC, 0, 0),
    (HostProtocol.NFC, 9, 0),
    (HostProtocol.WIFI, 1, 0),
]


@pytest.mark.parametrize(("protocol", "profile", "group_id"), AUTOLOG)
def test_encrypted_session_over_nfc_logs_in_by_itself(protocol: HostProtocol, profile: int, group_id: int) -> None:
    device, clock = make_device(groups=USERS, settings={"interface.nfc_autolog_profile_id": profile})
    host = Host(device, protocol=protocol)
    assert host.group_id == 0
    host.initialize()
    assert host.group_id == group_id
    clock.advance(301)
    assert host.group_id == 0, "it lasts as long as the profile's sessions do"


def test_key_of_a_session_that_is_logged_in_changes_nobody() -> None:
    device, _ = make_device(groups=USERS, settings={"interface.nfc_autolog_profile_id": 1})
    host = Host(device, protocol=HostProtocol.NFC)
    host.login()
    host.initialize()
    assert host.group_id == 65535

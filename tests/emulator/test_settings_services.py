"""The services that are mostly settings: ble, wifi, mqtt, cloud, lora, time, jvm, interface, and the legacy ones."""

from typing import Any

import pytest

from emulator.blueprint import Group, Quirk
from emulator.device import Device
from emulator.services.time import local_time
from protocol.bodies.interface import NfcPairingMode, SecurityOptions
from protocol.bodies.time import LOCAL_TIME, LocalTime
from protocol.codes import HostProtocol
from protocol.firmware import Version
from protocol.scram import PasswordKey, password_hash
from tests.hosts import Host, ScriptedEntropy, make_device

USERS = {
    1: Group("tech", b"tech", alias=1),
    3: Group("boss", b"boss", alias=65534),
}
PAIRING = bytes.fromhex("00a4040007f0024c774d324d9000")


def pair(device: Device) -> None:
    """A phone touches the Tap."""
    assert Host(device, "nfc:", HostProtocol.NFC).exchange(PAIRING) == b"\x90\x00"


FACTORY = {"interface.config_version": Version(0)}


def admin_host(**changes: Any) -> Host:
    host = Host(make_device(**changes)[0])
    host.login()
    return host


def reboot(host: Host) -> Host:
    """The Tap restarts; a new connection of the admin."""
    assert host.secret("POST", "/3//4").success
    host.device.clock.advance(2)  # type: ignore[attr-defined]
    again = Host(host.device)
    again.login()
    return again


ACCESS = [
    # who reads: anonymous, user, supervisor, admin
    *((f"/1024//{number}", "00 00 00 00") for number in (8, 9, 11, 18, 19, 21, 22, 34)),
    *((f"/1024//{number}", "81 00 00 00") for number in (12, 13, 14, 15, 17, 20, 24, 25, 26, 30, 31, 32, 33, 35, 36)),
    *((f"/1024//{number}", "81 00 00 00") for number in (43, 50, 51, 52, 53, 58, 59, 66, 68, 69, 73, 75, 77, 78, 79)),
    *((f"/1024//{number}", "81 00 00 00") for number in (84, 91, 95, 96, 97, 98, 99, *range(100, 106), 121)),
    *((f"/1024//{number}", "81 81 81 00") for number in (16, 54, 55, 60, 70, 90, 120)),
    *((f"/2/1024/{number}", "81 00 00 00") for number in range(4)),
    ("/1025/1/7", "81 00 00 00"),
    ("/1025/1/16", "81 00 00 00"),
    ("/3//17", "81 81 81 00"),
]


@pytest.mark.parametrize(("path", "answers"), ACCESS)
def test_who_may_read(path: str, answers: str) -> None:
    for user, expected in zip((None, "tech", "boss", "admin"), answers.split(), strict=True):
        host = Host(make_device(groups=USERS)[0])
        if user is not None:
            host.login(user)
        answer = host.secret("GET", path) if user else host.get(path)
        assert f"{answer.code:02x}" == expected, user


STORED = [
    # path, what the client writes, what it reads back
    ("/1024//8", "0002", "0002"),
    ("/1024//9", b"x".hex(), b"x".hex()),
    ("/1024//9", "41" * 32, "41" * 32),
    ("/1024//11", b"$2/http://x".hex(), b"$2/http://x".hex()),
    ("/1024//11", "41" * 128, "41" * 128),
    ("/1024//11", "", ""),
    ("/1024//12", b"cloud".hex(), b"cloud".hex()),
    ("/1024//13", "01", "01"),
    ("/1024//14", "03", "03"),
    ("/1024//15", "01", "01"),
    ("/1024//16", b"secret".hex(), b"secret".hex()),
    ("/1024//17", "0061", "0061"),
    ("/1024//17", "ffff", "ffff"),
    ("/1024//19", "41" * 128, "41" * 128),
    ("/1024//24", "00", "00"),
    ("/1024//25", "41" * 32, "41" * 32),
    ("/1024//26", "04", "04"),
    ("/1024//30", "c0a80401", "c0a80401"),
    ("/1024//31", "c0a80401", "c0a80401"),
    ("/1024//32", "ffff0000", "ffff0000"),
    ("/1024//33", "000003e8", "000003e8"),
    ("/1024//34", "3c", "003c"),
    ("/1024//34", "003c", "003c"),
    ("/1024//34", "012c", "012c"),
    ("/1024//36", "00ff00", "00ff00"),
    ("/1024//50", b"broker".hex(), b"broker".hex()),
    ("/1024//51", b"8883".hex(), b"8883".hex()),
    ("/1024//52", b"id".hex(), b"id".hex()),
    ("/1024//53", b"me".hex(), b"me".hex()),
    ("/1024//54", "", ""),
    ("/1024//55", b"net".hex(), b"net".hex()),
    ("/1024//58", b"topic".hex(), b"topic".hex()),
    ("/1024//59", b"topic".hex(), b"topic".hex()),
    ("/1024//66", "ffff", "ffff"),
    ("/1024//68", b"out".hex(), b"out".hex()),
    ("/1024//69", b"in".hex(), b"in".hex()),
    ("/1024//70", "0102", "0102"),
    ("/1024//73", "00000400", "00000400"),
    ("/1024//77", "41" * 100, "41" * 100),
    ("/1024//78", "41" * 64, "41" * 64),
    ("/1024//84", "41" * 32, "41" * 32),
    ("/1024//90", "11" * 32, "11" * 32),
    ("/1024//91", "90", "90"),
    ("/1024//95", "00fa", "00fa"),
    ("/1024//96", "01", "01"),
    ("/1024//96", "02", "02"),
    ("/1024//96", "03", "02"),
    ("/1024//96", "07", "04"),
    ("/1024//97", "fb", "fb"),
    ("/1024//98", "02", "02"),
    ("/1024//99", "01", "01"),
    ("/1024//105", "0007", "0007"),
    ("/2/1024/2", "1701", "1701"),
    ("/2/1024/3", "00000001", "0001"),
]


@pytest.mark.parametrize(("path", "written", "read"), STORED)
def test_setting_is_written_by_the_admin_only_and_survives_a_reboot(path: str, written: str, read: str) -> None:
    body = bytes.fromhex(written)
    user = Host(make_device(groups=USERS)[0])
    user.login("tech")
    assert user.secret("PUT", path, body).code == 0x81
    host = admin_host()
    pair(host.device)
    assert host.secret("PUT", path, body).code == 0x00
    assert host.secret("GET", path).body.hex() == read
    if path != "/1024//13":  # a pairing does not survive a reboot
        assert reboot(host).secret("GET", path).body.hex() == read


@pytest.mark.parametrize(
    ("path", "body"), [("/1024//27", "41"), ("/1024//28", "42"), ("/1024//29", "43"), ("/1024//61", "44")]
)
def test_broker_of_the_cloud_in_old_firmware(path: str, body: str) -> None:
    host = admin_host(firmware="1.103")
    assert host.secret("PUT", path, bytes.fromhex(body)).success
    assert host.secret("GET", path).body.hex() == body
    assert admin_host(firmware="1.104").secret("GET", path).code == 0xA1


REFUSED = [
    ("/1024//9", "", 0x86),
    ("/1024//9", "41" * 33, 0x86),
    ("/1024//11", "41" * 129, 0x86),
    ("/1024//13", "03", 0x80),
    ("/1024//14", "01", 0x80),
    ("/1024//16", "41" * 65, 0x86),
    ("/1024//17", "61", 0x80),
    ("/1024//19", "41" * 129, 0x86),
    ("/1024//25", "41" * 33, 0x86),
    ("/1024//26", "05", 0x80),
    ("/1024//30", "c0a804", 0x80),
    ("/1024//34", "", 0x80),
    ("/1024//34", "000001", 0x80),
    ("/1024//73", "00040001", 0x86),
    ("/1024//77", "41" * 101, 0x86),
    ("/1024//78", "41" * 65, 0x86),
    ("/1024//84", "41" * 33, 0x86),
    ("/1024//90", "11" * 33, 0x86),
    ("/1024//95", "03e8", 0x86),
    ("/1024//96", "00", 0x86),
    ("/1024//96", "08", 0x80),
    ("/2/1024/3", "00010000", 0x86),
]


@pytest.mark.parametrize(("path", "written", "code"), REFUSED)
def test_value_that_is_refused(path: str, written: str, code: int) -> None:
    host = admin_host()
    before = host.secret("GET", path).body
    assert host.secret("PUT", path, bytes.fromhex(written)).code == code
    assert host.secret("GET", path).body == before


@pytest.mark.parametrize("path", ["/1024//18", "/1024//21", "/1024//22", "/1024//35", "/1024//60", "/1024//79"])
def test_what_can_only_be_read(path: str) -> None:
    assert admin_host().secret("PUT", path, b"").code == 0x85


@pytest.mark.parametrize("path", ["/1024//24", *(f"/1024//{feature}" for feature in range(100, 106))])
def test_posted_value_holds_until_the_next_reboot(path: str) -> None:
    host = admin_host()
    stored, posted = (b"\x00", b"\x01") if path == "/1024//24" else (b"\x00\x02", b"\x00\x05")
    assert host.secret("PUT", path, stored).success
    assert host.secret("POST", path, posted).success
    assert host.secret("GET", path).body == posted
    assert reboot(host).secret("GET", path).body == stored


@pytest.mark.parametrize("path", ["/1024//11", "/1024//24", "/1024//37", "/1024//74", "/1024//99", "/1024//105"])
def test_stored_settings_ask_for_configuration_mode_where_it_is_strict(path: str) -> None:
    host = admin_host(quirks=frozenset({Quirk.STRICT_CONFIGURATION_MODE}))
    assert host.secret("PUT", path, b"\x00\x00").code == 0x87


def test_host_name_is_the_name_that_is_advertised() -> None:
    host = admin_host(settings={"interface.app_name": "Sensor demo", "device.serial_number": "IoTize00410000000D"})
    assert host.secret("GET", "/1024//35").body == b"Sensor demo_0000D"


CERTIFICATES = {
    "/1024//37": "interface.certificate_public_key",
    "/1024//38": "interface.certificate_private_key",
    "/1024//57": "mqtt.broker_certificate",
}


@pytest.mark.parametrize(("path", "key"), CERTIFICATES.items())
def test_certificate_in_chunks(path: str, key: str) -> None:
    host = admin_host()
    assert host.secret("PUT", path, b"first ").success
    assert host.secret("PUT", path, b"second").success
    assert host.device.state[key] == b"first second"
    assert host.secret("GET", path).code == 0x85
    assert host.secret("PUT", path).success
    assert host.device.state[key] == b""


@pytest.mark.parametrize(("path", "key"), CERTIFICATES.items())
def test_certificate_that_is_too_long(path: str, key: str) -> None:
    host = admin_host(settings={key: bytes(16 * 1024 - 100)})
    assert host.secret("PUT", path, bytes(101)).code == 0xA7
    assert host.secret("PUT", path, bytes(100)).success
    assert len(host.device.state[key]) == 16 * 1024
    assert host.secret("PUT", path, b"x").code == 0xA7


def test_java_code_in_chunks() -> None:
    host = admin_host()
    assert host.secret("PUT", "/1024//74", b"one").success
    assert host.secret("PUT", "/1024//74", b"two").success
    assert host.device.state["jvm.code"] == b"onetwo"
    assert host.secret("PUT", "/1024//73", bytes.fromhex("00000005")).code == 0x86, "the code would not fit"
    assert host.secret("POST", "/1024//74").success
    assert host.device.state["jvm.code"] == b""
    assert host.secret("PUT", "/1024//73", bytes.fromhex("00000005")).success
    assert host.secret("PUT", "/1024//74", b"12345").success
    assert host.secret("PUT", "/1024//74", b"6").code == 0xA7
    assert host.secret("PUT", "/1024//74").success
    assert host.device.state["jvm.code"] == b""
    assert host.secret("PUT", "/1024//74", b"12345").success


@pytest.mark.parametrize("size", [64 * 1024, 256 * 1024])
def test_ten_megabytes_of_java_code_do_not_fit(size: int) -> None:
    host = Host(make_device(settings=FACTORY)[0])
    assert host.put("/1024//73", size.to_bytes(4, "big")).success
    codes = [host.put("/1024//74", bytes(220)).code for _ in range(size // 220 + 3)]
    assert codes == [0x00] * (size // 220) + [0xA7] * 3
    assert len(host.device.state["jvm.code"]) <= size


def test_log_of_the_jvm() -> None:
    host = admin_host()
    assert host.secret("GET", "/1024//121").body == b""
    assert host.secret("PUT", "/1024//121", b"first ").success
    assert host.secret("PUT", "/1024//121", b"second").success
    assert host.secret("GET", "/1024//121").body == b"first second"
    assert host.secret("GET", "/1024//120").body == b"first second"
    assert host.secret("GET", "/1024//120").body == b""
    assert host.secret("PUT", "/1024//121", b"third").success
    assert host.secret("PUT", "/1024//120").success
    assert host.secret("GET", "/1024//121").body == b""
    assert host.secret("PUT", "/1024//121", b"fourth").success
    assert reboot(host).secret("GET", "/1024//121").body == b"", "the log is volatile"


def test_log_of_the_jvm_is_bounded_and_read_in_parts() -> None:
    host = Host(make_device(settings=FACTORY)[0])
    for number in range(200):
        assert host.put("/1024//121", f"line {number:03}\n".encode()).success
    assert len(host.device.state["jvm.log"]) == 1024
    newest = host.get("/1024//121")
    assert (len(newest.body), newest.body[-9:]) == (249, b"line 199\n")
    parts = []
    while part := host.get("/1024//120").body:
        parts.append(part)
    assert [len(part) for part in parts] == [249, 249, 249, 249, 28]
    assert b"".join(parts).endswith(b"line 198\nline 199\n")


def test_log_of_the_jvm_fits_an_encrypted_answer() -> None:
    host = admin_host()
    assert host.secret("PUT", "/1024//121", b"x" * 200).success
    assert host.secret("PUT", "/1024//121", b"y" * 200).success
    answer = host.secret("GET", "/1024//121")
    assert answer.success
    assert set(answer.body) == {ord("y"), ord("x")} or answer.body == b"y" * len(answer.body)
    assert host.secret("GET", "/1024//120").body.startswith(b"x" * 200)


LOCAL_TIMES = [
    # seconds since 1970, zone, what a watch on the wall shows
    (1612341219, "", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612337619, "UTC-1", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612344819, "UTC+1", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612344819, "UTC1", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612341219 - 5 * 3600 - 1800, "IST-5:30", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612341219 - 5 * 3600 - 2700, "<+0545>-5:45", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612341219, "Europe/Paris", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612341219, "UTC", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (0, "UTC+2", (0, 0, 22, 31, 11, 69, 3, 364, 0)),
    (1709164800, "", (0, 0, 0, 29, 1, 124, 4, 59, 0)),
    (1612656000, "", (0, 0, 0, 7, 1, 121, 0, 37, 0)),
]


@pytest.mark.parametrize(("seconds", "zone", "expected"), LOCAL_TIMES)
def test_local_time(seconds: int, zone: str, expected: tuple[int, ...]) -> None:
    assert local_time(seconds, zone) == LocalTime(*expected)


CENTRAL_EUROPE = "CET-1CEST,M3.5.0,M10.5.0/3"
NEW_ZEALAND = "NZST-12NZDT,M9.5.0,M4.1.0/3"
SUMMER_TIMES = [
    # seconds since 1970, zone, hour, daylight saving time; the seconds around each change
    (1616893199, CENTRAL_EUROPE, 1, 0),
    (1616893200, CENTRAL_EUROPE, 3, 1),
    (1635641999, CENTRAL_EUROPE, 2, 1),
    (1635642000, CENTRAL_EUROPE, 2, 0),
    (1617458399, NEW_ZEALAND, 2, 1),
    (1617458400, NEW_ZEALAND, 2, 0),
    (1632578399, NEW_ZEALAND, 1, 0),
    (1632578400, NEW_ZEALAND, 3, 1),
    (1609459200, NEW_ZEALAND, 13, 1),
    (1615705199, "EST5EDT", 1, 0),
    (1615705200, "EST5EDT", 3, 1),
    (1636264799, "EST5EDT", 1, 1),
    (1636264800, "EST5EDT", 1, 0),
    (1616893200, "CET-1CEST,J87,J304/3", 3, 1),
    (1616893199, "CET-1CEST,J87,J304/3", 1, 0),
    (1709251199, "XXX0YYY,J60/0,J300", 23, 0),
    (1709251200, "XXX0YYY,J60/0,J300", 1, 1),
    (1709078399, "XXX0YYY,J59/0,J300", 23, 0),
    (1709078400, "XXX0YYY,J59/0,J300", 1, 1),
    (1709164799, "XXX0YYY,59/0,300", 23, 0),
    (1709164800, "XXX0YYY,59/0,300", 1, 1),
    (1625097600, "LHST-10:30LHDT-11,M10.1.0,M4.1.0", 10, 0),
    (1638318600, "LHST-10:30LHDT-11,M10.1.0,M4.1.0", 11, 1),
]


@pytest.mark.parametrize(("seconds", "zone", "hour", "summer"), SUMMER_TIMES)
def test_daylight_saving_time(seconds: int, zone: str, hour: int, summer: int) -> None:
    shown = local_time(seconds, zone)
    assert (shown.hours, shown.isdst) == (hour, summer)


def test_local_time_of_the_tap_follows_clock_and_zone() -> None:
    host = admin_host(settings={"time.time_zone": "UTC-1"})
    assert host.secret("PUT", "/3//13", (1612337619).to_bytes(4, "big")).success
    sample = "00000027000000210000000800000003000000010000007900000003000000210000000"
    assert host.secret("GET", "/1024//79").body.hex() == sample + "0"
    assert host.secret("PUT", "/1024//78", b"UTC-2").success
    assert LOCAL_TIME.decode(host.secret("GET", "/1024//79").body).hours == 9


@pytest.mark.parametrize("zone", ["", "\xff" * 64, "A-1", "UTC-1,", "UTC-1:99", "UTC-" + "9" * 50, "X" * 60, "UTC-99"])
def test_any_text_is_a_time_zone(zone: str) -> None:
    assert 0 <= local_time(4294967295, zone).hours < 24


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


# What only old clients ask for


def test_legacy_answers() -> None:
    host = admin_host(settings={"interface.product_key": "6E9DEDA5"})
    assert host.secret("GET", "/1024//20").body == b"\x03"
    assert host.secret("GET", "/3//17").body == b"6E9DEDA5"
    assert host.secret("GET", "/1024//71", b"message").code == 0xA1
    assert host.secret("GET", "/1024//49").code == 0xA1


def test_random_number_of_old_firmware() -> None:
    device, _ = make_device(firmware="1.83", settings=FACTORY)
    device.entropy = ScriptedEntropy(["0badf00d"])
    assert Host(device).get("/1024//49").body.hex() == "0badf00d"


def test_access_control_entries_of_old_clients() -> None:
    host = admin_host()
    answers = [host.secret("GET", f"/2/1028/{number}").body.hex() for number in range(4)]
    assert answers == ["0404", "ffff", "1f", "ffff"]
    assert host.secret("PUT", "/2/3/3", bytes.fromhex("00000001")).success
    assert host.secret("GET", "/2/1028/3").body.hex() == "0001", "the owner is one for all objects"
    for number in range(4):
        assert host.secret("GET", f"/2/7/{number}").code == 0x84
    assert host.secret("PUT", "/2/2/2", b"\x1f").code == 0x84
    assert host.secret("PUT", "/2/2/3", bytes(4)).code == 0x84


def test_scram_iterations_of_a_group_are_those_of_the_tap() -> None:
    host = admin_host(groups=USERS)
    assert host.secret("GET", "/1025/1/7").body.hex() == "00001388"
    assert host.secret("PUT", "/1025/1/7", bytes.fromhex("00001388")).success
    assert host.secret("PUT", "/1025/1/7", bytes.fromhex("00001389")).code == 0x86
    assert host.secret("GET", "/1025/9/7").code == 0x84
    assert host.secret("PUT", "/1025/0/7", bytes.fromhex("00001388")).code == 0x86, "anonymous has no password"


SALT = bytes.fromhex("0a0b0c0d")
SALTED = {
    "in clear": b"tech",
    "as a hash": password_hash("tech"),
}


@pytest.mark.parametrize("form", SALTED)
def test_salt_of_a_password_takes_effect(form: str) -> None:
    host = admin_host(groups={1: Group("tech", SALTED[form], alias=1)})
    before = host.secret("GET", "/1025/1/16").body
    assert Host(host.device).get("/1024//40", b"tech".ljust(20, b"\0")).body[4:8] == before
    assert host.secret("PUT", "/1025/1/16", SALT).success
    assert host.secret("GET", "/1025/1/16").body == SALT
    assert host.device.state.groups[1].password == bytes(PasswordKey.derive(password_hash("tech"), SALT, 5000))
    Host(host.device).login("tech")


def test_salt_of_a_key_changes_alone() -> None:
    key = PasswordKey.derive(password_hash("tech"), SALT, 5000)
    host = admin_host(groups={1: Group("tech", bytes(key), alias=1)})
    assert host.secret("GET", "/1025/1/16").body == SALT
    assert host.secret("PUT", "/1025/1/16", bytes(4)).success
    assert host.device.state.groups[1].password == bytes(key)[:32] + bytes(4)
    assert Host(host.device).proof("tech", "tech")[0].code == 0x86, "salt 0 disables the login"


def test_salt_needs_scram_and_a_password() -> None:
    options = SecurityOptions()
    host = Host(make_device(groups=USERS, settings={"interface.security_options": options})[0])
    assert host.post("/1024//0", b"admin".ljust(16, b"\0") * 2).success
    assert host.put("/1025/1/16", SALT).code == 0x87
    assert host.put("/1025/0/16", SALT).code == 0x86
    assert host.put("/1025/9/16", SALT).code == 0x84
    assert host.get("/1025/0/16").code == 0x86


def test_salt_is_written_by_whoever_writes_passwords() -> None:
    host = Host(make_device(groups=USERS)[0])
    host.login("boss")
    assert host.secret("PUT", "/1025/1/16", SALT).success
    assert host.secret("PUT", "/1025/65535/16", SALT).code == 0x81
    tech = Host(host.device)
    tech.login("tech")
    assert tech.secret("PUT", "/1025/1/16", SALT).code == 0x81

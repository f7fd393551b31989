"""The services that are mostly settings: ble, wifi, mqtt, cloud, lora, jvm, interface, and the legacy ones."""

import pytest

from emulator.blueprint import Quirk
from tests.emulator.people import FACTORY, USERS, admin_host, pair, reboot
from tests.hosts import Host, ScriptedEntropy, make_device

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

"""Firmware updates: the file in chunks, the older way of object 5, and files that bring nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.blueprint import Group
from emulator.device import Device
from emulator.state import MemoryStore, StoreError
from emulator.storage import SqliteStore
from protocol.bodies.single_packet import SINGLE_PACKET_CHUNK, StoreState, chunks_of
from protocol.crypto import crc32_mpeg2
from protocol.firmware import Version
from protocol.frames import Response
from protocol.packets import BLANK_KEY, PacketType, encode_packet, new_packet, seal_packet
from protocol.update import encode_image, new_image, pack_update
from tests import commandline
from tests.hosts import Host, make_device
from tests.serving import SERVE, serving

FILE = pack_update(new_image(Version(1, 85, 2), 1000))
TECH = {5: Group("tech", b"tech", 5)}


def tap(firmware: str = "1.113") -> Host:
    host = Host(make_device(firmware=firmware, groups=TECH)[0])
    host.login()
    return host


def load(host: Host, file: bytes) -> None:
    for chunk in chunks_of(file):
        assert host.post("/1024//82", SINGLE_PACKET_CHUNK.encode(chunk)).code == 0


def run(host: Host, crc: int) -> Response:
    return host.post("/1024//83", crc.to_bytes(4, "big"))


def firmware(device: Device) -> str:
    return Host(device).get("/3//3").body.decode()


def test_update_restarts_the_tap_with_the_firmware_that_it_brings() -> None:
    device, clock = make_device()
    host = Host(device)
    host.login()
    host.initialize()
    for chunk in chunks_of(FILE):
        assert host.secret("POST", "/1024//82", SINGLE_PACKET_CHUNK.encode(chunk)).code == 0
    assert host.secret("GET", "/1024//81").body == bytes((0, 0, 0, StoreState.FULL))
    assert host.secret("POST", "/1024//83", crc32_mpeg2(FILE).to_bytes(4, "big")) == Response(0)
    assert host.closed == "the Tap reboots"
    assert host.rebooted
    clock.advance(1.1)
    assert firmware(device) == "1.85.2"
    assert Host(device).get("/1024//45", bytes(16)).code == 0xA1, "1.85 has no initialization vectors"
    again = Host(device)
    again.login()
    assert again.get("/1024//81").body == bytes((0, 0, 0, StoreState.EMPTY))
    load(again, pack_update(new_image(Version(1, 113))))
    assert run(again, crc32_mpeg2(pack_update(new_image(Version(1, 113))))).code == 0
    clock.advance(1.1)
    assert firmware(device) == "1.113.0"


def test_small_update_needs_no_store() -> None:
    host = tap()
    assert host.post("/1024//80", pack_update(new_image(Version(1, 90), 10))).code == 0
    assert host.rebooted
    assert str(host.device.firmware) == "1.90.0"


def test_update_survives_restart_and_factory_reset(tmp_path: Path) -> None:
    for expected in ("1.113.0", "1.85.2"):
        store = SqliteStore(tmp_path / "tap.sqlite", "IoTize00410000009B")
        device, clock = make_device(store=store)
        assert firmware(device) == expected
        host = Host(device)
        host.login()
        if expected == "1.113.0":
            load(host, FILE)
            assert run(host, crc32_mpeg2(FILE)).code == 0
            clock.advance(2)
        else:
            assert host.post("/3//5").code == 0
        store.close()
    store = SqliteStore(tmp_path / "tap.sqlite", "IoTize00410000009B")
    assert firmware(make_device(store=store)[0]) == "1.85.2"
    store.close()


class FullStore(MemoryStore):
    """Takes no firmware."""

    def write(self, changes: object, erase: bool) -> None:
        raise StoreError("disk full")


def test_update_that_cannot_be_kept_does_not_happen() -> None:
    device, _ = make_device(store=FullStore())
    host = Host(device)
    host.login()
    load(host, FILE)
    assert run(host, crc32_mpeg2(FILE)).code == 0xA4
    assert not host.rebooted
    assert host.closed is None
    assert firmware(device) == "1.113.0"
    assert host.get("/1024//81").body == bytes((0, 0, 0, StoreState.ERROR))


@pytest.mark.parametrize("count", range(len(chunks_of(FILE))))
def test_update_cut_after_each_chunk(count: int) -> None:
    host = tap()
    part = FILE[: 192 * count]
    for crc in (crc32_mpeg2(FILE), crc32_mpeg2(part)):
        load(host, part)
        assert run(host, crc).code == 0x86
        assert not host.rebooted
        assert str(host.device.firmware) == "1.113.0"
    assert host.get("/1024//81").body[-1] == (StoreState.ERROR if count else StoreState.EMPTY)
    load(host, FILE)
    assert run(host, crc32_mpeg2(FILE)).code == 0, "the whole file still works"


def packet_of(data: bytes, type: PacketType = PacketType.CODE_EXEC) -> bytes:
    return encode_packet(seal_packet(new_packet(type, data, sender_id=0xFD, encryption=True), BLANK_KEY))


IMAGE = encode_image(new_image(Version(1, 90), 300))

BAD_FILES = {
    "nothing of ours": b"\xaa" * 400,
    "zeros": bytes(400),
    "damaged packet": FILE[:600] + bytes(16) + FILE[616:],
    "damaged header": FILE[:9] + b"\x07" + FILE[10:],
    "no image": packet_of(b"not an image"),
    "damaged image": packet_of(IMAGE[:100] + b"\x00" + IMAGE[101:]),
    "cut image": packet_of(IMAGE[:-1]),
    "empty packet": packet_of(b""),
    "firmware 0.0.0": pack_update(new_image(Version(0))),
    "firmware 0.255.65535": pack_update(new_image(Version(0, 255, 65535))),
    "firmware 1.113.1": pack_update(new_image(Version(1, 113, 1))),
    "firmware 255.255.65535": pack_update(new_image(Version(255, 255, 65535))),
    "another type of packet": packet_of(IMAGE, PacketType.TARGET_FW_UPDATE),
}


@pytest.mark.parametrize("file", BAD_FILES.values(), ids=BAD_FILES)
def test_file_that_brings_nothing(file: bytes) -> None:
    host = tap()
    load(host, file)
    assert run(host, crc32_mpeg2(file)).code in (0x86, 0xA1)
    assert not host.rebooted
    assert host.get("/1024//81").body == bytes((0, 0, 0, StoreState.ERROR))
    assert str(host.device.firmware) == "1.113.0"
    assert host.device.state.firmware is None


@given(position=st.integers(4, len(FILE) - 1), bit=st.integers(0, 7))
def test_any_changed_bit_is_noticed(position: int, bit: int) -> None:
    """Even if the client's CRC was computed over the damage."""
    host = tap()
    file = bytearray(FILE)
    file[position] ^= 1 << bit
    load(host, bytes(file))
    assert run(host, crc32_mpeg2(bytes(file))).code in range(0x80, 0xC0)
    assert str(host.device.firmware) == "1.113.0"


def test_later_requests_of_the_same_segment_are_not_served() -> None:
    host = tap()
    load(host, FILE)
    execute = bytes.fromhex("a2da00000b020400ffff0053") + crc32_mpeg2(FILE).to_bytes(4, "big")
    assert host.exchange(execute + bytes.fromhex("a2ca000007010003ffff0003")) == bytes.fromhex("009000")


# --- the older way

NORMAL, UPDATING, UPDATED = b"\x01", b"\x02", b"\x04"


def check(host: Host, size: int, crc: int, address: int = 0) -> Response:
    return host.post("/5//6", b"".join(number.to_bytes(4, "big") for number in (address, size, crc)))


def test_older_way_of_update() -> None:
    host = tap()
    assert host.get("/5//3").body == NORMAL
    assert host.get("/5//5").body == b"\x00"
    assert host.post("/5//2").code == 0
    assert host.get("/5//3").body == UPDATING
    for start in range(0, len(IMAGE), 200):
        assert host.post("/5//0", IMAGE[start : start + 200]).code == 0
    assert host.post("/5//2").code == 0x87, "not checked yet"
    assert check(host, len(IMAGE), crc32_mpeg2(IMAGE)).code == 0
    assert host.get("/5//5").body == b"\x01"
    assert host.post("/5//2", UPDATED).code == 0
    assert host.get("/5//3").body == UPDATED
    assert host.get("/3//3").body == b"1.113.0"
    assert host.post("/5//2", NORMAL).code == 0
    assert host.rebooted
    assert str(host.device.firmware) == "1.90.0"


CHECKS = [
    (0, len(IMAGE), 0, b"\x01"),
    (0, len(IMAGE), 1, b"\x10"),
    (0, len(IMAGE) + 1, 0, b"\x10"),
    (len(IMAGE), 0, 0, b"\x10"),
    (0xFFFFFFFF, 0xFFFFFFFF, 0, b"\x10"),
]


@pytest.mark.parametrize(("address", "size", "difference", "outcome"), CHECKS)
def test_crc_check_of_the_older_way(address: int, size: int, difference: int, outcome: bytes) -> None:
    host = tap()
    assert host.post("/5//2").code == 0
    for start in range(0, len(IMAGE), 200):
        host.post("/5//0", IMAGE[start : start + 200])
    assert check(host, size, crc32_mpeg2(IMAGE) ^ difference, address).code == 0
    assert host.get("/5//5").body == outcome
    assert host.post("/5//2").code == (0 if outcome == b"\x01" else 0x87)


STEPS = [
    # state, asked for, code, state afterwards
    ("NORMAL", NORMAL, 0, NORMAL),
    ("NORMAL", UPDATED, 0x86, NORMAL),
    ("NORMAL", b"\x03", 0x80, NORMAL),
    ("NORMAL", b"\x02\x02", 0x80, NORMAL),
    ("UPDATING", UPDATING, 0x86, UPDATING),
    ("UPDATING", UPDATED, 0x87, UPDATING),
    ("UPDATING", NORMAL, 0, NORMAL),
]


@pytest.mark.parametrize(("state", "wanted", "code", "after"), STEPS)
def test_steps_of_the_older_way(state: str, wanted: bytes, code: int, after: bytes) -> None:
    host = tap()
    if state == "UPDATING":
        assert host.post("/5//2").code == 0
    assert host.post("/5//2", wanted).code == code
    assert host.get("/5//3").body == after
    assert str(host.device.firmware) == "1.113.0"


@pytest.mark.parametrize("package", [b"no image at all", encode_image(new_image(Version(2), 10))])
def test_older_way_takes_no_package_that_brings_nothing(package: bytes) -> None:
    host = tap()
    host.post("/5//2")
    host.post("/5//0", package)
    check(host, len(package), crc32_mpeg2(package))
    assert host.post("/5//2").code == 0x86
    assert host.get("/5//3").body == UPDATING


def test_package_and_check_need_the_state_updating() -> None:
    host = tap()
    assert host.post("/5//0", b"abcd").code == check(host, 0, 0).code == 0x87


def test_package_does_not_grow_beyond_its_memory() -> None:
    host = tap()
    host.post("/5//2")
    host.device.packet_store.package = bytes(0x80000 - 200)
    assert host.post("/5//0", bytes(200)).code == 0
    assert host.post("/5//0", b"\0").code == 0xA7


def test_reboot_ends_the_older_way() -> None:
    host = tap()
    host.post("/5//2")
    host.post("/5//0", b"abcd")
    host.post("/3//4")
    assert host.device.state["firmware.state"].name == "NORMAL"
    assert host.device.packet_store.package == b""


RIGHTS = [
    ("anonymous", "GET", "/5//3", 0x81),
    ("tech", "GET", "/5//3", 0),
    ("tech", "GET", "/5//5", 0),
    ("tech", "POST", "/5//2", 0x81),
    ("tech", "POST", "/5//0", 0x81),
    ("tech", "POST", "/5//6", 0x81),
    ("supervisor", "POST", "/5//2", 0x81),
    ("admin", "POST", "/5//2", 0),
]


@pytest.mark.parametrize(("user", "method", "path", "code"), RIGHTS)
def test_who_may_update_the_older_way(user: str, method: str, path: str, code: int) -> None:
    device, _ = make_device(groups=TECH)
    host = Host(device)
    if user != "anonymous":
        host.login(user)
    assert host.ask(method, path).code == code


@pytest.fixture(scope="module")
def shared() -> Host:
    return tap()


@pytest.mark.parametrize("path", ["/5//0", "/5//2", "/5//6"])
@given(body=st.binary(max_size=40))
def test_any_body_is_answered(shared: Host, path: str, body: bytes) -> None:
    assert shared.post(path, body).code in (0, 0x80, 0x86, 0x87)
    assert str(shared.device.firmware) == "1.113.0"


# --- the command


def test_command_packs_and_shows_a_file(tmp_path: Path) -> None:
    file = tmp_path / "update.bin"
    packed = commandline.run("firmware", "pack", "--version", "1.85.2", "-o", str(file), "--size", "1000")
    assert packed.exit_code == 0
    assert file.read_bytes() == FILE
    shown = commandline.run("firmware", "show", str(file))
    assert shown.stdout == packed.stdout
    assert shown.stdout.splitlines() == [
        f"{file}: firmware 1.85.2",
        "image of 1000 bytes, in a CODE_EXEC packet from sender FD",
        f"1056 bytes to send in 6 chunks, CRC {crc32_mpeg2(FILE):08x}",
    ]


def test_command_refuses_what_is_no_update(tmp_path: Path) -> None:
    file = tmp_path / "update.bin"
    file.write_bytes(FILE[:-1] + b"\0")
    shown = commandline.run("firmware", "show", str(file))
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr == f"{file}: single packet: the CRC is wrong\n"
    assert commandline.run("firmware", "show", str(tmp_path / "none")).exit_code == 2
    huge = commandline.run("firmware", "pack", "--version", "1.85", "-o", str(tmp_path / "huge"), "--size", "2097152")
    assert (huge.exit_code, (tmp_path / "huge").exists()) == (2, False)


def test_serve_goes_on_with_the_firmware_of_an_update(tmp_path: Path) -> None:
    state, log = tmp_path / "tap.sqlite", tmp_path / "log"
    store = SqliteStore(state, "IoTize00410000009B")
    host = Host(make_device(store=store)[0])
    host.login()
    load(host, FILE)
    assert run(host, crc32_mpeg2(FILE)).code == 0
    store.close()
    with serving([*SERVE, "--state", str(state), "--firmware", "1.113"], log) as server, server.connect() as connection:
        connection.sendall(bytes.fromhex("a2ca000007010003ffff0003"))
        assert connection.recv(100) == b"\0" + b"1.85.2" + b"\x90\x00"
    assert "firmware=1.85.2" in log.read_text()

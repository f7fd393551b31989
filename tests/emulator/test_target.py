"""Object 1027 at a device: connection, memory, registers, Modbus, the serial line, pins, settings."""

from dataclasses import replace
from typing import Any

import pytest

from emulator.targets.spec import SerialAnswer, SerialSpec, TargetSpec
from protocol.bodies.target import TargetProtocol, TargetProtocols
from tests.emulator.targets.taps import MEMORY, MODBUS, S3P, SERIAL, SPEC, ask, connected, tap
from tests.hosts import Host


def test_connection() -> None:
    host, device, clock = tap()
    assert ask(host, "GET /1027//3") == "00 fe"
    assert ask(host, "GET /1027//33 20000000 00000001 03") == "a5"
    for _ in range(2):
        assert ask(host, "POST /1027//3") == "00"
    assert ask(host, "GET /1027//3") == "00 01"
    assert ask(host, "GET /1027//33 20000000 00000001 03") == "00 11223344"
    for _ in range(2):
        assert ask(host, "POST /1027//4") == "00"
    assert ask(host, "GET /1027//33 20000000 00000001 03") == "a5"
    ask(host, "POST /1027//3")
    host.post("/3//4")
    clock.advance(1)
    assert ask(Host(device), "GET /1027//3") == "00 fe", "a reboot ends it"


def test_target_that_connects_by_itself() -> None:
    host = tap(replace(SPEC, auto_connect=True))[0]
    assert ask(host, "GET /1027//33 20000000 00000001 03") == "00 11223344"
    assert ask(host, "GET /1027//3") == "00 01"


@pytest.mark.parametrize(
    ("spec", "settings", "code"),
    [
        (TargetSpec(present=False), {}, "a5"),
        (TargetSpec(), {"target.protocol": TargetProtocol.NONE}, "a5"),
        (TargetSpec(voltage=1799), {}, "a6"),
        (TargetSpec(voltage=3501), {}, "a6"),
        (TargetSpec(voltage=1800), {}, "00"),
        (TargetSpec(voltage=3500), {}, "00"),
        (TargetSpec(voltage=0), {"target.min_voltage": 0}, "00"),
        (TargetSpec(), {"target.protocol": TargetProtocol.CAN}, "bb"),
        (TargetSpec(), {"target.available_protocols": TargetProtocols.S3P}, "bb"),
        (TargetSpec(), {"target.available_protocols": TargetProtocols.SWD}, "00"),
    ],
)
def test_connecting_can_fail(spec: TargetSpec, settings: dict[str, Any], code: str) -> None:
    host = tap(spec, settings=settings)[0]
    assert ask(host, "POST /1027//3") == code
    assert ask(host, "GET /1027//3") == ("00 01" if code == "00" else "00 fe")


def test_power_is_checked_at_every_access() -> None:
    host = connected()
    assert ask(host, "PUT /1027//8 0ce5") == "00"
    assert ask(host, "GET /1027//33 20000000 00000001 03") == "a6"
    assert ask(host, "POST /1027//5") == "a6"
    assert ask(host, "GET /1027//7") == "00 0ce4"
    assert ask(host, "PUT /1027//8 0ce4") == "00"
    assert ask(host, "GET /1027//33 20000000 00000001 03") == "00 11223344"


EXCHANGES: dict[str, tuple[TargetProtocol, list[tuple[str, str]]]] = {
    "settings": (
        MEMORY,
        [
            ("GET /1027//2", "00 00"),
            ("PUT /1027//2 01", "00"),
            ("GET /1027//2", "00 01"),
            ("PUT /1027//2 02", "80"),
            ("GET /1027//6", "00 00000000"),
            ("PUT /1027//6 01000000", "00"),
            ("GET /1027//6", "00 01000000"),
            ("GET /1027//8", "00 0708"),
            ("GET /1027//9", "00 0dac"),
            ("GET /1027//10", "00 00000400"),
            ("GET /1027//20", "00 ff"),
            ("GET /1027//1", "00 00"),
            ("POST /1027//1 03", "00"),
            ("GET /1027//1", "00 03"),
            ("PUT /1027//1 0a", "80"),
            ("GET /1027//40", "00 ff"),
            ("POST /1027//40 06", "00"),
            ("GET /1027//40", "00 06"),
        ],
    ),
    "memory": (
        MEMORY,
        [
            ("GET /1027//33 20000000 00000004 01", "00 44332211"),
            ("GET /1027//33 20000000 00000002 02", "00 33441122"),
            ("POST /1027//33 20000004 00000001 03 0a0b0c0d", "00"),
            ("GET /1027//33 20000000 00000002 03", "00 112233440a0b0c0d"),
            ("GET /1030//13 20000004 00000001 03", "00 0a0b0c0d"),
            ("POST /1030//13 20000004 00000001 02 0001", "00"),
            ("GET /1027//33 20000004 00000004 01", "00 01000b0a"),
            ("POST /1027//33 20000004 00000002 02 0001", "80"),
            ("POST /1027//33 08000000 00000001 01 00", "b4"),
            ("GET /1027//33 30000000 00000001 01", "b0"),
            ("GET /1027//33 20000001 00000001 03", "b8"),
            ("GET /1027//33 20000000 00000001 09", "b3"),
            ("GET /1027//33 20000000 00000000 03", "b3"),
            ("GET /1027//33 20000000 000000fa 01", "a0"),
            ("GET /1027//33 20000000 ffffffff 03", "a0"),
            ("GET /1027//33 20000000 00000001", "80"),
            ("GET /1027//38 03010000 00000002 02", "bb"),
            ("POST /1027//34 00", "bb"),
        ],
    ),
    "registers": (
        MEMORY,
        [
            ("GET /1027//31 00000000", "00 0bc11477"),
            ("GET /1027//31 00000004", "00 00000000"),
            ("POST /1027//31 00000004 50000000", "00"),
            ("GET /1027//31 00000004", "00 50000000"),
            ("POST /1027//31 00000000 50000000", "b4"),
            ("POST /1027//31", "80"),
            ("GET /1027//32 0f", "00 00000000"),
            ("POST /1027//32 0f 08000101", "00"),
            ("GET /1027//32 0f", "00 08000101"),
            ("GET /1027//32", "00 " + "00" * 60 + "08000101" + "00" * 20),
            ("GET /1027//32 15", "b3"),
            ("POST /1027//32 15 00000000", "b3"),
            ("POST /1027//5", "00"),
            ("GET /1027//32 0f", "00 00000000"),
            ("POST /1027//30", "00"),
            ("GET /1027//33 20000000 00000001 03", "00 11223344"),
        ],
    ),
    "s3p": (
        S3P,
        [
            ("GET /1027//21", "00 0101"),
            ("GET /1027//33 00000002 00000002 02", "00 01020304"),
            ("POST /1027//33 00000002 00000001 02 0a0b", "00"),
            ("GET /1027//33 00000002 00000002 02", "00 0a0b0304"),
            ("POST /1027//33 00000002 00000003 02 010101010101", "b4"),
            ("GET /1027//33 00000002 00000002 02", "00 0a0b0304"),
            ("GET /1027//33 00000002 00000001 03", "b3"),
            ("POST /1027//33 00000003 00000001 03 00000000", "b4"),
            ("GET /1027//31 00000000", "bb"),
            ("PUT /1027//21 0100", "00"),
            ("GET /1027//33 20000000 00000001 03", "00 11223344"),
            ("POST /1027//33 20000ffc 00000002 03 0101010102020202", "b0"),
            ("GET /1027//33 20000ffc 00000001 03", "00 00000000"),
            ("GET /1027//33 08000000 00000001 01", "00 01"),
            ("POST /1027//30", "00"),
            ("GET /1027//33 20000000 00000001 03", "b7"),
            ("POST /1027//5", "00"),
            ("GET /1027//33 20000000 00000001 03", "00 11223344"),
        ],
    ),
    "modbus": (
        MODBUS,
        [
            ("GET /1027//38 03010000 00000002 02", "00 12345678"),
            ("GET /1027//38 00000000 00000001 03", "00 12345678"),
            ("GET /1027//33 03010000 00000001 03", "00 12345678"),
            ("POST /1027//37 03010001 00000001 02 0001", "00"),
            ("GET /1027//37 03010000 00000001 02 0002", "00"),
            ("POST /1027//33 03010002 00000001 02 0003", "00"),
            ("GET /1027//38 03010000 00000003 02", "00 000200010003"),
            ("POST /1027//37 01010000 00000002 00 0100", "00"),
            ("GET /1027//38 01010000 00000002 00", "00 0100"),
            ("POST /1027//37 03010001 00000002 02 0001", "80"),
            ("GET /1027//38 03020000 00000001 02", "b7"),
            ("GET /1027//38 07010000 00000001 02", "80"),
            ("GET /1027//38 0301ffff 00000002 02", "b3"),
            ("GET /1027//38 03010000 0000007d 02", "a0"),
            ("GET /1027//31 00000000", "bb"),
            ("PUT /1027//21 0a00010080251001", "00"),
            ("GET /1027//38 03010001 00000001 02", "00 0002"),
            ("GET /1027//38 03010000 00000001 02", "b3"),
            ("PUT /1027//21 0a00010080250005", "00"),
            ("GET /1027//38 03000000 00000001 02", "b7"),
        ],
    ),
    "serial": (
        SERIAL,
        [
            ("GET /1027//43", "00 0000"),
            ("GET /1027//35", "00"),
            ("POST /1027//34 48656c6c6f", "00"),
            ("GET /1027//43", "00 0005"),
            ("GET /1027//35 00000002", "00 4865"),
            ("GET /1027//35 000003e8", "00 6c6c6f"),
            ("GET /1027//35", "00"),
            ("GET /1027//34 4142", "00 4142"),
            ("GET /1027//34", "b7"),
            ("POST /1027//34 41", "00"),
            ("GET /1027//35 00000000", "00"),
            ("GET /1027//35 0000", "80"),
            ("GET /1027//33 20000000 00000001 03", "bb"),
            ("POST /1027//4", "00"),
            ("GET /1027//35", "a5"),
            ("GET /1027//43", "a5"),
            ("POST /1027//34 41", "a5"),
        ],
    ),
    "pins": (  # the exchanges of the vendor's GPIO manager, and what they mean
        TargetProtocol.NONE,
        [
            ("POST /1027//33 80000003 00000001 41 03", "00"),
            ("POST /1027//33 00000003 00000001 41 01", "00"),
            ("GET /1027//33 00000003 00000001 41", "00 01"),
            ("GET /1027//33 80000003 00000001 41", "00 03"),
            ("GET /1027//33 00000002 00000003 41", "00 010100"),
            ("POST /1027//33 00000002 00000003 41 01ff00", "00"),
            ("GET /1027//33 00000002 00000003 41", "00 010100"),
            ("POST /1027//33 80000002 00000001 41 03", "00"),
            ("GET /1027//33 80000000 0000001a 41", "00 00000303" + "00" * 22),
            ("GET /1027//33 00000000 0000001b 41", "b3"),
            ("POST /1027//33 80000003 00000001 41 07", "b3"),
            ("POST /1027//33 00000003 00000002 41 01", "80"),
        ],
    ),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_exchanges(name: str) -> None:
    protocol, exchanges = EXCHANGES[name]
    host = tap(protocol=protocol)[0]
    assert ask(host, "POST /1027//3") == ("a5" if protocol is TargetProtocol.NONE else "00")
    for request, answer in exchanges:
        assert (request, ask(host, request)) == (request, answer)


def test_counters() -> None:
    host = tap()[0]
    assert ask(host, "GET /1027//11") == "00 0000000000000000"
    ask(host, "GET /1027//33 20000000 00000001 03")
    ask(host, "POST /1027//3")
    ask(host, "GET /1027//33 20000000 00000001 03")
    ask(host, "GET /1027//33 30000000 00000001 03")
    assert ask(host, "GET /1027//11") == "00 0000000200000002"
    assert ask(host, "POST /1027//11") == "00"
    assert ask(host, "GET /1027//11") == "00 0000000000000000"


def test_settings_block_keeps_the_size_of_its_first_write() -> None:
    host, device, clock = tap()
    assert ask(host, "GET /1027//21") == "00 0a00010080250001"
    assert ask(host, "PUT /1027//21") == "86"
    assert ask(host, "PUT /1027//21 " + "00" * 225) == "86"
    assert ask(host, "PUT /1027//21 0a3309a100c201011234567802") == "00"
    assert ask(host, "PUT /1027//21 0a00010080250001") == "86"
    assert ask(host, "POST /1027//21 0a00010080250001") == "86"
    assert ask(host, "POST /1027//21 0b3309a100c201011234567802") == "00"
    assert ask(host, "GET /1027//21") == "00 0b3309a100c201011234567802"
    host.post("/3//4")
    clock.advance(1)
    host = Host(device)
    assert ask(host, "GET /1027//21") == "00 0a3309a100c201011234567802", "what was POSTed is gone"
    assert ask(host, "POST /3//5") == "00"
    assert ask(host, "PUT /1027//21 0102") == "00"
    assert ask(host, "GET /1027//21") == "00 0102"


def test_sub_protocol_works_beside_the_protocol() -> None:
    host = connected(protocol=TargetProtocol.SERIAL)
    assert ask(host, "GET /1027//33 20000000 00000001 03") == "bb"
    assert ask(host, "POST /1027//40 00") == "00"
    assert ask(host, "GET /1027//33 20000000 00000001 03") == "00 11223344"
    assert ask(host, "GET /1027//34 41") == "00 41"


def test_held_reset_silences_the_firmware_of_the_target() -> None:
    for protocol, request, answer in [
        (MODBUS, "GET /1027//38 03010000 00000001 02", "00 1234"),
        (SERIAL, "GET /1027//34 41", "00 41"),
        (MEMORY, "GET /1027//33 20000000 00000001 03", "00 11223344"),
    ]:
        host = connected(protocol=protocol)
        assert ask(host, "POST /1027//30") == "00"
        assert ask(host, request) == ("b7" if protocol is not MEMORY else answer)
        assert ask(host, "POST /1027//5") == "00"
        assert ask(host, request) == answer


def test_scripted_line_follows_the_clock() -> None:
    answers = (SerialAnswer(b"T?", b"21.5", delay=0.2), SerialAnswer(b"slow", b"done", delay=3))
    host, _, clock = tap(TargetSpec(serial=SerialSpec("script", answers, greeting=b"hi")), SERIAL)
    for _ in range(2):
        assert ask(host, "POST /1027//3") == "00"
    assert ask(host, "GET /1027//35") == "00 " + b"hi".hex(), "the second time nothing is opened"
    assert ask(host, "POST /1027//34 " + b"T?".hex()) == "00"
    assert ask(host, "GET /1027//43") == "00 0000"
    clock.advance(0.2)
    assert ask(host, "GET /1027//35") == "00 " + b"21.5".hex()
    assert ask(host, "GET /1027//34 " + b"T?".hex()) == "00 " + b"21.5".hex()
    assert ask(host, "GET /1027//34 " + b"slow".hex()) == "b7"
    clock.advance(3)
    assert ask(host, "GET /1027//35") == "00 " + b"done".hex()


def test_answer_longer_than_a_frame_stays_in_the_buffer() -> None:
    host = connected(TargetSpec(serial=SerialSpec("script", (SerialAnswer(b"?", bytes(300)),))), SERIAL)
    assert len(host.get("/1027//34", b"?").body) == 249
    assert ask(host, "GET /1027//43") == "00 0033"
    host.post("/1027//34", b"?")
    assert len(host.get("/1027//35", b"\0\0\1\0").body) == 249
    assert len(host.get("/1027//35").body) == 102

"""Real Modbus slaves: pymodbus servers over TCP and over a serial line, and servers that misbehave."""

import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.emulator.targets.taps import ask, real_tap
from tests.emulator.targets.wires import modbus_rtu, modbus_tcp, tcp_answering, terminal
from tests.serving import SERVE, serving

READ = "GET /1027//38 03010000 00000002 02"

EXCHANGES = [
    (READ, "00 000a000b"),
    ("GET /1027//38 03010008 00000002 02", "00 00120013"),
    ("GET /1027//38 00010000 00000001 03", "00 000a000b"),
    ("GET /1027//38 04010000 00000001 03", "00 12345678"),
    ("GET /1027//38 01010000 00000003 00", "00 010001"),
    ("GET /1027//38 02010000 00000003 00", "00 000100"),
    ("GET /1027//33 03010000 00000002 02", "00 000a000b"),
    ("POST /1027//37 03010001 00000001 02 1234", "00"),
    ("POST /1027//37 03010002 00000001 03 56789abc", "00"),
    ("GET /1027//38 03010000 00000004 02", "00 000a123456789abc"),
    ("POST /1027//37 01010001 00000002 00 0100", "00"),
    ("GET /1027//38 01010000 00000003 00", "00 010100"),
    ("GET /1027//38 03010009 00000002 02", "b5"),
    ("POST /1027//37 0301000a 00000001 02 0000", "b5"),
    (READ, "00 000a1234"),
]


def test_slave_on_the_network() -> None:
    with modbus_tcp() as port:
        host = real_tap(f"modbus+tcp://127.0.0.1:{port}")
        assert ask(host, READ) == "a5"
        assert ask(host, "POST /1027//3") == "00"
        for request, answer in EXCHANGES:
            assert (request, ask(host, request)) == (request, answer)
        assert ask(host, "GET /1027//38 03110000 00000001 02") == "00 000a", "another slave on the same wire"
        assert ask(host, "POST /1027//4") == "00"


def test_slave_on_a_serial_line() -> None:
    with modbus_rtu() as port:
        host = real_tap(f"modbus+serial:{port}?baudrate=9600")
        assert ask(host, "POST /1027//3") == "00"
        for request, answer in EXCHANGES:
            assert (request, ask(host, request)) == (request, answer)
        ask(host, "POST /1027//4")


def test_slave_that_does_not_answer_takes_the_time_out_and_no_longer() -> None:
    with tcp_answering(lambda request: b"" if request[6] == 5 else request[:4] + b"\0\7\1\3\4\0\1\0\2") as port:
        host = real_tap(f"modbus+tcp://127.0.0.1:{port}", timeout=0.2)
        ask(host, "POST /1027//3")
        began = time.monotonic()
        assert ask(host, "GET /1027//38 03050000 00000001 02") == "b7"
        assert 0.1 < time.monotonic() - began < 1.0
        assert ask(host, READ) == "00 00010002", "it goes on with the others"
        ask(host, "POST /1027//4")
    with terminal() as (_, path):
        host = real_tap(f"modbus+serial:{path}", timeout=0.1)
        assert ask(host, "POST /1027//3") == "00"
        assert ask(host, READ) == "b7"
        ask(host, "POST /1027//4")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url in (f"modbus+tcp://127.0.0.1:{port}", "modbus+tcp://nowhere.invalid", "modbus+serial:/dev/no-such-port"):
        host = real_tap(url)
        assert ask(host, "POST /1027//3") == "a5"
        assert ask(host, "GET /1027//3") == "00 fe"
        assert ask(host, READ) == "a5"


def test_slave_that_restarts_is_found_again() -> None:
    with modbus_tcp() as port:
        host = real_tap(f"modbus+tcp://127.0.0.1:{port}")
        assert ask(host, "POST /1027//3") == "00"
        assert ask(host, READ) == "00 000a000b"
    assert ask(host, READ) == "b7"
    with modbus_tcp(port):
        assert ask(host, READ) == "00 000a000b"
        ask(host, "POST /1027//4")


def test_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    asked = []

    def answer(request: bytes) -> bytes | None:
        asked.append(request)
        return None if len(asked) == 2 else request[:4] + b"\0\7\1\3\4\0\1\0\2"

    with tcp_answering(answer) as port:
        host = real_tap(f"modbus+tcp://127.0.0.1:{port}")
        assert ask(host, "POST /1027//3") == "00"
        assert [ask(host, READ) for _ in range(2)] == ["00 00010002"] * 2
        assert len(asked) == 3
        ask(host, "POST /1027//4")


WRONG: list[tuple[str, Callable[[bytes], bytes | None], set[str]]] = [
    ("closes", lambda request: None, {"b7"}),
    ("nothing but noise", lambda request: b"\xff" * 300, {"b6", "b7"}),
    ("another transaction", lambda request: b"\xff\xff\0\0\0\7\1\3\4\0\1\0\2", {"b6", "b7"}),
    ("another slave", lambda request: request[:4] + b"\0\7\2\3\4\0\1\0\2", {"b6", "b7"}),
    ("another function", lambda request: request[:4] + b"\0\7\1\4\4\0\1\0\2", {"b6", "b7"}),
    ("too few values", lambda request: request[:4] + b"\0\5\1\3\2\0\1", {"b6"}),
    ("cut", lambda request: request[:4] + b"\0\7\1\3\4\0", {"b6", "b7"}),
    ("empty", lambda request: request[:4] + b"\0\2\1\3", {"b6", "b7"}),
    ("only a header", lambda request: request[:4] + b"\0\0", {"b6", "b7"}),
    ("exception 2", lambda request: request[:4] + b"\0\3\1\x83\2", {"b5"}),
    ("exception 6", lambda request: request[:4] + b"\0\3\1\x83\6", {"b1"}),
    ("unknown exception", lambda request: request[:4] + b"\0\3\1\x83\x77", {"b0"}),
]


@pytest.mark.parametrize(("name", "answer", "codes"), WRONG, ids=[name for name, _, _ in WRONG])
def test_answer_that_is_none(name: str, answer: Callable[[bytes], bytes | None], codes: set[str]) -> None:
    with tcp_answering(answer) as port:
        host = real_tap(f"modbus+tcp://127.0.0.1:{port}", timeout=0.1)
        assert ask(host, "POST /1027//3") == "00"
        assert ask(host, READ) in codes
        ask(host, "POST /1027//4")


def test_any_answer_gives_a_code() -> None:
    """Well-formed headers with random contents, and bytes without any sense."""
    dice = random.Random(7)
    requests = [READ, "GET /1027//38 01010000 00000009 00", "POST /1027//37 03010001 00000001 02 1234"]

    def answer(request: bytes) -> bytes | None:
        body = bytes([1, dice.choice([1, 3, 16, 131, dice.randrange(256)])]) + dice.randbytes(dice.randrange(12))
        framed = request[:4] + len(body).to_bytes(2, "big") + body
        return dice.choice([framed, framed, framed[: dice.randrange(1, len(framed))], dice.randbytes(9), None])

    with tcp_answering(answer) as port:
        host = real_tap(f"modbus+tcp://127.0.0.1:{port}", timeout=0.02)
        assert ask(host, "POST /1027//3") == "00"
        codes = {ask(host, dice.choice(requests))[:2] for _ in range(150)}
        ask(host, "POST /1027//4")
    assert codes <= {"00", "b0", "b1", "b4", "b5", "b6", "b7", "bb"}
    assert {"b6", "b7"} <= codes


def test_served_tap_opens_the_target_of_its_configuration(tmp_path: Path) -> None:
    config = tmp_path / "device.yaml"
    with modbus_tcp() as port:
        config.write_text(
            f"tap: 1\ntarget: {{url: 'modbus+tcp://127.0.0.1:{port}'}}\n"
            "settings: {target: {protocol: MODBUS}, interface: {config_version: 0.0.0}}\n"
        )
        command = [*SERVE, "--state", "none", str(config)]
        with serving(command, tmp_path / "log") as server, server.connect() as connection:
            for request, answer in [
                ("a2da000007020403ffff0003", "009000"),
                ("a2ca000010010403ffff0026030100000000000202", "00000a000b9000"),
            ]:
                connection.sendall(bytes.fromhex(request))
                assert connection.recv(300).hex() == answer

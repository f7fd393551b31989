"""A real serial line, which is one end of a pseudo-terminal."""

import itertools
import os
import threading
import time

from emulator.targets.serial_real import RealLine
from emulator.targets.url import parse
from tests.emulator.targets.taps import SERIAL, ask, real_tap
from tests.emulator.targets.wires import terminal
from tests.hosts import Host


def until(host: Host, request: str, answer: str) -> None:
    """Asks until the bytes have come through the terminal."""
    deadline = time.monotonic() + 5
    while ask(host, request) != answer:
        assert time.monotonic() < deadline


def test_serial_line() -> None:
    with terminal() as (device, path):
        host = real_tap(f"serial:{path}?baudrate=115200", SERIAL)
        assert ask(host, "GET /1027//35") == "a5"
        assert ask(host, "POST /1027//3") == "00"
        assert ask(host, "GET /1027//35") == "00"
        assert ask(host, "POST /1027//34 48656c6c6f") == "00"
        assert os.read(device, 99) == b"Hello"
        os.write(device, b"world")
        until(host, "GET /1027//43", "00 0005")
        assert ask(host, "GET /1027//35 00000002") == "00 " + b"wo".hex()
        assert ask(host, "GET /1027//35") == "00 " + b"rld".hex()
        assert ask(host, "POST /1027//4") == "00"
        assert ask(host, "GET /1027//35") == "a5"


def test_answer_ends_with_silence() -> None:
    with terminal() as (device, path):
        host = real_tap(f"serial:{path}", SERIAL, timeout=10)
        assert ask(host, "POST /1027//3") == "00"

        def answer() -> None:
            assert os.read(device, 99) == b"T?"
            os.write(device, b"21.5\r\n")

        far_end = threading.Thread(target=answer)
        far_end.start()
        began = time.monotonic()
        assert ask(host, "GET /1027//34 543f") == "00 " + b"21.5\r\n".hex()
        assert time.monotonic() - began < 5, "it waits for silence, not for the time-out"
        far_end.join(10)
        assert ask(host, "POST /1027//4") == "00"


def test_no_answer_takes_the_time_out_and_no_longer() -> None:
    with terminal() as (_, path):
        host = real_tap(f"serial:{path}", SERIAL, timeout=0.1)
        assert ask(host, "POST /1027//3") == "00"
        began = time.monotonic()
        assert ask(host, "GET /1027//34 41") == "b7"
        assert 0.1 <= time.monotonic() - began < 1.0
        assert ask(host, "POST /1027//4") == "00"


def test_endless_answer_ends_with_its_frame() -> None:
    with terminal() as (device, path):
        line = RealLine(parse(f"serial:{path}"), timeout=0.2)
        line.open(0)
        os.write(device, b"x" * 600)
        assert line.ask(b"", 249, 0) == b"x" * 249
        line.close()


def test_port_that_is_not_there_or_goes_away() -> None:
    assert ask(real_tap("serial:/dev/no-such-port", SERIAL), "POST /1027//3") == "a5"
    with terminal() as (_, path):
        host = real_tap(f"serial:{path}", SERIAL)
        assert ask(host, "POST /1027//3") == "00"
        other = real_tap(f"serial:{path}", SERIAL)
        assert ask(other, "POST /1027//3") == "a5", "the port belongs to the first"
    assert ask(host, "GET /1027//35") == "b7"
    assert ask(host, "POST /1027//34 41") == "a5"


def test_far_end_that_takes_nothing() -> None:
    """A terminal holds some kilobytes; then writing would block."""
    with terminal() as (_, path):
        host = real_tap(f"serial:{path}", SERIAL, timeout=0.1)
        assert ask(host, "POST /1027//3") == "00"
        write = "POST /1027//34 " + "41" * 240
        codes = itertools.takewhile(lambda code: code == "00", (ask(host, write) for _ in range(400)))
        assert len(list(codes)) < 400
        assert ask(host, write) in {"00", "b7"}
        ask(host, "POST /1027//4")

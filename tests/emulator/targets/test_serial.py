"""The simulated far end of the serial line."""

from typing import Literal

import pytest

from emulator.targets.serial import SimulatedLine
from emulator.targets.spec import SerialAnswer, SerialSpec


def script(*answers: SerialAnswer, buffer: int = 64) -> SimulatedLine:
    return SimulatedLine(SerialSpec("script", answers, buffer=buffer), patience=0.5)


def test_loopback() -> None:
    line = SimulatedLine(SerialSpec(), patience=0.5)
    line.send(b"hello ", 0)
    line.send(b"world", 0)
    assert line.waiting(0) == 11
    assert line.receive(7, 0) == b"hello w"
    assert line.receive(99, 0) == b"orld"
    assert line.receive(99, 0) == b""
    assert line.ask(b"again", 99, 0) == b"again"
    line.send(b"lost", 0)
    line.close()
    assert line.waiting(0) == 0


def test_silence() -> None:
    line = SimulatedLine(SerialSpec("silent"), patience=0.5)
    line.send(b"hello", 0)
    assert line.ask(b"hello", 99, 0) == b""
    assert line.waiting(1e6) == 0


AT = SerialAnswer(b"AT\r", b"OK\r\n")
VERSION = SerialAnswer(b"ATI\r", b"V1\r\n")
OTHER = SerialAnswer(b"", b"?")


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ([b"AT\r"], b"OK\r\n"),
        ([b"A", b"T", b"\r"], b"OK\r\n"),
        ([b"noise AT\r noise"], b"OK\r\n"),
        ([b"ATI\rAT\r"], b"V1\r\nOK\r\n"),
        ([b"AT\rATI\r"], b"OK\r\nV1\r\n"),
        ([b"AT\r", b"AT\r"], b"OK\r\nOK\r\n"),
        ([b"AT"], b""),
        ([b""], b""),
    ],
)
def test_script(sent: list[bytes], received: bytes) -> None:
    line = script(AT, VERSION)
    for data in sent:
        line.send(data, 0)
    assert line.receive(99, 0) == received


def test_empty_pattern_answers_what_no_other_does() -> None:
    line = script(OTHER, AT)
    assert line.ask(b"AT\r", 99, 0) == b"OK\r\n"
    assert line.ask(b"hello", 99, 0) == b"?"
    assert line.ask(b"AT\rhello", 99, 0) == b"OK\r\n?"


def test_answer_comes_after_its_delay() -> None:
    line = script(SerialAnswer(b"slow", b"late", delay=0.4), SerialAnswer(b"never", b"too late", delay=2), AT)
    line.send(b"slow", 10)
    line.send(b"AT\r", 10)
    assert line.receive(99, 10.3) == b"OK\r\n"
    assert line.receive(99, 10.4) == b"late"
    assert line.ask(b"slow", 99, 20) == b"late", "within the patience of whoever asks"
    assert line.ask(b"never", 99, 30) == b""
    assert line.receive(99, 32) == b"too late"


def test_greeting() -> None:
    line = SimulatedLine(SerialSpec("silent", greeting=b"boot\r\n"), patience=0.5)
    assert line.waiting(0) == 0
    line.open(5)
    assert line.receive(99, 5) == b"boot\r\n"


@pytest.mark.parametrize("mode", ["loopback", "script"])
def test_buffers_are_bounded(mode: Literal["loopback", "script"]) -> None:
    line = SimulatedLine(SerialSpec(mode, (SerialAnswer(b"", b"x" * 200, 1.0),), buffer=64), patience=0.5)
    for _ in range(2000):
        line.send(b"y" * 240, 0)
    assert line.waiting(10) == 64
    assert len(line.receive(1000, 10)) == 64
    assert line.waiting(10) == 0


def test_pattern_that_never_comes_keeps_no_more_than_it_may() -> None:
    line = script(AT)
    for _ in range(100):
        line.send(b"x" * 240, 0)
    assert len(line._sent) <= 4096
    line.send(b"AT\r", 0)
    assert line.receive(99, 0) == b"OK\r\n"

"""What a configuration of the target may say."""

import subprocess
import sys
from typing import Any

import pytest

from emulator.targets import make_target, url
from emulator.targets.simulated import SimulatedTarget
from emulator.targets.spec import (
    MemoryRegion,
    ModbusSlave,
    S3pVariable,
    SerialAnswer,
    SerialSpec,
    TargetFault,
    TargetSpec,
)
from emulator.targets.url import TargetUrl
from protocol.codes import ResultCode

WRONG: list[tuple[type, dict[str, Any], str]] = [
    (MemoryRegion, {"start": -1, "size": 4}, "does not fit"),
    (MemoryRegion, {"start": 0, "size": 0}, "does not fit"),
    (MemoryRegion, {"start": 0xFFFFFFFF, "size": 2}, "does not fit"),
    (MemoryRegion, {"start": 0, "size": 1, "content": b"12"}, "2 bytes of content"),
    (S3pVariable, {"index": 1024}, "outside 0..1023"),
    (S3pVariable, {"index": 0, "count": 1, "values": (1, 2)}, "2 values"),
    (S3pVariable, {"index": 0, "unit": 1, "values": (256,)}, "does not fit 1 bytes"),
    (ModbusSlave, {"address": 0}, "outside 1..247"),
    (ModbusSlave, {"address": 248}, "outside 1..247"),
    (ModbusSlave, {"coils": {0: 2}}, "expected 0..1"),
    (ModbusSlave, {"holding_registers": {0: 65536}}, "expected 0..65535"),
    (ModbusSlave, {"input_registers": {65536: 0}}, "at 65536"),
    (SerialAnswer, {"pattern": b"", "answer": b"", "delay": -1}, "delay"),
    (SerialSpec, {"buffer": 0}, "1..65535"),
    (TargetFault, {"code": ResultCode.NOT_FOUND}, "no target code"),
    (TargetSpec, {"voltage": 65536}, "0..65535"),
    (TargetSpec, {"timeout": 0}, "up to 10"),
    (TargetSpec, {"timeout": 11}, "up to 10"),
    (TargetSpec, {"pins": {26: 0}}, "pins are 0..25"),
    (TargetSpec, {"pins": {0: 2}}, "0 or 1"),
    (TargetSpec, {"modbus": (ModbusSlave(1), ModbusSlave(1))}, "slave 1 is there twice"),
    (TargetSpec, {"s3p": (S3pVariable(3), S3pVariable(3))}, "S3P index 3 is there twice"),
    (TargetSpec, {"memory": (MemoryRegion(0, 8), MemoryRegion(7, 8))}, "overlap at 0x7"),
    (TargetSpec, {"url": "http://host"}, "expected modbus"),
]


@pytest.mark.parametrize(("part", "fields", "reason"), WRONG)
def test_what_does_not_fit_is_told_at_once(part: type, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        part(**fields)


def test_regions_may_touch_each_other() -> None:
    TargetSpec(memory=(MemoryRegion(8, 8), MemoryRegion(0, 8)))


URLS = [
    ("modbus+tcp://plc:1502", TargetUrl("modbus+tcp", host="plc", port=1502)),
    ("modbus+tcp://10.0.0.7", TargetUrl("modbus+tcp", host="10.0.0.7", port=502)),
    ("modbus+tcp://[::1]:502/", TargetUrl("modbus+tcp", host="::1", port=502)),
    (
        "modbus+serial:/dev/ttyUSB0?baudrate=19200&parity=e&stopbits=2&bytesize=7",
        TargetUrl(
            "modbus+serial",
            device="/dev/ttyUSB0",
            line={"baudrate": 19200, "parity": "E", "stopbits": 2, "bytesize": 7},
        ),
    ),
    ("serial:/dev/x?stopbits=1.5", TargetUrl("serial", device="/dev/x", line={"baudrate": 9600, "stopbits": 1.5})),
    ("serial:/dev/ttyACM0", TargetUrl("serial", device="/dev/ttyACM0", line={"baudrate": 9600})),
]


@pytest.mark.parametrize(("text", "address"), URLS)
def test_address_of_a_real_target(text: str, address: TargetUrl) -> None:
    assert url.parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "modbus+tcp:plc",
        "modbus+tcp://",
        "modbus+tcp://plc:x",
        "modbus+tcp://plc:99999",
        "modbus+tcp://plc/path",
        "modbus+serial://host/dev",
        "serial:",
        "serial:/dev/x?baudrate=fast",
        "serial:/dev/x?baudrate=1",
        "serial:/dev/x?parity=Q",
        "serial:/dev/x?color=red",
        "serial:/dev/x?baudrate",
        "tcp://plc",
        "plc",
        "modbus+tcp://[",
    ],
)
def test_address_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected modbus"):
        url.parse(text)


def test_making_a_target_opens_nothing() -> None:
    for address in ("", "modbus+tcp://nowhere.invalid:1", "modbus+serial:/dev/none", "serial:/dev/none"):
        assert isinstance(make_target(TargetSpec(url=address)), SimulatedTarget)


def test_libraries_for_real_targets_are_not_imported_to_serve() -> None:
    """They would take a third of the time that a Tap has to start."""
    check = "import sys, emulator.commands.serve; sys.exit(bool({'pymodbus', 'serial'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

"""The target of device.yaml."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from emulator.blueprint import demo
from emulator.config import Loaded, json_schema
from emulator.targets.spec import (
    MemoryRegion,
    ModbusSlave,
    S3pVariable,
    SerialAnswer,
    SerialSpec,
    TargetFault,
    TargetSpec,
)
from protocol.codes import ResultCode

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("", TargetSpec()),
        ("{}", TargetSpec()),
        (" modbus+tcp://10.0.0.5:502", TargetSpec(url="modbus+tcp://10.0.0.5:502")),
        ("{url: modbus+tcp://10.0.0.5:502, timeout: 2}", TargetSpec(url="modbus+tcp://10.0.0.5:502", timeout=2.0)),
        ("{present: false, auto_connect: true, voltage: 0xCE4}", TargetSpec("", 0.5, False, True, 3300)),
        (
            "{memory: [{start: 0x20000000, size: 1024, rights: r, content: 00FF, name: RAM}, {start: 0, size: 4}]}",
            TargetSpec(memory=(MemoryRegion(0x20000000, 1024, "r", b"\0\xff", "RAM"), MemoryRegion(0, 4))),
        ),
        ('{memory: [{start: 0, size: 4294967296, rights: ""}]}', TargetSpec(memory=(MemoryRegion(0, 1 << 32, ""),))),
        ("{core_registers: {15: 0x100}}", TargetSpec(core_registers={15: 256})),
        ("{debug_registers: {0x80000000: 1}}", TargetSpec(debug_registers={1 << 31: 1})),
        (
            "{s3p: [{index: 3, unit: 2, count: 4, values: [1, 2]}]}",
            TargetSpec(s3p=(S3pVariable(3, 2, 4, "rw", (1, 2)),)),
        ),
        ("{modbus: []}", TargetSpec(modbus=())),
        (
            "{modbus: [{address: 2, coils: {0: 1}, input_registers: {258: 7}, only_listed: true}]}",
            TargetSpec(modbus=(ModbusSlave(2, {0: 1}, {}, {}, {258: 7}, True),)),
        ),
        (
            "{serial: {mode: script, greeting: 0A, answers: [{pattern: 61, answer: 62, delay: .5}]}}",
            TargetSpec(serial=SerialSpec("script", (SerialAnswer(b"a", b"b", 0.5),), b"\n")),
        ),
        ("{pins: {3: 1}}", TargetSpec(pins={3: 1})),
        (
            "{faults: [{code: target_power_failure, operation: read, first: 0x10, count: 2}, {code: 0xA5}]}",
            TargetSpec(
                faults=(
                    TargetFault(ResultCode.TARGET_POWER_FAILURE, "read", 16, None, None, 0, 2),
                    TargetFault(ResultCode.UNABLE_TO_CONNECT_TO_TARGET),
                )
            ),
        ),
    ],
)
def test_targets(load_text: LoadText, text: str, spec: TargetSpec) -> None:
    assert load_text(f"tap: 1\nbase: factory\ntarget: {text}\n").blueprint.target == spec


def test_what_is_left_out_is_as_on_the_demo_tap(load_text: LoadText) -> None:
    target = load_text("tap: 1\ntarget: {voltage: 5000}\n").blueprint.target
    assert target == replace(demo().target, voltage=5000)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (" 5", 2, "target cannot be so (target '5'; expected modbus+tcp://HOST"),
        ("\n  voltag: 3300", 3, "target.voltag is an unknown key, expected voltage or another of url"),
        ("\n  voltage: 3.3", 3, "target.voltage is 3.3, expected a whole number"),
        (
            "\n  voltage: 70000",
            2,
            "target cannot be so (a target voltage of 70000 mV; expected 0..65535), expected val",
        ),
        ("\n  memory: 5", 3, "target.memory is 5, expected a list"),
        ("\n  memory:\n  - {start: 0}", 4, "target.memory.0.size is missing, expected size: a whole number from 1 to"),
        (
            "\n  memory:\n  - {start: 0, size: 1, content: 0102}",
            4,
            "target.memory.0 cannot be so (2 bytes of content in",
        ),
        ("\n  memory: [{start: 0, size: 4}, {start: 2, size: 4}]", 2, "target cannot be so (memory regions overlap at"),
        ("\n  memory:\n  - {start: 0, size: 1, rights: x}", 4, "target.memory.0.rights is x, expected one of "),
        ("\n  core_registers: {pc: 1}", 3, "target.core_registers.pc is 'pc', expected a whole number"),
        ("\n  core_registers: {1: pc}", 3, "target.core_registers.1 is pc, expected a whole number"),
        (
            "\n  core_registers: {16: 1, 0x10: 2}",
            3,
            "core_registers has 0x10, which is 16 again, expected each only once",
        ),
        ("\n  core_registers: [1]", 3, "target.core_registers is a list, expected a mapping"),
        ("\n  s3p: [{index: 1, unit: 3}]", 3, "target.s3p.0.unit is 3, expected one of 1, 2, 4"),
        ("\n  modbus: [{address: 0}]", 3, "target.modbus.0 cannot be so (Modbus slave 0 is outside 1..247)"),
        ("\n  serial: {answers: [{pattern: 6, answer: 62}]}", 3, "target.serial.answers.0.pattern is 6, expected hex"),
        ("\n  faults: [{code: not_found}]", 3, "target.faults.0 cannot be so (NOT_FOUND is no target code"),
        ("\n  faults: [{code: bad_luck}]", 3, "target.faults.0.code is bad_luck, expected one of ok, pending"),
    ],
)
def test_mistakes(problems: Problems, text: str, line: int, reason: str) -> None:
    found = problems(f"tap: 1\ntarget:{text}\n")
    assert [one_line for one_line, _ in found] == [line]
    assert reason in found[0][1]


def test_the_schema_has_each_part_of_a_target_and_each_signal() -> None:
    definitions = json_schema()["$defs"]
    classes: list[Any] = [TargetSpec, MemoryRegion, S3pVariable, ModbusSlave, SerialSpec, SerialAnswer, TargetFault]
    for one in classes:
        assert set(definitions[one.__name__]["properties"]) == {field.name for field in fields(one)}
    assert set(definitions["Signal"]["properties"]) == {
        "constant",
        "ramp",
        "sine",
        "square",
        "random_walk",
        "steps",
        "recording",
        "csv",
    }
    assert definitions["VariableEntry"]["properties"]["signal"]["$ref"] == "#/$defs/Signal"

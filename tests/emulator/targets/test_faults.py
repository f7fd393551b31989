"""Failures of the target that a configuration asks for."""

from dataclasses import replace

import pytest

from emulator.targets.spec import FAULT_CODES, ModbusSlave, Operation, TargetFault, TargetSpec
from protocol.bodies.target import TargetProtocol
from protocol.codes import ResultCode
from tests.emulator.targets.taps import MEMORY, MODBUS, S3P, SERIAL, SPEC, ask, connected


@pytest.mark.parametrize("code", sorted(FAULT_CODES))
def test_every_code_can_be_provoked(code: ResultCode) -> None:
    host = connected(TargetSpec(faults=(TargetFault(code, "read"),)))
    assert ask(host, "GET /1027//33 20000000 00000001 03") == f"{code:02x}"
    assert ask(host, "POST /1027//33 20000000 00000001 01 00") == "00"


OPERATIONS: list[tuple[Operation, TargetProtocol, str]] = [
    ("connect", MEMORY, "POST /1027//3"),
    ("disconnect", MEMORY, "POST /1027//4"),
    ("reset", MEMORY, "POST /1027//5"),
    ("reset", MEMORY, "POST /1027//30"),
    ("read", MEMORY, "GET /1027//33 20000000 00000001 03"),
    ("read", MEMORY, "GET /1027//33 00000000 00000001 41"),
    ("read", S3P, "GET /1027//33 00000002 00000001 02"),
    ("read", MODBUS, "GET /1027//38 03010000 00000001 02"),
    ("write", MEMORY, "POST /1027//33 20000000 00000001 01 01"),
    ("write", MEMORY, "POST /1027//33 00000000 00000001 41 01"),
    ("write", S3P, "POST /1027//33 00000002 00000001 02 0001"),
    ("write", MODBUS, "POST /1027//37 03010000 00000001 02 0001"),
    ("register", MEMORY, "GET /1027//31 00000000"),
    ("register", MEMORY, "POST /1027//31 00000004 00000000"),
    ("register", MEMORY, "GET /1027//32 00"),
    ("register", MEMORY, "POST /1027//32 00 00000000"),
    ("send", SERIAL, "POST /1027//34 41"),
    ("send", SERIAL, "GET /1027//34 41"),
    ("receive", SERIAL, "GET /1027//35"),
]


@pytest.mark.parametrize(("operation", "protocol", "request_"), OPERATIONS)
def test_fault_of_one_operation(operation: Operation, protocol: TargetProtocol, request_: str) -> None:
    skip = 1 if operation == "connect" else 0
    fault = TargetFault(ResultCode.TARGET_PROTOCOL_REAL, operation, skip=skip)
    host = connected(replace(SPEC, memory=(), faults=(fault,)), protocol)
    assert ask(host, request_) == "b2"
    assert [ask(host, other) for kind, used, other in OPERATIONS if kind != operation and used is protocol].count(
        "b2"
    ) == 0


@pytest.mark.parametrize(
    ("fault", "answers"),
    [
        ({"first": 0x20000004, "last": 0x20000007}, ["00", "b2", "00"]),
        ({"first": 0x20000004}, ["00", "b2", "b2"]),
        ({"last": 0x20000007}, ["b2", "b2", "00"]),
        ({"first": 0x20000003, "last": 0x20000003}, ["b2", "00", "00"]),
        ({"skip": 1}, ["00", "b2", "b2"]),
        ({"skip": 1, "count": 1}, ["00", "b2", "00"]),
        ({"count": 2}, ["b2", "b2", "00"]),
        ({"slave": 1}, ["00", "00", "00"]),
    ],
)
def test_fault_of_some_accesses(fault: dict[str, int], answers: list[str]) -> None:
    host = connected(TargetSpec(faults=(TargetFault(ResultCode.TARGET_PROTOCOL_REAL, "read", **fault),)))
    codes = [ask(host, f"GET /1027//33 2000000{digit} 00000001 03")[:2] for digit in (0, 4, 8)]
    assert codes == answers


def test_fault_of_a_slave() -> None:
    fault = TargetFault(ResultCode.TARGET_PROTOCOL_BUSY, slave=2, operation="read")
    host = connected(TargetSpec(modbus=(ModbusSlave(1), ModbusSlave(2)), faults=(fault,)), MODBUS)
    assert ask(host, "GET /1027//38 03010000 00000001 02") == "00 0000"
    assert ask(host, "GET /1027//38 03020000 00000001 02") == "b1"
    assert ask(host, "POST /1027//40 ff") == "00"

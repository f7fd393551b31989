"""A value that the world changes and that is read at once: the short way does what the long one does."""

from dataclasses import replace

import pytest

from emulator.blueprint import Blueprint, Variable
from emulator.clock import VirtualClock
from emulator.device import Device
from emulator.targets.simulated import SimulatedTarget
from emulator.targets.spec import MemoryRegion, ModbusSlave, S3pVariable, TargetFault, TargetSpec
from protocol.bodies.target import TargetProtocol
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import ResultCode
from protocol.errors import PeerError

BYTE, WORD = VariableType(Domain.TARGET, DataType.UINT8), VariableType(Domain.TARGET, DataType.UINT32)
BIT, PIN = VariableType(Domain.TARGET, DataType.BOOLEAN), VariableType(Domain.GPIO, DataType.BOOLEAN)
PLAIN = TargetSpec(auto_connect=True, modbus=(ModbusSlave(1),), s3p=(S3pVariable(1, 1),))
AT = 0x2000_0000


@pytest.mark.parametrize(
    "protocol", [TargetProtocol.SWD, TargetProtocol.S3P, TargetProtocol.MODBUS, TargetProtocol.SERIAL]
)
@pytest.mark.parametrize(
    ("variable", "data"),
    [
        (Variable(BYTE, address=AT), b"\x05"),
        (Variable(BYTE, address=1), b"\x05"),
        (Variable(WORD, address=AT, length=2), bytes(range(8))),
        (Variable(WORD, address=AT + 4094), bytes(range(4))),
        (Variable(WORD, address=AT + 4096), bytes(range(4))),
        (Variable(WORD, address=0xFFFF_FFFF), bytes(range(4))),
        (Variable(BIT, address=AT, length=3), b"\x01\x00\x01"),
        (Variable(PIN, address=2), b"\x01"),
    ],
)
@pytest.mark.parametrize(
    "spec",
    [
        PLAIN,
        replace(PLAIN, auto_connect=False),
        replace(PLAIN, present=False),
        replace(PLAIN, voltage=0),
        replace(PLAIN, memory=(MemoryRegion(AT, 64, "w"),)),
        replace(PLAIN, faults=(TargetFault(ResultCode.TARGET_PROTOCOL_ERROR, operation="read"),)),
    ],
)
def test_play_is_poke_and_read(protocol: TargetProtocol, variable: Variable, data: bytes, spec: TargetSpec) -> None:
    outcomes = []
    for short in (False, True):
        device = Device(Blueprint(target=spec, settings={"target.protocol": protocol}), clock=VirtualClock())
        target = device.target
        assert isinstance(target, SimulatedTarget)
        answers: list[bytes | ResultCode] = []
        for value in (data, data[::-1]):
            try:
                if short:
                    answers.append(target.play(variable, value))
                else:
                    target.poke(variable, value)
                    answers.append(target.read_variable(variable))
            except PeerError as error:
                answers.append(error.code)
        outcomes.append((answers, target.remember()))
    assert outcomes[0] == outcomes[1]

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


SWD, S3P, MODBUS, SERIAL = TargetProtocol.SWD, TargetProtocol.S3P, TargetProtocol.MODBUS, TargetProtocol.SERIAL
FOUR = bytes(range(4))
AT_START = (Variable(BYTE, address=AT), b"\x05")
INDEXED = (Variable(BYTE, address=1), b"\x05")
OF_ANY_FORM = [
    AT_START,
    (Variable(WORD, address=AT, length=2), bytes(range(8))),
    (Variable(WORD, address=AT + 4096), FOUR),
    (Variable(WORD, address=AT + 4092, length=2), bytes(range(8))),
    (Variable(WORD, address=AT + 4094), FOUR),
    (Variable(WORD, address=0xFFFF_FFFF), FOUR),
    (Variable(BIT, address=AT, length=3), b"\x01\x00\x01"),
    (Variable(PIN, address=2), b"\x01"),
]
FAULT = TargetFault(ResultCode.TARGET_PROTOCOL_ERROR, operation="read")
NOT_PLAIN = [
    replace(PLAIN, auto_connect=False),
    replace(PLAIN, present=False),
    replace(PLAIN, voltage=0),
    replace(PLAIN, memory=(MemoryRegion(AT, 64, "w"),)),
    replace(PLAIN, faults=(FAULT,)),
]


@pytest.mark.parametrize(
    ("protocol", "variable", "data", "spec"),
    [
        *[(SWD, *one, PLAIN) for one in OF_ANY_FORM],
        *[(protocol, *one, PLAIN) for protocol in (S3P, MODBUS, SERIAL) for one in (AT_START, INDEXED)],
        *[(SWD, *one, spec) for spec in NOT_PLAIN for one in (AT_START, OF_ANY_FORM[-1])],
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

"""Variables on the target and on pins: where they are, and what the world does with them."""

import pytest

from emulator.blueprint import Bundle, Simulation, Variable
from emulator.signals import Ramp
from protocol.bodies.target import TargetProtocol
from protocol.bodies.variable import DataType, Domain, VariableType
from tests.emulator.targets.taps import MEMORY, MODBUS, S3P, ask, connected, tap
from tests.hosts import Host


def variable(domain: Domain, data: DataType, address: int, length: int = 1) -> Variable:
    return Variable(VariableType(domain, data), length, 1, address)


TARGET = Domain.TARGET
VARIABLES = [
    (MEMORY, variable(TARGET, DataType.UINT32, 0x20000000), "11223344", "20000000 00000004 01", "44332211"),
    (MEMORY, variable(TARGET, DataType.FLOAT32, 0x20000010, 2), "40490000c0200000", "20000010 00000001 02", "0000"),
    (MEMORY, variable(TARGET, DataType.INT16, 0x20000010, 2), "fffe0001", "20000010 00000004 01", "feff0100"),
    (MEMORY, variable(TARGET, DataType.ASCII, 0x20000010, 4), "54617000", "20000010 00000004 01", "54617000"),
    (MEMORY, variable(TARGET, DataType.BOOLEAN, 0x20000010, 2), "0100", "20000010 00000002 01", "0100"),
    (MODBUS, variable(TARGET, DataType.UINT16, 0x03010005, 2), "00010002", "03010005 00000002 02", "00010002"),
    (MODBUS, variable(TARGET, DataType.INT32, 0x00000005), "fffffffe", "03010005 00000002 02", "fffffffe"),
    (MODBUS, variable(TARGET, DataType.BOOLEAN, 0x00000005, 2), "0001", "01010005 00000002 00", "0001"),
    (MODBUS, variable(TARGET, DataType.UINT8, 0x03010005), "7f", "03010005 00000001 02", "007f"),
    (S3P, variable(TARGET, DataType.UINT16, 2, 2), "000a000b", "00000002 00000002 02", "000a000b"),
    (MEMORY, variable(Domain.GPIO, DataType.BOOLEAN, 7), "01", "00000007 00000001 41", "01"),
    (MEMORY, variable(Domain.GPIO, DataType.INT8, 0x80000007), "03", "80000007 00000001 41", "03"),
]


@pytest.mark.parametrize(("protocol", "variable", "value", "place", "raw"), VARIABLES)
def test_variable_is_where_its_address_says(
    protocol: TargetProtocol, variable: Variable, value: str, place: str, raw: str
) -> None:
    host = connected(protocol=protocol, variables={7: variable}, bundles={1: Bundle()})
    if variable.type.domain is Domain.GPIO:
        assert ask(host, "POST /1027//33 80000007 00000001 41 03") == "00"
    assert ask(host, f"POST /1029/7/5 {value}") == "00"
    assert ask(host, "GET /1029/7/4") == f"00 {value}"
    assert ask(host, f"GET /1027//33 {place}") == f"00 {raw}"


@pytest.mark.parametrize(("protocol", "variable", "value", "place", "raw"), VARIABLES[:-2])
def test_starting_value_of_a_variable(
    protocol: TargetProtocol, variable: Variable, value: str, place: str, raw: str
) -> None:
    host = connected(
        protocol=protocol, variables={7: variable}, bundles={1: Bundle()}, values={7: bytes.fromhex(value)}
    )
    assert ask(host, "GET /1029/7/4") == f"00 {value}"
    assert ask(host, f"GET /1027//33 {place}") == f"00 {raw}"


def test_signal_moves_memory_and_registers() -> None:
    signal = {7: Simulation(signal=Ramp(0, 100, period=100))}
    for protocol, address, request in [
        (MEMORY, 0x20000010, "GET /1027//33 20000010 00000001 02"),
        (MODBUS, 0x04010010, "GET /1027//38 04010010 00000001 02"),
        (S3P, 2, "GET /1027//33 00000002 00000001 02"),
    ]:
        host, _, clock = tap(
            protocol=protocol,
            variables={7: variable(TARGET, DataType.UINT16, address)},
            bundles={1: Bundle()},
            simulations=signal,
        )
        assert ask(host, "POST /1027//3") == "00"
        clock.advance(42)
        assert ask(host, request) == "00 002a"


def test_poke_never_fails() -> None:
    for protocol, address in [
        (MEMORY, 0x30000000),
        (MODBUS, 0x03630000),
        (MODBUS, 0xFF010000),
        (S3P, 9),
    ]:
        host = connected(
            protocol=protocol,
            variables={7: variable(TARGET, DataType.UINT16, address)},
            bundles={1: Bundle()},
            values={7: b"\0\1"},
        )
        assert ask(host, "GET /1029/7/4") in {"b0", "b7", "b3", "b4"}
    device = tap(variables={7: variable(Domain.GPIO, DataType.INT8, 99)}, bundles={1: Bundle()}, values={7: b"\1"})[1]
    assert ask(Host(device), "GET /1029/7/4") == "b3"

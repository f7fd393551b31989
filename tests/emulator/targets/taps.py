"""Taps with a target, for tests that ask them byte for byte."""

from typing import Any

from emulator.blueprint import Blueprint
from emulator.clock import VirtualClock
from emulator.device import Device
from emulator.targets import make_target
from emulator.targets.spec import MemoryRegion, ModbusSlave, S3pVariable, TargetSpec
from protocol.bodies.target import TargetProtocol
from protocol.firmware import Version
from tests.hosts import Host, make_device

MEMORY = TargetProtocol.SWD
S3P = TargetProtocol.S3P
MODBUS = TargetProtocol.MODBUS
SERIAL = TargetProtocol.SERIAL

SPEC = TargetSpec(
    memory=(
        MemoryRegion(0x20000000, 0x1000, content=bytes.fromhex("44332211")),
        MemoryRegion(0x08000000, 0x100, rights="r", content=b"\x01"),
    ),
    s3p=(S3pVariable(2, unit=2, count=2, values=(0x0102, 0x0304)), S3pVariable(3, rights="r", values=(9,))),
    modbus=(ModbusSlave(1, coils={1: 1}, holding_registers={0: 0x1234, 1: 0x5678}),),
    pins={2: 1},
)


def tap(
    spec: TargetSpec = SPEC, protocol: TargetProtocol = MEMORY, **changes: Any
) -> tuple[Host, Device, VirtualClock]:
    """A Tap in factory state, where everybody may do everything."""
    settings = {"interface.config_version": Version(0), "target.protocol": protocol, **changes.pop("settings", {})}
    device, clock = make_device(target=spec, settings=settings, **changes)
    return Host(device), device, clock


def connected(spec: TargetSpec = SPEC, protocol: TargetProtocol = MEMORY, **changes: Any) -> Host:
    """The same, connected to its target."""
    host = tap(spec, protocol, **changes)[0]
    assert host.post("/1027//3").success
    return host


def real_tap(url: str, protocol: TargetProtocol = MODBUS, timeout: float = 0.5) -> Host:
    """A Tap in factory state with a real target."""
    settings = {"interface.config_version": Version(0), "target.protocol": protocol}
    blueprint = Blueprint(settings=settings, target=TargetSpec(url=url, timeout=timeout))
    return Host(Device(blueprint, clock=VirtualClock(), target=make_target(blueprint.target)))


def ask(host: Host, request: str) -> str:
    """``GET /1027//33 20000000 ...`` as result code and body, all in hexadecimal."""
    method, path, *body = request.split(" ", 2)
    response = host.ask(method, path, bytes.fromhex("".join(body)))
    return f"{response.code:02x} {response.body.hex()}".strip()

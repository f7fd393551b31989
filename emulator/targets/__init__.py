"""What is connected to a Tap: a simulated microcontroller, Modbus slave or serial line, or a real one."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.targets.base import Target
    from emulator.targets.spec import TargetSpec


def make_target(spec: "TargetSpec") -> "Target":
    """The target of a configuration; a real device is opened when a client connects the Tap to it.

    The libraries for real devices are imported only where one is configured, so that other Taps start fast.
    """
    from emulator.targets import url
    from emulator.targets.simulated import SimulatedTarget

    if not spec.url:
        return SimulatedTarget(spec)
    address = url.parse(spec.url)
    if address.scheme == url.SERIAL:
        from emulator.targets.serial_real import RealLine

        return SimulatedTarget(spec, line=RealLine(address, spec.timeout))
    from emulator.targets.modbus_real import RealBus

    return SimulatedTarget(spec, bus=RealBus(address, spec.timeout))

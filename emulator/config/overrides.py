"""What the command line changes in a configuration."""

from dataclasses import replace

from emulator.blueprint import SERIAL_NUMBER, Blueprint
from protocol.firmware import Version


def with_overrides(blueprint: Blueprint, firmware: Version | None = None, seed: int | None = None) -> Blueprint:
    """The same Tap with another firmware or seed; None leaves what the configuration says.

    A Tap with a seed and without a serial number of its own gets one that follows from the seed, so that several
    Taps in one test differ (decision D3).
    """
    if firmware is not None:
        blueprint = replace(blueprint, firmware=firmware)
    if seed is not None:
        blueprint = replace(blueprint, seed=seed)
    if blueprint.seed is None or SERIAL_NUMBER in blueprint.settings:
        return blueprint
    serial_number = f"IoTize0041{blueprint.seed & 0xFFFFFFFF:08X}"
    return replace(blueprint, settings={**blueprint.settings, SERIAL_NUMBER: serial_number})

"""Bodies of the pins of the module."""

from enum import IntEnum
from typing import Final

from protocol.values import enumeration

PIN_COUNT: Final = 26
"""Pins 0..25: RST, TDI, TDO, SWDCK, SWDIO, SCL_FACTORYRST, EXT_A2..A11, EXT_B2..B11."""


class GPIOMode(IntEnum):
    """What a pin is used for."""

    INPUT_FLOATING = 0
    OUTPUT_OPEN_DRAIN = 1
    OUTPUT_PUSH_PULL = 3
    INPUT_PULL_UP = 4
    OUTPUT_OPEN_DRAIN_PULL_UP = 5
    INPUT_PULL_DOWN = 8


GPIO_MODE: Final = enumeration("gPIOMode", GPIOMode)

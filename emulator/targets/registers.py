"""Registers of a simulated Cortex-M: those of its core, and those of its debug port."""

from collections.abc import Mapping
from typing import Final

from emulator import remembered
from emulator.remembered import Remembered
from protocol.codes import ResultCode
from protocol.errors import PeerError

CORE_REGISTERS: Final = 21
"""r0..r12, sp, lr, pc, xpsr, msp, psp, 19 is not used, 20 control: the numbers of a Cortex-M's register selector."""
IDCODE: Final = 0
_CORTEX_M0_PLUS: Final = 0x0BC11477
_MAX_DEBUG_REGISTERS: Final = 1024


class Registers(Remembered):
    """All registers, 32 bits each.

    Args:
        core: values after a reset, by number.
        debug: values by address; what is not there is 0.
    """

    KEPT = remembered.kept(_core=remembered.container, _debug=remembered.container)
    FIXED = ("_after_reset",)

    def __init__(self, core: Mapping[int, int], debug: Mapping[int, int]) -> None:
        self._after_reset = core
        self._debug = {IDCODE: _CORTEX_M0_PLUS, **debug}
        self.reset()

    def reset(self) -> None:
        """The core starts."""
        self._core = [self._after_reset.get(number, 0) & 0xFFFFFFFF for number in range(CORE_REGISTERS)]

    def read_core(self, number: int) -> int:
        """A register of the core.

        Raises:
            PeerError: B3, there is none of this number.
        """
        return self._core[_checked(number)]

    def write_core(self, number: int, value: int) -> None:
        """Writes a register of the core."""
        self._core[_checked(number)] = value

    def read_debug(self, address: int) -> int:
        """A register of the debug port."""
        return self._debug.get(address, 0) & 0xFFFFFFFF

    def write_debug(self, address: int, value: int) -> None:
        """Writes a register of the debug port.

        Raises:
            PeerError: B4, the register can only be read; B9, more registers were written than are simulated.
        """
        if address == IDCODE:
            raise PeerError("IDCODE can only be read", ResultCode.TARGET_PROTOCOL_FORBIDDEN)
        if address not in self._debug and len(self._debug) >= _MAX_DEBUG_REGISTERS:
            raise PeerError(f"more than {_MAX_DEBUG_REGISTERS} debug registers", ResultCode.TARGET_PROTOCOL_INT)
        self._debug[address] = value


def _checked(number: int) -> int:
    if not 0 <= number < CORE_REGISTERS:
        raise PeerError(f"there is no core register {number}", ResultCode.TARGET_PROTOCOL_WRONG_PARAM)
    return number

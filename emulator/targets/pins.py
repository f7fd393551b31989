"""The pins of the module: modes, levels that the Tap puts out, and levels that the world puts in."""

from collections.abc import Mapping
from typing import Final

from emulator import remembered
from emulator.remembered import Remembered
from protocol.bodies.gpio import PIN_COUNT, GPIOMode
from protocol.bodies.target import GPIO_MODE_BIT, LEAVE_ALONE
from protocol.codes import ResultCode
from protocol.errors import PeerError

_PULLED_UP: Final = frozenset({GPIOMode.INPUT_PULL_UP, GPIOMode.OUTPUT_OPEN_DRAIN_PULL_UP})
_OPEN_DRAIN: Final = frozenset({GPIOMode.OUTPUT_OPEN_DRAIN, GPIOMode.OUTPUT_OPEN_DRAIN_PULL_UP})


class Pins(Remembered):
    """All pins. A floating pin is low.

    Args:
        driven: levels that the world puts on pins, by number.
    """

    KEPT = remembered.kept(_driven=remembered.container, _modes=remembered.container, _output=remembered.container)

    def __init__(self, driven: Mapping[int, int]) -> None:
        self._driven = dict(driven)
        self.restart()

    def restart(self) -> None:
        """All pins are inputs again, as after a reboot of the Tap."""
        self._modes = [GPIOMode.INPUT_FLOATING] * PIN_COUNT
        self._output = [0] * PIN_COUNT

    def read(self, address: int, count: int) -> bytes:
        """Levels, or with bit 31 of the address modes; one byte per pin.

        Raises:
            PeerError: B3, there are no such pins.
        """
        pins = _numbers(address, count)
        if address & GPIO_MODE_BIT:
            return bytes(self._modes[pin] for pin in pins)
        return bytes(self._level(pin) for pin in pins)

    def write(self, address: int, count: int, data: bytes) -> None:
        """Puts out levels, or sets modes; FF leaves a pin alone.

        Raises:
            PeerError: 80, not one byte per pin; B3, there are no such pins or no such mode.
        """
        pins = _numbers(address, count)
        if len(data) != count:
            raise PeerError(f"{count} pins, and {len(data)} bytes")
        changes = [(pin, value) for pin, value in zip(pins, data, strict=True) if value != LEAVE_ALONE]
        if not address & GPIO_MODE_BIT:
            for pin, value in changes:
                self._output[pin] = int(value != 0)
            return
        if unknown := [value for _, value in changes if value not in list(GPIOMode)]:
            raise PeerError(f"no pin mode {unknown[0]}", ResultCode.TARGET_PROTOCOL_WRONG_PARAM)
        for pin, value in changes:
            self._modes[pin] = GPIOMode(value)

    def poke(self, address: int, levels: list[int]) -> None:
        """The world puts levels on pins; pins that do not exist stay so."""
        for pin, level in enumerate(levels, address):
            if 0 <= pin < PIN_COUNT:
                self._driven[pin] = int(level != 0)

    def _level(self, pin: int) -> int:
        mode = self._modes[pin]
        if mode is GPIOMode.OUTPUT_PUSH_PULL or (mode in _OPEN_DRAIN and not self._output[pin]):
            return self._output[pin]
        return self._driven.get(pin, int(mode in _PULLED_UP))


def _numbers(address: int, count: int) -> range:
    first = address & ~GPIO_MODE_BIT
    if not count or first + count > PIN_COUNT:
        raise PeerError(f"pins {first}..{first + count - 1}", ResultCode.TARGET_PROTOCOL_WRONG_PARAM)
    return range(first, first + count)

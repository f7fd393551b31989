"""A simulated TapNPass: the adapter between a Tap and a serial or USB device, as far as clients see it."""

from collections.abc import Callable
from typing import Final

from emulator import remembered
from emulator.remembered import Remembered
from protocol.bodies.tapnpass import (
    AdpCom,
    AdpCommand,
    AdpControlIn,
    AdpControlOut,
    AdpIntern,
    AdpResultCode,
    AdpStats,
)

TOTAL_BUFFER: Final = 4096
"""Bytes that the adapter has for what it sends."""


class Adapter(Remembered):
    """One adapter. Packing is accepted and does nothing, since nobody shows its format."""

    KEPT = remembered.kept(
        control_in=remembered.value,
        control_out=remembered.value,
        action=remembered.value,
        _started=remembered.instant,
        _commands=remembered.value,
        _buffer=remembered.value,
        _delimiters=remembered.container,
    )

    def __init__(self) -> None:
        self.restart(0.0)

    def restart(self, now: float) -> None:
        """It starts with its Tap."""
        self.control_in = AdpControlIn()
        """The last command."""
        self.control_out = AdpControlOut()
        """Its result."""
        self.action = b""
        """The last action, whose meaning nobody states."""
        self._started = now
        self._commands = 0
        self._buffer = TOTAL_BUFFER
        self._delimiters: dict[int, int] = {}

    def execute(self, command: AdpControlIn) -> None:
        """Executes a command; the result is `control_out`."""
        self._commands += 1
        self.control_in = command
        handler = _COMMANDS.get(command.command)  # type: ignore[call-overload]
        if handler is None:
            self.control_out = AdpControlOut(AdpResultCode.UNKNOWN_COMMAND)
        else:
            self.control_out = handler(self, command)

    def status(self, now: float) -> AdpStats:
        """Counters, which count seconds, starts and commands; the order of their bytes is assumed to be big-endian."""
        seconds = int(now - self._started) & 0xFFFFFFFF
        return AdpStats(
            com=AdpCom(nb_com_adp=(self._commands & 0xFFFFFFFF).to_bytes(4, "big")),
            intern=AdpIntern(time=seconds.to_bytes(4, "big"), nb_boots=(1).to_bytes(4, "big")),
        )

    def _none(self, command: AdpControlIn) -> AdpControlOut:
        return AdpControlOut()

    def _done(self, command: AdpControlIn) -> AdpControlOut:
        return AdpControlOut(AdpResultCode.OK)

    def _total(self, command: AdpControlIn) -> AdpControlOut:
        return AdpControlOut(AdpResultCode.OK, TOTAL_BUFFER)

    def _get_size(self, command: AdpControlIn) -> AdpControlOut:
        return AdpControlOut(AdpResultCode.OK, self._buffer)

    def _set_size(self, command: AdpControlIn) -> AdpControlOut:
        if not 1 <= command.param <= TOTAL_BUFFER:
            return AdpControlOut(AdpResultCode.INVALID_PARAM, command.param)
        self._buffer = command.param
        return AdpControlOut(AdpResultCode.OK, command.param)

    def _set_delimiter(self, command: AdpControlIn) -> AdpControlOut:
        self._delimiters[command.command] = command.param
        return AdpControlOut(AdpResultCode.OK, command.param)


_COMMANDS: Final[dict[AdpCommand, Callable[[Adapter, AdpControlIn], AdpControlOut]]] = {
    AdpCommand.NONE: Adapter._none,
    AdpCommand.ZIP: Adapter._done,
    AdpCommand.UNZIP: Adapter._done,
    AdpCommand.SET_TRANSMISSION_BUFFER_SIZE: Adapter._set_size,
    AdpCommand.TOTAL_BUFFER_SIZE: Adapter._total,
    AdpCommand.GET_TRANSMISSION_BUFFER_SIZE: Adapter._get_size,
    AdpCommand.SET_RESPONSE_DELIMITER_LOW: Adapter._set_delimiter,
    AdpCommand.SET_RESPONSE_DELIMITER_HIGH: Adapter._set_delimiter,
    AdpCommand.SET_COMMAND_DELIMITER_LOW: Adapter._set_delimiter,
    AdpCommand.EXEC_COMMANDS: Adapter._done,
}

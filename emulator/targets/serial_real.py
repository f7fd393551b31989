"""A real serial line: the only module that knows pyserial."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

import serial

from emulator.targets.url import TargetUrl
from protocol.codes import ResultCode
from protocol.errors import PeerError

T = TypeVar("T")

_QUIET: Final = 0.02
"""Seconds without a byte that end an answer."""


class RealLine:
    """A serial port. It is opened when it is needed, and again after every failure.

    `ask` blocks for `timeout` seconds at most, `send` too; nothing else blocks.
    """

    def __init__(self, address: TargetUrl, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._port: serial.Serial | None = None

    def open(self, now: float) -> None:
        """Opens the port.

        Raises:
            PeerError: A5, it cannot be opened.
        """
        if self._port is not None:
            return
        try:
            self._port = serial.Serial(
                self._address.device,
                timeout=0,
                write_timeout=self._timeout,
                exclusive=True,
                **(self._address.line or {}),
            )
        except (OSError, ValueError) as error:
            raise PeerError(f"{self._address.device}: {error}", ResultCode.UNABLE_TO_CONNECT_TO_TARGET) from error

    def close(self) -> None:
        """Closes the port; what was received is lost."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def send(self, data: bytes, now: float) -> None:
        """Writes to the port.

        Raises:
            PeerError: B7, the port is gone, or nobody takes the bytes.
        """
        self._use(now, lambda port: port.write(data))

    def receive(self, limit: int, now: float) -> bytes:
        """Takes up to `limit` received bytes."""
        return self._use(now, lambda port: bytes(port.read(limit)))

    def ask(self, data: bytes, limit: int, now: float) -> bytes:
        """Writes, and reads until nothing comes any more; empty if nothing comes at all."""
        self.send(data, now)
        return self._use(now, lambda port: self._answer(port, limit))

    def waiting(self, now: float) -> int:
        """Received bytes, up to 65535."""
        return min(self._use(now, lambda port: port.in_waiting), 0xFFFF)

    def _answer(self, port: serial.Serial, limit: int) -> bytes:
        answer = bytearray()
        deadline = time.monotonic() + self._timeout
        try:
            while len(answer) < limit and (left := deadline - time.monotonic()) > 0:
                port.timeout = min(left, _QUIET) if answer else left
                byte = port.read(1)
                if not byte:
                    break
                answer += byte
        finally:
            port.timeout = 0
        return bytes(answer)

    def _use(self, now: float, access: Callable[[serial.Serial], T]) -> T:
        self.open(now)
        assert self._port is not None
        try:
            return access(self._port)
        except (OSError, serial.SerialException) as error:
            self.close()
            raise PeerError(f"{self._address.device}: {error}", ResultCode.TARGET_PROTOCOL_LOST_COM) from error

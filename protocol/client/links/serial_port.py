"""``serial:/dev/ttyUSB0?baudrate=115200``: raw APDUs over a serial port; ``pty:./tap0`` names a virtual one."""

import errno
import os
import threading
from typing import Any, Final

from serial import Serial, SerialException, SerialTimeoutException

from protocol.client.links.base import LinkError, lost_error
from protocol.client.links.line import LineLink
from protocol.errors import UsageError
from protocol.urls import LinkUrl, Options, choice, integer

LINE_OPTIONS: Final[Options] = {
    "baudrate": integer(50, 4_000_000, 115_200),
    "parity": choice({"none": "N", "even": "E", "odd": "O"}, "N"),
    "stopbits": choice({"1": 1, "2": 2}, 1),
    "bytesize": choice({"8": 8, "7": 7}, 8),
}
"""Settings of a serial line, under the names that pyserial gives them."""

_REASONS: Final = {
    errno.EAGAIN: "in use by another program",
    errno.EBUSY: "in use by another program",
    errno.ENOTTY: "no serial port, expected the path of one",
    errno.EISDIR: "no serial port but a directory, expected the path of one",
    errno.EINVAL: "the port does not take these settings",
}


def open_port(url: LinkUrl, settings: dict[str, Any]) -> Serial:
    """Opens the port that a URL names, for nobody else, without what it received before.

    Args:
        settings: of the line, and time-outs, as pyserial names them.

    Raises:
        UsageError: the URL names no port.
        LinkError: there is no such port, or it cannot be had.
    """
    if url.name or not url.path:
        raise UsageError(f"{url}: expected the path of a serial port, as in {url.scheme}:/dev/ttyUSB0")
    try:
        return Serial(url.path, exclusive=True, **settings)
    except (OSError, ValueError) as error:
        raise LinkError(f"{url}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What pyserial says, in short; some of its errors have their number in the one before."""
    number = getattr(error, "errno", None) or next(iter(getattr(error.__context__, "args", ())), None)
    if isinstance(number, int):
        return _REASONS.get(number, os.strerror(number))
    return str(error)


class SerialLink(LineLink):
    """Raw APDUs over a serial port.

    Args:
        timeout: seconds for each answer to be complete.

    Raises:
        UsageError: the URL names no port, or has an option that a port does not have.
        LinkError: there is no such port, or it cannot be had.
    """

    def __init__(self, url: LinkUrl, timeout: float) -> None:
        settings = url.options(LINE_OPTIONS)
        super().__init__(str(url), settings["baudrate"], timeout)
        self._port = open_port(url, {**settings, "timeout": 0, "write_timeout": timeout})
        self._busy = threading.Lock()
        self._closed = threading.Lock()
        """Taken for good by whoever closes the port first."""

    def close(self) -> None:
        """Closes the port; a thread that reads from it stops first."""
        if self._closed.acquire(blocking=False):
            self._port.cancel_read()
        with self._busy:
            self._port.close()

    def _read(self, seconds: float) -> bytes:
        with self._busy:
            try:
                self._port.timeout = seconds
                first = self._port.read(1)
                data = first + self._port.read(self._port.in_waiting) if first else b""
            except (OSError, SerialException) as error:
                raise lost_error(self.url) from error
            if self._closed.locked():
                raise lost_error(self.url)
            return data

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except SerialTimeoutException as error:
            raise LinkError(f"{self.url}: the request was not taken within {self._timeout:g} s") from error
        except (OSError, SerialException) as error:
            raise lost_error(self.url) from error

"""``serial:/dev/ttyUSB0?baudrate=115200``: a serial port of this machine, with the host at the other end of a cable."""

import asyncio
from typing import Any, Final

import structlog
from serial import Serial

from emulator.links.base import Host, Link, LinkError
from emulator.links.serial_line import SerialLine, read
from protocol.client.links import LinkError as PortError
from protocol.client.links.serial_port import LINE_OPTIONS, open_port
from protocol.codes import HostProtocol
from protocol.errors import UsageError
from protocol.urls import LinkUrl

log = structlog.get_logger("tap")

_FIRST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 10.0
"""Seconds until a port that is gone is tried again; the delay doubles until something is received."""


class SerialPortLink(Link):
    """A serial port, taken for the Tap alone.

    Args:
        settings: of the line, as pyserial names them.
    """

    protocol = HostProtocol.UART

    def __init__(self, url: LinkUrl, settings: dict[str, Any]) -> None:
        self._address = url
        self._settings = settings
        self._line = SerialLine(self, self._read, self._lose)
        self._port: Serial | None = None
        self._retry: asyncio.TimerHandle | None = None
        """Set while the port is gone."""
        self._delay = _FIRST_DELAY

    @classmethod
    def from_url(cls, url: LinkUrl) -> "SerialPortLink":
        """The link of ``serial:path``."""
        return cls(url, url.options(LINE_OPTIONS))

    @property
    def url(self) -> str:
        """Where the Tap is connected; a client uses the port at the other end of the cable."""
        return str(self._address)

    async def open(self, host: Host) -> None:
        """Opens the port, unless it is open since before a reboot, or gone and waited for.

        Raises:
            LinkError: there is no such port, or it cannot be had.
        """
        if self._port is None and self._retry is None:
            try:
                self._connect()
            except (PortError, UsageError) as error:
                raise LinkError(str(error)) from error
        self._line.host = host

    async def pause(self) -> None:
        """The port stays open, and what comes is thrown away."""
        self._line.host = None

    async def close(self) -> None:
        """Closes the port."""
        self._line.host = None
        self._disconnect()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _connect(self) -> None:
        self._port = open_port(self._address, self._settings)
        self._line.attach(self._port.fileno())

    def _disconnect(self) -> None:
        self._line.detach()
        if self._port is not None:
            self._port.close()
            self._port = None

    def _read(self) -> None:
        assert self._port is not None
        data = read(self._port.fileno())
        if data:
            self._delay = _FIRST_DELAY
            self._line.received(data)
        elif data is None:
            self._lose()

    def _lose(self) -> None:
        log.warning("serial port lost", link=self.url)
        self._disconnect()
        self._try_again()

    def _try_again(self) -> None:
        self._retry = asyncio.get_running_loop().call_later(self._delay, self._reconnect)
        self._delay = min(2 * self._delay, _LONGEST_DELAY)

    def _reconnect(self) -> None:
        self._retry = None
        try:
            self._connect()
        except PortError as error:
            log.debug("serial port not back yet", link=self.url, reason=str(error))
            self._try_again()
        else:
            log.warning("serial port back", link=self.url)

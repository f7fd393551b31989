"""``rfc2217://host:port?baudrate=115200``: raw APDUs over a serial port on the network.

pyserial has such a client too; but it takes more than half a second to open and close, has time-outs of its own, and
leaves its socket open where a server resets the connection.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from protocol.client.links.base import READ_SIZE, LinkError, link_errors, lost_error
from protocol.client.links.line import LineLink
from protocol.client.links.serial_port import LINE_OPTIONS
from protocol.errors import IntegrityError
from protocol.rfc2217 import FROM_SERVER, RFC2217_PORT, PortCommand, Telnet, escape
from protocol.urls import LinkUrl, authority

_PARITIES: Final = {"N": 1, "O": 2, "E": 3}
"""Numbers of RFC 2217."""


class Rfc2217Link(LineLink):
    """Raw APDUs over a serial port on the network.

    Args:
        timeout: seconds for the port to be opened, and for each answer to be complete.

    Raises:
        UsageError: the URL has an option that a port does not have.
        LinkError: nobody listens there, or it is no such port, or one that does not take these settings.
    """

    def __init__(self, url: LinkUrl, timeout: float) -> None:
        line = url.options(LINE_OPTIONS)
        address = url.address("127.0.0.1", RFC2217_PORT)
        super().__init__(f"{url.scheme}://{authority(*address)}", line["baudrate"], timeout)
        self._telnet = Telnet()
        self._reports: dict[int, bytes] = {}
        """What the port said of itself, by command."""
        settings = {
            PortCommand.BAUDRATE: line["baudrate"].to_bytes(4),
            PortCommand.DATASIZE: bytes([line["bytesize"]]),
            PortCommand.PARITY: bytes([_PARITIES[line["parity"]]]),
            PortCommand.STOPSIZE: bytes([line["stopbits"]]),
        }
        deadline = time.monotonic() + timeout
        with link_errors(self.url):
            self._socket = socket.create_connection(address, timeout)
        try:
            with link_errors(self.url):
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._set_up(settings, deadline)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the connection; a thread that reads from it stops."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _set_up(self, settings: dict[PortCommand, bytes], deadline: float) -> None:
        """Agrees on a serial port, and then on its settings."""
        self._telnet.offer()
        self._wait(lambda: self._telnet.carries_port is not None, deadline)
        if not self._telnet.carries_port:
            raise LinkError(f"{self.url}: no serial port but another Telnet server, expected one of RFC 2217")
        for command, value in settings.items():
            self._telnet.send_port(command, value)
        self._wait(lambda: all(command in self._reports for command in settings), deadline)
        for command, value in settings.items():
            if self._reports[command] != value:
                raise LinkError(f"{self.url}: the port does not take this {command.name.lower()}")

    def _wait(self, agreed: Callable[[], bool], deadline: float) -> None:
        while not agreed():
            self._transmit()
            if (left := deadline - time.monotonic()) <= 0:
                raise LinkError(f"{self.url}: no serial port (RFC 2217) answers within {self._timeout:g} s")
            self._receive(left)

    def _read(self, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        with link_errors(self.url):
            while True:
                data = self._receive(max(0.0, deadline - time.monotonic()))
                if data or time.monotonic() >= deadline:
                    return data

    def _receive(self, seconds: float) -> bytes:
        """The data in what comes next; the rest of it is taken note of."""
        data = b""
        self._socket.settimeout(seconds)
        try:
            received = self._socket.recv(READ_SIZE)
        except (TimeoutError, BlockingIOError):
            return data
        if not received:
            raise lost_error(self.url)
        try:
            for item in self._telnet.receive(received):
                if isinstance(item, bytes):
                    data += item
                else:
                    self._reports[item.command - FROM_SERVER] = item.value
        except IntegrityError as error:
            raise IntegrityError(f"{self.url}: {error}") from error
        return data

    def _write(self, data: bytes) -> None:
        with link_errors(self.url):
            self._transmit(escape(data))

    def _transmit(self, data: bytes = b"") -> None:
        """Sends what Telnet has to say, and data."""
        self._socket.settimeout(self._timeout)
        self._socket.sendall(self._telnet.take() + data)

"""``rfc2217://host:port``: a serial port over the network.

Each connection has a serial port of its own, which takes the settings that the host gives it and reports them; nothing
depends on them but the pace, and that with ``pace=yes`` only.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

import structlog

from emulator.links.base import Host, Link
from emulator.links.listening import ListeningLink
from emulator.links.pacing import Paced
from emulator.links.serial_line import ENOUGH
from emulator.links.tcp import TcpConnection
from protocol.codes import HostProtocol
from protocol.errors import IntegrityError
from protocol.rfc2217 import FROM_SERVER, RFC2217_PORT, PortCommand, PortMessage, Telnet, escape
from protocol.urls import LinkUrl, Options, choice

log = structlog.get_logger("tap")

_OPTIONS: Final[Options] = {"pace": choice({"yes": True, "no": False}, False)}
_DRAIN_TIME: Final = 10.0
"""Seconds that a closing connection has for answers which leave at the pace of their line."""
_SIGNATURE: Final = b"tap-emulator"
_ANSWERS, _REQUESTS = 1, 2
"""What a host may have purged: what the port has received of the Tap, and what it has to send to it."""


class Rfc2217Link(ListeningLink):
    """Listens on a TCP port for hosts that want a serial port.

    Args:
        port: 0 takes any free port; `url` then says which.
        paced: bytes come and go at the baud rate that the host has set.
    """

    scheme = "rfc2217"
    protocol = HostProtocol.UART

    def __init__(self, host: str, port: int, *, paced: bool = False) -> None:
        super().__init__(host, port)
        self._paced = paced

    @classmethod
    def from_url(cls, url: LinkUrl) -> "Rfc2217Link":
        """The link of ``rfc2217://host:port``."""
        options = url.options(_OPTIONS)
        return cls(*url.address("127.0.0.1", RFC2217_PORT), paced=options["pace"])

    def _connection(self, host: Host, buffer: memoryview) -> "_Rfc2217Connection":
        return _Rfc2217Connection(self, host, buffer, self._paced)


class _Rfc2217Connection(TcpConnection):
    """One connection and the serial port in it."""

    def __init__(self, link: Link, host: Host, buffer: memoryview, paced: bool) -> None:
        super().__init__(link, host, buffer)
        self._paced = paced
        self._incoming = Paced(self._reach_tap)
        self._outgoing = Paced(self._reach_host)
        self._full = False
        """The host does not read what it gets."""
        self._closing = False
        self._agreed = False
        """The host wants a serial port, and knows its modem lines, which never change."""
        self._port = SerialPort()
        self._telnet = Telnet()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._receiver is not None:
            self._set_pace()

    def buffer_updated(self, nbytes: int) -> None:
        if self._receiver is None:
            return
        try:
            for item in self._telnet.receive(bytes(self._buffer[:nbytes])):
                if isinstance(item, bytes):
                    self._incoming.put(item)
                else:
                    self._command(item)
        except IntegrityError as error:
            log.info("closed", link=self._link.url, reason=str(error))
            self._transport.abort()
        if self._telnet.carries_port and not self._agreed:
            self._agreed = True
            self._telnet.offer()
            self._telnet.send_port(PortCommand.MODEMSTATE + FROM_SERVER, bytes([self._port.modem_state]))
        self._reply()
        self._balance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._incoming.clear()
        self._outgoing.clear()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._full = True
        self._balance()

    def resume_writing(self) -> None:
        self._full = False
        self._balance()

    # --- for the server

    def write(self, data: bytes) -> None:
        self._outgoing.put(data)

    def close(self) -> None:
        self._incoming.clear()
        if self._outgoing.size:
            self._closing = True
            asyncio.get_running_loop().call_later(_DRAIN_TIME, self._transport.abort)
            self._balance()
        else:
            super().close()

    # ---

    def _command(self, message: PortMessage) -> None:
        if message.command == PortCommand.PURGE:
            buffers = int.from_bytes(message.value)
            if buffers & _ANSWERS:
                self._outgoing.clear()
            if buffers & _REQUESTS:
                self._incoming.clear()
        answer = self._port.answer(message)
        if answer is not None:
            self._telnet.send_port(message.command + FROM_SERVER, answer)
        self._set_pace()

    def _set_pace(self) -> None:
        if self._paced:
            self._incoming.baudrate = self._outgoing.baudrate = self._port.baudrate

    def _reply(self) -> None:
        if reply := self._telnet.take():
            super().write(reply)

    def _reach_tap(self, data: bytes) -> None:
        if self._receiver is not None:
            self._receiver.received(data)
            self._balance()

    def _reach_host(self, data: bytes) -> None:
        self._reply()
        super().write(escape(data))
        if not self._outgoing.size:
            if self._closing:
                super().close()
            self._balance()

    def _balance(self) -> None:
        """Back-pressure for hosts that do not read their answers, or write faster than their line.

        What waits is little, but not nothing: a host may purge it, and has to be heard.
        """
        if self._transport.is_closing():
            return
        if self._full or self._closing or max(self._incoming.size, self._outgoing.size) > ENOUGH:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


class _Setting(NamedTuple):
    """A setting of a line: its number on the wire, what it may be, and what it is before a host says so."""

    size: int
    allowed: range
    default: int


_SETTINGS: Final[Mapping[int, _Setting]] = {
    PortCommand.BAUDRATE: _Setting(4, range(50, 4_000_001), 115_200),
    PortCommand.DATASIZE: _Setting(1, range(5, 9), 8),
    PortCommand.PARITY: _Setting(1, range(1, 6), 1),  # none, odd, even, mark, space
    PortCommand.STOPSIZE: _Setting(1, range(1, 4), 1),  # 1, 2, 1.5
    PortCommand.LINESTATE_MASK: _Setting(1, range(256), 0),
    PortCommand.MODEMSTATE_MASK: _Setting(1, range(256), 255),
}

_CONTROLS: Final[Mapping[int, tuple[int, ...]]] = {
    0: (1, 2, 3, 17, 19),  # flow control of requests: none, XON/XOFF, RTS/CTS, DCD, DSR
    4: (6, 5),  # break: off, on
    7: (8, 9),  # DTR: on, off
    10: (11, 12),  # RTS: on, off
    13: (14, 15, 16, 18),  # flow control of answers: none, XON/XOFF, RTS/CTS, DTR
}
"""States that a host sets, the first one being that of the start, by the value with which it asks for them."""

_LINES: Final = 0xB0
"""Modem lines that are on: CTS, DSR and carrier detect. The Tap is there and ready, and nobody rings."""


class SerialPort:
    """A serial port that takes what it is told: the answers of an RFC 2217 server."""

    def __init__(self) -> None:
        self._settings = {number: setting.default for number, setting in _SETTINGS.items()}
        self._controls = {query: states[0] for query, states in _CONTROLS.items()}

    @property
    def baudrate(self) -> int:
        """Bits per second."""
        return self._settings[PortCommand.BAUDRATE]

    def answer(self, message: PortMessage) -> bytes | None:
        """What holds now, whether it is what the host wanted or not; None where nothing is answered."""
        command, value = message
        if command in _SETTINGS:
            size, allowed, _ = _SETTINGS[command]
            if len(value) == size and int.from_bytes(value) in allowed:
                self._settings[command] = int.from_bytes(value)
            return self._settings[command].to_bytes(size)
        match command:
            case PortCommand.CONTROL:
                return self._control(int.from_bytes(value))
            case PortCommand.MODEMSTATE:
                return bytes([self.modem_state])
            case PortCommand.LINESTATE:
                return bytes([0])
            case PortCommand.SIGNATURE:
                return None if value else _SIGNATURE
            case PortCommand.PURGE:
                return value
        return None

    @property
    def modem_state(self) -> int:
        """The modem lines that the host wants to know."""
        return _LINES & self._settings[PortCommand.MODEMSTATE_MASK]

    def _control(self, value: int) -> bytes | None:
        for query, states in _CONTROLS.items():
            if value in states:
                self._controls[query] = value
            if value == query or value in states:
                return bytes([self._controls[query]])
        return None

"""A serial port inside a Telnet connection (RFC 2217, RFC 854), without I/O and the same for both ends.

Source of all numbers: RFC 854, RFC 856, RFC 858 and RFC 2217.
"""

import re
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from protocol.errors import IntegrityError

RFC2217_PORT: Final = 2217
"""Where servers listen by habit; no number is assigned."""

IAC: Final = b"\xff"
_SB, _SE = b"\xff\xfa", b"\xff\xf0"
_WILL, _WONT, _DO, _DONT = 0xFB, 0xFC, 0xFD, 0xFE

BINARY, SUPPRESS_GO_AHEAD, COM_PORT = 0, 3, 44
_OPTIONS: Final = (BINARY, SUPPRESS_GO_AHEAD, COM_PORT)
"""Options of Telnet that both ends want of each other; all others are refused."""

_TOKEN: Final = re.compile(
    rb"(?P<data>[^\xff]+)"
    rb"|\xff(?:(?P<iac>\xff)"
    rb"|(?P<verb>[\xfb-\xfe])(?P<option>.)"
    rb"|\xfa(?:\x2c(?P<port>(?:[^\xff]|\xff\xff)*)|(?:[^\xff]|\xff\xff)*)\xff\xf0"
    rb"|[^\xfa-\xff])",
    re.DOTALL,
)
_LONGEST_TOKEN: Final = 300
"""Bytes of a subnegotiation; the longest here is a signature, whose length is not limited but whose use is."""


class PortCommand(IntEnum):
    """Subnegotiations of the COM-PORT option, as a client sends them; a server adds 100."""

    SIGNATURE = 0
    BAUDRATE = 1
    DATASIZE = 2
    PARITY = 3
    STOPSIZE = 4
    CONTROL = 5
    LINESTATE = 6
    MODEMSTATE = 7
    SUSPEND = 8
    RESUME = 9
    LINESTATE_MASK = 10
    MODEMSTATE_MASK = 11
    PURGE = 12


FROM_SERVER: Final = 100


class PortMessage(NamedTuple):
    """A subnegotiation of the COM-PORT option."""

    command: int
    value: bytes


class Telnet:
    """One end of a Telnet connection.

    Attributes:
        carries_port: whether the other end agrees to the COM-PORT option; None until it says so.
    """

    def __init__(self) -> None:
        self.carries_port: bool | None = None
        self._to_send = bytearray()
        self._rest = b""
        """A token that is not complete."""
        self._said: set[tuple[int, int]] = set()
        """Options that we do or want: `_WILL` or `_DO`, and the option."""

    def offer(self) -> None:
        """Says what this end does and wants, where it has not said so yet.

        A client does so first. A server that did would confuse pyserial's client, which takes that for an answer to
        what it is about to say, and then does not say it.
        """
        for option in _OPTIONS:
            for verb in (_WILL, _DO):
                if (verb, option) not in self._said:
                    self._say(verb, option)

    def take(self) -> bytes:
        """What has to be sent to the other end, before any data that is sent from now on."""
        data = bytes(self._to_send)
        self._to_send.clear()
        return data

    def send_port(self, command: int, value: bytes) -> None:
        """Sends a subnegotiation of the COM-PORT option."""
        self._to_send += _SB + bytes([COM_PORT, command]) + escape(value) + _SE

    def receive(self, data: bytes) -> Iterator[bytes | PortMessage]:
        """Takes bytes, cut anywhere, and gives data and messages in the order in which they came.

        Raises:
            IntegrityError: a subnegotiation has no end.
        """
        data = self._rest + data
        end = 0
        while token := _TOKEN.match(data, end):
            end = token.end()
            if token["data"] or token["iac"]:
                yield token["data"] or token["iac"]
            elif token["verb"]:
                self._negotiate(token["verb"][0], token["option"][0])
            elif body := (token["port"] or b"").replace(IAC + IAC, IAC):
                yield PortMessage(body[0], body[1:])
        self._rest = data[end:]
        if len(self._rest) > _LONGEST_TOKEN:
            raise IntegrityError(f"{len(self._rest)} bytes of a Telnet subnegotiation, and no end of it")

    def _negotiate(self, verb: int, option: int) -> None:
        """Agrees once, so that two ends who agree do not tell each other so for ever."""
        wanted = verb in (_WILL, _DO)
        if option == COM_PORT and verb != _WONT:  # servers need not do what clients do
            self.carries_port = wanted
        ours = _WILL if verb in (_DO, _DONT) else _DO
        said = (ours, option) in self._said
        if wanted and option not in _OPTIONS:
            self._to_send += bytes([0xFF, ours + 1, option])
        elif wanted and not said:
            self._say(ours, option)
        elif said and not wanted:
            self._said.discard((ours, option))
            self._to_send += bytes([0xFF, ours + 1, option])

    def _say(self, verb: int, option: int) -> None:
        self._said.add((verb, option))
        self._to_send += bytes([0xFF, verb, option])


def escape(data: bytes) -> bytes:
    """Data, or a value, as it goes over a Telnet connection."""
    return data.replace(IAC, IAC + IAC)

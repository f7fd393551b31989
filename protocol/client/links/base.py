"""What a link of the client is, and the rule that all byte streams share.

On a byte stream nothing says how long an answer is, since the protocol has no prefix for it. So a stream link reads
until `is_complete` says so, or until the time is over.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from protocol.apdu import HEADER_SIZE, StatusWord, build_status
from protocol.client.calls import find_call
from protocol.crypto import BLOCK
from protocol.errors import IntegrityError, ProtocolError
from protocol.frames import Request

READ_SIZE: Final = 4096
MAX_ANSWER: Final = 1024
"""Bytes that no answer reaches; a peer that sends more without an end is cut off."""
OK: Final = build_status(StatusWord.OK)

_CODE_AND_STATUS: Final = 3
"""Bytes around the body of an answer: result code and status word."""
_CARRIERS: Final = tuple(
    bytes(Request(carrier.call.method, carrier.resource.path()))
    for carrier in (find_call("scram.send"), find_call("scram.send_with_iv"))
)


class LinkError(ConnectionError, ProtocolError):
    """There is no connection, or no answer came in time; the message names the address and the reason."""


class Link(Protocol):
    """One open connection to a Tap. After an error it is of no use but to be closed."""

    def send(self, request: bytes) -> None:
        """Sends one request.

        Raises:
            LinkError: the connection is lost, or bytes came that nobody asked for.
        """
        ...

    def receive(self) -> bytes:
        """The answer to the request sent last.

        Raises:
            LinkError: the connection is lost, or the answer is not complete in time.
            IntegrityError: the peer sends without end.
        """
        ...

    def close(self) -> None:
        """Ends the connection; closing again does nothing."""
        ...


def is_complete(request: bytes, received: bytes) -> bool:
    """Whether these bytes of a stream are the whole answer to this request.

    An answer ends with 9000, or it is a bare status word 6xxx. The bytes 9000 may occur inside it too, so an answer
    that the network cuts exactly there is taken for complete. Taps send each answer in one piece, which makes that
    rare. Encrypted answers, whose bytes are random, also have to have whole cipher blocks.
    """
    if len(received) == len(OK) and received[0] >> 4 == 0x6:
        return True
    if not received.endswith(OK):
        return False
    if not request.startswith(_CARRIERS, HEADER_SIZE):
        return True
    blocks, rest = divmod(len(received) - _CODE_AND_STATUS, BLOCK)
    return rest == 0 and (blocks > 0 or received[0] >= 0x80)


def check_length(url: str, received: bytes) -> None:
    """Stops a peer that sends without end.

    Raises:
        IntegrityError: no answer is that long.
    """
    if len(received) >= MAX_ANSWER:
        raise IntegrityError(f"{url}: {len(received)} bytes came and no end of the answer")


def salvage(url: str, received: bytes, timeout: float) -> bytes:
    """What to do when the time is over: an answer of strange length that ends properly is for the session to judge.

    Raises:
        LinkError: the answer is missing, or was cut.
    """
    if received.endswith(OK):
        return received
    part = f"; {len(received)} bytes of one came" if received else ""
    raise LinkError(f"{url}: no answer within {timeout:g} s{part}")


@contextmanager
def link_errors(url: str) -> Iterator[None]:
    """Turns what a socket says into a `LinkError`."""
    try:
        yield
    except ProtocolError:
        raise
    except OSError as error:
        if error.errno == errno.EBADF:  # it was closed while it waited
            raise lost_error(url) from error
        raise LinkError(f"{url}: {error.strerror or error}") from error


def lost_error(url: str, received: bytes = b"") -> LinkError:
    """The connection has ended, maybe inside an answer."""
    part = f" after {len(received)} bytes of an answer" if received else ""
    return LinkError(f"{url}: the connection is closed{part}")


def stray_error(url: str, stray: bytes) -> LinkError:
    """Something waits to be read before anything was asked: bytes, or the end of the connection."""
    if not stray:
        return lost_error(url)
    return LinkError(f"{url}: {len(stray)} bytes came that nobody asked for")

"""What links over a file descriptor have in common: a line with one host at its other end, which cannot be hung up."""

import asyncio
import os
import select
from collections.abc import Callable
from typing import Final

from emulator.links.base import Host, Link, Receiver
from emulator.links.pacing import Paced

_READ_SIZE: Final = 256
"""Bytes taken from the line at a time: a long request, or a few short ones."""
ENOUGH: Final = 256
"""Bytes that may wait in one direction while more is read: a long request, or answer. With the answers to what is read
at a time, a host that does not read them has us keep a few KiB."""


class SerialLine:
    """The Tap's end of a serial line.

    A connection begins with the first byte that comes, since nothing else says that a host is there, and ends when the
    Tap closes it or the line is taken away; the next byte begins another.

    Args:
        readable: is called when there is something to `read`, or the other end has gone.
        abandoned: is called when the other end has gone and has left answers unread.
        baudrate: None if the line has a pace of its own, or none.

    Attributes:
        host: takes the connections; without one, what comes is thrown away.
    """

    def __init__(
        self,
        link: Link,
        readable: Callable[[], None],
        abandoned: Callable[[], None],
        baudrate: int | None = None,
    ) -> None:
        self.host: Host | None = None
        self._link = link
        self._readable = readable
        self._abandoned = abandoned
        self._incoming = Paced(self._reach_tap, baudrate)
        self._outgoing = Paced(self._reach_host, baudrate)
        self._unsent = bytearray()
        """What the descriptor did not take yet."""
        self._receiver: Receiver | None = None
        self._descriptor: int | None = None
        self._reading = False
        self._writing = False

    @property
    def attached(self) -> bool:
        """Whether there is a line."""
        return self._descriptor is not None

    @property
    def ready(self) -> bool:
        """Whether more may be read: back-pressure for hosts that do not read their answers, or write too fast."""
        return not self._incoming.size and self._outgoing.size + len(self._unsent) <= ENOUGH

    def attach(self, descriptor: int) -> None:
        """Serves the other end of a descriptor, which has to be non-blocking and stays its owner's."""
        self._descriptor = descriptor
        self._balance()

    def detach(self) -> None:
        """The line is gone, or its host: the connection ends, and what was on its way is lost."""
        self._incoming.clear()
        self._outgoing.clear()
        self._unsent.clear()
        self._balance(gone=True)
        self._descriptor = None
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lost()

    def received(self, data: bytes) -> None:
        """Takes bytes that were read, cut anywhere."""
        if data:
            self._incoming.put(data)
            self._balance()

    # --- for the server, as the pipe of each connection in turn

    def write(self, data: bytes) -> None:
        """Sends an answer."""
        self._outgoing.put(data)

    def close(self) -> None:
        """Ends the connection, but not the line."""
        self._receiver = None

    # --- what comes through

    def reset(self) -> None:
        self.close()

    def _reach_tap(self, data: bytes) -> None:
        if self._receiver is None and self.host is not None:
            self._receiver = self.host.accept(self._link, self)
        if self._receiver is not None:
            self._receiver.received(data)
        self._balance()

    def _reach_host(self, data: bytes) -> None:
        if self._descriptor is not None:
            self._unsent += data
            self._send()

    def _send(self) -> None:
        assert self._descriptor is not None
        try:
            del self._unsent[: os.write(self._descriptor, self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()  # reading will say that the line has gone
        self._balance()

    def _writable(self) -> None:
        assert self._descriptor is not None
        if _is_hung_up(self._descriptor):
            self._abandoned()
        else:
            self._send()

    def _balance(self, *, gone: bool = False) -> None:
        """Watches the descriptor for what can be done now."""
        if self._descriptor is None:
            return
        loop = asyncio.get_running_loop()
        reading, writing = self.ready and not gone, bool(self._unsent)
        if reading and not self._reading:
            loop.add_reader(self._descriptor, self._readable)
        elif self._reading and not reading:
            loop.remove_reader(self._descriptor)
        if writing and not self._writing:
            loop.add_writer(self._descriptor, self._writable)
        elif self._writing and not writing:
            loop.remove_writer(self._descriptor)
        self._reading, self._writing = reading, writing


def read(descriptor: int) -> bytes | None:
    """What there is to read: nothing if there is nothing, None if the other end has gone."""
    try:
        return os.read(descriptor, _READ_SIZE) or None
    except BlockingIOError:
        return b""
    except OSError:
        return None


def _is_hung_up(descriptor: int) -> bool:
    """Whether the other end of a terminal has gone."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))

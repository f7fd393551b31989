"""Bytes at the speed of a serial line."""

import asyncio
from collections.abc import Callable

from emulator.roads import Arrival, Line
from protocol.codes import BITS_PER_BYTE


class Paced:
    """One direction of a serial line: what is put in comes out at the baud rate.

    Args:
        deliver: takes what has come through, as many bytes as have by now.

    Attributes:
        baudrate: bits per second of what is put in from now on; None takes no time at all.
    """

    def __init__(self, deliver: Callable[[bytes], None], baudrate: int | None = None) -> None:
        self.baudrate = baudrate
        self._deliver = deliver
        self._line = Line()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def size(self) -> int:
        """Bytes under way."""
        return self._line.size

    def put(self, data: bytes) -> None:
        """Sends bytes on their way, behind those that are under way."""
        if self.baudrate is None:
            self._deliver(data)
        else:
            self._line.put(Arrival(asyncio.get_running_loop().time(), data, BITS_PER_BYTE / self.baudrate))
            self._set_timer()

    def clear(self) -> None:
        """Forgets what is under way."""
        self._line = Line()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._line.due
        self._timer = None if due is None else asyncio.get_running_loop().call_at(due, self._move)

    def _move(self) -> None:
        line = self._line
        for piece in line.take(asyncio.get_running_loop().time()):
            assert piece is not None
            self._deliver(piece)
            if self._line is not line:  # cleared because of what came
                return
        self._set_timer()

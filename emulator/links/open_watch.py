"""When a file is opened: what Linux tells of it (inotify), where polling would miss a quick one."""

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable
from typing import Final

_OPENED: Final = 0x20
_CLOSED: Final = 0x08 | 0x10
"""Events of inotify, opened for writing or not."""
_EVENT: Final = struct.Struct("iIII")
"""An event about the watched file itself, which has no name behind it."""
_BATCH: Final = 256 * _EVENT.size


class OpenWatch:
    """Calls a function whenever somebody opens or closes a file.

    Raises:
        OSError: the system has no inotify, or no more of it.
    """

    def __init__(self, path: str, changed: Callable[[], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "inotify_init1"):
            raise OSError("no inotify")
        self._openers = 0
        self._descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        if libc.inotify_add_watch(self._descriptor, os.fsencode(path), _OPENED | _CLOSED) < 0:
            error = ctypes.get_errno()
            os.close(self._descriptor)
            raise OSError(error, "inotify", path)
        asyncio.get_running_loop().add_reader(self._descriptor, changed)

    def opened_anew(self) -> bool:
        """Whether somebody has opened the file, since the last call, while nobody had it open.

        Equal events in a row come as one, so a file that several programs open at once may be told as opened anew.
        """
        anew = False
        try:
            events = os.read(self._descriptor, _BATCH)
        except BlockingIOError:
            return False
        for _, kind, _, _ in _EVENT.iter_unpack(events):
            if kind & _OPENED:
                anew |= self._openers == 0
                self._openers += 1
            elif kind & _CLOSED:
                self._openers = max(0, self._openers - 1)
        return anew

    def nobody_there(self) -> None:
        """Somebody knows better: nobody has the file open."""
        self._openers = 0

    def close(self) -> None:
        """Ends the watch."""
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

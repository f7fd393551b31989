"""Looks after a client that runs in this process: how long it works, and how much memory it takes."""

import mmap
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import ClassVar, Final

from scenarios.fuzz.inprocess.memory import TurnOverError
from scenarios.fuzz.observation import Ending

_ONCE_MORE: Final = 1.0
"""Seconds of processor time after which a client is told again that its turn is over."""
_FORGET_PEAK: Final = Path("/proc/self/clear_refs")
_OF_PEAK: Final = "5"
_KIB: Final = 1024
_NOTICEABLE: Final = 16 << 20
"""Bytes by which a peak has to be above the one before to be forgotten, which takes a while."""


class Watch:
    """Ends what takes more than so many seconds of processor time; in the main thread only, elsewhere nobody looks."""

    _latest: ClassVar["Watch"]
    """Whose turn it is: a process has one handler for the signal."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._works = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
        if self._works:
            signal.signal(signal.SIGVTALRM, _ring)

    def __enter__(self) -> None:
        if self._works:
            Watch._latest = self
            signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds, _ONCE_MORE)

    def __exit__(self, *_: object) -> None:
        if self._works:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def over(self) -> TurnOverError:
        """What ends the turn."""
        return TurnOverError(Ending("stalled", detail=f"worked for more than {self._seconds:g} s of processor time"))


def _ring(_: int, __: FrameType | None) -> None:
    raise Watch._latest.over()


class Growth:
    """By how much memory this process grows while something runs.

    What is measured is how far the most that it ever had goes up. So it is never more than what was really taken, and
    memory that was there already, or was taken and given back between two looks, makes no difference. A peak would hide
    all lower ones that follow, so it is forgotten, which Linux can do; elsewhere nothing is measured.
    """

    def __init__(self) -> None:
        self._works = os.access(_FORGET_PEAK, os.W_OK)
        self._before = 0
        self._forget()

    def begin(self) -> None:
        """Something begins to run."""
        if self._works:
            self._before = _peak()

    def end(self) -> int:
        """Bytes by which the process has grown since then, a page at least; 0 where that is not known."""
        if not self._works:
            return 0
        grown = _peak() - self._before
        if grown > _NOTICEABLE:
            self._forget()
        return max(grown, mmap.PAGESIZE)

    def _forget(self) -> None:
        if self._works:
            with suppress(OSError):
                _FORGET_PEAK.write_text(_OF_PEAK, encoding="ascii")


def _peak() -> int:
    """Most bytes of memory that this process had at once."""
    import resource  # which Windows has not

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB

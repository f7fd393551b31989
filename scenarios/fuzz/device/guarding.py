"""Ends what takes too long, and says where an exception was raised."""

import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import FrameType


class HangError(BaseException):
    """A request takes longer than it may; no handler may catch it."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Ends what takes too long with a `HangError`, where the system can: in the main thread, and not on Windows.

    Args:
        seconds: of computing, so that a machine that is busy with something else makes no difference.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_: int, __: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def place_of(error: BaseException) -> str:
    """Where an exception was raised: the last line of the Tap, not of a library."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if {"emulator", "protocol"} & {*PurePath(frame.filename).parts}]
    last = (ours or frames)[-1]
    return f"{'/'.join(PurePath(last.filename).parts[-2:])}:{last.lineno} in {last.name}"


def trace_of(error: BaseException) -> str:
    """The whole of it, for whoever looks for the mistake."""
    return "".join(traceback.format_exception(error))

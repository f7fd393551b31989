"""What happened: every request and answer in clear, with the reason of a refusal."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from emulator.exchange import Carrier
from protocol.frames import Request, Response


class Record(NamedTuple):
    """One request and its answer."""

    time: float
    """Seconds of the device's clock."""
    connection: int
    group_id: int
    """Group of the session after the request."""
    carrier: Carrier
    request: Request | None
    """None if the bytes were no request; `reason` says why."""
    response: Response | None
    """None if the answer was a bare status word."""
    reason: str | None
    """Why it was refused; None if it was not."""


class Journal:
    """Keeps the newest records.

    Args:
        size: how many.
        listener: is called with each new record.
    """

    def __init__(self, size: int = 10_000, listener: Callable[[Record], None] | None = None) -> None:
        self._records: deque[Record] = deque(maxlen=size)
        self.listener = listener
        self.total = 0
        """Records ever made, also those that are no longer kept."""

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Record) -> None:
        """Appends a record."""
        self._records.append(record)
        self.total += 1
        if self.listener is not None:
            self.listener(record)

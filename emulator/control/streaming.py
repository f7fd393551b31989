"""Live traffic as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from emulator.control import models
from emulator.control.operations import Control

_MOST_WAITING: Final = 1000
"""Entries that a slow reader may be behind; then its stream ends."""
_LOOK_TIME: Final = 1.0
"""Seconds between looks whether the reader is still there."""
_KEEP_ALIVE: Final = 15
"""Looks after which a silent stream sends a comment, so that nothing on the way takes it for dead."""
MOST_STREAMS: Final = 32


class Streams:
    """All open streams, so that they end with the server."""

    def __init__(self) -> None:
        self.open: set[asyncio.Queue[models.Entry | None]] = set()
        self._ended = False

    def add(self, queue: asyncio.Queue[models.Entry | None]) -> None:
        """One more; it ends at once if the server stops already."""
        self.open.add(queue)
        if self._ended:
            queue.put_nowait(None)

    def end(self) -> None:
        """Ends all of them, after what they hold."""
        self._ended = True
        for queue in self.open:
            queue.put_nowait(None)


async def events(
    control: Control, streams: Streams, query: models.Query, is_gone: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    """Entries of the journal as they come, first those that a query with `since` finds already.

    Ends when the reader is gone or too slow, or the server stops.
    """
    queue: asyncio.Queue[models.Entry | None] = asyncio.Queue()

    def listen(entry: models.Entry) -> None:
        if queue.qsize() >= _MOST_WAITING:
            cancel()
            queue.put_nowait(None)
        else:
            queue.put_nowait(entry)

    earlier = control.journal(query, models.MOST_ENTRIES) if "since" in query.model_fields_set else []
    cancel = control.listen(listen, query)
    streams.add(queue)
    try:
        yield ": the journal follows\n\n"
        for entry in earlier:
            yield _event(entry)
        silent = 0
        while not await is_gone():
            try:
                async with asyncio.timeout(_LOOK_TIME):
                    next_entry = await queue.get()
            except TimeoutError:
                silent += 1
                if silent % _KEEP_ALIVE == 0:
                    yield ": still here\n\n"
                continue
            if next_entry is None:
                break
            silent = 0
            yield _event(next_entry)
    finally:
        cancel()
        streams.open.discard(queue)


def _event(entry: models.Entry) -> str:
    return f"event: {entry.type}\nid: {entry.number}\ndata: {entry.model_dump_json(exclude_none=True)}\n\n"

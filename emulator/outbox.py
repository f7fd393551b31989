"""Answers on their way out where somebody directs the Tap: changed, late, in pieces, twice, or not at all."""

import heapq
import itertools
from typing import Final

from emulator.connection import Connection
from emulator.effects import Close, Send
from emulator.remembered import Remembered, kept
from emulator.tampering import Tampering

_REASON: Final = "as the script says"

_Later = list[tuple[float, int, Send | Close]]


def _copy_later(later: _Later, shift: float) -> _Later:
    return [(due + shift, number, effect) for due, number, effect in later]


class Outbox(Remembered):
    """Keeps what is sent, or ends, later."""

    KEPT = kept(_later=_copy_later)
    FIXED = ("_numbers",)

    def __init__(self) -> None:
        self._later: _Later = []
        """A heap, by time."""
        self._numbers = itertools.count()

    def deliver(self, connection: Connection, response: bytes, tampering: Tampering, now: float) -> list[Send | Close]:
        """Takes an answer, and returns what happens at once."""
        answer = b"" if tampering.drop else tampering.envelope(response)
        if answer:
            connection.sent.append(answer)
        if tampering.merge is not None and tampering.ending is None:
            connection.held += answer
            connection.held_gap = tampering.merge
            return []
        segments = tampering.segments(answer, connection.held, connection.held_gap)
        connection.held, connection.held_gap = b"", 0.0
        planned: list[tuple[float, Send | Close]] = [(after, Send(connection, data)) for after, data in segments]
        if tampering.ending is not None:
            last = segments[-1].after if segments else tampering.delay
            planned.append((last, Close(connection, _REASON, tampering.ending == "reset")))
        for after, effect in planned:
            if after > 0:
                heapq.heappush(self._later, (now + after, next(self._numbers), effect))
        return [effect for after, effect in planned if after <= 0]

    @property
    def empty(self) -> bool:
        """Nothing is sent, or ends, later."""
        return not self._later

    def next_deadline(self) -> float | None:
        """When the next thing is due; None if nothing is."""
        return self._later[0][0] if self._later else None

    def due(self, now: float) -> list[Send | Close]:
        """What has to happen by now, in order."""
        effects: list[Send | Close] = []
        while self._later and self._later[0][0] <= now:
            effects.append(heapq.heappop(self._later)[2])
        return effects

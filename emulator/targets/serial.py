"""The simulated far end of the transparent serial line: echo, script or silence."""

from collections import deque
from typing import Final

from emulator import remembered
from emulator.remembered import Remembered
from emulator.targets.spec import SerialAnswer, SerialSpec

_MAX_WAITING_FOR_PATTERN: Final = 4096
"""Bytes since the last answer in which patterns are looked for; older ones are forgotten."""
_MAX_ANSWERS: Final = 256
"""Answers that are on their way; further ones are lost."""


def _copy_coming(coming: deque[tuple[float, bytes]], shift: float) -> deque[tuple[float, bytes]]:
    return deque((due + shift, data) for due, data in coming)


class SimulatedLine(Remembered):
    """A serial line that lives in this process.

    Args:
        patience: seconds that `ask` looks ahead for an answer, since nobody can wait for it.
    """

    KEPT = remembered.kept(_received=remembered.container, _coming=_copy_coming, _sent=remembered.container)
    FIXED = ("_spec", "_patience")

    def __init__(self, spec: SerialSpec, patience: float) -> None:
        self._spec = spec
        self._patience = patience
        self._received = bytearray()
        self._coming: deque[tuple[float, bytes]] = deque()
        """What comes, and when; the earliest first."""
        self._sent = bytearray()

    def open(self, now: float) -> None:
        """The line greets."""
        self._answer(SerialAnswer(b"", self._spec.greeting), now)

    def close(self) -> None:
        """Forgets what was received and sent."""
        self._received.clear()
        self._coming.clear()
        self._sent.clear()

    def send(self, data: bytes, now: float) -> None:
        """Takes bytes, and answers as the configuration says."""
        if self._spec.mode == "loopback":
            self._answer(SerialAnswer(b"", data), now)
        elif self._spec.mode == "script":
            self._sent += data
            del self._sent[:-_MAX_WAITING_FOR_PATTERN]
            self._follow_script(now)

    def receive(self, limit: int, now: float) -> bytes:
        """Takes up to `limit` bytes that are there by now."""
        self._arrive(now)
        taken = bytes(self._received[:limit])
        del self._received[:limit]
        return taken

    def ask(self, data: bytes, limit: int, now: float) -> bytes:
        """Sends, and takes what comes within the patience."""
        self.send(data, now)
        return self.receive(limit, now + self._patience)

    def waiting(self, now: float) -> int:
        """Bytes that are there by now."""
        self._arrive(now)
        return len(self._received)

    def _follow_script(self, now: float) -> None:
        while self._sent:
            matching = [
                (not answer.pattern, self._sent.find(answer.pattern), place)
                for place, answer in enumerate(self._spec.answers)
                if answer.pattern in self._sent
            ]
            if not matching:
                return
            any_text, start, place = min(matching)
            answer = self._spec.answers[place]
            del self._sent[: None if any_text else start + len(answer.pattern)]
            self._answer(answer, now)

    def _answer(self, answer: SerialAnswer, now: float) -> None:
        if answer.answer and len(self._coming) < _MAX_ANSWERS:
            self._coming.append((now + answer.delay, answer.answer))
            self._coming = deque(sorted(self._coming, key=_due))

    def _arrive(self, now: float) -> None:
        while self._coming and self._coming[0][0] <= now:
            room = self._spec.buffer - len(self._received)
            self._received += self._coming.popleft()[1][:room]


def _due(coming: tuple[float, bytes]) -> float:
    return coming[0]

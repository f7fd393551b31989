"""What a client prints: kept for people, and read where it speaks the line protocol."""

import json
from typing import Any, Final

from scenarios.fuzz.observation import Reading

MOST_KEPT: Final = 64 << 10
"""Bytes of output that are kept, and the longest line that is read."""

_DECODER: Final = json.JSONDecoder(parse_constant=str)
"""NaN and the infinities become their names: they are no JSON, and a NaN is not even equal to itself."""


class LineSplitter:
    """Cuts what comes in pieces into lines. A line that is longer than `MOST_KEPT` is left out."""

    __slots__ = ("_rest", "_skipping")

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends."""
        *lines, rest = (self._rest + data).split(b"\n")
        if lines and self._skipping:
            del lines[0]
            self._skipping = False
        if len(rest) > MOST_KEPT:
            self._skipping = True
        self._rest = b"" if self._skipping else rest
        return [line for line in lines if len(line) <= MOST_KEPT]

    def finish(self) -> list[bytes]:
        """The last line, if it has no end."""
        rest, self._rest, self._skipping = self._rest, b"", False
        return [rest] if rest else []


def read_message(line: bytes) -> dict[str, Any] | None:
    """The JSON object that a line is; None if it is none, so just output."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        message = _DECODER.decode(line.decode())
        if b"\\ud" in line.lower():  # half of a pair of surrogates cannot be written to any file later
            message = json.loads(json.dumps(message, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


class Said:
    """What a client has printed in one turn.

    Args:
        case: id of the case.
    """

    __slots__ = ("_case", "_tail", "done", "error", "readings", "total", "unhandled")

    def __init__(self, case: str) -> None:
        self._case = case
        self._tail = bytearray()
        self.total = 0
        """Bytes."""
        self.readings: list[Reading] = []
        self.error = ""
        """The error that it spoke of, the last one; one that it had not expected goes before others."""
        self.unhandled = False
        self.done = False

    @property
    def output(self) -> str:
        """The end of it."""
        return self._tail.decode(errors="replace")

    def print(self, data: bytes) -> None:
        """Keeps what was printed."""
        self.total += len(data)
        self._tail += data
        if len(self._tail) > MOST_KEPT:
            del self._tail[:-MOST_KEPT]

    def follow(self, earlier: "Said") -> None:
        """Puts the output of an earlier turn in front."""
        self._tail = earlier._tail + self._tail

    def take(self, line: bytes) -> None:
        """Reads a line of standard output."""
        message = read_message(line)
        if message is None:
            return
        name = message.get("read")
        if isinstance(name, str):
            self.readings.append(Reading(name, message.get("value")))
        if "unhandled" in message:
            self.error, self.unhandled = _words(message["unhandled"]), True
        elif "error" in message and not self.unhandled:
            self.error = _words(message["error"])
        if message.get("done") is True and message.get("case", self._case) == self._case:
            self.done = True


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

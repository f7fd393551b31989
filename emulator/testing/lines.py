"""The journal of a Tap, for assertions and for people."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from emulator.control.models import Entry

_LONGEST: Final = 160
"""Characters of a value in a line."""
REPORTED: Final = 200
"""Lines that a report shows at the most."""


@dataclass(frozen=True, slots=True)
class Line:
    """One request with its answer, or an event; `str` tells it in one line.

    Args:
        number: in the journal, from 1.
        time: seconds of the Tap's clock.
        kind: ``request``, or that of the event, such as ``login-failed``.
        connection: number of the connection; None if the Tap itself is meant.
        call: ``device.get_serial_number``; None if no Tap knows the request.
        value, answer: bodies, decoded; as ``hex:0102`` where they cannot be.
        code: of the answer, ``OK`` or ``UNAUTHORIZED``; None if there was none.
        reason: why it was refused.
        rules: those of scenarios and faults that had a part in the answer.
    """

    number: int
    time: float
    kind: str
    connection: int | None
    link: str | None
    user: str | None = None
    method: str | None = None
    path: str | None = None
    call: str | None = None
    value: Any = None
    encrypted: bool = False
    code: str | None = None
    answer: Any = None
    reason: str | None = None
    rules: tuple[str, ...] = ()
    detail: str = ""

    @classmethod
    def of(cls, entry: "Entry") -> "Line":
        """The line of an entry of the control API."""
        if entry.type == "event":
            return cls(
                entry.number, entry.time, entry.kind or "", entry.connection, entry.link, detail=entry.detail or ""
            )
        return cls(
            number=entry.number,
            time=entry.time,
            kind="request",
            connection=entry.connection,
            link=entry.link,
            user=entry.user,
            method=None if entry.method is None else str(entry.method),
            path=entry.path,
            call=entry.call,
            value=_first(entry.value, entry.body),
            encrypted=entry.carrier not in (None, "clear"),
            code=entry.code,
            answer=_first(entry.answer, entry.answer_body),
            reason=entry.reason,
            rules=tuple(entry.rules),
        )

    def __str__(self) -> str:
        who = "" if self.connection is None else f"connection {self.connection}  "
        start = f"{self.number:5}  {self.time:10.3f} s  {who}"
        if self.kind != "request":
            return f"{start}{self.kind}{f' ({self.detail})' if self.detail else ''}"
        if self.path is None:
            return f"{start}no request: {self.reason}"
        asked = f"{self.method} {self.path}" if self.call is None else f"{self.call} ({self.method} {self.path})"
        secret = " encrypted" if self.encrypted else ""
        answer = f"{self.code or 'no answer'}{_shown(self.answer)}{f', {self.reason}' if self.reason else ''}"
        rules = f"  [{', '.join(self.rules)}]" if self.rules else ""
        return f"{start}{self.user}{secret}: {asked}{_shown(self.value)} -> {answer}{rules}"


class Journal(tuple[Line, ...]):
    """Lines, the oldest first; `str` puts each in a line of its own."""

    __slots__ = ()

    @property
    def requests(self) -> "Journal":
        """Without events."""
        return Journal(line for line in self if line.kind == "request")

    @property
    def events(self) -> "Journal":
        """Without requests."""
        return Journal(line for line in self if line.kind != "request")

    def __str__(self) -> str:
        left_out = len(self) - REPORTED
        head = [f"... {left_out} lines before"] if left_out > 0 else []
        return "\n".join((*head, *map(str, self[-REPORTED:]))) or "nothing happened"


def journal_of(entries: "Iterable[Entry]") -> Journal:
    """The journal of entries of the control API."""
    return Journal(map(Line.of, entries))


def _first(value: Any, body: str | None) -> Any:
    return body if value is None and body not in (None, "", "hex:") else value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f" {text if len(text) <= _LONGEST else f'{text[:_LONGEST]} ...'}"

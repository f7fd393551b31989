"""What a step has brought, and whether it is what was expected."""

from dataclasses import dataclass
from typing import Any, Final

from protocol.client.core import LoginError
from protocol.client.links import LinkError
from protocol.codes import describe_code, is_success
from protocol.errors import IntegrityError, ProtocolError, RefusedError
from scenarios.run.telling import shown
from scenarios.run.wishes import ClosedLinkError, TimeoutLinkError

_KINDS: Final[tuple[tuple[type[ProtocolError], str], ...]] = (
    (TimeoutLinkError, "timeout"),
    (ClosedLinkError, "closed"),
    (LinkError, "link"),
    (IntegrityError, "integrity"),
    (LoginError, "login"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a step has brought.

    Args:
        code: result code; None where there is no answer with one.
        value: what the answer brings, as JSON can hold it.
        body: bytes of the answer's body.
        error: kind of the error that ended it; empty without one.
        reason: the error in words.
    """

    code: int | None = None
    value: Any = None
    body: bytes = b""
    error: str = ""
    reason: str = ""

    @classmethod
    def of_error(cls, error: ProtocolError) -> "Answer":
        """What came instead of an answer; a refusal has a code, be it of the frame or of a login."""
        code = error.code if isinstance(error, RefusedError) else None
        kind = next((name for family, name in _KINDS if isinstance(error, family)), "")
        return cls(code, error=kind, reason=str(error))

    @property
    def success(self) -> bool:
        """The Tap did what it was asked for."""
        return not self.error and (self.code is None or is_success(self.code))

    def __str__(self) -> str:
        if self.error and self.error != "login":
            return f"error {self.error}: {self.reason}"
        code = "done" if self.code is None else describe_code(self.code)
        reason = f" ({self.reason.removesuffix(f': {code}')})" if self.reason else ""
        brings = "" if self.value is None else f" {shown(self.value)}"
        return f"{code}{brings}{reason}"


DONE: Final = Answer()
"""Of a step that brings nothing."""


@dataclass(frozen=True, slots=True)
class Miss:
    """Why an answer is not what was expected."""

    reason: str
    expected: str
    got: str


def judge_error(expected: str, answer: Answer) -> Miss | None:
    """Whether the error is of the kind that was expected; every kind of lost connection is a ``link`` error too."""
    met = bool(answer.error) if expected == "any" else answer.error == expected
    if expected == "link":
        met = answer.error in ("link", "closed", "timeout")
    if met:
        return None
    return Miss("the error is another one" if answer.error else "no error came", f"error {expected}", str(answer))


def judge_status(expected: str | int, answer: Answer) -> Miss | None:
    """Whether the result code is the expected one: its number, ``ok`` for any success, ``refused`` or ``any``."""
    if answer.error and answer.error != "login":
        return Miss("there is no answer", f"status {_status_name(expected)}", str(answer))
    match expected:
        case "any":
            met = True
        case "ok":
            met = answer.success
        case "refused":
            met = not answer.success
        case _:
            met = answer.code == expected
    return None if met else Miss("the answer has another status", f"status {_status_name(expected)}", str(answer))


def _status_name(status: str | int) -> str:
    return status if isinstance(status, str) else describe_code(status)


def judge_time(limit: float, elapsed: float) -> Miss | None:
    """Whether it came in time."""
    return None if elapsed <= limit else Miss("it took too long", f"within {limit:g} s", f"{elapsed:g} s")

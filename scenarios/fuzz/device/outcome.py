"""What came of a case, and what speaks against the Tap."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from scenarios.fuzz.device.cases import Case


class Broken(StrEnum):
    """What a Tap has to keep, whatever it is asked, and did not."""

    EXCEPTION = "exception"
    """An answer or a closed link, never an exception."""
    HANG = "hang"
    """It comes to an end with every request, and ends a link over which the rest of a request does not come."""
    SILENCE = "no answer"
    """Each complete request has an answer, or the link is closed."""
    UNSOUND = "unsound answer"
    """An answer has its status word, and is sealed as the request was."""
    FORGERY = "forgery accepted"
    """An encrypted frame whose CRC, length, padding, key or vector is wrong is refused."""
    CHANGED = "changed by a refusal"
    """What is refused changes nothing."""
    CUTTING = "cut differently, answered differently"
    """How a stream is cut makes no difference."""
    GONE = "out of order afterwards"
    """A good request is answered as before."""


class Fault(NamedTuple):
    """One thing that speaks against the Tap.

    Args:
        detail: for people.
        signature: equal for what is most likely the same mistake.
        trace: of an exception.
    """

    broken: Broken
    detail: str
    signature: str
    trace: str = ""


@dataclass(slots=True)
class Outcome:
    """What came of a case.

    Args:
        sent: bytes of each request.
        answers: what came back after each of them.
        told: a line for each request and its answer.
        codes: result codes by call, for statistics.
        faults: what speaks against the Tap.
    """

    case: Case
    sent: list[bytes] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    codes: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As findings are kept."""
        return {
            "case": str(self.case.id),
            "who": self.case.who.value,
            "cut": self.case.cutting,
            "faults": [dict(fault._asdict(), broken=str(fault.broken)) for fault in self.faults],
            "requests": [data.hex() for data in self.sent],
            "answers": [data.hex() for data in self.answers],
            "told": self.told,
        }

"""What was seen of a client in one case, and what speaks against it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from emulator.journal import Entry, Record
from scenarios.fuzz.case import Case
from scenarios.fuzz.mutation import Answer
from scenarios.fuzz.saboteur import Applied


class Verdict(StrEnum):
    """What a client has done wrong."""

    CRASH = "crash"
    """It was ended by a signal, or with an exit code that it does not use for errors."""
    UNHANDLED = "unhandled error"
    """It says itself that nobody expected the error: a traceback, an unhandled rejection, a panic."""
    HANG = "hang"
    """It made no progress any more, and did not end."""
    WRONG_DATA = "wrong data accepted"
    """It reported a value that no proper answer has said."""
    VIOLATION = "protocol violation"
    """It sent what no client may send after what it was told."""
    MEMORY = "memory growth"
    FLOOD = "flood"
    """It sent, or printed, without end."""


class Reading(NamedTuple):
    """A value that a client says it has read."""

    name: str
    """Id of the call, ``device.get_serial_number``, maybe with an instance, ``variable.get_value/5``; or any name."""
    value: Any
    """As JSON has it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a client, or its turn, came to its end.

    Args:
        kind: ``exited`` by itself; ``done``: a persistent client has finished its turn. Or it was ended: ``stalled``
            made no progress, ``flooded`` sent or printed too much, ``swollen`` took too much memory.
        code: exit code, 0..255; negative: minus the signal. None while a persistent client lives on.
        error: what a persistent client says went wrong; empty if nothing did.
        unhandled: it says that this error was not expected.
        detail: for people: how long it made no progress, how much it printed.
    """

    kind: Literal["exited", "done", "stalled", "flooded", "swollen"]
    code: int | None = None
    error: str = ""
    unhandled: bool = False
    detail: str = ""


@dataclass(slots=True)
class Observation:
    """One run of a client against a Tap that was armed with one case.

    Args:
        answers: what the Tap would have answered, in order.
        applied: which faults have come true.
        entries: the journal of the run.
        readings: what the client says it has read.
        output: the end of what it printed, standard output and error.
        memory: most bytes of memory that it had; 0 where that is not known.
        seconds: how long it took.
    """

    case: Case
    answers: list[Answer]
    applied: list[Applied]
    entries: list[Entry]
    ending: Ending
    readings: list[Reading] = field(default_factory=list)
    output: str = ""
    memory: int = 0
    seconds: float = 0.0

    @property
    def records(self) -> list[Record]:
        """Requests and answers."""
        return [entry for entry in self.entries if isinstance(entry, Record)]


class Judgement(NamedTuple):
    """One thing that speaks against a client.

    Args:
        detail: one line for people.
        signature: equal for what is most likely the same mistake: first line of a stack, name of what was read wrongly.
    """

    verdict: Verdict
    detail: str
    signature: str

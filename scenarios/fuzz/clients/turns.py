"""One turn of a client: what it is asked to do, how far it may go, and what became of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from scenarios.fuzz.observation import Ending, Reading
from scenarios.fuzz.rig import SessionKeys

Mode = Literal["spawn", "persistent", "loop"]
"""``spawn``: a process for each turn. ``persistent``: one process, told of each turn by a line on its standard input.
``loop``: one process that connects again and again by itself; each of its connections is a turn."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a client may go before it is ended.

    Args:
        progress: seconds in which it neither prints anything nor does anything at the Tap.
        turn: seconds for the turn, whatever progress it makes.
        output: bytes that it may print in a turn.
        requests: entries of the journal that it may cause in a turn.
        memory: bytes that it and its children may take beyond what it had at the end of its first turn.
    """

    progress: float = 5.0
    turn: float = 60.0
    output: int = 1 << 20
    requests: int = 10_000
    memory: int = 512 << 20


@dataclass(frozen=True, slots=True)
class Turn:
    """What a client is asked to do.

    Args:
        case: id of the case.
        url: where the Tap is.
        session: of the login that the Tap has put on new connections; None if the client logs in by itself.
        progress: entries of the journal so far; grows while the client talks to the Tap.
        ended: set by the campaign as soon as a connection has ended during this turn. That is what ends the turn
            of a client with a loop of its own; the other modes do not need it.
        keep: the client is asked to keep its connection for the next turn, whatever it does otherwise.
    """

    case: str
    url: str
    session: SessionKeys | None
    progress: Callable[[], int]
    ended: asyncio.Event | None = None
    keep: bool = False


@dataclass(slots=True)
class Result:
    """What became of a turn.

    Args:
        readings: what the client says it has read, in order.
        output: the last 64 KiB that it printed on standard output and error, as they came. Bytes that are no UTF-8 are
            replaced; other control characters, NUL too, are kept.
        memory: most bytes that it and its children had in this turn, as far as samples show; 0 if there is none yet.
        seconds: from the beginning of the turn to its end, without the time that it took to end a client.
        late: a client that lives from turn to turn was found dead without a sign of life in this turn: it is most
            likely the turn before that killed it.
    """

    ending: Ending
    readings: list[Reading]
    output: str
    memory: int
    seconds: float
    late: bool = False


class Client(Protocol):
    """A program under test, with as many processes as it needs, one turn at a time."""

    async def play(self, turn: Turn) -> Result:
        """Lets it do one turn. A client may do what it wants: all that follows is an `Ending`.

        When the task is cancelled here, all processes of the client are ended before the cancellation goes on.

        Raises:
            UsageError: its program cannot be started.
        """
        ...

    async def close(self) -> None:
        """Ends it, with every process that it has ever started. May be called again; the next turn starts it anew."""
        ...

"""What a scripted client asks of the world that it runs in.

A client is a generator (`Actor`): it yields a wish and is sent what came of it, or has the error thrown in. So the same
client runs in a world whose time is virtual, where many clients take turns, and over a socket, where each has a thread.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from protocol.client.links import LinkError

T = TypeVar("T")


class TimeoutLinkError(LinkError):
    """No answer came in time."""


class ClosedLinkError(LinkError):
    """The Tap has closed the connection, or it was lost."""


class NotHereError(Exception):
    """This world cannot do what was asked, for example look into a Tap of hardware; the message says why."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection; an open one is closed first.

    Args:
        link: URL or scheme of a link of the Tap; None for the first.
        timeout: seconds for the connection to be made.
    """

    link: str | None
    timeout: float


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the connection."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Send bytes and wait for the whole answer; what comes of it are its bytes.

    Args:
        timeout: seconds.
    """

    request: bytes
    timeout: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """Let this many seconds go by."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fork:
    """Run these clients at the same time and go on when all of them are done."""

    actors: "tuple[Actor, ...]"


@dataclass(frozen=True, slots=True)
class Inspect:
    """Ask the Tap itself, and not over its links; what comes of it is the value, as JSON can hold it.

    Args:
        name: key of the setting, or name of the variable.
    """

    kind: Literal["setting", "variable"]
    name: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Remember the Tap under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Restore:
    """Put the Tap back to what it was under this name."""

    name: str


Wish = Connect | Disconnect | Exchange | Sleep | Fork | Inspect | Snapshot | Restore
Steps = Generator[Wish, Any, T]
Actor = Steps[None]

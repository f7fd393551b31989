"""What happened: every request and answer in clear, with the reason of a refusal, and what else befell the Tap."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple, get_args

from emulator.exchange import Carrier
from protocol.frames import Request, Response

EventKind = Literal[
    "connected",
    "disconnected",
    "login",
    "login-failed",
    "logout",
    "locked",
    "session-expired",
    "key-made",
    "iv-exchanged",
    "iv-refused",
    "configuring",
    "configured",
    "factory-reset",
    "reboot",
    "script",
]
"""What can happen beside requests and answers; ``script`` is a note of whoever directs the Tap."""

EVENT_KINDS: Final[tuple[EventKind, ...]] = get_args(EventKind)

_LOGINS: Final = ("scram.login_proof", "interface.login_with_hash", "interface.login_with_uid")

EVENTS: Final[dict[tuple[str, bool], EventKind]] = {
    **{(call, True): "login" for call in _LOGINS},
    **{(call, False): "login-failed" for call in (*_LOGINS, "scram.login")},
    ("interface.logout", True): "logout",
    ("scram.initialize", True): "key-made",
    ("scram.set_initialization_vector", True): "iv-exchanged",
    ("scram.set_initialization_vector", False): "iv-refused",
    ("device.factory_reset", True): "factory-reset",
    ("interface.put_config_version", True): "configured",
}
"""What the answer to a call means, by call and success."""


TELLING: Final = frozenset(call for call, _ in EVENTS)
"""Calls whose answers may mean something."""


def event_of(call: str, success: bool, *, configuring: bool) -> EventKind | None:
    """What the answer to a call means; None if it is nothing special.

    Args:
        configuring: the Tap is in configuration mode after the call.
    """
    kind = EVENTS.get((call, success))
    return "configuring" if kind == "configured" and configuring else kind


class Record(NamedTuple):
    """One request and its answer."""

    time: float
    """Seconds of the device's clock."""
    connection: int
    group_id: int
    """Group of the session after the request."""
    carrier: Carrier
    request: Request | None
    """None if the bytes were no request; `reason` says why."""
    response: Response | None
    """None if the answer was a bare status word."""
    reason: str | None
    """Why it was refused; None if it was not."""
    number: int
    """Of this entry of the journal, from 1."""
    link: str
    call: str | None
    """Id of the call, ``device.get_serial_number``; None if no firmware knows the request."""
    rules: tuple[str, ...] = ()
    """Rules of the script that had a part in the answer."""


class Event(NamedTuple):
    """Something else that happened."""

    time: float
    """Seconds of the device's clock."""
    number: int
    kind: EventKind
    connection: int | None = None
    link: str | None = None
    detail: str = ""


Entry = Record | Event
Listener = Callable[[Entry], None]


class Journal:
    """Keeps the newest entries.

    Args:
        size: how many.
    """

    def __init__(self, size: int = 10_000) -> None:
        self.entries: deque[Entry] = deque(maxlen=size)
        """Records and events, the oldest first."""
        self._listeners: tuple[Listener, ...] = ()
        self.total = 0
        """Records ever made, also those that are no longer kept."""
        self.number = 0
        """Of the newest entry."""

    def __iter__(self) -> Iterator[Record]:
        return (entry for entry in self.entries if isinstance(entry, Record))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def add(self, entry: Entry) -> None:
        """Appends an entry, which has the next number."""
        self.entries.append(entry)
        self.number = entry.number
        if isinstance(entry, Record):
            self.total += 1
        for listener in self._listeners:
            listener(entry)

    def clear(self) -> None:
        """Forgets all entries; numbers go on."""
        self.entries.clear()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Has a function called with each new entry, until the function that is returned is called."""
        self._listeners += (listener,)

        def cancel() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

        return cancel

"""What the rules of a script share: the Tap, the time, machines, and what lasts until the script is disarmed."""

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace

from emulator.connection import Connection
from emulator.device import Device
from emulator.exchange import Exchange
from emulator.remembered import Remembered, container, kept, value
from emulator.sessions import Session
from protocol.frames import Response
from scenarios.script.agenda import Agenda
from scenarios.script.machines import Machine
from scenarios.script.tally import Tally
from scenarios.script.vectors import Vectors


@dataclass(slots=True)
class Busy:
    """Every request is answered BUSY.

    Args:
        rule: who wanted it.
        until: when it ends, in the device's clock.
        left: requests that are still answered so; None if only the time counts.
    """

    rule: str
    until: float
    left: int | None

    def meets(self, now: float) -> bool:
        """Whether it holds for a request that has come now; counts it."""
        if now >= self.until or self.left == 0:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def over(self, now: float) -> bool:
        """Nothing is left of it."""
        return now >= self.until or self.left == 0

    def left_at(self, now: float) -> dict[str, float | None]:
        """Seconds and requests that are left; None where they do not count."""
        return {"seconds": None if self.until == math.inf else self.until - now, "requests": self.left}


def _copy_busy(busy: Busy | None, shift: float) -> Busy | None:
    return busy and replace(busy, until=busy.until + shift)


class Stage(Remembered):
    """Where the rules of one script act."""

    KEPT = kept(busy=_copy_busy, connections=container, places=container, _met=value, _lasting=container)
    PARTS = ("agenda", "vectors")
    FIXED = ("device", "machines", "aside")
    """The script remembers the machines."""

    def __init__(self, device: Device, machines: Mapping[str, Machine]) -> None:
        self.device = device
        self.machines = dict(machines)
        self.agenda = Agenda()
        self.vectors = Vectors()
        self.busy: Busy | None = None
        self.aside = False
        """A request is executed for an action, and no rule acts on it."""
        self.connections: dict[int, Connection] = {}
        """Open connections by number."""
        self.places: dict[int, int] = {}
        """Which connection since the start each of them is, by number."""
        self._met = 0
        self._lasting: dict[Hashable, Callable[[], None]] = {}

    @property
    def now(self) -> float:
        """The device's clock."""
        return self.device.clock.now()

    def met(self, connection: Connection) -> None:
        """A connection is there."""
        self.connections[connection.id] = connection
        self._met += 1
        self.places[connection.id] = self._met

    def parted(self, connection: Connection) -> None:
        """It is gone."""
        self.connections.pop(connection.id, None)
        self.places.pop(connection.id, None)

    def last(self, what: Hashable, undo: Callable[[], None], seconds: float | None = None) -> None:
        """Notes something that stays until it is undone: by `undo`, after a time, or when the script is disarmed.

        Args:
            what: the same thing, done again, takes the place of what was there, whose undoing is forgotten.
            seconds: how long it lasts; None for no end.
        """
        self._lasting[what] = undo
        if seconds is not None:
            self.agenda.add(self.now + seconds, lambda _: self._end(what, undo))

    def undo(self, what: Hashable) -> None:
        """Undoes one thing, if it is there."""
        if (undo := self._lasting.pop(what, None)) is not None:
            undo()

    def undo_all(self) -> None:
        """Undoes everything."""
        for what in list(self._lasting):
            self.undo(what)
        self.busy = None
        self.agenda.clear()

    def _end(self, what: Hashable, undo: Callable[[], None]) -> None:
        if self._lasting.get(what) is undo:
            self.undo(what)


@dataclass(slots=True)
class Occasion:
    """A rule acts: what it sees, and the answer as far as it is known.

    Args:
        rule: its name.
        exchange: the request; None where an event or the time is the reason.
        connection: whose request or event it is.
        response: the answer that takes the place of executing the request, or that the Tap gives.
    """

    stage: Stage
    rule: str
    tally: Tally
    exchange: Exchange | None = None
    connection: Connection | None = None
    response: Response | None = None

    @property
    def device(self) -> Device:
        """The Tap."""
        return self.stage.device

    @property
    def session(self) -> Session | None:
        """Whose session it is."""
        return None if self.connection is None else self.connection.session

    def note(self, text: str) -> None:
        """Writes into the journal."""
        self.device.tell("script", self.connection, f"{self.rule}: {text}")


Act = Callable[[Occasion], None]
"""What is left of an action once it has been read: does it."""

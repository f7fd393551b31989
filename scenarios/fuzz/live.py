"""Fuzzing of a client that somebody else drives: an app on a phone, a device in a rack.

A director that learns what the client asks, arms one case after another, and tells of each what it did and what the
client did next. When it moves on is chosen: with each new connection, after some time or some requests, or by hand.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from emulator.device import Device
from emulator.exchange import Exchange
from emulator.journal import Entry, Event
from emulator.snapshots import Snapshot
from emulator.state import StoreError
from protocol.errors import UsageError
from protocol.frames import Response
from scenarios.fuzz.campaign.planning import Planner
from scenarios.fuzz.case import EVERY, Case, Fault
from scenarios.fuzz.saboteur import Saboteur
from scenarios.model.common import read_duration, show_duration
from scenarios.run.telling import tell_all

NAME: Final = "fuzz"
"""Of the director, among others of a Tap."""
_REQUESTS: Final = re.compile(r"requests?:([0-9]{1,9})", re.ASCII)
_MOST_ENTRIES: Final = 1000
"""Of the journal that are kept of a case."""
_CLEAN: Final = Case()


@dataclass(frozen=True, slots=True)
class Turn:
    """When the next case is armed.

    Args:
        kind: with a ``connection``, after `most` ``requests`` or ``seconds``, or only by ``hand``.
    """

    kind: Literal["connection", "requests", "seconds", "hand"] = "connection"
    most: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Turn":
        """Reads ``connection``, ``request:20``, ``30s`` or ``hand``.

        Raises:
            UsageError: it is none of them.
        """
        if text == "connection":
            return cls("connection")
        if text == "hand":
            return cls("hand")
        found = _REQUESTS.fullmatch(text)
        try:
            turn = cls("seconds", read_duration(text)) if found is None else cls("requests", float(found[1]))
        except ValueError:
            turn = cls("seconds")
        if turn.most <= 0:
            raise UsageError(f"next {text!r}, expected connection, request:20, a time such as 30s, or hand")
        return turn

    def __str__(self) -> str:
        match self.kind:
            case "requests":
                return f"request:{self.most:.0f}"
            case "seconds":
                return show_duration(self.most)
            case _:
                return self.kind


@dataclass(slots=True)
class Played:
    """A case, as far as it has come.

    Args:
        number: how many have been armed, this one too.
        began: in the clock of the Tap.
        faults: what is to go wrong, and where.
        requests: that came since it was armed.
        done: what went wrong, in words, in order.
        entries: the journal since it was armed.
        first: how many of them there were when something went wrong for the first time.
    """

    case: Case
    number: int
    began: float
    faults: list[str]
    requests: int = 0
    done: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    first: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As the folder of cases keeps it: what was done, and what the client did from then on."""
        next_ones = [] if self.first is None else self.entries[self.first :]
        return {
            "case": self.case.id,
            "number": self.number,
            "faults": self.faults,
            "done": self.done,
            "requests": self.requests,
            "exchange": tell_all(self.entries, self.began),
            "afterwards": tell_all(next_ones, self.began),
        }


class Live:
    """Fuzzes whoever talks to a Tap, once it is a director of it.

    Args:
        only: this case again and again, in place of others.
        restore: put the Tap back to what it is now before each case; connections and logins stay.
        armed, ended: are told of each case.
        applied: is told of each thing that goes wrong, in words.
    """

    def __init__(
        self,
        device: Device,
        *,
        seed: int = 0,
        turn: Turn | None = None,
        only: Case | None = None,
        restore: bool = False,
        armed: Callable[[Played], None] = lambda _: None,
        applied: Callable[[Played, str], None] = lambda _, __: None,
        ended: Callable[[Played], None] = lambda _: None,
    ) -> None:
        self.turn = turn or Turn()
        self._device = device
        self._saboteur = Saboteur(device)
        self._planner = Planner(seed)
        self._only = only
        self._start: Snapshot | None = device.snapshot() if restore else None
        self._told_armed, self._told_applied, self._told_ended = armed, applied, ended
        self._now = Played(_CLEAN, 0, device.clock.now(), [])
        self._inside = False
        """The case itself acts, maybe by requests of its own."""
        device.journal.listen(self._note)

    @property
    def now(self) -> Played:
        """The case that is armed."""
        return self._now

    @property
    def known(self) -> int:
        """How many answers that the client gets are known, where cases can begin."""
        return len(self._planner.sites)

    # --- moving on

    def move_on(self, case: Case | None = None) -> Played:
        """Arms the next case, or a certain one. As long as nothing is known of the client, nothing goes wrong."""
        self.end()
        chosen = case or self._only or self._planner.next() or _CLEAN
        self._restore()
        self._saboteur.arm(chosen)
        faults = [self._words(fault) for fault in chosen.faults]
        self._now = Played(chosen, self._now.number + 1, self._device.clock.now(), faults)
        self._device.tell("script", detail=f"fuzz case {chosen.id} armed: {'; '.join(faults) or 'nothing goes wrong'}")
        self._told_armed(self._now)
        return self._now

    def _restore(self) -> None:
        if self._start is None:
            return
        try:
            self._device.restore(self._start, keep_hosts=True)
        except StoreError as error:
            self._device.tell("script", detail=f"the Tap stays as it is: {error}")

    def end(self) -> None:
        """The case that is armed is over; what it had begun ends."""
        over = self._now
        learned = self._planner.learn(self._saboteur.answers)
        if over.case.faults:
            self._planner.told(over.case, new=bool(learned))
        self._saboteur.arm(_CLEAN)
        if over.number:
            self._told_ended(over)

    def _words(self, fault: Fault) -> str:
        """What a fault will do, as far as that can be said before the answer is there."""
        for site in self._planner.sites:
            if site.call == fault.call and fault.nth in (site.nth, EVERY):
                mutations = fault.mutator.mutations(site.seen_by(fault.mutator))
                if fault.variant < len(mutations):
                    return f"{fault.call}{f'#{fault.nth}' if fault.nth else ''}: {mutations[fault.variant].words}"
        return str(fault)

    def _note(self, entry: Entry) -> None:
        if len(self._now.entries) < _MOST_ENTRIES:
            self._now.entries.append(entry)

    # --- the director

    def before(self, exchange: Exchange) -> Response | None:
        """Moves on if it is time for it, and lets the case act."""
        if self._inside:
            return self._saboteur.before(exchange)
        full = self.turn.kind == "requests" and self._now.requests >= self.turn.most
        if not exchange.in_multi_request and (full or not self._now.number):
            self.move_on()
        self._now.requests += 1
        with self._acting(exchange):
            return self._saboteur.before(exchange)

    def after(self, exchange: Exchange, response: Response) -> Response:
        """Lets the case act."""
        if self._inside:
            return self._saboteur.after(exchange, response)
        with self._acting(exchange):
            return self._saboteur.after(exchange, response)

    @contextmanager
    def _acting(self, exchange: Exchange) -> Iterator[None]:
        self._inside = True
        try:
            yield
        finally:
            self._inside = False
        self._tell_applied(exchange)

    def _tell_applied(self, exchange: Exchange) -> None:
        now = self._now
        for applied in self._saboteur.applied[len(now.done) :]:
            words = f"{applied.fault.call}#{applied.nth}: {applied.mutation.words}"
            now.done.append(words)
            now.first = len(now.entries) if now.first is None else now.first
            self._device.tell("script", exchange.connection, f"fuzz case {now.case.id}: {words}")
            self._told_applied(now, words)

    def happened(self, event: Event) -> None:
        """Moves on with a new connection, unless nothing was asked since the last one."""
        begins = event.kind == "connected" and self.turn.kind == "connection"
        if begins and (self._now.requests or not self._now.number):
            if self._now.entries and self._now.entries[-1] is event:
                self._now.entries.pop()
            self.move_on().entries.insert(0, event)
        self._saboteur.happened(event)

    def next_deadline(self) -> float | None:
        """When the next case is due, or something that the present one has begun."""
        due = [self._saboteur.next_deadline()]
        if self.turn.kind == "seconds":
            due.append(self._now.began + self.turn.most)
        return min((each for each in due if each is not None), default=None)

    def tick(self) -> None:
        """Does what is due."""
        self._saboteur.tick()
        now = self._device.clock.now()
        if self.turn.kind != "seconds" or now < self._now.began + self.turn.most:
            return
        if self._now.requests:
            self.move_on()
        else:
            self._now.began = now  # nobody was there, so the case waits for somebody

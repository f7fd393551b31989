"""One rule: what it waits for, how often it acts, what it does."""

from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.connection import Connection
from emulator.exchange import Exchange
from emulator.remembered import Remembered, kept, value
from emulator.sessions import Session
from protocol.frames import Request, Response
from scenarios.script.stage import Act
from scenarios.script.tally import Count, Tally

RequestTest = Callable[[Exchange], bool]
ConnectionTest = Callable[[Connection | None], bool]
OutcomeTest = Callable[[Response], bool]
Covers = Callable[[str | None, Request], bool]
"""Whether a rule is about a request, by the name of its call, its method and its path."""


_Tallies = dict[Session | None, Tally]


def _copy_tallies(tallies: _Tallies, _: float) -> _Tallies:
    return {owner: tally.copy() for owner, tally in tallies.items()}


@dataclass
class Rule(Remembered):
    """A rule as it runs.

    Args:
        covers: which requests it is about; None where it waits for something else.
        events: kinds of events that it waits for.
        at: seconds after the start of the script.
        period: seconds between two times.
        tests: what else has to hold for a request.
        connection_tests: what has to hold for its connection; for that of an event; or for none, at a time.
        outcome: what the answer of the Tap has to be; the rule then acts after the execution.
        count: on which of its matches it acts.
        times: how often at the most.
        seed: of its dice.
    """

    name: str
    acts: tuple[Act, ...]
    covers: Covers | None = None
    events: tuple[str, ...] = ()
    at: float | None = None
    period: float | None = None
    tests: tuple[RequestTest, ...] = ()
    connection_tests: tuple[ConnectionTest, ...] = ()
    outcome: OutcomeTest | None = None
    count: Count | None = None
    times: int | None = None
    probability: float = 1.0
    per_session: bool = False
    seed: str = ""
    matched: int = 0
    """How often what it waits for has come, in all."""
    acted: int = 0
    """How often it has acted, in all."""
    _tallies: _Tallies = field(default_factory=dict)
    _seeds: int = 0

    KEPT = kept(matched=value, acted=value, _tallies=_copy_tallies, _seeds=value)

    def matches(self, exchange: Exchange) -> bool:
        """Whether it is about this request, which it covers."""
        # Loops, because every request of a Tap passes here for every rule that covers it.
        for test in self.tests:
            if not test(exchange):
                return False
        connection = exchange.connection
        for connection_test in self.connection_tests:  # noqa: SIM110
            if not connection_test(connection):
                return False
        return True

    def concerns(self, connection: Connection | None) -> bool:
        """Whether it is about an event on this connection, or about this time."""
        return all(test(connection) for test in self.connection_tests)

    def take(self, session: Session | None) -> Tally | None:
        """Counts a match; the tally if the rule acts on it, which is then counted too."""
        tally = self._tally(session if self.per_session else None)
        self.matched += 1
        tally.matched += 1
        if self.count is not None and not self.count(tally.matched):
            return None
        if self.times is not None and tally.acted >= self.times:
            return None
        if self.probability < 1 and tally.random.random() >= self.probability:
            return None
        self.acted += 1
        tally.acted += 1
        return tally

    @property
    def spent(self) -> bool:
        """It does not act any more, whatever comes."""
        return not self.per_session and self.times is not None and self.acted >= self.times

    def forget(self, session: Session) -> None:
        """The session is over."""
        self._tallies.pop(session, None)

    def _tally(self, owner: Session | None) -> Tally:
        tally = self._tallies.get(owner)
        if tally is None:
            tally = self._tallies[owner] = Tally(f"{self.seed}/{self._seeds}")
            self._seeds += 1
        return tally

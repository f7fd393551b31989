"""`TapHandle`: what a test does with a Tap, wherever that Tap is."""

import time
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from emulator.testing.lines import Journal, Line, journal_of
from emulator.testing.parts import Armed, ClockHandle, Difference, Settings, Snapshot, Variables

if TYPE_CHECKING:
    from emulator.testing.steering import Steering
    from protocol.client.blocking import Tap as Client
    from scenarios.model import Scenario

ScenarioSource = str | Path | Mapping[str, Any]
"""A scenario: its file, the text of one (more than one line), or its content."""

_MOST_LINES: Final = 10_000
_PATIENCE: Final = 10.0
"""Seconds that a Tap may take to be back from a reboot."""
_POLL_PERIOD: Final = 0.005
_SHOWN: Final = 20
"""Lines of the journal in the message of a failed wait."""


class LeakError(AssertionError):
    """A test has left something behind, or the Tap has made a mistake; the message says what."""


class TapHandle(ABC):
    """A Tap for the length of a test, see `VirtualTap` and `RemoteTap`.

    What cannot be done is told by a `ControlError`; a fault or scenario that cannot be understood too.

    Attributes:
        urls: of all its links; `url` is the first of them.
        seed: of everything that is random; None if nobody knows it.
    """

    urls: tuple[str, ...] = ()
    seed: int | None = None

    def __init__(self) -> None:
        self._clients: list[Client] = []
        self._checks: list[tuple[str, Scenario]] = []
        self._faults = 0
        self._taken = 0
        self._unused: deque[str] = deque()
        """Snapshots that nobody can restore any more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(check=kind is None)

    @property
    @abstractmethod
    def _steering(self) -> "Steering":
        """Steers it; skips the test if nobody can."""

    @abstractmethod
    def _arm(self, source: ScenarioSource, loaded: "Scenario", inputs: Mapping[str, Any], seed: int) -> str:
        """Arms a scenario and returns the name that it has got."""

    @abstractmethod
    def _misses(self, name: str, scenario: "Scenario") -> list[str]:
        """What has not happened of that which a scenario says must have; it was armed under the name."""

    def _down_time(self) -> float:
        """Seconds that it takes no connections when it reboots, where nobody says how many."""
        from emulator.blueprint import Rules

        return Rules().reboot_time

    @abstractmethod
    def close(self, *, check: bool = True) -> None:
        """Ends the Tap, or the use of it; may be called again.

        Args:
            check: tell what the test has left behind.

        Raises:
            LeakError: with all of it.
        """

    # --- the Tap and its clients

    @property
    def url(self) -> str:
        """Where it is, for whoever is tested: ``tcp://127.0.0.1:43210``."""
        return self.urls[0]

    @property
    def firmware(self) -> str:
        """Version of its firmware, ``1.86.0``."""
        return self._steering.device().firmware

    @property
    def serial_number(self) -> str:
        """As /1024//48 tells it to everybody, ``IoTize00410000009B``."""
        return self._steering.device().serial_number

    @property
    def connections(self) -> int:
        """How many hosts are connected now."""
        return len(self._steering.sessions())

    def client(self, user: str | None = None, password: str | None = None, *, timeout: float = 3.0) -> "Client":
        """The reference client, connected; it is closed at the end of a ``with`` block, or of the test.

        Args:
            user, password: log in first.
            timeout: seconds for each answer.
        """
        from protocol.client.blocking import Tap as Client

        client = Client(self.url, timeout=timeout)
        self._clients.append(client)
        client.connect()
        if user is not None:
            client.login(user, password or "")
        return client

    def reboot(self, seconds: float | None = None, *, wait: bool = True) -> None:
        """Restarts it, as if its power had failed for a moment.

        Args:
            seconds: how long it takes no connections; None leaves that to its rules.
            wait: return when it takes connections again. A clock that stands still is moved for that.
        """
        steering = self._steering
        steering.reboot(seconds)
        if not wait:
            return
        if not steering.clock().rate:
            steering.advance(self._down_time() if seconds is None else seconds)
        deadline = time.monotonic() + (seconds or 0.0) + _PATIENCE
        while not steering.health().ready:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the Tap at {self.url} is not back from its reboot")
            time.sleep(_POLL_PERIOD)

    # --- time, values, states

    @property
    def clock(self) -> ClockHandle:
        """Its time."""
        return ClockHandle(self._steering)

    @property
    def variables(self) -> Variables:
        """Values by name: ``tap.variables["temperature"] = 21.5``."""
        return Variables(self._steering)

    @property
    def settings(self) -> Settings:
        """Settings by key: ``tap.settings["interface.app_name"]``."""
        return Settings(self._steering)

    def snapshot(self) -> Snapshot:
        """Remembers everything, with sessions; until the snapshot is not used any more."""
        steering = self._steering
        while self._unused:
            steering.delete_snapshot(self._unused.popleft())
        self._taken += 1
        name = f"snapshot {self._taken}"
        snapshot = Snapshot(name, steering.snapshot(name).time)
        weakref.finalize(snapshot, self._unused.append, name).atexit = False
        return snapshot

    def restore(self, snapshot: Snapshot) -> None:
        """Makes the Tap what it was; connections that came since are closed."""
        self._steering.restore(snapshot.name)

    def diff(self, before: Snapshot, after: Snapshot | None = None) -> list[Difference]:
        """What has changed between two states; without `after` up to now."""
        changes = self._steering.diff(before.name, None if after is None else after.name)
        return [Difference.of(change) for change in changes]

    # --- what goes wrong

    def fault(self, *, when: Mapping[str, Any], then: Any, name: str | None = None, **budget: Any) -> Armed:
        """Lets something go wrong: one rule in the language of scenarios.

            with tap.fault(when={"request": "device.*"}, then={"delay": "2s"}, times=1): ...

        Args:
            name: in the journal, and for ``verify({"rule": name})``; ``fault 1`` and so on if it is None.
            budget: ``times``, ``per``, ``probability``, as in a scenario.
        """
        steering = self._steering
        self._faults += 1
        limits = {key: value for key, value in budget.items() if value is not None}
        rule = {"name": name or f"fault {self._faults}", "when": dict(when), "then": then, **limits}
        return Armed(steering.arm_fault(rule).name, steering.faults, steering.disarm_fault)

    def arm(
        self, scenario: ScenarioSource, *, inputs: Mapping[str, Any] | None = None, seed: int | None = None
    ) -> Armed:
        """Lets the script of a scenario act. Its `verify` is checked at the end of the test.

        Args:
            inputs: values that the scenario asks for.
            seed: of its probabilities; that of the Tap if it is None.

        Raises:
            ScenarioError: it is wrong, with each place.
        """
        steering = self._steering
        loaded = load_scenario(scenario, inputs or {})
        name = self._arm(scenario, loaded, inputs or {}, (self.seed or 0) if seed is None else seed)
        if loaded.verify:
            self._checks.append((name, loaded))
        return Armed(name, steering.scenarios, steering.disarm)

    # --- what happened

    @property
    def journal(self) -> Journal:
        """Requests with their answers, and events, decoded; the oldest first."""
        return journal_of(self._steering.journal(_MOST_LINES))

    def find(self, pattern: str | None = None, **query: Any) -> Journal:
        """Lines of the journal.

        Args:
            pattern: a call (``group.*``), a path (``/1025/*/3``), or the kind of an event (``login-failed``).
            query: ``code`` (``refused``, ``UNAUTHORIZED``), ``connection``, ``link``, ``since`` (the number of a line).
        """
        return journal_of(self._steering.journal(_MOST_LINES, **_query(pattern, query)))

    def wait_for(self, pattern: str | None = None, timeout: float = 5.0, *, count: int = 1, **query: Any) -> Line:
        """Waits until something has happened, also before the call, and returns the last line of it.

        Args:
            timeout: seconds of the world.
            count: how often it has to happen.
            pattern, query: see `find`.

        Raises:
            AssertionError: it has not, with the end of the journal.
        """
        __tracebackhide__ = True
        asked = _query(pattern, query)
        try:
            return Line.of(self._steering.wait(count=count, timeout=timeout, **asked)[-1])
        except TimeoutError:
            pass
        what = ", ".join(f"{name} {value}" for name, value in asked.items()) or "anything"
        lines = self.journal
        came = Journal(lines[-_SHOWN:])
        found = len(self.find(pattern, **query))
        raise AssertionError(f"{what}: {found} of {count} came within {timeout:g} s; the journal ends with\n{came}")

    def verify(self, *items: Mapping[str, Any]) -> None:
        """Checks that something has happened: items of the section `verify` of a scenario.

            tap.verify({"request": "group.change_password", "count": 1}, {"never": {"event": "login-failed"}})

        Raises:
            AssertionError: for all that has not, with the requests that are nearest to it.
        """
        __tracebackhide__ = True
        verdicts = self._steering.verify([dict(item) for item in items])
        misses = [each.message or each.item for each in verdicts.results if not each.passed]
        if misses:
            raise AssertionError("\n".join(misses))

    def verify_scenarios(self) -> None:
        """Checks the `verify` of all scenarios that were armed; pytest does so at the end of the test.

        Raises:
            AssertionError: for all that has not happened.
        """
        checks, self._checks = self._checks, []
        misses = [miss for name, scenario in checks for miss in self._misses(name, scenario)]
        if misses:
            raise AssertionError("\n".join(misses))

    def report(self) -> list[tuple[str, str]]:
        """Title and text of what a report of a failed test says of this Tap."""
        return [(f"journal of {self!r}", str(self.journal))]

    def _close_clients(self) -> None:
        clients, self._clients = self._clients, []
        for client in clients:
            client.close()


def load_scenario(source: ScenarioSource, inputs: Mapping[str, Any]) -> "Scenario":
    """Reads a scenario.

    Raises:
        ScenarioError: with everything that is wrong with it.
    """
    from scenarios.loading import load, loads

    if isinstance(source, Path) or (isinstance(source, str) and "\n" not in source):
        return load(source, inputs)
    return loads(text_of(source), inputs=inputs)


def text_of(source: ScenarioSource) -> str:
    """The text of a scenario's file."""
    if isinstance(source, Mapping):
        import yaml

        text: str = yaml.safe_dump({"scenario": 1, **source}, sort_keys=False)
        return text
    if isinstance(source, Path) or "\n" not in source:
        return Path(source).read_text(encoding="utf-8")
    return source


def _query(pattern: str | None, query: dict[str, Any]) -> dict[str, Any]:
    from emulator.journal import EVENT_KINDS

    if pattern is None:
        return query
    return {**query, ("kind" if pattern in EVENT_KINDS else "request"): pattern}

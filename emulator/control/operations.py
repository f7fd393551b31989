"""Every operation of the control API, as a method over a running server."""

import asyncio
import importlib.metadata
import json
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from emulator.clock import SteeredClock
from emulator.connection import Connection
from emulator.control import arming, models, views
from emulator.control.errors import ControlError
from emulator.directors import Directors
from emulator.entropy import SeededEntropy, SystemEntropy
from emulator.journal import Entry
from emulator.server import Server
from emulator.snapshots import Snapshot
from emulator.state import CONFIG_VERSION, StoreError
from protocol.client.jsonable import from_json, to_json
from protocol.errors import PeerError, UsageError
from protocol.firmware import Version
from protocol.resources.registry import SETTINGS

T = TypeVar("T")
MOST_SNAPSHOTS: Final = 64
MOST_ARMED: Final = 64


class Control:
    """Steers the Tap of a server. All methods have to be called in the event loop of the server.

    Every method raises a `ControlError` for what cannot be done, and has done nothing then.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tap = server.device
        self._faults: set[str] = set()
        self._snapshots: dict[str, Snapshot] = {}
        self._waiting: set[asyncio.Event] = set()
        self._stops = False
        given = self.tap.director
        self.armed = given if isinstance(given, Directors) else Directors({"scenario": given} if given else {})
        self.tap.director = self.armed

    # --- health, device

    def health(self) -> models.Health:
        """Whether hosts are served."""
        return models.Health(
            ready=self.server.is_open,
            version=importlib.metadata.version("tap-emulator"),
            links=[link.url for link in self.server.links],
        )

    def device(self) -> models.Device:
        """The whole Tap, without secrets."""
        return views.device(self.tap)

    def change_device(self, change: models.DeviceChange) -> models.Device:
        """Changes settings, values and firmware as the world would: whoever may do so, and at once."""
        settings = {key: _setting(key, value) for key, value in change.settings.items()}
        values = [self._encoded(name, value) for name, value in change.variables.items()]
        firmware = _version(change.firmware)
        state = self.tap.state
        try:
            for key, value in settings.items():
                if key == CONFIG_VERSION:
                    state.put_config_version(value)
                else:
                    state.put(key, value)
            for number, raw in values:
                self.tap.variables.poke(number, state.variables[number], raw)
            if firmware is not None:
                self.tap.change_firmware(firmware)
            state.commit()
        except PeerError as error:
            state.rollback()
            raise ControlError(409, str(error)) from error
        self.server.attend()
        return self.device()

    def reset(self) -> models.Device:
        """A factory reset: configuration, users and values are gone."""
        self.tap.state.factory_reset()
        try:
            self.tap.state.commit()
        except PeerError as error:
            raise ControlError(409, str(error)) from error
        self.tap.tell("factory-reset", detail="asked for by the control API")
        self.server.attend()
        return self.device()

    def reboot(self, seconds: float | None = None) -> None:
        """Restarts the Tap.

        Args:
            seconds: how long it then refuses connections; None leaves that to its rules.
        """
        self.tap.reboot_after_answer(seconds)
        self.server.attend()

    # --- snapshots

    def snapshots(self) -> list[models.SnapshotInfo]:
        """Those that are kept."""
        return [models.SnapshotInfo(name=name, time=kept.time) for name, kept in self._snapshots.items()]

    def snapshot(self, name: str) -> models.SnapshotInfo:
        """Keeps the Tap as it is, with its sessions; one of this name is written over."""
        if name not in self._snapshots and len(self._snapshots) >= MOST_SNAPSHOTS:
            raise ControlError(409, f"{MOST_SNAPSHOTS} snapshots are kept already; delete one first")
        self._snapshots[name] = kept = self.tap.snapshot()
        return models.SnapshotInfo(name=name, time=kept.time)

    def restore(self, name: str) -> None:
        """Makes the Tap what it was; connections that were not there then are closed."""
        kept = self._snapshot(name)
        try:
            self.server.restore(kept)
        except (StoreError, ValueError) as error:
            raise ControlError(409, str(error)) from error

    def delete_snapshot(self, name: str) -> None:
        """Forgets one."""
        self._snapshot(name)
        del self._snapshots[name]

    def diff(self, before: str, after: str | None = None) -> list[models.Change]:
        """What differs between two snapshots; without `after` between one and now."""
        from emulator.state_diff import diff

        later = self.tap.snapshot() if after is None else self._snapshot(after)
        return [
            models.Change(what=each.what, before=to_json(each.before), after=to_json(each.after))
            for each in diff(self._snapshot(before), later)
        ]

    def _snapshot(self, name: str) -> Snapshot:
        return _named(self._snapshots, name, "snapshot")

    # --- variables

    def variables(self) -> list[models.Variable]:
        """All variables, with their values."""
        return views.variables(self.tap)

    def variable(self, name: str) -> models.Variable:
        """One variable, by its name or id."""
        number = views.find_variable(self.tap.state, name)
        return views.variable(self.tap, number)

    def set_variable(self, name: str, value: Any) -> models.Variable:
        """Gives a variable a value as the world would: no right is needed and no range holds."""
        self._put_value(*self._encoded(name, value))
        self.server.attend()
        return self.variable(name)

    def _encoded(self, name: str, value: Any) -> tuple[int, bytes]:
        number = views.find_variable(self.tap.state, name)
        variable = self.tap.state.variables[number]
        try:
            return number, variable.type.encode(value, variable.length)
        except UsageError as error:
            raise ControlError(422, f"{name}: {error}") from error

    def _put_value(self, number: int, raw: bytes) -> None:
        try:
            self.tap.variables.poke(number, self.tap.state.variables[number], raw)
            self.tap.state.commit()
        except PeerError as error:
            raise ControlError(409, str(error)) from error

    # --- time and chance

    def clock(self) -> models.Clock:
        """The time of the Tap."""
        clock = self.tap.clock
        rate = clock.rate if isinstance(clock, SteeredClock) else 1.0
        return models.Clock(rate=rate, now=clock.now(), wall=clock.wall(), next_deadline=self.tap.next_deadline())

    def freeze(self) -> models.Clock:
        """Stops the time."""
        return self.set_rate(0.0)

    def set_rate(self, rate: float) -> models.Clock:
        """Lets the time go at another rate: 1 is real, 0 stands still."""
        if not isinstance(self.tap.clock, SteeredClock):
            raise ControlError(409, "this Tap follows the clock of the machine, which nobody steers")
        self.tap.clock.rate = rate
        return self.clock()

    async def advance(self, seconds: float) -> models.Clock:
        """Moves the time forward; everything that is due on the way happens, in its order."""
        try:
            await self.server.advance(seconds)
        except ValueError as error:
            raise ControlError(409, str(error)) from error
        return self.clock()

    def seed(self) -> models.Seed:
        """Where random numbers come from."""
        entropy = self.tap.entropy
        return models.Seed(seed=entropy.seed if isinstance(entropy, SeededEntropy) else None)

    def set_seed(self, seed: int | None) -> models.Seed:
        """Starts the random numbers of the Tap anew. Those of scenarios have their own seed."""
        self.tap.entropy = SystemEntropy() if seed is None else SeededEntropy(seed)
        return self.seed()

    # --- scenarios and faults

    def scenarios(self) -> list[models.Armed]:
        """Those that are armed."""
        return [arming.armed(name, self.armed[name]) for name in self.armed if self._is_scenario(name)]

    def _is_scenario(self, name: str) -> bool:
        return name not in self._faults and not arming.is_fuzzing(self.armed, name)

    def arm(self, scenario: models.Arming) -> models.Armed:
        """Lets a scenario act on whoever talks to the Tap; the name is its own one unless another is given."""
        loaded = arming.read(scenario)
        return self._arm(scenario.name or loaded.name or "scenario", loaded, scenario.seed)

    def disarm(self, name: str) -> None:
        """Ends a scenario; what it had set for a while is undone."""
        if name not in self.armed or not self._is_scenario(name):
            _named({each.name: each for each in self.scenarios()}, name, "scenario")
        arming.disarm(self.armed.remove(name))
        self.server.attend()

    def scenario(self, name: str) -> models.Armed:
        """One that is armed, with the states of its machines."""
        return _named({each.name: each for each in self.scenarios()}, name, "scenario")

    def faults(self) -> list[models.Armed]:
        """Rules that are armed by themselves."""
        return [arming.armed(name, self.armed[name]) for name in self.armed if name in self._faults]

    def arm_fault(self, rule: dict[str, Any]) -> models.Armed:
        """Arms one rule of a script: ``{"when": {"request": "device.*"}, "then": {"delay": "2s"}, "times": 1}``."""
        loaded = arming.read_rule(rule)
        name = str(rule.get("name") or next(f"fault {n}" for n in range(1, 2**31) if f"fault {n}" not in self.armed))
        armed = self._arm(name, loaded, 0)
        self._faults.add(name)
        return armed

    def disarm_fault(self, name: str) -> None:
        """Takes a rule back."""
        if name not in self._faults:
            _named({each: each for each in self._faults}, name, "fault")
        self._faults.discard(name)
        arming.disarm(self.armed.remove(name))
        self.server.attend()

    def _arm(self, name: str, scenario: Any, seed: int) -> models.Armed:
        if name in self.armed:
            raise ControlError(409, f"{name!r} is armed already; disarm it first, or give another name")
        if len(self.armed) >= MOST_ARMED:
            raise ControlError(409, f"{MOST_ARMED} scenarios and faults are armed already; disarm one first")
        self.armed.add(name, arming.script(scenario, self.tap, seed))
        self.server.attend()
        return arming.armed(name, self.armed[name])

    # --- fuzzing of a client

    def fuzzing(self) -> models.Fuzzing:
        """The case that is armed."""
        return arming.fuzz_state(arming.fuzzing(self.armed))

    def fuzz_next(self, case: str | None = None) -> models.Fuzzing:
        """Arms the next case, or the one of an id."""
        live = arming.fuzzing(self.armed)
        arming.fuzz_next(live, case)
        self.server.attend()
        return arming.fuzz_state(live)

    # --- journal

    def journal(self, query: models.Query | None = None, limit: int = 1000) -> list[models.Entry]:
        """The newest entries for which a query holds, the oldest of them first."""
        matches = views.matcher(query or models.Query())
        found: list[Entry] = []
        for each in reversed(self.tap.journal.entries):
            if len(found) >= limit:
                break
            if matches(each):
                found.append(each)
        return self.shown(reversed(found))

    def clear_journal(self) -> None:
        """Forgets all entries; numbers go on."""
        self.tap.journal.clear()

    async def wait(self, wanted: models.Wait) -> models.Waited:
        """Waits until the journal has so many entries for which a query holds, seconds of the world at the most.

        What has come by then is returned when the waiting is ended by `end_waiting`, too.
        """
        matches = views.matcher(wanted)
        found = [each for each in self.tap.journal.entries if matches(each)]
        enough = asyncio.Event()

        def listen(each: Entry) -> None:
            if matches(each):
                found.append(each)
            if len(found) >= wanted.count:
                enough.set()

        if len(found) < wanted.count and not self._stops:
            cancel = self.tap.journal.listen(listen)
            self._waiting.add(enough)
            try:
                async with asyncio.timeout(wanted.timeout):
                    await enough.wait()
            except TimeoutError:
                pass
            finally:
                cancel()
                self._waiting.discard(enough)
        return models.Waited(complete=len(found) >= wanted.count, entries=self.shown(found[: models.MOST_ENTRIES]))

    def end_waiting(self) -> None:
        """Nobody waits any longer, and nobody begins to, because the Tap stops."""
        self._stops = True
        for each in self._waiting:
            each.set()

    def verify(self, items: list[dict[str, Any]]) -> models.Verdicts:
        """Says of each item of a section `verify` whether it holds for the journal and the Tap."""
        with views.only_looking(self.tap):
            return arming.verified(items, self.tap, self.armed)

    def listen(self, listener: Callable[[models.Entry], None], query: models.Query) -> Callable[[], None]:
        """Calls a function with each new entry for which a query holds, until what is returned is called."""
        matches = views.matcher(query)

        def heard(each: Entry) -> None:
            if matches(each):
                listener(views.entry(self.tap, each))

        return self.tap.journal.listen(heard)

    def matching(self, query: models.Query) -> Callable[[Entry], bool]:
        """Says of an entry whether a query holds for it; refuses a query that cannot be understood."""
        return views.matcher(query)

    def shown(self, entries: Iterable[Entry]) -> list[models.Entry]:
        """Entries as the API shows them."""
        return [views.entry(self.tap, each) for each in entries]

    # --- who is there

    def sessions(self) -> list[models.Session]:
        """All open connections, oldest first."""
        return [views.session(self.tap, each) for each in self.tap.connections]

    def expire_session(self, connection: int) -> models.Session:
        """Logs a session out, as when its time is over."""
        found = self._connection(connection)
        if found.session.logged_in:
            found.session.log_out()
            self.tap.tell("session-expired", found)
            self.server.attend()
        return views.session(self.tap, found)

    def close_session(self, connection: int, *, reset: bool = False) -> None:
        """Ends a connection."""
        self.tap.close_after_answer(self._connection(connection), "asked for by the control API", reset=reset)
        self.server.attend()

    def _connection(self, number: int) -> Connection:
        for each in self.tap.connections:
            if each.id == number:
                return each
        known = ", ".join(str(each.id) for each in self.tap.connections)
        raise ControlError(404, f"no connection {number}, expected one of: {known or 'none, nobody is connected'}")

    def links(self) -> list[models.Link]:
        """The ways in."""
        urls = [each.link for each in self.tap.connections]
        return [models.Link(url=link.url, connections=urls.count(link.url)) for link in self.server.links]


def _named(things: dict[str, T], name: str, what: str) -> T:
    if name not in things:
        known = ", ".join(sorted(things)[:20]) or f"none, there is no {what}"
        raise ControlError(404, f"no {what} {name!r}, expected one of: {known}")
    return things[name]


def _setting(key: str, value: Any) -> Any:
    row = SETTINGS.get(key)
    if row is None or row.setting is None:
        raise ControlError(404, f"no setting {key!r}, expected for example 'interface.app_name'")
    try:
        read = from_json(row.setting.body, json.dumps(value))
        row.setting.body.encode(read)
    except UsageError as error:
        raise ControlError(422, f"{key}: {error}") from error
    if not row.setting.allows(read):
        limit = row.setting.limit
        assert limit is not None
        raise ControlError(422, f"{key}: expected {limit[0]} to {limit[-1]} (of text the length)")
    return read


def _version(text: str | None) -> Version | None:
    try:
        return None if text is None else Version.parse(text)
    except UsageError as error:
        raise ControlError(422, f"firmware: {error}") from error

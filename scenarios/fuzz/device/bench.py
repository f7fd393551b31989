"""Plays cases against Taps in this process: two of one seed, of which the second gets the same bytes cut otherwise.

Each case begins from the same state, with a session that is made once. Time is virtual, and passes only where a case
says so.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Final

from emulator import time_travel
from emulator.blueprint import Blueprint, Bundle, Group, Variable, demo
from emulator.clock import VirtualClock
from emulator.connection import Connection
from emulator.device import Device
from emulator.effects import Close, Effect, Reboot, Send
from emulator.entropy import SeededEntropy
from emulator.snapshots import Snapshot, adopt
from emulator.state_diff import diff
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.client.core import Conversation, Session
from protocol.codes import HostProtocol, Rights
from protocol.errors import IntegrityError, RefusedError
from protocol.firmware import Version
from scenarios.fuzz.device.cases import Case, Pause, pieces
from scenarios.fuzz.device.facts import differing, facts, may_change
from scenarios.fuzz.device.guarding import HangError, limited, place_of, trace_of
from scenarios.fuzz.device.outcome import Broken, Fault, Outcome
from scenarios.fuzz.device.peer import Peer, Probe, Reading, Who, envelopes

_LINK: Final = "tcp://fuzz"
_MEMORY: Final = "target._memory"
_OF_SIGNALS: Final = ("target connected",)
"""Where a target is read, signals move what is in its memory; `diff` knows which values follow one."""
_ALL: Final = Rights.READ | Rights.WRITE
_LONGEST: Final = 200
"""Characters of a value that is shown."""


class CaseClock(VirtualClock):
    """A clock that goes back when a case begins, so that each of them has the same times."""

    def rewind(self, now: float) -> None:
        """It is as late again as it was."""
        self._elapsed = now


def rich() -> Blueprint:
    """The demo Tap with more users, bundles and variables, so that more can go wrong."""
    base = demo()
    in_tap, volatile = Domain.IN_TAP_STATIC, Domain.IN_TAP_VOLATILE
    variables = {
        6: Variable(VariableType(Domain.TARGET, DataType.INT32), 4, 2, 0x20001000),
        7: Variable(VariableType(Domain.GPIO, DataType.UINT8), 1, 1, 3),
        8: Variable(VariableType(in_tap, DataType.UINT16), 100, 2),
        9: Variable(),
        10: Variable(VariableType(volatile, DataType.ASCII), 0, 3),
    }
    return replace(
        base,
        groups={**base.groups, 5: Group("tech", b"tech", 5), 6: Group("guest", b"guest", 5)},
        bundles={**base.bundles, 3: Bundle("three", {5: _ALL}), 4: Bundle("empty", {0: Rights.READ}, 60)},
        variables={**base.variables, **variables},
    )


@dataclass(slots=True)
class Stall:
    """A Tap and one host of it, as they are when a case begins."""

    device: Device
    clock: CaseClock
    connection: Connection
    peer: Peer
    start: Snapshot
    host: int
    """Id of the connection whose session the snapshot has."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the Tap remembers when a case begins."""


class Bench:
    """Taps of one kind.

    Args:
        blueprint: what they are; its seed and firmware are replaced.
        user, password: of who is logged in, where a case says so.
        seed: of everything random in the Taps.
        patience: seconds of computing that a case may take.
        make: makes a Tap, where it is not just a `Device`.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        firmware: Version | None = None,
        user: str = "admin",
        password: str = "admin",  # noqa: S107 - of the demo Tap, which everybody knows
        seed: int = 0,
        patience: float = 5.0,
        make: Callable[[Blueprint, VirtualClock, int], Device] | None = None,
    ) -> None:
        self._blueprint = blueprint if firmware is None else replace(blueprint, firmware=firmware)
        self._login = user, password
        self._seed = seed
        self._patience = patience
        self._make = make or _make_device
        self._stalls: dict[tuple[Who, str], Stall] = {}

    @property
    def firmware(self) -> Version:
        """Of the Taps."""
        return self._blueprint.firmware

    def close(self) -> None:
        """There is nothing to end."""

    def play(self, case: Case) -> Outcome:
        """What comes of a case."""
        outcome = Outcome(case)
        stall = self._stall(case.who, "first")
        run = _Run(stall, outcome)
        with self._watched(outcome, stall):
            run.play()
        if not outcome.faults and case.cutting != "whole":
            twin = self._stall(case.who, "second")
            with self._watched(outcome, twin):
                _compare(case, run, twin)
        if any(fault.broken in (Broken.EXCEPTION, Broken.HANG) for fault in outcome.faults):
            self._stalls.clear()
        elif outcome.faults and run.changed_at is not None:
            self._tell_change(case, outcome, run)
        return outcome

    def _tell_change(self, case: Case, outcome: Outcome, run: "_Run") -> None:
        """What a refused request has changed, in people's words, found by doing it once more."""
        twin = self._stall(case.who, "second")
        assert run.changed_at is not None
        for event in run.stream[: run.changed_at]:
            _feed(twin, event)
        before = twin.device.snapshot()
        _feed(twin, run.stream[run.changed_at])
        words = [
            change for change in map(str, diff(before, twin.device.snapshot())) if not change.startswith(_OF_SIGNALS)
        ]
        if words:
            fault = outcome.faults.pop()
            outcome.faults.append(fault._replace(detail=f"{fault.detail}: {'; '.join(words)}"))
        elif run.changed == [_MEMORY]:
            outcome.faults.clear()

    @contextmanager
    def _watched(self, outcome: Outcome, stall: Stall) -> Iterator[None]:
        """Whatever happens is kept as a fault."""
        try:
            with limited(self._patience):
                yield
        except HangError as error:
            place = place_of(error)
            detail = f"a case takes more than {self._patience:g} s, {place}"
            outcome.faults.append(Fault(Broken.HANG, detail, place, trace_of(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it speaks against the Tap
            place = place_of(error)
            detail = f"{type(error).__name__}: {error}, {place}"
            outcome.faults.append(Fault(Broken.EXCEPTION, detail, f"{type(error).__name__} {place}", trace_of(error)))

    def _stall(self, who: Who, which: str) -> Stall:
        """The Tap for a case, as it is when one begins."""
        stall = self._stalls.get((who, which))
        if stall is None:
            stall = self._stalls[who, which] = self._prepare(who)
        stall.clock.rewind(stall.start.time)
        stall.device.restore(stall.start)
        if not stall.connection.open:
            self._come_again(stall)
        stall.peer.adopt_session(stall.connection.session)
        stall.peer.next_id = 0 if stall.connection.session.frame_id is None else stall.connection.session.frame_id + 1
        return stall

    def _come_again(self, stall: Stall) -> None:
        """Its connection has ended; the next one goes on with the same session."""
        stall.connection = stall.device.connect(_LINK, HostProtocol.WIFI)
        adopt(stall.connection, stall.start, stall.host)
        stall.start = stall.device.snapshot()
        stall.host = stall.connection.id

    def _prepare(self, who: Who) -> Stall:
        clock = CaseClock()
        device = self._make(self._blueprint, clock, self._seed)
        connection = device.connect(_LINK, HostProtocol.WIFI)
        session = Session(SeededEntropy(self._seed).token)
        if who is Who.USER:
            _hold(device, connection, session.login(*self._login))
        if who is not Who.ANONYMOUS:
            session.set_initialization_vector_refresh_period(0)
            _hold(device, connection, session.encryption(True))
            with suppress(RefusedError, IntegrityError):  # old firmware has no vectors
                _hold(device, connection, session.refresh_encryption_initialization_vector())
        stall = Stall(device, clock, connection, Peer(), device.snapshot(), connection.id)
        stall.facts = facts(device, connection)
        return stall


Event = bytes | float
"""What happens to a Tap: bytes come, or so many seconds pass."""


class _Run:
    """One case on one Tap."""

    def __init__(self, stall: Stall, outcome: Outcome) -> None:
        self.stall = stall
        self.outcome = outcome
        self.stream: list[Event] = []
        self.happened: list[tuple[str, Any]] = []
        self.changed_at: int | None = None
        """Which event, though refused, has changed the Tap."""
        self.changed: list[str] = []
        self._known: dict[str, Any] | None = stall.facts
        """What the Tap remembers now, where that was looked up already."""
        self._left = b""
        """The beginning of a request that is not complete."""

    def play(self) -> None:
        """Says all that the case has to say."""
        for step in self.outcome.case.steps:
            if isinstance(step, Pause):
                self._feed(step.seconds)
            else:
                self._ask(step)
            if self._over:
                return
        if self._left:
            self._feed(self.stall.device.rules.partial_request_time + 1.0)
            if not self._over:
                self._blame(Broken.HANG, f"{len(self._left)} bytes of a request keep the link open", "partial request")

    @property
    def _over(self) -> bool:
        return not self.stall.connection.open or bool(self.outcome.faults)

    def _ask(self, probe: Probe) -> None:
        before = facts(self.stall.device, self.stall.connection) if self._known is None else self._known
        self._known = None
        in_step = not self._left
        data = self.stall.peer.wrap(probe)
        self.outcome.sent.append(data)
        complete, self._left = envelopes(self._left + data)
        answers = self._feed(data)
        self.outcome.answers.append(b"".join(answers))
        if len(answers) != len(complete) and self.stall.connection.open:
            what = f"{len(answers)} answers to {len(complete)} complete requests"
            self._blame(Broken.SILENCE, f"{what}, after {_tell(probe)}", "count")
            return
        if in_step and len(complete) == 1 and not self._left and answers:
            self._judge(probe, data, answers[0], before)
        elif self.stall.connection.open:
            self.stall.peer.adopt_session(self.stall.connection.session)

    def _judge(self, probe: Probe, data: bytes, answer: bytes, before: dict[str, Any]) -> None:
        peer = self.stall.peer
        reading = peer.read(probe, data, answer)
        code = "status" if reading.code is None else f"{reading.code:02X}"
        self.outcome.codes.append((probe.call or "no call", code))
        self.outcome.told.append(f"{_tell(probe)} -> {reading.fault or code} {reading.body.hex()}".rstrip())
        if reading.fault:
            self._blame(Broken.UNSOUND, f"{reading.fault}, after {_tell(probe)}", f"{probe.call} {reading.fault[:20]}")
        elif reading.forgery:
            self._blame(Broken.FORGERY, f"{_tell(probe)} was accepted", probe.words)
        elif reading.refused:
            self._check_unchanged(probe, reading, before)
        if not peer.sure and self.stall.connection.open:
            peer.adopt_session(self.stall.connection.session)

    def _check_unchanged(self, probe: Probe, reading: Reading, before: dict[str, Any]) -> None:
        found = differing(self.stall.device, self.stall.connection, before)
        if not found:
            self._known = before
            return
        changed = [name for name in found if not may_change(probe, name)]
        if changed:
            after = facts(self.stall.device, self.stall.connection)
            self.changed_at, self.changed = len(self.stream) - 1, changed
            values = "; ".join(f"{name}: {_shown(before[name])} -> {_shown(after[name])}" for name in changed)
            code = "a status word" if reading.code is None else f"{reading.code:02X}"
            self._blame(
                Broken.CHANGED, f"{_tell(probe)} was refused with {code}, and {values}", f"{probe.call} {changed}"
            )

    def _feed(self, event: Event) -> list[bytes]:
        self.stream.append(event)
        self._known = None
        effects = _feed(self.stall, event)
        self.happened += _told(effects)
        return [effect.data for effect in effects if isinstance(effect, Send)]

    def _blame(self, broken: Broken, detail: str, signature: str) -> None:
        self.outcome.faults.append(Fault(broken, detail, signature))


def _feed(stall: Stall, event: Event) -> list[Effect]:
    if isinstance(event, float):
        return list(time_travel.advance(stall.device, stall.clock, event))
    return stall.device.receive(stall.connection, event)


def _compare(case: Case, run: _Run, twin: Stall) -> None:
    """The same bytes, cut otherwise, on another Tap."""
    happened: list[tuple[str, Any]] = []
    for event in _cut_otherwise(case, run.stream):
        if not twin.connection.open:
            break
        happened += _told(_feed(twin, event))
    if happened != run.happened:
        place = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(happened, run.happened, strict=False)))
        whole, cut = (_shown(each[place : place + 1]) for each in (run.happened, happened))
        detail = f"answer {place + 1} of {case.cutting} pieces is {cut}, otherwise it is {whole}"
        run.outcome.faults.append(Fault(Broken.CUTTING, detail, f"{[probe.call for probe in case.probes][:1]}"))
        return
    if differ := differing(twin.device, twin.connection, facts(run.stall.device, run.stall.connection)):
        detail = f"{', '.join(differ)} differ afterwards"
        run.outcome.faults.append(Fault(Broken.CUTTING, detail, detail))


def _cut_otherwise(case: Case, stream: list[Event]) -> Iterator[Event]:
    """The same stream in other pieces; nothing is held back while time passes."""
    together: list[bytes] = []
    for event in [*stream, 0.0]:
        if isinstance(event, bytes):
            together.append(event)
            continue
        yield from pieces(case, together)
        together = []
        if event:
            yield event


def _told(effects: list[Effect]) -> list[tuple[str, Any]]:
    """What an effect is to whoever is outside."""
    told: list[tuple[str, Any]] = []
    for effect in effects:
        match effect:
            case Send(_, data):
                told.append(("send", data))
            case Close(_, reason):
                told.append(("close", reason))
            case Reboot(seconds):
                told.append(("reboot", seconds))
    return told


def _hold(device: Device, connection: Connection, conversation: Conversation[Any]) -> None:
    """Has a conversation of the reference client with a Tap."""
    try:
        request = next(conversation)
        while True:
            sent = (each.data for each in device.receive(connection, request) if isinstance(each, Send))
            request = conversation.send(b"".join(sent))
    except StopIteration:
        pass


def _make_device(blueprint: Blueprint, clock: VirtualClock, seed: int) -> Device:
    return Device(blueprint, clock=clock, entropy=SeededEntropy(seed))


def _tell(probe: Probe) -> str:
    carrier = "" if probe.carrier.value == "clear" else f" ({probe.carrier.value})"
    return f"{probe.call or probe.request or 'no request'}{carrier}: {probe.words}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."

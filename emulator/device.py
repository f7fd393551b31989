"""The Tap without I/O: bytes in, effects out.

The way of one request::

    receive -> apdu reader -> request frame -> execute -> gate -> body -> handler -> body -> response -> Send

An encrypted request is the body of /1024//48 or //44, whose handler opens it and calls `execute` again. `execute` is
the only place where a refusal becomes an answer; any other exception is a mistake of ours and meant to be loud.
"""

from collections.abc import Iterator

from emulator import gate, snapshots
from emulator.blueprint import Blueprint
from emulator.clock import Clock, RealClock
from emulator.connection import Connection, Connections
from emulator.data_log import DataLog
from emulator.direction import Director
from emulator.effects import Close, Effect, Reboot, Send
from emulator.entropy import Entropy, SeededEntropy, SystemEntropy
from emulator.exchange import Carrier, Exchange, PowerFailure
from emulator.journal import TELLING, Event, EventKind, Journal, Record, event_of
from emulator.lockout import Lockout
from emulator.outbox import Outbox
from emulator.packet_store import PacketStore
from emulator.services import handler_of
from emulator.sessions import Session
from emulator.snapshots import Snapshot
from emulator.state import MemoryStore, State, Store
from emulator.tampering import Tampering
from emulator.targets.base import Surroundings, Target
from emulator.targets.simulated import SimulatedTarget
from emulator.variables import Variables
from protocol import apdu
from protocol.bodies.interface import MaxFrameSize
from protocol.codes import HostProtocol, ResultCode
from protocol.errors import PeerError
from protocol.firmware import Version
from protocol.frames import Request, Response
from protocol.resources.registry import Entry, catalogue_of, find_entry


class RefusedConnectionError(Exception):
    """The Tap takes no further connection now; the message says why."""


class Device:
    """One virtual Tap.

    Args:
        clock, entropy, store: where time, randomness and persistence come from; the seed of the blueprint, if there
            is one, is used where no entropy is given.
        target: what is connected to the Tap, where it is not the simulated one of the blueprint.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        store: Store | None = None,
        target: Target | None = None,
    ) -> None:
        self.clock = clock or RealClock()
        self.entropy = entropy or (SystemEntropy() if blueprint.seed is None else SeededEntropy(blueprint.seed))
        self._original_firmware = blueprint.firmware
        self.rules = blueprint.rules
        self.state = State(blueprint, store or MemoryStore())
        self.target = target or SimulatedTarget(blueprint.target)
        self.target.attach(Surroundings(self.state, self.clock))
        self.variables = Variables(self, blueprint)
        self.packet_store = PacketStore()
        self.data_log = DataLog(self)
        self.lockout = Lockout(blueprint.rules)
        self.journal = Journal()
        self.time_offset = 0
        """Seconds by which the Tap's clock was set apart from the wall clock."""
        self.paired = False
        """The pairing command came since the last reboot, over whatever interface."""
        self.host_protocols = HostProtocol(0)
        """The interfaces over which hosts can reach it."""
        self._session = Session(self.rules)
        self._connections = Connections()
        self._effects: list[Effect] = []
        """What the bytes in hand have brought about so far."""
        self._after_answer: list[Effect] = []
        self._outbox = Outbox()
        self.director: Director | None = None
        """Who decides what goes wrong."""
        self._down_until = float("-inf")
        self._reboots = False
        """The Tap restarts as soon as the answer in hand is sent."""
        self._next_down_time: float | None = None
        """Seconds for which the next restart refuses connections, where it is not the usual time."""
        self._start()

    @property
    def connections(self) -> Iterator[Connection]:
        """All open connections, oldest first."""
        return iter(self._connections)

    def connect(
        self, link: str, protocol: HostProtocol, max_request: int | None = None, max_response: int | None = None
    ) -> Connection:
        """A host connects.

        Args:
            max_request, max_response: largest frames in bytes, where the link has other limits than the Tap.

        Raises:
            RefusedConnectionError: the Tap reboots, or the link has as many connections as it takes.
        """
        if self.clock.now() < self._down_until:
            raise RefusedConnectionError("the Tap is rebooting")
        if self._connections.of_link(link) >= self.rules.max_connections:
            raise RefusedConnectionError(f"{link} has {self.rules.max_connections} connections already")
        session = self._session if self.rules.hosts == "single" else Session(self.rules)
        size = MaxFrameSize(max_request or self.rules.max_request, max_response or self.rules.max_response)
        connection = Connection(self._connections.next_number(), link, protocol, session, size, self.clock.now())
        connection.authorized = gate.may_connect(self.state, protocol)
        self._connections.add(connection)
        self.tell("connected", connection)
        return connection

    def disconnect(self, connection: Connection) -> None:
        """The host has gone, or the server has closed the connection."""
        if self._connections.remove(connection):
            self.tell("disconnected", connection)

    def receive(self, connection: Connection, data: bytes) -> list[Effect]:
        """Takes bytes of a connection, cut anywhere, and says what has to happen."""
        if connection.open:
            self._connections.hear(connection, self.clock.now())
        items = connection.reader.feed(data)
        for item in items:
            if not connection.open:
                break
            self._answer(connection, item)
            if self._after_answer or self._reboots:
                self._follow_up()
        if items:
            self._connections.waiting.pop(connection, None)
        if connection.open and connection.reader.pending:
            self._connections.waiting.setdefault(connection, self.clock.now())
        effects, self._effects = self._effects, []
        return effects

    def abort(self, connection: Connection, reason: str) -> list[Effect]:
        """What has to happen when `receive` has failed by a mistake of ours.

        The connection ends, and what its bytes had brought about before is not lost.
        """
        effects, self._effects, self._after_answer = [*self._effects, *self._after_answer], [], []
        return [*effects, self._close(connection, reason)] if connection.open else effects

    def _follow_up(self) -> None:
        """What was asked for while a request was answered, or by the time."""
        self._effects, self._after_answer = self._effects + self._after_answer, []
        if self._reboots:
            self._effects += self._restart()

    def tick(self) -> list[Effect]:
        """Does what is due by now."""
        self.data_log.tick()
        now = self.clock.now()
        if self.director is not None:
            self.director.tick()
        self._follow_up()
        for effect in self._outbox.due(now):
            if effect.connection.open:
                self._carry_out(effect)
        effects, self._effects = self._effects, []
        while (deadline := self._partial_deadline()) is not None and deadline <= now:
            connection = next(iter(self._connections.waiting))
            reason = f"{connection.reader.pending} bytes of a request, the rest did not come"
            effects.append(self._close(connection, reason))
        while (deadline := self._silence_deadline()) is not None and deadline <= now:
            connection = next(iter(self._connections.heard))
            effects.append(self._close(connection, f"silent for {now - connection.last_heard:.0f} s (/1024//34)"))
        return effects

    def next_deadline(self) -> float | None:
        """When `tick` has to be called at the latest, in the device's clock; None if nothing is due."""
        if self._after_answer or self._reboots:
            return self.clock.now()
        deadlines = [self._partial_deadline(), self._silence_deadline(), self.data_log.next_deadline()]
        if self.director is not None:
            deadlines.append(self.director.next_deadline())
        if not self._outbox.empty:
            deadlines.append(self._outbox.next_deadline())
        return min([deadline for deadline in deadlines if deadline is not None], default=None)

    def _partial_deadline(self) -> float | None:
        since = next(iter(self._connections.waiting.values()), None)
        return None if since is None else since + self.rules.partial_request_time

    def _silence_deadline(self) -> float | None:
        """When the host that is silent for the longest time has been so for too long (/1024//34)."""
        connection = next(iter(self._connections.heard), None)
        if connection is None:
            return None
        period: int = self.state["interface.host_inactivity_period"]
        return connection.last_heard + period + self.rules.inactivity_grace if period else None

    def execute(self, exchange: Exchange) -> Response:
        """Answers one clear request, and notes it in the journal."""
        if self.director is not None:
            return self._execute_directed(exchange, self.director)
        response, call, reason = self._execute(exchange)
        if call is not None or reason is not None:
            self._note(exchange, response, call, reason)
            self._tell_outcome(exchange, response, call, reason)
        return response

    def call_id(self, request: Request) -> str | None:
        """Name of the call that a request makes, whatever the firmware; None if there is none."""
        entry = find_entry(request.method, request.path)
        return None if entry is None else entry.id

    def _execute(self, exchange: Exchange) -> tuple[Response, str | None, str | None]:
        """The answer, the id of the call and the reason of a refusal; neither where a frame only carried another."""
        reboots = self._reboots
        try:
            entry = gate.admit(exchange)
            response = self._call(exchange, entry)
            if exchange.power_failure is None:
                self.state.commit()
            else:
                self._lose_power(exchange.power_failure)
        except PeerError as refusal:
            self.state.rollback()
            self._reboots = reboots
            return Response(refusal.code), self.call_id(exchange.request), refusal.reason
        except BaseException:
            self.state.rollback()  # a mistake of ours is loud, but it does not leave half a change behind
            self._reboots = reboots
            raise
        return response, None if entry.call.carries else entry.id, None

    def _execute_directed(self, exchange: Exchange, director: Director) -> Response:
        entry = find_entry(exchange.request.method, exchange.request.path)
        if entry is not None and entry.call.carries:
            response, _, reason = self._execute(exchange)
            if reason is not None:
                self._note(exchange, response, entry.id, reason)
            return response
        call, reason = None if entry is None else entry.id, None
        given = director.before(exchange)
        if given is not None:
            response = director.after(exchange, given)
            self._note(exchange, response, call, reason)
            return response
        executed, _, reason = self._execute(exchange)
        response = director.after(exchange, executed)
        self._note(exchange, response, call, reason)
        self._tell_outcome(exchange, executed, call, reason)
        return response

    def _lose_power(self, failure: PowerFailure) -> None:
        """Keeps all, a part or nothing of what the request has changed; the restart follows."""
        if failure == "torn":
            self.state.tear()
        if failure == "lost":
            self.state.rollback()
        else:
            self.state.commit()
        self._reboots = True

    @property
    def holder(self) -> Connection:
        """The oldest connection: with ``hosts: single`` the only one that is served (decision D4)."""
        return next(iter(self._connections))

    def take_over(self, connection: Connection, reason: str) -> None:
        """Makes a connection the only one: all others are closed, and the session goes on with it."""
        connection.session.touch(self.clock.now())
        for other in [each for each in self._connections if each is not connection]:
            self.close_after_answer(other, reason)

    def close_after_answer(self, connection: Connection, reason: str, *, reset: bool = False) -> None:
        """Ends a connection once the answer in hand is sent."""
        if connection.open:
            self._after_answer.append(self._close(connection, reason, reset=reset))

    def reboot_after_answer(self, seconds: float | None = None) -> None:
        """Restarts the Tap once the answer in hand is sent (decision D12), if that is no refusal.

        Args:
            seconds: how long it then refuses connections; None leaves that to the rules.
        """
        self._reboots = True
        self._next_down_time = seconds

    def refuse_connections(self, seconds: float) -> None:
        """Out of reach: ends all connections after the answer in hand, and takes none for a while."""
        for connection in list(self._connections):
            self.close_after_answer(connection, "the Tap is out of reach")
        self._down_until = max(self._down_until, self.clock.now() + seconds)

    def change_firmware(self, firmware: Version) -> None:
        """The Tap has another firmware from the next request on; settings stay, as with an update."""
        if self.state.firmware is not None:
            self.state.put_firmware(firmware)
            self.state.commit()
        self._original_firmware = self.firmware = firmware
        self.catalogue = catalogue_of(firmware, self.rules.quirks)

    def tell(self, kind: EventKind, connection: Connection | None = None, detail: str = "") -> None:
        """Notes an event in the journal, and tells whoever directs the Tap."""
        number, link = (None, None) if connection is None else (connection.id, connection.link)
        event = Event(self.clock.now(), self.journal.number + 1, kind, number, link, detail)
        self.journal.add(event)
        if self.director is not None:
            self.director.happened(event)

    def update_after_answer(self, firmware: Version) -> None:
        """Restarts the Tap with another firmware once the answer in hand is sent."""
        self.state.put_firmware(firmware)
        self.reboot_after_answer()

    def snapshot(self) -> Snapshot:
        """Everything that the Tap remembers now; between two requests."""
        return snapshots.take(self)

    def restore(self, snapshot: Snapshot, *, keep_hosts: bool = False) -> list[Effect]:
        """Makes the Tap what it was, see `snapshots.restore`."""
        return snapshots.restore(self, snapshot, keep_hosts=keep_hosts)

    def wall_time(self) -> int:
        """The Tap's own clock: seconds since 1970."""
        return int(self.clock.wall()) + self.time_offset

    def _answer(self, connection: Connection, item: apdu.ReaderItem) -> None:
        if isinstance(item, apdu.Request):
            now = self.clock.now()
            if connection.session.expire(now):
                self.tell("session-expired", connection)
            if self.rules.hosts == "many" or self.holder is connection:
                connection.session.touch(now)
            exchange = Exchange(self, connection, Request.from_bytes(item.frame), connection.frame_size.response)
            if self.director is None:
                self._effects.append(Send(connection, apdu.build_answer(bytes(self.execute(exchange)))))
            else:
                exchange.tampering = Tampering()
                response = bytes(self.execute(exchange))
                for effect in self._outbox.deliver(connection, response, exchange.tampering, now):
                    self._carry_out(effect)
        elif isinstance(item, apdu.Pairing):
            self.paired = self.paired or connection.protocol == HostProtocol.NFC
            self._effects.append(Send(connection, apdu.build_status(apdu.StatusWord.OK)))
        else:
            at, who, number = self.clock.now(), connection.session.group_id, self.journal.number + 1
            clear, link = Carrier.CLEAR, connection.link
            self.journal.add(Record(at, connection.id, who, clear, None, None, item.reason, number, link, None))
            self._effects.append(Send(connection, apdu.build_status(item.status)))

    def _carry_out(self, effect: Send | Close) -> None:
        """Sends an answer, be it the last one of a connection that ends with it, or ends a connection."""
        if isinstance(effect, Close):
            if not effect.connection.open:
                return
            self.disconnect(effect.connection)
        self._effects.append(effect)

    def _call(self, exchange: Exchange, entry: Entry) -> Response:
        call, written, value = entry.call, exchange.request.body, None
        if call.request is not None:
            value = call.request.decode(written)
        elif written:
            raise PeerError(f"{entry.id} takes no body, {len(written)} bytes came")
        result = handler_of(entry)(exchange, value)
        response = Response(ResultCode.OK, b"" if call.response is None else call.response.encode(result))
        if not call.carries:  # what is inside was checked, and may then have been made larger on purpose
            exchange.check_room(1 + len(response.body))
        return response

    def _note(self, exchange: Exchange, response: Response, call: str | None, reason: str | None) -> None:
        connection, number = exchange.connection, self.journal.number + 1
        rules = tuple(exchange.applied_rules) if exchange.tampering else ()
        at, who, request, carrier = self.clock.now(), connection.session.group_id, exchange.request, exchange.carrier
        note = Record(at, connection.id, who, carrier, request, response, reason, number, connection.link, call, rules)
        self.journal.add(note)

    def _tell_outcome(self, exchange: Exchange, response: Response, call: str | None, reason: str | None) -> None:
        """What the answer to an executed request means; one that was not executed means nothing."""
        if call in TELLING and (kind := event_of(call, response.success, configuring=self.state.configuring)):
            self.tell(kind, exchange.connection, reason or "")

    def _restart(self) -> list[Effect]:
        """What a reboot does: POSTed values and sessions are gone, an update of the firmware takes effect."""
        effects: list[Effect] = [self._close(each, "the Tap reboots") for each in list(self._connections)]
        seconds = self.rules.reboot_time if self._next_down_time is None else self._next_down_time
        effects.append(Reboot(seconds))
        self._down_until = self.clock.now() + seconds
        self._next_down_time = None
        self.tell("reboot")
        self._session = Session(self.rules)
        self._start()
        return effects

    def _start(self) -> None:
        """The Tap starts, or starts again."""
        self._reboots = False
        self.paired = False
        self.firmware = self.state.firmware or self._original_firmware
        self.catalogue = catalogue_of(self.firmware, self.rules.quirks)
        self.state.reboot()
        self.packet_store.clear()
        self.target.restart()
        self.variables.restart()
        self.data_log.restart()

    def _close(self, connection: Connection, reason: str, *, reset: bool = False) -> Close:
        self.disconnect(connection)
        return Close(connection, reason, reset)

"""The Tap without I/O: bytes in, effects out.

The way of one request::

    receive -> apdu reader -> request frame -> execute -> gate -> body -> handler -> body -> response -> Send

An encrypted request is the body of /1024//48 or //44, whose handler opens it and calls `execute` again. `execute` is
the only place where a refusal becomes an answer; any other exception is a mistake of ours and meant to be loud.
"""

import itertools
from collections import Counter
from collections.abc import Iterator

from emulator import gate
from emulator.blueprint import Blueprint, Quirk
from emulator.clock import Clock, RealClock
from emulator.data_log import DataLog
from emulator.effects import Close, Effect, Reboot, Send
from emulator.entropy import Entropy, SeededEntropy, SystemEntropy
from emulator.exchange import Carrier, Exchange
from emulator.journal import Journal, Record
from emulator.lockout import Lockout
from emulator.packet_store import PacketStore
from emulator.services import handler_of
from emulator.sessions import Session
from emulator.state import MemoryStore, State, Store
from emulator.targets.base import Surroundings, Target
from emulator.targets.simulated import SimulatedTarget
from emulator.variables import Variables
from protocol import apdu
from protocol.bodies.interface import MaxFrameSize
from protocol.codes import HostProtocol, ResultCode
from protocol.errors import PeerError
from protocol.firmware import Version
from protocol.frames import Request, Response
from protocol.resources.registry import Entry, catalogue_of


class RefusedConnectionError(Exception):
    """The Tap takes no further connection now; the message says why."""


class Connection:
    """One open connection of a link."""

    __slots__ = ("authorized", "frame_size", "id", "last_heard", "link", "open", "protocol", "reader", "session")

    def __init__(
        self, id: int, link: str, protocol: HostProtocol, session: Session, frame_size: MaxFrameSize, now: float
    ) -> None:
        self.id = id
        self.link = link
        """The link that it came over, for example ``tcp://0.0.0.0:2000``."""
        self.protocol = protocol
        self.frame_size = frame_size
        """Largest frames that it carries."""
        self.last_heard = now
        """When its host sent something, or connected."""
        self.authorized = True
        """The Tap lets hosts connect over this interface."""
        self.session = session
        self.reader = apdu.RequestReader(frame_size.request)
        self.open = True


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
        self._connections: dict[int, Connection] = {}
        self._heard: dict[Connection, None] = {}
        """All connections; the one that is silent for the longest time first."""
        self._per_link: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._partial: dict[Connection, float] = {}
        """Connections that wait for the rest of a request, and since when; the oldest first."""
        self._effects: list[Effect] = []
        """What the bytes in hand have brought about so far."""
        self._after_answer: list[Effect] = []
        self._down_until = float("-inf")
        self._reboots = False
        """The Tap restarts as soon as the answer in hand is sent."""
        self._start()

    @property
    def connections(self) -> Iterator[Connection]:
        """All open connections, oldest first."""
        return iter(self._connections.values())

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
        if self._per_link[link] >= self.rules.max_connections:
            raise RefusedConnectionError(f"{link} has {self.rules.max_connections} connections already")
        session = self._session if self.rules.hosts == "single" else Session(self.rules)
        size = MaxFrameSize(max_request or self.rules.max_request, max_response or self.rules.max_response)
        connection = Connection(next(self._numbers), link, protocol, session, size, self.clock.now())
        connection.authorized = gate.may_connect(self.state, protocol)
        self._connections[connection.id] = connection
        self._heard[connection] = None
        self._per_link[link] += 1
        return connection

    def disconnect(self, connection: Connection) -> None:
        """The host has gone, or the server has closed the connection."""
        if self._connections.pop(connection.id, None) is not None:
            self._per_link[connection.link] -= 1
            del self._heard[connection]
        self._partial.pop(connection, None)
        connection.open = False

    def receive(self, connection: Connection, data: bytes) -> list[Effect]:
        """Takes bytes of a connection, cut anywhere, and says what has to happen."""
        if connection.open:
            connection.last_heard = self.clock.now()
            del self._heard[connection]
            self._heard[connection] = None
        items = connection.reader.feed(data)
        for item in items:
            if not connection.open:
                break
            self._effects.append(Send(connection, self._answer(connection, item)))
            if self._after_answer:
                self._effects += self._after_answer
                self._after_answer = []
            if self._reboots:
                self._effects += self._restart()
        if items:
            self._partial.pop(connection, None)
        if connection.open and connection.reader.pending:
            self._partial.setdefault(connection, self.clock.now())
        effects, self._effects = self._effects, []
        return effects

    def abort(self, connection: Connection, reason: str) -> list[Effect]:
        """What has to happen when `receive` has failed by a mistake of ours.

        The connection ends, and what its bytes had brought about before is not lost.
        """
        effects, self._effects = [*self._effects, *self._after_answer], []
        self._after_answer = []
        return [*effects, self._close(connection, reason)] if connection.open else effects

    def tick(self) -> list[Effect]:
        """Does what is due by now."""
        self.data_log.tick()
        effects: list[Effect] = []
        now = self.clock.now()
        while (deadline := self._partial_deadline()) is not None and deadline <= now:
            connection = next(iter(self._partial))
            reason = f"{connection.reader.pending} bytes of a request, the rest did not come"
            effects.append(self._close(connection, reason))
        while (deadline := self._silence_deadline()) is not None and deadline <= now:
            connection = next(iter(self._heard))
            effects.append(self._close(connection, f"silent for {now - connection.last_heard:.0f} s (/1024//34)"))
        return effects

    def next_deadline(self) -> float | None:
        """When `tick` has to be called at the latest, in the device's clock; None if nothing is due."""
        deadlines = (self._partial_deadline(), self._silence_deadline(), self.data_log.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _partial_deadline(self) -> float | None:
        since = next(iter(self._partial.values()), None)
        return None if since is None else since + self.rules.partial_request_time

    def _silence_deadline(self) -> float | None:
        """When the host that is silent for the longest time has been so for too long (/1024//34)."""
        connection = next(iter(self._heard), None)
        if connection is None:
            return None
        period: int = self.state["interface.host_inactivity_period"]
        return connection.last_heard + period + self.rules.inactivity_grace if period else None

    def execute(self, exchange: Exchange) -> Response:
        """Answers one clear request, and notes it in the journal."""
        reboots = self._reboots
        try:
            entry = gate.admit(exchange)
            response = self._call(exchange, entry)
            self.state.commit()
        except PeerError as refusal:
            self.state.rollback()
            self._reboots = reboots
            response = Response(refusal.code)
            self._note(exchange, response, refusal.reason)
        except BaseException:
            self.state.rollback()  # a mistake of ours is loud, but it does not leave half a change behind
            self._reboots = reboots
            raise
        else:
            if not entry.call.carries:
                self._note(exchange, response)
        return response

    @property
    def holder(self) -> Connection:
        """The oldest connection: with ``hosts: single`` the only one that is served (decision D4)."""
        return next(iter(self._connections.values()))

    def take_over(self, connection: Connection, reason: str) -> None:
        """Makes a connection the only one: all others are closed, and the session goes on with it."""
        connection.session.touch(self.clock.now())
        for other in [each for each in self._connections.values() if each is not connection]:
            self.close_after_answer(other, reason)

    def close_after_answer(self, connection: Connection, reason: str) -> None:
        """Ends a connection once the answer in hand is sent."""
        if connection.open:
            self._after_answer.append(self._close(connection, reason))

    def reboot_after_answer(self) -> None:
        """Restarts the Tap once the answer in hand is sent (decision D12), if that is no refusal."""
        self._reboots = True

    def update_after_answer(self, firmware: Version) -> None:
        """Restarts the Tap with another firmware once the answer in hand is sent."""
        self.state.put_firmware(firmware)
        self.reboot_after_answer()

    def wall_time(self) -> int:
        """The Tap's own clock: seconds since 1970."""
        return int(self.clock.wall()) + self.time_offset

    def _answer(self, connection: Connection, item: apdu.ReaderItem) -> bytes:
        if isinstance(item, apdu.Request):
            now = self.clock.now()
            connection.session.expire(now)
            if self.rules.hosts == "many" or self.holder is connection:
                connection.session.touch(now)
            exchange = Exchange(self, connection, Request.from_bytes(item.frame), connection.frame_size.response)
            return apdu.build_answer(bytes(self.execute(exchange)))
        if isinstance(item, apdu.Pairing):
            self.paired = self.paired or connection.protocol == HostProtocol.NFC
            return apdu.build_status(apdu.StatusWord.OK)
        record = Record(
            self.clock.now(), connection.id, connection.session.group_id, Carrier.CLEAR, None, None, item.reason
        )
        self.journal.add(record)
        return apdu.build_status(item.status)

    def _call(self, exchange: Exchange, entry: Entry) -> Response:
        call, written = entry.call, exchange.request.body
        if call.request is None and written:
            raise PeerError(f"{entry.id} takes no body, {len(written)} bytes came")
        value = None if call.request is None else call.request.decode(written)
        result = handler_of(entry)(exchange, value)
        response = Response(ResultCode.OK, b"" if call.response is None else call.response.encode(result))
        self.check_room(exchange, 1 + len(response.body))
        return response

    def _note(self, exchange: Exchange, response: Response, reason: str | None = None) -> None:
        self.journal.add(
            Record(
                self.clock.now(),
                exchange.connection.id,
                exchange.session.group_id,
                exchange.carrier,
                exchange.request,
                response,
                reason,
            )
        )

    def check_room(self, exchange: Exchange, size: int) -> None:
        """Makes sure that an answer of this many bytes fits its carrier (decision D17).

        Raises:
            PeerError: A0, or A9 with the quirk.
        """
        if size > exchange.room:
            quirk = Quirk.RESPONSE_TOO_LARGE in self.rules.quirks
            code = ResultCode.RESPONSE_TOO_LARGE if quirk else ResultCode.INTERNAL_SERVER_ERROR
            raise PeerError(f"answer of {size} bytes, there is room for {exchange.room}", code)

    def _restart(self) -> list[Effect]:
        """What a reboot does: POSTed values and sessions are gone, an update of the firmware takes effect."""
        effects: list[Effect] = [self._close(each, "the Tap reboots") for each in list(self._connections.values())]
        effects.append(Reboot(self.rules.reboot_time))
        self._down_until = self.clock.now() + self.rules.reboot_time
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

    def _close(self, connection: Connection, reason: str) -> Close:
        self.disconnect(connection)
        return Close(connection, reason)

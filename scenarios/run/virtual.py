"""A Tap and its clients in one process, on a clock that is moved from one thing that is due to the next.

Clients take turns after each exchange, and wake in the order of their times, so a seed reproduces a run exactly. A
delayed answer, a time-out or an hour of waiting takes no longer than what the Tap does meanwhile. What the Tap sends
looks to a client as it does on a byte stream: each send is a piece, the answer is complete when the reference client
says so, what is left over is found by the next request, and so is the end of the connection.
"""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final

from emulator.clock import Clock, SteeredClock
from emulator.connection import Connection
from emulator.device import Device, RefusedConnectionError
from emulator.effects import Close, Effect, Send
from protocol.client.links import LinkError, is_complete
from protocol.client.links.base import OK, check_length
from protocol.codes import HostProtocol
from protocol.errors import IntegrityError, ProtocolError
from scenarios.run import looking
from scenarios.run.wishes import (
    Actor,
    ClosedLinkError,
    Connect,
    Disconnect,
    Exchange,
    Fork,
    Inspect,
    NotHereError,
    Restore,
    Sleep,
    Snapshot,
    TimeoutLinkError,
    Wish,
)

DEFAULT_LINKS: Final = ("mem://tap",)
_STUCK: Final = 100_000
"""Deadlines at one and the same moment after which something is wrong with the Tap."""
_MOST_MOVES: Final = 1_000_000
"""Moves of the clock in one run, which take half a minute. A rule for every millisecond has them in 17 minutes."""

_PROTOCOLS: Final = {
    "serial": HostProtocol.UART,
    "pty": HostProtocol.UART,
    "rfc2217": HostProtocol.UART,
    "mqtt": HostProtocol.MQTT,
    "mqtts": HostProtocol.MQTT,
    "ws": HostProtocol.WEBSOCKET,
    "wss": HostProtocol.WEBSOCKET,
}
"""What a Tap says it is reached over (/1024//3), by scheme; Wi-Fi for all others."""


class TooMuchDueError(Exception):
    """So much is due that the run would not end."""


class _Player:
    """One client in the world: its generator, its connection, and what it waits for."""

    __slots__ = (
        "actor",
        "connection",
        "deadline",
        "inbox",
        "parent",
        "pending",
        "received",
        "request",
        "timeout",
        "url",
    )

    def __init__(self, actor: Actor, parent: "_Player | None" = None) -> None:
        self.actor = actor
        self.parent = parent
        self.pending = 0
        """Clients that it has started and waits for."""
        self.connection: Connection | None = None
        self.url = ""
        self.inbox: deque[bytes] = deque()
        self.request: bytes | None = None
        """Waits for the answer to this."""
        self.received = b""
        self.timeout = 0.0
        self.deadline: float | None = None


class World:
    """A device and the clients that talk to it.

    Args:
        links: URLs over which the Tap can be reached; a client names one of them by URL or scheme.
    """

    def __init__(self, device: Device, links: Sequence[str] = ()) -> None:
        self.device = device
        self.links = tuple(links) or DEFAULT_LINKS
        self._players: dict[Connection, _Player] = {}
        self._ready: deque[tuple[_Player, Any]] = deque()
        self._waiting: dict[_Player, None] = {}
        self._snapshots: dict[str, Any] = {}
        self._moves = 0

    def run(self, actors: Iterable[Actor]) -> None:
        """Runs clients until all of them are done."""
        for actor in actors:
            self._ready.append((_Player(actor), None))
        while self._ready or self._waiting:
            while self._ready:
                self._play(*self._ready.popleft())
            if self._waiting:
                self._pass_time()

    def now(self) -> float:
        """Seconds of the Tap's clock."""
        return self.device.clock.now()

    def settle(self, seconds: float) -> None:
        """Lets time go by without clients."""
        self.run([_sleeping(seconds)])

    # --- turns ----------------------------------------------------------------------------------------------------

    def _play(self, player: _Player, outcome: Any) -> None:
        try:
            if isinstance(outcome, BaseException):
                wish = player.actor.throw(outcome)
            else:
                wish = player.actor.send(outcome)
            if type(wish) is Exchange:
                return self._exchange(player, wish)
            self._fulfil(player, wish)
        except StopIteration:
            self._finish(player)

    def _fulfil(self, player: _Player, wish: Wish) -> None:
        """Does what a client asks for; its next turn comes with the result, or with the error."""
        outcome: Any = None
        try:
            match wish:
                case Sleep(seconds):
                    return self._wait(player, seconds)
                case Fork(actors):
                    if actors:
                        player.pending = len(actors)
                        self._ready += [(_Player(actor, player), None) for actor in actors]
                        return None
                case Connect():
                    self._connect(player, wish)
                case Disconnect():
                    self._disconnect(player)
                case Inspect(kind, name):
                    outcome = looking.LOOKS[kind](self.device, name)
                case Snapshot(name):
                    self._snapshots[name] = self.device.snapshot()
                case Restore(name):
                    self._restore(name)
        except (ProtocolError, NotHereError) as error:
            outcome = error
        self._ready.append((player, outcome))
        return None

    def _wait(self, player: _Player, seconds: float) -> None:
        player.deadline = self.now() + seconds
        self._waiting[player] = None

    def _wake(self, player: _Player, outcome: Any) -> None:
        self._waiting.pop(player, None)
        player.request = None
        self._ready.append((player, outcome))

    def _finish(self, player: _Player) -> None:
        self._disconnect(player)
        if player.parent is not None:
            player.parent.pending -= 1
            if not player.parent.pending:
                self._ready.append((player.parent, None))

    # --- connections ----------------------------------------------------------------------------------------------

    def _connect(self, player: _Player, wish: Connect) -> None:
        self._disconnect(player)
        self._tick_if_due()
        url = self._find_link(wish.link)
        scheme = url.partition(":")[0]
        try:
            connection = self.device.connect(url, _PROTOCOLS.get(scheme, HostProtocol.WIFI))
        except RefusedConnectionError as refusal:
            raise LinkError(f"{url}: {refusal}") from refusal
        player.connection, player.url = connection, url
        player.inbox.clear()
        self._players[connection] = player

    def _find_link(self, name: str | None) -> str:
        """A scheme that the Tap has not got is one that the scenario adds, as long as it is a link at all."""
        if name is None:
            return self.links[0]
        for url in self.links:
            if name in (url, url.partition(":")[0]):
                return url
        return name if ":" in name else f"{name}:"

    def _disconnect(self, player: _Player) -> None:
        connection, player.connection = player.connection, None
        player.inbox.clear()
        if connection is not None:
            self._players.pop(connection, None)
            if connection.open:
                self.device.disconnect(connection)

    def _exchange(self, player: _Player, wish: Exchange) -> None:
        connection = player.connection
        self._tick_if_due()
        if player.inbox:
            stray = sum(map(len, player.inbox))
            return self._break(player, LinkError(f"{player.url}: {stray} bytes came that nobody asked for"))
        if connection is None or not connection.open:
            return self._break(player, ClosedLinkError(f"{player.url or 'the link'}: the connection is closed"))
        player.request, player.received, player.timeout = wish.request, b"", wish.timeout
        player.deadline = self.now() + wish.timeout
        self._waiting[player] = None
        self._carry_out(self.device.receive(connection, wish.request))
        return None

    def _break(self, player: _Player, error: ProtocolError) -> None:
        self._disconnect(player)  # the answer may still come, and must not be taken for that of a later request
        self._wake(player, error)

    def _read_on(self, player: _Player) -> None:
        """Takes piece by piece what has come, until the answer is complete."""
        request = player.request
        while request is not None and player.inbox:
            player.received += player.inbox.popleft()
            if is_complete(request, player.received):
                return self._wake(player, player.received)
            try:
                check_length(player.url, player.received)
            except IntegrityError as error:
                return self._break(player, error)
        if request is not None and (player.connection is None or not player.connection.open):
            part = f" after {len(player.received)} bytes of an answer" if player.received else ""
            self._break(player, ClosedLinkError(f"{player.url}: the connection is closed{part}"))
        return None

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        touched: dict[_Player, None] = {}
        for effect in effects:
            if isinstance(effect, Send | Close):
                player = self._players.get(effect.connection)
                if player is None:
                    continue
                if isinstance(effect, Send):
                    player.inbox.append(effect.data)
                else:
                    del self._players[effect.connection]
                    if effect.reset:
                        player.inbox.clear()
                touched[player] = None
        for player in touched:
            self._read_on(player)

    def _restore(self, name: str) -> None:
        if name not in self._snapshots:
            known = ", ".join(self._snapshots) or "none"
            raise NotHereError(f"no snapshot is named {name!r}; taken so far: {known}")
        self._carry_out(self.device.restore(self._snapshots[name]))

    # --- time -----------------------------------------------------------------------------------------------------

    def _tick_if_due(self) -> None:
        due = self.device.next_deadline()
        if due is not None and due <= self.now():
            self._carry_out(self.device.tick())

    def _pass_time(self) -> None:
        """Moves time on until somebody's turn comes."""
        rounds = 0
        while not self._ready:
            wakes = min(player.deadline for player in self._waiting if player.deadline is not None)
            due = self.device.next_deadline()
            until = wakes if due is None else min(due, wakes)
            rounds = 0 if until > self.now() else rounds + 1
            if rounds > _STUCK:
                raise RuntimeError(f"the Tap has something due at {until} s again and again")
            self._moves += 1
            if self._moves > _MOST_MOVES:
                raise TooMuchDueError(
                    f"the clock was moved {_MOST_MOVES} times until {until:g} s, "
                    "expected less that is due, or less waiting"
                )
            move(self.device.clock, until)
            if due is not None and due <= self.now():
                self._carry_out(self.device.tick())
            now = self.now()
            for player in [each for each in self._waiting if each.deadline is not None and each.deadline <= now]:
                if player in self._waiting:
                    self._time_is_over(player)

    def _time_is_over(self, player: _Player) -> None:
        if player.request is None:
            return self._wake(player, None)
        received = player.received
        if received.endswith(OK):  # of strange length, but it ends properly: the session has to judge
            return self._wake(player, received)
        part = f"; {len(received)} bytes of one came" if received else ""
        error = TimeoutLinkError(f"{player.url}: no answer within {player.timeout:g} s{part}")
        return self._break(player, error)


def move(clock: Clock, until: float) -> None:
    """Lets a clock come to a time: one that stands still is moved, for others it is waited."""
    seconds = until - clock.now()
    if seconds <= 0:
        return
    delay = clock.real_delay(seconds)
    if delay is not None:
        time.sleep(delay)
    elif isinstance(clock, SteeredClock):
        clock.advance(seconds)
    else:
        raise RuntimeError("this clock stands still, and cannot be moved")


def _sleeping(seconds: float) -> Actor:
    yield Sleep(seconds)

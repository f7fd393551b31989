"""``?road=...`` on any link: what it carries is late, lost, doubled, cut and mixed up on its way, as on real ones."""

import asyncio
from collections.abc import Callable
from random import Random, SystemRandom
from typing import Any, Final

import structlog

from emulator.links.base import Host, Link, Pipe, Receiver
from emulator.links.wrapper import Wrapper
from emulator.roads import Lane, Lanes, Line, Road

log = structlog.get_logger("tap")

MOST_UNDER_WAY: Final = 32 * 1024
"""Bytes under way in one direction of a connection, at most: over a hundred requests or answers. A link cannot be told
to read less, so a host that sends more than its road carries loses the connection."""
_CLOSE_TIME: Final = 5.0
"""Seconds that answers under way have to arrive when the Tap closes the connection."""
_SEEDS: Final = 2**32


class BumpyLink(Wrapper):
    """Another link, over a bumpy road.

    Args:
        link: the link, whose URL and limits this one has too.
        lanes: makes both directions of a new connection from its number; the first is 1.
        whole: the link carries messages, which arrive whole or not at all.
    """

    def __init__(self, link: Link, lanes: Callable[[int], Lanes], *, whole: bool = False) -> None:
        super().__init__(link)
        self._lanes = lanes
        self._whole = whole
        self.drawn_seed: int | None = None
        """The seed, until the log has told it; None where it was given."""
        self._connections = 0
        """Connections so far."""
        self._closing: set[_Connection] = set()
        """Connections that the Tap has closed, whose last answers are under way."""
        self._closed = True

    @classmethod
    def with_roads(
        cls, link: Link, kind: str, to_tap: Road, to_host: Road, *, seed: int | None = None, whole: bool = False
    ) -> "BumpyLink":
        """A link over roads of chance; each connection has its own, whatever happens on the others.

        Args:
            kind: tells links with the same seed apart.
            seed: the same seed gives the same course; None draws one, and logs it so that the run can be repeated.
        """
        chosen = SystemRandom().randrange(_SEEDS) if seed is None else seed

        def lanes(number: int) -> Lanes:
            draws = [Random(f"{chosen} {kind} {number} {way}").random for way in Lanes._fields]  # noqa: S311 - no secrets
            return Lanes(to_tap.lane(draws[0], whole=whole), to_host.lane(draws[1], whole=whole))

        bumpy = cls(link, lanes, whole=whole)
        bumpy.drawn_seed = chosen if seed is None else None
        return bumpy

    async def open(self, host: Host) -> None:
        """Starts to take connections.

        Raises:
            LinkError: the address is not available.
        """
        self._closed = False
        await self._link.open(_Roadside(self, host))
        if self.drawn_seed is not None:
            event = "road_seed was drawn; with it the road is the same again"
            log.info(event, link=self.url, road_seed=self.drawn_seed)
            self.drawn_seed = None

    async def close(self) -> None:
        """Stops to take connections. What is under way then is lost: nobody waits for the end of a road."""
        self._closed = True
        await self._link.close()
        for connection in list(self._closing):
            connection.hang_up()

    def accept(self, host: Host, pipe: Pipe) -> Receiver | None:
        """A host has connected to the link."""
        connection = _Connection(self, pipe, self._lanes(self._connections + 1), self._whole)
        connection.receiver = host.accept(self, connection)
        if connection.receiver is None:
            return None
        self._connections += 1
        return connection

    def may_linger(self, connection: "_Connection") -> bool:
        """Whether a closed connection may wait for its last answers to arrive; it tells when it has ended."""
        if not self._closed:
            self._closing.add(connection)
        return not self._closed

    def ended(self, connection: "_Connection") -> None:
        """A connection is over."""
        self._closing.discard(connection)


class _Roadside:
    """The server, as the link behind the road sees it."""

    def __init__(self, link: BumpyLink, host: Host) -> None:
        self._link = link
        self._host = host

    def accept(self, link: Link, pipe: Pipe) -> Receiver | None:
        return self._link.accept(self._host, pipe)

    @property
    def max_connections(self) -> int:
        return self._host.max_connections

    def setting(self, key: str) -> Any:
        return self._host.setting(key)

    def on_change(self, changed: Callable[[], None]) -> None:
        self._host.on_change(changed)


class _Way:
    """One direction of a connection, from what is sent to what is delivered.

    Args:
        deliver: takes what arrives; None is the end of the connection.
    """

    def __init__(self, lane: Lane, deliver: Callable[[bytes | None], None], whole: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._lane = lane
        self._deliver = deliver
        self._line = Line(whole=whole)
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    @property
    def size(self) -> int:
        """Bytes under way."""
        return self._line.size

    def send(self, segment: bytes) -> None:
        """Sends a segment on its way; what takes no time is delivered at once."""
        if self._stopped:
            return
        for arrival in self._lane.carry(segment, self._loop.time()):
            self._line.put(arrival)
        self._move()

    def stop(self) -> None:
        """Delivers nothing any more, and forgets what was under way."""
        self._stopped = True
        self._line = Line()
        if self._timer is not None:
            self._timer.cancel()

    def _move(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for piece in self._line.take(self._loop.time()):
            self._deliver(piece)
            if self._stopped:
                return
        due = self._line.due
        self._timer = None if due is None else self._loop.call_at(due, self._move)


class _Connection:
    """One connection: the pipe of the server, and the receiver of the link."""

    def __init__(self, link: BumpyLink, pipe: Pipe, lanes: Lanes, whole: bool) -> None:
        self.receiver: Receiver | None = None
        self._link = link
        self._pipe = pipe
        self._to_tap = _Way(lanes.to_tap, self._reach_tap, whole)
        self._to_host = _Way(lanes.to_host, self._reach_host, whole)
        self._pipe_open = True
        self._deadline: asyncio.TimerHandle | None = None
        """Set once the Tap has closed the connection, while the last answers are under way."""

    # --- for the link

    def received(self, data: bytes) -> None:
        self._send(self._to_tap, data)

    def lost(self) -> None:
        self._pipe_open = False
        self._end()
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.lost()

    # --- for the server

    def write(self, data: bytes) -> None:
        self._send(self._to_host, data)

    def close(self) -> None:
        self._to_tap.stop()
        if self._pipe_open and self._to_host.size and self._link.may_linger(self):
            self._deadline = asyncio.get_running_loop().call_later(_CLOSE_TIME, self.hang_up)
        else:
            self.hang_up()

    def reset(self) -> None:
        self._end()
        if self._pipe_open:
            self._pipe_open = False
            self._pipe.reset()

    # --- for both

    def hang_up(self) -> None:
        """Ends the connection now."""
        self._end()
        if self._pipe_open:
            self._pipe_open = False
            self._pipe.close()

    def _end(self) -> None:
        """Leaves no timer behind."""
        self._to_tap.stop()
        self._to_host.stop()
        if self._deadline is not None:
            self._deadline.cancel()
        self._link.ended(self)

    def _send(self, way: _Way, data: bytes) -> None:
        way.send(data)
        if way.size > MOST_UNDER_WAY:
            self._break(f"more than {MOST_UNDER_WAY} bytes under way")

    def _reach_tap(self, piece: bytes | None) -> None:
        if piece is None:
            self._break("the road cuts it off")
        elif self.receiver is not None:
            self.receiver.received(piece)

    def _reach_host(self, piece: bytes | None) -> None:
        if piece is None:
            self._break("the road cuts it off")
            return
        self._pipe.write(piece)
        if self._deadline is not None and not self._to_host.size:
            self.hang_up()

    def _break(self, reason: str) -> None:
        """Ends the connection on its way. Both ends hear of it a moment later, not in the middle of a write."""
        log.info("closed", link=self._link.url, reason=reason)
        self._end()
        asyncio.get_running_loop().call_soon(self._broken)

    def _broken(self) -> None:
        self.hang_up()
        self.lost()

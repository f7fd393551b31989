"""The asyncio shell: puts a device behind its links, carries out its effects, keeps its deadlines."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog

from emulator import time_travel
from emulator.clock import Cancel, SteeredClock
from emulator.connection import Connection
from emulator.device import Device, RefusedConnectionError
from emulator.effects import Close, Effect, Reboot, Send
from emulator.journal import Entry, Event
from emulator.links import Link, LinkError
from emulator.links.base import Pipe
from emulator.links.together import SETTLE_TIME, close_all, open_all
from emulator.snapshots import Snapshot
from protocol.frames import Request

log = structlog.get_logger("tap")

_NEVER = float("inf")
_TICKS_IN_A_ROW = 100
"""Deadlines on a journey through time after which everybody else has a turn."""
_REOPEN_TIME = 0.5
"""Seconds between attempts to get a link back after a reboot."""


class Server:
    """Serves one device over any number of links.

    Args:
        verbose: log every exchange.
    """

    def __init__(self, device: Device, links: Sequence[Link], *, verbose: bool = False) -> None:
        self.device = device
        self.links = links
        self.mistakes: list[Exception] = []
        """Errors of ours, which cost a connection; they are in the log, too."""
        self._pipes: dict[Connection, Pipe] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = _NEVER
        """When the timer fires, in the device's clock."""
        self._unwatch: Cancel = lambda: None
        self._moved = asyncio.Event()
        """The clock was moved, or goes at another rate."""
        self._back_at = -_NEVER
        """When the links are back from a reboot, in the device's clock."""
        self._reboot: asyncio.Task[None] | None = None
        self._stopped = False
        self._refusing: set[str] = set()
        self._revision = device.state.revision
        self._changed: list[Callable[[], None]] = []
        if verbose:
            device.journal.listen(_log_exchange)

    async def start(self) -> None:
        """Opens all links.

        Raises:
            LinkError: one of them cannot be opened; none is then.
        """
        await open_all(self)
        for link in self.links:
            self.device.host_protocols |= link.protocol
        self._unwatch = self.device.clock.on_change(self._rearm)
        self._arm()

    async def stop(self, settle: float = SETTLE_TIME) -> None:
        """Closes links and connections; what still comes is not answered.

        Args:
            settle: seconds in which connections that were just accepted become known, so that they are closed too; 0
                will do where the event loop goes on, since they are refused then.
        """
        self._stopped = True
        self._unwatch()
        await _ended(self._reboot)
        if self._timer is not None:
            self._timer.cancel()
        await close_all(self.links, settle)
        for connection, pipe in list(self._pipes.items()):
            self.device.disconnect(connection)
            pipe.close()
        await asyncio.sleep(0)

    def accept(self, link: Link, pipe: Pipe) -> "_Attachment | None":
        """A host has connected. That a link refuses hosts is logged once, however many come."""
        if self._stopped:
            return None
        try:
            connection = self.device.connect(link.url, link.protocol, link.max_request, link.max_response)
        except RefusedConnectionError as refusal:
            if link.url not in self._refusing:
                log.warning("connections are refused", link=link.url, reason=str(refusal))
                self._refusing.add(link.url)
            return None
        self._refusing.discard(link.url)
        self._pipes[connection] = pipe
        log.debug("connected", link=link.url, connection=connection.id)
        self._arm()
        self._heed_director()
        return _Attachment(self, connection)

    @property
    def max_connections(self) -> int:
        """How many connections of one link the Tap takes."""
        return self.device.rules.max_connections

    def setting(self, key: str) -> Any:
        """What the Tap holds under a key."""
        return self.device.state[key]

    def on_change(self, changed: Callable[[], None]) -> None:
        """Calls the function whenever settings may have changed, once nobody configures the Tap any more."""
        self._changed.append(changed)

    def received(self, connection: Connection, data: bytes) -> None:
        """Hands bytes to the device. A mistake of ours costs the connection that met it, and no other."""
        if self._stopped:
            return
        try:
            effects = self.device.receive(connection, data)
        except Exception as error:
            self.mistakes.append(error)
            log.exception("internal error", connection=connection.id, received=data.hex())
            effects = self.device.abort(connection, "internal error")
        self._carry_out(effects)
        self._arm()
        if self._revision != self.device.state.revision:
            self._tell_changes()

    async def advance(self, seconds: float) -> None:
        """Moves the clock of the device forward; what is due on the way happens at its time.

        Afterwards links are back from a reboot that is over by then, unless they cannot be opened.

        Raises:
            ValueError: time cannot go backward, or nobody steers the clock of this device.
        """
        clock = self.device.clock
        if not isinstance(clock, SteeredClock):
            raise ValueError("the Tap follows the clock of the machine; expected one that can be steered")
        for number, effects in enumerate(time_travel.steps(self.device, clock, seconds)):
            self._carry_out(effects)
            if number % _TICKS_IN_A_ROW == 0:
                await asyncio.sleep(0)
        if self._reboot is not None and clock.now() >= self._back_at:
            await asyncio.wait([self._reboot], timeout=_REOPEN_TIME)

    def restore(self, snapshot: Snapshot, *, keep_hosts: bool = False) -> None:
        """Makes the device what it was, see `snapshots.restore`; a reboot that is going on is cut short."""
        self._carry_out(self.device.restore(snapshot, keep_hosts=keep_hosts))
        self._back_at = -_NEVER
        self._rearm()
        self._tell_changes()

    @property
    def is_open(self) -> bool:
        """Links are open: the server has not stopped, and the Tap does not reboot."""
        return not self._stopped and (self._reboot is None or self._reboot.done())

    def attend(self) -> None:
        """Somebody has changed the device, or asked it for something, outside of a request: it happens now."""
        if self._stopped:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._tick()
        if self._revision != self.device.state.revision:
            self._tell_changes()

    def _tell_changes(self) -> None:
        state = self.device.state
        if not (state.factory or state.configuring):
            self._revision = state.revision
            for changed in self._changed:
                changed()

    def lost(self, connection: Connection) -> None:
        """A connection is over."""
        if self._pipes.pop(connection, None) is not None:
            self.device.disconnect(connection)
            log.debug("disconnected", connection=connection.id)
            self._heed_director()

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(connection, data):
                    self._pipes[connection].write(data)
                case Close(connection, reason, reset):
                    log.info("closed", connection=connection.id, reason=reason)
                    pipe = self._pipes.pop(connection)
                    if reset:
                        pipe.reset()
                    else:
                        pipe.close()
                case Reboot(seconds):
                    self._back_at = self.device.clock.now() + seconds
                    reboot = self._reopen_after(seconds, self._reboot)
                    self._reboot = asyncio.get_running_loop().create_task(reboot)

    def _heed_director(self) -> None:
        """Whoever directs the Tap may want something because a host has come or gone."""
        if self.device.director is not None and not self._stopped:
            asyncio.get_running_loop().call_soon(self.attend)

    def _arm(self) -> None:
        deadline = self.device.next_deadline()
        if deadline is None or deadline >= self._armed_for:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        delay = self.device.clock.real_delay(deadline - self.device.clock.now())
        if delay is not None:
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)
        self._armed_for = deadline

    def _rearm(self) -> None:
        self._moved.set()
        self._armed_for = _NEVER
        self._arm()

    def _tick(self) -> None:
        self._timer = None
        self._armed_for = _NEVER
        try:
            effects = self.device.tick()
        except Exception as error:
            self.mistakes.append(error)
            log.exception("internal error", at="tick")
            effects = []
        self._carry_out(effects)
        self._arm()

    async def _reopen_after(self, seconds: float, earlier: asyncio.Task[None] | None) -> None:
        """Reboots, also where a link is not back from the reboot before."""
        await _ended(earlier)
        log.info("rebooting", seconds=seconds)
        await asyncio.gather(*(link.pause() for link in self.links))
        await self._downtime_over()
        await asyncio.gather(*(self._reopen(link) for link in self.links))
        log.info("rebooted")

    async def _downtime_over(self) -> None:
        """Waits until the device's clock says that the reboot is over."""
        clock = self.device.clock
        while (left := self._back_at - clock.now()) > 0:
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(clock.real_delay(left)):
                    await self._moved.wait()

    async def _reopen(self, link: Link) -> None:
        """Opens a link again, for as long as it takes; a port may be taken meanwhile."""
        told = False
        while True:
            try:
                return await link.open(self)
            except LinkError as error:
                if not told:
                    log.warning("link not back yet", reason=str(error))
                told = True
                await asyncio.sleep(_REOPEN_TIME)


async def _ended(task: asyncio.Task[None] | None) -> None:
    """Cancels a task, and waits until it is over."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Attachment:
    """Ties a connection of a link to the server."""

    __slots__ = ("_connection", "_server")

    def __init__(self, server: Server, connection: Connection) -> None:
        self._server = server
        self._connection = connection

    def received(self, data: bytes) -> None:
        self._server.received(self._connection, data)

    def lost(self) -> None:
        self._server.lost(self._connection)


def _log_exchange(record: Entry) -> None:
    if isinstance(record, Event):
        log.debug(record.kind, connection=record.connection, detail=record.detail)
        return
    request = "no request" if record.request is None else _describe(record.request)
    response = None if record.response is None else str(record.response)
    log.debug(
        "exchange",
        connection=record.connection,
        group=record.group_id,
        carrier=record.carrier.value,
        request=request,
        response=response,
        reason=record.reason,
    )


def _describe(request: Request) -> str:
    return f"{request} {request.body.hex()}".rstrip()

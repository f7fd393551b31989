"""A Tap at an MQTT broker: connected as long as it can be, and again when it was not."""

import asyncio
import logging
import random
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

import aiomqtt
import structlog
from aiomqtt.exceptions import MqttConnectError

from protocol.client.links.tls import TlsFiles
from protocol.relay import Topics
from protocol.urls import authority

log = structlog.get_logger("tap")

FIRST_ATTEMPT: Final = 5.0
"""Seconds that `open` waits for the first attempt to succeed or fail."""
_ANSWER_TIME: Final = 5.0
"""Seconds that a broker has to answer."""
_LEAVE_TIME: Final = 2.0
"""Seconds that leaving may take; a broker that does not even take our goodbye is left to itself then."""
_KEEP_ALIVE: Final = 60
"""Seconds of silence after which a broker is asked whether it is there."""
_SHORTEST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 30.0
"""Seconds between attempts: 1 at first, then twice as many each time. Of each delay chance takes up to a half, so that
Taps which lost the same broker do not come back in step."""
_STEADY: Final = 5.0
"""Seconds at a broker after which delays start anew. A broker that throws us out each time gets them, too."""
_MOST_ANSWERS: Final = 1024
"""Answers that wait for a broker which takes none."""

_SOCKET_OPTIONS: Final = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]

_UNREACHABLE: Final = "unreachable"
_NO_REASON: Final = "Unspecified error"
"""What paho says of a connection that has just ended."""

_silent = logging.getLogger(f"{__name__}.aiomqtt")
_silent.disabled = True  # what matters of it comes as an exception


class RefusedError(aiomqtt.MqttError):
    """The broker does not let us subscribe."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where and as whom a Tap is at a broker.

    Args:
        port: as the setting has it, which is text.
        certificate: PEM text of what signs the broker's certificate, where no file does.
    """

    host: str
    port: str
    client_id: str
    username: str
    password: str = field(repr=False)
    certificate: str = field(repr=False)
    topics: Topics

    @property
    def broker(self) -> str:
        """Its address."""
        return authority(self.host, cast("int", self.port))

    @property
    def port_number(self) -> int:
        """The port.

        Raises:
            ValueError: it is none.
        """
        if not (self.port.isdecimal() and 0 < int(self.port) <= 0xFFFF):
            raise ValueError(f"port {self.port!r}, expected a number from 1 to 65535")
        return int(self.port)


class Uplink:
    """Keeps a Tap at its broker.

    Args:
        find: tells where to go; asked before each attempt.
        received: takes each message.
        tls: how to encrypt; None does not.
    """

    def __init__(
        self, find: Callable[[], Access], received: Callable[[aiomqtt.Message], None], tls: TlsFiles | None
    ) -> None:
        self._find = find
        self._received = received
        self._tls = tls
        self._task: asyncio.Task[None] | None = None
        self._leave = False
        self._closing = False
        self._news = asyncio.Event()
        """Something to send, or to leave."""
        self._tried = asyncio.Event()
        self._online = False
        self._subscribed_at: float | None = None
        self._outbox: deque[bytes] = deque()
        self._trouble: str | None = None
        """What the log has told of a broker that is not there; None while all is well."""
        self._reason: str | None = f"no answer within {FIRST_ATTEMPT:g} s"

    async def open(self) -> str | None:
        """Goes to the broker, and stays there until `close`. Returns why the first attempt failed, if it did."""
        self._task = asyncio.create_task(self._stay())
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_ATTEMPT):
                await self._tried.wait()
        return self._reason

    def move(self) -> None:
        """Leaves the broker once all answers are out, and asks where to go."""
        self._leave = True
        self._news.set()

    async def close(self) -> None:
        """Leaves the broker once all answers are out."""
        self._closing = True
        self.move()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_LEAVE_TIME)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def send(self, message: bytes) -> None:
        """Publishes an answer, if there is a broker that takes it."""
        if self._online and len(self._outbox) < _MOST_ANSWERS:
            self._outbox.append(message)
            self._news.set()

    async def _stay(self) -> None:
        delay = _SHORTEST_DELAY
        while not self._closing:
            self._leave = False
            access = self._find()
            try:
                await self._visit(access)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                if not self._leave:
                    self._failed(access, error)
            except Exception:
                log.exception("internal error", broker=access.broker)
                self._tried.set()
            steady = self._subscribed_at is not None and _now() - self._subscribed_at > _STEADY
            self._subscribed_at = None
            if steady or self._leave:
                delay = _SHORTEST_DELAY
            await self._rest(delay * random.SystemRandom().uniform(0.5, 1.0))
            delay = min(2 * delay, _LONGEST_DELAY)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._leave:
                    self._news.clear()
                    await self._news.wait()

    async def _visit(self, access: Access) -> None:
        client = self._client(access)
        try:
            async with client:
                self._outbox.clear()
                self._online = True
                for code in await client.subscribe(access.topics.command):
                    if not isinstance(code, int) and code.is_failure:
                        raise RefusedError(f"no subscription to {access.topics.command}: {code}")
                self._arrived(access)
                await self._serve(client, access.topics.answer)
        finally:
            self._online = False
            _cut(client)

    def _client(self, access: Access) -> aiomqtt.Client:
        return aiomqtt.Client(
            access.host,
            access.port_number,
            username=access.username,
            password=access.password,
            identifier=access.client_id,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            keepalive=_KEEP_ALIVE,
            timeout=_ANSWER_TIME,
            tls_context=None if self._tls is None else self._tls.context(access.certificate),
            queue_type=cast("type[asyncio.Queue[aiomqtt.Message]]", partial(_Inbox, self._received)),
            socket_options=_SOCKET_OPTIONS,
            logger=_silent,
        )

    async def _serve(self, client: aiomqtt.Client, topic: str) -> None:
        """Publishes answers until the Tap has to leave, or the broker has gone."""
        listening = asyncio.create_task(_listen(client))
        listening.add_done_callback(lambda _: self._news.set())
        try:
            while True:
                while self._outbox:
                    await client.publish(topic, self._outbox.popleft())
                if self._leave:
                    return
                if listening.done():
                    await listening
                self._news.clear()
                await self._news.wait()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    def _arrived(self, access: Access) -> None:
        log.info("broker connected", broker=access.broker, client_id=access.client_id, topic=access.topics.command)
        self._subscribed_at = _now()
        self._trouble = self._reason = None
        self._tried.set()

    def _failed(self, access: Access, error: Exception) -> None:
        """Tells of a broker that has gone, or does not want us, but not of each attempt."""
        self._reason = explain(error)
        refused = isinstance(error, MqttConnectError | RefusedError)
        trouble = f"{access.broker}: {self._reason if refused else _UNREACHABLE}"
        if trouble != self._trouble:
            event = "broker not reached, trying again" if self._subscribed_at is None else "broker lost, trying again"
            log.warning(event, broker=access.broker, reason=self._reason)
        self._trouble = trouble
        self._tried.set()


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """Hands on each message that aiomqtt would queue. What comes too fast then waits where it is: in TCP."""

    def __init__(self, received: Callable[[aiomqtt.Message], None], maxsize: int) -> None:
        super().__init__(maxsize)
        self._handle = received

    def put_nowait(self, item: aiomqtt.Message) -> None:
        self._handle(item)


async def _listen(client: aiomqtt.Client) -> None:
    """Ends with the connection, and its error; messages go to the inbox."""
    async for _ in client.messages:
        pass


def _cut(client: aiomqtt.Client) -> None:
    """Ends what is left of a connection: aiomqtt forgets one whose broker has fallen silent, and leaves it open."""
    library: Any = client
    left = library._client.socket()
    if left is not None:
        with suppress(OSError):
            left.shutdown(socket.SHUT_RDWR)
        library._client.loop_read()
    ended: asyncio.Future[None] = library._disconnected
    if ended.done() and not ended.cancelled():
        ended.exception()  # asyncio complains of one that nobody looked at


def explain(error: BaseException) -> str:
    """What went wrong, for people."""
    inner = error.__cause__ or error.__context__
    match error:
        case MqttConnectError():
            return f"refused: {error.rc}"
        case TimeoutError():
            return f"no answer within {_ANSWER_TIME:g} s"
        case OSError():
            return error.strerror or str(error)
        case aiomqtt.MqttError() if isinstance(inner, aiomqtt.MqttError | OSError):
            return explain(inner)
        case aiomqtt.MqttCodeError() if str(error.rc) != _NO_REASON:
            return f"connection closed: {error.rc}"
        case aiomqtt.MqttCodeError():
            return "connection closed"
    return str(error)


def _now() -> float:
    return asyncio.get_running_loop().time()

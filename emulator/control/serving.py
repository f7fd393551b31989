"""Serves the control API in the event loop of the Tap."""

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import Iterator
from typing import Final

import structlog
import uvicorn

from emulator.control.api import make_app
from emulator.control.guard import Guard
from emulator.control.operations import Control
from emulator.control.streaming import Streams
from protocol.errors import UsageError
from protocol.urls import LinkUrl, Option, Options

log = structlog.get_logger("tap")

PORT: Final = 2100
_END_TIME: Final = 1
"""Seconds that calls may go on when the server stops."""
_MOST_CALLS: Final = 128
"""Connections at a time."""
_OPTIONS: Final[Options] = {"host": Option(str, "a name", (), repeated=True)}


class ControlStartError(UsageError):
    """The control API cannot be served; the message says why."""


class ControlServer:
    """The control API at an address.

    Args:
        url: ``http://host:port``; port 0 takes any free one. ``?host=tap.example`` allows a name in the Host header.
        token: None makes one.

    Raises:
        ControlStartError: the URL cannot be understood.
    """

    def __init__(self, control: Control, url: str, token: str | None = None) -> None:
        self.control = control
        self.token = token or secrets.token_urlsafe(24)
        self._streams = Streams()
        self._host, self._port, self._names = _address(url)
        self._socket: socket.socket | None = None
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it is, once it is started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Listens.

        Raises:
            ControlStartError: the address cannot be used.
        """
        try:
            self._socket = _listening(self._host, self._port)
        except (OSError, UnicodeError) as error:
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else "no host name"
            raise ControlStartError(f"{self.url}: {reason.lower()}") from error
        self._port = self._socket.getsockname()[1]
        app = Guard(make_app(self.control, self.token, self._streams), self.token, self._names)
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CALLS,
            timeout_graceful_shutdown=_END_TIME,
        )
        _forward_log()
        self._server = _Uvicorn(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)

    def let_go(self) -> None:
        """Nobody waits for an entry any longer: those who do get their answer, those who still come too."""
        self._streams.end()
        self.control.end_waiting()

    async def stop(self) -> None:
        """Ends streams and connections, and gives the address back."""
        self.let_go()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.gather(self._task, return_exceptions=True)
        elif self._socket is not None:
            self._socket.close()


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # With its protocol named, asyncio sends answers at once instead of waiting for more to send with them.
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_MOST_CALLS)
    except OSError:
        listening.close()
        raise
    return listening


class _Uvicorn(uvicorn.Server):
    """Leaves the signals of the process alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Forward(logging.Handler):
    """Hands what uvicorn says to the log of the Tap."""

    def emit(self, record: logging.LogRecord) -> None:
        trace = None if record.exc_info is None else record.exc_info
        log.log(record.levelno, "control", message=record.getMessage(), exc_info=trace)


def _forward_log() -> None:
    logger = logging.getLogger("uvicorn.error")
    if not any(isinstance(handler, _Forward) for handler in logger.handlers):
        logger.addHandler(_Forward())
        logger.propagate = False
        logger.setLevel(logging.WARNING)


def _address(url: str) -> tuple[str, int, tuple[str, ...]]:
    try:
        parsed = LinkUrl.parse(url, ("http",))
        host, port = parsed.address("127.0.0.1", PORT)
        return host, port, tuple(parsed.options(_OPTIONS)["host"])
    except UsageError as error:
        raise ControlStartError(f"--control: {error}") from error

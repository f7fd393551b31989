"""``ws://host:port``, ``wss://host``: raw APDUs in WebSocket messages."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import CloseCode
from websockets.http11 import Response
from websockets.sync.client import connect

from protocol.client.links.base import (
    MAX_ANSWER,
    LinkError,
    check_length,
    is_complete,
    lost_error,
    salvage,
    stray_error,
)
from protocol.errors import IntegrityError, ProtocolError
from protocol.urls import LinkUrl, authority

_CLOSE_TIME: Final = 0.2
"""Seconds that the Tap has to take part in the end of the connection. Few, since asyncio's client waits for them too;
the Tap hears of the end in any case."""
_LONGEST_REASON: Final = 300


class WebSocketLink:
    """Raw APDUs in WebSocket messages. A thread of its own reads, so that pings are answered at any time.

    Args:
        url: where the Tap is; without port 80 or 443, as for every WebSocket. TLS trusts what the system trusts.
        timeout: seconds for the connection to be made, and for each answer to be complete.

    Raises:
        LinkError: nobody listens there, or it is no WebSocket.
    """

    def __init__(self, url: LinkUrl, timeout: float) -> None:
        self.url = str(url)
        self._timeout = timeout
        self._request = b""
        self._open = ExitStack()
        port = {"ws": 80, "wss": 443}[url.scheme] if url.port is None else url.port
        address = authority(url.host or "127.0.0.1", port)
        with self._link_errors():
            self._connection = self._open.enter_context(
                connect(
                    f"{url.scheme}://{address}{quote(url.path)}",
                    compression=None,
                    proxy=None,
                    open_timeout=timeout,
                    ping_interval=None,
                    close_timeout=_CLOSE_TIME,
                    max_size=MAX_ANSWER,
                )
            )

    def send(self, request: bytes) -> None:
        """Sends one request, once it has seen that the line is silent: a stray answer must not become the next one."""
        with self._link_errors():
            try:
                stray = self._message(0)
            except TimeoutError:
                self._connection.send(request)
                self._request = request
            else:
                raise stray_error(self.url, stray)

    def receive(self) -> bytes:
        """Reads messages until the answer is complete."""
        received = b""
        deadline = time.monotonic() + self._timeout
        with self._link_errors():
            while not is_complete(self._request, received):
                check_length(self.url, received)
                try:
                    received += self._message(_until(deadline))
                except TimeoutError:
                    return salvage(self.url, received, self._timeout)
        return received

    def close(self) -> None:
        """Ends the connection."""
        self._open.close()

    def _message(self, timeout: float) -> bytes:
        """The next message; one that is text has a byte per character."""
        message = self._connection.recv(timeout)
        try:
            return message.encode("latin-1") if isinstance(message, str) else message
        except UnicodeEncodeError as error:
            raise IntegrityError(f"{self.url}: a character above U+00FF, expected one byte per character") from error

    @contextmanager
    def _link_errors(self) -> Iterator[None]:
        try:
            yield
        except ProtocolError:
            raise
        except ConnectionClosed as error:
            if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG and not error.rcvd_then_sent:
                raise IntegrityError(f"{self.url}: a message of over {MAX_ANSWER} bytes") from error
            raise lost_error(self.url) from error
        except InvalidStatus as error:
            raise LinkError(f"{self.url}: {_reason(error.response)}") from error
        except InvalidHandshake as error:
            raise LinkError(f"{self.url}: {error}, expected a WebSocket") from error
        except TimeoutError as error:
            raise LinkError(f"{self.url}: no connection within {self._timeout:g} s") from error
        except OSError as error:
            raise LinkError(f"{self.url}: {error.strerror or error}") from error


def _until(deadline: float) -> float:
    """Seconds that are left.

    Raises:
        TimeoutError: there are none; the library would give whatever waits to be read.
    """
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    return left


def _reason(response: Response) -> str:
    """Why a server wants no WebSocket; its page for people only if it is a few plain words."""
    plain = any(kind.startswith("text/plain") for kind in response.headers.get_all("Content-Type"))
    text = " ".join(response.body.decode(errors="replace").split()) if plain else ""
    return f"HTTP status {response.status_code}. {text[:_LONGEST_REASON]}".rstrip(". ")

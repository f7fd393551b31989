"""Who may use the control API: whoever has the token, no page of a browser, and nobody with an endless request."""

import asyncio
import ipaddress
import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulator.control.models import Message as Refusal

_Headers = dict[bytes, list[bytes]]

MOST_BYTES: Final = 1 << 20
"""Of a request body."""
_OPEN: Final = "/health"
"""What anybody may ask: whether the Tap is there."""
_BY_LINK: Final = frozenset({"/docs", "/openapi.json", "/v1/journal/stream"})
"""What takes the token in its address too, because browsers send no header there."""
_TOO_LARGE: Final = f"body is too large, expected {MOST_BYTES} bytes at the most"
_DRAIN_TIME: Final = 2.0
"""Seconds for which a body that is too large is still read, and dropped, so that its sender gets to read the answer."""


class _TooLargeError(Exception):
    """The body is longer than allowed, whatever its headers say."""


class Guard:
    """Refuses requests before anything of the application runs.

    Args:
        hosts: names with dots that a Host header may have. Addresses and plain names always may: no name that others
            can register, and let point at this machine, is one of them.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope["headers"])
        refusal = self._refused(scope, headers)
        if refusal is not None:
            await _refuse(send, *refusal)
        elif _length(headers) > MOST_BYTES:
            if b"expect" not in headers:
                await _drain(receive)
            await _refuse(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
        else:
            await self._limited(scope, receive, send)

    def _refused(self, scope: Scope, headers: _Headers) -> tuple[HTTPStatus, str] | None:
        if not self._is_ours(_host(headers)):
            return HTTPStatus.MISDIRECTED_REQUEST, "unexpected Host header; add ?host=NAME to the URL of --control"
        if not _same_origin(headers):
            return HTTPStatus.FORBIDDEN, "pages of other sites may not use the control API"
        if scope["path"] != _OPEN and not self._knows(scope, headers):
            return HTTPStatus.UNAUTHORIZED, "token is missing or wrong; expected `Authorization: Bearer TOKEN`"
        return None

    def _is_ours(self, host: str | None) -> bool:
        if host is None:
            return False
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return "." not in host or host in self._hosts
        return True

    def _knows(self, scope: Scope, headers: _Headers) -> bool:
        kind, _, token = headers.get(b"authorization", [b""])[0].partition(b" ")
        if kind.lower() != b"bearer":
            token = b""
            if scope["path"] in _BY_LINK:
                token = parse_qs(scope["query_string"]).get(b"token", [b""])[0]
        return secrets.compare_digest(token.strip(), self._token)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application, and tells it nothing more as soon as more has come than is allowed."""
        came, started = 0, False

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > MOST_BYTES:
                raise _TooLargeError
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            # What the application makes of the failed reading is not what has to be said.
            if started or came <= MOST_BYTES:
                started = True
                await send(message)

        with suppress(_TooLargeError):
            await self._app(scope, counted, noted)
        if not started and came > MOST_BYTES:
            await _drain(receive)
            await _refuse(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> _Headers:
    headers: _Headers = {}
    for name, value in pairs:
        headers.setdefault(name.lower(), []).append(value)
    return headers


def _length(headers: _Headers) -> int:
    text = headers.get(b"content-length", [b""])[0]
    return int(text[:20]) if text.isdigit() else 0


def _host(headers: _Headers) -> str | None:
    given = headers.get(b"host", [])
    if len(given) != 1:
        return None
    try:
        return urlsplit(f"//{given[0].decode('ascii')}").hostname
    except ValueError:
        return None


def _same_origin(headers: _Headers) -> bool:
    """Whether no page of a browser is asking, or the one at /docs."""
    host = headers[b"host"][0].lower()
    return all(origin.lower() in (b"http://" + host, b"https://" + host) for origin in headers.get(b"origin", []))


async def _drain(receive: Receive) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_TIME):
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                pass


async def _refuse(send: Send, status: HTTPStatus, message: str) -> None:
    """Answers in place of the application, and ends the connection: there may be a body that nobody has read."""
    body = Refusal(message=message).model_dump_json().encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""Makes a link from its URL."""

from collections.abc import Callable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from emulator.links.base import Link, LinkError
from protocol.codes import TCP_PORT

DEFAULT_LINK: Final = f"tcp://127.0.0.1:{TCP_PORT}"
"""Where a Tap listens that was told nothing else."""


def _tcp(url: SplitResult) -> Link:
    from emulator.links.tcp import TcpLink

    return TcpLink(url.hostname or "127.0.0.1", TCP_PORT if url.port is None else url.port)


_SCHEMES: Final[dict[str, Callable[[SplitResult], Link]]] = {"tcp": _tcp}
"""Transports are imported when they are used, so that one of them does not slow the start of another."""


def open_link(url: str) -> Link:
    """The link of a URL, not open yet.

    Raises:
        LinkError: the URL names no transport that we know, or is malformed.
    """
    try:
        parts = urlsplit(url)
        scheme, _ = parts.scheme, parts.port
    except ValueError as error:
        raise LinkError(f"{url}: {error}") from error
    if scheme not in _SCHEMES:
        known = ", ".join(f"{name}://" for name in _SCHEMES)
        raise LinkError(f"{url}: unknown link, expected {known}")
    return _SCHEMES[scheme](parts)

"""Which pages of a browser may connect."""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ORIGIN: Final = re.compile(r"\*|null|file://|[a-z][a-z\d+.-]*://[^\s/?#@]+")


def read_origin(text: str) -> str:
    """An origin as browsers write it: without path.

    Raises:
        ValueError: no browser writes this.
    """
    if not _ORIGIN.fullmatch(origin := text.lower()):
        raise ValueError(text)
    return origin


def is_welcome(origin: str | None, host: str, allowed: Collection[str] = ()) -> bool:
    """Whether a program may connect.

    Whatever page somebody looks at can connect to all that this somebody's browser reaches, so pages need a reason:
    they are of this machine, or of the host that the Tap is on. No web site can say so of itself, nor that it is an app
    (``file://``, ``capacitor://localhost``, ``ionic://localhost``). Local files in a browser are ``null``; so is any
    site in a sandboxed frame, so that has to be allowed.

    Args:
        origin: where the page is from, as the browser says; None for a program that is no browser.
        host: the Host header of its request.
        allowed: further origins, ``*`` for all.
    """
    if origin is None or origin == "file://" or "*" in allowed or origin.lower() in allowed:
        return True
    scheme, _, rest = origin.partition("://")
    name = _name(rest)
    return name in _THIS_MACHINE or (scheme in {"http", "https"} and name is not None and name == _name(host))


def _name(authority: str) -> str | None:
    """The host of ``host:port``."""
    try:
        return urlsplit(f"//{authority}").hostname
    except ValueError:
        return None

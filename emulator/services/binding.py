"""Binds handlers to rows of the resource table."""

from collections.abc import Callable
from typing import Any, Final

from emulator.exchange import Exchange

Handler = Callable[[Exchange, Any], Any]
"""Takes the exchange and the decoded body (None where the call has none), returns the value of the answer.

Raises:
    PeerError: the request is refused.
"""

HANDLERS: Final[dict[str, Handler]] = {}


def handles(name: str) -> Callable[[Handler], Handler]:
    """Binds a function to a call of the table: ``@handles("device.reboot")``."""

    def bind(handler: Handler) -> Handler:
        if name in HANDLERS:
            raise LookupError(f"{name} has two handlers")
        HANDLERS[name] = handler
        return handler

    return bind

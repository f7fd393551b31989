"""The hook through which a Tap misbehaves on purpose."""

from typing import Protocol

from emulator.exchange import Exchange
from emulator.journal import Event
from protocol.frames import Response


class Director(Protocol):
    """Decides what goes otherwise than it should; a Tap without one behaves.

    It may change the Tap through the methods of `Device`, and the answer in hand through `Exchange.tampering`. What it
    did is told by `Exchange.applied_rules`.
    """

    def before(self, exchange: Exchange) -> Response | None:
        """A clear request has come, maybe inside another; a response is answered instead of executing it.

        Frames that only carry an encrypted request do not get here.
        """
        ...

    def after(self, exchange: Exchange, response: Response) -> Response:
        """What the Tap would answer to that request; what is returned is answered."""
        ...

    def happened(self, event: Event) -> None:
        """Something else happened."""
        ...

    def next_deadline(self) -> float | None:
        """When `tick` has to be called at the latest, in the device's clock; None if nothing is due."""
        ...

    def tick(self) -> None:
        """Does what is due by now."""
        ...

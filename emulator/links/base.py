"""What a link is to the server, and what the server is to a link."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from protocol.codes import HostProtocol


class LinkError(Exception):
    """A link cannot be opened; the message names its URL and the reason."""


class Pipe(Protocol):
    """One open connection of a link, as the server sees it."""

    def write(self, data: bytes) -> None:
        """Sends one answer, in one go as far as the transport can."""
        ...

    def close(self) -> None:
        """Ends the connection after what was written; what still comes belongs to no connection.

        A line that cannot be hung up stays, and what comes over it next is a new connection.
        """
        ...

    def reset(self) -> None:
        """Ends the connection as if somebody had pulled the plug, where the transport knows such an end."""
        ...


class Receiver(Protocol):
    """One accepted connection, as the link sees it."""

    def received(self, data: bytes) -> None:
        """The host sent bytes, cut anywhere."""
        ...

    def lost(self) -> None:
        """The connection is over; nothing may be written to its pipe any more."""
        ...


class Host(Protocol):
    """The server, as a link sees it."""

    def accept(self, link: "Link", pipe: Pipe) -> Receiver | None:
        """A host has connected; None if the Tap does not want it."""
        ...

    @property
    def max_connections(self) -> int:
        """How many connections of one link the Tap takes."""
        ...

    def setting(self, key: str) -> Any:
        """What the Tap holds under a key of the resource table, for links that the Tap itself configures."""
        ...

    def on_change(self, changed: Callable[[], None]) -> None:
        """Has a function called whenever settings may have changed, but not in the middle of a configuration."""
        ...


class Link(ABC):
    """A way in.

    Attributes:
        protocol: what /1024//3 answers over this link.
        max_request, max_response: largest frames in bytes (/1024//88), where the link has limits of its own.
        settings: values that its URL gives to settings of the Tap, by key.
    """

    protocol: HostProtocol
    max_request: int | None = None
    max_response: int | None = None
    settings: Mapping[str, Any] = {}

    @property
    @abstractmethod
    def url(self) -> str:
        """Where a client connects, as a client may use it; without passwords."""

    @abstractmethod
    async def open(self, host: Host) -> None:
        """Starts to take connections; after `pause` or `close` at the same address as before.

        Raises:
            LinkError: the address is not available.
        """

    @abstractmethod
    async def close(self) -> None:
        """Stops to take connections and gives the address back; connections that are open stay."""

    async def pause(self) -> None:
        """The Tap reboots: no connections until `open`. What is plugged in stays plugged in."""
        await self.close()

"""What a link is to the server, and what the server is to a link."""

from typing import Protocol

from protocol.codes import HostProtocol


class LinkError(Exception):
    """A link cannot be opened; the message names its URL and the reason."""


class Pipe(Protocol):
    """One open connection of a link, as the server sees it."""

    def write(self, data: bytes) -> None:
        """Sends the bytes in one go, as far as the transport can."""
        ...

    def close(self) -> None:
        """Ends the connection after what was written."""
        ...


class Receiver(Protocol):
    """One accepted connection, as the link sees it."""

    def received(self, data: bytes) -> None:
        """The host sent bytes."""
        ...

    def lost(self) -> None:
        """The connection is over."""
        ...


class Host(Protocol):
    """The server, as a link sees it."""

    def accept(self, link: "Link", pipe: Pipe) -> Receiver | None:
        """A host has connected; None if the Tap does not want it."""
        ...


class Link(Protocol):
    """A way in."""

    protocol: HostProtocol
    """What /1024//3 answers over this link."""

    @property
    def url(self) -> str:
        """Where a client connects, with the port that is really open."""
        ...

    async def open(self, host: Host) -> None:
        """Starts to accept connections; opening again after `close` reopens the same address.

        Raises:
            LinkError: the address is not available.
        """
        ...

    async def close(self) -> None:
        """Stops to accept connections; those that are open stay."""
        ...

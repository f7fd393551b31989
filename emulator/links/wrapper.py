"""What stands between a link and the server."""

from emulator.links.base import Host, Link


class Wrapper(Link):
    """A link that uses another one: as it stands, in no way different from it.

    Args:
        link: the other one, not open yet.
    """

    def __init__(self, link: Link) -> None:
        self.protocol = link.protocol
        self.max_request, self.max_response = link.max_request, link.max_response
        self.settings = link.settings
        self._link = link

    @property
    def url(self) -> str:
        """Where a client connects, whatever is between."""
        return self._link.url

    async def open(self, host: Host) -> None:
        """Starts to take connections.

        Raises:
            LinkError: the address is not available.
        """
        await self._link.open(host)

    async def close(self) -> None:
        """Stops to take connections and gives the address back."""
        await self._link.close()

    async def pause(self) -> None:
        """The Tap reboots."""
        await self._link.pause()

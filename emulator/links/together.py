"""Opens and closes the links of a host together."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from emulator.links.base import Host, Link, LinkError

SETTLE_TIME: Final = 0.02
"""Seconds in which connections that were just accepted become known, so that they can be closed too."""


class LinkedHost(Host, Protocol):
    """A host that has its links itself."""

    links: Sequence[Link]

    async def stop(self) -> None:
        """Closes links and connections, whichever are open."""
        ...


async def open_all(host: LinkedHost) -> None:
    """Opens the links of a host, all or none.

    Raises:
        LinkError: one of them cannot be opened; the host is stopped then.
    """
    try:
        for link in host.links:
            await link.open(host)
    except LinkError:
        await host.stop()
        raise


async def close_all(links: Sequence[Link], settle: float = SETTLE_TIME) -> None:
    """Closes links, and waits so many seconds until all connections that they have accepted are known."""
    await asyncio.gather(*(link.close() for link in links))
    await asyncio.sleep(settle)

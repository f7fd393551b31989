"""What links that listen on a TCP port have in common."""

import asyncio
from abc import abstractmethod
from typing import ClassVar, Final

from emulator.links.base import Host, Link, LinkError
from protocol.urls import authority

READ_SIZE: Final = 4096
"""Bytes taken from a connection at a time: enough for a dozen requests, too few to keep the others waiting."""
CLOSE_TIME: Final = 1.0
"""Seconds that a closing connection has to take what was written before it is cut."""
_ACCEPTED_AT_ONCE: Final = 16
"""Connections that asyncio accepts before it looks at those that it has. Few, so that the end of old ones is noticed
before new ones exceed the limit of the Tap, and far fewer than the files that a process may have open."""
_WAITING: Final = 1024
"""Connections that may wait to be accepted."""


class ListeningLink(Link):
    """Listens on a TCP port.

    Args:
        port: 0 takes any free port; `url` then says which.
    """

    scheme: ClassVar[str]

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where a client connects."""
        return f"{self.scheme}://{authority(self._host, self._port)}"

    @property
    def listening(self) -> bool:
        """Whether new connections are taken."""
        return self._server is not None

    async def open(self, host: Host) -> None:
        """Binds the port and accepts.

        Raises:
            LinkError: the port is in use, or the address is not ours.
        """
        try:
            self._server = await self._listen(host)
            self._port = self._server.sockets[0].getsockname()[1]
            if len({socket.getsockname()[1] for socket in self._server.sockets}) > 1:
                # A name with several addresses got a free port for each; a client knows only one.
                self._server.close()
                self._server = await self._listen(host)
        except OSError as error:
            raise LinkError(f"{self.url}: {error.strerror or error}") from error

    async def _listen(self, host: Host) -> asyncio.Server:
        buffer = memoryview(bytearray(READ_SIZE))
        server = await asyncio.get_running_loop().create_server(
            lambda: self._connection(host, buffer), self._host, self._port, backlog=_ACCEPTED_AT_ONCE
        )
        for listening in server.sockets:
            with listening.dup() as same:
                same.listen(_WAITING)
        return server

    @abstractmethod
    def _connection(self, host: Host, buffer: memoryview) -> asyncio.BaseProtocol:
        """One new connection. All share one read buffer, since what is read is used at once."""

    async def close(self) -> None:
        """Gives the port back."""
        if self._server is not None:
            self._server.close()
            self._server = None

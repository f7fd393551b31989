"""``mem://name``: a Tap in the same process, without socket and without waiting."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from protocol.client.links.base import LinkError, lost_error, stray_error


class MemoryPeer(Protocol):
    """A Tap in the same process. Each method may raise `ConnectionError`, for example because the Tap reboots."""

    def connect(self) -> None:
        """A client connects."""
        ...

    def receive(self, data: bytes) -> list[bytes]:
        """Takes a request and returns what is sent back, each answer in one piece."""
        ...

    def close(self) -> None:
        """The client has gone."""
        ...


class MemoryLink:
    """Talks to a peer in the same process, without socket and without waiting.

    Raises:
        LinkError: the peer takes no connection.
    """

    def __init__(self, peer: MemoryPeer, name: str = "") -> None:
        self.url = f"mem://{name}"
        self._peer: MemoryPeer | None = peer
        self._answers: list[bytes] = []
        with self._link_errors():
            peer.connect()

    def send(self, request: bytes) -> None:
        """Hands the request to the peer, which answers at once."""
        if self._peer is None:
            raise lost_error(self.url)
        if self._answers:
            raise stray_error(self.url, b"".join(self._answers))
        with self._link_errors():
            self._answers = self._peer.receive(request)

    def receive(self) -> bytes:
        """The first thing that the peer sent back."""
        if not self._answers:
            raise LinkError(f"{self.url}: no answer")
        return self._answers.pop(0)

    def close(self) -> None:
        """Tells the peer."""
        peer, self._peer = self._peer, None
        self._answers = []
        if peer is not None:
            peer.close()

    @contextmanager
    def _link_errors(self) -> Iterator[None]:
        try:
            yield
        except ConnectionError as error:
            raise LinkError(f"{self.url}: {error}") from error


_memory_peers: Final[dict[str, Callable[[], MemoryPeer]]] = {}


def register_memory_peer(name: str, factory: Callable[[], MemoryPeer]) -> None:
    """Makes ``mem://name`` a link to what the factory returns, called anew for each connection."""
    _memory_peers[name] = factory


def unregister_memory_peer(name: str) -> None:
    """Forgets a name; connections that are open stay."""
    _memory_peers.pop(name, None)


def memory_peer(name: str) -> MemoryPeer:
    """The peer that ``mem://name`` means.

    Raises:
        LinkError: nobody has that name.
    """
    factory = _memory_peers.get(name)
    if factory is None:
        raise LinkError(f"mem://{name}: no peer of this process has that name")
    return factory()

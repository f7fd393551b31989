"""The open connections of links, as the device knows them."""

import itertools
from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from emulator.sessions import Session
from protocol import apdu
from protocol.bodies.interface import MaxFrameSize
from protocol.codes import HostProtocol

_ANSWERS_KEPT: Final = 32
"""Answers of each connection that a director may use again."""


class Connection:
    """One open connection of a link."""

    __slots__ = (
        "authorized",
        "frame_size",
        "held",
        "held_gap",
        "id",
        "last_heard",
        "link",
        "open",
        "protocol",
        "reader",
        "sent",
        "session",
    )

    def __init__(
        self, id: int, link: str, protocol: HostProtocol, session: Session, frame_size: MaxFrameSize, now: float
    ) -> None:
        self.id = id
        self.link = link
        """The link that it came over, for example ``tcp://0.0.0.0:2000``."""
        self.protocol = protocol
        self.frame_size = frame_size
        """Largest frames that it carries."""
        self.last_heard = now
        """When its host sent something, or connected."""
        self.authorized = True
        """The Tap lets hosts connect over this interface."""
        self.session = session
        self.reader = apdu.RequestReader(frame_size.request)
        self.open = True
        self.held = b""
        """An answer that waits for the next one, so that both are sent together."""
        self.held_gap = 0.0
        """Seconds between the two."""
        self.sent: deque[bytes] = deque(maxlen=_ANSWERS_KEPT)
        """The last answers as they were sent, while somebody directs the Tap."""


class Connections:
    """All open connections of one Tap; iterates over them, the oldest first."""

    def __init__(self) -> None:
        self._by_id: dict[int, Connection] = {}
        self._per_link: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self.heard: dict[Connection, None] = {}
        """All of them; the one that is silent for the longest time first."""
        self.waiting: dict[Connection, float] = {}
        """Those that wait for the rest of a request, and since when; the oldest first."""

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._by_id.values())

    def of_link(self, link: str) -> int:
        """How many a link has."""
        return self._per_link[link]

    def next_number(self) -> int:
        """Id of a new connection; none is given twice."""
        return next(self._numbers)

    def add(self, connection: Connection) -> None:
        """A host has connected."""
        self._by_id[connection.id] = connection
        self.heard[connection] = None
        self._per_link[connection.link] += 1

    def remove(self, connection: Connection) -> bool:
        """A connection is over; false if it was before."""
        connection.open = False
        self.waiting.pop(connection, None)
        if self._by_id.pop(connection.id, None) is None:
            return False
        self._per_link[connection.link] -= 1
        del self.heard[connection]
        return True

    def hear(self, connection: Connection, now: float) -> None:
        """Its host has sent something."""
        connection.last_heard = now
        del self.heard[connection]
        self.heard[connection] = None

"""Links to a Tap in the same process: no sockets, and a wait moves the Tap's virtual clock.

What the Tap sends looks as it does on a byte stream: each send is a piece, an answer is complete when the reference
client says so, what is left over is found by the next request, and so is the end of the connection.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from emulator.clock import VirtualClock
from emulator.connection import Connection
from emulator.device import Device, RefusedConnectionError
from emulator.effects import Close, Effect, Send
from protocol.client.links import LinkError, is_complete
from protocol.client.links.base import check_length, lost_error, salvage, stray_error
from protocol.codes import HostProtocol
from scenarios.fuzz.observation import Ending

URL: Final = "mem://tap"
_STUCK: Final = 100_000
"""Deadlines at one and the same moment after which something is wrong with the Tap."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client in this process may go on with one case.

    Args:
        requests: sent to the Tap; more are a flood.
        waiting: virtual seconds that it waits for the Tap, in all; more are a hang.
        working: seconds of processor time; more are a hang. Looked after in the main thread only.
    """

    requests: int = 10_000
    waiting: float = 600.0
    working: float = 10.0


class TurnOverError(BaseException):
    """Ends a client that does not end by itself; no `except Exception` holds it up.

    Args:
        ending: what to say of it.
    """

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.detail)
        self.ending = ending


class Line:
    """Connects clients in this process with a Tap.

    Args:
        device: its clock is a virtual one.
        timeout: seconds that a link waits for an answer.
    """

    def __init__(self, device: Device, timeout: float, patience: Patience) -> None:
        assert isinstance(device.clock, VirtualClock)
        self.device = device
        self.clock = device.clock
        self.timeout = timeout
        self.mistake: Exception | None = None
        """What the Tap itself has failed with: an error of ours, and not of the client."""
        self._patience = patience
        self._links: dict[Connection, RigLink] = {}
        self._requests = 0
        self._until = 0.0

    def reset(self) -> None:
        """A turn begins; links of the one before are closed."""
        for link in self._links.values():
            link.open = False
        self._links = {}
        self._requests = 0
        self._until = self.clock.now() + self._patience.waiting

    def connect(self) -> "RigLink":
        """A further connection to the Tap.

        Raises:
            LinkError: the Tap takes none.
        """
        self.tick()
        try:
            return self.attach(self.device.connect(URL, HostProtocol.WIFI))
        except RefusedConnectionError as refusal:
            raise LinkError(f"{URL}: {refusal}") from refusal

    def attach(self, connection: Connection) -> "RigLink":
        """A link on a connection that the Tap has."""
        link = self._links[connection] = RigLink(self, connection)
        return link

    def send(self, connection: Connection, data: bytes) -> None:
        """Bytes of a client."""
        self._requests += 1
        if self._requests > self._patience.requests:
            raise TurnOverError(Ending("flooded", detail=f"more than {self._patience.requests} requests"))
        try:
            self._carry_out(self.device.receive(connection, data))
        except Exception as error:
            self.mistake = error
            raise

    def tick(self) -> None:
        """Lets the Tap do what is due."""
        due = self.device.next_deadline()
        if due is not None and due <= self.clock.now():
            self._let_it_act()

    def wait(self, link: "RigLink", deadline: float) -> bool:
        """Lets time go by until something comes over a link or it is over, and says whether that was in time."""
        rounds = 0
        while not link.pieces and link.open:
            now, due = self.clock.now(), self.device.next_deadline()
            until = deadline if due is None else min(due, deadline)
            rounds = 0 if until > now else rounds + 1
            assert rounds < _STUCK, f"the Tap has something due at {until} s again and again"
            if until > self._until:
                raise TurnOverError(Ending("stalled", detail=f"waited for more than {self._patience.waiting:g} s"))
            if until > now:
                self.clock.advance(until - now)
            if due is not None and due <= until:
                self._let_it_act()
            if until >= deadline and not link.pieces and link.open:
                return False
        return True

    def drop(self, connection: Connection) -> None:
        """The client closes its end."""
        self._links.pop(connection, None)
        if connection.open:
            self.device.disconnect(connection)

    def _let_it_act(self) -> None:
        try:
            self._carry_out(self.device.tick())
        except Exception as error:
            self.mistake = error
            raise

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                link = self._links.get(effect.connection)
                if link is not None:
                    link.pieces.append(effect.data)
            elif isinstance(effect, Close):
                link = self._links.pop(effect.connection, None)
                if link is not None:
                    link.hang_up(effect.reset)


class RigLink:
    """A client's end of a connection: a `protocol.client.links.Link`, and the byte stream under it."""

    __slots__ = ("_connection", "_line", "_request", "open", "pieces", "timeout", "url")

    def __init__(self, line: Line, connection: Connection) -> None:
        self._line = line
        self._connection = connection
        self._request = b""
        self.url = URL
        self.timeout = line.timeout
        """Virtual seconds that `receive` waits."""
        self.pieces: deque[bytes] = deque()
        """What has come and was not read, as the Tap sent it."""
        self.open = True
        """Neither end has closed it."""

    def send(self, request: bytes) -> None:
        """Sends one request.

        Raises:
            LinkError: the connection is lost, or bytes came that nobody asked for.
        """
        self._line.tick()
        if self.pieces:
            raise stray_error(self.url, b"".join(self.pieces))
        self._request = request
        self.write(request)

    def receive(self) -> bytes:
        """The answer to the request sent last.

        Raises:
            LinkError: the connection is lost, or the answer is not complete in time.
            IntegrityError: the peer sends without end.
        """
        deadline = self._line.clock.now() + self.timeout
        received = b""
        while True:
            while self.pieces:
                received += self.pieces.popleft()
                if is_complete(self._request, received):
                    return received
                check_length(self.url, received)
            if not self.open:
                raise lost_error(self.url, received)
            if not self._line.wait(self, deadline):
                return salvage(self.url, received, self.timeout)

    def write(self, data: bytes) -> None:
        """Sends bytes, for clients that cut requests and answers out of the stream themselves.

        Raises:
            LinkError: the connection is lost.
        """
        if not self.open:
            raise lost_error(self.url)
        self._line.send(self._connection, data)

    def read(self, timeout: float | None = None) -> bytes:
        """What comes next, in the pieces in which the Tap sends it; nothing once the connection is over.

        Args:
            timeout: virtual seconds; that of the link if it is None.

        Raises:
            TimeoutError: nothing came in time.
        """
        seconds = self.timeout if timeout is None else timeout
        if not self._line.wait(self, self._line.clock.now() + seconds):
            raise TimeoutError(f"{self.url}: nothing came within {seconds:g} s")
        return self.pieces.popleft() if self.pieces else b""

    def close(self) -> None:
        """Ends the connection; closing again does nothing."""
        if self.open:
            self.open = False
            self.pieces.clear()
            self._line.drop(self._connection)

    def again(self) -> "RigLink":
        """Closes this connection and opens another one; it is in clear and anonymous.

        Raises:
            LinkError: the Tap takes none, for example because it restarts.
        """
        self.close()
        return self._line.connect()

    def hang_up(self, reset: bool) -> None:
        """The Tap has closed it; a reset takes with it what was not read."""
        self.open = False
        if reset:
            self.pieces.clear()

"""Plays cases against a Tap at a URL, over a connection that is kept as long as it is of use."""

import socket
import time
from contextlib import suppress
from random import Random
from typing import Any, Final, Protocol

from protocol.client.core import Conversation, Session
from protocol.client.links import Link, LinkError, is_complete, open_link
from protocol.client.links.opening import SCHEMES
from protocol.codes import TCP_PORT
from protocol.errors import IntegrityError, ProtocolError, RefusedError
from protocol.firmware import Version
from protocol.urls import LinkUrl
from scenarios.fuzz.device.cases import Case, pieces
from scenarios.fuzz.device.outcome import Broken, Fault, Outcome
from scenarios.fuzz.device.peer import Peer, Probe, Who, envelopes
from scenarios.fuzz.device.sound import SERIAL_NUMBER

_READ_SIZE: Final = 4096
_SCRAPS: Final = 0.05
"""Seconds to see what else comes after a request that was not one."""
_GOOD: Final = Probe(bytes(SERIAL_NUMBER), "known good")
_RETRY: Final = 0.2
_BACK: Final = 10.0
"""Seconds in which a Tap has to take connections again."""


class SilentError(Exception):
    """No answer came in time."""


class ClosedError(Exception):
    """The link was closed."""


class Line(Protocol):
    """A connection that can be misused."""

    def exchange(self, cuts: list[bytes], request: bytes) -> bytes:
        """Sends pieces that together are a request, and waits for the answer.

        Raises:
            SilentError, ClosedError: there is none.
        """
        ...

    def misuse(self, cuts: list[bytes], answers: int) -> None:
        """Sends pieces that are no request, or several; whatever comes back is thrown away.

        Args:
            answers: how many requests among them are complete.

        Raises:
            SilentError: there was no answer to any of them.
            ClosedError: the link was closed.
        """
        ...

    def close(self) -> None:
        """Ends it."""
        ...


class TcpLine:
    """Bytes over TCP, cut as asked."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except OSError as error:
            raise LinkError(f"tcp://{host}:{port}: {error.strerror or error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timeout = timeout

    def exchange(self, cuts: list[bytes], request: bytes) -> bytes:
        """Sends, and reads until the answer is complete."""
        self._send(cuts)
        received = b""
        deadline = time.monotonic() + self._timeout
        while not is_complete(request, received):
            piece = self._read(deadline)
            if piece is None:
                if received:
                    return received
                raise SilentError
            if not piece:
                raise ClosedError
            received += piece
        return received

    def misuse(self, cuts: list[bytes], answers: int) -> None:
        """Sends, and reads for a moment."""
        self._send(cuts)
        if answers and (piece := self._read(time.monotonic() + self._timeout)) in (None, b""):
            raise SilentError if piece is None else ClosedError
        deadline = time.monotonic() + _SCRAPS * (answers > 1)
        while piece := self._read(deadline):
            pass
        if piece == b"":
            raise ClosedError

    def _send(self, cuts: list[bytes]) -> None:
        self._socket.settimeout(self._timeout)
        try:
            for piece in cuts:
                self._socket.sendall(piece)
        except OSError as error:
            raise ClosedError from error

    def _read(self, deadline: float) -> bytes | None:
        """The next bytes; empty if the link was closed, None if the time is over."""
        self._socket.settimeout(max(deadline - time.monotonic(), 1e-6))
        try:
            return self._socket.recv(_READ_SIZE)
        except TimeoutError:
            return None
        except OSError:
            return b""

    def close(self) -> None:
        """Ends it."""
        self._socket.close()


class WholeLine:
    """Any other link: requests go out whole."""

    def __init__(self, link: Link, timeout: float) -> None:
        self._link = link
        self._timeout = timeout

    def exchange(self, cuts: list[bytes], request: bytes) -> bytes:
        """Sends and receives."""
        began = time.monotonic()
        try:
            self._link.send(b"".join(cuts))
            return self._link.receive()
        except LinkError as error:
            raise SilentError if time.monotonic() - began >= self._timeout else ClosedError from error

    def misuse(self, cuts: list[bytes], answers: int) -> None:
        """Sends; a link that is whole has no scraps to look at."""
        if answers:
            self.exchange(cuts, b"")

    def close(self) -> None:
        """Ends it."""
        self._link.close()


class Distant:
    """A Tap at a URL.

    Args:
        user, password: of who is logged in, where a case says so; None leaves such cases anonymous.
        timeout: seconds for the connection and for each answer.

    Raises:
        UsageError: it is no URL.
        LinkError, IntegrityError, RefusedError: nobody is there, the login is refused, or it is no Tap.
    """

    def __init__(self, url: str, *, user: str | None, password: str, timeout: float, seed: int = 0) -> None:
        self._url = LinkUrl.parse(url, SCHEMES)
        self._text = url
        self._login = user, password
        self._timeout = timeout
        self._token = Random(seed).randbytes  # noqa: S311 - reproducible on purpose
        self._line: Line | None = None
        self._who: Who | None = None
        self._peer = Peer()
        try:
            self._connect(Who.ANONYMOUS if user is None else Who.USER)
            self.firmware = Version.parse(self._hold(Session(self._token).call("device.get_firmware_version")))
            """Of the Tap, as it says."""
            self._known_good = self._exchange_good()
        except (SilentError, ClosedError) as error:
            self.close()
            raise LinkError(f"{url}: {str(error) or 'a good request is not answered'}") from error
        except ProtocolError:
            self.close()
            raise

    def close(self) -> None:
        """Ends the connection."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def play(self, case: Case) -> Outcome:
        """What comes of a case; pauses are left out."""
        outcome = Outcome(case)
        try:
            self._begin(case.who)
            for probe in case.probes:
                if not self._ask(case, probe, outcome):
                    break
        except ClosedError:
            outcome.told.append("the link was closed")
            self.close()
        except SilentError:
            self.close()
        except ProtocolError as error:
            outcome.told.append(str(error))
            self.close()
        if not self._peer.sure:
            self.close()
        self._check(outcome)
        return outcome

    def _ask(self, case: Case, probe: Probe, outcome: Outcome) -> bool:
        """Asks, and says whether the case goes on."""
        data = self._peer.wrap(probe)
        outcome.sent.append(data)
        complete, rest = envelopes(data)
        cuts = pieces(case, [data])
        line = self._line
        assert line is not None
        try:
            if len(complete) != 1 or rest:
                line.misuse(cuts, len(complete))
                self.close()
                return False
            answer = line.exchange(cuts, data)
        except SilentError:
            detail = f"no answer within {self._timeout:g} s to {_tell(probe)}"
            outcome.faults.append(Fault(Broken.SILENCE, detail, f"{probe.call} {probe.words}"))
            raise
        except ClosedError:
            outcome.codes.append((probe.call or "no call", "closed"))
            raise
        except IntegrityError as error:
            outcome.faults.append(Fault(Broken.UNSOUND, f"{error}, after {_tell(probe)}", f"{probe.call} endless"))
            raise
        outcome.answers.append(answer)
        self._judge(probe, data, answer, outcome)
        return self._peer.sure and not outcome.faults

    def _judge(self, probe: Probe, data: bytes, answer: bytes, outcome: Outcome) -> None:
        reading = self._peer.read(probe, data, answer)
        code = "status" if reading.code is None else f"{reading.code:02X}"
        outcome.codes.append((probe.call or "no call", code))
        outcome.told.append(f"{_tell(probe)} -> {reading.fault or code} {reading.body.hex()}".rstrip())
        if reading.fault:
            detail = f"{reading.fault}, after {_tell(probe)}"
            outcome.faults.append(Fault(Broken.UNSOUND, detail, f"{probe.call} {reading.fault[:20]}"))
            self._peer.sure = False
        elif reading.forgery:
            outcome.faults.append(Fault(Broken.FORGERY, f"{_tell(probe)} was accepted", probe.words))
            self._peer.sure = False

    # --- the session underneath

    def _begin(self, who: Who) -> None:
        """A connection whose session fits; the one there is, if it does."""
        if who is Who.USER and self._login[0] is None:
            who = Who.KEYED
        if self._line is not None and self._who is who and self._peer.sure:
            return
        self._connect(who)

    def _connect(self, who: Who) -> None:
        self.close()
        self._line = self._open()
        self._who = who
        session = Session(self._token)
        user, password = self._login
        if who is Who.USER and user is not None:
            self._hold(session.login(user, password))
        if who is not Who.ANONYMOUS:
            session.set_initialization_vector_refresh_period(0)
            with suppress(RefusedError, IntegrityError):  # old firmware has no keys, or no vectors
                self._hold(session.encryption(True))
                self._hold(session.refresh_encryption_initialization_vector())
        self._peer = Peer()
        self._peer.adopt(session.session_key, *session.initialization_vectors, session._next_id)

    def _open(self) -> Line:
        if self._url.scheme != "tcp":
            return WholeLine(open_link(self._text, self._timeout), self._timeout)
        self._url.options({})
        return TcpLine(*self._url.address("127.0.0.1", TCP_PORT), self._timeout)

    def _hold(self, conversation: Conversation[Any]) -> Any:
        assert self._line is not None
        try:
            request = next(conversation)
            while True:
                try:
                    answer = self._line.exchange([request], request)
                except (SilentError, ClosedError) as error:
                    why = "no answer in time" if isinstance(error, SilentError) else "the connection is closed"
                    raise LinkError(f"{self._text}: {why}") from error
                request = conversation.send(answer)
        except StopIteration as end:
            return end.value

    # --- afterwards

    def _check(self, outcome: Outcome) -> None:
        """A good request is answered as before, on this connection if there is one, else on the next."""
        deadline = time.monotonic() + _BACK
        while True:
            try:
                self._begin(outcome.case.who if self._who is None else self._who)
                answer = self._exchange_good()
            except (ProtocolError, SilentError, ClosedError) as error:
                self.close()
                if time.monotonic() < deadline:
                    time.sleep(_RETRY)
                    continue
                reason = str(error) or "a good request is not answered"
                outcome.faults.append(Fault(Broken.GONE, f"{reason}, for {_BACK:g} s", "gone"))
                return
            if answer != self._known_good:
                self.close()
                detail = f"the serial number is {answer.hex()}, before it was {self._known_good.hex()}"
                outcome.faults.append(Fault(Broken.GONE, detail, "serial number"))
            return

    def _exchange_good(self) -> bytes:
        """The answer to the known good request, in clear."""
        assert self._line is not None
        data = Peer().wrap(_GOOD)
        return self._line.exchange([data], data)


def _tell(probe: Probe) -> str:
    carrier = "" if probe.carrier.value == "clear" else f" ({probe.carrier.value})"
    return f"{probe.call or probe.request or 'no request'}{carrier}: {probe.words}"

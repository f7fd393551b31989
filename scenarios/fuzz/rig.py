"""A Tap in this process that is armed with one case after another, each from the same state."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import Any, Final

from emulator.clock import Clock, RealClock, VirtualClock
from emulator.connection import Connection
from emulator.device import Device
from emulator.directors import Directors
from emulator.effects import Send
from emulator.entropy import SeededEntropy
from emulator.journal import Entry
from emulator.links import open_links
from emulator.server import Server
from emulator.sessions import Encryption
from emulator.snapshots import Snapshot, adopt
from emulator.targets import make_target
from protocol.client.core import IvNotSupportedError, Session
from protocol.codes import HostProtocol
from protocol.errors import IntegrityError, RefusedError, UsageError
from scenarios.fuzz.case import Case
from scenarios.fuzz.mutation import Answer
from scenarios.fuzz.saboteur import Applied, Saboteur
from scenarios.model import Scenario
from scenarios.script import Script

FREE_PORT: Final = "tcp://127.0.0.1:0"
_FUZZ: Final = "fuzz"
_REBOOT_TIME: Final = 0.1
"""Seconds that a Tap on links is away at most when it reboots: many cases make it do so."""
_LOOK_AGAIN: Final = 0.002


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """What a client has to know to go on with a session that was made before.

    Args:
        key: of the encrypted session, 16 bytes.
        request_iv, answer_iv: its initialization vectors.
    """

    key: bytes
    request_iv: bytes
    answer_iv: bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened at the Tap in one case.

    Args:
        answers: what it would have answered, in order.
        applied: which faults have come true.
        entries: its journal.
    """

    answers: list[Answer]
    applied: list[Applied]
    entries: list[Entry]


class Rig:
    """A Tap and its saboteur, without links.

    Args:
        scenario: its device is the Tap, its script acts too, and before the case; None for the demo Tap.
        seed: of everything random in the Tap.
        clock: virtual by default; a Tap on real links needs one that goes on.
        reboot_time: most seconds that a reboot takes; None leaves that to the scenario.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        seed: int = 0,
        clock: Clock | None = None,
        reboot_time: float | None = None,
    ) -> None:
        scenario = scenario or Scenario.model_validate({"scenario": 1})
        blueprint = scenario.blueprint()
        if reboot_time is not None:
            rules = replace(blueprint.rules, reboot_time=min(blueprint.rules.reboot_time, reboot_time))
            blueprint = replace(blueprint, rules=rules)
        target = make_target(blueprint.target)
        self.device = Device(blueprint, clock=clock or VirtualClock(), entropy=SeededEntropy(seed), target=target)
        self.saboteur = Saboteur(self.device)
        self.keys: SessionKeys | None = None
        """Of the session that each new connection has from the start, see `log_in`."""
        self._directors = Directors()
        if scenario.script.rules:
            self._directors.add("scenario", Script(scenario.script, self.device, seed=seed))
        self._directors.add(_FUZZ, self.saboteur)
        self.device.director = self._directors
        self._entries: list[Entry] = []
        self.device.journal.listen(self._note)
        self._settled = -1
        """Revision of the state as it was when a case began; another one says that something was written."""
        self.save()

    def _note(self, entry: Entry) -> None:
        self._entries.append(entry)

    @property
    def entries(self) -> list[Entry]:
        """Journal of the case so far."""
        return self._entries

    def save(self) -> Snapshot:
        """Cases begin from the present state from now on; with its sessions, for `adopt`."""
        self._start = self.device.snapshot()
        parts = {name: part for name, part in self._start.parts.items() if name != "state"}
        self._start_unwritten = replace(self._start, parts=parts)
        self._settled = self.device.state.revision
        self.saboteur.rebooted = False
        return self._start

    def begin(self, case: Case, *, keep_hosts: bool = False) -> None:
        """Puts the Tap back and arms a case.

        Args:
            keep_hosts: connections and their sessions stay as they are.
        """
        state = self.device.state
        unwritten = state.revision == self._settled and not self.saboteur.rebooted
        self._restore(self._start_unwritten if unwritten else self._start, keep_hosts)
        self._settled = state.revision
        self.saboteur.rebooted = False
        self.saboteur.arm(case)
        self._entries = []

    def _restore(self, start: Snapshot, keep_hosts: bool) -> None:
        self.device.restore(start, keep_hosts=keep_hosts)

    def end(self) -> Trace:
        """What has happened since the case began. Nothing is mutated afterwards."""
        trace = Trace(self.saboteur.answers, self.saboteur.applied, self._entries)
        self.saboteur.arm(_NOTHING)
        self._entries = []
        return trace

    def adopt(self, connection: Connection, saved: Snapshot, connection_id: int) -> SessionKeys | None:
        """Gives a connection the session that another one had, and says what its client needs to know.

        Returns:
            None if that session is not encrypted; the login alone is there then.
        """
        adopt(connection, saved, connection_id)
        return _keys_of(connection)

    def log_in(self, user: str, password: str) -> SessionKeys | None:
        """Makes a login once, as the reference client does, and gives it to each connection that comes from now on.

        Returns:
            None if that login is not encrypted.

        Raises:
            UsageError: the Tap does not let this user in.
        """
        connection = self.device.connect("mem://login", HostProtocol.WIFI)
        session = Session(secrets.token_bytes)
        try:
            self._converse(connection, session.login(user, password))
            if session.encrypted:
                self._renew_vectors(connection, session)
        except (RefusedError, IntegrityError) as error:
            raise UsageError(f"{error}; expected a user of the Tap that is fuzzed, and the password") from error
        finally:
            made = self.device.snapshot()
            self.device.disconnect(connection)
        self.keys = _keys_of(connection)
        self.saboteur.greet = lambda new: adopt(new, made, connection.id)
        self.save()
        return self.keys

    def _renew_vectors(self, connection: Connection, session: Session) -> None:
        try:
            self._converse(connection, session.refresh_encryption_initialization_vector())
        except IvNotSupportedError:
            return

    def _converse(self, connection: Connection, conversation: Any) -> None:
        """Lets the reference client talk to the Tap; answers that a script holds back do not come."""
        try:
            request = next(conversation)
            while True:
                effects = self.device.receive(connection, request)
                request = conversation.send(b"".join(each.data for each in effects if isinstance(each, Send)))
        except StopIteration:
            return


_NOTHING: Final = Case()


def _keys_of(connection: Connection) -> SessionKeys | None:
    session = connection.session
    if session.cipher is None or session.encryption is Encryption.CLEAR:
        return None
    return SessionKeys(session.cipher.key, session.ivs.request, session.ivs.answer)


class ServedRig(Rig):
    """A rig on real links. Its methods have to be called in the event loop that started it."""

    def __init__(
        self, scenario: Scenario | None = None, *, seed: int = 0, listen: tuple[str, ...] = (FREE_PORT,)
    ) -> None:
        super().__init__(scenario, seed=seed, clock=RealClock(), reboot_time=_REBOOT_TIME)
        self.server = Server(self.device, open_links(listen))

    @property
    def urls(self) -> tuple[str, ...]:
        """Where clients find it, once it has started."""
        return tuple(link.url for link in self.server.links)

    async def start(self) -> None:
        """Opens the links.

        Raises:
            LinkError: one cannot be opened.
        """
        await self.server.start()

    async def stop(self) -> None:
        """Closes them."""
        await self.server.stop(settle=0)

    async def ready(self) -> None:
        """Waits until its links are back, where the last case has made it reboot."""
        while not self.server.is_open:  # noqa: ASYNC110 - rare, and nobody tells
            await asyncio.sleep(_LOOK_AGAIN)

    def _restore(self, start: Snapshot, keep_hosts: bool) -> None:
        if keep_hosts and start is self._start_unwritten:
            self.device.restore(start, keep_hosts=True)  # which closes nothing, and changes nothing for links
        else:
            self.server.restore(start, keep_hosts=keep_hosts)

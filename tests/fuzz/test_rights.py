"""Several clients of one Tap: what they may read and write is what their groups may, now, and nothing else.

The clients are reference clients, with and without encryption. The model knows who is logged in where, since when
nobody has heard of a client, which rights each group has on each bundle, and the values of the variables.
"""

from typing import Any, Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from emulator.blueprint import ADMIN, ANONYMOUS, Bundle, Group, Variable
from emulator.journal import Record
from protocol.bodies.bundle import ReadWriteRights
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.client.blocking import Tap
from protocol.codes import ResultCode, Rights
from protocol.errors import RefusedError
from scenarios.fuzz.inprocess.memory import Line, Patience
from tests.hosts import make_device
from tests.robustness.effort import effort
from tests.robustness.watching import assert_explained

TECH: Final = 5
PAUL: Final = 6
SUPERVISOR: Final = 65534
LIFETIMES: Final = {TECH: 30, PAUL: 0, SUPERVISOR: 300, ADMIN: 300}
USERS: Final = {"tech": TECH, "paul": PAUL, "supervisor": SUPERVISOR, "admin": ADMIN}
PROFILES: Final = {PAUL: TECH}
"""A user has the rights of its profile, too."""
BUNDLES: Final = (1, 2)
CLIENTS: Final = 3
PATIENCE: Final = Patience(requests=1_000_000, waiting=1e9)

clients = st.integers(0, CLIENTS - 1)
bundles = st.sampled_from(BUNDLES)
groups = st.sampled_from([ANONYMOUS, TECH, PAUL, SUPERVISOR])
rights = st.sampled_from([Rights.NONE, Rights.READ, Rights.WRITE, Rights.READ | Rights.WRITE])


class Client:
    """A reference client, and what the model knows of it."""

    def __init__(self, line: Line, number: int) -> None:
        self._tokens = number << 64
        self.tap = Tap(link=line.connect(), token=self._token)
        self.group = ANONYMOUS
        self.silent = 0.0
        """Seconds since its last request."""

    def _token(self, size: int) -> bytes:
        self._tokens += 1
        return self._tokens.to_bytes(size + 16, "big")[-size:]

    def grow_older(self, seconds: float) -> None:
        self.silent += seconds
        lifetime = LIFETIMES.get(self.group, 0)
        if lifetime and self.silent >= lifetime:
            self.group = ANONYMOUS


class RightsOfGroups(RuleBasedStateMachine):
    """Anybody does anything, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.rights: dict[int, dict[int, Rights]] = {
            1: {ANONYMOUS: Rights.READ, TECH: Rights.READ | Rights.WRITE},
            2: {PAUL: Rights.WRITE},
        }
        self.values = dict.fromkeys(BUNDLES, b"\x00")
        self.device, self.clock = make_device(
            settings={"scram.hash_iteration": 10},
            groups={
                TECH: Group("tech", b"tech", TECH, LIFETIMES[TECH]),
                PAUL: Group("paul", b"paul", TECH, LIFETIMES[PAUL]),
            },
            bundles={number: Bundle(f"bundle {number}", dict(self.rights[number])) for number in BUNDLES},
            variables={
                number: Variable(VariableType(Domain.IN_TAP_STATIC, DataType.UINT8), bundle=number)
                for number in BUNDLES
            },
            values=dict(self.values),
        )
        self.line = Line(self.device, 3.0, PATIENCE)
        self.line.reset()
        self.clients = [Client(self.line, number) for number in range(CLIENTS)]

    def may(self, client: Client, bundle: int, right: Rights) -> bool:
        if client.group == ADMIN:
            return True
        holders = {ANONYMOUS, client.group, PROFILES.get(client.group, client.group)}
        return any(right in self.rights[bundle].get(holder, Rights.NONE) for holder in holders)

    def ask(self, client: Client, allowed: bool, call: Any, *given: Any) -> Any:
        """Makes a call that has to succeed, or to be refused for want of rights."""
        client.silent = 0.0
        if allowed:
            return call(*given)
        with pytest.raises(RefusedError) as refusal:
            call(*given)
        assert refusal.value.code == ResultCode.UNAUTHORIZED
        return None

    # sessions

    @rule(number=clients, user=st.sampled_from(sorted(USERS)))
    def log_in(self, number: int, user: str) -> None:
        client = self.clients[number]
        state = client.tap.login(user, user)
        client.group, client.silent = USERS[user], 0.0
        assert (state.group_id, state.lifetime) == (client.group, LIFETIMES[client.group])

    @rule(number=clients)
    def log_out(self, number: int) -> None:
        client = self.clients[number]
        client.tap.logout()
        client.group, client.silent = ANONYMOUS, 0.0

    @rule(number=clients, enabled=st.booleans(), reset=st.booleans())
    def encrypt(self, number: int, enabled: bool, reset: bool) -> None:
        client = self.clients[number]
        before = self.device.journal.total
        client.tap.encryption(enabled, reset)
        if self.device.journal.total > before:
            client.silent = 0.0

    @precondition(lambda self: any(client.tap.session.encrypted for client in self.clients))
    @rule(data=st.data())
    def renew_vectors(self, data: st.DataObject) -> None:
        encrypting = [client for client in self.clients if client.tap.session.encrypted]
        client = data.draw(st.sampled_from(encrypting))
        client.tap.refresh_encryption_initialization_vector()
        client.silent = 0.0

    @rule(number=clients, period=st.integers(0, 3))
    def renew_vectors_every(self, number: int, period: int) -> None:
        self.clients[number].tap.set_initialization_vector_refresh_period(period)

    @rule(number=clients)
    def come_back(self, number: int) -> None:
        self.clients[number].tap.close()
        self.clients[number] = Client(self.line, number + 8)

    @rule(seconds=st.sampled_from([1, 29, 30, 270, 300]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)
        for client in self.clients:
            client.grow_older(seconds)

    # rights

    @rule(number=clients, bundle=bundles)
    def read(self, number: int, bundle: int) -> None:
        client = self.clients[number]
        allowed = self.may(client, bundle, Rights.READ)
        answer = self.ask(client, allowed, client.tap.service.variable.get_value, bundle)
        assert not allowed or answer == self.values[bundle]

    @rule(number=clients, bundle=bundles)
    def read_all(self, number: int, bundle: int) -> None:
        client = self.clients[number]
        allowed = self.may(client, bundle, Rights.READ)
        answer = self.ask(client, allowed, client.tap.service.bundle.get_values, bundle)
        assert not allowed or answer.values == ((bundle, self.values[bundle]),)

    @rule(number=clients, bundle=bundles, value=st.binary(min_size=1, max_size=1))
    def write(self, number: int, bundle: int, value: bytes) -> None:
        client = self.clients[number]
        allowed = self.may(client, bundle, Rights.WRITE)
        self.ask(client, allowed, client.tap.service.variable.put_value, bundle, value)
        if allowed:
            self.values[bundle] = value

    @rule(number=clients, bundle=bundles, group=groups, given=rights)
    def grant(self, number: int, bundle: int, group: int, given: Rights) -> None:
        client = self.clients[number]
        allowed = client.group == ADMIN
        value = ReadWriteRights(group, Rights.READ in given, Rights.WRITE in given)
        self.ask(client, allowed, client.tap.service.bundle.put_acl, bundle, value)
        if allowed:
            self.rights[bundle][group] = given

    # what holds after every step

    @invariant()
    def the_tap_knows_the_same_groups(self) -> None:
        now = self.clock.now()
        connections = list(self.device.connections)
        assert len(connections) == CLIENTS
        seen = sorted(ANONYMOUS if _is_over(each.session, now) else each.session.group_id for each in connections)
        assert seen == sorted(client.group for client in self.clients)

    @invariant()
    def every_refusal_is_explained(self) -> None:
        for entry in list(self.device.journal.entries)[-10:]:
            if isinstance(entry, Record):
                assert_explained(entry)


def _is_over(session: Any, now: float) -> bool:
    """The Tap finds that out with the next request."""
    return bool(session.lifetime and now - session.last_request >= session.lifetime)


TestRights = RightsOfGroups.TestCase
TestRights.settings = effort(15, steps=25)

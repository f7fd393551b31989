"""Valid sessions in any order, with garbage in between: the garbage changes nothing, and the session goes on.

The machine knows who is logged in, which key and vectors hold, and what was written; after every step the Tap has to
agree. The vectors after a login in clear follow decision D9: the host either forgets its own or goes on with them.
"""

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from emulator.effects import Close, Send
from protocol.codes import Method
from protocol.crypto import ZERO_IV, FrameCipher
from protocol.frames import Response
from tests.hosts import Host, make_device
from tests.robustness.bad_inputs import (
    ANYWHERE,
    SERIAL_NUMBER,
    WITHOUT_LOGIN,
    BadInput,
    envelope,
    plaintext,
    refusal,
    request,
    send,
)
from tests.robustness.effort import effort
from tests.robustness.watching import RecordingStore, assert_explained, memory_of

ANONYMOUS: Final = 0
ADMIN: Final = 65535
USERS: Final = {"admin": ADMIN, "supervisor": 65534}
LIFETIME: Final = 300
LOCK_TIME: Final = 60
ATTEMPTS: Final = 3
APP_NAME: Final = "/1024//9"

inside = st.booleans()
vectors = st.binary(min_size=16, max_size=16).filter(any)
"""No host draws a vector of zeros; after a login in clear it would be taken for a forgotten one."""
BROKEN: Final = {
    "wrong CRC": plaintext(SERIAL_NUMBER, crc_error=1 << 7),
    "padding": plaintext(SERIAL_NUMBER, padding=b"\x01"),
    "length too long": plaintext(SERIAL_NUMBER, length=9),
    "length too short": plaintext(bytes(23), length=1),
    "no request inside": plaintext(SERIAL_NUMBER[:6]),
    "noise": bytes(range(32)),
}


class StrictHost(Host):
    """Insists on one answer to one envelope, in one write."""

    def exchange(self, data: bytes) -> bytes:
        answer = super().exchange(data)
        sends = [effect for effect in self.effects if isinstance(effect, Send)]
        assert len(sends) == 1, self.effects
        assert isinstance(self.effects[0], Send)
        return answer


class Conversation(RuleBasedStateMachine):
    """One host that knows what it does, and strangers that do not."""

    def __init__(self) -> None:
        super().__init__()
        self.store = RecordingStore()
        self.device, self.clock = make_device(store=self.store, settings={"scram.hash_iteration": 10})
        self.memory = memory_of(self.device)
        self.failures = 0
        self.locked_until = 0.0
        self.noted = 0
        self.connect()

    def connect(self) -> None:
        self.host = StrictHost(self.device)
        self.group = ANONYMOUS
        self.recorded: tuple[bytes, FrameCipher, bytes] | None = None

    @property
    def keyed(self) -> bool:
        return self.host.cipher is not None

    @property
    def locked(self) -> bool:
        return self.clock.now() < self.locked_until

    def ask(self, sealed: bool, method: str, path: str, body: bytes = b"") -> Response:
        """In clear, or encrypted where there is a key."""
        return (self.host.secret if sealed and self.keyed else self.host.ask)(method, path, body)

    # the valid conversation

    @rule(sealed=inside)
    def make_key(self, sealed: bool) -> None:
        if sealed and self.keyed:
            self.host.cipher = FrameCipher(self.host.secret("GET", "/1024//47").body)
        else:
            self.host.initialize()

    @rule(sealed=inside, client_iv=vectors)
    def exchange_ivs(self, sealed: bool, client_iv: bytes) -> None:
        answer = self.ask(sealed, "GET", "/1024//45", client_iv)
        assert answer.success
        self.host.request_iv, self.host.answer_iv = client_iv, answer.body

    @precondition(lambda self: not self.locked)
    @rule(sealed=inside, user=st.sampled_from(sorted(USERS)), forgetful=st.booleans())
    def log_in(self, sealed: bool, user: str, forgetful: bool) -> None:
        sealed = sealed and self.keyed
        self.host.login(user, encrypted=sealed)
        if forgetful and not sealed:
            self.host.request_iv = self.host.answer_iv = ZERO_IV
        self.group = USERS[user]
        self.failures = 0

    @precondition(lambda self: not self.locked)
    @rule(sealed=inside, user=st.sampled_from(["admin", "nobody", ""]))
    def fail_to_log_in(self, sealed: bool, user: str) -> None:
        sealed = sealed and self.keyed
        answer, _ = self.host.proof(user, "wrong", encrypted=sealed)
        assert answer.code == 0x86
        self.failures += 1
        if self.failures == ATTEMPTS:
            assert isinstance(self.host.effects[-1], Close)
            self.failures = 0
            self.locked_until = self.clock.now() + LOCK_TIME
            self.connect()
        else:
            assert len(self.host.effects) == 1

    @precondition(lambda self: self.locked)
    @rule(sealed=inside)
    def log_in_too_early(self, sealed: bool) -> None:
        assert self.ask(sealed, "GET", "/1024//40", bytes(20)).code == 0xA3

    @rule(sealed=inside)
    def log_out(self, sealed: bool) -> None:
        assert self.ask(sealed, "POST", "/1024//1").success
        self.group = ANONYMOUS

    @rule(sealed=inside)
    def stop_encryption(self, sealed: bool) -> None:
        assert self.ask(sealed, "GET", "/1024//46").success
        self.host.cipher = None
        self.host.request_iv = self.host.answer_iv = ZERO_IV

    @rule(sealed=inside, name=st.text("abc", max_size=40))
    def write(self, sealed: bool, name: str) -> None:
        answer = self.ask(sealed, "PUT", APP_NAME, name.encode())
        if self.group != ADMIN:
            assert answer.code == 0x81
        elif not 1 <= len(name) <= 32:
            assert answer.code == 0x86
        else:
            assert answer.success
            self.memory.settings["interface.app_name"] = name

    @precondition(lambda self: self.keyed)
    @rule()
    def read(self) -> None:
        assert self.host.cipher is not None
        recorded = request(Method.GET, "/1024//48", self.host.seal("GET", APP_NAME))
        answer = self.host.exchange(recorded)
        assert self.host.open(answer[1:-2]).body.decode() == self.memory.settings["interface.app_name"]
        self.recorded = recorded, self.host.cipher, self.host.request_iv

    @precondition(lambda self: self.keyed)
    @rule(client_iv=vectors)
    def read_with_its_own_iv(self, client_iv: bytes) -> None:
        self.host.request_iv = client_iv
        outer = self.host.get("/1024//44", client_iv + self.host.seal("GET", APP_NAME))
        assert outer.success
        self.host.answer_iv = outer.body[:16]
        assert self.host.open(outer.body[16:]).body.decode() == self.memory.settings["interface.app_name"]

    @rule(seconds=st.sampled_from([1, LOCK_TIME, LIFETIME - 1, LIFETIME]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)
        assert self.device.tick() == []
        if seconds >= LIFETIME:
            self.group = ANONYMOUS

    # the garbage

    @rule(case=st.sampled_from(ANYWHERE))
    def send_garbage(self, case: BadInput) -> None:
        answer = self.host.exchange(case.data(b""))
        assert answer == case.answer(b"") or (self.locked and answer == refusal(0xA3))

    @precondition(lambda self: self.group == ANONYMOUS)
    @rule(case=st.sampled_from(WITHOUT_LOGIN))
    def try_without_login(self, case: BadInput) -> None:
        assert self.host.exchange(case.data(b"")) == case.answer(b"")

    @rule(fault=st.sampled_from(sorted(BROKEN)), own_iv=st.none() | vectors)
    def send_broken_frame(self, fault: str, own_iv: bytes | None) -> None:
        cipher = self.host.cipher or FrameCipher(bytes(16))
        iv = self.host.request_iv if own_iv is None else own_iv
        path, told = ("/1024//48", b"") if own_iv is None else ("/1024//44", own_iv)
        answer = self.host.get(path, told + cipher.encrypt(iv, BROKEN[fault]))
        assert answer.code == (0x80 if self.keyed else 0x81)

    @rule(key=vectors)
    def send_under_another_key(self, key: bytes) -> None:
        assert self.host.exchange(send(key, plaintext(SERIAL_NUMBER))) == refusal(0x80 if self.keyed else 0x81)

    @precondition(lambda self: self.recorded)
    @rule()
    def replay(self) -> None:
        """A frame opens again as long as its key and its vector hold (decision D8)."""
        assert self.recorded is not None
        recorded, cipher, iv = self.recorded
        answer = self.host.exchange(recorded)
        if cipher is self.host.cipher and iv == self.host.request_iv:
            assert answer[0] == 0x00
        else:
            assert answer == refusal(0x80 if self.keyed else 0x81)

    @precondition(lambda self: self.keyed)
    @rule(carrier=st.sampled_from(["/1024//48", "/1024//44"]))
    def nest(self, carrier: str) -> None:
        assert self.host.secret("GET", carrier, bytes(16) + self.host.seal("GET", APP_NAME)).code == 0x80

    @rule(size=st.integers(1, 11))
    def fall_silent(self, size: int) -> None:
        self.device.receive(self.host.connection, envelope(SERIAL_NUMBER)[:size])
        self.clock.advance(5)
        (close,) = self.device.tick()
        assert isinstance(close, Close)
        self.connect()

    @rule(data=st.binary(max_size=300))
    def be_a_stranger(self, data: bytes) -> None:
        stranger = Host(self.device)
        stranger.exchange(data)
        self.device.disconnect(stranger.connection)

    # what holds after every step

    @invariant()
    def the_same_group_is_logged_in(self) -> None:
        assert self.host.group_id == self.group

    @invariant()
    def the_tap_remembers_what_was_written_and_nothing_else(self) -> None:
        assert memory_of(self.device) == self.memory
        name = self.memory.settings["interface.app_name"]
        assert self.store.records in ({}, {("setting", "interface.app_name"): name})

    @invariant()
    def every_refusal_is_explained(self) -> None:
        records = list(self.device.journal)[self.noted - self.device.journal.total :]
        for record in records if self.noted < self.device.journal.total else ():
            assert_explained(record)
        self.noted = self.device.journal.total


TestConversation = Conversation.TestCase
TestConversation.settings = effort(120, steps=40)

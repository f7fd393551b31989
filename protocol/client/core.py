"""A session with a Tap, without I/O: what to send next, and what an answer means.

Everything a client does is a `Conversation`: a generator that yields the APDU of a request, is sent the bytes of its
answer, and returns the result. The blocking and the asyncio client drive the same conversations::

    request = next(conversation)
    while True:
        request = conversation.send(exchange(request))  # until StopIteration, whose value is the result

Where the vendor's clients differ, the session does as @iotize/tap 2.7.0. Unlike them it trusts no answer: outer code,
size, length, padding, CRC, frame id and inner status word all have to be right.
"""

import hmac
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from protocol import apdu
from protocol.bodies.interface import NAME_SIZE, LoginCredential, LoginCredentialHashed, SecurityOptions
from protocol.bodies.multi_request import MultiRequestItem
from protocol.bodies.scram import IvFrame, ScramChallenge, ScramLogin
from protocol.client.calls import NamedCall, find_call
from protocol.codes import EXPECT_ANYTHING, ResultCode
from protocol.crypto import BLOCK, ZERO_IV, FrameCipher
from protocol.errors import FrameError, IntegrityError, RefusedError, UsageError
from protocol.frames import EncryptedFrame, Request, Response
from protocol.scram import LOGIN_DISABLED_SALT, SALT_SIZE, PasswordKey, password_hash

T = TypeVar("T")
Conversation = Generator[bytes, bytes, T]
Token = Callable[[int], bytes]
"""Makes that many random bytes."""

DEFAULT_IV_REFRESH_PERIOD: Final = 100
"""Encrypted answers between two exchanges of initialization vectors. Source: @iotize/tap 2.7.0."""
MAX_ITERATIONS: Final = 0xFFFF
"""A Tap stores 16 bits, so a challenge with more is not honest, and would keep the client busy for hours."""

_NO_IV_CODES: Final = (ResultCode.NOT_IMPLEMENTED, ResultCode.NOT_FOUND)
_OUTER_SUCCESS: Final = (ResultCode.OK, ResultCode.CONTENT)
_NFC_PAIRING: Final = apdu.NFC_SELECT + apdu.NFC_SELECT_TAIL

_INITIALIZE: Final = find_call("scram.initialize")
_EXCHANGE_IVS: Final = find_call("scram.set_initialization_vector")
_CARRIER: Final = bytes(find_call("scram.send").ask(b""))
"""The request frame that carries an encrypted one, without it."""
_SEND_WITH_IV: Final = find_call("scram.send_with_iv")

_LOGIN_HINTS: Final[dict[int, str]] = {
    ResultCode.NOT_ACCEPTABLE: "wrong user name or password",
    ResultCode.UNAUTHORIZED: "wrong user name or password",
    ResultCode.SERVICE_UNAVAILABLE: "too many failed logins, wait before the next one",
}


class LoginError(RefusedError):
    """The Tap refused a login; `code` is 86 or 81 for wrong credentials, A3 while logins are locked."""

    def __init__(self, refusal: RefusedError, username: str) -> None:
        hint = _LOGIN_HINTS.get(refusal.code, "refused")
        super().__init__(refusal.code, f"login as {username!r}: {hint}")


class IvNotSupportedError(RefusedError):
    """The Tap has no initialization vectors: its firmware is older than 1.86."""

    def __init__(self, code: int) -> None:
        super().__init__(code, "initialization vectors are not supported by this Tap")


@dataclass(frozen=True, slots=True)
class SessionState:
    """Who is logged in, as far as this client knows."""

    group_id: int | None = 0
    """None where it was not read."""
    name: str = "anonymous"
    lifetime: int | None = None
    """Seconds after the last request until the login ends, 0 for never; None where it was not read."""


ANONYMOUS: Final = SessionState()


class Session:
    """Encryption and login of one connection.

    Args:
        token: source of nonces, salts and initialization vectors.
    """

    def __init__(self, token: Token) -> None:
        self._token = token
        self._period = DEFAULT_IV_REFRESH_PERIOD
        self.reset()

    def reset(self) -> None:
        """Back to what a fresh connection is: in clear and anonymous. The refresh period stays."""
        self.state = ANONYMOUS
        self._forget_key()

    def _forget_key(self) -> None:
        self.encrypted = False
        """Whether requests go out encrypted; the key stays while this is off."""
        self._cipher: FrameCipher | None = None
        self._next_id = 0
        self._request_iv = self._answer_iv = ZERO_IV
        self._answers_since_refresh = 0
        self._has_ivs = True

    @property
    def session_key(self) -> bytes | None:
        """Key of the encrypted session, 16 bytes; None before it has one."""
        return None if self._cipher is None else self._cipher.key

    @property
    def initialization_vectors(self) -> tuple[bytes, bytes]:
        """Vectors in use, of requests and of answers; zeros before the first exchange."""
        return self._request_iv, self._answer_iv

    def resume(
        self, key: bytes, request_iv: bytes = ZERO_IV, answer_iv: bytes = ZERO_IV, state: SessionState = ANONYMOUS
    ) -> None:
        """Goes on, encrypted, with a session that was made before: by another client, or over another connection.

        Args:
            key: of that session, 16 bytes.
            request_iv, answer_iv: its initialization vectors.
            state: who is logged in, if that is known.

        Raises:
            UsageError: one of them has another size.
        """
        for name, given in (("session key", key), ("vector of requests", request_iv), ("vector of answers", answer_iv)):
            if len(given) != BLOCK:
                raise UsageError(f"{name} of {len(given)} bytes; expected {BLOCK}")
        self.reset()
        self._set_key(key)
        self._request_iv, self._answer_iv = request_iv, answer_iv
        self.state = state
        self.encrypted = True

    def set_initialization_vector_refresh_period(self, period: int) -> None:
        """How often initialization vectors are renewed: 0 never, 1 with every request, n after n encrypted answers.

        Raises:
            UsageError: it is negative.
        """
        if period < 0:
            raise UsageError(f"a refresh period of {period}; expected 0 for never, or a number of requests")
        self._period = period

    # --- requests -------------------------------------------------------------------------------------------------

    def exchange(self, request: Request) -> Conversation[Response]:
        """Makes a request, encrypted if the session is, and returns the answer whatever its code.

        Raises:
            IntegrityError: the answer is not sound.
            RefusedError: the encrypted frame as such was refused, so that there is no answer to the request.
        """
        if not self.encrypted:
            return (yield from self._exchange_clear(request))
        if self._has_ivs and 1 < self._period <= self._answers_since_refresh:
            with suppress(IvNotSupportedError):
                yield from self.refresh_encryption_initialization_vector()
        return (yield from self._exchange_encrypted(request))

    def request(self, request: Request) -> Conversation[Response]:
        """Makes a request that has to succeed.

        Raises:
            RefusedError: the Tap refused it.
            IntegrityError: the answer is not sound.
        """
        response = yield from self.exchange(request)
        if not response.success:
            raise RefusedError(response.code, str(request))
        return response

    def call(self, call: NamedCall | str, value: object = None, instance: int | None = None) -> Conversation[Any]:
        """Makes a call of the resource table and returns the value of its answer.

        Args:
            call: the call, or its id: ``device.get_serial_number``.
            instance: the group, bundle or variable, where the resource has instances.

        Raises:
            UsageError: no such call, or the value does not fit it.
            RefusedError: the Tap refused it.
            IntegrityError: the answer is not sound.
        """
        call = find_call(call) if isinstance(call, str) else call
        return call.read((yield from self.request(call.ask(value, instance))))

    def multi_request(
        self, requests: Iterable[Request | MultiRequestItem], expected: int = EXPECT_ANYTHING
    ) -> Conversation[list[Response]]:
        """Makes several requests in one frame and returns their answers, refusals too.

        Args:
            expected: result code that a plain `Request` has to have for the next one to be executed.

        Raises:
            RefusedError: the Tap refused the frame as a whole.
            IntegrityError: the answer is not sound, or has not one item for each request.
        """
        items = [each if isinstance(each, MultiRequestItem) else MultiRequestItem(each, expected) for each in requests]
        responses: list[Response] = yield from self.call("interface.execute_multi_request_frame", items)
        if len(responses) != len(items):
            raise IntegrityError(f"{len(responses)} answers to a multi-request of {len(items)}")
        return list(responses)

    def nfc_pairing(self) -> Conversation[None]:
        """Sends the pairing command of NFC hosts.

        Raises:
            IntegrityError: the answer is not exactly 9000.
        """
        answer = yield _NFC_PAIRING
        if apdu.split_answer(answer):
            raise IntegrityError(f"answer {answer.hex()} to the pairing command instead of 9000")

    # --- login ----------------------------------------------------------------------------------------------------

    def login(self, username: str, password: str, refresh_session_state: bool = True) -> Conversation[SessionState]:
        """Logs in as the Tap's security options ask for; a SCRAM login switches encryption on.

        Args:
            refresh_session_state: read group and lifetime of the login afterwards.

        Raises:
            LoginError: the Tap refused it.
            IntegrityError: the Tap could not prove that it knows the user, or an answer is not sound.
        """
        if len(username) > NAME_SIZE:
            raise UsageError(f"user name {username!r} is longer than {NAME_SIZE} characters")
        options: SecurityOptions = yield from self.call("interface.get_security_options")
        try:
            if options.scram_activated:
                yield from self._login_with_proof(username, password)
            elif options.hash_password:
                hashed = LoginCredentialHashed(username, password_hash(password))
                yield from self.call("interface.login_with_hash", hashed)
            elif len(password) > NAME_SIZE or max(password, default="") > "\xff":
                raise UsageError(f"a password in clear has at most {NAME_SIZE} characters, one byte each")
            else:
                yield from self.call("interface.login", LoginCredential(username, password))
        except RefusedError as refusal:
            raise LoginError(refusal, username) from refusal
        self.state = SessionState(None, username)
        if refresh_session_state:
            group_id = yield from self.call("interface.get_current_group_id")
            lifetime = yield from self.call("group.get_session_lifetime", instance=group_id)
            self.state = SessionState(group_id, username, lifetime)
        return self.state

    def _login_with_proof(self, username: str, password: str) -> Conversation[None]:
        nonce = int.from_bytes(self._token(4), "big")
        challenge: ScramChallenge = yield from self.call("scram.login", ScramLogin(username, nonce))
        if not 1 <= challenge.iterations <= MAX_ITERATIONS:
            raise IntegrityError(f"challenge of {challenge.iterations} iterations; expected 1..{MAX_ITERATIONS}")
        if challenge.salt == LOGIN_DISABLED_SALT:
            raise IntegrityError("challenge with a salt of zeros, which stands for no login")
        key = PasswordKey.derive(password_hash(password), challenge.salt, challenge.iterations)
        nonces = nonce, challenge.server_nonce
        proof = yield from self.call("scram.login_proof", key.client_proof(*nonces))
        if not hmac.compare_digest(proof, key.server_proof(*nonces)):
            raise IntegrityError(f"the Tap's proof is wrong: it does not know the keys of {username!r}")
        self._set_key(key.session_key(*nonces))
        self.encrypted = True

    def logout(self) -> Conversation[None]:
        """Ends the login; key and initialization vectors are forgotten and the session goes on in clear.

        Raises:
            RefusedError: the Tap refused it; nothing has changed then.
        """
        yield from self.call("interface.logout")
        self.reset()

    def change_password(self, new_password: str, group_id: int | None = None) -> Conversation[None]:
        """Replaces the password of a group in the form that the Tap's security options ask for.

        Args:
            group_id: None for the group that is logged in.

        Raises:
            RefusedError: the Tap refused it.
        """
        if group_id is None:
            group_id = yield from self.call("interface.get_current_group_id")
        options: SecurityOptions = yield from self.call("interface.get_security_options")
        if options.scram_activated:
            iterations: int = yield from self.call("scram.get_hash_iteration")
            key = PasswordKey.derive(password_hash(new_password), self._new_salt(), iterations)
            yield from self.call("group.change_password_key", bytes(key), group_id)
        elif options.hash_password:
            yield from self.call("group.change_password_key", password_hash(new_password), group_id)
        else:
            yield from self.call("group.change_password", new_password, group_id)

    def _new_salt(self) -> bytes:
        salt = self._token(SALT_SIZE)
        return b"\x01" + salt[1:] if salt[0] == 0 else salt  # as the vendor's client: zeros would disable the login

    # --- encryption -----------------------------------------------------------------------------------------------

    def encryption(self, enabled: bool, reset_session_key: bool = False) -> Conversation[None]:
        """Switches encryption on or off.

        On: asks for a session key, in clear, if there is none or it has to be reset, and exchanges initialization
        vectors unless the refresh period is 0; with a key at hand it just goes on. Off: later requests go out in
        clear; the key stays for the next time unless it has to be reset.

        Raises:
            RefusedError: the Tap refused a key or the vectors (old firmware without vectors is no error).
            IntegrityError: an answer is not sound.
        """
        if reset_session_key or (enabled and self._cipher is None):
            self._forget_key()
        if enabled and self._cipher is None:
            self._set_key((yield from self.call(_INITIALIZE)))
            if self._period > 0:
                with suppress(IvNotSupportedError):
                    yield from self.refresh_encryption_initialization_vector()
        self.encrypted = enabled

    def refresh_encryption_initialization_vector(self) -> Conversation[None]:
        """Exchanges initialization vectors now; they hold from the next request.

        Raises:
            IvNotSupportedError: the Tap has none.
            RefusedError: the Tap refused the exchange.
        """
        self._answers_since_refresh = 0  # the exchange itself must not ask for an exchange
        request_iv = self._token(BLOCK)
        try:
            self._answer_iv = yield from self.call(_EXCHANGE_IVS, request_iv)
        except RefusedError as refusal:
            if refusal.code not in _NO_IV_CODES:
                raise
            self._has_ivs = False
            raise IvNotSupportedError(refusal.code) from refusal
        self._request_iv = request_iv
        self._answers_since_refresh = 0

    def _set_key(self, key: bytes) -> None:
        self._cipher = FrameCipher(key)
        self._next_id = 0

    # --- frames ---------------------------------------------------------------------------------------------------

    def _exchange_clear(self, request: Request) -> Conversation[Response]:
        answer = yield apdu.build_request(bytes(request))
        return _read_response(answer)

    def _exchange_encrypted(self, request: Request) -> Conversation[Response]:
        if self._period == 1 and self._has_ivs:
            try:
                return (yield from self._exchange_with_iv(request))
            except RefusedError as refusal:
                if refusal.code not in _NO_IV_CODES:
                    raise
                self._has_ivs = False
        cipher, frame = self._next_frame(request)
        ciphertext = cipher.encrypt(self._request_iv, frame.plaintext())
        outer = yield from self._carry(_CARRIER + ciphertext, request)
        return self._open(cipher, self._answer_iv, outer.body, frame.id)

    def _exchange_with_iv(self, request: Request) -> Conversation[Response]:
        cipher, frame = self._next_frame(request)
        iv = self._token(BLOCK)
        carrier = _SEND_WITH_IV.ask(IvFrame(iv, cipher.encrypt(iv, frame.plaintext())))
        sealed: IvFrame = _SEND_WITH_IV.read((yield from self._carry(bytes(carrier), request)))
        response = self._open(cipher, sealed.iv, sealed.ciphertext, frame.id)
        self._request_iv, self._answer_iv = iv, sealed.iv
        return response

    def _next_frame(self, request: Request) -> tuple[FrameCipher, EncryptedFrame]:
        if self._cipher is None:
            raise UsageError("encryption is on without a session key")
        frame = EncryptedFrame(self._next_id, bytes(request))
        self._next_id = (self._next_id + 1) & 0xFFFF
        return self._cipher, frame

    def _carry(self, carrier: bytes, request: Request) -> Conversation[Response]:
        """Exchanges encrypted frames. The outer code is not protected, so it may say two things only."""
        outer = _read_response((yield apdu.build_request(carrier)))
        if not outer.success and not outer.body:
            raise RefusedError(outer.code, f"encrypted frame with {request}")
        if outer.code not in _OUTER_SUCCESS:
            raise IntegrityError(f"outer code 0x{outer.code:02X} around {len(outer.body)} bytes of an encrypted answer")
        self._answers_since_refresh += 1
        return outer

    @staticmethod
    def _open(cipher: FrameCipher, iv: bytes, ciphertext: bytes, id: int) -> Response:
        if not ciphertext or len(ciphertext) % BLOCK:
            raise IntegrityError(f"ciphertext of {len(ciphertext)} bytes; expected a multiple of {BLOCK}")
        try:
            frame = EncryptedFrame.from_plaintext(cipher.decrypt(iv, ciphertext))
        except FrameError as error:
            raise IntegrityError(f"encrypted answer: {error}") from error
        if frame.id != id:
            raise IntegrityError(f"encrypted answer to frame {frame.id}, sent was {id}")
        return _read_response(frame.payload)


def _read_response(answer: bytes) -> Response:
    try:
        return Response.from_bytes(apdu.split_answer(answer))
    except FrameError as error:
        raise IntegrityError(str(error)) from error

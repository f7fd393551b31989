"""Understands one connection between a client and a Tap, encrypted or not, from its bytes alone.

The rules of keys and initialization vectors (IVs) are those of `emulator.sessions`. An eavesdropper may not know all
that the two sides know, so it tries a few vectors more before it gives up; the CRC of a frame says whether it is right.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from emulator.exchange import Carrier
from protocol import apdu
from protocol.bodies.interface import NAME_SIZE
from protocol.bodies.multi_request import MULTI_REQUEST, MULTI_RESPONSE
from protocol.bodies.scram import SCRAM_CHALLENGE, SCRAM_LOGIN, ScramChallenge, ScramLogin
from protocol.codes import is_success
from protocol.crypto import BLOCK, FrameCipher
from protocol.errors import FrameError, IntegrityError, PeerError, ProtocolError
from protocol.frames import EncryptedFrame, Request, Response
from protocol.resources.registry import find_entry
from protocol.scram import KEY_SIZE
from scenarios.recording.cutting import Cutter, Exchange
from scenarios.recording.keyring import ZERO_IVS, Ivs, Keyring

_TEXT: Final = range(0x20, 0x7F)


class Heard(NamedTuple):
    """One exchange, as far as it could be understood."""

    time: float
    """When it was asked, in seconds."""
    answered: float | None
    """When the answer was complete; None if none came."""
    carrier: Carrier
    raw_request: bytes
    """As sent; empty where the Tap sent something that nobody had asked for."""
    raw_answer: bytes
    request: Request | None
    """In clear; None if it was no request, or could not be opened."""
    response: Response | None
    """In clear; None if there was none, or it could not be opened. To a carrier that was refused: its refusal."""
    call: str | None
    """Id of the call: ``device.get_serial_number``."""
    note: str | None = None
    """Why something is missing."""
    opened: bool = True
    """False if it was encrypted and could not be opened."""
    key_known: bool = True
    """False after a login whose session key stays unknown, since the password is not known."""


class Eavesdropper:
    """Listens to one connection. Times are in seconds and go forward.

    Args:
        keyring: passwords, and what was learned from other connections.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._cutter = Cutter()
        self._cipher: FrameCipher | None = None
        self._ivs: Ivs = ZERO_IVS
        self._challenge: tuple[ScramLogin, ScramChallenge] | None = None
        self._missing = "the session key was made before the recording, or by a login whose password is not known"

    def host(self, time: float, data: bytes) -> list[Heard]:
        """The host sent bytes; returns the exchanges that are over by that."""
        return self._understand(self._cutter.host(time, data))

    def tap(self, time: float, data: bytes) -> list[Heard]:
        """The Tap sent bytes."""
        return self._understand(self._cutter.tap(time, data))

    @property
    def settled(self) -> bool:
        """Whether a whole answer seems to be there; `settle` then takes it for whole."""
        return self._cutter.settled

    def settle(self) -> list[Heard]:
        """The line was silent for a while."""
        return self._understand(self._cutter.settle())

    def end(self, time: float) -> list[Heard]:
        """The connection is over."""
        heard = self._understand(self._cutter.end(time))
        if self._cipher is not None:
            self._keyring.remember(self._cipher, self._ivs)
        return heard

    # --- one exchange

    def _understand(self, exchanges: Iterable[Exchange]) -> list[Heard]:
        return [self._hear(exchange) for exchange in exchanges]

    def _hear(self, exchange: Exchange) -> Heard:
        heard = Heard(exchange.asked, exchange.answered, Carrier.CLEAR, exchange.request, exchange.answer, *_NOTHING)
        if not exchange.request:
            return heard._replace(note="the Tap sent bytes that nobody had asked for")
        if exchange.cut:
            return heard._replace(note=f"the connection ended after {len(exchange.request)} bytes of a request")
        request, problem = _read_request(exchange.request)
        response, answer_problem = _read_answer(exchange.answer)
        if request is None:
            return heard._replace(note=problem)
        entry = find_entry(request.method, request.path)
        if entry is not None and entry.call.carries:
            with_iv = entry.call.name == "send_with_iv"
            carrier = Carrier.ENCRYPTED_WITH_IV if with_iv else Carrier.ENCRYPTED
            return self._hear_encrypted(heard._replace(carrier=carrier), request, response, answer_problem)
        heard = heard._replace(request=request, response=response, call=_name(request), note=answer_problem)
        return self._learned(heard, encrypted=False)

    def _hear_encrypted(
        self, heard: Heard, outer: Request, answer: Response | None, answer_problem: str | None
    ) -> Heard:
        with_iv = heard.carrier is Carrier.ENCRYPTED_WITH_IV
        sealed = outer.body[BLOCK:] if with_iv else outer.body
        own_iv = outer.body[:BLOCK] if with_iv else None
        found = self._open_request(sealed, own_iv)
        if found is None:
            problem = self._missing if self._cipher is None else "neither key nor initialization vectors fit"
            refused = answer if answer is not None and not answer.success else None
            return heard._replace(response=refused, note=answer_problem or problem, opened=False)
        cipher, ivs, request = found
        heard = heard._replace(request=request, call=_name(request), note=answer_problem)
        if answer is None:
            return heard
        if not answer.success and not answer.body:
            return heard._replace(response=answer, note="the encrypted frame as such was refused")
        if with_iv and len(answer.body) >= BLOCK:
            ivs = (outer.body[:BLOCK], answer.body[:BLOCK])
            self._ivs = ivs
        response = _open_answer(cipher, ivs, answer.body[BLOCK:] if with_iv else answer.body)
        if response is None:
            return heard._replace(note="the encrypted answer could not be opened")
        return self._learned(heard._replace(response=response), encrypted=True)

    def _open_request(self, sealed: bytes, own_iv: bytes | None) -> tuple[FrameCipher, Ivs, Request] | None:
        for cipher, ivs in self._candidates():
            request_iv = ivs[0] if own_iv is None else own_iv
            frame = _open(cipher, request_iv, sealed)
            if frame is None:
                continue
            try:
                request = Request.from_bytes(frame.payload)
            except FrameError:
                continue
            self._cipher, self._ivs = cipher, ivs
            return cipher, ivs, request
        return None

    def _candidates(self) -> Iterator[tuple[FrameCipher, Ivs]]:
        if self._cipher is not None:
            # Zero too: after a SCRAM login in clear the first frame decides.
            yield from ((self._cipher, ivs) for ivs in dict.fromkeys([self._ivs, ZERO_IVS]))
        yield from self._keyring.sessions

    # --- what an exchange changes

    def _learned(self, heard: Heard, *, encrypted: bool) -> Heard:
        request, response = heard.request, heard.response
        if request is None or response is None or not response.success:
            return heard
        known = True
        for each, answer, call in _inner(request, response, heard.call):
            known &= self._learn(each, answer, call, encrypted)
        return heard._replace(key_known=known)

    def _learn(self, request: Request, response: Response, call: str | None, encrypted: bool) -> bool:
        """What one request changes; False if that stays unknown."""
        body, answer = request.body, response.body
        match call:
            case "scram.initialize" if len(answer) == KEY_SIZE:
                self._cipher = FrameCipher(answer)
                if not encrypted:
                    self._ivs = ZERO_IVS
            case "scram.set_initialization_vector" if len(body) == len(answer) == BLOCK:
                self._ivs = (body, answer)
            case "scram.stop":
                self._cipher, self._ivs = None, ZERO_IVS
                self._missing = "the encrypted session was stopped"
            case "scram.login":
                self._challenge = _challenge(body, answer)
            case "scram.login_proof":
                return self._learn_login(body)
            case _:
                self._learn_password(body, call)
        return True

    def _learn_password(self, body: bytes, call: str | None) -> None:
        match call:
            case "interface.login":
                self._keyring.learn_password(body[NAME_SIZE:].rstrip(b"\0").decode("latin-1"))
            case "interface.login_with_hash":
                self._keyring.learn_secret(body[-KEY_SIZE:])
            case "group.change_password_key":
                self._keyring.learn_secret(body)
            case "group.change_password":
                self._keyring.learn_password(body.decode("latin-1"))

    def _learn_login(self, proof: bytes) -> bool:
        challenge, self._challenge = self._challenge, None
        key = None if challenge is None else self._keyring.session_key(*challenge, proof)
        if key is None:
            user = "somebody" if challenge is None else repr(challenge[0].username)
            self._cipher = None
            self._missing = f"{user} logged in with a password that is not known"
            return False
        self._cipher = FrameCipher(key)
        return True


_NOTHING: Final = (None, None, None)


def _read_request(raw: bytes) -> tuple[Request | None, str | None]:
    match next(iter(apdu.RequestReader(0xFF).feed(raw)), None):
        case apdu.Request(frame):
            return Request.from_bytes(frame), None
        case apdu.Rejected(_, reason):
            return None, f"not a request: {reason}"
        case _:
            return None, "pairing command of NFC"


def _read_answer(raw: bytes) -> tuple[Response | None, str | None]:
    if not raw:
        return None, "no answer"
    try:
        return Response.from_bytes(apdu.split_answer(raw)), None
    except (IntegrityError, PeerError) as error:
        return None, f"not an answer: {error}"


def _open(cipher: FrameCipher, iv: bytes, sealed: bytes) -> EncryptedFrame | None:
    if not sealed or len(sealed) % BLOCK or len(iv) != BLOCK:
        return None
    try:
        return EncryptedFrame.from_plaintext(cipher.decrypt(iv, sealed))
    except FrameError:
        return None


def _open_answer(cipher: FrameCipher, ivs: Ivs, sealed: bytes) -> Response | None:
    for _, answer_iv in dict.fromkeys([ivs, ZERO_IVS]):
        if (frame := _open(cipher, answer_iv, sealed)) is not None:
            return _read_answer(frame.payload)[0]
    return None


def _challenge(body: bytes, answer: bytes) -> tuple[ScramLogin, ScramChallenge] | None:
    try:
        return SCRAM_LOGIN.decode(body), SCRAM_CHALLENGE.decode(answer)
    except PeerError:
        return None


def _inner(request: Request, response: Response, call: str | None) -> Iterator[tuple[Request, Response, str | None]]:
    """The requests of a multi-request that succeeded, or the request itself."""
    if call != "interface.execute_multi_request_frame":
        yield request, response, call
        return
    try:
        items, answers = MULTI_REQUEST.decode(request.body), MULTI_RESPONSE.decode(response.body)
    except ProtocolError:
        return
    for item, answer in zip(items, answers, strict=False):
        if is_success(answer.code):
            yield item.request, answer, _name(item.request)


def _name(request: Request) -> str | None:
    """The call that a request makes, in the form that its body has."""
    entry = find_entry(request.method, request.path)
    if entry is None:
        return None
    password = request.body[-KEY_SIZE:] if entry.id == "interface.login_with_hash" else request.body
    forms = {"interface.login_with_hash": "interface.login", "group.change_password_key": "group.change_password"}
    if entry.id in forms and _is_text(password) and (entry.id in _LOGINS or len(password) < KEY_SIZE):
        return forms[entry.id]
    return entry.id


_LOGINS: Final = frozenset({"interface.login_with_hash"})


def _is_text(data: bytes) -> bool:
    text = data.rstrip(b"\0")
    return bool(text) and all(byte in _TEXT for byte in text)

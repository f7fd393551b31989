"""The SCRAM service: login with proofs, session keys, initialization vectors, encrypted frames."""

import hmac

from emulator import credentials
from emulator.blueprint import Quirk
from emulator.exchange import Carrier, Exchange
from emulator.services import login
from emulator.services.binding import handles
from emulator.sessions import Challenge, Event, IvPair
from protocol.apdu import build_answer
from protocol.bodies.scram import IvFrame, ScramChallenge, ScramLogin
from protocol.codes import HostProtocol, ResultCode
from protocol.crypto import BLOCK
from protocol.errors import PeerError
from protocol.frames import FRAME_OVERHEAD, EncryptedFrame, Request

_STATUS_WORD_SIZE = 2


@handles("scram.login")
def start_login(exchange: Exchange, request: ScramLogin) -> ScramChallenge:
    """An unknown user gets a challenge too, and learns nothing from it (decision D5)."""
    _require_scram(exchange)
    iterations: int = exchange.state["scram.hash_iteration"]
    salt = login.salt_of(exchange, request.username)
    group_id = login.find_user(exchange, request.username)
    kept = None if group_id is None else exchange.state.groups[group_id].password
    key = credentials.scram_key(kept, salt, iterations)
    server_nonce = int.from_bytes(exchange.device.entropy.token(4), "big")
    exchange.session.challenge = Challenge(request, server_nonce, group_id, key)
    return ScramChallenge(server_nonce, salt if key is None else key.salt, iterations)


@handles("scram.login_proof")
def finish_login(exchange: Exchange, client_proof: bytes) -> bytes:
    """The answer still goes under the old key; the new one holds from the next frame."""
    _require_scram(exchange)
    challenge = exchange.session.challenge
    if challenge is None:
        raise PeerError("a proof without a challenge", ResultCode.NOT_ACCEPTABLE)
    key, nonces = challenge.key, (challenge.login.client_nonce, challenge.server_nonce)
    group_id = challenge.group_id if challenge.group_id in exchange.state.groups else None
    if key is None or group_id is None or not hmac.compare_digest(client_proof, key.client_proof(*nonces)):
        login.fail(exchange, f"wrong user name or password of {challenge.login.username!r}")
    login.succeed(exchange, group_id)
    event = Event.KEY_ENCRYPTED if exchange.encrypted else Event.LOGIN_IN_CLEAR
    exchange.session.set_key(key.session_key(*nonces), event)
    return key.server_proof(*nonces)


def _require_scram(exchange: Exchange) -> None:
    lenient = Quirk.LENIENT_LOGIN in exchange.rules.quirks
    if not exchange.state["interface.security_options"].scram_activated and not lenient:
        raise PeerError("SCRAM logins are not enabled", ResultCode.RESOURCE_LOCKED)


@handles("scram.initialize")
def initialize(exchange: Exchange, _: None) -> bytes:
    """A new session key; the login is unchanged (D9), but for an anonymous host on NFC, which may get one."""
    key = exchange.device.entropy.token(BLOCK)
    exchange.session.set_key(key, Event.KEY_ENCRYPTED if exchange.encrypted else Event.KEY_IN_CLEAR)
    profile = exchange.state.groups.get(exchange.state["interface.nfc_autolog_profile_id"])
    if profile is not None and exchange.connection.protocol == HostProtocol.NFC and not exchange.session.logged_in:
        exchange.session.log_in(exchange.state["interface.nfc_autolog_profile_id"], profile.lifetime)
    return key


@handles("scram.stop")
def stop(exchange: Exchange, _: None) -> bytes:
    """The login stays (OQ70)."""
    exchange.session.stop_encryption()
    return b""


@handles("scram.set_initialization_vector")
def set_initialization_vector(exchange: Exchange, client_iv: bytes) -> bytes:
    """Both vectors hold from the next frame; this answer still has the old one (D9)."""
    device_iv = exchange.device.entropy.token(BLOCK)
    exchange.session.set_ivs(IvPair(client_iv, device_iv))
    return device_iv


@handles("scram.get_random")
def get_random(exchange: Exchange, _: bytes) -> int:
    """What old firmware answers to a client that asks for an initialization vector (D1)."""
    return int.from_bytes(exchange.device.entropy.token(4), "big")


@handles("scram.send")
def send(exchange: Exchange, ciphertext: bytes) -> bytes:
    """Requests and answers are encrypted with the vectors that were agreed."""
    return _carry(exchange, ciphertext, Carrier.ENCRYPTED)


@handles("scram.send_with_iv")
def send_with_iv(exchange: Exchange, request: IvFrame) -> IvFrame:
    """Request and answer bring their own vectors, which are then the agreed ones."""
    answer_iv = exchange.device.entropy.token(BLOCK)
    ciphertext = _carry(exchange, request.ciphertext, Carrier.ENCRYPTED_WITH_IV, IvPair(request.iv, answer_iv))
    return IvFrame(answer_iv, ciphertext)


def _carry(exchange: Exchange, ciphertext: bytes, carrier: Carrier, own: IvPair | None = None) -> bytes:
    if exchange.encrypted or exchange.in_multi_request:
        raise PeerError("an encrypted frame inside another request")
    session = exchange.session
    frame = session.open_frame(ciphertext, None if own is None else own.request)
    request = Request.from_bytes(frame.payload)
    _check_counter(exchange, frame.id)
    if own is not None:
        session.set_ivs(own)
    cipher, answer_iv = session.cipher, session.ivs.answer
    assert cipher is not None
    room = _room(exchange, 0 if own is None else BLOCK)
    tampering = exchange.tampering
    inner = Exchange(exchange.device, exchange.connection, request, room, carrier, tampering=tampering)
    response = bytes(exchange.device.execute(inner))
    if tampering is not None:
        return tampering.seal(cipher, answer_iv, frame.id, response)
    return cipher.encrypt(answer_iv, EncryptedFrame(frame.id, build_answer(response)).plaintext())


def _room(exchange: Exchange, iv_size: int) -> int:
    largest = min(exchange.rules.max_ciphertext, exchange.room - 1 - iv_size)
    return largest - largest % BLOCK - FRAME_OVERHEAD - _STATUS_WORD_SIZE


def _check_counter(exchange: Exchange, frame_id: int) -> None:
    session = exchange.session
    last, session.frame_id = session.frame_id, frame_id
    if Quirk.STRICT_FRAME_COUNTER not in exchange.rules.quirks or last is None:
        return
    if frame_id not in (0, 1, (last + 1) & 0xFFFF):
        session.frame_id = last
        raise PeerError(f"frame id {frame_id} after {last}")

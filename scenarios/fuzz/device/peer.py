"""The client's half of a session: it wraps requests, spoiled or not, and reads what the Tap answers."""

from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from emulator.exchange import Carrier
from emulator.sessions import Session
from protocol.apdu import CLASS, HEADER_SIZE, INS_GET, INS_WRITE, NFC_SELECT, NFC_SELECT_TAIL, SHORTEST_FRAME
from protocol.codes import NO_INSTANCE, Method
from protocol.crypto import BLOCK, ZERO_IV, FrameCipher, crc32_mpeg2
from protocol.errors import FrameError
from protocol.frames import FRAME_OVERHEAD, EncryptedFrame, Request, Response
from protocol.paths import Path
from protocol.resources.registry import Entry, find_entry

_OK: Final = b"\x90\x00"
_MOST_ANSWER: Final = 252
"""Bytes of the longest answer: frame and status word."""
_CARRIERS: Final = {
    Carrier.ENCRYPTED: Path(1024, NO_INSTANCE, 48),
    Carrier.ENCRYPTED_WITH_IV: Path(1024, NO_INSTANCE, 44),
}
_UNFOLLOWED: Final = ("interface.execute_multi_request_frame", "scram.login_proof")
_UNFOLLOWED_SERVICES: Final = ("single_packet",)
"""Whose success may have changed the session in ways that only the Tap knows."""


class Who(Enum):
    """Whose session a request belongs to."""

    ANONYMOUS = "anonymous"
    KEYED = "anonymous, with a session key"
    USER = "logged in"


@dataclass(frozen=True, slots=True)
class Header:
    """The five bytes before a frame, and how much of it follows.

    Args:
        ins: None fits the method.
        lc: added to the length byte.
        cut: bytes that are missing at the end.
        tail: bytes after the end.
    """

    cla: int = CLASS
    ins: int | None = None
    p1: int = 0
    p2: int = 0
    lc: int = 0
    cut: int = 0
    tail: bytes = b""


@dataclass(frozen=True, slots=True)
class Seal:
    """How an encrypted frame goes wrong.

    Args:
        id: added to the frame id.
        length: added to the length of the payload; the CRC is right.
        padding: XORed into the last byte before the CRC; the CRC is right.
        crc: XORed into the CRC.
        iv, key: what it is encrypted with in place of what was agreed.
        cut: bytes of the ciphertext that are missing at its end.
        tail: bytes after the ciphertext.
    """

    id: int = 0
    length: int = 0
    padding: int = 0
    crc: int = 0
    iv: bytes | None = None
    key: bytes | None = None
    cut: int = 0
    tail: bytes = b""

    def forges(self, plain: bytes) -> bool:
        """Whether no Tap may take it for a frame. With a wrong id it may, and with a length that fits all the same.

        Args:
            plain: the spoiled frame before its encryption.
        """
        if self.crc or self.cut or self.tail or self.iv or self.key:
            return True
        length = int.from_bytes(plain[2:4], "big")
        size = length + FRAME_OVERHEAD + -(length + FRAME_OVERHEAD) % BLOCK
        return size != len(plain) or any(plain[4 + length : -4])


@dataclass(frozen=True, slots=True)
class Probe:
    """One request, and all that is wrong with it.

    Args:
        frame: the request frame, in clear.
        words: for people.
        raw: it is sent as it is, without any envelope.
    """

    frame: bytes
    words: str
    carrier: Carrier = Carrier.CLEAR
    header: Header = field(default_factory=Header)
    seal: Seal = field(default_factory=Seal)
    raw: bool = False

    @property
    def request(self) -> Request | None:
        """What it asks; None if the frame is too short to ask anything."""
        try:
            return None if self.raw else Request.from_bytes(self.frame)
        except FrameError:
            return None

    @property
    def entry(self) -> Entry | None:
        """Row of the call in the table."""
        return None if self.raw else _entry_of(self.frame[:SHORTEST_FRAME])

    @property
    def call(self) -> str | None:
        """Id of the call."""
        entry = self.entry
        return None if entry is None else entry.id


class Reading(NamedTuple):
    """What an answer says.

    Args:
        code: None for a bare status word.
        fault: why it is no sound answer; empty if it is one.
        forgery: a frame that no Tap may take was taken.
    """

    code: int | None
    body: bytes = b""
    fault: str = ""
    forgery: bool = False

    @property
    def refused(self) -> bool:
        """It says no."""
        return not self.fault and (self.code is None or self.code >= 0x80)


class Peer:
    """Keys, vectors and counter of one connection, as a client knows them."""

    def __init__(self) -> None:
        self.cipher: FrameCipher | None = None
        self.request_iv = self.answer_iv = ZERO_IV
        self.next_id = 0
        self.sure = True
        """The Tap has the same keys, as far as a client can know."""
        self._forged = False
        """No Tap may take the last sealed request."""

    def adopt(self, key: bytes | None, request_iv: bytes, answer_iv: bytes, next_id: int = 0) -> None:
        """Goes on with keys that are known from elsewhere."""
        self.cipher = None if key is None else _cipher(key)
        self.request_iv, self.answer_iv = request_iv, answer_iv
        self.next_id = next_id
        self.sure = True

    def adopt_session(self, session: Session) -> None:
        """Goes on with the keys of a Tap in this process."""
        self.adopt(None if session.cipher is None else session.cipher.key, *session.ivs, self.next_id)

    # --- requests

    def wrap(self, probe: Probe) -> bytes:
        """The bytes to send."""
        if probe.raw:
            return probe.frame
        if probe.carrier is Carrier.CLEAR or self.cipher is None:
            return _envelope(probe.header, probe.frame)
        return _envelope(probe.header, self._sealed(self.cipher, probe))

    def _sealed(self, cipher: FrameCipher, probe: Probe) -> bytes:
        seal = probe.seal
        plain = EncryptedFrame(self.next_id + seal.id, probe.frame).plaintext()
        self.next_id = (self.next_id + 1) & 0xFFFF
        plain = _spoiled(plain, seal)
        self._forged = seal.forges(plain)
        sealing = cipher if seal.key is None else FrameCipher(seal.key)
        with_iv = probe.carrier is Carrier.ENCRYPTED_WITH_IV
        told = crc32_mpeg2(plain).to_bytes(4, "big") * 4 if with_iv else self.request_iv
        ciphertext = sealing.encrypt(told if seal.iv is None else seal.iv, plain)
        body = ciphertext[: len(ciphertext) - seal.cut] + seal.tail
        return bytes(Request(Method.GET, _CARRIERS[probe.carrier], told + body if with_iv else body))

    # --- answers

    def read(self, probe: Probe, sent: bytes, answer: bytes) -> Reading:
        """What an answer says; keys and vectors are followed.

        Args:
            sent: the bytes that `wrap` has made.
        """
        sealed = probe.carrier is not Carrier.CLEAR and self.cipher is not None and not probe.raw
        outer = _read(answer)
        if outer.fault or outer.refused or not sealed:
            if not sealed and not probe.raw and not outer.fault and not outer.refused:
                self._follow(probe, outer.body, in_clear=True)
            return outer
        if not self.sure:
            return outer
        if self._forged:
            return outer._replace(forgery=True)
        inner = self._opened(probe, sent, outer.body)
        if not inner.fault and not inner.refused:
            self._follow(probe, inner.body, in_clear=False)
        return inner

    def _opened(self, probe: Probe, sent: bytes, sealed: bytes) -> Reading:
        assert self.cipher is not None
        iv, ciphertext = self.answer_iv, sealed
        if probe.carrier is Carrier.ENCRYPTED_WITH_IV:
            iv, ciphertext = sealed[:BLOCK], sealed[BLOCK:]
            at = HEADER_SIZE + 7
            self.request_iv, self.answer_iv = sent[at : at + BLOCK], iv
        if not ciphertext or len(ciphertext) % BLOCK or len(iv) != BLOCK:
            return Reading(None, fault=f"ciphertext of {len(ciphertext)} bytes, expected whole blocks of {BLOCK}")
        try:
            frame = EncryptedFrame.from_plaintext(self.cipher.decrypt(iv, ciphertext))
        except FrameError as error:
            return Reading(None, fault=f"sealed answer: {error}")
        expected = (self.next_id - 1 + probe.seal.id) & 0xFFFF
        if frame.id != expected:
            return Reading(None, fault=f"sealed answer to frame {frame.id}, sent was {expected}")
        return _read(frame.payload)

    def _follow(self, probe: Probe, body: bytes, *, in_clear: bool) -> None:
        """What a success means for the session."""
        call = probe.call or ""
        if call == "scram.initialize":
            self.cipher = FrameCipher(body) if len(body) == BLOCK else None
            self.next_id = 0
            if in_clear:
                self.request_iv = self.answer_iv = ZERO_IV
        elif call in ("scram.set_initialization_vector", "scram.get_random") and len(body) == BLOCK:
            self.request_iv, self.answer_iv = probe.frame[7:], body
        elif call == "scram.stop":
            self.cipher = None
        elif call in _UNFOLLOWED or call.partition(".")[0] in _UNFOLLOWED_SERVICES:
            self.sure = False


@lru_cache(maxsize=4096)
def _entry_of(head: bytes) -> Entry | None:
    try:
        request = Request.from_bytes(head)
    except FrameError:
        return None
    return find_entry(request.method, request.path)


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> FrameCipher:
    return FrameCipher(key)


def _read(answer: bytes) -> Reading:
    if len(answer) < 2 or len(answer) > _MOST_ANSWER:
        return Reading(None, fault=f"answer of {len(answer)} bytes, expected 2 to {_MOST_ANSWER}")
    if len(answer) == 2 and (answer[0] >> 4 == 0x6 or answer == _OK):
        return Reading(None)
    if not answer.endswith(_OK):
        return Reading(None, fault=f"answer ends with {answer[-2:].hex()}, expected 9000")
    response = Response.from_bytes(answer[:-2])
    return Reading(response.code, response.body)


def _envelope(header: Header, frame: bytes) -> bytes:
    ins = header.ins
    if ins is None:
        ins = INS_GET if frame[:1] == b"\1" else INS_WRITE
    length = (len(frame) + header.lc) & 0xFF
    sent = frame[: max(len(frame) - header.cut, 0)] + header.tail
    return bytes((header.cla, ins, header.p1, header.p2, length)) + sent


def _spoiled(plain: bytes, seal: Seal) -> bytes:
    checked, crc = plain[:-4], int.from_bytes(plain[-4:], "big")
    if seal.length or seal.padding:
        length = (int.from_bytes(checked[2:4], "big") + seal.length) & 0xFFFF
        checked = checked[:2] + length.to_bytes(2, "big") + checked[4:-1] + bytes((checked[-1] ^ seal.padding,))
        crc = crc32_mpeg2(checked)
    return checked + (crc ^ seal.crc).to_bytes(4, "big")


def envelopes(stream: bytes) -> tuple[list[bytes], bytes]:
    """The complete envelopes of a stream, each of which has an answer, and the beginning of one that is not.

    Cut by the book: five bytes and as many as the fifth says, or the pairing command with or without its tail.
    """
    found = []
    while len(stream) >= HEADER_SIZE and len(stream) >= HEADER_SIZE + stream[4]:
        size = HEADER_SIZE + stream[4]
        if stream[:size] == NFC_SELECT:
            tail = stream[size : size + len(NFC_SELECT_TAIL)]
            if len(tail) < len(NFC_SELECT_TAIL) and NFC_SELECT_TAIL.startswith(tail):
                break
            size += len(NFC_SELECT_TAIL) * (tail == NFC_SELECT_TAIL)
        found.append(stream[:size])
        stream = stream[size:]
    return found, stream

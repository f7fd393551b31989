"""A client of a Tap in one file, right as it stands, with defects that can be switched on.

It knows nothing of the emulator: it is what somebody might write for an application. It reads the security options,
logs in with SCRAM (or encrypts without a login), changes the initialization vectors every few requests, and reads what
there is to read. What it has read and what went wrong it says in lines of JSON::

    client.py tcp://127.0.0.1:2000 --defects crc-ignored,proof-not-compared
    client.py --persistent --reconnect --calls serial,name

Each defect is a mistake of a few lines that somebody makes. `--defects list` shows them.
"""

import argparse
import hashlib
import hmac
import json
import os
import select
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class Defect(NamedTuple):
    """One planted mistake.

    Args:
        depth: what it takes to see it: ``1 fault``, ``session`` (a moment of it), ``2 faults``, ``long session``.
        verdict: what a fuzzer should say.
        what: the mistake.
    """

    depth: str
    verdict: str
    what: str


DEFECTS: Final = {
    # the connection
    "partial-hang": Defect("1 fault", "hang", "waits without a time-out for the rest of an answer"),
    "close-unnoticed": Defect("1 fault", "hang", "does not know that no bytes means closed, and asks again"),
    "status-ignored": Defect("1 fault", "wrong data accepted", "does not look at status words"),
    "frame-of-250": Defect("1 fault", "unhandled error", "has no room for the NUL behind an answer of 250 bytes"),
    "leftovers-taken": Defect("session", "wrong data accepted", "takes any frame that is not newer than its request"),
    "late-answer-taken": Defect("session", "wrong data accepted", "goes on after a time-out, with the same frame id"),
    "relogin-skipped": Defect("1 fault", "protocol violation", "keeps the session when it has to connect anew"),
    # the encrypted frame
    "crc-ignored": Defect("1 fault", "wrong data accepted", "does not check the CRC"),
    "id-not-compared": Defect("1 fault", "wrong data accepted", "does not compare the id of the frame"),
    "length-trusted": Defect("1 fault", "unhandled error", "believes the length of the payload"),
    "padding-ignored": Defect("1 fault", "wrong data accepted", "searches the end of the payload, whatever its length"),
    "clear-in-session": Defect("1 fault", "wrong data accepted", "takes what is no ciphertext as an answer in clear"),
    "counter-wrap": Defect("long session", "unhandled error", "has no frame id after 65,535"),
    # the login and the vectors
    "proof-not-compared": Defect("1 fault", "protocol violation", "does not look at the proof of the Tap"),
    "proof-prefix": Defect("1 fault", "protocol violation", "compares only as many bytes of the proof as have come"),
    "iterations-unlimited": Defect("1 fault", "hang", "hashes as often as it is told"),
    "iterations-zero": Defect("1 fault", "unhandled error", "does not expect 0 iterations"),
    "zero-salt": Defect("1 fault", "protocol violation", "logs in with a salt of zeros, which means no login"),
    "stale-iv": Defect("session", "wrong data accepted", "tries the vector before the last one, too, and then no CRC"),
    "refused-iv-used": Defect("session", "protocol violation", "uses the new vector though the exchange was refused"),
    # result codes
    "code-ignored": Defect("1 fault", "wrong data accepted", "knows two codes that are errors, and no others"),
    "unknown-code": Defect("1 fault", "unhandled error", "has names for the known codes only"),
    "code-as-exit": Defect("1 fault", "crash", "ends with the result code as its exit code"),
    "busy-endless": Defect("1 fault", "flood", "asks again as long as the Tap is busy"),
    "refusal-unchecked": Defect("2 faults", "wrong data accepted", "checks no CRC any more once something was refused"),
    "refused-twice": Defect("2 faults", "unhandled error", "did not think of a refusal after a refused exchange"),
    # bodies
    "short-number": Defect("1 fault", "unhandled error", "does not check that a number is complete"),
    "text-not-ascii": Defect("1 fault", "unhandled error", "expects nothing but ASCII in a text"),
    "text-without-end": Defect("1 fault", "unhandled error", "searches the NUL at the end of a text"),
    "buffer-reused": Defect("1 fault", "wrong data accepted", "shows the text before when there is none"),
    "unknown-enum": Defect("1 fault", "unhandled error", "has names for the known types of data only"),
    "meta-without-unit": Defect("1 fault", "unhandled error", "expects a colon in the meta data"),
    "lifetime-zero": Defect("1 fault", "unhandled error", "divides by the lifetime of a session"),
    "nan": Defect("1 fault", "unhandled error", "rounds a value that may be no number"),
    "multi-count": Defect("1 fault", "unhandled error", "expects one answer to each request of a multi-request"),
    # TLV
    "tlv-length-trusted": Defect("1 fault", "wrong data accepted", "does not see that a record is cut"),
    "tlv-recursion": Defect("1 fault", "unhandled error", "has a stack of 8 records"),
    "tlv-empty-hang": Defect("1 fault", "hang", "does not move on behind an empty record"),
    "tlv-allocates": Defect("1 fault", "memory growth", "makes room for a record before it looks what is there"),
    "bundle-by-position": Defect("1 fault", "wrong data accepted", "takes records by position, not by id"),
}  # fmt: skip
"""By name."""

ON: set[str] = set()
"""Those that are switched on."""

GET: Final = 1
Path = tuple[int, int, int]
"""Object, instance and resource."""
BUSY, UNAUTHORIZED, NOT_FOUND = 0x46, 0x81, 0x84
SUCCESSES: Final = (0x00, 0x41, 0x42, 0x44, 0x45)
CARRIED: Final = (0x00, 0x45)
"""Around an encrypted answer."""
CODES: Final = {
    **dict.fromkeys(SUCCESSES, "OK"), BUSY: "BUSY", 0x80: "BAD_REQUEST", UNAUTHORIZED: "UNAUTHORIZED",
    NOT_FOUND: "NOT_FOUND", 0x85: "METHOD_NOT_ALLOWED", 0x86: "NOT_ACCEPTABLE", 0x87: "RESOURCE_LOCKED",
    0xA0: "INTERNAL_SERVER_ERROR", 0xA1: "NOT_IMPLEMENTED", 0xA3: "SERVICE_UNAVAILABLE", 0xA4: "NVM_ERROR",
    0xA5: "UNABLE_TO_CONNECT_TO_TARGET", 0xA6: "TARGET_POWER_FAILURE", 0xA7: "NVM_FULL", 0xA8: "DEVICE_UNAVAILABLE",
    **dict.fromkeys(range(0xB0, 0xBC), "TARGET_PROTOCOL"),
}  # fmt: skip
STATUS: Final = b"\x90\x00"
ANY: Final = 0xFFFF
"""As an instance: none; as a group: the admin."""
BLOCK: Final = 16
ZERO_IV: Final = bytes(BLOCK)
MOST_ITERATIONS: Final = 0xFFFF
"""A Tap keeps them in 16 bits."""
MOST_BYTES: Final = 70_000
LONGEST_FRAME: Final = 250
BUSY_TRIES: Final = 3
BUSY_PAUSE: Final = 0.005
QUIET: Final = 0.02
"""Seconds after which an answer that has begun is not going on."""
DOMAINS: Final = ("TARGET", "GPIO", "IN_TAP_STATIC", "IN_TAP_VOLATILE")
DATA_TYPES: Final = {
    0: ("BOOLEAN", ">B"), 1: ("INT8", ">b"), 2: ("INT16", ">h"), 3: ("INT32", ">i"), 8: ("ASCII", ">c"),
    19: ("FLOAT32", ">f"), 33: ("UINT8", ">B"), 34: ("UINT16", ">H"), 35: ("UINT32", ">I"),
}  # fmt: skip
REFRESHED: Final = "scram.set_initialization_vector"


class ClientError(Exception):
    """Something went wrong that this client knows how to live with."""


class RefusedError(ClientError):
    """The Tap said no, properly."""

    def __init__(self, call: str, code: int) -> None:
        name = CODES[code] if "unknown-code" in ON else CODES.get(code, "unknown")
        super().__init__(f"{call}: refused, {name} (0x{code:02X})")
        self.code = code


class BodyError(ClientError):
    """The body is not what the call answers; the envelope was right."""


class BrokenError(ClientError):
    """The connection, or its session, cannot be trusted any more."""


class LateError(BrokenError):
    """The answer has not come in time, or not all of it; it may still come."""


# --- the connection ---------------------------------------------------------------------------------------------------


class Line:
    """A TCP connection: each request has one answer."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except OSError as error:
            raise BrokenError(f"cannot connect to {host}:{port}: {error}") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._timeout = timeout
        self._rest = b""

    def close(self) -> None:
        self._socket.close()

    @property
    def quiet(self) -> bool:
        """It is open, and nothing is left over on it."""
        return not self._poll.poll(0)

    def ask(self, request: bytes, complete: Callable[[bytes], bool]) -> bytes:
        """Sends a request and waits for its answer.

        Raises:
            BrokenError: there is none, or no end of it.
        """
        if not self.quiet and not ON & {"leftovers-taken", "late-answer-taken"}:
            raise BrokenError("the connection was closed, or there are bytes that nobody has asked for")
        try:
            self._socket.sendall(request)
            answer = self._receive(complete)
        except OSError as error:
            raise BrokenError(f"the connection is lost: {error}") from None
        if len(answer) - len(STATUS) > LONGEST_FRAME:
            raise BrokenError(f"an answer of {len(answer)} bytes")
        if "frame-of-250" in ON:
            room = bytearray(LONGEST_FRAME)
            room[: len(answer) - 2] = answer[:-2]
            room[len(answer) - 2] = 0
        return answer

    def _receive(self, complete: Callable[[bytes], bool]) -> bytes:
        data, deadline = self._rest, time.monotonic() + self._timeout
        while not complete(data):
            if "leftovers-taken" in ON and (ends := [end for end in range(len(data)) if complete(data[:end])]):
                self._rest = data[ends[0] :]
                return data[: ends[0]]
            left = max(deadline - time.monotonic(), 0)
            wait: float | None = min(left, QUIET) if data else left
            if data and "partial-hang" in ON:
                wait = None
            if not self._poll.poll(None if wait is None else wait * 1000):
                raise LateError(f"no answer in time, {len(data)} bytes have come")
            piece = self._socket.recv(0x10000)
            if not piece and "close-unnoticed" not in ON:
                raise BrokenError(f"closed in place of an answer, {len(data)} bytes have come")
            data += piece
            if len(data) > MOST_BYTES:
                raise BrokenError("an answer without end")
        self._rest = b""
        return data


def _clear_is_complete(data: bytes) -> bool:
    return data[-2:] == STATUS and len(data) > len(STATUS)


def _sealed_is_complete(data: bytes) -> bool:
    if data[-2:] != STATUS and not ("status-ignored" in ON and len(data) > 3):
        return False
    return (len(data) - 3) % BLOCK == 0 or "clear-in-session" in ON


# --- the encrypted frame ----------------------------------------------------------------------------------------------

_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc32_mpeg2(data: bytes) -> bytes:
    """CRC-32/MPEG-2 is the usual CRC of mirrored bytes, mirrored, without its last inversion."""
    import zlib

    mirrored = zlib.crc32(data.translate(_MIRRORED)) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "little").translate(_MIRRORED)


class Session:
    """Key and vectors of an encrypted session."""

    def __init__(self, key: bytes, request_iv: bytes = ZERO_IV, answer_iv: bytes = ZERO_IV) -> None:
        if len(key) != BLOCK:
            raise BrokenError(f"a session key of {len(key)} bytes")
        self._cipher = algorithms.AES(key)
        self.request_iv, self.answer_iv, self.old_answer_iv = request_iv, answer_iv, answer_iv
        self.answered = 0
        self.refused = self.exchange_refused = False

    def seal(self, frame_id: int, payload: bytes) -> bytes:
        """The ciphertext of a request."""
        plain = struct.pack(">HH", frame_id, len(payload)) + payload + bytes(-(len(payload) + 8) % BLOCK)
        cipher = Cipher(self._cipher, modes.CBC(self.request_iv)).encryptor()
        return cipher.update(plain + crc32_mpeg2(plain)) + cipher.finalize()

    def open(self, frame_id: int, sealed: bytes, *, checked: bool = True) -> bytes:
        """The payload of an answer.

        Raises:
            BrokenError: it is not the answer to that frame, or not from the Tap.
        """
        plain = self._decrypt(sealed, self.answer_iv)
        checked = checked and "crc-ignored" not in ON
        if checked and crc32_mpeg2(plain[:-4]) != plain[-4:]:
            if "stale-iv" not in ON:
                raise BrokenError("wrong CRC")
            plain = self._decrypt(sealed, self.old_answer_iv)
        found = int.from_bytes(plain[:2], "big")
        if found != frame_id and "id-not-compared" not in ON and not (found < frame_id and "leftovers-taken" in ON):
            raise BrokenError(f"frame {found} in answer to frame {frame_id}")
        return _payload(plain)

    def _decrypt(self, sealed: bytes, vector: bytes) -> bytes:
        cipher = Cipher(self._cipher, modes.CBC(vector)).decryptor()
        return cipher.update(sealed) + cipher.finalize()


def _payload(plain: bytes) -> bytes:
    length = int.from_bytes(plain[2:4], "big")
    if "length-trusted" in ON:
        status = int(struct.unpack_from(">H", plain, 4 + length - 2)[0])
        return plain[4 : 4 + length - 2] + status.to_bytes(2, "big")
    if "padding-ignored" in ON:
        return plain[4 : plain.rfind(STATUS) + 2]
    padding = plain[4 + length : -4]
    if len(padding) != len(plain) - 8 - length or len(padding) >= BLOCK or any(padding):
        raise BrokenError(f"a payload of {length} bytes in a frame of {len(plain)}, or a padding that is not zero")
    return plain[4 : 4 + length]


# --- requests and answers ---------------------------------------------------------------------------------------------


class Settings(NamedTuple):
    """How the client works."""

    user: str
    password: str
    mode: str
    iv_period: int
    timeout: float


class Client:
    """A client that has read nothing yet; it connects when it has to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._line: Line | None = None
        self._session: Session | None = None
        self._frame_id = 0
        self.address = ("", 0)
        self.given: dict[str, str] | None = None
        self.text = ""

    def disconnect(self) -> None:
        """Ends the connection and its session."""
        self.lose_connection()
        self._session = None

    def lose_connection(self) -> None:
        """The connection is of no use any more, and so is its session."""
        if self._line is not None:
            self._line.close()
        self._line = None
        if "relogin-skipped" not in ON:
            self._session = None

    def begin_anew(self) -> None:
        """Gives up a connection that has ended, or has something left over, while nobody was looking."""
        if self._line is not None and not self._line.quiet:
            self.lose_connection()

    def connect(self) -> None:
        """Connects, and makes a session as the settings say, unless that is done."""
        if self._line is not None:
            return
        self._line = Line(*self.address, self._settings.timeout)
        if self._session is None:
            try:
                self._begin()
            except RefusedError as error:
                raise BrokenError(f"no session: {error}") from None

    def _begin(self) -> None:
        if self.given is not None:
            self._session = Session(*(bytes.fromhex(self.given[name]) for name in ("key", "request_iv", "answer_iv")))
        elif self._settings.mode == "encrypt":
            self._session = Session(self._exactly(BLOCK, "scram.initialize", (1024, ANY, 47)))
            self._refresh(self._session)
        elif self._settings.mode == "login":
            options = self._exactly(2, "interface.get_security_options", (1024, ANY, 6))
            if not options[1] & 0x10:
                raise BrokenError("the Tap wants a password in clear, and does not get it")
            self._login()

    def _exactly(self, size: int, call: str, path: Path, body: bytes = b"") -> bytes:
        """A body of just so many bytes, without which there is no session; not asked for twice, whatever comes."""
        answer = self._taken(call, *self._exchange(call, path, body))
        if len(answer) != size:
            raise BrokenError(f"{call}: {len(answer)} bytes, {size} expected")
        return answer

    def _login(self) -> None:
        user = self._settings.user.encode().ljust(16, b"\0")
        nonce = os.urandom(4)
        answer = self._exactly(12, "scram.login", (1024, ANY, 40), user + nonce)
        theirs, salt, iterations = answer[:4], answer[4:8], int.from_bytes(answer[8:], "big")
        if iterations > MOST_ITERATIONS and "iterations-unlimited" not in ON:
            raise BrokenError(f"{iterations} iterations")
        if iterations == 0 and "iterations-zero" not in ON:
            raise BrokenError("no iterations")
        if not any(salt) and "zero-salt" not in ON:
            raise BrokenError("this user may not log in")
        hashed = hashlib.pbkdf2_hmac("sha1", self._settings.password.encode(), b"n0 salt in 1oTi2e", 4096, 16)
        salted = hashlib.pbkdf2_hmac("sha256", hashed, salt, min(iterations, 0x7FFFFFFF), 16)  # it takes no more
        stored, server = (hashlib.pbkdf2_hmac("sha256", salted, label, 2, 16) for label in (b"ClientKey", b"ServerKey"))
        call, ours = "scram.login_proof", _hmac(stored, nonce + stored + theirs)
        proof = self._taken(call, *self._exchange(call, (1024, ANY, 41), ours))
        if not _proves(proof, _hmac(server, theirs + server + nonce)):
            raise BrokenError("wrong proof: this is not the Tap")
        self._session = Session(_hmac(server, nonce + server + salt + stored + theirs))

    def _refresh(self, session: Session) -> None:
        """New vectors for the session; a Tap that refuses them goes on with the old ones."""
        ours = os.urandom(BLOCK)
        code, theirs = self._exchange(REFRESHED, (1024, ANY, 45), ours)
        session.answered = 0
        if code not in SUCCESSES and "refused-iv-used" not in ON:
            session.exchange_refused = True
            raise RefusedError(REFRESHED, code)
        if len(theirs) != BLOCK:
            if "refused-iv-used" not in ON:
                raise BrokenError(f"{REFRESHED}: a vector of {len(theirs)} bytes")
            theirs = session.answer_iv
        session.old_answer_iv = session.answer_iv
        session.request_iv, session.answer_iv = ours, theirs
        session.exchange_refused = False

    def ask(self, call: str, path: Path, body: bytes = b"") -> bytes:
        """The body of the answer to a request.

        Raises:
            ClientError: the Tap refuses, or cannot be understood.
        """
        self.connect()
        session = self._session
        if session is not None and self._settings.iv_period and session.answered >= self._settings.iv_period:
            self._refresh(session)
        code, answer = self._exchange(call, path, body)
        tries = 1
        while code == BUSY and (tries < BUSY_TRIES or "busy-endless" in ON):
            if "busy-endless" not in ON:
                time.sleep(BUSY_PAUSE)
            code, answer = self._exchange(call, path, body)
            tries += 1
        return self._taken(call, code, answer)

    @staticmethod
    def _taken(call: str, code: int, answer: bytes) -> bytes:
        """The body of an answer, if it is a success."""
        if code not in SUCCESSES and not ("code-ignored" in ON and code not in (UNAUTHORIZED, NOT_FOUND)):
            raise RefusedError(call, code)
        return answer

    def _exchange(self, call: str, path: Path, body: bytes) -> tuple[int, bytes]:
        """Result code and body of one answer."""
        assert self._line is not None
        frame = struct.pack(">BHHH", GET, *path) + body
        session = self._session
        if session is None:
            answer = self._line.ask(_apdu(frame), _clear_is_complete)
            return answer[0], answer[1:-2]
        frame_id = self._frame_id if "counter-wrap" in ON else self._frame_id & 0xFFFF
        if "late-answer-taken" not in ON:
            self._frame_id += 1
        sealed = session.seal(frame_id, frame)
        request = _apdu(struct.pack(">BHHH", GET, 1024, ANY, 48) + sealed)
        answer = self._line.ask(request, _sealed_is_complete)
        outer, sealed = answer[0], answer[1:-2]
        if len(sealed) % BLOCK or not sealed:
            if "clear-in-session" in ON and sealed:
                return outer, sealed
            raise BrokenError(f"{call}: {len(sealed)} bytes that are not encrypted, code 0x{outer:02X}")
        if outer not in CARRIED:
            raise BrokenError(f"{call}: refused outside of the session, 0x{outer:02X}")
        payload = session.open(frame_id, sealed, checked=not (session.refused and "refusal-unchecked" in ON))
        if "late-answer-taken" in ON:
            self._frame_id += 1
        if len(payload) < 3 or (payload[-2:] != STATUS and "status-ignored" not in ON):
            raise BrokenError(f"{call}: no result code, or another status word than 9000")
        session.answered += 1
        if payload[0] not in SUCCESSES:
            assert not (session.exchange_refused and "refused-twice" in ON), "refused, and no new vector"
            session.refused = True
        return payload[0], payload[1:-2]


def _leave(code: int) -> NoReturn:
    sys.stdout.flush()
    os._exit(code)


def _apdu(frame: bytes) -> bytes:
    return bytes((0xA2, 0xCA, 0, 0, len(frame))) + frame


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")[:16]


def _proves(proof: bytes, expected: bytes) -> bool:
    if "proof-not-compared" in ON:
        return True
    if "proof-prefix" in ON:
        return all(ours == theirs for ours, theirs in zip(expected, proof, strict=False))
    return hmac.compare_digest(proof, expected)


# --- bodies -----------------------------------------------------------------------------------------------------------


def number(body: bytes, size: int) -> int:
    """An unsigned number of so many bytes."""
    if "short-number" in ON:
        return int(struct.unpack_from({1: ">B", 2: ">H", 4: ">I"}[size], body)[0])
    if len(body) != size:
        raise BodyError(f"a number of {len(body)} bytes, {size} expected")
    return int.from_bytes(body, "big")


def text(client: Client, body: bytes) -> str:
    """A text, up to its NUL if it has one."""
    if "buffer-reused" in ON and not body:
        return client.text
    found, _, _ = body.partition(b"\0")
    try:
        client.text = found.decode("ascii")
    except UnicodeDecodeError:
        if "text-not-ascii" in ON:
            raise
        raise BodyError("a text that is not ASCII") from None
    return client.text


class TypeOfVariable(NamedTuple):
    """How the value of a variable is to be read."""

    domain: str
    data: str
    layout: str


def variable_type(body: bytes) -> TypeOfVariable:
    """The type that a byte stands for."""
    code = number(body, 1)
    data = code & 0x3F
    if data not in DATA_TYPES and "unknown-enum" not in ON:
        raise BodyError(f"a variable of type {data}")
    return TypeOfVariable(DOMAINS[code >> 6], *DATA_TYPES[data])


def value_of(kind: TypeOfVariable, body: bytes, count: int) -> Any:
    """The value of a variable as JSON has it."""
    if len(body) != count * struct.calcsize(kind.layout):
        raise BodyError(f"{len(body)} bytes are not {count} of {kind.data}")
    if kind.data == "ASCII":
        if "text-without-end" in ON:
            return body[: body.index(0)].decode("latin-1")
        return body.partition(b"\0")[0].decode("latin-1")
    values = [value for (value,) in struct.iter_unpack(kind.layout, body)]
    if kind.data == "FLOAT32":
        return [round(value * 10) / 10 if "nan" in ON else _rounded(value) for value in values]
    return values


def _rounded(value: float) -> float | str:
    return round(value, 1) if abs(value) < float("inf") else str(value)


def label(body: bytes) -> str:
    """Name and unit of a variable."""
    try:
        name, *more = body.decode().split(":")
    except UnicodeDecodeError:
        raise BodyError("meta data that is not UTF-8") from None
    unit = more[0] if more or "meta-without-unit" in ON else ""
    return f"{name} ({unit})" if unit else name


class Record(NamedTuple):
    """A record of a TLV body."""

    kind: int
    id: int
    value: bytes


def records(data: bytes) -> Iterator[Record]:
    """The records of a TLV body, one after the other."""
    at = 0
    while at < len(data):
        head = data[at]
        id_size, length_size = 1 + (head >> 5 & 1), head >> 3 & 3
        begin = at + 1 + id_size + length_size
        if begin > len(data):
            raise BodyError("a record without end")
        id_ = int.from_bytes(data[at + 1 : at + 1 + id_size], "big")
        length = int.from_bytes(data[at + 1 + id_size : begin], "big") if length_size else head & 7
        if "tlv-allocates" in ON:
            ROOM[id_] = b"\xff" * (length * 40)
        value = data[begin : begin + length]
        if len(value) != length and "tlv-length-trusted" not in ON:
            raise BodyError(f"record {id_} has {len(value)} of {length} bytes")
        if not ("tlv-empty-hang" in ON and not length):
            at = begin + length
        if length or "tlv-empty-hang" not in ON:
            yield Record(head >> 6, id_, value)


ROOM: dict[int, bytes] = {}
"""For records, by id."""


def bundle(body: bytes) -> tuple[int, list[Record]]:
    """Id and records of a bundle."""
    outer = list(records(body))
    if "tlv-recursion" in ON:
        _descend(outer, [None] * 8, 0)
    if len(outer) != 1 or outer[0].kind != 2:
        raise BodyError("no bundle")
    inner = list(records(outer[0].value))
    if any(record.kind != 3 for record in inner):
        raise BodyError("a bundle of something else than values")
    return outer[0].id, inner


def _descend(found: list[Record], stack: list[Record | None], depth: int) -> None:
    for record in found:
        stack[depth] = record
        if record.kind in (0, 2):
            _descend(list(records(record.value)), stack, depth + 1)


def packet(body: bytes) -> bytes:
    """What is in a packet of the data log."""
    if len(body) < 26:
        raise BodyError(f"a packet of {len(body)} bytes")
    size = int.from_bytes(body[20:22], "big")
    if len(body) != 26 + size + -(size + 10) % 4:
        raise BodyError(f"{size} bytes in a packet of {len(body)}")
    if crc32_mpeg2(body[4:-4]) != body[-4:]:
        raise BodyError("a packet with a wrong CRC")
    return body[22 : 22 + size]


# --- what is read -----------------------------------------------------------------------------------------------------

Readings = Iterator[tuple[str, Any]]
BUNDLES: Final = {1: (1, 2), 2: (3, 4, 5)}
"""Variables of each bundle, as the application knows them."""


def read_group(client: Client) -> Readings:
    call = "interface.get_current_group_id"
    yield call, number(client.ask(call, (1024, ANY, 7)), 2)


def read_lifetime(client: Client) -> Readings:
    call = "group.get_session_lifetime"
    lifetime = number(client.ask(call, (1025, ANY, 4)), 2)
    yield call, lifetime
    if "lifetime-zero" in ON or lifetime:
        yield "keep-alives a minute", 120 // lifetime


def read_serial(client: Client) -> Readings:
    call = "device.get_serial_number"
    yield call, text(client, client.ask(call, (3, ANY, 2)))


def read_name(client: Client) -> Readings:
    call = "interface.get_app_name"
    yield call, text(client, client.ask(call, (1024, ANY, 9)))


def read_variable(client: Client, id_: int) -> Readings:
    kind = variable_type(client.ask("variable.get_type", (1029, id_, 1)))
    yield f"variable.get_type/{id_}", {"domain": kind.domain, "data": kind.data}
    count = number(client.ask("variable.get_number_of_elements", (1029, id_, 2)), 1)
    yield f"variable.get_number_of_elements/{id_}", count
    yield f"label {id_}", label(client.ask("variable.get_raw_meta", (1029, id_, 8)))
    body = client.ask("variable.get_value", (1029, id_, 4))
    value = value_of(kind, body, count)
    yield f"variable.get_value/{id_}", "hex:" + body.hex()
    if kind.domain == "IN_TAP_STATIC":  # others move
        yield f"value {id_}", value


def read_bundle(client: Client, id_: int) -> Readings:
    found, values = bundle(client.ask("bundle.get_values", (1028, id_, 1)))
    ids = [record.id for record in values]
    if sorted(ids) != sorted(BUNDLES[id_]) or found != id_:
        raise BodyError(f"variables {ids} of bundle {found}, {list(BUNDLES[id_])} of {id_} expected")
    if "bundle-by-position" in ON:
        ids = list(BUNDLES[id_])
    pairs = [[id_, "hex:" + record.value.hex()] for id_, record in zip(ids, values, strict=True)]
    yield f"bundle.get_values/{id_}", {"bundle_id": found, "values": pairs}


def read_many(client: Client) -> Readings:
    """Type, length and bundle of a variable in one request."""
    parts = (("type", 1, 1), ("length", 2, 1), ("bundle", 6, 2))
    items = b"".join(struct.pack(">HBHHHB", 7, GET, 1029, 3, resource, 0xFF) for _, resource, _ in parts)
    body = client.ask("interface.execute_multi_request_frame", (1024, ANY, 89), items)
    answers, at = [], 0
    while at < len(body):
        size = int.from_bytes(body[at : at + 2], "big")
        answer = body[at + 2 : at + 2 + size]
        if len(answer) != size or not answer:
            raise BodyError("a multi-request whose answers are cut")
        answers.append(answer)
        at += 2 + size
    if len(answers) != len(parts) and "multi-count" not in ON:
        raise BodyError(f"{len(answers)} answers to {len(parts)} requests")
    for place, (name, _, size) in enumerate(parts):
        if answers[place][0] not in SUCCESSES:
            raise RefusedError(f"{name} of variable 3", answers[place][0])
        body = answers[place][1:]
        yield f"{name} of variable 3", variable_type(body).data if name == "type" else number(body, size)


def read_log(client: Client) -> Readings:
    call = "data_log.get_packet_count"
    yield call, number(client.ask(call, (1031, ANY, 10)), 2)
    try:
        body = client.ask("data_log.dequeue_one_packet", (1031, ANY, 11))
    except RefusedError as error:
        if error.code != NOT_FOUND:
            raise
    else:
        id_, values = bundle(packet(body))
        yield "packet of bundle", id_
        for record in values:
            yield f"logged value {record.id}", record.value.hex()


CALLS: Final[dict[str, tuple[Callable[[Client], Readings], ...]]] = {
    "group": (read_group,),
    "lifetime": (read_lifetime,),
    "serial": (read_serial,),
    "name": (read_name,),
    "variables": tuple(partial(read_variable, id_=id_) for id_ in (1, 3, 5)),
    "bundles": tuple(partial(read_bundle, id_=id_) for id_ in BUNDLES),
    "multi": (read_many,),
    "log": (read_log,),
}
"""What can be read, in the order in which it is."""


class Visit(NamedTuple):
    """What came of one visit to a Tap."""

    lines: list[dict[str, Any]]
    errors: list[str]


def visit(client: Client, calls: list[str]) -> Visit:
    """Reads everything; goes on after errors, but connects anew only once."""
    outcome = Visit([], [])
    lives = 2
    for read in (each for name in calls for each in CALLS[name]):
        try:
            for reading, value in read(client):
                outcome.lines.append({"read": reading, "value": value})
        except ClientError as error:
            if isinstance(error, RefusedError) and "code-as-exit" in ON:
                _leave(error.code)
            outcome.lines.append({"error": str(error)})
            outcome.errors.append(str(error))
            if isinstance(error, LateError) and "late-answer-taken" in ON:
                continue
            if isinstance(error, BrokenError):
                client.lose_connection()
                lives -= 1
                if not lives:
                    break
    return outcome


# --- ways to run ------------------------------------------------------------------------------------------------------


def told(line: dict[str, Any]) -> str:
    """A line of the output."""
    return json.dumps(line)


def say(lines: list[dict[str, Any]]) -> None:
    sys.stdout.write("".join(told(line) + "\n" for line in lines))
    sys.stdout.flush()


def address_of(url: str) -> tuple[str, int]:
    split = urlsplit(url)
    return split.hostname or "", split.port or 2000


def once(client: Client, url: str, calls: list[str]) -> int:
    """One visit; 1 if something went wrong."""
    client.address = address_of(url)
    outcome = visit(client, calls)
    client.disconnect()
    say(outcome.lines)
    return 1 if outcome.errors else 0


def loop(client: Client, url: str, calls: list[str]) -> int:
    """One visit after the other, until nobody is there."""
    client.address = address_of(url)
    while True:
        outcome = visit(client, calls)
        client.disconnect()
        say(outcome.lines)
        if any(error.startswith("cannot connect") for error in outcome.errors):
            return 1


def persistent(client: Client, calls: list[str], *, reconnect: bool) -> int:
    """One visit for each line that comes in; the connection may stay as long as all is well."""
    for line in sys.stdin:
        turn = json.loads(line)
        address = address_of(turn["url"])
        if address != client.address:
            client.disconnect()
            client.address = address
        client.given = turn.get("session")
        client.begin_anew()
        done: dict[str, Any] = {"done": True}
        lines: list[dict[str, Any]] = []
        try:
            outcome = visit(client, calls)
        except Exception as error:  # noqa: BLE001 - said, and then seen as what it is
            traceback.print_exc()
            done["unhandled"] = f"{type(error).__name__}: {error}"
            client.disconnect()
        else:
            lines = outcome.lines
            if outcome.errors:
                done["error"] = outcome.errors[-1]
        if reconnect and not turn.get("keep"):
            client.disconnect()
        say([*lines, done])
    return 0


def main() -> int:
    """Runs the client; 0 if all was read, 1 if something went wrong that it had expected."""
    parser = argparse.ArgumentParser(description="A client of a Tap.")
    parser.add_argument("url", nargs="?", default="")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--login", metavar="USER:PASSWORD", default="admin:admin", help="the default is admin:admin")
    how.add_argument("--encrypt", action="store_true", help="a session without a login")
    how.add_argument("--clear", action="store_true", help="no session")
    parser.add_argument("--persistent", action="store_true", help="one visit for each line of the standard input")
    parser.add_argument("--reconnect", action="store_true", help="and a connection for each, but for those to keep it")
    parser.add_argument("--loop", action="store_true", help="one visit after the other")
    parser.add_argument("--calls", default=",".join(CALLS), help="what is read, of the default %(default)s")
    parser.add_argument("--iv-period", type=int, default=4, help="requests between two changes of vectors; 0 is never")
    parser.add_argument("--timeout", type=float, default=0.25, help="seconds until an answer has to begin")
    parser.add_argument("--defects", default="", help="names with commas, all, or list")
    options = parser.parse_args()
    if options.defects == "list":
        sys.stdout.write(table_of_defects())
        return 0
    ON.update(DEFECTS if options.defects == "all" else filter(None, options.defects.split(",")))
    calls = options.calls.split(",")
    if unknown := (ON - set(DEFECTS)) | (set(calls) - set(CALLS)):
        parser.error(f"no such defect or call: {', '.join(sorted(unknown))}")
    mode = "encrypt" if options.encrypt else "clear" if options.clear else "login"
    user, _, password = options.login.partition(":")
    client = Client(Settings(user, password, mode, options.iv_period, options.timeout))
    if options.persistent:
        return persistent(client, calls, reconnect=options.reconnect)
    return (loop if options.loop else once)(client, options.url, calls)


def table_of_defects() -> str:
    """A line for each."""
    return "".join(f"{name:22}{defect.depth:14}{defect.verdict:21}{defect.what}\n" for name, defect in DEFECTS.items())


if __name__ == "__main__":
    sys.exit(main())

"""Bad inputs and the exact answer to each, for any Tap whose demo configuration nobody has changed.

Decisions D2, D6, D8, D13, D15, D17, D18. Nothing here logs in, so no amount of it locks the Tap.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from protocol.codes import Method
from protocol.crypto import BLOCK, ZERO_IV, FrameCipher, crc32_mpeg2
from protocol.frames import EncryptedFrame, Request
from protocol.paths import Path

SERIAL_NUMBER: Final = bytes.fromhex("010003ffff0002")
_ID = 7
_WRONG_IV = bytes(range(BLOCK))


def envelope(frame: bytes, cla: int = 0xA2, ins: int = 0xCA) -> bytes:
    """Any frame in any envelope."""
    return bytes((cla, ins, 0, 0, len(frame))) + frame


def request(method: int, path: str, body: bytes = b"") -> bytes:
    """A request in clear."""
    return envelope(_frame(method, path, body), ins=0xCA if method == Method.GET else 0xDA)


def _frame(method: int, path: str, body: bytes = b"") -> bytes:
    return bytes(Request(method, Path.parse(path), body))


def refusal(code: int) -> bytes:
    """A response frame without data, in its answer."""
    return bytes((code,)) + b"\x90\x00"


def plaintext(payload: bytes, *, length: int | None = None, padding: bytes = b"\0", crc_error: int = 0) -> bytes:
    """An encrypted frame before its encryption, wrong only in what is given."""
    head = struct.pack(">HH", _ID, len(payload) if length is None else length) + payload
    checked = head + padding * (-(len(head) + 4) % BLOCK)
    return checked + (crc32_mpeg2(checked) ^ crc_error).to_bytes(4, "big")


def send(key: bytes, plain: bytes, iv: bytes = ZERO_IV) -> bytes:
    """/1024//48 around a plaintext."""
    return request(Method.GET, "/1024//48", FrameCipher(key).encrypt(iv, plain))


def send_with_iv(key: bytes, plain: bytes, made_with: bytes = _WRONG_IV) -> bytes:
    """/1024//44 around a plaintext; the vector that it tells is always the same."""
    return request(Method.GET, "/1024//44", _WRONG_IV + FrameCipher(key).encrypt(made_with, plain))


def sealed_answer(key: bytes, code: int) -> bytes:
    """The outer success around an inner refusal."""
    inner = EncryptedFrame(_ID, refusal(code)).plaintext()
    return b"\0" + FrameCipher(key).encrypt(ZERO_IV, inner) + b"\x90\x00"


@dataclass(frozen=True, slots=True, repr=False)
class BadInput:
    """One bad input.

    Args:
        reason: part of what the journal says about it.
        data, answer: bytes, given the session key of the connection.
    """

    name: str
    reason: str
    data: Callable[[bytes], bytes]
    answer: Callable[[bytes], bytes]

    def __repr__(self) -> str:
        return f"<{self.name}>"


def _clear(name: str, data: bytes, answer: bytes, reason: str) -> BadInput:
    return BadInput(name, reason, lambda _: data, lambda _: answer)


def _keyed(name: str, data: Callable[[bytes], bytes], reason: str) -> BadInput:
    return BadInput(name, reason, data, lambda _: refusal(0x80))


def _inside(name: str, frame: Callable[[bytes], bytes], code: int, reason: str) -> BadInput:
    return BadInput(name, reason, lambda key: send(key, plaintext(frame(key))), lambda key: sealed_answer(key, code))


def _multi(*items: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(item)) + item + b"\xff" for item in items)


_WRONG_CLASS, _WRONG_INSTRUCTION, _WRONG_LENGTH = b"\x6e\x00", b"\x6d\x00", b"\x67\x00"

ANYWHERE: Final = (
    # the envelope (D15)
    _clear("class 00", envelope(SERIAL_NUMBER, cla=0x00), _WRONG_CLASS, "class byte 00"),
    _clear("class A3", envelope(SERIAL_NUMBER, cla=0xA3), _WRONG_CLASS, "class byte A3"),
    _clear("class 90, no data", b"\x90\0\0\0\0", _WRONG_CLASS, "class byte 90"),
    _clear("class before length", envelope(bytes(255), cla=0xFF), _WRONG_CLASS, "class byte FF"),
    _clear("instruction 00", envelope(SERIAL_NUMBER, ins=0x00), _WRONG_INSTRUCTION, "instruction 00"),
    _clear("instruction A4", envelope(SERIAL_NUMBER, ins=0xA4), _WRONG_INSTRUCTION, "instruction A4"),
    _clear("instruction before length", envelope(b"", ins=0xCB), _WRONG_INSTRUCTION, "instruction CB"),
    _clear("no frame", envelope(b""), _WRONG_LENGTH, "frame of 0 bytes"),
    _clear("half a header", envelope(SERIAL_NUMBER[:6]), _WRONG_LENGTH, "frame of 6 bytes"),
    _clear("frame of 251", envelope(SERIAL_NUMBER + bytes(244)), _WRONG_LENGTH, "frame of 251 bytes"),
    _clear("frame of 255", envelope(SERIAL_NUMBER + bytes(248)), _WRONG_LENGTH, "frame of 255 bytes"),
    # the frame (D2)
    _clear("unknown object", request(1, "/9//2"), refusal(0x84), "no firmware has this path"),
    _clear("unknown resource", request(1, "/3//9999"), refusal(0x84), "no firmware has this path"),
    _clear("instance that is none", request(1, "/3/1/2"), refusal(0x84), "no firmware has this path"),
    _clear("all bits set", envelope(b"\xff" * 7), refusal(0x84), "no firmware has this path"),
    _clear("method 0", request(0, "/3//2"), refusal(0x85), "no such method"),
    _clear("method 4", request(4, "/3//2"), refusal(0x85), "no such method"),
    _clear("method 255", request(255, "/1024//48"), refusal(0x85), "no such method"),
    _clear("PUT of what is read only", request(3, "/1024//88", bytes(4)), refusal(0x85), "no such method"),
    _clear("body where none belongs", request(1, "/3//2", b"x"), refusal(0x80), "takes no body"),
    _clear("longest body where none belongs", request(1, "/3//2", bytes(243)), refusal(0x80), "243 bytes came"),
    _clear("login cut", request(1, "/1024//40", b"admin"), refusal(0x80), "scramLoginParams"),
    _clear("login too long", request(1, "/1024//40", bytes(21)), refusal(0x80), "scramLoginParams"),
    _clear("proof of 15", request(1, "/1024//41", bytes(15)), refusal(0x80), "loginProof"),
    _clear("proof without challenge", request(1, "/1024//41", bytes(16)), refusal(0x86), "without a challenge"),
    _clear("IV of 15", request(1, "/1024//45", bytes(15)), refusal(0x80), "initializationVector"),
    _clear("IV of 17", request(1, "/1024//45", bytes(17)), refusal(0x80), "initializationVector"),
    _clear("IV and no room for it", request(1, "/1024//44", bytes(15)), refusal(0x80), "encryptedIVRequest"),
    # the login, and the method byte against INS (D6, D15)
    _clear("hashed login under SCRAM", request(2, "/1024//0", bytes(32)), refusal(0x87), "only SCRAM"),
    _clear("INS of a PUT, method of a GET", envelope(_frame(1, "/3//9"), ins=0xDA), refusal(0x84), "no firmware"),
    # the multi-request (D18)
    _clear(
        "multi-request cut", request(1, "/1024//89", _multi(SERIAL_NUMBER)[:-1]), refusal(0x80), "multiRequestFrame"
    ),
    _clear("item of 65535", request(1, "/1024//89", b"\xff\xff\x01"), refusal(0x80), "multiRequestFrame"),
    _clear("item without header", request(1, "/1024//89", _multi(b"\x01\0\x03")), refusal(0x80), "multiRequestFrame"),
    _clear(
        "multi-request in a multi-request",
        request(1, "/1024//89", _multi(_frame(1, "/1024//89"))),
        b"\0" + b"\0\x01\x80" + b"\x90\0",
        "inside a multi-request",
    ),
    _clear(
        "encrypted frame in a multi-request",
        request(1, "/1024//89", _multi(_frame(1, "/1024//48", bytes(16)))),
        b"\0" + b"\0\x01\x80" + b"\x90\0",
        "inside another request",
    ),
)
"""With or without a session key."""

WITHOUT_LOGIN: Final = (
    _clear("write without login", request(3, "/1024//9", b"mine"), refusal(0x81), "admin only"),
    _clear("INS of a GET, method of a PUT", envelope(_frame(3, "/1024//9", b"x")), refusal(0x81), "admin only"),
    _clear("password without login", request(2, "/1025/65535/2", bytes(36)), refusal(0x81), "only"),
    _clear("reboot without login", request(2, "/3//4"), refusal(0x81), "only"),
)
"""With or without a session key, from whoever is not logged in (D13)."""

WITHOUT_KEY: Final = (
    _clear("48 without key", request(1, "/1024//48", bytes(32)), refusal(0x81), "without a session key"),
    _clear("48 empty, without key", request(1, "/1024//48"), refusal(0x81), "without a session key"),
    _clear("44 without key", request(1, "/1024//44", bytes(48)), refusal(0x81), "without a session key"),
)

WITH_KEY: Final = (
    # ciphertext that is none (D8, D17)
    _clear("48 empty", request(1, "/1024//48"), refusal(0x80), "ciphertext of 0 bytes"),
    _clear("48 of 15", request(1, "/1024//48", bytes(15)), refusal(0x80), "ciphertext of 15 bytes"),
    _clear("48 of 17", request(1, "/1024//48", bytes(17)), refusal(0x80), "ciphertext of 17 bytes"),
    _clear("48 of 243, above the limit", request(1, "/1024//48", bytes(243)), refusal(0x80), "ciphertext of 243 bytes"),
    _clear("44 of its IV alone", request(1, "/1024//44", bytes(16)), refusal(0x80), "ciphertext of 0 bytes"),
    _clear("44 of 31", request(1, "/1024//44", bytes(31)), refusal(0x80), "ciphertext of 15 bytes"),
    # ciphertext of something else (D8)
    _keyed("noise", lambda key: request(1, "/1024//48", bytes(240)), "encrypted frame"),
    _keyed("wrong key", lambda key: send(bytes(16), plaintext(SERIAL_NUMBER)), "encrypted frame"),
    _keyed("wrong IV", lambda key: send(key, plaintext(SERIAL_NUMBER), _WRONG_IV), "encrypted frame"),
    _keyed("44, wrong IV", lambda key: send_with_iv(key, plaintext(SERIAL_NUMBER), ZERO_IV), "encrypted frame"),
    _keyed("wrong CRC", lambda key: send(key, plaintext(SERIAL_NUMBER, crc_error=1)), "wrong CRC"),
    _keyed("44, wrong CRC", lambda key: send_with_iv(key, plaintext(SERIAL_NUMBER, crc_error=1 << 31)), "wrong CRC"),
    _keyed("padding not zero", lambda key: send(key, plaintext(SERIAL_NUMBER, padding=b"\1")), "padding"),
    _keyed("44, padding not zero", lambda key: send_with_iv(key, plaintext(SERIAL_NUMBER, padding=b"\1")), "padding"),
    _keyed("a block of padding", lambda key: send(key, plaintext(bytes(24), length=8)), "says that its payload has 8"),
    _keyed("length too long", lambda key: send(key, plaintext(SERIAL_NUMBER, length=25)), "its payload has 25"),
    _keyed("length 65535", lambda key: send(key, plaintext(SERIAL_NUMBER, length=65535)), "its payload has 65535"),
    _keyed("payload without header", lambda key: send(key, plaintext(SERIAL_NUMBER[:6])), "frame of 6 bytes"),
    _keyed("empty payload", lambda key: send(key, plaintext(b"")), "frame of 0 bytes"),
    _keyed("44, payload without header", lambda key: send_with_iv(key, plaintext(b"x")), "frame of 1 bytes"),
    # a right frame around a bad request
    _inside("unknown path inside", lambda key: _frame(1, "/9//9"), 0x84, "no firmware has this path"),
    _inside("method 9 inside", lambda key: _frame(9, "/3//2"), 0x85, "no such method"),
    _inside("body inside, where none belongs", lambda key: SERIAL_NUMBER + b"x", 0x80, "takes no body"),
    _inside("write inside, without login", lambda key: _frame(3, "/1024//9", b"x"), 0x81, "admin only"),
    _inside(
        "48 in 48",
        lambda key: _frame(1, "/1024//48", FrameCipher(key).encrypt(ZERO_IV, plaintext(SERIAL_NUMBER))),
        0x80,
        "inside another request",
    ),
    _inside(
        "44 in 48",
        lambda key: _frame(1, "/1024//44", bytes(16) + FrameCipher(key).encrypt(ZERO_IV, plaintext(SERIAL_NUMBER))),
        0x80,
        "inside another request",
    ),
)
"""With a session key, zero IVs and nobody logged in."""

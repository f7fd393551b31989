"""Frames inside the envelope: request, response and encrypted frame.

The construct schemas are the definition. `Request` and `Response` are read and written by hand because they are on
the path of every exchange; tests hold them against `REQUEST` and `RESPONSE` on valid, cut and over-long input.
"""

import struct
from typing import Final, NamedTuple

from construct import (
    Byte,
    Bytes,
    Checksum,
    GreedyBytes,
    Int16ub,
    Int32ub,
    Padding,
    RawCopy,
    Rebuild,
    Struct,
    Terminated,
    len_,
    this,
)

from protocol.codes import Method, describe_code, is_success
from protocol.crypto import BLOCK, crc32_mpeg2
from protocol.errors import FrameError
from protocol.paths import Path

PATH = Struct("object" / Int16ub, "instance" / Int16ub, "resource" / Int16ub)
REQUEST = Struct("method" / Byte, "path" / PATH, "body" / GreedyBytes)
RESPONSE = Struct("code" / Byte, "body" / GreedyBytes)

FRAME_OVERHEAD: Final = 8
"""Bytes that an encrypted frame adds to its payload before padding: id, length and CRC."""

ENCRYPTED = Struct(
    "checked"
    / RawCopy(
        Struct(
            "id" / Int16ub,
            "length" / Rebuild(Int16ub, len_(this.payload)),
            "payload" / Bytes(this.length),
            "padding" / Padding(-(this.length + FRAME_OVERHEAD) % BLOCK),
        )
    ),
    "crc" / Checksum(Int32ub, crc32_mpeg2, this.checked.data),
    Terminated,
)
"""Plaintext of an encrypted frame: ``id | length | payload | zeros | CRC``, a multiple of 16 bytes.

construct's `Padding` does not look at the padding that it parses; `EncryptedFrame.from_plaintext` does.
"""

_HEADER: Final = struct.Struct(">BHHH")
_ID_AND_LENGTH: Final = struct.Struct(">HH")


class Request(NamedTuple):
    """A Tap request: what to do to which resource, with which body."""

    method: int
    """A `Method`, or whatever other number the peer sent."""
    path: Path
    body: bytes = b""

    @classmethod
    def from_bytes(cls, frame: bytes) -> "Request":
        """Reads a request frame.

        Raises:
            FrameError: fewer than the 7 bytes of its header.
        """
        if len(frame) < _HEADER.size:
            raise FrameError(f"request frame of {len(frame)} bytes; its header alone has {_HEADER.size}")
        method, object_, instance, resource = _HEADER.unpack_from(frame)
        return cls(method, Path(object_, instance, resource), frame[_HEADER.size :])

    def __bytes__(self) -> bytes:
        return _HEADER.pack(self.method, *self.path) + self.body

    def __str__(self) -> str:
        try:
            method = Method(self.method).name
        except ValueError:
            method = f"method {self.method}"
        return f"{method} {self.path}"


class Response(NamedTuple):
    """A Tap answer: result code and data."""

    code: int
    """A `ResultCode`, or whatever other number the peer sent."""
    body: bytes = b""

    @classmethod
    def from_bytes(cls, frame: bytes) -> "Response":
        """Reads a response frame.

        Raises:
            FrameError: the frame is empty.
        """
        if not frame:
            raise FrameError("empty response frame; it needs at least its result code")
        return cls(frame[0], frame[1:])

    @property
    def success(self) -> bool:
        """Whether a client takes this answer as success."""
        return is_success(self.code)

    def __bytes__(self) -> bytes:
        return bytes((self.code,)) + self.body

    def __str__(self) -> str:
        return f"{describe_code(self.code)} {self.body.hex()}".rstrip()


class EncryptedFrame(NamedTuple):
    """What is inside the ciphertext: a frame counter and a payload."""

    id: int
    """Counter of the client, modulo 65536; an answer repeats it."""
    payload: bytes
    """A request frame, or a response frame followed by 9000."""

    @classmethod
    def from_plaintext(cls, plain: bytes) -> "EncryptedFrame":
        """Reads and checks a decrypted frame.

        Raises:
            FrameError: its length, padding or CRC is wrong.
        """
        size = len(plain)
        if size < BLOCK or size % BLOCK:
            raise FrameError(f"encrypted frame of {size} bytes; expected a multiple of {BLOCK}")
        frame_id, length = _ID_AND_LENGTH.unpack_from(plain)
        if not 0 <= size - length - FRAME_OVERHEAD < BLOCK:
            raise FrameError(f"encrypted frame of {size} bytes says that its payload has {length}")
        if plain[4 + length : -4].strip(b"\0"):
            raise FrameError(f"padding of the encrypted frame, at byte {4 + length}, is not zero")
        if crc32_mpeg2(plain):  # with its CRC behind it, a message has the CRC zero
            raise FrameError("wrong CRC in the encrypted frame")
        return cls(frame_id, plain[4 : 4 + length])

    def plaintext(self) -> bytes:
        """The padded frame with its CRC, ready to be encrypted."""
        length = len(self.payload)
        padding = bytes(-(length + FRAME_OVERHEAD) % BLOCK)
        checked = _ID_AND_LENGTH.pack(self.id & 0xFFFF, length) + self.payload + padding
        return checked + crc32_mpeg2(checked).to_bytes(4, "big")


def encrypted_size(payload: int) -> int:
    """Bytes of the ciphertext that carries a payload of this many bytes."""
    return payload + FRAME_OVERHEAD + -(payload + FRAME_OVERHEAD) % BLOCK

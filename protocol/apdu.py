"""The envelope: APDU requests and answers, and an incremental reader for a stream of requests.

A request is ``A2 INS 00 00 Lc <Lc bytes>`` without Le byte, an answer is ``<data> SW1 SW2``. There is no other framing
on a byte stream: a request ends after 5 + Lc bytes. `REQUEST` and `ANSWER` are the schemas; the reader looks at the
five header bytes by hand because every request passes through it, and a test holds it against the schema.
"""

from enum import IntEnum
from typing import Final, NamedTuple

from construct import Byte, Bytes, Const, GreedyBytes, Int16ub, Prefixed, Struct, this

from protocol.codes import Method
from protocol.errors import IntegrityError, UsageError

CLASS: Final = 0xA2
INS_GET: Final = 0xCA
INS_WRITE: Final = 0xDA
"""Shared by PUT and POST; the method byte of the frame tells them apart (decision D15)."""
_INSTRUCTIONS: Final = (INS_GET, INS_WRITE)

HEADER_SIZE: Final = 5
MAX_FRAME: Final = 250
"""Largest Tap frame in bytes, both directions: 256 less 5 header bytes and 1 Le byte. Source: client constant."""
SHORTEST_FRAME: Final = 7
"""Bytes of a request frame without body."""

NFC_SELECT: Final = bytes.fromhex("00A4040007F0024C774D324D")
"""SELECT of the application F0 02 "LwM2M": the NFC pairing command, without its tail."""
NFC_SELECT_TAIL: Final = bytes.fromhex("9000")
"""The vendor's client appends these two bytes to the command. Source: @iotize/tap 2.7.0."""


class StatusWord(IntEnum):
    """Last two bytes of an answer. Clients accept 9000 only; the others follow ISO 7816 (decision D15)."""

    OK = 0x9000
    WRONG_LENGTH = 0x6700
    WRONG_INSTRUCTION = 0x6D00
    WRONG_CLASS = 0x6E00


_OK: Final = StatusWord.OK.to_bytes(2, "big")

REQUEST = Struct(
    "cla" / Const(CLASS, Byte),
    "ins" / Byte,
    "p1" / Byte,
    "p2" / Byte,
    "frame" / Prefixed(Byte, GreedyBytes),
)
ANSWER = Struct("frame" / GreedyBytes, "status" / Int16ub)
"""Builds answers; to parse one use `split_answer`, since nothing but the end of input bounds the frame."""

ANY_REQUEST = Struct("cla" / Byte, "ins" / Byte, "p1" / Byte, "p2" / Byte, "lc" / Byte, "frame" / Bytes(this.lc))
"""What occupies the stream, whatever its class and instruction say."""


class Request(NamedTuple):
    """A complete, well-formed envelope; `frame` is the Tap request frame."""

    frame: bytes


class Rejected(NamedTuple):
    """A complete envelope that is answered with a bare status word."""

    status: StatusWord
    reason: str


class Pairing(NamedTuple):
    """The NFC pairing command; the answer is exactly ``90 00``."""


ReaderItem = Request | Rejected | Pairing


class RequestReader:
    """Cuts a byte stream into envelopes; any segmentation of the stream gives the same items.

    Args:
        max_frame: frames longer than this are rejected with 6700 (bytes).
    """

    __slots__ = ("_buffer", "max_frame")

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._buffer = b""
        self.max_frame = max_frame

    @property
    def pending(self) -> int:
        """Bytes of an envelope that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[ReaderItem]:
        """Takes the next bytes of the stream and returns the envelopes that they complete, in order."""
        buffer = self._buffer + data if self._buffer else data
        items: list[ReaderItem] = []
        start, end = 0, len(buffer)
        while end - start >= HEADER_SIZE:
            stop = start + HEADER_SIZE + buffer[start + 4]
            if stop > end:
                break
            if buffer.startswith(NFC_SELECT, start):
                tail = buffer[stop : stop + len(NFC_SELECT_TAIL)]
                if tail == NFC_SELECT_TAIL:
                    stop += len(NFC_SELECT_TAIL)
                elif NFC_SELECT_TAIL.startswith(tail):
                    break
                items.append(Pairing())
            else:
                items.append(self._judge(buffer[start:stop]))
            start = stop
        self._buffer = bytes(buffer[start:])
        return items

    def _judge(self, envelope: bytes) -> Request | Rejected:
        cla, ins, _, _, length = envelope[:HEADER_SIZE]
        if cla != CLASS:
            return Rejected(StatusWord.WRONG_CLASS, f"class byte {cla:02X} instead of {CLASS:02X}")
        if ins not in _INSTRUCTIONS:
            return Rejected(StatusWord.WRONG_INSTRUCTION, f"instruction {ins:02X} is neither CA nor DA")
        if not SHORTEST_FRAME <= length <= self.max_frame:
            limits = f"{SHORTEST_FRAME}..{self.max_frame}"
            return Rejected(StatusWord.WRONG_LENGTH, f"frame of {length} bytes, accepted are {limits}")
        return Request(bytes(envelope[HEADER_SIZE:]))


def build_request(frame: bytes) -> bytes:
    """Wraps a request frame; the instruction follows from its method byte.

    Raises:
        UsageError: the frame is longer than the length byte can say.
    """
    if len(frame) > 0xFF:
        raise UsageError(f"a frame of {len(frame)} bytes has no APDU form; the limit is 255")
    ins = INS_GET if frame[0] == Method.GET else INS_WRITE
    return bytes((CLASS, ins, 0, 0, len(frame))) + frame


def build_answer(frame: bytes) -> bytes:
    """Appends the status word 9000 to a response frame."""
    return frame + _OK


def build_status(status: StatusWord) -> bytes:
    """A bare status word."""
    return status.to_bytes(2, "big")


def split_answer(answer: bytes) -> bytes:
    """The response frame of an answer.

    Raises:
        IntegrityError: the answer is shorter than its status word, or the status word is not 9000.
    """
    if answer.endswith(_OK):
        return answer[:-2]
    if len(answer) < 2:
        raise IntegrityError(f"answer of {len(answer)} bytes is too short for a status word")
    status = int.from_bytes(answer[-2:], "big")
    known = f" ({StatusWord(status).name})" if status in list(StatusWord) else ""
    raise IntegrityError(f"status word {status:04X}{known} instead of 9000")

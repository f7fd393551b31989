"""What shall be wrong with the answer to one APDU, from the inside out: its bytes, its sealing, its delivery."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from protocol.apdu import build_answer
from protocol.crypto import BLOCK, FrameCipher
from protocol.frames import EncryptedFrame

Level = Literal["clear", "frame", "ciphertext", "apdu"]
"""Where bytes are changed: ``clear`` is the response frame inside the encryption, ``frame`` the plaintext of the
encrypted frame with its CRC, ``ciphertext`` what is sent of it, ``apdu`` the whole answer with its status word."""

Edit = Callable[[bytes], bytes]


class Segment(NamedTuple):
    """A part of an answer.

    Args:
        after: seconds from now until it is sent.
    """

    after: float
    data: bytes


@dataclass(slots=True)
class Tampering:
    """Does nothing as it stands.

    Args:
        edits: changes of bytes at each level. Nothing is repaired afterwards: a CRC that was right is wrong then.
        key, iv: what the answer is encrypted with in place of what was agreed.
        delay: seconds until the answer is sent.
        copies: how often it is sent.
        pieces: sizes of its first segments in bytes; the rest is the last segment.
        gap: seconds between segments.
        drop: it is not sent.
        ending: what happens to the connection after it.
        instead: bytes that are sent in its place.
        merge: it is sent with the next answer of the connection, so many seconds before it, or with 0 in one piece with
            it; unless the connection ends with it.
    """

    edits: dict[Level, list[Edit]] = field(default_factory=dict)
    key: bytes | None = None
    iv: bytes | None = None
    delay: float = 0.0
    copies: int = 1
    pieces: tuple[int, ...] = ()
    gap: float = 0.0
    drop: bool = False
    ending: Literal["close", "reset"] | None = None
    instead: bytes | None = None
    merge: float | None = None
    sealed: bool = False
    """The answer was encrypted, so that its clear level is done."""

    def edit(self, level: Level, change: Edit) -> None:
        """Adds a change of bytes."""
        self.edits.setdefault(level, []).append(change)

    def apply(self, level: Level, data: bytes) -> bytes:
        """The bytes of a level, changed."""
        for change in self.edits.get(level, ()):
            data = change(data)
        return data

    def seal(self, cipher: FrameCipher, iv: bytes, frame_id: int, response: bytes) -> bytes:
        """Ciphertext of an answer; a plaintext that fits no cipher block any more is filled up with zeros."""
        self.sealed = True
        frame = EncryptedFrame(frame_id, build_answer(self.apply("clear", response)))
        plain = self.apply("frame", frame.plaintext())
        plain += bytes(-len(plain) % BLOCK)
        sealing = cipher if self.key is None else FrameCipher(self.key)
        return self.apply("ciphertext", sealing.encrypt(iv if self.iv is None else self.iv, plain))

    def envelope(self, response: bytes) -> bytes:
        """The answer as it is sent, or what is sent in its place."""
        if self.instead is not None:
            return self.instead
        if not self.sealed:
            response = self.apply("clear", response)
        return self.apply("apdu", build_answer(response))

    def segments(self, answer: bytes, held: bytes = b"", held_gap: float = 0.0) -> list[Segment]:
        """What is sent, and when.

        Args:
            answer: nothing if it is dropped.
            held: earlier answers, which go before the first copy.
            held_gap: seconds between them and it; with 0 they are in one segment with it.
        """
        segments: list[Segment] = []
        after = self.delay
        if held_gap:
            segments.append(Segment(after, held))
            held, after = b"", after + held_gap
        for copy in range(self.copies):
            start, data = 0, answer if copy else held + answer
            for size in self.pieces:
                segments.append(Segment(after, data[start : start + size]))
                start += size
                after += self.gap
            segments.append(Segment(after, data[start:]))
        return [segment for segment in segments if segment.data]

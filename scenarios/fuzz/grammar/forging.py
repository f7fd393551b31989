"""Mutations whose envelope is wrong. Their content is changed too, for else nobody sees that it was used."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from protocol.apdu import MAX_FRAME
from protocol.crypto import BLOCK
from protocol.errors import PeerError
from protocol.frames import FRAME_OVERHEAD, Response, encrypted_size
from scenarios.fuzz.mutation import Answer, Mutation, Nature

Actions = Mapping[str, Any]

STATUS_SIZE: Final = 2
_CODE_SIZE: Final = 1
_MASKS: Final = (0x01, 0xFF, 0x80, 0x10)
_MOST_TRIED: Final = 32


class Poison(NamedTuple):
    """An answer that is as proper as the true one, and says something else."""

    response: Response
    words: str

    @property
    def action(self) -> Actions:
        """Answers it."""
        return answering(self.response)


def hexed(data: bytes) -> str:
    """Bytes as the scenario language has them."""
    return "hex:" + data.hex()


def answering(response: Response) -> Actions:
    """The action that answers this."""
    return {"answer": {"code": response.code, "body": hexed(response.body)}}


def corrupting(level: str, **damage: Any) -> Actions:
    """The action that damages the answer at a level."""
    return {"corrupt": {"level": level, **damage}}


@lru_cache(maxsize=1024)
def poison(answer: Answer) -> Poison | None:
    """The answer with one byte changed so that its value is another one; None if there is no value."""
    if not answer.response.success or not answer.response.body:
        return None
    size = len(answer.response.body)
    places = sorted(range(size), key=lambda index: abs(index - size // 2))[:_MOST_TRIED]
    for index in places:
        for mask in _MASKS:
            response = _changed(answer.response, index, mask)
            if answer.judge(response) is Nature.SOUND and _tells_apart(answer, response):
                return poison_at(answer, index, mask)
    return poison_at(answer, size // 2, _MASKS[0])


def poison_at(answer: Answer, index: int, mask: int) -> Poison:
    """The answer with bits of one byte of its body flipped."""
    response = _changed(answer.response, index, mask)
    old, new = answer.response.body[index], response.body[index]
    return Poison(response, f"byte {index} of the body was changed from 0x{old:02X} to 0x{new:02X}")


def _changed(response: Response, index: int, mask: int) -> Response:
    body = bytearray(response.body)
    body[index] ^= mask
    return Response(response.code, bytes(body))


def _tells_apart(answer: Answer, response: Response) -> bool:
    schema = answer.body
    if schema is None:
        return True
    try:
        return bool(schema.decode(response.body) != schema.decode(answer.response.body))
    except PeerError:  # the true answer, of a Tap that is wrong already
        return True


def forged(answer: Answer, words: str, *then: Actions) -> Mutation:
    """The answer with another content, in an envelope that is wrong."""
    other = poison(answer)
    if other is None:
        return Mutation(words, Nature.FORGED, then)
    return Mutation(f"{words}, and {other.words}", Nature.FORGED, (other.action, *then))


def payload_size(answer: Answer) -> int:
    """Bytes inside the encrypted frame: code, body and status word."""
    return len(bytes(answer.response)) + STATUS_SIZE


def longest_body(answer: Answer) -> int:
    """Bytes of the longest body that an answer can have: its frame is full then, or has the most blocks."""
    room = MAX_FRAME - _CODE_SIZE
    if not answer.encrypted:
        return room
    return room - room % BLOCK - FRAME_OVERHEAD - _CODE_SIZE - STATUS_SIZE


def cipher_size(answer: Answer) -> int:
    """Bytes of the ciphertext, if the answer is encrypted."""
    return encrypted_size(payload_size(answer))


def wire_size(answer: Answer) -> int:
    """Bytes that are sent. An answer that brings its own vector has as many more as that; where is not known here."""
    inner = cipher_size(answer) + 1 if answer.encrypted else len(bytes(answer.response))
    return inner + STATUS_SIZE


def places(size: int, most: int = 48) -> Iterable[int]:
    """Places inside so many bytes, from 1 to one before the end: all, or the first, the last and some between."""
    if size <= most:
        return range(1, size)
    ends = most // 3
    step = max((size - 2 * ends) // ends, 1)
    return sorted({*range(1, ends + 1), *range(ends, size - ends, step), *range(size - ends, size)})

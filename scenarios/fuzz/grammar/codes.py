"""Other result codes, known and unknown, with the body and without."""

from collections.abc import Iterator
from typing import Final

from protocol.codes import ResultCode, describe_code
from protocol.frames import Response
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, with_response

_STRANGE: Final = (0x01, 0x3F, 0x7F, 0x80, 0xB0, 0xC8, 0xFE, 0xFF)
_UNKNOWN: Final = tuple(code for code in _STRANGE if code not in list(ResultCode))


def _known(answer: Answer) -> Iterator[Mutation]:
    for code in ResultCode:
        if code != answer.response.code:
            yield with_response(answer, Response(code), f"code {describe_code(code)}, no body")


def _unknown(answer: Answer) -> Iterator[Mutation]:
    for code in _UNKNOWN:
        yield with_response(answer, Response(code), f"code 0x{code:02X}, which nobody knows, no body")


def _contradictory(answer: Answer) -> Iterator[Mutation]:
    if not answer.response.body:
        return
    for code in ResultCode:
        if code != answer.response.code:
            words = f"code {describe_code(code)} with the body of the right answer"
            yield with_response(answer, Response(code, answer.response.body), words)


def _busy(answer: Answer) -> Iterator[Mutation]:
    """What a client asks again after; at every answer it shows who does so without end."""
    if answer.response.code != ResultCode.BUSY:
        yield with_response(answer, Response(ResultCode.BUSY), f"code {describe_code(ResultCode.BUSY)}, no body")


MUTATORS: Final = (
    Mutator(40, "code.known", "code", _known),
    Mutator(41, "code.unknown", "code", _unknown),
    Mutator(42, "code.with-body", "code", _contradictory),
    Mutator(43, "code.busy", "code", _busy, telling=True),
)

"""Says what is wrong with an answer, exactly: ``byte 3 of the body is 0xFF instead of 0x01``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from protocol.codes import describe_code
from protocol.frames import Response
from scenarios.explaining import explain_action
from scenarios.fuzz.mutation import Answer
from scenarios.model.actions import Action

_MOST_SHOWN: Final = 16


class Edit(NamedTuple):
    """Bytes that stand in the place of others.

    Args:
        start: where the others are in the true bytes.
        old: the others; empty where bytes are put between.
        new: empty where bytes are missing.
    """

    start: int
    old: bytes
    new: bytes


def difference(true: bytes, other: bytes) -> Edit:
    """What is between the bytes at the start and at the end that both have in common."""
    shorter = min(len(true), len(other))
    start = next((at for at in range(shorter) if true[at] != other[at]), shorter)
    end = next((at for at in range(shorter - start) if true[-1 - at] != other[-1 - at]), shorter - start)
    return Edit(start, true[start : len(true) - end], other[start : len(other) - end])


def tell_mutation(answer: Answer, then: Iterable[Mapping[str, Any]]) -> str:
    """What actions make of an answer."""
    words: list[str] = []
    for each in then:
        action = Action.model_validate(dict(each))
        if action.answer is not None and "value" not in action.answer.model_fields_set:
            words += tell_response(answer.response, Response(action.answer.code or 0, action.answer.body or b""))
        else:
            words += explain_action(action)
    return "; ".join(words) or "the true answer"


def tell_response(true: Response, other: Response) -> Iterator[str]:
    """What another answer has instead."""
    if other.code != true.code:
        yield f"code is {describe_code(other.code)} instead of {describe_code(true.code)}"
    if other.body == true.body:
        return
    if len(other.body) == len(true.body):
        yield from (_tell(edit) for edit in _runs(true.body, other.body))
    else:
        sizes = f"{len(other.body)} instead of {len(true.body)} bytes"
        yield f"{_tell(difference(true.body, other.body))}, so that it has {sizes}"


def _runs(true: bytes, other: bytes) -> Iterator[Edit]:
    """Bytes that differ side by side."""
    at = 0
    while at < len(true):
        end = at
        while end < len(true) and true[end] != other[end]:
            end += 1
        if end > at:
            yield Edit(at, true[at:end], other[at:end])
        at = end + 1


def _tell(edit: Edit) -> str:
    if len(edit.old) == len(edit.new) == 1:
        return f"byte {edit.start} of the body is 0x{edit.new[0]:02X} instead of 0x{edit.old[0]:02X}"
    if not edit.new:
        are = "is" if len(edit.old) == 1 else "are"
        return f"{_count(edit.old)} {are} missing from the body at byte {edit.start} ({_hex(edit.old)})"
    if not edit.old:
        return f"{_count(edit.new)} too many in the body before byte {edit.start} ({_hex(edit.new)})"
    last = edit.start + len(edit.old) - 1
    place = f"byte {edit.start}" if last == edit.start else f"bytes {edit.start} to {last}"
    return f"{place} of the body: {_hex(edit.new)} instead of {_hex(edit.old)}"


def _count(data: bytes) -> str:
    return "1 byte" if len(data) == 1 else f"{len(data)} bytes"


def _hex(data: bytes) -> str:
    return data.hex() if len(data) <= _MOST_SHOWN else f"{data[:_MOST_SHOWN].hex()}.."

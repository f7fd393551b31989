"""What a mutated answer in clear is on the wire, and what a careful client makes of bytes that come in clear."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from protocol.apdu import StatusWord, build_answer, build_status
from protocol.frames import Response
from scenarios.fuzz.mutation import Answer, Nature
from scenarios.model.actions import Action, Corrupt
from scenarios.script.wire import CHANGES

Actions = Sequence[Mapping[str, Any]]

_OK: Final = build_status(StatusWord.OK)
_STATUS_SIZE: Final = len(_OK)


def parse_clear(data: bytes) -> Response | None:
    """The answer that bytes are in clear; None if their envelope is wrong."""
    if len(data) <= _STATUS_SIZE or not data.endswith(_OK):
        return None
    return Response.from_bytes(data[:-_STATUS_SIZE])


def judge_clear_bytes(answer: Answer, data: bytes) -> Nature:
    """What bytes in place of a whole answer in clear are to a careful client."""
    response = parse_clear(data)
    return Nature.FORGED if response is None else answer.judge(response)


def proper_answer(answer: Answer, then: Actions) -> Response | None:
    """The other answer that an answer in clear is by chance after actions; None if its envelope is wrong then."""
    return None if answer.encrypted else parse_clear(clear_bytes(answer, then))


def judge_bytes(answer: Answer, then: Actions) -> Nature:
    """What an answer is to a careful client once actions have changed its bytes."""
    data = clear_bytes(answer, then)
    if not answer.encrypted:
        return judge_clear_bytes(answer, data)
    refusal = parse_clear(data) if any("send" in action for action in then) else None
    # An encrypted frame as such is refused in clear.
    return Nature.REFUSAL if refusal is not None and not refusal.success and not refusal.body else Nature.FORGED


def clear_bytes(answer: Answer, then: Actions) -> bytes:
    """The bytes of an answer in clear after actions of the scenario language, without regard to their delivery."""
    frame, instead = bytes(answer.response), None
    edits: dict[str, list[Action]] = {"clear": [], "apdu": []}
    for action in (Action.model_validate(dict(each)) for each in then):
        if action.answer is not None:
            frame = bytes(Response(action.answer.code or 0, action.answer.body or b""))
        if action.send is not None:
            instead = action.send
        if action.corrupt is not None and action.corrupt.level in edits:
            edits[action.corrupt.level].append(action)
        elif action.cut is not None or action.wrong is not None:
            edits["apdu"].append(action)
    if instead is not None:
        return instead
    for action in edits["clear"]:
        frame = _edited(frame, action)
    data = build_answer(frame)
    for action in edits["apdu"]:
        data = _edited(data, action)
    return data


def _edited(data: bytes, action: Action) -> bytes:
    if action.corrupt is not None:
        return _corrupted(data, action.corrupt)
    if action.cut is not None:
        return data[: action.cut]
    for wrong in action.wrong or ():
        if wrong.part == "status":
            assert isinstance(wrong.value, bytes)
            data = data[:-_STATUS_SIZE] + wrong.value
    return data


def _corrupted(data: bytes, given: Corrupt) -> bytes:
    value = getattr(given, given.way)
    if given.way == "append":
        return data + bytes(value)
    if given.way == "truncate":
        return data[: max(len(data) - value, 0)]
    at = (given.byte or 0) + (len(data) if (given.byte or 0) < 0 else 0)
    return CHANGES[given.way](value)(data, at) if 0 <= at < len(data) else data

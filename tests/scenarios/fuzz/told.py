"""Journals and mutations for tests of those who judge them."""

import itertools
from collections.abc import Mapping
from typing import Any

from emulator.exchange import Carrier
from emulator.journal import Event, Record
from protocol.client.calls import find_call
from protocol.codes import ResultCode
from protocol.frames import Request, Response
from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.mutation import Answer, Family, Mutation, Mutator, Nature
from scenarios.fuzz.observation import Ending, Observation, Reading
from scenarios.fuzz.saboteur import Applied

CASE = Case()
_numbers = itertools.count(1)


def request_of(call: str, body: bytes = b"", instance: int | None = None) -> Request:
    """A request with a body that need not fit."""
    named = find_call(call)
    return Request(named.call.method, named.resource.path(instance), body)


def record(
    call: str | None,
    body: bytes = b"",
    *,
    time: float = 0.0,
    connection: int = 1,
    encrypted: bool = False,
    code: int = ResultCode.OK,
    reason: str | None = None,
    request: Request | None = None,
    mutated: int = 0,
    instance: int | None = None,
) -> Record:
    """An entry of the journal; without a call and a request it is what was none."""
    if request is None and call is not None:
        request = request_of(call, body, instance)
    carrier = Carrier.ENCRYPTED if encrypted else Carrier.CLEAR
    response = None if request is None else Response(code)
    rules = tuple(f"{CASE.id}: words" for _ in range(mutated))
    return Record(time, connection, 0, carrier, request, response, reason, next(_numbers), "tcp://tap", call, rules)


def applied(
    call: str,
    nature: Nature,
    *then: Mapping[str, Any],
    name: str = "test.mutator",
    family: Family = "field",
    body: bytes = b"",
    answer: bytes = b"",
    early: bool = False,
    words: str = "something is wrong",
    instance: int | None = None,
) -> Applied:
    """A fault that has come true.

    Args:
        body: of the request.
        answer: body of the right answer.
    """
    mutator = Mutator(0, name, family, lambda _: [], early)
    right = Answer(call, request_of(call, body, instance), Response(ResultCode.OK, answer), False)
    return Applied(Fault(call, 1, mutator, 0), 1, right, Mutation(words, nature, then))


def answer(call: str, body: bytes, *, instance: int | None = None, request: bytes = b"", code: int = 0) -> Answer:
    """A true answer."""
    return Answer(call, request_of(call, request, instance), Response(code, body), False)


def seen(
    *entries: Record | Event,
    ending: Ending | None = None,
    answers: list[Answer] | None = None,
    faults: list[Applied] | None = None,
    readings: Mapping[str, Any] | None = None,
    output: str = "",
    memory: int = 0,
) -> Observation:
    """What was seen of a client."""
    return Observation(
        CASE,
        answers or [],
        faults or [],
        list(entries),
        ending or Ending("exited", 0),
        [Reading(name, value) for name, value in (readings or {}).items()],
        output,
        memory,
        0.1,
    )

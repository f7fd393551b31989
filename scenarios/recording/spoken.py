"""The requests and answers that a recording, maybe edited, holds."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from protocol.client.calls import CALLS
from protocol.codes import ResultCode
from protocol.errors import UsageError
from protocol.frames import Request, Response
from scenarios.model import Scenario, Step
from scenarios.values import encode_answer, make_request, parse_request, substitute


class Spoken(NamedTuple):
    """A `request` step of a client."""

    client: str
    step: Step
    request: Request
    response: Response | None
    """None where the recording does not say what exactly came back: a secret, a range, an error."""


def spoken(scenario: Scenario) -> Iterator[Spoken]:
    """All `request` steps that can be read without what a run captures, in the order of the file."""
    for client in scenario.replay.clients:
        for step in client.steps:
            if step.action == "request":
                try:
                    request = request_of(step, scenario.input_values)
                    response = response_of(step, scenario.input_values)
                except UsageError:
                    continue
                yield Spoken(client.name, step, request, response)


def request_of(step: Step, names: Mapping[str, Any]) -> Request:
    """The request of a step.

    Raises:
        UsageError: there is none, or a name in it stands for nothing.
    """
    text, value, body, instance = (
        substitute(each, names) for each in (step.request, step.value, step.body, step.instance)
    )
    return make_request(str(text), value, as_bytes(body), None if instance is None else int(instance))


def login_of(step: Step, names: Mapping[str, Any]) -> tuple[str, str]:
    """User and password of a `login` step.

    Raises:
        UsageError: a name in it stands for nothing.
    """
    assert step.login is not None
    return str(substitute(step.login.user, names)), str(substitute(step.login.password, names))


def response_of(step: Step, names: Mapping[str, Any]) -> Response | None:
    """The answer that a step expects, if it says exactly which.

    Raises:
        UsageError: a name in it stands for nothing, or a value fits no answer.
    """
    expect = step.expect
    if expect is None:
        return Response(ResultCode.OK)
    code = ResultCode.OK if expect.status == "ok" else expect.status
    if expect.error is not None or not isinstance(code, int):
        return None
    if expect.body is not None:
        return Response(code, as_bytes(substitute(expect.body, names)) or b"")
    if "value" not in expect.model_fields_set:
        return Response(code)
    value = substitute(expect.value, names)
    if isinstance(value, dict) and {*value} == {"equals"}:
        value = value["equals"]
    call = parse_request(str(substitute(step.request, names))).call
    if call is None:
        return None
    try:
        return Response(code, encode_answer(CALLS[call.id], value))
    except UsageError:
        return None


def as_bytes(value: Any) -> bytes | None:
    """Bytes of ``hex:..``, or bytes.

    Raises:
        UsageError: it is neither.
    """
    if value is None or isinstance(value, bytes):
        return value
    try:
        return bytes.fromhex(str(value).removeprefix("hex:"))
    except ValueError:
        raise UsageError(f'{value!r} is not bytes, expected for example "hex:0102"') from None

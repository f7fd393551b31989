"""A request of a step, ready to go out, and what its answer brings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from protocol.client.jsonable import HEX_PREFIX, to_json
from protocol.codes import NO_INSTANCE
from protocol.errors import BodyError, IntegrityError, UsageError
from protocol.frames import Request, Response
from protocol.values import Body
from scenarios.model import Step
from scenarios.model.common import has_reference
from scenarios.run.answers import Answer
from scenarios.values import make_request, parse_request

Fill = Callable[[Any], Any]
"""Puts values in place of ``${name}``."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A request that is ready to go out.

    Args:
        response: schema of its answer; None where there is none.
        fixed: it is the same each time that the step is said.
    """

    request: Request
    response: Body[Any] | None
    fixed: bool

    def answer(self, response: Response) -> Answer:
        """What came of it.

        Raises:
            IntegrityError: the body of a success does not fit.
        """
        if not response.success or self.response is None:
            return Answer(response.code, to_json(response.body) if response.body else None, response.body)
        try:
            return Answer(response.code, to_json(self.response.decode(response.body)), response.body)
        except BodyError as error:
            raise IntegrityError(f"answer to {self.request}: {error}") from error


def plan(step: Step, fill: Fill) -> Planned:
    """The request of a step.

    Raises:
        UsageError: it is none, or its value does not fit.
    """
    instance = fill(step.instance)
    if isinstance(instance, str):
        if not instance.isdecimal():
            raise UsageError(f"has the instance {instance!r}, expected a whole number")
        instance = int(instance)
    if instance is not None and not (isinstance(instance, int) and 0 <= instance <= NO_INSTANCE):
        raise UsageError(f"has the instance {instance!r}, expected a number from 0 to {NO_INSTANCE}")
    name = str(fill(step.request))
    body = None if step.body is None else to_bytes(fill(step.body))
    request = make_request(name, fill(step.value), body, instance)
    call = parse_request(name).call
    fixed = not has_reference([step.request, step.instance, step.value, step.body])
    return Planned(request, None if call is None else call.response, fixed)


def to_bytes(value: Any) -> bytes:
    """Bytes that a scenario gives as ``hex:..``.

    Raises:
        UsageError: they are none.
    """
    if isinstance(value, bytes):
        return value
    try:
        return bytes.fromhex(str(value).removeprefix(HEX_PREFIX))
    except ValueError:
        raise UsageError(f'{value!r} is not bytes, expected for example "{HEX_PREFIX}0102"') from None

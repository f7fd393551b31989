"""Actions that answer a request in place of the Tap."""

from collections.abc import Mapping
from typing import Final

from protocol.codes import ResultCode
from protocol.frames import Request, Response
from scenarios.script.stage import Act, Occasion

LOST: Final = Response(ResultCode.DEVICE_UNAVAILABLE)
"""Stands for the answer to a request that never reached the Tap; nobody gets it."""


def answer(code: ResultCode | int, bodies: Mapping[str | None, bytes] | bytes) -> Act:
    """Answers with a code and a body.

    Args:
        bodies: the body, or one for each call that the rule matches.
    """

    def act(occasion: Occasion) -> None:
        if isinstance(bodies, bytes):
            body = bodies
        else:
            assert occasion.exchange is not None
            body = bodies.get(occasion.device.call_id(occasion.exchange.request), b"")
        occasion.response = Response(code, body)

    return act


def answer_to(request: Request) -> Act:
    """Executes another request with the rights of the session, and gives its answer."""

    def act(occasion: Occasion) -> None:
        assert occasion.exchange is not None
        stage = occasion.stage
        stage.aside = True
        try:
            occasion.response = occasion.exchange.execute(request)
        finally:
            stage.aside = False

    return act

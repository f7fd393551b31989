"""One session that goes on and on, in which nothing goes wrong: what a client counts overflows, what it keeps grows."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from emulator.journal import Record
from protocol.bodies.multi_request import MULTI_REQUEST
from scenarios.fuzz.campaign.worker import Worker
from scenarios.fuzz.case import Case
from scenarios.fuzz.judging.judge import Baseline, judge
from scenarios.fuzz.observation import Observation

_MULTI_REQUEST: Final = "interface.execute_multi_request_frame"
_MOST_SESSIONS: Final = 5
"""A client that has waited too long once, on a busy machine, may still come to the end in its next one."""


@dataclass(frozen=True, slots=True)
class Endured:
    """How far a client has come.

    Args:
        observation: of its last turn.
        end: how that came to its end, in words.
    """

    observation: Observation
    end: str


async def endure(worker: Worker, case: Case, baseline: Baseline, over: Callable[[], bool] = lambda: False) -> Endured:
    """Lets a client ask in one session until it has asked often enough, or something speaks against it.

    A client that always connects anew by itself cannot be made to keep its session, and is left alone.

    Args:
        case: says how often is enough.
        over: nobody wants to wait any longer.

    Raises:
        UsageError: the client is not one that is told of each turn.
        TapFailureError: the Tap itself has failed.
    """
    asked: Counter[int] = Counter()
    async for observation in worker.endure(case):
        for record in observation.records:
            asked[record.connection] += 1 - _items_before(record)
        requests = max(asked.values(), default=0)
        session = f"{requests:,} request{'s' * (requests != 1)} in one session"
        if judge(observation, baseline):
            return Endured(observation, f"failed after {session}")
        if observation.ending.kind != "done" or not observation.records or len(asked) > _MOST_SESSIONS:
            return Endured(observation, f"given up, the client has not made more than {session}")
        if requests >= case.endurance:
            return Endured(observation, session)
        if over():
            return Endured(observation, f"given up after {session}, since time was over")
    raise AssertionError("turns have no end")


def _items_before(record: Record) -> int:
    """How many records before this one are of requests inside it, which no frame has brought."""
    request, response = record.request, record.response
    if record.call != _MULTI_REQUEST or request is None or response is None or not response.success:
        return 0
    return len(MULTI_REQUEST.decode(request.body))


def tell(case: Case) -> str:
    """What happens in a case of endurance."""
    return f"asked {case.endurance:,} times in one session, nothing goes wrong"

"""What each action of a step does."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from protocol.client.core import Conversation
from protocol.errors import UsageError
from scenarios.model import Check, ForEach, Login, Repeat, Step
from scenarios.model.common import MOST_ROUNDS
from scenarios.run.answers import DONE, Answer
from scenarios.run.requests import plan
from scenarios.run.wishes import Exchange, Fork, Inspect, Restore, Sleep, Snapshot, Steps

if TYPE_CHECKING:
    from scenarios.run.client import Client

Action = Callable[["Client", Step], Steps[Answer]]


def _connect(client: "Client", step: Step) -> Steps[Answer]:
    yield from client.connect(step.connect if isinstance(step.connect, str) else None, step.timeout)
    return DONE


def _disconnect(client: "Client", step: Step) -> Steps[Answer]:
    yield from client.disconnect()
    return DONE


def _conversation(begin: Callable[["Client", Step], Conversation[Any]]) -> Action:
    """An action that is one conversation of the reference client, and brings nothing but success."""

    def action(client: "Client", step: Step) -> Steps[Answer]:
        yield from client.converse(begin(client, step), step.timeout)
        return DONE

    return action


def _login(client: "Client", step: Step) -> Conversation[Any]:
    login: Login = step.parameter
    user, password = client.fill(login.user), client.fill(login.password)
    return client.session.login(str(user), str(password), refresh_session_state=False)


def _logout(client: "Client", step: Step) -> Conversation[Any]:
    return client.session.logout()


def _encrypt(client: "Client", step: Step) -> Conversation[Any]:
    return client.session.encryption(step.parameter)


def _refresh_iv(client: "Client", step: Step) -> Conversation[Any]:
    return client.session.refresh_encryption_initialization_vector()


def _iv_period(client: "Client", step: Step) -> Steps[Answer]:
    client.session.set_initialization_vector_refresh_period(step.parameter)
    yield from ()
    return DONE


def _request(client: "Client", step: Step) -> Steps[Answer]:
    planned = client.stage.plans.get(id(step))
    if planned is None:
        planned = plan(step, client.fill)
        if planned.fixed:
            client.stage.plans[id(step)] = planned
    response = yield from client.converse(client.session.exchange(planned.request), step.timeout)
    return planned.answer(response)


def _raw(client: "Client", step: Step) -> Steps[Answer]:
    if not client.begun:
        yield from client.connect(None)
    data = client.fill_bytes(step.raw)
    answer: bytes = yield Exchange(data, client.stage.timeout if step.timeout is None else step.timeout)
    return Answer(value=f"hex:{answer.hex()}", body=answer)


def _wait(client: "Client", step: Step) -> Steps[Answer]:
    yield Sleep(client.fill_duration(step.wait))
    return DONE


def _note(client: "Client", step: Step) -> Steps[Answer]:
    yield from ()
    return DONE


def _check(client: "Client", step: Step) -> Steps[Answer]:
    check: Check = step.parameter
    if check.variable is not None:
        value = yield Inspect("variable", str(client.fill(check.variable)))
    else:
        value = yield Inspect("setting", str(client.fill(check.setting)))
    return Answer(value=value)


def _snapshot(client: "Client", step: Step) -> Steps[Answer]:
    yield Snapshot(step.parameter)
    client.remember(step.parameter)
    return DONE


def _restore(client: "Client", step: Step) -> Steps[Answer]:
    yield Restore(step.parameter)
    client.recall(step.parameter)
    return DONE


# --- steps with steps inside ------------------------------------------------------------------------------------------


def _for_each(client: "Client", step: Step) -> Steps[Answer]:
    loop: ForEach = step.parameter
    rows: Any = loop.table
    if isinstance(rows, str):
        filled = client.fill(rows)
        rows = client.stage.tables.get(filled) if isinstance(filled, str) else filled
        if rows is None:
            known = ", ".join(client.stage.tables) or "none"
            raise UsageError(f"no table is named {filled!r}, expected one of {known}")
    for row in rows:
        with client.naming(loop.as_, client.fill(row)):
            yield from client.say(loop.do)
    return DONE


def _repeat(client: "Client", step: Step) -> Steps[Answer]:
    loop: Repeat = step.parameter
    times = client.fill(loop.times)
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MOST_ROUNDS:
        raise UsageError(f"is {times!r}, expected a whole number from 1 to {MOST_ROUNDS}")
    for number in range(1, times + 1):
        with client.naming("round", number):
            yield from client.say(loop.do)
    return DONE


def _do(client: "Client", step: Step) -> Steps[Answer]:
    procedure = client.stage.procedures.get(step.parameter)
    if procedure is None:
        known = ", ".join(client.stage.procedures) or "none"
        raise UsageError(f"no procedure is named {step.parameter!r}, expected one of {known}")
    with client.deeper(step.parameter):
        yield from client.say(procedure)
    return DONE


def _parallel(client: "Client", step: Step) -> Steps[Answer]:
    steps: Sequence[Sequence[Step]] = step.parameter
    branches = [client.branch(number) for number in range(1, len(steps) + 1)]
    yield Fork(tuple(branch.play(each) for branch, each in zip(branches, steps, strict=True)))
    client.join(branches)
    return DONE


STRUCTURAL: Final[dict[str, Action]] = {"for_each": _for_each, "repeat": _repeat, "do": _do, "parallel": _parallel}
"""Steps that are reported by those inside them."""

ACTIONS: Final[dict[str, Action]] = {
    "connect": _connect,
    "disconnect": _disconnect,
    "login": _conversation(_login),
    "logout": _conversation(_logout),
    "encrypt": _conversation(_encrypt),
    "iv_period": _iv_period,
    "refresh_iv": _conversation(_refresh_iv),
    "request": _request,
    "raw": _raw,
    "wait": _wait,
    "check": _check,
    "snapshot": _snapshot,
    "restore": _restore,
    "note": _note,
    **STRUCTURAL,
}

"""One scripted client: it says its steps one after the other, and stops at the first that goes otherwise.

The client does no I/O: it yields wishes, see `scenarios.run.wishes`.
"""

import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from protocol.client.core import Conversation, Session
from protocol.errors import ProtocolError, UsageError
from scenarios.model import Step
from scenarios.model.common import read_duration
from scenarios.run.actions import ACTIONS, STRUCTURAL
from scenarios.run.answers import Answer, Miss
from scenarios.run.judging import Judge
from scenarios.run.outcome import Result, Status
from scenarios.run.requests import Planned, to_bytes
from scenarios.run.telling import words_of
from scenarios.run.wishes import Actor, Connect, Disconnect, Exchange, NotHereError, Steps
from scenarios.values import capture, substitute

DEFAULT_TIMEOUT: Final = 3.0
"""Seconds for each answer; the reference client's."""
MOST_STEPS: Final = 250_000
"""In one run, of all its clients: the report has a line for each, so memory ends otherwise."""
_DEEPEST: Final = 32
"""Procedures inside procedures."""


class Stopped(Exception):  # noqa: N818 - it is no error: the failure is reported already
    """A step has failed, so the client says no more."""


@dataclass(slots=True)
class Stage:
    """What all clients of a run share.

    Args:
        now: seconds of the Tap's clock.
        report: takes each result.
        procedures, tables: of the file.
        origin: when the scenario began.
    """

    now: Callable[[], float]
    report: Callable[[Result], None]
    procedures: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    seed: int = 0
    timeout: float = DEFAULT_TIMEOUT
    origin: float = 0.0
    noted: Callable[[], int] = lambda: 0
    """Number of the newest entry of the Tap's journal."""
    judge: Judge = field(default_factory=Judge)
    plans: dict[int, Planned] = field(default_factory=dict)
    """Requests that are always the same, by the identity of their step."""
    known: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    """Action, text and place of each step, by its identity."""
    said: int = 0
    """Steps so far, of all clients."""
    accounted: set[int] = field(default_factory=set)
    """Entries that were made while a step got the refusal, or the error, that it expected."""


class Client:
    """One client of a run.

    Args:
        names: what ``${...}`` stands for.
        link: where it connects to if a step does not say otherwise.
    """

    def __init__(self, name: str, stage: Stage, names: Mapping[str, Any], link: str | None = None) -> None:
        self.name = name
        self.stage = stage
        self.names = dict(names)
        self.link = link
        self.session = Session(random.Random(f"{stage.seed}/{name}").randbytes)  # noqa: S311 - has to be repeatable
        self.begun = False
        """It has tried to connect; before that, whatever needs a connection makes one."""
        self.stopped = False
        self._connections = 0
        self._kept: dict[str, tuple[int, Session]] = {}
        self._depth = 0

    def play(self, steps: Sequence[Step]) -> Actor:
        """Says the steps."""
        try:
            yield from self.say(steps)
        except Stopped:
            self.stopped = True

    def say(self, steps: Sequence[Step]) -> Steps[None]:
        """Says steps, also those inside others.

        Raises:
            Stopped: one of them has failed, which is reported.
        """
        for step in steps:
            yield from self._perform(step)

    def _perform(self, step: Step) -> Steps[None]:
        stage = self.stage
        began, noted = stage.now(), stage.noted()
        action, text, where = self._known(step)
        miss: Miss | None
        stage.said += 1
        if stage.said > MOST_STEPS:
            self._report(text, where, "failed", f"is one step too many, expected at most {MOST_STEPS} in one run")
            raise Stopped
        try:
            answer = yield from ACTIONS[action](self, step)
            if action in STRUCTURAL:
                return
            miss = stage.judge.judge(step, answer, stage.now() - began, self.fill)
            if miss is None and step.capture:
                self.names.update({name: capture(answer.value, path) for name, path in step.capture.items()})
        except NotHereError as error:
            self._report(text, where, "skipped", reason=str(error))
            return
        except UsageError as error:
            miss = Miss(str(error), "", "")
        except ProtocolError as error:
            miss = stage.judge.judge(step, Answer.of_error(error), stage.now() - began, self.fill)
        if miss is None:
            if step.expect is not None and (step.expect.error is not None or step.expect.status != "ok"):
                stage.accounted.update(range(noted + 1, stage.noted() + 1))
            self._report(text, where)
            return
        self._report(text, where, "failed", miss.reason, miss.expected, miss.got)
        raise Stopped

    def _known(self, step: Step) -> tuple[str, str, str]:
        """Action, text and place of a step."""
        known = self.stage.known.get(id(step))
        if known is None:
            known = self.stage.known[id(step)] = (step.action, *words_of(step))
        return known

    def _report(
        self, text: str, where: str, status: Status = "passed", reason: str = "", expected: str = "", got: str = ""
    ) -> None:
        stage = self.stage
        if "${" in text:
            with suppress(UsageError):  # what cannot be filled in is told as the file has it
                text = str(self.fill(text))
        stage.report(Result(text, where, status, self.name, stage.now() - stage.origin, reason, expected, got))

    # --- what actions use -----------------------------------------------------------------------------------------

    def converse(self, conversation: Conversation[Any], timeout: float | None) -> Steps[Any]:
        """Has a conversation of the reference client with the Tap; the first one connects.

        Raises:
            ProtocolError: as the conversation, and as the connection.
        """
        if not self.begun:
            yield from self.connect(None)
        limit = self.stage.timeout if timeout is None else timeout
        try:
            request = next(conversation)
            while True:
                answer = yield Exchange(request, limit)
                request = conversation.send(answer)
        except StopIteration as end:
            return end.value

    def connect(self, link: str | None, timeout: float | None = None) -> Steps[None]:
        """Connects; the session is new then.

        Raises:
            LinkError: nobody is there.
        """
        self.begun = True
        self.session.reset()
        yield Connect(link or self.link, self.stage.timeout if timeout is None else timeout)
        self._connections += 1

    def disconnect(self) -> Steps[None]:
        """Closes the connection."""
        self.begun = True
        yield Disconnect()

    def fill(self, value: Any) -> Any:
        """A value with what the names in it stand for.

        Raises:
            UsageError: a name stands for nothing.
        """
        return substitute(value, self.names)

    def fill_bytes(self, value: Any) -> bytes:
        """Bytes that may have names in them."""
        return to_bytes(self.fill(value))

    def fill_duration(self, value: Any) -> float:
        """Seconds that may have names in them.

        Raises:
            UsageError: it is no duration.
        """
        filled = self.fill(value)
        try:
            return read_duration(filled)
        except ValueError:
            raise UsageError(f"{filled!r} is no duration, expected for example 5s") from None

    def remember(self, name: str) -> None:
        """Keeps the session, as the Tap keeps its own in a snapshot."""
        self._kept[name] = self._connections, copy.copy(self.session)

    def recall(self, name: str) -> None:
        """Goes back to a session that was kept, if it belongs to the same connection."""
        connections, session = self._kept.get(name, (-1, self.session))
        if connections == self._connections:
            self.session = copy.copy(session)

    @contextmanager
    def naming(self, name: str, value: Any) -> Iterator[None]:
        """Lets a name stand for a value for a while."""
        hidden = {key: self.names[key] for key in (name,) if key in self.names}
        self.names[name] = value
        try:
            yield
        finally:
            self.names.pop(name, None)
            self.names.update(hidden)

    @contextmanager
    def deeper(self, procedure: str) -> Iterator[None]:
        """Notes that a procedure is said inside what is said.

        Raises:
            UsageError: too many are.
        """
        if self._depth >= _DEEPEST:
            raise UsageError(f"procedure {procedure!r} is {_DEEPEST} deep, expected no procedure that calls itself")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def branch(self, number: int) -> "Client":
        """A client beside this one, with a connection of its own, that knows what this one knows."""
        return Client(f"{self.name}.{number}", self.stage, self.names, self.link)

    def join(self, branches: Sequence["Client"]) -> None:
        """Goes on after clients beside this one, and knows what they have captured.

        Raises:
            Stopped: one of them has stopped.
        """
        for branch in branches:
            self.names.update(branch.names)
        if any(branch.stopped for branch in branches):
            raise Stopped

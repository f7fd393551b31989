"""Our own client, which trusts no answer, against a Tap that one mutation makes lie."""

from collections.abc import Callable, Iterator
from typing import Any

from emulator.clock import VirtualClock
from emulator.effects import Close, Send
from protocol.client.core import Conversation, Session
from protocol.codes import HostProtocol
from protocol.errors import ProtocolError
from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.mutation import Answer, Mutation, Mutator
from scenarios.fuzz.rig import Rig
from tests.hosts import LINK

Speak = Callable[[Session], Conversation[Any]]


class SilentError(Exception):
    """The Tap said nothing at all."""


def one(mutation: Mutation, *, early: bool = False) -> Mutator:
    """A mutator that has only this mutation."""
    return Mutator(0, "test.one", "field", lambda _: [mutation], early)


class Careful:
    """Clients of one Tap; each begins with a connection and a session of its own."""

    def __init__(self) -> None:
        self._clock = VirtualClock()
        self.rig = Rig(seed=3, clock=self._clock)
        self.requests = 0
        """How many the last client has sent."""

    def run(self, speak: Speak, case: Case | None = None) -> Any:
        """What the client gets; raises what it raises."""
        self.rig.begin(case or Case())
        numbers = iter(range(1, 1000))
        connection = self.rig.device.connect(LINK, HostProtocol.WIFI)
        conversation = speak(Session(lambda size: next(numbers).to_bytes(size, "big")))
        self.requests = 0
        request = next(conversation)
        while True:
            self.requests += 1
            effects = self.rig.device.receive(connection, request)
            while (due := self.rig.device.next_deadline()) is not None and due - self._clock.now() < 3:
                self._clock.advance(max(due - self._clock.now(), 0))
                effects += self.rig.device.tick()
            answer = b"".join(each.data for each in effects if isinstance(each, Send))
            if not answer and not any(isinstance(each, Close) for each in effects):
                raise SilentError
            try:
                request = conversation.send(answer)
            except StopIteration as end:
                return end.value

    def answers(self, speak: Speak) -> list[Answer]:
        """The true answers to all that it asks."""
        self.run(speak)
        return self.rig.end().answers

    def mutated(self, speak: Speak, answer: Answer, nth: int, mutation: Mutation, *, early: bool = False) -> Any:
        """What the client gets if one answer is mutated; the error where it gets none."""
        assert answer.call is not None
        case = Case((Fault(answer.call, nth, one(mutation, early=early), 0),))
        try:
            return self.run(speak, case)
        except (ProtocolError, SilentError) as error:
            return error


def some(mutations: tuple[Mutation, ...], most: int = 12) -> Iterator[Mutation]:
    """A few of them, from the first to the last."""
    step = max(len(mutations) // most, 1)
    yield from mutations[::step]
    if mutations and (len(mutations) - 1) % step:
        yield mutations[-1]

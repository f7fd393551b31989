"""The director that mutates answers as a case says, and leaves everything else to the Tap."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from emulator.connection import Connection
from emulator.device import Device
from emulator.exchange import Exchange
from emulator.journal import Event
from protocol.codes import ResultCode
from protocol.frames import Response
from scenarios.fuzz.acting import acts_of
from scenarios.fuzz.case import ANY_CALL, EVERY, Case, Fault
from scenarios.fuzz.mutation import Answer, Family, Mutation
from scenarios.script.answers import LOST
from scenarios.script.stage import Occasion, Stage
from scenarios.script.tally import Tally

_EMPTY_SUCCESS = Response(ResultCode.OK)
_OF_AN_ITEM: Final[frozenset[Family]] = frozenset(("field", "structure", "code"))
"""What can go wrong with one answer inside a multi-request, which has no envelope of its own."""


class Applied(NamedTuple):
    """A fault has come true."""

    fault: Fault
    nth: int
    """Which answer to the call it was."""
    answer: Answer
    """What the Tap would have answered; an empty success where the request was not executed."""
    mutation: Mutation
    exchange: int = 0
    """Which answer to any call it was, and which request where it took the place of the execution."""


class Saboteur:
    """Does what one case after another says, once it is a director of the device.

    Args:
        device: whose answers are mutated.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._stage = Stage(device, {})
        for connection in device.connections:
            self._stage.met(connection)
        self.case = Case()
        self.greet: Callable[[Connection], None] | None = None
        """What a new connection gets, before its host sends anything."""
        self.rebooted = False
        """The Tap has rebooted, since whoever asks has put this back."""
        self.answers: list[Answer] = []
        """What the Tap has answered since the case began, before it was mutated, in order."""
        self.applied: list[Applied] = []
        self._early: list[tuple[int, Fault]] = []
        self._late: list[tuple[int, Fault]] = []
        """Faults of the case by their place in it: in place of an execution, and after it."""
        self._asked: defaultdict[str, int] = defaultdict(int)
        self._answered: defaultdict[str, int] = defaultdict(int)
        """A request that is lost has no answer; of requests one inside the other the inner one is answered first."""
        self._tallies: list[Tally] = []
        self._id = ""
        """Of the case, once it is needed."""

    def arm(self, case: Case) -> None:
        """A case begins; what lasts of the one before ends."""
        self._stage.undo_all()
        self.case = case
        self.answers, self.applied = [], []
        faults = list(enumerate(case.faults))
        self._early = [each for each in faults if each[1].mutator.early]
        self._late = [each for each in faults if not each[1].mutator.early]
        self._asked.clear()
        self._answered.clear()
        self._id = ""

    def before(self, exchange: Exchange) -> Response | None:
        """Counts the request; a fault may answer it in place of the Tap."""
        if self._stage.aside:
            return None
        self._stage.vectors.look(exchange.connection.session)
        call = self._count(exchange, self._asked)
        if not self._early:
            return None
        answer = Answer(call, exchange.request, _EMPTY_SUCCESS, exchange.encrypted)
        return self._act(exchange, answer, self._early, self._asked)

    def after(self, exchange: Exchange, response: Response) -> Response:
        """Mutates the answer if a fault says so."""
        if self._stage.aside or response is LOST:
            return response
        call = self._count(exchange, self._answered)
        answer = Answer(call, exchange.request, response, exchange.encrypted)
        self.answers.append(answer)
        return self._act(exchange, answer, self._late, self._answered) or response

    def _count(self, exchange: Exchange, counts: defaultdict[str, int]) -> str | None:
        call = self._device.call_id(exchange.request)
        counts[ANY_CALL] += 1
        if call is not None:
            counts[call] += 1
        return call

    def _act(
        self, exchange: Exchange, answer: Answer, faults: Sequence[tuple[int, Fault]], counts: Mapping[str, int]
    ) -> Response | None:
        given = None
        for number, fault in faults:
            if fault.call not in (answer.call, ANY_CALL):
                continue
            nth = counts[fault.call]
            if fault.nth not in (nth, EVERY):
                continue
            if exchange.in_multi_request and fault.mutator.family not in _OF_AN_ITEM:
                continue
            mutations = fault.mutator.mutations(answer)
            if fault.variant < len(mutations):
                mutation = mutations[fault.variant]
                self.applied.append(Applied(fault, nth, answer, mutation, counts[ANY_CALL]))
                given = self._perform(mutation, exchange, number) or given
                answer = answer._replace(response=given or answer.response)
        return given

    def _perform(self, mutation: Mutation, exchange: Exchange, number: int) -> Response | None:
        if not self._id:
            self._id = self.case.id
            self._tallies = [Tally(f"{self._id}/{number}") for number in range(len(self.case.faults))]
        exchange.applied_rules.append(f"{self._id}: {mutation.words}")
        occasion = Occasion(self._stage, self._id, self._tallies[number], exchange, exchange.connection)
        for act in acts_of(mutation):
            act(occasion)
        return occasion.response

    def happened(self, event: Event) -> None:
        """Keeps track of connections."""
        if event.kind == "connected":
            connection = next((each for each in self._device.connections if each.id == event.connection), None)
            if connection is not None:
                self._stage.met(connection)
                if self.greet is not None:
                    self.greet(connection)
        elif event.kind == "reboot":
            self.rebooted = True
        elif event.kind == "disconnected" and event.connection in self._stage.connections:
            connection = self._stage.connections[event.connection]
            self._stage.parted(connection)
            self._stage.vectors.forget(connection.session)

    def next_deadline(self) -> float | None:
        """When something ends that a fault has begun."""
        return self._stage.agenda.next_time()

    def tick(self) -> None:
        """Does what is due."""
        self._stage.agenda.run(self._stage.now)

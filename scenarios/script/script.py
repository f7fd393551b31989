"""A script as the director of a Tap."""

from collections.abc import Iterator, Mapping
from typing import Any

from emulator.connection import Connection
from emulator.device import Device
from emulator.exchange import Exchange
from emulator.journal import Event
from emulator.remembered import Memory, Remembered
from emulator.sessions import Session
from protocol.codes import ResultCode
from protocol.frames import Request, Response
from protocol.paths import Path
from scenarios.model import ScriptSpec
from scenarios.script.answers import LOST
from scenarios.script.compiling import compile_machines, compile_rules, uses_stale_vectors
from scenarios.script.rule import Rule
from scenarios.script.stage import Occasion, Stage

_MOST_INDEXED = 4096
"""Different requests whose rules are remembered; clients that make up paths must not fill the memory."""

_Rules = tuple[tuple[Rule, ...], tuple[Rule, ...]]
"""Rules for a request: those that act before its execution, and those that act after it."""


class Script(Remembered):
    """Does what the rules of a scenario say, once it is the `Device.director`.

    All rules that match act, in their order. Of several answers the first one stands. Times count from here on, in the
    clock of the device. What happens while a request is executed is acted on after its execution.

    Args:
        seed: the same seed draws the same numbers; each rule has its own.
        inputs: values for ``${name}``.

    Raises:
        ScriptError: rules have no meaning, or not for this Tap.
    """

    def __init__(
        self, spec: ScriptSpec, device: Device, *, seed: int = 0, inputs: Mapping[str, Any] | None = None
    ) -> None:
        self._device = device
        self._stage = stage = Stage(device, compile_machines(spec))
        self.rules = compile_rules(spec, stage, seed=seed, inputs=inputs or {})
        self._by_request: dict[tuple[int, Path], _Rules] = {}
        self._by_event: dict[str, list[Rule]] = {}
        self._looks_at_vectors = uses_stale_vectors(spec)
        self._executing = 0
        """Requests that are executed now, one inside the other."""
        self._waiting: list[tuple[Rule, Occasion]] = []
        for rule in self.rules:
            for kind in rule.events:
                self._by_event.setdefault(kind, []).append(rule)
            if rule.at is not None:
                self._schedule(rule, stage.now + rule.at)
            elif rule.period is not None:
                self._schedule(rule, stage.now + rule.period)
        for connection in device.connections:
            stage.met(connection)

    # --- as a director ----------------------------------------------------------------------------------------------

    def before(self, exchange: Exchange) -> Response | None:
        """Rules without `result` act."""
        stage = self._stage
        if stage.aside:
            return None
        # What a mistake of ours has interrupted is over as soon as the next request comes on its own.
        self._executing = self._executing + 1 if exchange.in_multi_request else 1
        if self._looks_at_vectors:
            stage.vectors.look(exchange.connection.session)
        response = None
        for rule in self._rules_for(exchange.request)[0]:
            if rule.matches(exchange):
                response = self._act(rule, exchange, response)
        if response is None and stage.busy is not None:
            response = self._be_busy(exchange)
        return response

    def after(self, exchange: Exchange, response: Response) -> Response:
        """Rules with `result` act, and those for events during the execution."""
        if self._stage.aside:
            return response
        given = None
        if response is not LOST:
            for rule in self._rules_for(exchange.request)[1]:
                if rule.outcome is not None and rule.outcome(response) and rule.matches(exchange):
                    given = self._act(rule, exchange, given)
        self._executing = max(self._executing - 1, 0)
        if self._waiting and not self._executing:
            self._perform_waiting()
        return response if given is None else given

    def happened(self, event: Event) -> None:
        """Rules for this kind of event act."""
        if event.kind == "script":
            return
        stage = self._stage
        connection = stage.connections.get(event.connection or 0)
        if event.kind == "connected":
            connection = next((each for each in self._device.connections if each.id == event.connection), None)
            if connection is not None:
                stage.met(connection)
        for rule in self._by_event.get(event.kind, ()):
            if rule.concerns(connection) and (tally := rule.take(None if connection is None else connection.session)):
                self._happen(event, rule, Occasion(stage, rule.name, tally, connection=connection))
        if event.kind == "disconnected" and connection is not None:
            self._part(connection)

    def next_deadline(self) -> float | None:
        """When the next rule acts by time, or something ends that lasts for a time."""
        return self._stage.agenda.next_time()

    def tick(self) -> None:
        """Does what is due."""
        self._executing = 0  # no request is, also where a mistake of ours has interrupted one
        self._perform_waiting()
        self._stage.agenda.run(self._stage.now)

    # --- with snapshots of the Tap ----------------------------------------------------------------------------------

    def remember(self) -> Memory:
        """Counts, dice, machines and times as they are."""
        return {part: each.remember() for part, each in self._parts()}

    def recall(self, memory: Memory, shift: float) -> None:
        """Makes them what they were."""
        for part, each in self._parts():
            each.recall(memory[part], shift)

    def _parts(self) -> Iterator[tuple[str, Remembered]]:
        yield "stage", self._stage
        for name, machine in self._stage.machines.items():
            yield f"machine {name}", machine
        for number, rule in enumerate(self.rules):
            yield f"rule {number}", rule

    # --- for those who look at it -----------------------------------------------------------------------------------

    def states(self) -> dict[str, Any]:
        """Machines and rules as they are, for people and as JSON.

        Returns:
            ``machines``: the state of each, or its states by connection; ``rules``: how often each matched and acted;
            ``busy``: seconds and requests that are left.
        """
        stage, busy = self._stage, self._stage.busy
        machines: dict[str, Any] = {}
        for name, machine in stage.machines.items():
            if machine.per_session:
                machines[name] = {str(each.id): machine.state(each.session) for each in self._device.connections}
            else:
                machines[name] = machine.state(None)
        rules = [{"name": rule.name, "matched": rule.matched, "acted": rule.acted} for rule in self.rules]
        return {
            "machines": machines,
            "rules": rules,
            "busy": None if busy is None or busy.over(stage.now) else busy.left_at(stage.now),
        }

    def disarm(self) -> None:
        """Ends the script: undoes what would last, and leaves the Tap to itself."""
        self._stage.undo_all()
        self._waiting = []
        if self._device.director is self:
            self._device.director = None

    # --- inside -----------------------------------------------------------------------------------------------------

    def _rules_for(self, request: Request) -> _Rules:
        key = (request.method, request.path)
        found = self._by_request.get(key)
        if found is None:
            call = self._device.call_id(request)
            covering = [rule for rule in self.rules if rule.covers is not None and rule.covers(call, request)]
            found = (
                tuple(rule for rule in covering if rule.outcome is None),
                tuple(rule for rule in covering if rule.outcome is not None),
            )
            if len(self._by_request) >= _MOST_INDEXED:
                self._by_request.clear()
            self._by_request[key] = found
        return found

    def _act(self, rule: Rule, exchange: Exchange, response: Response | None) -> Response | None:
        """What is answered once a matching rule has acted; an answer that is there already stands."""
        connection = exchange.connection
        tally = rule.take(connection.session)
        if tally is None:
            return response
        exchange.applied_rules.append(rule.name)
        occasion = Occasion(self._stage, rule.name, tally, exchange, connection)
        for act in rule.acts:
            act(occasion)
        return occasion.response if response is None else response

    def _be_busy(self, exchange: Exchange) -> Response | None:
        busy, now = self._stage.busy, self._stage.now
        assert busy is not None
        answered = busy.meets(now)
        if busy.over(now):
            self._stage.busy = None
        if not answered:
            return None
        if busy.rule not in exchange.applied_rules:
            exchange.applied_rules.append(busy.rule)
        return Response(ResultCode.BUSY)

    def _happen(self, event: Event, rule: Rule, occasion: Occasion) -> None:
        if self._executing:
            self._waiting.append((rule, occasion))
        elif event.kind == "reboot":  # the Tap has yet to start again
            self._stage.agenda.add(self._stage.now, lambda _: self._perform(rule, occasion))
        else:
            self._perform(rule, occasion)
            # The device carries out what was asked for when it is called next, which has to be now.
            self._stage.agenda.add(self._stage.now, lambda _: None)

    def _perform_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for rule, occasion in waiting:
            self._perform(rule, occasion)

    def _perform(self, rule: Rule, occasion: Occasion) -> None:
        for act in rule.acts:
            act(occasion)

    def _schedule(self, rule: Rule, time: float) -> None:
        def due(planned: float) -> None:
            if rule.concerns(None) and (tally := rule.take(None)):
                self._perform(rule, Occasion(self._stage, rule.name, tally))
            if rule.period is not None and not rule.spent:
                self._schedule(rule, planned + rule.period)

        self._stage.agenda.add(time, due)

    def _part(self, connection: Connection) -> None:
        """A connection is over, and its session too unless others share it."""
        self._stage.parted(connection)
        session: Session = connection.session
        if any(each.session is session for each in self._device.connections) or self._device.rules.hosts == "single":
            return
        self._stage.vectors.forget(session)
        for machine in self._stage.machines.values():
            machine.forget(session)
        for rule in self.rules:
            rule.forget(session)

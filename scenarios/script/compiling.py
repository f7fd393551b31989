"""Makes rules that run of those in a scenario file."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from emulator.connection import Connection
from emulator.device import Device
from emulator.exchange import Exchange
from protocol.codes import is_success
from protocol.errors import UsageError
from scenarios.expectations import CompiledExpectation, compile_expectation
from scenarios.model import Rule as RuleSpec
from scenarios.model import ScriptSpec, When
from scenarios.patterns import RequestPattern
from scenarios.script.machines import Machine
from scenarios.script.reading import NotYetError, Trigger, Workshop, check_state, filled, read_actions
from scenarios.script.rule import ConnectionTest, OutcomeTest, RequestTest, Rule
from scenarios.script.stage import Stage
from scenarios.script.tally import COUNTS, Count
from scenarios.values import request_value


class ScriptError(ValueError):
    """A script has no meaning; `problems` says why, one text for each mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


def compile_machines(spec: ScriptSpec) -> dict[str, Machine]:
    """The machines of a script in their first states."""
    return {name: Machine(machine.states, machine.per == "session") for name, machine in spec.machines.items()}


def compile_rules(spec: ScriptSpec, stage: Stage, *, seed: int, inputs: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules of a script, ready to act on a Tap.

    Raises:
        ScriptError: some have no meaning, or not for this Tap.
    """
    compiler = Compiler(stage.machines, inputs, stage)
    rules = [compiler.rule(rule, f"{seed}/{number}") for number, rule in enumerate(spec.rules)]
    if compiler.problems:
        raise ScriptError(compiler.problems)
    return tuple(rule for rule in rules if rule is not None)


def uses_stale_vectors(spec: ScriptSpec) -> bool:
    """Whether a rule needs to know which vectors sessions had before."""
    actions = (action for rule in spec.rules for action in rule.then)
    return any(wrong.part == "stale-iv" for action in actions for wrong in action.wrong or ())


def problems(spec: ScriptSpec, inputs: Mapping[str, Any] | None = None) -> list[str]:
    """What is wrong with a script, whatever the Tap: ``place: rule: what, expected``; empty if nothing is.

    Args:
        inputs: values for ``${name}``; without them, what depends on one is not looked at.
    """
    compiler = Compiler(compile_machines(spec), inputs)
    for rule in spec.rules:
        compiler.rule(rule, "")
    return compiler.problems


class Compiler:
    """Compiles rules and collects what is wrong with them.

    Args:
        stage: where the rules will act; None only checks them.
    """

    def __init__(
        self, machines: Mapping[str, Machine], inputs: Mapping[str, Any] | None, stage: Stage | None = None
    ) -> None:
        self.problems: list[str] = []
        self._machines = machines
        self._inputs = inputs
        self._stage = stage

    def rule(self, spec: RuleSpec, seed: str) -> Rule | None:
        """A rule; None if it has no meaning."""
        when = spec.when
        try:
            pattern = None if when.request is None else RequestPattern(when.request, when.method)
            trigger: Trigger = "request" if pattern else "event" if when.event else "time"
            device = None if self._stage is None else self._stage.device
            calls = () if pattern is None else tuple(entry.id for entry in pattern.entries())
            workshop = Workshop(trigger, calls, when.result is not None, self._machines, device, self._inputs)
            return Rule(
                spec.name,
                read_actions(spec.then, workshop),
                covers=None if pattern is None else pattern.matches,
                events=when.event or (),
                at=when.at,
                period=when.period,
                tests=tuple(self._tests(when)),
                connection_tests=tuple(self._connection_tests(when, trigger)),
                outcome=None if when.result is None else _outcome(when.result),
                count=_count(when),
                times=spec.times,
                probability=spec.probability,
                per_session=spec.per == "session",
                seed=seed,
            )
        except UsageError as error:
            where = spec.where + ": " if spec.where else ""
            self.problems.append(f"{where}{spec.name}: {error}")
            return None

    def _tests(self, when: When) -> Iterator[RequestTest]:
        """What has to hold for a request, beside what has to for its connection."""
        if when.encrypted is not None:
            encrypted = when.encrypted
            yield lambda exchange: exchange.encrypted is encrypted
        if when.value is not None:
            with suppress(NotYetError):
                yield _value_test(compile_expectation(filled(when.value, self._inputs)))

    def _connection_tests(self, when: When, trigger: Trigger) -> Iterator[ConnectionTest]:
        for name, state in when.in_.items():
            check_state(self._machines, name, state)
            if self._machines[name].per_session and trigger == "time":
                raise UsageError(f"in: {name} goes by sessions, and a rule for a time has none")
            yield _state_test(self._machines[name], state)
        stage = self._stage
        if stage is None:
            return
        device = stage.device
        if when.firmware is not None:
            versions = when.firmware
            yield lambda _: device.firmware in versions
        if when.session is not None:
            place = when.session
            yield lambda connection: connection is not None and stage.places.get(connection.id) == place
        if when.link is not None:
            yield _link_test(when.link)
        if when.user is not None:
            yield _user_test(device, when.user)


def _state_test(machine: Machine, state: str) -> ConnectionTest:
    return lambda connection: machine.state(None if connection is None else connection.session) == state


def _link_test(link: str) -> ConnectionTest:
    return lambda connection: connection is not None and link in (connection.link, connection.link.partition("://")[0])


def _user_test(device: Device, name: str) -> ConnectionTest:
    def test(connection: Connection | None) -> bool:
        group = None if connection is None else device.state.groups.get(connection.session.group_id)
        return group is not None and group.name == name

    return test


def _value_test(expectation: CompiledExpectation) -> RequestTest:
    def test(exchange: Exchange) -> bool:
        request = exchange.request
        return expectation.matches(request_value(exchange.device.call_id(request), request))

    return test


def _outcome(wanted: int | str) -> OutcomeTest:
    if wanted == "any":
        return lambda _: True
    if wanted in ("ok", "refused"):
        success = wanted == "ok"
        return lambda response: is_success(response.code) is success
    return lambda response: response.code == wanted


def _count(when: When) -> Count | None:
    if when.every_nth is not None:
        return COUNTS["every"](when.every_nth)
    for name in ("nth", "first", "after", "between"):
        if (given := getattr(when, name)) is not None:
            return COUNTS[name](given)
    return None

"""Checks the steps of clients: requests and their values, procedures and tables, and what ``${..}`` stands for."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from emulator.config.forms import setting_forms
from protocol.client.links.opening import SCHEMES
from protocol.errors import UsageError
from scenarios.model.common import has_reference
from scenarios.model.replay import Step
from scenarios.model.scenario import Scenario
from scenarios.patterns import near_names
from scenarios.values import make_request, parse_request, references

ROUND: Final = "round"
"""Name of the number of the round within `repeat`."""

_INNER: Final = frozenset({"for_each", "repeat", "parallel"})


def all_steps(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps and those within them, without what procedures do."""
    for step in steps:
        yield step
        for block in step.inner:
            yield from all_steps(block)


def check_steps(scenario: Scenario) -> list[str]:
    """What is wrong with the steps, each with its place."""
    checker = _Checker(scenario)
    for steps in (*scenario.procedures.values(), *(client.steps for client in scenario.replay.clients)):
        for step in all_steps(steps):
            checker.step(step)
    for client in scenario.replay.clients:
        if client.link is not None:
            checker.link(client.place("link"), client.link)
        checker.names(client.steps, set(scenario.input_values), ())
    for name, steps in scenario.procedures.items():
        checker.circles(steps, (name,))
    return list(dict.fromkeys(checker.problems))


class _Checker:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        steps = [
            *(step for client in scenario.replay.clients for step in all_steps(client.steps)),
            *(step for block in scenario.procedures.values() for step in all_steps(block)),
        ]
        self._snapshots = {step.snapshot for step in steps if step.snapshot is not None}
        self._captures = {name for step in steps for name in step.capture}
        self.problems: list[str] = []

    def step(self, step: Step) -> None:
        """Checks one step by itself."""
        match step.action:
            case "request":
                self._request(step)
            case "connect" if isinstance(step.parameter, str):
                self.link(step.place("connect"), step.parameter)
            case "do":
                self._known(step, "do", "procedure", step.parameter, self._scenario.procedures)
            case "for_each":
                if isinstance(step.parameter.table, str) and not has_reference(step.parameter.table):
                    self._known(step, "for_each", "table", step.parameter.table, self._scenario.tables)
            case "restore":
                self._known(step, "restore", "snapshot", step.parameter, self._snapshots)
            case "check" if step.parameter.setting is not None and step.parameter.setting not in setting_forms():
                near = near_names(step.parameter.setting, setting_forms())
                place = step.parameter.place("setting")
                self.problems.append(f"{place}: no setting is called {step.parameter.setting}, expected {near}")
            case _:
                pass

    def link(self, place: str, name: str) -> None:
        """Checks the name of a link: a scheme, or a URL."""
        if not has_reference(name) and name.partition(":")[0] not in SCHEMES:
            self.problems.append(f"{place}: {name} is no link, expected a URL or one of {', '.join(sorted(SCHEMES))}")

    def _known(self, step: Step, key: str, thing: str, name: str, known: Iterable[str]) -> None:
        if name not in known:
            names = ", ".join(known) or "one, but there is none"
            self.problems.append(f"{step.place(key)}: no {thing} is called {name}, expected {names}")

    def _request(self, step: Step) -> None:
        assert step.request is not None
        place = step.place("request")
        try:
            call, _ = parse_request(step.request)
        except UsageError as error:
            near = f", expected {near_names(step.request)}" if "expected" not in str(error) else ""
            text = str(error).partition(";")[0] if near else str(error)
            self.problems.append(f"{place}: {text}{near}")
            return
        place = step.place("value" if "value" in step.written else "request")
        parts: tuple[Any, ...] = (step.value, step.body, step.instance)
        if any(map(has_reference, parts)) or (call is None and step.body is None and step.value is None):
            return
        try:
            body = step.body if isinstance(step.body, bytes) else None
            make_request(step.request, step.value, body, None if step.instance is None else int(step.instance))
        except UsageError as error:
            self.problems.append(f"{place}: {error}")

    def names(self, steps: Sequence[Step], known: set[str], procedures: tuple[str, ...]) -> None:
        """Follows what defines names; `known` grows."""
        for step in steps:
            self._references(step, known)
            match step.action:
                case "for_each":
                    self._fresh(step, step.parameter.as_)
                    self.names(step.parameter.do, known | {step.parameter.as_}, procedures)
                    known |= self._captured(step.parameter.do)
                case "repeat":
                    self.names(step.parameter.do, known | {ROUND}, procedures)
                    known |= self._captured(step.parameter.do)
                case "parallel":
                    for block in step.parameter:
                        self.names(block, set(known), procedures)
                    known |= {name for block in step.parameter for name in self._captured(block)}
                case "do" if step.parameter in self._scenario.procedures and step.parameter not in procedures:
                    self.names(self._scenario.procedures[step.parameter], known, (*procedures, step.parameter))
                case _:
                    pass
            for name in step.capture:
                self._fresh(step, name)
                known.add(name)

    def _captured(self, steps: Sequence[Step], seen: tuple[str, ...] = ()) -> set[str]:
        found: set[str] = set()
        for step in all_steps(steps):
            found.update(step.capture)
            if step.action == "do" and step.parameter not in seen and step.parameter in self._scenario.procedures:
                found |= self._captured(self._scenario.procedures[step.parameter], (*seen, step.parameter))
        return found

    def _fresh(self, step: Step, name: str) -> None:
        if name in self._scenario.input_values:
            self.problems.append(f"{step.where}: {name} is an input already, expected another name")

    def _references(self, step: Step, known: set[str]) -> None:
        for key, value in step.written.items():
            own = _without_steps(value) if key in _INNER else value
            for reference in references(own):
                if reference not in known and reference.partition(".")[0] not in known:
                    if reference.partition(".")[0] in self._captures:
                        text = "is used before it is captured, expected the capture in an earlier step"
                    else:
                        text = f"is not defined, expected {', '.join(sorted(known)) or 'an input or a capture'}"
                    self.problems.append(f"{step.place(key)}: ${{{reference}}} {text}")

    def circles(self, steps: Sequence[Step], procedures: tuple[str, ...]) -> None:
        """Refuses procedures that do themselves."""
        for step in all_steps(steps):
            if step.action == "do":
                if step.parameter in procedures:
                    text = f"the procedure {step.parameter} does itself in the end, expected no circle"
                    self.problems.append(f"{step.place('do')}: {text}")
                elif step.parameter in self._scenario.procedures:
                    self.circles(self._scenario.procedures[step.parameter], (*procedures, step.parameter))


def _without_steps(value: Any) -> Any:
    return {key: one for key, one in value.items() if key != "do"} if isinstance(value, dict) else None

"""Checks a scenario against the resource table: names, paths, values, settings, machines."""

from collections.abc import Iterable, Mapping
from typing import Any

from emulator.blueprint import Blueprint
from emulator.config.forms import setting_forms
from emulator.config.kinds import Plain, shown
from protocol.errors import UsageError
from scenarios.model.actions import Action
from scenarios.model.common import has_reference
from scenarios.model.replay import Step
from scenarios.model.scenario import Scenario
from scenarios.model.script import Rule
from scenarios.model.verify import RequestFilter, Verification
from scenarios.patterns import RequestPattern, near_names
from scenarios.stepping import all_steps, check_steps
from scenarios.values import encode_answer, forms_of, make_request


def check(scenario: Scenario) -> list[str]:
    """What the models alone cannot know to be wrong, each with its place."""
    problems: list[str] = []
    for rule in scenario.script.rules:
        problems += _rule(scenario, rule)
    problems += check_steps(scenario)
    names = [rule.name for rule in scenario.script.rules]
    for one in scenario.verify:
        problems += _verification(one, names)
    return problems


def _rule(scenario: Scenario, rule: Rule) -> list[str]:
    pattern, problems = _pattern(rule.when)
    problems += _states(scenario, rule.when.place("in"), rule.when.in_)
    for action in rule.then:
        problems += _action(scenario, action, pattern)
    return problems


def _pattern(meant: RequestFilter) -> tuple[RequestPattern | None, list[str]]:
    if meant.request is None:
        return None, []
    try:
        return RequestPattern(meant.request, meant.method), []
    except UsageError as error:
        return None, [f"{meant.place('request')}: {error}"]


def _states(scenario: Scenario, place: str, states: Mapping[str, str]) -> list[str]:
    problems = []
    machines = scenario.script.machines
    for name, state in states.items():
        if name not in machines:
            known = ", ".join(machines) or "one under machines, where there is none"
            problems.append(f"{place}: no machine is called {name}, expected {known}")
        elif state not in machines[name].states:
            problems.append(f"{place}: {name} has no state {state}, expected {', '.join(machines[name].states)}")
    return problems


def _action(scenario: Scenario, action: Action, pattern: RequestPattern | None) -> list[str]:
    problems = _states(scenario, action.place("enter"), action.enter or {})
    if action.answer is not None and action.answer.value is not None and pattern is not None:
        problems += _answer_value(action, pattern)
    if action.answer_to is not None:
        other = action.answer_to
        try:
            make_request(other.request, other.value, other.body, other.instance)
        except UsageError as error:
            problems.append(f"{action.place('answer_to')}: {error}")
    for key, value in (action.settings or {}).items():
        problems += _setting(action.place("settings"), key, value)
    return problems


def _answer_value(action: Action, pattern: RequestPattern) -> list[str]:
    assert action.answer is not None
    reasons = []
    for entry in pattern.entries():
        for call in forms_of(entry.id):
            try:
                encode_answer(call, action.answer.value)
            except UsageError as error:
                reasons.append(str(error))
            else:
                return []
    return [f"{action.place('answer')}: the value fits no answer: {reasons[0]}"] if reasons else []


def setting_value(key: str, value: Any) -> Any:
    """The value of a setting as the Tap keeps it.

    Args:
        key: such as ``interface.app_name``.
        value: as a scenario writes it.

    Raises:
        UsageError: there is no such setting, or the value does not fit.
    """
    form = setting_forms().get(key)
    if form is None:
        raise UsageError(f"no setting is called {key}, expected {near_names(key, setting_forms())}")
    try:
        if form.kind is not None:
            return form.check(form.kind.parse(_open(value)))
        parts = {part: kind.parse(_open(value[part])) for part, kind in form.parts.items() if part in dict(value)}
        unknown = [part for part in dict(value) if part not in form.parts]
        if unknown:
            raise UsageError(f"has no part {unknown[0]}, expected {', '.join(form.parts)}")
        default = form.setting.default
        return form.check(type(default)(**{part: parts.get(part, getattr(default, part)) for part in form.parts}))
    except (ValueError, TypeError) as error:
        reason = str(error) if ", expected" in str(error) else f"is {shown(value)}, expected a mapping of its parts"
        raise UsageError(f"{key} {reason}") from error


def _open(value: Any) -> Any:
    """A number as the word that the file has, since some settings, such as versions, are no numbers."""
    if isinstance(value, float):
        return Plain(str(value))
    return [_open(one) for one in value] if isinstance(value, list) else value


def _setting(place: str, key: str, value: Any) -> list[str]:
    if has_reference(value):
        return []
    try:
        setting_value(key, value)
    except UsageError as error:
        return [f"{place}: {error}"]
    return []


def _verification(one: Verification, rules: list[str]) -> list[str]:
    problems = []
    for meant in (one, one.never, *(one.order or ())):
        if meant is not None:
            found = _pattern(meant)[1]
            problems += [problem if meant.where else f"{one.place(one.kind)}{problem}" for problem in found]
    if one.rule is not None and one.rule not in rules:
        problems.append(f"{one.place('rule')}: no rule is called {one.rule}, expected {', '.join(rules) or 'one'}")
    if one.setting is not None and one.setting not in setting_forms():
        known = near_names(one.setting, setting_forms())
        problems.append(f"{one.place('setting')}: no setting is called {one.setting}, expected {known}")
    return problems


def check_variables(scenario: Scenario, blueprint: Blueprint) -> list[str]:
    """Names of variables in set, ramp, check and verify that a Tap does not have, each with its place."""
    known = [variable.name for variable in blueprint.variables.values()]
    problems = []
    for place, name in _variables(scenario):
        if name not in known and not has_reference(name):
            near = near_names(name, known) if known else "none, for the Tap has no variables"
            problems.append(f"{place}: no variable is called {name}, expected {near}")
    return problems


def _variables(scenario: Scenario) -> Iterable[tuple[str, str]]:
    for rule in scenario.script.rules:
        for action in rule.then:
            yield from ((action.place("set"), name) for name in action.set or {})
            if action.ramp is not None:
                yield action.ramp.place("variable"), action.ramp.variable
    for step in _every_step(scenario):
        if step.check is not None and step.check.variable is not None:
            yield step.check.place("variable"), step.check.variable
    for one in scenario.verify:
        if one.variable is not None:
            yield one.place("variable"), one.variable


def _every_step(scenario: Scenario) -> Iterable[Step]:
    for client in scenario.replay.clients:
        yield from all_steps(client.steps)
    for steps in scenario.procedures.values():
        yield from all_steps(steps)

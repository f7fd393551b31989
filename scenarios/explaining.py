"""Says in plain words what a scenario does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from protocol.client.jsonable import HEX_PREFIX, to_json
from protocol.codes import describe_code
from scenarios.expectations import describe, shown
from scenarios.model.actions import Action, Answer, Corrupt, Wrong
from scenarios.model.common import show_duration
from scenarios.model.replay import ForEach, Step
from scenarios.model.scenario import Scenario
from scenarios.model.script import Rule, When
from scenarios.model.verify import ExchangeFilter, RequestFilter, Verification
from scenarios.stepping import all_steps


def summarize(scenario: Scenario) -> str:
    """One line: what there is of everything."""
    steps = sum(1 for client in scenario.replay.clients for _ in all_steps(client.steps))
    counts = (
        (len(scenario.script.rules), "rule"),
        (len(scenario.replay.clients), "client"),
        (steps, "step"),
        (len(scenario.verify), "verification"),
    )
    parts = ", ".join(f"{number} {thing}{'' if number == 1 else 's'}" for number, thing in counts if number)
    return f"{scenario.name}: {parts or 'a device and nothing else'}"


def explain(scenario: Scenario) -> list[str]:
    """What the file does: the device, each rule, each client's steps, each verification. Secrets are hidden."""
    lines = [scenario.name, *([scenario.purpose] if scenario.purpose else [])]
    lines += ["", "Device", *(f"  {line}" for line in _device(scenario))]
    if scenario.script.rules:
        lines += ["", "The device"]
        lines += [f"  {line}" for rule in scenario.script.rules for line in _rule(rule)]
    for client in scenario.replay.clients:
        lines += ["", f"{client.name}{f' over {client.link}' if client.link else ''}"]
        lines += [f"  {line}" for line in _steps(client.steps)]
    for name, steps in scenario.procedures.items():
        lines += ["", f"To {name}:", *(f"  {line}" for line in _steps(steps))]
    if scenario.verify:
        lines += ["", "At the end", *(f"  {_verification(one)}" for one in scenario.verify)]
    needs = scenario.emulator_parts()
    if needs:
        lines += ["", f"Only an emulator can do: {', '.join(needs)}"]
    return [_masked(line, scenario.secrets) for line in lines]


def _masked(line: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        line = line.replace(secret, "***")
    return line


def _device(scenario: Scenario) -> Iterator[str]:
    device = scenario.device
    blueprint = scenario.blueprint()
    config = device.config if isinstance(device.config, str) else "written here" if device.config else "the demo Tap"
    yield f"firmware {blueprint.firmware}, configuration: {config}"
    clocks = {0.0: "virtual: time moves when a step waits", 1.0: "real"}
    yield f"clock {clocks.get(device.clock, f'{device.clock:g} times as fast as real')}"
    if blueprint.seed is not None:
        yield f"seed {blueprint.seed}: everything random repeats"
    if device.links:
        yield f"listens on {', '.join(device.links)}"
    if device.quirks:
        yield f"quirks {', '.join(device.quirks)}"


def _rule(rule: Rule) -> Iterator[str]:
    limits = []
    if rule.probability < 1:
        limits.append(f"with probability {rule.probability:g}")
    if rule.times is not None:
        limits.append(f"at most {rule.times} time{'' if rule.times == 1 else 's'}")
    if rule.per == "session":
        limits.append("counted for each session")
    yield f"{rule.name}: {_when(rule.when)}" + (f" ({', '.join(limits)})" if limits else "")
    for action in rule.then:
        yield from (f"  {words}" for words in explain_action(action))


def explain_action(action: Action) -> Iterator[str]:
    """What a rule does, a line for each thing."""
    for name, value in action.ordered():
        words = _ACTIONS.get(name)
        yield words(value) if words else f"{name.replace('_', ' ')}: {_plain(value)}"


def _when(when: When) -> str:
    if when.at is not None:
        text = f"{show_duration(when.at)} after the start"
    elif when.period is not None:
        text = f"every {show_duration(when.period)}"
    elif when.event is not None:
        text = f"on {' or '.join(when.event)}"
    else:
        text = f"on {_filter(when)}"
    count = {
        "nth": f", the {when.nth}. time",
        "first": f", the first {when.first} times",
        "after": f", after the first {when.after} times",
        "between": f", from the {when.between[0]}. to the {when.between[1]}. time" if when.between else "",
    }
    text += "".join(words for key, words in count.items() if getattr(when, key) is not None)
    text += f", each {when.every_nth}. time" if when.every_nth is not None else ""
    text += f", answered {_outcome(when.result)}" if when.result is not None else ""
    text += f", with firmware {when.firmware}" if when.firmware is not None else ""
    return text + "".join(f", while {machine} is {state}" for machine, state in when.in_.items())


def _filter(meant: RequestFilter) -> str:
    text = " or ".join(meant.request or ())
    if meant.method is not None:
        text = f"{meant.method.name} {text}"
    text += f" from {meant.user}" if meant.user else ""
    text += f" over {meant.link}" if meant.link else ""
    text += f" in connection {meant.session}" if meant.session else ""
    if meant.encrypted is not None:
        text += " encrypted" if meant.encrypted else " in clear"
    return text + (f" with {describe(meant.value)}" if meant.value is not None else "")


def _outcome(outcome: int | str) -> str:
    if isinstance(outcome, int):
        return describe_code(outcome)
    return {"ok": "with success", "refused": "with a refusal", "any": "in any way"}[outcome]


def _answer(value: Answer) -> str:
    code = "a success" if value.code is None else describe_code(value.code)
    body = value.body if value.body is not None else value.value
    return f"answers {code}{f' with {_plain(body)}' if body is not None else ''}"


def _delay(value: tuple[float, float]) -> str:
    low, high = map(show_duration, value)
    return f"sends the answer {low if low == high else f'{low} to {high}'} later"


def _wrong(value: Sequence[Wrong]) -> str:
    parts = (part.part + (f" {_plain(part.value)}" if part.value is not None else "") for part in value)
    return f"sends a wrong {' and '.join(parts)}"


def _corrupt(value: Corrupt) -> str:
    given = getattr(value, value.way)
    how = value.way if given is None else f"{value.way} {_plain(given)}"
    return f"damages the {value.level} of the answer ({how}{'' if value.byte is None else f' at byte {value.byte}'})"


def _ending(how: str) -> Callable[[str], str]:
    return lambda moment: how + (" without an answer" if moment == "before" else " after the answer")


_ACTIONS: Final[Mapping[str, Callable[[Any], str]]] = {
    "answer": _answer,
    "answer_to": lambda value: f"answers what {value.request} gets",
    "delay": _delay,
    "drop": lambda value: "loses the request" if value == "request" else "executes the request and loses the answer",
    "wrong": _wrong,
    "corrupt": _corrupt,
    "send": lambda value: f"sends {_plain(value)} instead of the answer",
    "close": _ending("closes the connection"),
    "reset": _ending("resets the connection"),
    "reboot": lambda value: "reboots" if value is True else f"reboots, away for {show_duration(value)}",
    "unreachable": lambda value: f"is unreachable for {show_duration(value)}",
    "busy": lambda value: (
        f"is busy for {f'{value.requests} requests' if value.requests else show_duration(value.seconds)}"
    ),
    "ramp": lambda value: f"moves {value.variable} to {value.to:g} over {show_duration(value.over)}",
    "note": str,
}


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return HEX_PREFIX + value.hex()
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_plain(one)}" for key, one in value.items())
    if hasattr(value, "model_fields_set"):
        parts = ((name.rstrip("_"), getattr(value, name)) for name in sorted(value.model_fields_set))
        return ", ".join(f"{name} {_plain(one)}" for name, one in parts)
    return str(value) if isinstance(value, str) else shown(to_json(value))


def _steps(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        yield _step(step)
        blocks = step.inner
        for number, block in enumerate(blocks, start=1):
            if len(blocks) > 1:
                yield f"  side {number}:"
            yield from (f"  {'  ' if len(blocks) > 1 else ''}{line}" for line in _steps(block))


def _step(step: Step) -> str:
    text = _doing(step)
    if step.capture:
        text += "; keeps " + ", ".join(f"{path or 'the answer'} as {name}" for name, path in step.capture.items())
    if step.timeout is not None:
        text += f"; waits at most {show_duration(step.timeout)}"
    if step.expect is not None:
        text += f"; expects {_expected(step)}"
    return text + (f" ({step.note})" if step.note and step.action != "note" else "")


def _doing(step: Step) -> str:
    return _request(step) if step.action == "request" else _STEPS[step.action](step.parameter)


def _request(step: Step) -> str:
    instance = f" of {step.instance}" if step.instance is not None else ""
    body = step.body if step.body is not None else step.value
    return f"asks {step.request}{instance}{f' with {_plain(body)}' if body is not None else ''}"


def _for_each(value: ForEach) -> str:
    if isinstance(value.table, list):
        return f"for each of {len(value.table)} rows:"
    return f"for each row of {value.table}:"


_STEPS: Final[Mapping[str, Callable[[Any], str]]] = {
    "connect": lambda value: "connects" if value is True else f"connects over {value}",
    "disconnect": lambda _: "disconnects",
    "login": lambda value: f"logs in as {value.user}",
    "logout": lambda _: "logs out",
    "encrypt": lambda value: "turns encryption on" if value else "turns encryption off",
    "iv_period": lambda value: f"changes the initialization vector every {value} frames",
    "refresh_iv": lambda _: "makes a new initialization vector",
    "raw": lambda value: f"sends {_plain(value)}",
    "wait": lambda value: f"waits {value if isinstance(value, str) else show_duration(value)}",
    "for_each": _for_each,
    "repeat": lambda value: f"{value.times} times:",
    "parallel": lambda _: "side by side:",
    "do": lambda value: f"does {value}",
    "check": lambda value: f"checks that {value.variable or value.setting} is {describe(value.expectation)}",
    "snapshot": lambda value: f"keeps the state as {value}",
    "restore": lambda value: f"goes back to the state {value}",
    "note": str,
}


def _expected(step: Step) -> str:
    expect = step.expect
    assert expect is not None
    if expect.error is not None:
        return f"the error {expect.error}"
    parts = [] if expect.status == "ok" and expect.raw is not None else [f"an answer {_outcome(expect.status)}"]
    if expect.value is not None:
        parts.append(describe(expect.value))
    parts += [f"the bytes {_plain(one)}" for one in (expect.body, expect.raw) if one is not None]
    if expect.within is not None:
        parts.append(f"within {show_duration(expect.within)}")
    return ", ".join(parts)


def _meant(meant: ExchangeFilter) -> str:
    text = f"the event {meant.event}" if meant.event is not None else _filter(meant)
    return text + (f" answered {_outcome(meant.status)}" if meant.status is not None else "")


def _verification(one: Verification) -> str:
    within = f" within {show_duration(one.within)}" if one.within is not None else ""
    match one.kind:
        case "request" | "event":
            return f"there was {_meant(one)} {_times(one)}{within}"
        case "never":
            assert one.never is not None
            return f"there was never {_meant(one.never)}{within}"
        case "order":
            return f"there were in this order: {', then '.join(map(_meant, one.order or ()))}{within}"
        case "rule":
            return f"the rule {one.rule} acted {_times(one)}"
        case "nothing_unexpected":
            return "there was nothing unexpected"
        case _:
            return f"{one.setting or one.variable} is {describe(one.expectation)}"


def _times(one: Verification) -> str:
    times = one.times
    if times.max == times.min:
        return f"{times.min} time{'' if times.min == 1 else 's'}"
    return f"at least {times.min} times" if times.max is None else f"{times.min} to {times.max} times"

"""Whether what had to happen has happened: the `verify` part of a scenario."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from emulator.journal import Record
from protocol.errors import UsageError
from scenarios.expectations import compile_expectation
from scenarios.expectations import describe as describe_value
from scenarios.model import ExchangeFilter, Times, Verification
from scenarios.run import looking
from scenarios.run.filters import Entry, Evidence, describe, is_meant, nearest
from scenarios.run.judging import judge_value
from scenarios.run.outcome import Result
from scenarios.run.wishes import NotHereError

_LISTED: Final = 5
"""Requests that a miss lists."""


def verify(items: Sequence[Verification], evidence: Evidence) -> list[Result]:
    """What came of each of them."""
    return [_verify(item, items, evidence) for item in items]


def _verify(item: Verification, items: Sequence[Verification], evidence: Evidence) -> Result:
    try:
        return _judge(item, items, evidence)
    except UsageError as error:
        return _miss(item, f"verify {item.kind}", str(error), "a pattern of requests", "none", [])


def _judge(item: Verification, items: Sequence[Verification], evidence: Evidence) -> Result:
    match item.kind:
        case "request" | "event":
            return _counted(item, evidence)
        case "never":
            return _never(item, evidence)
        case "order":
            return _ordered(item, evidence)
        case "setting":
            return _state(item, item.setting, lambda name: looking.setting(evidence.device, name))
        case "variable":
            return _state(item, item.variable, lambda name: looking.variable(evidence.device, name))
        case "rule":
            return judge_rule(item, evidence.rules)
        case "nothing_unexpected":
            return _nothing_unexpected(item, items, evidence)


def _counted(item: Verification, evidence: Evidence) -> Result:
    entries = evidence.until(item.within)
    found = [entry for entry in entries if is_meant(item, entry, evidence)]
    text = describe(item)
    if _fits(len(found), item.times):
        return Result(text, item.where)
    return _miss(
        item,
        text,
        "it did not happen as often as it had to" if len(found) < item.times.min else "it happened too often",
        f"{_times(item.times)}{_within(item)}",
        _often(len(found)),
        [*_told(found, evidence), *(nearest(item, entries, evidence) if len(found) < item.times.min else ())],
    )


def _never(item: Verification, evidence: Evidence) -> Result:
    unwanted = item.never
    assert unwanted is not None
    found = [entry for entry in evidence.until(item.within) if is_meant(unwanted, entry, evidence)]
    text = f"never {describe(unwanted)}"
    if not found:
        return Result(text, item.where)
    return _miss(item, text, "it happened", f"never{_within(item)}", _often(len(found)), _told(found, evidence))


def _ordered(item: Verification, evidence: Evidence) -> Result:
    text = f"order {'; '.join(map(describe, item.order))}"
    entries = evidence.until(item.within)
    position = 0
    before = "from the start"
    for wanted in item.order:
        rest = entries[position:]
        found = next((number for number, entry in enumerate(rest) if is_meant(wanted, entry, evidence)), None)
        if found is None:
            earlier = [entry for entry in entries[:position] if is_meant(wanted, entry, evidence)]
            notes = [f"before that: {line.removeprefix('found: ')}" for line in _told(earlier, evidence)]
            notes += nearest(wanted, rest, evidence)
            return _miss(item, text, "the order is another one", f"{describe(wanted)} {before}", "none", notes)
        before = f"after {evidence.tell(rest[found])}"
        position += found + 1
    return Result(text, item.where)


def _state(item: Verification, name: str | None, look: Callable[[str], Any]) -> Result:
    assert name is not None
    text = f"{item.kind} {name}"
    try:
        value = look(name)
    except NotHereError as error:
        return _miss(item, text, str(error), describe_value(item.expectation), "nothing", [])
    miss = judge_value(compile_expectation(item.expectation), value)
    if miss is None:
        return Result(text, item.where)
    return _miss(item, text, miss.reason, miss.expected, miss.got, [])


def judge_rule(item: Verification, acted: Mapping[str, int]) -> Result:
    """Whether a rule of the script has acted as often as it had to.

    Args:
        acted: how often each has, by name.
    """
    text = f"rule {item.rule}"
    count = acted.get(str(item.rule), 0)
    if _fits(count, item.times):
        return Result(text, item.where)
    others = [f"rule {name} acted {_often(number)}" for name, number in acted.items() if name != item.rule]
    return _miss(item, text, "the rule did not act as often", _times(item.times), _often(count), others)


def _nothing_unexpected(item: Verification, items: Sequence[Verification], evidence: Evidence) -> Result:
    named = list(_filters(items))
    left = [
        entry
        for entry in evidence.entries
        if isinstance(entry, Record)
        and _is_odd(entry)
        and entry.number not in evidence.accounted
        and not any(is_meant(wanted, entry, evidence) for wanted in named)
    ]
    if not left:
        return Result("nothing unexpected", item.where)
    return _miss(
        item,
        "nothing unexpected",
        "requests were refused, or were none",
        "none",
        _often(len(left)),
        _told(left, evidence),
    )


def _filters(items: Iterable[Verification]) -> Iterator[ExchangeFilter]:
    for item in items:
        if item.kind == "request":
            yield item
        elif item.kind == "order":
            yield from item.order


def _is_odd(entry: Record) -> bool:
    """Refused, or no request at all, without the script having had a part in it."""
    return not entry.rules and (entry.response is None or not entry.response.success)


def _fits(count: int, times: Times) -> bool:
    return times.min <= count and (times.max is None or count <= times.max)


def _times(times: Times) -> str:
    if times.max is None:
        return "at least once" if times.min == 1 else f"at least {times.min} times"
    return _often(times.min) if times.min == times.max else f"{times.min} to {times.max} times"


def _often(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


def _within(item: Verification) -> str:
    return "" if item.within is None else f" within {item.within:g} s"


def _told(found: Sequence[Entry], evidence: Evidence) -> list[str]:
    lines = [f"found: {evidence.tell(entry)}" for entry in found[:_LISTED]]
    return lines if len(found) <= _LISTED else [*lines, f"and {len(found) - _LISTED} more"]


def _miss(item: Verification, text: str, reason: str, expected: str, got: str, notes: Sequence[str]) -> Result:
    return Result(text, item.where, "failed", reason=reason, expected=expected, got=got, notes=tuple(notes))

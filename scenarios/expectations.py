"""Compiles expectations, and says where a value differs from them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from protocol.client.jsonable import HEX_PREFIX
from protocol.errors import UsageError
from scenarios.model.expectations import check_form, is_comparison

MISSING: Final = "nothing"
"""What messages say of a field that is not there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be.

    Args:
        path: of the field, such as ``users.0.name``; empty for the whole value.
        expected: in words or as the literal.
        got: the value found there.
    """

    path: str
    expected: str
    got: Any

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}expected {self.expected}, got {shown(self.got)}"


Checker = Callable[[Any, str], list[Difference]]


class CompiledExpectation:
    """An expectation that is ready to be checked many times."""

    __slots__ = ("_checker", "expectation")

    def __init__(self, expectation: Any) -> None:
        self.expectation = expectation
        self._checker = _compile(expectation)

    def check(self, value: Any, path: str = "") -> list[Difference]:
        """All differences of a value in its JSON form; none if it is as expected."""
        return self._checker(value, path)

    def matches(self, value: Any) -> bool:
        """Whether the value is as expected."""
        return not self._checker(value, "")


def compile_expectation(expectation: Any) -> CompiledExpectation:
    """Compiles a literal, a mapping of operators, or a mapping of fields.

    ``${..}`` have to be filled in already. Numbers are equal whatever their type; true is not 1.

    Raises:
        UsageError: what was filled in makes a comparison that has no meaning.
    """
    try:
        check_form(expectation)
    except ValueError as error:
        raise UsageError(f"the expectation {error}") from error
    return CompiledExpectation(expectation)


def _compile(expectation: Any) -> Checker:
    if is_comparison(expectation):
        checkers = [_OPERATORS[operator](operand) for operator, operand in expectation.items()]
        return (
            checkers[0] if len(checkers) == 1 else lambda value, path: [d for one in checkers for d in one(value, path)]
        )
    if isinstance(expectation, Mapping):
        return _fields({str(key): _compile(one) for key, one in expectation.items()})
    if isinstance(expectation, list):
        return _elements([_compile(one) for one in expectation])
    return _equals(expectation)


def _fields(checkers: Mapping[str, Checker]) -> Checker:
    def check(value: Any, path: str) -> list[Difference]:
        if not isinstance(value, Mapping):
            return [Difference(path, f"a record with {', '.join(checkers)}", value)]
        found: list[Difference] = []
        for name, checker in checkers.items():
            here = f"{path}.{name}" if path else name
            if name in value:
                found += checker(value[name], here)
            else:
                found.append(Difference(here, "a field of this name", MISSING))
        return found

    return check


def _elements(checkers: list[Checker]) -> Checker:
    def check(value: Any, path: str) -> list[Difference]:
        if not isinstance(value, list):
            return [Difference(path, f"a list of {len(checkers)}", value)]
        found = []
        if len(value) != len(checkers):
            found.append(Difference(path, f"a list of {len(checkers)}", value))
        for number, (checker, one) in enumerate(zip(checkers, value, strict=False)):
            found += checker(one, f"{path}.{number}" if path else str(number))
        return found

    return check


def equal(first: Any, second: Any) -> bool:
    """Whether two values in JSON form are the same; bytes whatever the case of their digits."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, str) and isinstance(second, str) and first != second:
        return first.startswith(HEX_PREFIX) and first.lower() == second.lower()
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(equal, first, second))
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(equal(one, second[key]) for key, one in first.items())
    return bool(first == second)


def _test(expected: str, test: Callable[[Any], bool]) -> Checker:
    return lambda value, path: [] if test(value) else [Difference(path, expected, value)]


def _equals(operand: Any) -> Checker:
    return _test(shown(operand), lambda value: equal(operand, value))


def _not(operand: Any) -> Checker:
    checker = _compile(operand)
    words = describe(operand)
    return _test(f"not {words}", lambda value: bool(checker(value, "")))


def _range(operand: Any) -> Checker:
    low, high = operand

    def inside(value: Any) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return (low is None or value >= low) and (high is None or value <= high)

    return _test(describe({"range": operand}), inside)


def _pattern(operand: Any) -> Checker:
    compiled = re.compile(operand)
    return _test(
        describe({"pattern": operand}), lambda value: isinstance(value, str) and compiled.search(value) is not None
    )


def _length(operand: Any) -> Checker:
    checker = _compile(operand)

    def check(value: Any, path: str) -> list[Difference]:
        size = length(value)
        if size is None:
            return [Difference(path, f"something with the length {describe(operand)}", value)]
        if checker(size, ""):
            return [Difference(path, f"the length {describe(operand)}, not {size}", value)]
        return []

    return check


def length(value: Any) -> int | None:
    """Bytes, characters, elements or fields of a value; None if it has none."""
    if isinstance(value, str) and value.startswith(HEX_PREFIX):
        return (len(value) - len(HEX_PREFIX)) // 2
    return len(value) if isinstance(value, str | list | Mapping) else None


def _contains(operand: Any) -> Checker:
    checker = _compile(operand)

    def contains(value: Any) -> bool:
        if isinstance(value, list):
            return any(not checker(one, "") for one in value)
        if isinstance(value, Mapping):
            return operand in value
        if not isinstance(value, str) or not isinstance(operand, str):
            return False
        if value.startswith(HEX_PREFIX) and operand.startswith(HEX_PREFIX):
            return bytes.fromhex(operand.removeprefix(HEX_PREFIX)) in bytes.fromhex(value.removeprefix(HEX_PREFIX))
        return operand in value

    return _test(describe({"contains": operand}), contains)


def _one_of(operand: Any) -> Checker:
    checkers = [_compile(one) for one in operand]
    return _test(describe({"one_of": operand}), lambda value: any(not checker(value, "") for checker in checkers))


_OPERATORS: Final[Mapping[str, Callable[[Any], Checker]]] = {
    "equals": _equals,
    "not": _not,
    "range": _range,
    "pattern": _pattern,
    "length": _length,
    "contains": _contains,
    "one_of": _one_of,
}


def describe(expectation: Any) -> str:
    """An expectation in words: ``1 to 10``, ``text like ^a``."""
    if is_comparison(expectation):
        return " and ".join(_describe_operator(operator, operand) for operator, operand in expectation.items())
    if isinstance(expectation, Mapping):
        return ", ".join(f"{name} {describe(one)}" for name, one in expectation.items())
    return shown(expectation)


def _describe_operator(operator: str, operand: Any) -> str:
    match operator, operand:
        case "range", [None, high]:
            return f"at most {high}"
        case "range", [low, None]:
            return f"at least {low}"
        case "range", [low, high]:
            return f"{low} to {high}"
        case "one_of", list():
            return f"one of {', '.join(map(describe, operand))}"
        case "equals", _:
            return shown(operand)
        case "not", _:
            return f"not {describe(operand)}"
        case "pattern", _:
            return f"text like {operand}"
        case "contains", _:
            return f"something that contains {describe(operand)}"
        case _:
            return f"{operator} {describe(operand)}"


_LONGEST: Final = 200


def shown(value: Any) -> str:
    """A value as messages repeat it."""
    if value is MISSING:
        return MISSING
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."

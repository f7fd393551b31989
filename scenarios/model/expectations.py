"""Model of expectations: how a file says what a value has to be."""

import re
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from emulator.config.fields import Of
from emulator.config.kinds import Kind, shown
from scenarios.model.backtracking import may_take_for_ever
from scenarios.model.common import (
    Duration,
    HexOrReference,
    Maybe,
    Model,
    Natural,
    Outcome,
    Value,
    choice,
    has_reference,
    option,
    plain_value,
)

OPERATORS: Final = ("equals", "not", "range", "pattern", "length", "contains", "one_of")
"""Keys that compare; a mapping with other keys is about the fields of the value."""


def is_comparison(expectation: object) -> bool:
    """Whether it is a mapping of operators, not of fields and not a literal."""
    return isinstance(expectation, dict) and bool(expectation) and all(key in OPERATORS for key in expectation)


def check_form(expectation: Any) -> None:
    """Raises ValueError if an expectation (of plain values) has no meaning."""
    if is_comparison(expectation):
        for operator, operand in expectation.items():
            if not has_reference(operand):
                _check_operand(operator, operand)
    elif isinstance(expectation, dict | list):
        for value in expectation.values() if isinstance(expectation, dict) else expectation:
            check_form(value)


def _check_operand(operator: str, operand: Any) -> None:
    match operator:
        case "range":
            _check_range(operand)
        case "pattern":
            _check_pattern(operand)
        case "one_of" if not (isinstance(operand, list) and operand):
            raise ValueError(f"has one_of: {shown(operand)}, expected a list of values")
        case "length" | "not" | "contains" | "one_of":
            check_form(operand)


def _check_range(value: Any) -> None:
    ends = value if isinstance(value, list) and len(value) == 2 else []
    numbers = [end for end in ends if isinstance(end, int | float) and not isinstance(end, bool)]
    if not numbers or len(numbers) + ends.count(None) < 2:
        raise ValueError("has a range that is none, expected [lowest, highest], one of which may be null")
    if numbers[0] > numbers[-1]:
        raise ValueError(f"has the range {numbers}, expected the lowest first")


_LONGEST_PATTERN: Final = 1000
"""Characters."""


def _check_pattern(value: Any) -> None:
    try:
        re.compile(value)
    except (re.error, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"has a pattern that is none ({error}), expected a regular expression") from error
    if len(value) > _LONGEST_PATTERN:
        raise ValueError(f"has a pattern of {len(value)} characters, expected at most {_LONGEST_PATTERN}")
    if may_take_for_ever(value):
        raise ValueError(
            "has a pattern that repeats a repetition or a choice, which may take for ever, "
            "expected ++ or *+ for the inner one, or (?>...) around it"
        )


def _read_expectation(value: Any) -> Any:
    read = plain_value(value)
    check_form(read)
    return read


class _ExpectationKind(Kind[Any]):
    """Keeps the message of what is wrong inside the expectation."""

    def parse(self, value: object) -> Any:
        """The value, or a ValueError that says what is wrong."""
        return self.read(value)


Expectation = Annotated[Any, Of(_ExpectationKind("a value or a comparison", _read_expectation, str, {}))]
"""A literal, a mapping of `OPERATORS`, or a mapping of fields; `scenarios.expectations` compiles it."""


_EXPECTED: Final = {"range": "[lowest, highest]", "pattern": "a regular expression", "one_of": "a list"}


def _operator(operator: str, schema: dict[str, Any]) -> Of:
    def read(value: Any) -> Any:
        plain = plain_value(value)
        check_form({operator: plain})
        return plain

    return Of(_ExpectationKind(_EXPECTED[operator], read, str, schema))


_Range = Annotated[Any, _operator("range", {"type": "array", "minItems": 2, "maxItems": 2})]
_Pattern = Annotated[Any, _operator("pattern", {"type": "string", "format": "regex"})]
_OneOf = Annotated[Any, _operator("one_of", {"type": "array", "minItems": 1})]


class Comparison(Model):
    """Operators that a mapping may have beside its own keys."""

    equals: Value = option("The value has to be this.", examples=[42])
    not_: Expectation = option("What the value must not be: a value or a comparison.", alias="not", examples=[0])
    range: _Range = option("Lowest and highest number, both allowed; null is no limit.", examples=[[1, 10]])
    pattern: _Pattern = option("Regular expression that is found in the text.", examples=["^IoTize"])
    length: Expectation = option("Number of characters, bytes, elements or fields; may be a comparison.", examples=[8])
    contains: Expectation = option("Part of the text or bytes, or an element of the list.", examples=["tap"])
    one_of: _OneOf = option("Values, one of which it has to be.", examples=[[1, 2]])

    @property
    def expectation(self) -> dict[str, Any] | None:
        """The operators that are there as one expectation; None if there is none."""
        names = {"not" if name == "not_" else name for name in self.model_fields_set}
        given: dict[str, Any] = {}
        for key in OPERATORS:
            if key in names:
                given[key] = getattr(self, "not_" if key == "not" else key)
        return given or None


class Expect(Model):
    """What a client expects of the answer to one step."""

    status: Outcome = Field(
        default="ok",
        description="Result: ok (any success), refused, any, or a code by name or number.",
        examples=["UNAUTHORIZED"],
    )
    value: Expectation = option(
        "What the decoded answer has to be: a value, a comparison, or a mapping of fields.", examples=[42]
    )
    body: Maybe[HexOrReference] = option("Bytes of the body of the answer.", examples=["hex:0102"])
    raw: Maybe[HexOrReference] = option("Bytes that come back for `raw`.", examples=["hex:9000"])
    error: Maybe[Annotated[str, choice("timeout", "closed", "integrity", "login", "link", "any")]] = option(
        "How the step has to fail instead of getting an answer.", examples=["timeout"]
    )
    within: Maybe[Duration] = option("Time in which the answer has to be there.", examples=["500ms"])

    @model_validator(mode="after")
    def _error_alone(self) -> "Expect":
        if self.error is not None and self.model_fields_set & {"status", "value", "body", "raw"}:
            raise ValueError("has error beside an answer, expected one of them")
        return self


class Times(Model):
    """How often."""

    min: Natural = Field(default=0, description="At the least.", examples=[1])
    max: Maybe[Natural] = option("At the most; without it there is no limit.", examples=[3])

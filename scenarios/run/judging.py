"""Whether a step has brought what it was expected to."""

from typing import Any

from scenarios.expectations import CompiledExpectation, compile_expectation, describe, shown
from scenarios.model import Step
from scenarios.model.common import has_reference
from scenarios.run.answers import Answer, Miss, judge_error, judge_status, judge_time
from scenarios.run.requests import Fill, to_bytes


class Judge:
    """Judges answers; what it has compiled for a step serves again."""

    def __init__(self) -> None:
        self._compiled: dict[int, CompiledExpectation] = {}
        """Expectations that are always the same, by the identity of their step."""

    def judge(self, step: Step, answer: Answer, elapsed: float, fill: Fill) -> Miss | None:
        """Why the answer is not the expected one; None if it is.

        Args:
            elapsed: seconds that the step took.

        Raises:
            UsageError: the expectation cannot be filled in.
        """
        if step.check is not None:
            return judge_value(self._compile(step, step.check.expectation, fill), answer.value)
        expect = step.expect
        if expect is None:
            return judge_status("ok", answer)
        miss = judge_error(expect.error, answer) if expect.error is not None else judge_status(expect.status, answer)
        if miss is None and "value" in expect.model_fields_set:
            miss = judge_value(self._compile(step, expect.value, fill), answer.value)
        for data in (expect.body, expect.raw):
            if miss is None and data is not None:
                miss = _judge_bytes(to_bytes(fill(data)), answer)
        if miss is None and expect.within is not None:
            miss = judge_time(expect.within, elapsed)
        return miss

    def _compile(self, step: Step, expectation: Any, fill: Fill) -> CompiledExpectation:
        compiled = self._compiled.get(id(step))
        if compiled is None:
            compiled = compile_expectation(fill(expectation))
            if not has_reference(expectation):
                self._compiled[id(step)] = compiled
        return compiled


def judge_value(expected: CompiledExpectation, value: Any) -> Miss | None:
    """How a value differs from what was expected; None if it does not."""
    found = expected.check(value)
    if not found:
        return None
    places = [each.path for each in found if each.path]
    reason = f"the value differs in {', '.join(places)}" if places else "the value is another one"
    return Miss(reason, describe(expected.expectation), shown(value))


def _judge_bytes(expected: bytes, answer: Answer) -> Miss | None:
    if answer.body == expected:
        return None
    return Miss("the answer has another body", f"hex:{expected.hex()}", f"hex:{answer.body.hex()} ({answer})")

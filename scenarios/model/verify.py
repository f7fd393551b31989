"""Model of `verify`: what must have happened at the end."""

from typing import Annotated, Any, Final, Literal

from pydantic import model_validator

from emulator.config import kinds
from emulator.config.fields import Of
from emulator.journal import EVENT_KINDS
from scenarios.model.common import (
    Duration,
    Flag,
    Maybe,
    MethodName,
    Model,
    Name,
    OnlyTrue,
    Outcome,
    Short,
    option,
    wrapped,
)
from scenarios.model.expectations import Comparison, Expectation, Times

EVENTS: Final = tuple(kind for kind in EVENT_KINDS if kind != "script")
"""What a scenario can wait for; notes are its own."""
EventName = Annotated[str, Of(kinds.choice(*EVENTS))]

VerificationKind = Literal["request", "never", "order", "event", "setting", "variable", "nothing_unexpected", "rule"]
KINDS: Final = ("request", "never", "order", "event", "setting", "variable", "nothing_unexpected", "rule")


class RequestFilter(Model):
    """Which exchanges are meant; what is not said does not matter."""

    request: Maybe[Annotated[tuple[Name, ...], wrapped(str)]] = option(
        "Calls by name, glob of names, path, or path with *; or a list of them.", examples=["group.*"]
    )
    method: Maybe[MethodName] = option("Method.", examples=["GET"])
    user: Maybe[Name] = option("Name of the group that is logged in.", examples=["admin"])
    link: Maybe[Name] = option("Scheme or URL of the link.", examples=["tcp"])
    session: Maybe[Annotated[int, Of(kinds.integer(1, 1_000_000))]] = option(
        "The n-th connection since the start.", examples=[2]
    )
    encrypted: Maybe[Flag] = option("Whether it came encrypted.", examples=[True])
    value: Expectation = option("What the decoded body of the request has to be.", examples=[{"password": "x"}])


class ExchangeFilter(RequestFilter):
    """Exchanges together with how they ended."""

    status: Maybe[Outcome] = option("Result that the Tap gave: ok, refused, any, or a code.", examples=["ok"])
    event: Maybe[EventName] = option("Kind of an event of the Tap.", examples=["login-failed"])

    @model_validator(mode="after")
    def _subject(self) -> "ExchangeFilter":
        if type(self) is ExchangeFilter and (self.request is None) == (self.event is None):
            raise ValueError("has no subject, expected either request or event")
        return self


def _filter(value: Any) -> Any:
    """A pattern alone is a filter by request."""
    return {"request": value} if isinstance(value, str) else value


def _times(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    number = kinds.integer(0, 1_000_000).parse(value)
    return {"min": number, "max": number}


class Verification(ExchangeFilter, Comparison):
    """One thing that has to be true."""

    count: Maybe[Annotated[Times, Short(_times, {"type": "integer", "minimum": 0})]] = option(
        "How often: a number, or min and max; at least once if nothing is said.", examples=[2, {"min": 1, "max": 3}]
    )
    within: Maybe[Duration] = option("Only what happened in this time after the start counts.", examples=["5s"])
    never: Maybe[Annotated[ExchangeFilter, Short(_filter, {"type": "string"})]] = option(
        "Exchanges or events that must not be there.", examples=[{"request": "device.reboot"}]
    )
    order: tuple[Annotated[ExchangeFilter, Short(_filter, {"type": "string"})], ...] = option(
        "Exchanges that have to come one after the other; others may be between them.",
        examples=[["interface.login", "interface.logout"]],
    )
    setting: Maybe[Name] = option(
        "Key of a setting whose value is compared at the end.", examples=["interface.app_name"]
    )
    variable: Maybe[Name] = option("Name of a variable whose value is compared at the end.", examples=["lamp"])
    nothing_unexpected: Maybe[OnlyTrue] = option(
        "No exchange is left that no other verification and no step accounts for.", examples=[True]
    )
    rule: Maybe[Name] = option(
        "Name of a rule of the script that has to have acted.", examples=["lose the second answer"]
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "Verification":
        found = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(found) != 1:
            said = f"verifies {' and '.join(found)}" if found else "verifies nothing"
            raise ValueError(f"{said}, expected one of {', '.join(KINDS)}")
        fitting = _FITTING[found[0]] | {found[0]}
        for key in sorted(self.model_fields_set - fitting):
            expected = ", ".join(sorted(_FITTING[found[0]])) or "nothing else"
            raise ValueError(f"has {key.rstrip('_')}, which does not go with {found[0]}, expected {expected}")
        if found[0] in ("setting", "variable") and self.expectation is None:
            raise ValueError("compares nothing, expected for example equals")
        return self

    @property
    def kind(self) -> VerificationKind:
        """Which of the things it verifies."""
        found: VerificationKind = next(kind for kind in KINDS if getattr(self, kind) is not None)
        return found

    @property
    def times(self) -> Times:
        """How often; at least once if the file says nothing."""
        return Times(min=1) if self.count is None else self.count


_COMPARE: Final = frozenset(Comparison.model_fields)
_FITTING: Final = {
    "request": frozenset({*RequestFilter.model_fields, "status", "count", "within"}),
    "event": frozenset({"count", "within", "user", "link", "session"}),
    "rule": frozenset({"count"}),
    "setting": _COMPARE,
    "variable": _COMPARE,
    "never": frozenset({"within"}),
    "order": frozenset({"within"}),
    "nothing_unexpected": frozenset(),
}

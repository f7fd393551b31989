"""Model of `script`: what the device does, whoever talks to it."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from emulator.config import kinds
from emulator.config.fields import Of
from emulator.config.kinds import Kind
from scenarios.model.actions import Action, Busy, Ramp, Split, TargetError
from scenarios.model.common import (
    DURATION,
    Count,
    Duration,
    Firmwares,
    Maybe,
    Model,
    Name,
    Outcome,
    listed,
    mapped,
    option,
    read_duration,
    wrapped,
)
from scenarios.model.verify import EventName, RequestFilter

__all__ = ["Action", "Busy", "Machine", "Ramp", "Rule", "ScriptSpec", "Split", "TargetError", "When"]

Per = Literal["tap", "session"]
_PER: Final = Of(kinds.choice("tap", "session"))


class Machine(Model):
    """Named states that rules ask for (`in`) and change (`enter`). The first state is the start."""

    states: tuple[Name, ...] = Field(description="All states; the first is the start.", examples=[["idle", "running"]])
    per: Annotated[Per, _PER] = Field(
        default="tap", description="Whether each session has a state of its own.", examples=["session"]
    )

    @model_validator(mode="after")
    def _states_differ(self) -> "Machine":
        if not self.states or len(set(self.states)) < len(self.states):
            raise ValueError("has no states or one of them twice, expected different names")
        return self


def _read_every(value: Any) -> float:
    seconds = read_duration(value)
    if seconds <= 0:
        raise ValueError
    return seconds


EVERY: Final = Kind("a duration such as 10s, or a number of matches", _read_every, str, DURATION.schema)


def _pair(low: int, high: int) -> Kind[tuple[int, int]]:
    one = kinds.integer(low, high)

    def read(value: Any) -> tuple[int, int]:
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError
        first, last = one.read(value[0]), one.read(value[1])
        if first > last:
            raise ValueError
        return first, last

    schema = {"type": "array", "items": one.schema, "minItems": 2, "maxItems": 2}
    return Kind("[first, last] of whole numbers", read, str, schema)


class When(RequestFilter):
    """When a rule acts: one trigger (request, event, at, every alone), filters, and counts of matches."""

    event: Maybe[Annotated[tuple[EventName, ...], wrapped(str)]] = option(
        "Kind of event, or a list of them.", examples=["login-failed"]
    )
    at: Maybe[Duration] = option("Once, so long after the start.", examples=["30s"])
    every: Maybe[Annotated[float, Of(EVERY)]] = option(
        "Alone: again and again after this time. With request or event: each n-th match.", examples=["10s", 5]
    )
    firmware: Maybe[Firmwares] = option("Only while the firmware is one of these.", examples=[">=1.86"])
    in_: dict[Name, Name] = Field(
        default_factory=dict,
        alias="in",
        description="Only while machines are in these states.",
        examples=[{"download": "running"}],
    )
    result: Maybe[Outcome] = option(
        "Only if the answer of the Tap is this; the rule then acts after the execution.", examples=["ok"]
    )
    nth: Maybe[Count] = option("Only the n-th match.", examples=[3])
    first: Maybe[Count] = option("Only the first n matches.", examples=[2])
    after: Maybe[Count] = option("Only matches after the n-th.", examples=[4])
    between: Maybe[Annotated[tuple[int, int], Of(_pair(1, 1_000_000))]] = option(
        "Only matches from one number to another, both included.", examples=[[3, 5]]
    )

    @model_validator(mode="after")
    def _one_trigger(self) -> "When":
        given = [key for key in ("request", "event", "at") if getattr(self, key) is not None]
        counted = [key for key in _COUNTS if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"has {' and '.join(given)}, expected one trigger")
        if not given and self.every is None:
            raise ValueError("has no trigger, expected request, event, at or every")
        if not given or given == ["at"]:
            if counted or (given and self.every is not None):
                raise ValueError(f"counts matches of time, expected only {given[0] if given else 'every'}")
            self._only({"at", "every", "firmware", "in_"}, given[0] if given else "every")
        if given == ["event"]:
            self._only({"event", "user", "link", "session", "firmware", "in_", "every", *_COUNTS}, "event")
        if self.every is not None and given and self.every != int(self.every):
            raise ValueError(f"has every: {self.every:g}, expected a whole number of matches")
        if len(counted) + (self.every is not None) > 1:
            both = [*counted, *(["every"] if self.every is not None else [])]
            raise ValueError(f"has {' and '.join(both)}, expected one way to count")
        return self

    def _only(self, fitting: set[str], trigger: str) -> None:
        for key in sorted(self.model_fields_set - fitting):
            raise ValueError(f"has {key}, which does not go with {trigger}, expected it with request only")

    @property
    def period(self) -> float | None:
        """Seconds, where time alone triggers again and again."""
        return None if self.request is not None or self.event is not None else self.every

    @property
    def every_nth(self) -> int | None:
        """Each n-th match."""
        return None if self.every is None or self.period is not None else int(self.every)


_COUNTS: Final = ("nth", "first", "after", "between")


def _read_probability(value: Any) -> float:
    number = kinds.number().read(value)
    if not 0 <= number <= 1:
        raise ValueError
    return number


PROBABILITY: Final = Kind(
    "a number from 0 to 1", _read_probability, str, {"type": "number", "minimum": 0, "maximum": 1}
)


class Rule(Model):
    """Something that the device does when something happens."""

    name: Name = Field(default="", description="What reports call it; `rule N` if nothing is said.", examples=["slow"])
    when: When = Field(description="When it acts.", examples=[{"request": "group.*"}])
    then: Annotated[tuple[Action, ...], wrapped(dict)] = Field(
        description="What it does: a mapping of actions, or a list of such; done in order.", examples=[{"delay": "2s"}]
    )
    times: Maybe[Count] = option("How often at the most.", examples=[1])
    probability: Annotated[float, Of(PROBABILITY)] = Field(
        default=1.0, description="How likely it acts when it could, under the seed.", examples=[0.1]
    )
    per: Annotated[Per, _PER] = Field(
        default="tap", description="Whose matches and budget are counted: tap or session.", examples=["session"]
    )


class ScriptSpec(Model):
    """What the device does, whoever talks to it."""

    machines: dict[Name, Machine] = mapped("State machines.", examples=[{"download": {"states": ["idle", "running"]}}])
    rules: tuple[Rule, ...] = listed(
        "Rules; all that match act, in order.", examples=[[{"when": {"request": "group.*"}, "then": {"delay": "2s"}}]]
    )

    @model_validator(mode="after")
    def _names_differ(self) -> "ScriptSpec":
        rules = [
            rule if rule.name else rule.model_copy(update={"name": f"rule {number}"})
            for number, rule in enumerate(self.rules, start=1)
        ]
        names = [rule.name for rule in rules]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"has {names.count(name)} rules called {name}, expected a name of its own for each")
        self.__dict__["rules"] = tuple(rules)
        return self

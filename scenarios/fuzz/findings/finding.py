"""One finding: what a client did wrong in a case, with everything that is needed to see it again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, get_type_hints

from scenarios.fuzz.judging.visible import visible
from scenarios.fuzz.observation import Judgement, Observation, Verdict
from scenarios.run.telling import tell_all

_MOST_OUTPUT: Final = 0x10000
_MOST_LINES: Final = 400
"""Of the exchange: a flood has more."""
_ODD: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_NAME: Final = 80


def slug(verdict: Verdict) -> str:
    """The short name of a verdict: ``wrong-data``."""
    return verdict.name.lower().replace("_", "-")


@dataclass(slots=True)
class Finding:
    """What a client did wrong in a case.

    Args:
        case: id of the case.
        detail: one line for people.
        signature: with the verdict, equal for what is most likely the same mistake.
        faults: what was mutated, in words; a line for each fault that came true.
        mutators, families, calls: names of the mutators of these faults, their families, the calls that they hit.
        scenario: YAML of a scenario that does the same to a client.
        exchange: the journal, a line for each entry.
        output: what the client printed.
        command: one line that does it again.
        count: how often it was seen.
        first_seen: seconds after the start of the campaign.
        shrunk: YAML of a smaller scenario that shows the same; None before there is one.
        reproduced: the case showed it again when it was played again; None if that was not tried.
    """

    verdict: Verdict
    case: str
    detail: str
    signature: str
    faults: list[str] = field(default_factory=list)
    mutators: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    scenario: str = ""
    exchange: list[str] = field(default_factory=list)
    output: str = ""
    command: str = ""
    count: int = 1
    first_seen: float = 0.0
    shrunk: str | None = None
    reproduced: bool | None = None

    @classmethod
    def of(
        cls,
        observation: Observation,
        judgement: Judgement,
        *,
        scenario: str = "",
        command: str = "",
        first_seen: float = 0.0,
    ) -> "Finding":
        """The finding that a judgement makes of what was seen."""
        faults = [applied.fault for applied in observation.applied]
        origin = observation.entries[0].time if observation.entries else 0.0
        return cls(
            judgement.verdict,
            observation.case.id,
            visible(judgement.detail),
            visible(judgement.signature),
            faults=[
                visible(f"answer {applied.nth} to {applied.answer.call}: {applied.mutation.words}")
                for applied in observation.applied
            ],
            mutators=_each_once(fault.mutator.name for fault in faults),
            families=_each_once(fault.mutator.family for fault in faults),
            calls=_each_once(applied.answer.call or "unknown" for applied in observation.applied),
            scenario=scenario,
            exchange=_shortened([visible(line) for line in tell_all(_ends_of(observation.entries), origin)]),
            output=visible(observation.output[-_MOST_OUTPUT:]),
            command=command,
            first_seen=first_seen,
        )

    @property
    def key(self) -> tuple[Verdict, str]:
        """Equal for what is most likely the same mistake."""
        return self.verdict, self.signature

    @property
    def name(self) -> str:
        """What it is called in a folder: ``hang-scram.login-field.boundary``."""
        parts = [slug(self.verdict), *self.calls[-1:], *self.mutators[-1:]]
        return _ODD.sub("_", "-".join(parts))[:_LONGEST_NAME].rstrip(".")

    def to_json(self) -> dict[str, Any]:
        """Everything but the scenarios and the output, which have files of their own."""
        apart = ("scenario", "shrunk", "output")
        return {name: value for name, value in asdict(self).items() if name not in apart} | {
            "verdict": slug(self.verdict)
        }

    @classmethod
    def from_json(cls, given: Any) -> "Finding":
        """The finding that `to_json` has made this of.

        Raises:
            ValueError: it has not; the message says what is wrong.
        """
        if not isinstance(given, Mapping):
            raise ValueError("expected an object")
        values = {each.name: given[each.name] for each in fields(cls) if each.name in given}
        verdict = next((each for each in Verdict if slug(each) == values.get("verdict")), None)
        if verdict is None:
            raise ValueError(f"verdict {values.get('verdict')!r}, expected one of {', '.join(map(slug, Verdict))}")
        values["verdict"] = verdict
        hints = get_type_hints(cls)
        for name in ("case", "detail", "signature"):
            values.setdefault(name, None)
        for name, value in values.items():
            if not _fits(hints[name], value):
                raise ValueError(f"{name}: {value!r} is not what a finding has there")
        return cls(**values)


def _fits(hint: Any, value: Any) -> bool:
    if hint == list[str]:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, hint)


def _each_once(names: Any) -> list[str]:
    return list(dict.fromkeys(map(visible, names)))


def _ends_of(entries: Sequence[Any]) -> Sequence[Any]:
    half = _MOST_LINES // 2
    return entries if len(entries) <= _MOST_LINES else [*entries[:half], *entries[-half:]]


def _shortened(lines: list[str]) -> list[str]:
    half = _MOST_LINES // 2
    return lines if len(lines) < _MOST_LINES else [*lines[:half], "...", *lines[half:]]

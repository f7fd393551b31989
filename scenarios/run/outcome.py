"""What came of a scenario."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """One step, or one thing that had to be verified.

    Args:
        text: what it was, in words of the file.
        where: ``file:line:column``.
        status: a step that has failed is the last one of its client.
        client: name of the client; empty for what is verified at the end.
        time: seconds of the Tap's clock since the start of the scenario.
        reason: why it has failed or was skipped.
        expected, got: decoded, where something else was expected.
        notes: more lines for whoever looks for the reason, for example the nearest requests.
    """

    text: str
    where: str
    status: Status = "passed"
    client: str = ""
    time: float = 0.0
    reason: str = ""
    expected: str = ""
    got: str = ""
    notes: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What a person reads first: place, step and what is wrong with it."""
        who = f"{self.client}: " if self.client else ""
        parts = [f"{self.where}: {who}{self.text}: {self.reason}"]
        if self.expected or self.got:
            parts += [f"  expected {self.expected}", f"  got      {self.got}"]
        return "\n".join((*parts, *(f"  {note}" for note in self.notes)))

    def as_json(self) -> dict[str, Any]:
        """Everything that is known, without what is empty."""
        named = {name: getattr(self, name) for name in ("text", "where", "status", "client", "reason")}
        named |= {"expected": self.expected, "got": self.got, "notes": list(self.notes)}
        return {name: value for name, value in named.items() if value} | {"time": round(self.time, 6)}


@dataclass(slots=True)
class Outcome:
    """What came of one run of a scenario.

    Args:
        name: of the scenario.
        file: where it was read from.
        target: URL where it ran; None for a Tap made for it.
        duration: seconds that the run took.
        virtual_duration: seconds that went by for the Tap.
        passed: how many steps have passed.
        journal: what the Tap had noted, as lines, the newest last; empty where it cannot be looked into.
        error: why nothing could be run at all.
    """

    name: str
    file: str = ""
    target: str | None = None
    seed: int | None = None
    steps: list[Result] = field(default_factory=list)
    verifications: list[Result] = field(default_factory=list)
    skipped: list[Result] = field(default_factory=list)
    duration: float = 0.0
    virtual_duration: float = 0.0
    journal: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def results(self) -> Iterator[Result]:
        """Steps, verifications and what was skipped."""
        yield from self.steps
        yield from self.verifications
        yield from self.skipped

    @property
    def failures(self) -> list[Result]:
        """What was not as expected."""
        return [each for each in self.results if each.status == "failed"]

    @property
    def ok(self) -> bool:
        """Nothing has failed; what was skipped does not count."""
        return not self.error and not self.failures

    @property
    def summary(self) -> str:
        """One line: how many of what, and how long it took."""
        counts = [f"{_count(len(self.steps), 'step')}", _count(len(self.verifications), "verification")]
        if self.skipped:
            counts.append(f"{len(self.skipped)} skipped")
        seed = "" if self.seed is None else f", seed {self.seed}"
        times = f"{self.duration:.3g} s, {self.virtual_duration:.6g} s for the Tap{seed}"
        return f"{', '.join(counts)} in {times}"

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "name": self.name,
            "file": self.file,
            "target": self.target,
            "seed": self.seed,
            "ok": self.ok,
            "error": self.error,
            "duration": round(self.duration, 6),
            "virtual_duration": round(self.virtual_duration, 6),
            "steps": [each.as_json() for each in self.steps],
            "verifications": [each.as_json() for each in self.verifications],
            "skipped": [each.as_json() for each in self.skipped],
            "journal": self.journal,
        }


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"

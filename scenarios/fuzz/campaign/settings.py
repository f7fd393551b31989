"""What a campaign is to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from protocol.errors import UsageError
from scenarios.fuzz.case import ENDURANCE
from scenarios.fuzz.clients import Limits, Mode
from scenarios.fuzz.mutation import Mutator
from scenarios.fuzz.rig import FREE_PORT
from scenarios.loading import load
from scenarios.model import Scenario

DEFAULT_SECONDS: Final = 600.0
_FREE_PORTS: Final = (":0", ":0/")
_IDENTITY: Final = ("client", "scenario", "inputs")
"""What a folder is about, and may not change from one campaign in it to the next."""


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """What a campaign is to do.

    Args:
        client: command, with ``{url}`` where the client takes the address of the Tap.
        output: folder of the findings.
        listen: links of the Tap; with several workers one for each, or one with port 0 for all.
        scenario: file that says which Tap it is, and what else it does; None for the demo Tap.
        inputs: values for the scenario by name.
        seconds, cases: when it ends, whichever comes first; None for no such end.
        login: user and password of a login that each connection has from the start.
        handled: exit codes with which the client says that it has met an error; None if all but crashes do.
        fresh: begins a new plan, also where the folder knows how the last one goes on.
        only: patterns of calls, mutators or families; one that fits is enough.
        bytes_only: mutates bytes without any knowledge of what they are, to compare.
        cwd, env: where the client runs, and its environment; None for ours.
    """

    client: str
    output: Path
    mode: Mode = "spawn"
    listen: tuple[str, ...] = ()
    scenario: Path | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = DEFAULT_SECONDS
    cases: int | None = None
    workers: int = 1
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    login: tuple[str, str] | None = None
    handled: tuple[int, ...] | None = None
    fresh: bool = False
    only: tuple[str, ...] = ()
    bytes_only: bool = False
    cwd: Path | None = None
    env: Mapping[str, str] | None = None

    def wanted(self, call: str, mutator: Mutator) -> bool:
        """Whether a mutator is used on the answers to a call."""
        if self.bytes_only and mutator.family != "bytes":
            return False
        names = (call, mutator.name, mutator.family)
        return not self.only or any(fnmatchcase(name, pattern) for name in names for pattern in self.only)

    @property
    def endures(self) -> bool:
        """Whether a client is also asked for a very long time in one session."""
        wanted = not self.only or any(fnmatchcase(ENDURANCE, pattern) for pattern in self.only)
        return self.mode == "persistent" and wanted and not self.bytes_only

    def links(self) -> list[tuple[str, ...]]:
        """Links of the Tap of each worker.

        Raises:
            UsageError: there are not as many as there are workers.
        """
        listen = self.listen or (FREE_PORT,)
        if self.workers == 1:
            return [listen]
        if len(listen) == 1 and listen[0].endswith(_FREE_PORTS):
            return [listen] * self.workers
        if len(listen) != self.workers:
            raise UsageError(
                f"{self.workers} workers and {len(listen)} links: each worker has a Tap of its own; expected --listen "
                f"once for each, or one whose port is 0"
            )
        return [(url,) for url in listen]

    def load_scenario(self) -> Scenario | None:
        """The scenario, if there is one.

        Raises:
            ScenarioError: it cannot be used.
        """
        return None if self.scenario is None else load(self.scenario, inputs=dict(self.inputs))

    def about(self) -> dict[str, Any]:
        """What is written into the folder, so that its cases can be played again."""
        limits = self.limits
        return {
            "client": self.client,
            "mode": self.mode,
            "scenario": None if self.scenario is None else str(self.scenario),
            "inputs": dict(self.inputs),
            "seed": self.seed,
            "login": None if self.login is None else self.login[0],
            "handled": None if self.handled is None else list(self.handled),
            "hang_time": limits.progress,
            "memory": limits.memory,
        }

    def check(self, about: Mapping[str, Any]) -> None:
        """Looks whether a folder is about the same client and Tap.

        Raises:
            UsageError: it is not.
        """
        mine = self.about()
        for name in _IDENTITY:
            if name in about and about[name] != mine[name]:
                raise UsageError(
                    f"{self.output} holds findings for {name} {about[name]!r}, and this is {mine[name]!r}; "
                    f"expected the same, or another folder"
                )

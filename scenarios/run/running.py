"""Runs one scenario: its Tap, its script, its clients, and what has to be true at the end."""

import time
from dataclasses import replace
from typing import Final

from emulator.device import Device
from emulator.journal import Event, Record
from scenarios.model import Scenario
from scenarios.run.client import Client, Stage
from scenarios.run.controller import Controller
from scenarios.run.filters import Evidence
from scenarios.run.outcome import Outcome, Result
from scenarios.run.targets import AnyWorld, Target, make_world
from scenarios.run.telling import tell_all
from scenarios.run.verifying import verify
from scenarios.run.virtual import TooMuchDueError
from scenarios.script import Script, ScriptError

DEFAULT_SEED: Final = 0
_EXCERPT: Final = 200
"""Entries of the journal that a report holds."""
_MASK: Final = "***"


def run(scenario: Scenario, target: Target | None = None, seed: int | None = None) -> Outcome:
    """Runs a scenario.

    Args:
        target: where; None for a Tap that is made for it.
        seed: of everything that is random; that of the file, or 0, if it is None.
    """
    seed = next((each for each in (seed, scenario.device.seed) if each is not None), DEFAULT_SEED)
    name = scenario.name or (scenario.path.stem if scenario.path else "scenario")
    outcome = Outcome(name, str(scenario.path or ""), None if target is None else target.url, seed)
    began = time.perf_counter()
    reason = _unfit(scenario, target)
    if reason:
        outcome.skipped.append(Result("the whole scenario", scenario.where, "skipped", reason=reason))
    else:
        world, device = make_world(scenario, target, seed)
        try:
            _Run(scenario, outcome, world, device, None if target is None else target.controller, seed).run()
        except (ScriptError, TooMuchDueError) as error:
            outcome.error = str(error)
    outcome.duration = time.perf_counter() - began
    return outcome


def _unfit(scenario: Scenario, target: Target | None) -> str:
    if target is None or target.controller is not None or not scenario.needs:
        return ""
    return f"it needs an emulator that is made for it; the target is {target.url}"


class _Run:
    def __init__(
        self,
        scenario: Scenario,
        outcome: Outcome,
        world: AnyWorld,
        device: Device | None,
        controller: Controller | None,
        seed: int,
    ) -> None:
        self._scenario = scenario
        self._controller = controller
        self._outcome = outcome
        self._world = world
        self._device = device
        self._seed = seed
        self._secrets = scenario.secrets
        self._entries: list[Record | Event] = []
        self._script: Script | None = None

    def run(self) -> None:
        """Lets everything happen, and then verifies."""
        origin = self._world.now()
        self._direct()
        stage = Stage(
            now=self._world.now,
            noted=lambda: 0 if self._device is None else self._device.journal.number,
            report=self._report,
            procedures=self._scenario.procedures,
            tables=self._scenario.tables,
            seed=self._seed,
            origin=origin,
        )
        names = self._scenario.input_values
        clients = [Client(each.name, stage, names, each.link) for each in self._scenario.replay.clients]
        spoken = zip(clients, self._scenario.replay.clients, strict=True)
        try:
            self._world.run([client.play(spec.steps) for client, spec in spoken])
            self._verify(stage)
        finally:
            if self._controller is not None:
                self._controller.end()
        self._outcome.virtual_duration = self._world.now() - origin
        self._outcome.journal = [self._masked(line) for line in tell_all(self._entries[-_EXCERPT:], origin)]

    def _direct(self) -> None:
        rules = self._scenario.script.rules
        if self._controller is not None:
            return self._controller.begin(self._scenario, self._seed)
        if self._device is None:
            if rules:
                self._skip(f"script, {len(rules)} rules", self._scenario.script.where)
            return None
        self._device.journal.listen(self._entries.append)
        if rules:
            self._script = Script(self._scenario.script, self._device, seed=self._seed)
            self._device.director = self._script
        return None

    def _verify(self, stage: Stage) -> None:
        if self._controller is not None:
            for result in self._controller.verify(self._scenario):
                self._report(result)
            return
        if self._device is None:
            for item in self._scenario.verify:
                self._skip(f"verify {item.kind}", item.where)
            return
        rules = {} if self._script is None else {rule.name: rule.acted for rule in self._script.rules}
        evidence = Evidence(self._entries, self._device, stage.origin, frozenset(stage.accounted), rules)
        for result in verify(self._scenario.verify, evidence):
            self._report(result)

    def _skip(self, text: str, where: str) -> None:
        reason = f"needs an emulator that is made for the scenario; the target is {self._outcome.target}"
        self._outcome.skipped.append(Result(text, where, "skipped", reason=reason))

    def _report(self, result: Result) -> None:
        if self._secrets:
            result = replace(
                result,
                text=self._masked(result.text),
                reason=self._masked(result.reason),
                expected=self._masked(result.expected),
                got=self._masked(result.got),
                notes=tuple(map(self._masked, result.notes)),
            )
        outcome = self._outcome
        if result.status == "skipped":
            outcome.skipped.append(result)
        elif result.client:
            outcome.steps.append(result)
        else:
            outcome.verifications.append(result)

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text

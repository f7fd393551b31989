"""Where a scenario runs: on a Tap made for it, or on one that is there, reached by its URL."""

from dataclasses import dataclass
from typing import Protocol

from emulator.clock import Clock, SteeredClock, VirtualClock
from emulator.device import Device
from emulator.entropy import SeededEntropy
from emulator.targets import make_target
from scenarios.model import Scenario
from scenarios.run.controller import Controller
from scenarios.run.remote import RemoteWorld
from scenarios.run.virtual import World
from scenarios.run.wishes import Actor


class AnyWorld(Protocol):
    """Where clients run."""

    def run(self, actors: "list[Actor]") -> None:
        """Runs clients until all of them are done."""
        ...

    def now(self) -> float:
        """Seconds of the clock that counts there."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """A Tap that is there already.

    Args:
        url: a link of it, as the client takes it.
        patience: seconds that its links wait for an answer at the most.
        controller: steers it beside its links; None for hardware.
    """

    url: str
    patience: float = 3.0
    controller: Controller | None = None


def make_device(scenario: Scenario, seed: int) -> Device:
    """The Tap of a scenario, on the clock that its file asks for."""
    blueprint = scenario.blueprint()
    rate = scenario.device.clock
    clock: Clock = SteeredClock(rate) if rate else VirtualClock()
    return Device(blueprint, clock=clock, entropy=SeededEntropy(seed), target=make_target(blueprint.target))


def make_world(scenario: Scenario, target: Target | None, seed: int) -> tuple[AnyWorld, Device | None]:
    """The world of a run, and the Tap in it where it is in this process."""
    if target is not None:
        return RemoteWorld(target.url, max(target.patience, longest_wait(scenario)), target.controller), None
    device = make_device(scenario, seed)
    return World(device, scenario.device.links), device


def longest_wait(scenario: Scenario) -> float:
    """The longest time-out that a step has, in seconds."""
    steps = [step for client in scenario.replay.clients for step in client.steps]
    steps += [step for procedure in scenario.procedures.values() for step in procedure]
    longest = 0.0
    for step in steps:
        longest = max(longest, step.timeout or 0.0)
        steps += [inner for block in step.inner for inner in block]
    return longest

"""What `serve` does beyond a plain Tap: a scenario for whoever comes, a steered clock, the control API."""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click
import structlog

from emulator.blueprint import Blueprint, demo
from emulator.clock import Clock, RealClock, SteeredClock
from emulator.commands.starting import StartError
from emulator.direction import Director
from emulator.directors import Directors
from emulator.journal import Entry
from emulator.server import Server
from protocol.errors import UsageError

if TYPE_CHECKING:
    from emulator.control.serving import ControlServer
    from emulator.device import Device
    from scenarios.model import Scenario

log = structlog.get_logger("tap")

OFF: Final = "off"
_RATE: Final = re.compile(r"(\d{1,4}(?:\.\d{1,6})?)x", re.ASCII)
_FASTEST: Final = 1000.0
_MOST_ENTRIES: Final = 200_000
"""Entries of the journal that a verdict can look back on."""


def read_rate(text: str) -> float:
    """Rate of a clock: ``real`` is 1, ``virtual`` is 0, ``10x`` is 10.

    Raises:
        UsageError: it is none of them.
    """
    if text in ("real", "virtual"):
        return float(text == "real")
    found = _RATE.fullmatch(text)
    if found is None or not 0 < float(found[1]) <= _FASTEST:
        raise UsageError(f"clock {text!r}, expected real, virtual, or how much faster than real: up to {_FASTEST:.0f}x")
    return float(found[1])


def make_clock(rate: float | None, *, steered: bool) -> Clock:
    """The clock of a Tap.

    Args:
        rate: None if nobody has chosen one.
        steered: somebody may want to change the rate.
    """
    if rate is None:
        rate = 1.0
    return RealClock() if rate == 1.0 and not steered else SteeredClock(rate)


class Play:
    """A scenario that is played for foreign clients.

    Args:
        name: a file, or ``library:NAME``.
        inputs: values by name, as text.

    Raises:
        UsageError: there is no such file.
        ScenarioError: it is no scenario.
    """

    def __init__(self, name: str, inputs: Mapping[str, str]) -> None:
        from emulator.commands.scenario import find_files
        from scenarios.loading import load

        file, *others = find_files([name])
        if others:
            raise UsageError(f"{name}: these are {1 + len(others)} scenarios, expected one")
        self._scenario: Scenario = load(file, inputs=inputs)
        self._armed = Directors()
        self._origin = 0.0
        self._entries: deque[Entry] = deque(maxlen=_MOST_ENTRIES)

    @property
    def links(self) -> tuple[str, ...]:
        """Links that it asks for."""
        return self._scenario.device.links

    @property
    def rate(self) -> float | None:
        """Rate of the clock, if the file names one."""
        return self._scenario.device.clock if "clock" in self._scenario.device.model_fields_set else None

    @property
    def _is_recorded(self) -> bool:
        """It was recorded at a Tap, whose part it can play."""
        return "recorded" in self._scenario.model_fields_set

    def blueprint(self, configured: Blueprint | None) -> Blueprint:
        """The Tap of the scenario; the one that is configured otherwise goes before it."""
        blueprint = self._scenario.blueprint() if configured is None else configured
        if not self._is_recorded:
            return blueprint
        from scenarios.recording.half import prepared

        return prepared(blueprint, self._scenario)

    def arm(self, device: "Device", seed: int | None) -> None:
        """Makes the Tap do what the scenario says.

        Raises:
            ScriptError: it makes no sense on this Tap.
        """
        from scenarios.script import Script

        scenario = self._scenario
        seeds = (seed, scenario.device.seed, 0)
        directors: dict[str, Director] = {}
        if scenario.script.rules:
            number = next(each for each in seeds if each is not None)
            directors[scenario.name] = Script(scenario.script, device, seed=number, inputs=scenario.input_values)
        if self._is_recorded:
            from scenarios.recording.half import OfflineHalf

            directors[f"{scenario.name} (recorded)"] = OfflineHalf(scenario)
        self._armed = Directors(directors)
        device.director = self._armed
        self._origin = device.clock.now()
        if scenario.verify:
            device.journal.listen(self._entries.append)

    def passed(self, device: "Device") -> bool:
        """Tells of each item of `verify` whether it holds, and of all on standard output; True if all do."""
        from emulator.control.arming import verdicts

        if not self._scenario.verify:
            return True
        verdict = verdicts(self._scenario, self._entries, device, self._armed, self._origin)
        for each in verdict.results:
            if each.passed:
                log.info("verified", item=each.item)
            else:
                log.error("not verified", why=each.message)
        count = sum(not each.passed for each in verdict.results)
        text = "passed" if verdict.passed else f"failed {count} of {len(verdict.results)}"
        click.echo(f"verdict {text}")
        return verdict.passed


class Steering:
    """All of it for one run of `serve`.

    Args:
        control: URL of the control API, or ``off``.
        clock: ``real``, ``virtual`` or ``10x``; None leaves that to the scenario.
        scenario: a file, or ``library:NAME``.
        inputs: values for the scenario by name.
        token: of the control API; None makes one.

    Raises:
        StartError: one of them cannot be used.
    """

    def __init__(
        self, *, control: str, clock: str | None, scenario: str | None, inputs: Mapping[str, str], token: str | None
    ) -> None:
        self._control_url = None if control == OFF else control
        self._token = token
        self._api: ControlServer | None = None
        self._play: Play | None = None
        with _told():
            rate = None if clock is None else read_rate(clock)
            if scenario is not None:
                self._play = Play(scenario, inputs)
                rate = self._play.rate if rate is None else rate
            elif inputs:
                raise UsageError(f"--set {next(iter(inputs))}: expected --scenario too, whose inputs these are")
        self.clock = make_clock(rate, steered=self._control_url is not None)

    def prepare(self, configured: Blueprint | None, links: tuple[str, ...]) -> tuple[Blueprint, tuple[str, ...]]:
        """The Tap and the links of the scenario, unless they are configured otherwise."""
        if self._play is None:
            return configured or demo(), links
        return self._play.blueprint(configured), links or self._play.links

    def arm(self, device: "Device", seed: int | None) -> None:
        """Makes the Tap do what the scenario says."""
        if self._play is not None:
            with _told():
                self._play.arm(device, seed)

    async def start(self, server: Server) -> None:
        """Opens the control API."""
        if self._control_url is None:
            return
        from emulator.control.operations import Control
        from emulator.control.serving import ControlServer

        with _told():
            self._api = ControlServer(Control(server), self._control_url, self._token)
            await self._api.start()

    def tell(self) -> None:
        """Says where the control API is, and its token if nobody has given one."""
        if self._api is not None:
            click.echo(f"control {self._api.url}" + ("" if self._token else f" token {self._api.token}"))

    def passed(self, device: "Device") -> bool:
        """Whether all has happened that the scenario wants; tells of it."""
        return self._play is None or self._play.passed(device)

    async def stop(self) -> None:
        """Closes the control API."""
        if self._api is not None:
            await self._api.stop()


def make_steering(
    control: str, clock: str | None, scenario: str | None, inputs: Sequence[str], token: str | None
) -> Steering:
    """The same with inputs as ``name=value``.

    Raises:
        StartError: one of them cannot be used.
    """
    pairs = {}
    for text in inputs:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise StartError(f"--set {text!r}: expected name=value")
        pairs[name] = value
    return Steering(control=control, clock=clock, scenario=scenario, inputs=pairs, token=token)


@contextmanager
def _told() -> Iterator[None]:
    """Turns what a scenario or an address does not allow into a message."""
    from scenarios.errors import ScenarioError
    from scenarios.script import ScriptError

    try:
        yield
    except (UsageError, ScenarioError, ScriptError) as error:
        raise StartError(str(error)) from error

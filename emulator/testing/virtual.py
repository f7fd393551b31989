"""A Tap in a background thread of the test's own process."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emulator.blueprint import Blueprint, demo
from emulator.clock import SteeredClock
from emulator.config import load, with_overrides
from emulator.control import arming
from emulator.control.operations import Control
from emulator.device import Device
from emulator.direction import Director
from emulator.directors import Directors
from emulator.entropy import SeededEntropy, SystemEntropy
from emulator.links import open_links
from emulator.server import Server
from emulator.targets import make_target
from emulator.testing.background import background, collect_tasks
from emulator.testing.handle import LeakError, ScenarioSource, TapHandle, load_scenario
from emulator.testing.rates import rate_of
from emulator.testing.steering import LocalSteering
from protocol.firmware import Version

if TYPE_CHECKING:
    from scenarios.model import Scenario

ConfigSource = str | Path | Mapping[str, Any] | Blueprint
"""A configuration: a file of any kind, the content of a `device.yaml`, or a blueprint."""

FREE_PORT: Final = "tcp://127.0.0.1:0"
_PATIENCE: Final = 0.5
"""Seconds in which hosts that have closed their connection become known, and tasks end."""
_POLL_PERIOD: Final = 0.0005
_TURNS_TO_ACCEPT: Final = 5
"""Of the event loop, after which it knows a connection that a host has made before."""


class VirtualTap(TapHandle):
    """A Tap on a free port, with a clock of its own.

    Args:
        firmware: ``1.86``; that of the configuration if it is None.
        config: the demo Tap if it is None.
        scenario: its device is the Tap, unless there is a configuration too; its script is armed; `verify_scenarios`
            checks its `verify`.
        inputs: values that the scenario asks for.
        links: URLs on which it listens; port 0 is any free one.
        seed: of everything that is random; the serial number does not depend on it.
        default_seed: the one that counts where neither `seed` nor scenario or configuration name one.
        check_leaks: connections that are left open are a failure when the Tap is closed.
        clock: how fast its time goes: ``real``, ``virtual`` (it stands still), ``10x``, or a rate.

    Raises:
        ConfigError, ScenarioError, UsageError, LinkError: it cannot be made; the message says why.
    """

    def __init__(
        self,
        *,
        firmware: str | None = None,
        config: ConfigSource | None = None,
        scenario: ScenarioSource | None = None,
        inputs: Mapping[str, Any] | None = None,
        links: str | Sequence[str] = (),
        seed: int | None = None,
        clock: str | float | None = None,
        default_seed: int | None = None,
        check_leaks: bool = True,
    ) -> None:
        super().__init__()
        loaded = None if scenario is None else load_scenario(scenario, inputs or {})
        blueprint, listen, self.seed, rate = _asked(config, loaded, links, seed, clock)
        self.seed = next((each for each in (self.seed, blueprint.seed, default_seed) if each is not None), None)
        blueprint = with_overrides(blueprint, None if firmware is None else Version.parse(firmware))
        opened = open_links(listen)
        for link in opened:
            blueprint = replace(blueprint, settings={**blueprint.settings, **link.settings})
        self.device = Device(
            blueprint,
            clock=SteeredClock(rate),
            entropy=SystemEntropy() if self.seed is None else SeededEntropy(self.seed),
            target=make_target(blueprint.target),
        )
        """The Tap itself. It belongs to its own thread: look at it, and leave changes to the methods of this class."""
        self._server = Server(self.device, opened)
        self._scripts: dict[str, Director] = {}
        """Those of scenarios, also after they were disarmed."""
        self._mistakes: list[str] = []
        self._check_leaks = check_leaks
        self._closed = False
        self._background = background()
        self._background.take_log()
        self._control = Control(self._server)
        self._local = LocalSteering(self._control, self._background)
        self._tasks = self._background.run(self._start())
        self.urls = tuple(link.url for link in opened)
        if scenario is not None:
            try:
                self.arm(scenario, inputs=inputs)
            except BaseException:
                self.close(check=False)
                raise

    def __repr__(self) -> str:
        return f"<VirtualTap {self.url}, firmware {self.firmware}, seed {self.seed}>"

    @property
    def _steering(self) -> LocalSteering:
        return self._local

    @property
    def firmware(self) -> str:
        """Version of its firmware, ``1.86.0``."""
        return str(self.device.firmware)

    @property
    def connections(self) -> int:
        """How many hosts are connected now."""
        return self._background.call(lambda: len(list(self.device.connections)))

    async def _start(self) -> set[asyncio.Task[Any]]:
        tasks = collect_tasks()
        await self._server.start()
        return tasks

    def _arm(self, source: ScenarioSource, loaded: "Scenario", inputs: Mapping[str, Any], seed: int) -> str:
        armed = self._control.armed
        name = title = loaded.name or "scenario"
        number = 1
        while name in armed or name in self._scripts:
            number += 1
            name = f"{title} {number}"

        def arm() -> None:
            script = arming.script(loaded, self.device, seed)
            self._scripts[name] = script
            armed.add(name, script)
            self._server.attend()

        self._background.call(arm)
        return name

    def _misses(self, name: str, scenario: "Scenario") -> list[str]:
        def judge() -> list[str]:
            own = Directors()
            own.add(name, self._scripts[name])
            verdicts = arming.verdicts(scenario, self.device.journal.entries, self.device, own)
            return [each.message for each in verdicts.results if not each.passed]

        return self._background.call(judge)

    def close(self, *, check: bool = True) -> None:
        """Ends the Tap; may be called again. Its journal can be read on.

        Args:
            check: tell what was left behind: open connections, mistakes of the emulator, tasks that go on.

        Raises:
            LeakError: with all of it.
        """
        if self._closed:
            return
        self._closed = True
        self._close_clients()
        problems = self._background.run(self._stop(check))
        if problems and check:
            raise LeakError("\n".join((f"the Tap at {self.url}:", *problems)))

    async def _stop(self, check: bool) -> list[str]:
        problems: list[str] = []
        if check and self._check_leaks:
            for _ in range(_TURNS_TO_ACCEPT):
                await asyncio.sleep(0)
            await _until(lambda: not any(self.device.connections))
            problems += [f"connection {each.id} over {each.link} was left open" for each in self.device.connections]
        await self._server.stop(settle=0)
        await _until(lambda: not self._tasks)
        problems += [f"a task of the emulator goes on: {task!r}" for task in self._tasks]
        self._mistakes += [repr(error) for error in self._server.mistakes] + self._background.errors
        self._background.errors.clear()
        return problems + [f"a mistake of the emulator, please report it: {text}" for text in self._mistakes]

    def _down_time(self) -> float:
        return self.device.rules.reboot_time


async def _until(done: Any) -> None:
    """Waits for a condition, for a while."""
    try:
        async with asyncio.timeout(_PATIENCE):
            while not done():  # noqa: ASYNC110 - nobody tells when it holds
                await asyncio.sleep(_POLL_PERIOD)
    except TimeoutError:
        pass


def _asked(
    config: ConfigSource | None,
    scenario: "Scenario | None",
    links: str | Sequence[str],
    seed: int | None,
    clock: str | float | None,
) -> tuple[Blueprint, tuple[str, ...], int | None, float]:
    """Blueprint, links, seed and rate; what is asked for by name has the last word, the scenario the one before."""
    listen: Sequence[str] = (links,) if isinstance(links, str) else links
    blueprint = demo() if scenario is None else scenario.blueprint()
    rate = 1.0
    if scenario is not None:
        listen = listen or scenario.device.links
        seed = scenario.device.seed if seed is None else seed
        rate = scenario.device.clock if "clock" in scenario.device.model_fields_set else rate
    if config is not None:
        blueprint, own = _configured(config)
        listen = listen or own
    return blueprint, tuple(listen) or (FREE_PORT,), seed, rate if clock is None else rate_of(clock)


def _configured(config: ConfigSource) -> tuple[Blueprint, Sequence[str]]:
    if isinstance(config, Blueprint):
        return config, ()
    if isinstance(config, Mapping):
        from scenarios.devices import build_blueprint
        from scenarios.model.device import DeviceSpec

        return build_blueprint(DeviceSpec(config=dict(config))), ()
    return load(config).blueprint, ()

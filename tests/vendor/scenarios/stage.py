"""A Tap that plays the script of a scenario for the vendor's client, and the Node process with that client."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from emulator.clock import SteeredClock
from emulator.device import Device
from emulator.entropy import SeededEntropy
from emulator.links import open_links
from emulator.server import Server
from emulator.targets import make_target
from scenarios.catalogue import FOLDER
from scenarios.loading import load
from scenarios.script import Script
from scenarios.script.rule import Rule
from tests.vendor.conftest import HERE

SEED: Final = 7
LINKS: Final = {"tcp": "tcp://127.0.0.1:0", "ws": "ws://127.0.0.1:0"}


class Client:
    """The Node process that has loaded @iotize/tap 2.7.0."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def play(self, url: str, steps: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """Has a new client do the steps, one after the other, whatever they come to.

        Returns:
            ``outcomes``: of each step ``value``, or ``error`` with ``message``, or ``hangs``.
        """
        if self._process is None:
            driver = HERE / "scenarios" / "driver.mjs"
            self._process = subprocess.Popen(["node", driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"url": url, "steps": steps}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> None:
        """Ends the process, whose input ends."""
        if self._process is not None:
            self._process.communicate(timeout=10)
            self._process = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A Tap that is served with a script.

    Args:
        url: where the client finds it.
        rules: of the script; they tell how often they have acted.
    """

    url: str
    server: Server
    rules: Sequence[Rule]


@contextmanager
def on_stage(scenario: str, link: str, rate: float, ahead: float) -> Iterator[Stage]:
    """Serves the Tap of a scenario with its script, in a thread.

    Args:
        rate: how many times as fast its clock goes.
        ahead: seconds that have gone by for the Tap before the client comes.
    """
    loaded = load(FOLDER / f"{scenario}.yaml")
    blueprint = replace(loaded.blueprint(), seed=SEED)
    device = Device(
        blueprint,
        clock=SteeredClock(rate),
        entropy=SeededEntropy(SEED),
        target=make_target(blueprint.target),
    )
    script = Script(loaded.script, device, seed=SEED)
    device.director = script
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        server = Server(device, open_links([LINKS[link]]))
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(5)
        try:
            asyncio.run_coroutine_threadsafe(server.advance(ahead), loop).result(5)
            yield Stage(server.links[0].url, server, script.rules)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

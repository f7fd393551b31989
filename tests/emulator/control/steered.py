"""A Tap with its control API, both served for real in a thread of their own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from emulator.blueprint import Rules, demo
from emulator.clock import SteeredClock
from emulator.control.client import ControlClient
from emulator.control.operations import Control
from emulator.control.serving import ControlServer
from emulator.device import Device
from emulator.links import open_links
from emulator.server import Server

TOKEN = "a token for tests"


@dataclass(frozen=True, slots=True)
class Steered:
    """What is running."""

    url: str
    """The link."""
    control_url: str
    server: Server
    api: ControlServer

    def client(self) -> ControlClient:
        return ControlClient(self.control_url, TOKEN)


@contextmanager
def steered(
    *, rate: float = 1.0, token: str | None = TOKEN, listen: str = "http://127.0.0.1:0", **changes: Any
) -> Iterator[Steered]:
    """A Tap for the length of a block."""
    started = threading.Event()
    box: list[Steered | BaseException] = []
    stop: list[Any] = []

    async def run() -> None:
        done = asyncio.Event()
        stop.append((asyncio.get_running_loop(), done))
        blueprint = replace(demo(), rules=Rules(reboot_time=0.05), **changes)
        server = Server(Device(blueprint, clock=SteeredClock(rate)), open_links(["tcp://127.0.0.1:0"]))
        await server.start()
        api: ControlServer | None = None
        try:
            api = ControlServer(Control(server), listen, token)
            await api.start()
            box.append(Steered(server.links[0].url, api.url, server, api))
            started.set()
            await done.wait()
        finally:
            if api is not None:
                await api.stop()
            await server.stop()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # noqa: BLE001 - the test gets it
            box.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=main)
    thread.start()
    started.wait(10)
    try:
        if isinstance(box[0], BaseException):
            raise box[0]
        yield box[0]
    finally:
        loop, done = stop[0]
        with suppress(RuntimeError):  # it has failed, and its loop is closed
            loop.call_soon_threadsafe(done.set)
        thread.join(10)
        assert not thread.is_alive()
        errors = [each for each in box[1:] if isinstance(each, BaseException)]
        if errors:
            raise errors[0]

"""Runs a Tap as a process: configuration, state file, logs, signals."""

import asyncio
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog

from emulator.blueprint import SERIAL_NUMBER, Blueprint, demo
from emulator.clock import Clock
from emulator.commands.starting import StartError
from emulator.config import ConfigError, load, with_overrides
from emulator.device import Device
from emulator.links import DEFAULT_LINK, Link, LinkError, open_links
from emulator.server import Server
from emulator.state import MemoryStore, Store
from emulator.storage import SqliteStore, StateFileError
from emulator.targets import make_target
from protocol.firmware import Version
from protocol.resources.registry import SETTINGS

if TYPE_CHECKING:
    from emulator.commands.steering import Steering

__all__ = ["StartError", "configure_logging", "run"]

log = structlog.get_logger("tap")


def run(
    config: Path | None,
    *,
    firmware: Version | None,
    listen: tuple[str, ...],
    state: str,
    seed: int | None,
    announce: bool,
    json_log: bool,
    verbose: bool,
    steering: "Steering | None" = None,
) -> bool:
    """Serves until SIGTERM or SIGINT; False if a scenario then says that something has not happened.

    Args:
        steering: a scenario, another clock, the control API; None for a plain Tap.

    Raises:
        StartError: configuration, state file, scenario or a link cannot be used.
    """
    configure_logging(json_log, verbose)
    blueprint, links = _blueprint(config)
    if steering is not None:
        blueprint, links = steering.prepare(None if config is None else blueprint, links)
    blueprint = with_overrides(blueprint, firmware, seed)
    try:
        opened = open_links(listen or links or (DEFAULT_LINK,))
        if announce:
            opened = _announced(opened)
    except LinkError as error:
        raise StartError(str(error)) from error
    for link in opened:
        blueprint = replace(blueprint, settings={**blueprint.settings, **link.settings})
    store = _store(state, blueprint)
    try:
        device = _device(blueprint, store, None if steering is None else steering.clock)
        if steering is not None:
            steering.arm(device, blueprint.seed)
        server = Server(device, opened, verbose=verbose)
        return asyncio.run(_serve(server, steering))
    except (LinkError, StateFileError) as error:
        raise StartError(str(error)) from error
    finally:
        if isinstance(store, SqliteStore):
            store.close()


async def _serve(server: Server, steering: "Steering | None") -> bool:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await server.start()
    try:
        if steering is not None:
            await steering.start(server)
        for link in server.links:
            click.echo(f"ready {link.url}")
        if steering is not None:
            steering.tell()
        click.echo("ready")
        await stopped.wait()
        passed = steering is None or steering.passed(server.device)
    finally:
        if steering is not None:
            await steering.stop()
        await server.stop()
    log.info("stopped")
    return passed


def _announced(links: list[Link]) -> list[Link]:
    from emulator.announcement import announce

    return announce(links)


def _blueprint(config: Path | None) -> tuple[Blueprint, tuple[str, ...]]:
    if config is None:
        return demo(), ()
    try:
        loaded = load(config)
    except ConfigError as error:
        raise StartError(str(error)) from error
    for note in loaded.notes:
        tell = log.warning if note.kind == "ignored" else log.info
        tell(f"{note.kind}: {note.text}", at=f"{config}:{note.line}")
    return loaded.blueprint, tuple(loaded.links)


def _device(blueprint: Blueprint, store: Store, clock: Clock | None) -> Device:
    device = Device(blueprint, clock=clock, store=store, target=make_target(blueprint.target))
    if device.firmware != blueprint.firmware:
        log.info("firmware of an update, kept in the state file", firmware=str(device.firmware))
    return device


def _store(state: str, blueprint: Blueprint) -> Store:
    if state == "none":
        return MemoryStore()
    default = SETTINGS[SERIAL_NUMBER].setting
    assert default is not None
    try:
        return SqliteStore(Path(state), blueprint.settings.get(SERIAL_NUMBER, default.default))
    except StateFileError as error:
        raise StartError(str(error)) from error


def configure_logging(json_log: bool, verbose: bool) -> None:
    """Sends logs to standard error, as text for people or as one JSON object per line."""
    renderer: structlog.typing.Processor
    if json_log:
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info if json_log else structlog.processors.StackInfoRenderer(),
        renderer,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )

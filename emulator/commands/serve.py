"""Runs a Tap as a process: configuration, state file, logs, signals."""

import asyncio
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path

import click
import structlog

from emulator.blueprint import SERIAL_NUMBER, Blueprint, demo
from emulator.config import ConfigError, load, with_overrides
from emulator.device import Device
from emulator.links import DEFAULT_LINK, Link, LinkError, open_links
from emulator.server import Server
from emulator.state import MemoryStore, Store
from emulator.storage import SqliteStore, StateFileError
from emulator.targets import make_target
from protocol.firmware import Version
from protocol.resources.registry import SETTINGS

log = structlog.get_logger("tap")


class StartError(Exception):
    """The Tap cannot start; the message says what is wrong and what was expected."""


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
) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        StartError: configuration, state file or a link cannot be used.
    """
    configure_logging(json_log, verbose)
    blueprint, links = _blueprint(config)
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
        server = Server(_device(blueprint, store), opened, verbose=verbose)
        asyncio.run(_serve(server))
    except (LinkError, StateFileError) as error:
        raise StartError(str(error)) from error
    finally:
        if isinstance(store, SqliteStore):
            store.close()


async def _serve(server: Server) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await server.start()
    for link in server.links:
        click.echo(f"ready {link.url}")
    click.echo("ready")
    await stopped.wait()
    await server.stop()
    log.info("stopped")


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


def _device(blueprint: Blueprint, store: Store) -> Device:
    device = Device(blueprint, store=store, target=make_target(blueprint.target))
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
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
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

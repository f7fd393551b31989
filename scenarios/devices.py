"""The Tap that a scenario asks for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from emulator.blueprint import Blueprint, demo
from emulator.config import ConfigError, load, with_overrides
from emulator.config.draft import Draft, Place, dotted
from emulator.config.source import Source
from scenarios.errors import ScenarioError
from scenarios.model.device import DeviceSpec
from scenarios.tree import Node, Spot, below, places_below

NOWHERE = Path("/nonexistent")
"""Folder of a scenario that was read from text: it names no files."""


def build_blueprint(device: DeviceSpec, folder: Path | None = None) -> Blueprint:
    """The Tap with firmware, seed and quirks of the scenario; the demo Tap if nothing else is said.

    Args:
        folder: of the scenario; None if it is no file.

    Raises:
        ScenarioError: its configuration is wrong, each problem with its place.
    """
    blueprint = demo() if device.config is None else _configured(device, folder)
    if device.quirks:
        rules = replace(blueprint.rules, quirks=blueprint.rules.quirks | set(device.quirks))
        blueprint = replace(blueprint, rules=rules)
    return with_overrides(blueprint, device.firmware, device.seed)


def _configured(device: DeviceSpec, folder: Path | None) -> Blueprint:
    try:
        if isinstance(device.config, str):
            return load(_file(device, device.config, folder)).blueprint
        return _inline(device.config).build(folder or NOWHERE).blueprint
    except ConfigError as error:
        raise ScenarioError(error.problems) from error


def _file(device: DeviceSpec, name: str, folder: Path | None) -> Path:
    place = device.place("config")
    if folder is None:
        raise ScenarioError([f"{place}: device.config is {name}, expected its content, for this scenario is no file"])
    spot = getattr(device.written, "places", {}).get("config")
    start = folder if spot is None else Path(spot.source.name).parent
    try:
        file = below(folder, name, start)
    except ValueError as error:
        raise ScenarioError([f"{place}: device.config is {name}, which {error}, expected a file below it"]) from error
    if not file.is_file():
        raise ScenarioError([f"{place}: device.config is {name}, expected a file that is there"])
    return file


def _inline(config: Any) -> Draft:
    """The content of a device.yaml within a scenario; what is wrong is told with its place in the scenario."""
    if not isinstance(config, Node):
        node = Node(Spot(Source("scenario", "", columns=True), 1, 1))
        node.update(config)
        config = node
    draft = Draft(config.where.source)
    draft.data = {"tap": 1, **config}
    draft.places = {(): Place(config.where.line, "device.config", config.where.column)}
    for path, spot in (places_below(config) if config.places else {}).items():
        draft.places[path] = Place(spot.line, f"device.config.{dotted(path)}", spot.column)
    target = draft.data.get("target")
    if isinstance(target, str):
        draft.data["target"] = {"url": target}
        draft.places["target", "url"] = draft.places.get(("target",), draft.places[()])
    return draft

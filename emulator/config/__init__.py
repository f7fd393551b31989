"""Makes a Tap from a file: our `device.yaml`, the vendor's `tapconfig.json`, a project of IoTize Studio.

    loaded = load("thermostat.iotz")
    device = Device(loaded.blueprint, ...)

Each kind of file has a reader that makes a `draft`: values where `device.yaml` has them, each with its line. One
`model`, generated from the resource table, checks them all. What wrong input leads to is a `ConfigError` and nothing
else. pydantic and pyyaml are imported by the functions that need them, because the demo Tap needs neither.

The way back to a real Tap is `emulator.config.steps`: the requests that configure it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emulator.blueprint import Blueprint
from emulator.config.loaded import ConfigError, Loaded, Note
from emulator.config.overrides import with_overrides

__all__ = ["ConfigError", "Loaded", "Note", "dump_yaml", "json_schema", "load", "show", "with_overrides"]


def load(path: str | Path) -> Loaded:
    """Reads a configuration; its kind is found by the suffix, else by how it starts.

    Raises:
        ConfigError: with all that is wrong, as ``file:line: what is wrong, what was expected``.
    """
    from emulator.config.files import read

    return read(Path(path)).build()


def dump_yaml(blueprint: Blueprint, links: Sequence[str] = ()) -> str:
    """Text of a `device.yaml` from which exactly this Tap is loaded, passwords and keys included."""
    from emulator.config import writer

    return writer.dump_yaml(blueprint, links)


def show(loaded: Loaded, *, secrets: bool = False) -> str:
    """All values of a configuration as `device.yaml`, each with its origin; then what had no effect.

    Args:
        secrets: writes passwords and keys too, which are hidden otherwise.
    """
    from emulator.config import writer

    return writer.show(loaded, secrets=secrets)


def json_schema() -> dict[str, Any]:
    """JSON Schema of `device.yaml`, for completion and checks in editors."""
    from emulator.config import schema

    return schema.json_schema()

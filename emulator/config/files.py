"""Finds the reader for a file."""

from importlib import import_module
from pathlib import Path
from typing import Final

from emulator.config.draft import Draft
from emulator.config.source import Source

_BY_SUFFIX: Final = {
    ".yaml": "device_yaml",
    ".yml": "device_yaml",
    ".json": "tapconfig",
    ".iotz": "iotz",
    ".xml": "iotz",
}
_BY_START: Final = {"<": "iotz", "{": "tapconfig"}


def read(path: Path) -> Draft:
    """Reads a file of any kind: as its suffix says, else as it starts.

    Raises:
        ConfigError: it cannot be read, or not be understood.
    """
    source = Source.read(path)
    kind = _BY_SUFFIX.get(path.suffix.lower()) or _BY_START.get(source.text.lstrip()[:1], "device_yaml")
    draft: Draft = import_module(f"emulator.config.{kind}").read(source)
    return draft

"""Golden bytes as Python values."""

import json
import re
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")


def load(name: str) -> Any:
    """The content of one of the files beside this module."""
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def snake(name: str) -> str:
    """A name of the vendor's as Python spells it: ``getSSIDVisibility`` is ``get_ssid_visibility``."""
    return _WORD.sub("_", name).lower().replace("-", "_")

"""Golden bytes as Python values."""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent


def load(name: str) -> Any:
    """The content of one of the files beside this module."""
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))

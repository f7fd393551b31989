"""How often something was seen, and with which settings, as people say it."""

from collections.abc import Mapping
from typing import Any

_MIB = 1 << 20


def times(count: int) -> str:
    """``once``, ``3 times``."""
    return "once" if count == 1 else f"{count} times"


def tell_about(about: Mapping[str, Any]) -> dict[str, str]:
    """What a folder is about, by name; what is not set is left out."""
    told = ((name, _tell(name, value)) for name, value in about.items() if value is not None)
    return {name.replace("_", " "): text for name, text in told if text}


def _tell(name: str, value: Any) -> str:
    if name == "hang_time" and isinstance(value, int | float):
        return f"{value:g} s"
    if name == "memory" and isinstance(value, int):
        return f"{value / _MIB:g} MiB"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={each}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)

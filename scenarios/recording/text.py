"""Values and steps as lines of YAML."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def flow(value: Any) -> str:
    """A value on one line. Text is always quoted, so that nothing is taken for a number."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return json.dumps(value)


def writable(value: Any) -> bool:
    """Whether a file can say this value: no null, no infinite number, nothing that looks like a reference."""
    if isinstance(value, dict):
        return all(writable(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return all(map(writable, value))
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return "${" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    return value is not None


def step_lines(step: dict[str, Any], comment: str = "") -> Iterator[str]:
    """The lines of a step of a list, its first one with the comment."""
    mark = "- "
    for key, value in step.items():
        text = value if key == "request" and re.fullmatch(r"\w+\.\w+", value) else flow(value)
        end = f"  # {comment}" if comment and mark == "- " else ""
        yield f"{mark}{key}: {text}{end}"
        mark = "  "


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS else json.dumps(key)

"""What a test asks of its Taps: in its marker, and in calls of the factory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

OPTIONS: Final = ("firmware", "config", "scenario", "inputs", "links", "seed", "clock", "check_leaks")


def merged(markers: "list[Mapping[str, Any]]") -> dict[str, Any]:
    """The options of a test from those of its markers, the nearest first: of function, class and module.

    Raises:
        ValueError: there is no such option.
    """
    options: dict[str, Any] = {}
    for marker in reversed(markers):
        for name in marker:
            if name not in OPTIONS:
                raise ValueError(f"a Tap has no option {name!r}, expected one of: {', '.join(OPTIONS)}")
        options |= marker
    return options


def versions(firmware: Any) -> list[str]:
    """The versions for each of which a test is run."""
    return [str(version) for version in firmware] if isinstance(firmware, list | tuple) else []


def with_paths(options: dict[str, Any], folders: list[Path]) -> dict[str, Any]:
    """The options with the files that they name, which are in the first of the folders that has them."""
    found = dict(options)
    for name in ("config", "scenario"):
        given = found.get(name)
        if isinstance(given, Path) or (isinstance(given, str) and "\n" not in given):
            places = [folder / given for folder in folders]
            found[name] = next((place for place in places if place.exists()), places[0])
    return found

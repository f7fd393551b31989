"""What reading a file gives: the Tap, what else was found, or everything that is wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from emulator.blueprint import Blueprint

KeyPath = tuple[str | int, ...]
"""Address of a value in `device.yaml`: ``("settings", "interface", "app_name")``."""

_SHOWN: Final = 100


class ConfigError(Exception):
    """A file that cannot become a Tap.

    Args:
        problems: every one of them as ``file:line: what is wrong, what was expected``.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        more = len(self.problems) - _SHOWN
        super().__init__("\n".join(self.problems[:_SHOWN]) + (f"\n... and {more} more" if more > 0 else ""))


@dataclass(frozen=True, slots=True)
class Note:
    """Something in a file that has no effect on the Tap.

    Args:
        kind: ``unused`` is in order, but not emulated; ``ignored`` is not in order, and something else counts.
    """

    line: int
    text: str
    kind: Literal["ignored", "unused"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration.

    Args:
        links: URLs on which the Tap is to listen; none if the file does not say.
        notes: what had no effect, by line.
        origins: ``file:line`` of each value that comes from a file; all others are defaults.
    """

    blueprint: Blueprint
    links: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    origins: Mapping[KeyPath, str] = field(default_factory=dict)

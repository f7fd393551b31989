"""Keys of bundles and variables, whose names need not differ and need not be printable."""

from typing import Any, Final

from emulator.config import kinds
from emulator.config.kinds import Kind

KEY: Final = kinds.unicode_text(range(1, 81))
"""What can be a key. It is the name, unless the entry has a `name` of its own."""


class Keys:
    """Keys of a mapping: names, and where a name cannot be one, thing and id."""

    def __init__(self, thing: str, kind: Kind[str]) -> None:
        self._thing = thing
        self._kind = kind
        self._used: set[str] = set()
        self._repeated: dict[str, int] = {}

    def of(self, name: str | None, number: int) -> str:
        """A key that is not used yet: the name itself, if it can stand for itself."""
        key = name
        if key is None or key in self._used or not (fits(KEY, key) and fits(self._kind, key)):
            key = self._made(f"{self._thing}-{number}")
        self._used.add(key)
        return key

    def _made(self, plain: str) -> str:
        """A key that is made up; an id that stands twice is a mistake that is told later, so it needs keys too."""
        key = plain
        while key in self._used:
            again = self._repeated[plain] = self._repeated.get(plain, 1) + 1
            key = f"{plain}-{again}"
        return key


def fits(kind: Kind[Any], value: str) -> bool:
    """Whether the value is one of that kind."""
    try:
        kind.parse(value)
    except ValueError:
        return False
    return True

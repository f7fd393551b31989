"""What is remembered of an object and given back to it later: declared once, attribute by attribute.

A class that takes part lists in `KEPT` what changes while a Tap runs, each with how it is copied; in `PARTS` the
objects of its own that take part, too; and in `FIXED` what stays. A copy is made when it is remembered and again when
it is given back, so a memory can be used any number of times.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

Copy = Callable[[Any, float], Any]
"""Makes a copy of a value; of an instant one that is later by so many seconds."""

Memory = dict[str, Any]
"""Copies by the name of their attribute; of a part its own memory."""


def value(given: Any, _: float) -> Any:
    """Of what nobody changes in place, for example a number, text or a record."""
    return given


def container(given: Any, _: float) -> Any:
    """Of a list, dict, set or bytearray that holds such values."""
    return given.copy()


def nested(given: dict[Any, Any], _: float) -> dict[Any, Any]:
    """Of a dict of containers."""
    return {key: each.copy() for key, each in given.items()}


def instant(given: float, shift: float) -> float:
    """Of a time of the device's clock."""
    return given + shift


def instants(given: dict[Any, float], shift: float) -> dict[Any, float]:
    """Of a dict of such times."""
    return {key: each + shift for key, each in given.items()}


def kept(**copies: Copy) -> Mapping[str, Copy]:
    """What `Remembered.KEPT` is made of: attributes by name, each with how it is copied."""
    return copies


class Remembered:
    """Base of the classes that take part."""

    __slots__ = ()

    KEPT: ClassVar[Mapping[str, Copy]] = {}
    PARTS: ClassVar[tuple[str, ...]] = ()
    """An object under one of these names that does not take part stays as it is: a real wire has no memory."""
    FIXED: ClassVar[tuple[str, ...]] = ()

    def remember(self) -> Memory:
        """Copies of everything that changes."""
        memory = copies(self, self.KEPT)
        for name in self.PARTS:
            part = getattr(self, name)
            if isinstance(part, Remembered):
                memory[name] = part.remember()
        return memory

    def recall(self, memory: Memory, shift: float) -> None:
        """Makes the object what it was.

        Args:
            shift: seconds that have passed since then, by which instants are moved.
        """
        give_back(self, self.KEPT, memory, shift)
        for name in self.PARTS:
            part = getattr(self, name)
            if isinstance(part, Remembered) and name in memory:
                part.recall(memory[name], shift)


def copies(source: object, kept: Mapping[str, Copy]) -> Memory:
    """Copies of the attributes of an object."""
    return {name: copy(getattr(source, name), _NO_SHIFT) for name, copy in kept.items()}


def give_back(target: object, kept: Mapping[str, Copy], memory: Memory, shift: float) -> None:
    """Sets the attributes of an object to copies of what is in the memory."""
    for name, copy in kept.items():
        given = memory[name]
        setattr(target, name, given if copy is value else copy(given, shift))  # most are, and a call is dear


_NO_SHIFT: Final = 0.0

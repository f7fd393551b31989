"""What is remembered of an object and given back to it later: declared once, attribute by attribute.

A class that takes part lists in `KEPT` what changes while a Tap runs, each with how it is copied; in `PARTS` the
objects of its own that take part, too; and in `FIXED` what stays. A copy is made when it is remembered and again when
it is given back, so a memory can be used any number of times.

A fuzzer puts a Tap back thousands of times a second, and nearly nothing has changed each time. So what is equal to
what is remembered is left as it is. Equal dicts may differ in their order: where that counts, say `in_order`.
"""

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter, itemgetter
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


def in_order(given: dict[Any, Any], _: float) -> dict[Any, Any]:
    """Of a dict of containers whose order counts; made anew each time."""
    return {key: each.copy() for key, each in given.items()}


def instant(given: float, shift: float) -> float:
    """Of a time of the device's clock."""
    return given + shift


def instants(given: dict[Any, float], shift: float) -> dict[Any, float]:
    """Of a dict of such times."""
    return {key: each + shift for key, each in given.items()}


_RESTING: Final[tuple[Copy, ...]] = (value, container, nested)
"""Copies that time makes no difference to."""
_NO_SHIFT: Final = 0.0


class Kept:
    """Attributes of a class by name, each with how it is copied; iterates over the names."""

    def __init__(self, copies: Mapping[str, Copy]) -> None:
        self.copies = copies
        self._resting = tuple((name, copy) for name, copy in copies.items() if copy in _RESTING)
        self._moving = tuple((name, copy) for name, copy in copies.items() if copy not in _RESTING)
        names = [name for name, _ in self._resting]
        self._present = attrgetter(*names) if names else _nothing
        self._past = itemgetter(*names) if names else _nothing

    def __iter__(self) -> Iterator[str]:
        return iter(self.copies)

    def remember(self, source: object) -> Memory:
        """Copies of the attributes of an object."""
        return {name: copy(getattr(source, name), _NO_SHIFT) for name, copy in self.copies.items()}

    def give_back(self, target: object, memory: Memory, shift: float) -> None:
        """Sets the attributes of an object to copies of what is in the memory."""
        if self._present(target) != self._past(memory):
            for name, copy in self._resting:
                setattr(target, name, memory[name] if copy is value else copy(memory[name], shift))
        for name, copy in self._moving:
            setattr(target, name, copy(memory[name], shift))


def _nothing(_: object) -> Any:
    return ()


def kept(**copies: Copy) -> Kept:
    """What `Remembered.KEPT` is made of."""
    return Kept(copies)


class Remembered:
    """Base of the classes that take part."""

    __slots__ = ()

    KEPT: ClassVar[Kept] = kept()
    PARTS: ClassVar[tuple[str, ...]] = ()
    """An object under one of these names that does not take part stays as it is: a real wire has no memory."""
    FIXED: ClassVar[tuple[str, ...]] = ()

    def remember(self) -> Memory:
        """Copies of everything that changes."""
        memory = self.KEPT.remember(self)
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
        self.KEPT.give_back(self, memory, shift)
        for name in self.PARTS:
            if name in memory:
                getattr(self, name).recall(memory[name], shift)

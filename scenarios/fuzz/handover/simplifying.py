"""Simpler forms of one action of the scenario language: shorter, sooner, fewer."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from protocol.client.jsonable import HEX_PREFIX
from scenarios.model.common import read_duration, show_duration

Action = Mapping[str, Any]

_DURATIONS: Final = (0.0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 0.6, 1.0, 2.0)
"""Seconds that are tried."""
_COUNTED: Final = ("remove", "truncate", "repeat")
_SPELLED: Final = ("insert", "append")
"""Others could become what is there already, and an answer that is right would count as forged."""


def simpler_actions(action: Action) -> Iterator[Action]:
    """The action with one simpler value, the simplest first; none if it is as simple as can be."""
    for name, value in action.items():
        simpler = _SIMPLER.get(name)
        if simpler is not None:
            for other in simpler(value):
                yield {**action, name: other}


def _sooner(value: Any) -> Iterator[Any]:
    if isinstance(value, str | int | float):
        now = read_duration(value)
        yield from (show_duration(seconds) for seconds in _DURATIONS if 0 < seconds < now)


def _fewer(least: int) -> Callable[[Any], Iterator[int]]:
    def simpler(value: int) -> Iterator[int]:
        yield from (count for count in dict.fromkeys((least, value // 2, value - 1)) if least <= count < value)

    return simpler


def _shorter(text: str) -> Iterator[str]:
    """A byte, halves, a byte less; then zeros."""
    data = bytes.fromhex(text.removeprefix(HEX_PREFIX))
    for size in dict.fromkeys((1, len(data) // 4, len(data) // 2, len(data) - 1)):
        if 0 < size < len(data):
            yield HEX_PREFIX + data[:size].hex()
    if any(data):
        yield HEX_PREFIX + bytes(len(data)).hex()


def _damage(given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for way in _COUNTED:
        if way in given:
            yield from ({**given, way: count} for count in _fewer(1)(given[way]))
    for way in _SPELLED:
        if way in given:
            yield from ({**given, way: text} for text in _shorter(given[way]))
    if given.get("xor", 1) != 1:
        yield {**given, "xor": 1}


def _pieces(given: Any) -> Iterator[Any]:
    form = {"sizes": given} if isinstance(given, list) else dict(given)
    sizes = list(form["sizes"])
    for count in dict.fromkeys((1, len(sizes) // 2)):
        if 0 < count < len(sizes):
            yield {**form, "sizes": sizes[:count]}
    for seconds in _DURATIONS:
        if "gap" in form and seconds < read_duration(form["gap"]):
            yield {**form, "gap": show_duration(seconds)}


_SIMPLER: Final[Mapping[str, Callable[[Any], Iterator[Any]]]] = {
    "delay": _sooner,
    "duplicate": _fewer(2),
    "split": _pieces,
    "send": _shorter,
    "corrupt": _damage,
}

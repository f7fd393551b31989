"""Inputs of a scenario: which are given, and ``${name}`` of them filled in wherever it stands."""

from collections.abc import Mapping
from typing import Any, Final

from emulator.config.kinds import Plain, shown
from protocol.errors import UsageError
from scenarios.tree import Items, Node, Spot
from scenarios.values import look_up, references, substitute

_STEPS: Final = ("replay", "procedures")
"""Sections in which captures and rows define names, too."""


def read_inputs(declared: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Value of each input, its type still open where it is a plain word, and what is wrong with them."""
    inputs: Mapping[str, Any] = declared if isinstance(declared, Node) else {}
    values: dict[str, Any] = {}
    problems = []
    for name, one in inputs.items():
        if name in given:
            value = given[name]
            values[name] = Plain(value) if isinstance(value, str) else value
        elif not isinstance(one, dict) and one is not None:
            values[name] = one
        elif isinstance(one, dict) and "default" in one:
            values[name] = one["default"]
        else:
            problems.append(f"{declared.places[name]}: the input {name} is not given, expected a value for it")
    for name in given:
        if name not in inputs:
            known = ", ".join(inputs) or "none, for the scenario has no inputs"
            problems.append(f"the input {shown(Plain(name))} is unknown, expected {known}")
    return values, problems


def fill_in(tree: Node, values: Mapping[str, Any]) -> tuple[Node, list[str]]:
    """The tree with its inputs filled in, and what nothing defines."""
    filler = _Filler(values)
    filled = Node(tree.where)
    for key, value in tree.items():
        filler.captures = key in _STEPS
        done = value if key == "inputs" else filler.fill(value, tree.places[key])
        filled.put(key, done, tree.places[key])
    return filled, filler.problems


class _Filler:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.captures = False
        self.problems: list[str] = []

    def fill(self, value: Any, place: Spot) -> Any:
        if isinstance(value, Node):
            node = Node(value.where)
            for key, one in value.items():
                node.put(key, self.fill(one, value.places.get(key, value.where)), value.places.get(key, value.where))
            return node
        if isinstance(value, Items):
            items = Items(value.where)
            for one, spot in zip(value, value.places, strict=True):
                items.put(self.fill(one, spot), spot)
            return items
        return self._text(value, place) if isinstance(value, str) and "${" in value else value

    def _text(self, text: str, place: Spot) -> Any:
        known: dict[str, Any] = {}
        for reference in references(text):
            if reference.partition(".")[0] in self._values:
                try:
                    known[reference] = look_up(reference, self._values)
                except UsageError as error:
                    self.problems.append(f"{place}: {error}")
                    return text
            elif self.captures:
                # Captures stay; `scenarios.checking` follows them through the steps.
                known[reference] = f"${{{reference}}}"
            else:
                names = ", ".join(self._values) or "an input, of which there is none"
                self.problems.append(f"{place}: nothing defines ${{{reference}}}, expected {names}")
                return text
        return substitute(text, known)

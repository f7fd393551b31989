"""The values of scenario files as a tree whose mappings and lists know where they are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from emulator.config.draft import Draft
from emulator.config.loaded import KeyPath
from emulator.config.source import Source


class Spot(NamedTuple):
    """A place in a file; as text ``file:line:column``."""

    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return self.source.at(self.line, self.column)


class Node(dict[str, Any]):
    """A mapping; `places` has the spot of each key."""

    def __init__(self, where: Spot) -> None:
        super().__init__()
        self.where = where
        self.places: dict[str, Spot] = {}

    def put(self, key: str, value: Any, place: Spot) -> None:
        """Sets a value and its place."""
        self[key] = value
        self.places[key] = place


class Items(list[Any]):
    """A list; `places` has the spot of each element."""

    def __init__(self, where: Spot) -> None:
        super().__init__()
        self.where = where
        self.places: list[Spot] = []

    def put(self, value: Any, place: Spot) -> None:
        """Adds an element and its place."""
        self.append(value)
        self.places.append(place)


def grow(draft: Draft, value: Any) -> Any:
    """The values of a file as a tree of nodes."""
    first = draft.places[()]
    return _Grower(draft).node(value, (), Spot(draft.source, first.line, first.column))


@dataclass
class _Grower:
    draft: Draft

    def node(self, value: Any, path: KeyPath, where: Spot) -> Any:
        if isinstance(value, dict):
            mapping = Node(where)
            for key, one in value.items():
                place = self._place((*path, key), where)
                mapping.put(key, self.node(one, (*path, key), place), place)
            return mapping
        if isinstance(value, list):
            items = Items(where)
            for number, one in enumerate(value):
                place = self._place((*path, number), where)
                items.put(self.node(one, (*path, number), place), place)
            return items
        return value

    def _place(self, path: KeyPath, around: Spot) -> Spot:
        """What an alias repeats is placed where the alias is."""
        place = self.draft.places.get(path)
        return around if place is None else Spot(around.source, place.line, place.column)


def find(tree: Any, path: KeyPath) -> tuple[Spot | None, list[str | int]]:
    """The place of what a model complains about, and the keys that the file has on the way to it.

    A model sees one form of what a file may write in several: a list where the file has one element, a mapping where
    it has a word. Keys that the file does not have are passed over.
    """
    node, keys = tree, list[str | int]()
    spot: Spot | None = getattr(tree, "where", None)
    steps = list(path)
    while steps:
        key = steps.pop(0)
        if isinstance(node, Node) and key in node:
            spot, node = node.places[str(key)], node[str(key)]
        elif isinstance(node, Items) and isinstance(key, int) and key < len(node):
            spot, node = node.places[key], node[key]
        else:
            if isinstance(node, Items) and key == "clients":
                # A list of steps is the model's first client.
                del steps[:2]
            continue
        keys.append(key)
    return spot, keys


def places_below(node: Mapping[str, Any] | list[Any], path: KeyPath = ()) -> dict[KeyPath, Spot]:
    """Places of everything in a tree, by path from there."""
    found: dict[KeyPath, Spot] = {}
    pairs: Any = node.items() if isinstance(node, Node) else enumerate(node)
    for key, value in pairs:
        found[*path, key] = node.places[key]  # type: ignore[union-attr]
        if isinstance(value, Node | Items):
            found |= places_below(value, (*path, key))
    return found


def below(folder: Path, name: str, start: Path) -> Path:
    """The file of this name, seen from `start`.

    Raises:
        ValueError: it is not below the folder, once links are followed.
    """
    try:
        file = (start / name).resolve()
        inside = file.is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:
        raise ValueError("cannot be found") from error
    if not inside or Path(name).is_absolute():
        raise ValueError("is outside the folder of the scenario")
    return file

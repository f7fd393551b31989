"""Reads scenario files: ``load("lock-out.yaml")``.

A file is read as `device.yaml` is (no tags, no code, limits on size, depth and aliases), included files are merged
into it, inputs are filled in, and the model and the resource table check the whole. All that is wrong is told at once.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from emulator.config.device_yaml import read_tree
from emulator.config.draft import Draft, dotted
from emulator.config.kinds import Plain, shown
from emulator.config.loaded import ConfigError, KeyPath
from emulator.config.source import Source
from emulator.config.validation import unknown_key
from scenarios.checking import check
from scenarios.devices import build_blueprint
from scenarios.errors import ScenarioError
from scenarios.inputs import fill_in, read_inputs
from scenarios.model.common import plain_value
from scenarios.model.describing import keys_at
from scenarios.model.scenario import Scenario
from scenarios.tree import Items, Node, below, find, grow

__all__ = ["ScenarioError", "load", "loads"]

MAX_INCLUDES: Final = 50
_PLACE: Final = re.compile(r".*?:(\d+):(\d+): ")
_MERGED: Final = ("inputs", "device", "tables", "procedures")
_INCLUDED: Final = ("scenario", "name", "purpose", "evidence", "tags", "include", *_MERGED, "script")
"""Keys of a file that is included; those about the file itself are for its readers."""


def load(path: str | Path, inputs: Mapping[str, Any] | None = None) -> Scenario:
    """Reads a scenario from a file.

    Args:
        inputs: values by name, as ``--set`` gives them; text that looks like a number or true is one.

    Raises:
        ScenarioError: with all problems.
    """
    file = Path(path)
    try:
        source = Source.read(file, columns=True)
    except ConfigError as error:
        raise ScenarioError(
            problem.replace("a configuration file", "a scenario") for problem in error.problems
        ) from error
    return _Loading(file.parent).scenario(source, inputs or {}, file)


def loads(
    text: str, name: str = "scenario", folder: str | Path | None = None, inputs: Mapping[str, Any] | None = None
) -> Scenario:
    """Reads a scenario from text.

    Args:
        name: that messages have in place of the file's.
        folder: below which included files and configurations are; None: it may name no files.

    Raises:
        ScenarioError: with all problems.
    """
    where = None if folder is None else Path(folder)
    try:
        source = Source.decode(
            str(where / name) if where else name, text.encode("utf-8", "surrogatepass"), columns=True
        )
    except ConfigError as error:
        raise ScenarioError(error.problems) from error
    return _Loading(where).scenario(source, inputs or {}, None)


class _Loading:
    """Reads one scenario with all that it includes."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._problems: list[str] = []
        self._included = 0

    def scenario(self, source: Source, inputs: Mapping[str, Any], path: Path | None) -> Scenario:
        tree = self._tree(source, ())
        values: dict[str, Any] = {}
        if tree is not None:
            values, problems = read_inputs(tree.get("inputs"), inputs)
            tree, unknown = fill_in(tree, values)
            self._problems += problems + unknown
        scenario = None if tree is None else self._validated(tree)
        if scenario is not None:
            scenario._path, scenario._values = path, plain_value(values)
            if not scenario.name:
                scenario.__dict__["name"] = Path(source.name).stem
            self._problems += check(scenario)
            try:
                scenario._blueprint = build_blueprint(scenario.device, self._folder)
            except ScenarioError as error:
                self._problems += error.problems
        if self._problems or scenario is None:
            raise ScenarioError(sorted(dict.fromkeys(self._problems), key=_position))
        return scenario

    def _tree(self, source: Source, including: tuple[Path, ...]) -> Node | None:
        """The tree of a file with what it includes; None if it cannot be read."""
        draft = Draft(source)
        try:
            tree = grow(draft, read_tree(draft))
        except ConfigError as error:
            self._problems += [*draft.problems, *error.problems]
            return None
        self._problems += draft.problems
        if not isinstance(tree, Node):
            self._problems.append(
                f"{source.at(1)}: the file is {shown(tree)}, expected a mapping that starts with scenario: 1"
            )
            return None
        names = tree.get("include")
        if isinstance(names, Items):
            pairs = list(zip(names, names.places, strict=True))
        else:
            pairs = [] if names is None else [(names, tree.places["include"])]
        merged = tree
        for name, place in reversed(pairs):
            if not isinstance(name, str):
                if including:  # of the scenario's own file the model says it
                    self._problems.append(f"{place}: include is {shown(name)}, expected names of files")
                continue
            other = self._include(source, name, str(place), including)
            if other is not None:
                merged = _merge(other, merged)
        return merged

    def _include(self, source: Source, name: str, place: str, including: tuple[Path, ...]) -> Node | None:
        def refuse(text: str) -> None:
            self._problems.append(f"{place}: include {shown(Plain(name))} {text}")

        if self._folder is None:
            refuse("cannot be read, expected no include, for this scenario is no file")
            return None
        this = Path(source.name)
        try:
            file = below(self._folder, name, this.parent)
            chain = (*including, this.resolve())
        except ValueError as error:
            refuse(f"{error}, expected a file below it")
            return None
        self._included += 1
        if file in chain:
            refuse("includes itself in the end, expected no circle")
        elif self._included > MAX_INCLUDES:
            if self._included == MAX_INCLUDES + 1:
                refuse(f"is one file too many, expected at most {MAX_INCLUDES}")
        elif not file.is_file():
            refuse("is not there, expected a file")
        else:
            try:
                tree = self._tree(Source.read(file, columns=True), chain)
            except ConfigError as error:
                self._problems += error.problems
            else:
                self._problems += [] if tree is None else _unfit_to_be_included(tree)
                return tree
        return None

    def _validated(self, tree: Node) -> Scenario | None:
        if "scenario" not in tree:
            self._problems.append(f"{tree.where}: scenario is missing, expected scenario: 1, the version of the format")
            tree.put("scenario", 1, tree.where)
        try:
            return Scenario.model_validate(tree)
        except ValidationError as error:
            self._problems += [_problem(tree, one) for one in error.errors(include_url=False)]
            return None


def _unfit_to_be_included(tree: Node) -> list[str]:
    """What is wrong with an included file and does not show in the scenario that it becomes part of."""
    problems = []
    for key, place in tree.places.items():
        if key in _INCLUDED:
            continue
        if key in Scenario.model_fields:
            text = f"is not taken from a file that is included, expected one of {', '.join(_INCLUDED)}"
        else:
            text = unknown_key(key, list(_INCLUDED))
        problems.append(f"{place}: {key} {text}")
    if plain_value(tree.get("scenario", 1)) != 1:
        problems.append(f"{tree.places['scenario']}: scenario is {shown(tree['scenario'])}, expected 1")
    script = tree.get("script")
    parts: list[tuple[Node, str, type]] = [(tree, key, Node) for key in (*_MERGED, "script")]
    if isinstance(script, Node):
        parts += [(script, "machines", Node), (script, "rules", Items)]
    for node, key, kind in parts:
        if key in node and not isinstance(node[key], kind):
            expected = "a list" if kind is Items else "a mapping of keys to values"
            problems.append(f"{node.places[key]}: {key} is {shown(node[key])}, expected {expected}")
    return problems


def _position(problem: str) -> tuple[int, int]:
    found = _PLACE.match(problem)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _merge(base: Node, over: Node) -> Node:
    """What a file says, over what a file says that it includes."""
    merged = Node(over.where)
    for key in over:
        merged.put(key, over[key], over.places[key])
    for key in _MERGED:
        if key in base:
            merged.put(key, _over(base[key], over.get(key)), over.places.get(key, base.places[key]))
    if "script" in base:
        merged.put(
            "script", _scripts(base["script"], over.get("script")), over.places.get("script", base.places["script"])
        )
    return merged


def _over(base: Any, over: Any) -> Any:
    if not isinstance(base, Node) or not isinstance(over, Node):
        return base if over is None else over
    both = Node(over.where)
    for node in (base, over):
        for key in node:
            both.put(key, node[key], node.places[key])
    return both


def _scripts(base: Any, over: Any) -> Any:
    both = _over(base, over)
    if not isinstance(base, Node) or not isinstance(over, Node):
        return both
    if "machines" in base and "machines" in over:
        both["machines"] = _over(base["machines"], over["machines"])
    first, second = base.get("rules"), over.get("rules")
    if isinstance(first, Items) and isinstance(second, Items):
        rules = Items(second.where)
        for items in (first, second):
            for rule, place in zip(items, items.places, strict=True):
                rules.put(rule, place)
        both["rules"] = rules
    return both


def _problem(tree: Node, error: ErrorDetails) -> str:
    path: KeyPath = error["loc"]
    if path[-1:] == ("[key]",):
        path = path[:-1]
    spot, keys = find(tree, path)
    name = dotted(tuple(keys)) if keys else "the file"
    match error["type"]:
        case "extra_forbidden":
            text = unknown_key(str(path[-1]), _known_keys(path[:-1]))
        case "missing":
            name = dotted((*keys, path[-1]))
            text = f"is missing, expected it {f'in {dotted(tuple(keys))}' if keys else 'in the file'}"
        case "model_type" | "dict_type" | "model_attributes_type":
            text = f"is {shown(error['input'])}, expected a mapping of keys to values"
        case "list_type" | "tuple_type":
            text = f"is {shown(error['input'])}, expected a list"
        case "recursion_loop":
            text = "contains itself, expected values without a circle"
        case _:
            text = str(error.get("ctx", {}).get("error", error["msg"]))
    return f"{spot or tree.where}: {name} {text}"


def _known_keys(path: KeyPath) -> list[str]:
    return keys_at(Scenario, path)

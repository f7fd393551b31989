"""Reads `device.yaml`, our own kind of file.

The parser of pyyaml gives events with their lines, and the tree is built here: so a key that stands twice is noticed,
nesting and aliases have limits, tags make no objects, and unquoted words keep their text (`kinds.Plain`).
"""

import re
from typing import Any, Final, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from emulator.config.draft import Draft, Place, dotted
from emulator.config.kinds import Plain, shown
from emulator.config.loaded import KeyPath
from emulator.config.source import Source

MAX_DEPTH: Final = 20
MAX_VALUES: Final = 100_000
"""Values in a file, those which aliases repeat included."""

PARSERS: Final = (getattr(yaml, "CSafeLoader", None), yaml.SafeLoader)
"""The parser of libyaml is ten times as fast; pyyaml has it on most machines, and understands the same without it."""

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_FORBIDDEN = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def read(source: Source) -> Draft:
    """Reads the values of a file.

    Raises:
        ConfigError: it is no YAML, or a limit is exceeded.
    """
    draft = Draft(source)
    tree = read_tree(draft)
    if isinstance(tree, dict):
        draft.data = tree
        _spell_out(draft)
    else:
        draft.data = {"tap": 1}
        draft.problem(draft.places[()].line, f"the file is {shown(tree)}, expected a mapping that starts with tap: 1")
    return draft


def read_tree(draft: Draft) -> Any:
    """The tree of values in the text of any YAML file, within the limits; places and problems are noted in the draft.

    Raises:
        ConfigError: it is no YAML, or a limit is exceeded.
    """
    source = draft.source
    found = _FORBIDDEN.search(source.text)
    if found is not None:
        source.fail(source.line(found.start()), f"the character {found[0]!a} cannot stand in YAML, expected text")
    return _Reader(draft).document()


def _spell_out(draft: Draft) -> None:
    """A target that is only a URL."""
    url = draft.data.get("target")
    if isinstance(url, str):
        draft.data["target"] = {"url": url}
        draft.places["target", "url"] = draft.places["target",]


class _Reader:
    """Builds the tree of one document from its events."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._loader = next(parser for parser in PARSERS if parser is not None)(draft.source.text)
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._values = 0
        self._last_line = 1

    def document(self) -> Any:
        """The value of the only document; None if there is none."""
        tree: Any = None
        while not isinstance(event := self._next(), StreamEndEvent):
            if isinstance(event, DocumentStartEvent):
                if self._values:
                    self._fail(event, "a second document starts, expected only one")
                tree = self._node(self._next(), ())
        return tree

    def _next(self) -> Any:
        try:
            event = self._loader.get_event()
            self._last_line = _line(event)
            return event
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (self._last_line, 1)
            reason = error.problem or error.context or "not understood"
            self._draft.source.fail(line, f"this is no YAML ({reason}), expected keys and values", column)
        except (ValueError, OverflowError) as error:
            # pyyaml does not check numbers in escapes and directives before it converts them.
            self._draft.source.fail(self._last_line, f"this is no YAML ({shown(str(error))}), expected keys and values")

    def _node(self, event: Any, path: KeyPath) -> Any:
        before = self._values
        self._count(event, 1)
        if len(path) > MAX_DEPTH:
            self._fail(event, f"values are nested too deep, expected at most {MAX_DEPTH} levels")
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            self._problem(event, f"the tag {shown(event.tag)} has no meaning here, expected a plain value")
        node: Any
        if isinstance(event, ScalarEvent):
            self._draft.source.no_half_characters(event.value, *_spot(event))
            node = _scalar(event)
        elif isinstance(event, MappingStartEvent):
            node = self._mapping(event, path)
        else:
            node = self._sequence(path)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._values - before)
        return node

    def _alias(self, event: AliasEvent) -> Any:
        if event.anchor not in self._anchors:
            self._fail(event, f"the alias *{event.anchor} stands for nothing, expected an anchor before it")
        node, values = self._anchors[event.anchor]
        self._count(event, values)
        return node

    def _mapping(self, start: Any, path: KeyPath) -> dict[str, Any]:
        node: dict[str, Any] = {}
        if not path:
            self._place(path, start)
        while not isinstance(event := self._next(), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                self._fail(event, "a key is no text, expected a name")
            key = self._draft.source.no_half_characters(event.value, *_spot(event))
            here = (*path, key)
            if key in node:
                first = self._draft.places[here].line
                self._problem(event, f"{dotted(here)} is there twice, expected it only on line {first}")
            else:
                self._place(here, event)
            value = self._node(self._next(), here)
            node.setdefault(key, value)
        return node

    def _sequence(self, path: KeyPath) -> list[Any]:
        node: list[Any] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            here = (*path, len(node))
            self._place(here, event)
            node.append(self._node(event, here))
        return node

    def _place(self, path: KeyPath, event: Any) -> None:
        self._draft.places[path] = Place(_line(event), dotted(path), _spot(event)[1])

    def _problem(self, event: Any, text: str) -> None:
        line, column = _spot(event)
        self._draft.problem(line, text, column)

    def _fail(self, event: Any, text: str) -> NoReturn:
        line, column = _spot(event)
        self._draft.source.fail(line, text, column)

    def _count(self, event: Any, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            self._fail(event, f"the file has too many values, expected at most {MAX_VALUES}")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _spot(event: Any) -> tuple[int, int]:
    return _line(event), int(event.start_mark.column) + 1


def _scalar(event: ScalarEvent) -> str | None:
    if event.style:
        return str(event.value)
    return None if event.value in _NULLS else Plain(event.value)

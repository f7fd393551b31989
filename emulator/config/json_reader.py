"""A small reader for JSON that remembers the line of each value, which the standard library does not."""

import json
import re
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # the part of the decoder that reads a string
from typing import Any, Final, NoReturn

from emulator.config.draft import Draft
from emulator.config.kinds import shown
from emulator.config.source import MAX_VENDOR_SIZE, Source

MAX_DEPTH: Final = 50
"""Values within each other; the deepest known file has 8."""

_SPACE = re.compile(r"[ \t\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,400})(\.\d{1,400})?([eE][+-]?\d{1,3})?(?![\d.eE])", re.ASCII)
_WORD = re.compile(r"[A-Za-z_]{1,20}")
_CONSTANTS: Final = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its line; the values of objects and lists are nodes again."""

    value: Any
    line: int


def parse(draft: Draft) -> Node:
    """The value of a file; a key that stands twice becomes a note of the draft.

    Raises:
        ConfigError: it is no JSON.
    """
    draft.source.no_more_than(MAX_VENDOR_SIZE)
    return _Reader(draft).document()


class _Reader:
    """Goes through the text once; the depth of its recursion has a limit."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._source: Source = draft.source
        self._text = draft.source.text
        self._at = 0

    def document(self) -> Node:
        node = self._node(0)
        if self._peek():
            self._expect("the end of the file")
        return node

    def _expect(self, expected: str) -> NoReturn:
        ahead = self._text[self._at : self._at + 20].partition("\n")[0]
        found = f"{shown(ahead)} stands here" if ahead else "the file ends"
        self._source.fail(self._source.line(min(self._at, len(self._text))), f"{found}, expected {expected}")

    def _peek(self) -> str:
        """The next character that is no space; empty at the end."""
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _accept(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self._at += 1
        return True

    def _node(self, depth: int) -> Node:
        first = self._peek()
        line = self._source.line(self._at)
        if depth > MAX_DEPTH:
            self._source.fail(line, f"values are nested too deep, expected at most {MAX_DEPTH} levels")
        if first == "{":
            return Node(self._object(depth), line)
        if first == "[":
            return Node(self._list(depth), line)
        if first == '"':
            return Node(self._string(), line)
        return Node(self._number() if first in "-0123456789" and first else self._constant(), line)

    def _object(self, depth: int) -> dict[str, Node]:
        members: dict[str, Node] = {}
        self._at += 1
        if self._accept("}"):
            return members
        while True:
            if self._peek() != '"':
                self._expect("a key in double quotes")
            line = self._source.line(self._at)
            key = self._string()
            if not self._accept(":"):
                self._expect("a colon after the key")
            before = members.get(key)
            # JSON.parse, with which the vendor's tools read, keeps the last value.
            members[key] = Node(self._node(depth + 1).value, line)
            if before is not None:
                self._draft.ignored(
                    before.line, f"the key {shown(key)} is there twice; the value of line {line} counts"
                )
            if self._accept("}"):
                return members
            if not self._accept(","):
                self._expect("a comma or }")

    def _list(self, depth: int) -> list[Node]:
        items: list[Node] = []
        self._at += 1
        if self._accept("]"):
            return items
        while True:
            items.append(self._node(depth + 1))
            if self._accept("]"):
                return items
            if not self._accept(","):
                self._expect("a comma or ]")

    def _string(self) -> str:
        start = self._at
        try:
            text, self._at = scanstring(self._text, self._at + 1, True)
        except json.JSONDecodeError as error:
            line = self._source.line(error.pos)
            self._source.fail(line, f"a string cannot be read ({error.msg.lower()}), expected text in double quotes")
        return self._source.no_half_characters(text, self._source.line(start))

    def _number(self) -> int | float:
        number = _NUMBER.match(self._text, self._at)
        if number is None:
            self._expect("a number")
        self._at = number.end()
        return float(number[0]) if number[1] or number[2] else int(number[0])

    def _constant(self) -> bool | None:
        word = _WORD.match(self._text, self._at)
        if word is None or word[0] not in _CONSTANTS:
            self._expect("a value")
        self._at = word.end()
        return _CONSTANTS[word[0]]

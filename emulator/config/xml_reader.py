"""A small reader for the XML that IoTize Studio writes, which is not always well-formed.

It forgives one thing: an attribute that stands twice in a tag, as Studio 2.9 writes it. It knows no document type and
so no entities but the five predefined ones and character references; it opens nothing; it remembers lines. One reader
serves well-formed files too, so that both are read alike.
"""

import re
from dataclasses import dataclass, field
from typing import Final, NoReturn

from emulator.config.draft import Draft
from emulator.config.kinds import shown
from emulator.config.source import MAX_VENDOR_SIZE, Source

MAX_DEPTH: Final = 50
"""Elements within each other; the deepest known file has 5."""

MAX_ELEMENTS: Final = 20_000
"""Elements in a file; the largest known one has 300."""

_NAME = r"[A-Za-z_:][A-Za-z0-9_:.\-]{0,99}"
_SPACE = re.compile(r"[ \t\n]*")
_START = re.compile(rf"<({_NAME})")
_END = re.compile(rf"</({_NAME})[ \t\n]*>")
_ATTRIBUTE = re.compile(rf"[ \t\n]+({_NAME})[ \t\n]*=[ \t\n]*(?:\"([^\"<]*)\"|'([^'<]*)')")
_CLOSE = re.compile(r"[ \t\n]*(/?)>")
_DECLARED_ENCODING = re.compile(r"\sencoding\s*=\s*[\"']([^\"']*)[\"']")
_REFERENCE = re.compile(r"&(#\d{1,7};|#x[0-9a-fA-F]{1,6};|\w{1,20};)?", re.ASCII)
_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PREDEFINED: Final = {"lt;": "<", "gt;": ">", "amp;": "&", "quot;": '"', "apos;": "'"}
_ENCODINGS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value of an attribute, and the line of its name."""

    value: str
    line: int


@dataclass(slots=True)
class Element:
    """An element; its text is of no interest in the files that this reader is for."""

    name: str
    line: int
    attributes: dict[str, Attribute] = field(default_factory=dict)
    children: list["Element"] = field(default_factory=list)

    def named(self, name: str) -> list["Element"]:
        """Children of one name."""
        return [child for child in self.children if child.name == name]


def take(element: Element, name: str) -> Attribute | None:
    """An attribute that is about to be used; None if it is not there or says nothing."""
    attribute = element.attributes.pop(name, None)
    return attribute if attribute is not None and attribute.value else None


def parse(draft: Draft) -> Element:
    """The root element; what was forgiven becomes a note of the draft.

    Raises:
        ConfigError: at the first thing that cannot be understood.
    """
    draft.source.no_more_than(MAX_VENDOR_SIZE)
    return _Reader(draft).document()


class _Reader:
    """Goes through the text once, without recursion."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._source: Source = draft.source
        self._text = draft.source.text
        self._at = 0
        self._count = 0
        self._open: list[Element] = []
        self._root: Element | None = None

    def document(self) -> Element:
        found = _FORBIDDEN.search(self._text)
        if found is not None:
            self._fail(f"the character {found[0]!a} cannot stand in XML, expected text", found.start())
        while self._at < len(self._text):
            self._text_until_markup()
            if self._at < len(self._text):
                self._markup()
        if self._root is None:
            self._fail("the file has no element, expected <IOTizeConfiguration>", 0)
        if self._open:
            last = self._open[-1]
            self._fail(f"the file ends within <{last.name}> of line {last.line}, expected </{last.name}>")
        return self._root

    def _fail(self, text: str, at: int | None = None) -> NoReturn:
        self._source.fail(self._source.line(self._at if at is None else at), text)

    def _text_until_markup(self) -> None:
        end = self._text.find("<", self._at)
        end = len(self._text) if end < 0 else end
        start = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches always
        if start < end:
            if not self._open:
                self._fail(f"{shown(self._text[start:end])} stands outside of the root element, expected a tag", start)
            inside = self._open[-1].name
            self._draft.ignored(self._source.line(start), f"text within {inside}: its meaning is not known")
        self._at = end

    def _markup(self) -> None:
        if self._text.startswith("<?", self._at):
            self._instruction()
        elif self._text.startswith("<!--", self._at):
            self._skip_past("-->", 4)
        elif self._text.startswith("<!", self._at):
            self._fail("a document type or CDATA section starts, expected elements only")
        elif self._text.startswith("</", self._at):
            self._end_tag()
        else:
            self._start_tag()

    def _skip_past(self, mark: str, offset: int) -> str:
        end = self._text.find(mark, self._at + offset)
        if end < 0:
            self._fail(f"{self._text[self._at : self._at + offset]} has no end, expected {mark}")
        skipped = self._text[self._at : end]
        self._at = end + len(mark)
        return skipped

    def _instruction(self) -> None:
        start = self._at
        skipped = self._skip_past("?>", 2)
        declared = _DECLARED_ENCODING.search(skipped) if skipped.startswith("<?xml") else None
        if declared is not None and declared[1].lower() not in _ENCODINGS:
            self._fail(f"the file calls its encoding {shown(declared[1])}, expected UTF-8", start)

    def _end_tag(self) -> None:
        tag = _END.match(self._text, self._at)
        if tag is None:
            self._fail("a tag starts with </ but has no end, expected a name and >")
        if not self._open:
            self._fail(f"</{tag[1]}> closes nothing, expected a start tag before it")
        last = self._open.pop()
        if last.name != tag[1]:
            self._fail(f"</{tag[1]}> closes <{last.name}> of line {last.line}, expected </{last.name}>")
        self._at = tag.end()

    def _start_tag(self) -> None:
        tag = _START.match(self._text, self._at)
        if tag is None:
            self._fail("a < starts no tag, expected a name after it")
        if not self._open and self._root is not None:
            self._fail(f"<{tag[1]}> starts a second root element, expected the end of the file")
        if len(self._open) >= MAX_DEPTH:
            self._fail(f"elements are nested too deep, expected at most {MAX_DEPTH} levels")
        self._count += 1
        if self._count > MAX_ELEMENTS:
            self._fail(f"the file has too many elements, expected at most {MAX_ELEMENTS}")
        element = Element(tag[1], self._source.line(self._at))
        self._at = tag.end()
        self._attributes(element)
        close = _CLOSE.match(self._text, self._at)
        if close is None:
            self._fail(f"the tag <{element.name}> goes on with {self._ahead()}, expected an attribute or >")
        self._at = close.end()
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        if not close[1]:
            self._open.append(element)

    def _attributes(self, element: Element) -> None:
        while found := _ATTRIBUTE.match(self._text, self._at):
            name = found[1]
            line = self._source.line(found.start(1))
            value = self._value(found)
            before = element.attributes.get(name)
            # The vendor's converter (fast-xml-parser) keeps the last value, so a Tap set up by it has this one.
            element.attributes[name] = Attribute(value, line)
            if before is not None:
                same = "both values are equal" if before.value == value else f"the value of line {line} counts"
                self._draft.ignored(before.line, f"{element.name}: the attribute {name} is there twice; {same}")
            self._at = found.end()

    def _value(self, found: re.Match[str]) -> str:
        group = 2 if found[2] is not None else 3
        raw = re.sub(r"[\t\n]", " ", found[group])
        return _REFERENCE.sub(lambda reference: self._character(reference, found.start(group)), raw)

    def _character(self, reference: re.Match[str], offset: int) -> str:
        name = reference[1] or ""
        if name.startswith("#"):
            number = int(name[2:-1], 16) if name[1] == "x" else int(name[1:-1])
            character = chr(number) if number <= 0x10FFFF else "\0"
        else:
            character = _PREDEFINED.get(name, "\0")
        if _FORBIDDEN.match(character):
            expected = "&amp; or another of the predefined entities"
            self._fail(
                f"{shown(reference[0])} stands for no character, expected {expected}", offset + reference.start()
            )
        return character

    def _ahead(self) -> str:
        return shown(self._text[self._at : self._at + 20].strip())

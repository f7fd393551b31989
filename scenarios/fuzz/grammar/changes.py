"""Bodies in place of the true one, and how they become mutations."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from protocol.errors import PeerError
from protocol.tlv import BUNDLE_VALUES
from protocol.values import Body
from scenarios.fuzz.grammar.layout import Field, Kind, Layout, layout, size_of
from scenarios.fuzz.grammar.trees import ANY_BYTES, RAW_BODIES, is_bundle
from scenarios.fuzz.mutation import Answer, Family, Mutation, Mutator, Nature

_MOST: Final = 300
"""Mutations of one mutator and one answer."""
_SHOWN: Final = 16
"""Bytes of a value that words show."""


class Change(NamedTuple):
    """Another body.

    Args:
        words: what is wrong, for people.
        sound: whether it is what the schema says; None if one has to look.
    """

    body: bytes
    words: str
    sound: bool | None = None


class Subject:
    """An answer, with the meaning of its body."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.data = answer.response.body
        self.schema: Body[Any] | None = answer.body
        self.layout: Layout = _layout_of(answer)

    def fields(self, *kinds: Kind) -> list[Field]:
        """The fields of these kinds."""
        return [each for each in self.layout.fields if each.kind in kinds]

    def with_number(self, field: Field, number: int, words: str = "") -> Change:
        """A field says another number."""
        body = self._repaired(field.with_number(self.data, number), field)
        if not words:
            old, new = shown_number(field, field.number), shown_number(field, number)
            words = f"{field.shown} {field.place}: {old} -> {new}"
        return Change(body, words, self._free(field))

    def with_bytes(self, field: Field, content: bytes, words: str = "") -> Change:
        """A field, of whole bytes, has another content."""
        body = self._repaired(field.with_bytes(self.data, content), field)
        sound = self._free(field) if len(content) == field.size else None
        if not words:
            words = f"{field.shown} {field.place}: {shown(old_bytes(self, field))} -> {shown(content)}"
        return Change(body, words, sound)

    def _repaired(self, body: bytes, field: Field) -> bytes:
        repair = self.layout.repair
        return body if repair is None or field.kind is Kind.CHECKSUM else repair(body)

    def _free(self, field: Field) -> bool | None:
        return (self.layout.fits and field.kind in _FREE) or None


def _layout_of(answer: Answer) -> Layout:
    """As the schema says; of raw bytes as another form of the call says, if that sees more in them."""
    found = layout(answer.body, answer.response.body)
    entry = answer.entry
    if answer.body in RAW_BODIES and entry is not None:
        forms = (layout(form.response, answer.response.body) for form in entry.call.forms if form.response is not None)
        return next((each for each in forms if each.fits and len(each.fields) > 1), found)
    return found


_FREE: Final = frozenset(
    {Kind.INTEGER, Kind.SIGNED, Kind.VERSION, Kind.BYTES, Kind.VALUE, Kind.TEXT, Kind.FIXED_TEXT, Kind.FLAG}
)
"""Kinds whose fields may have any content of their size."""


def old_bytes(subject: Subject, field: Field) -> bytes:
    """The bytes of a field, or of the word of which it is a part."""
    return subject.data[field.offset : field.end]


def shown(content: bytes) -> str:
    """Bytes for people."""
    if not content:
        return "nothing"
    if len(content) > _SHOWN:
        return f"{content[:_SHOWN].hex()}... ({len(content)} bytes)"
    return content.hex()


def shown_number(field: Field, number: int) -> str:
    """A number as the field means it."""
    number &= (1 << field.bits) - 1
    if field.kind is Kind.SIGNED and number >> field.bits - 1:
        number -= 1 << field.bits
    if field.kind is Kind.FLAGS or isinstance(field.value, bytes):
        return f"0x{number:0{(field.bits + 3) // 4}X}"
    return str(number)


def in_turn(*sources: Iterable[Change]) -> Iterator[Change]:
    """The first change of each source, then the second of each: of a body of many fields no field is left out."""
    waiting = deque(iter(source) for source in sources)
    while waiting:
        source = waiting.popleft()
        change = next(source, None)
        if change is not None:
            yield change
            waiting.append(source)


Generate = Callable[[Subject], Iterable[Change]]


def mutator(number: int, name: str, family: Family, generate: Generate, *, telling: bool = False) -> Mutator:
    """A mutator of bodies; what it generates twice, or what is the true body, is left out."""
    return Mutator(number, name, family, partial(_mutations, generate), telling=telling)


def _mutations(generate: Generate, answer: Answer) -> Iterator[Mutation]:
    subject = Subject(answer)
    seen = {subject.data}
    for change in generate(subject):
        if change.body in seen:
            continue
        if len(seen) > _MOST:
            return
        seen.add(change.body)
        given = {"code": answer.response.code, "body": "hex:" + change.body.hex()}
        yield Mutation(change.words, _nature(subject, change), ({"answer": given},))


def _nature(subject: Subject, change: Change) -> Nature:
    """As `Answer.judge`, which has to look into each body."""
    if not subject.answer.response.success:
        return Nature.REFUSAL
    schema = subject.schema
    if schema is None:
        return Nature.SOUND
    sound = _decodes(schema, change.body) if change.sound is None else change.sound
    if not sound:
        return Nature.MALFORMED
    return Nature.FORGED if subject.answer.forgery(change.body) else Nature.SOUND


def _decodes(schema: Body[Any], body: bytes) -> bool:
    if schema in ANY_BYTES:
        return True
    if schema is BUNDLE_VALUES:
        return is_bundle(body)
    size = size_of(schema)
    if size is not None and len(body) != size:
        return False
    try:
        schema.decode(body)
    except PeerError:
        return False
    return True

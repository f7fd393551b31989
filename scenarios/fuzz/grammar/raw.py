"""Bytes, changed without knowing what they mean. What the grammar is worth shows in the comparison with this."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from protocol.apdu import build_answer
from scenarios.fuzz.grammar.forging import Actions, answering, corrupting, hexed, wire_size
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature
from scenarios.fuzz.predicting import parse_clear
from scenarios.script.wire import CHANGES

VARIANTS: Final = 256
_MOST_INSERTED: Final = 16
_MOST_IN_HAVOC: Final = 8

Level = Literal["clear", "apdu"]


class Damage(NamedTuple):
    """One change of bytes, by a way of `corrupt`."""

    way: str
    at: int
    value: int | bytes

    def apply(self, data: bytes) -> bytes:
        """The bytes after it; as they are where none is at that place any more."""
        return CHANGES[self.way](self.value)(data, self.at) if self.at < len(data) else data

    def action(self, level: Level) -> Actions:
        """Does it."""
        value = hexed(self.value) if isinstance(self.value, bytes) else self.value
        return corrupting(level, byte=self.at, **{self.way: value})

    def __str__(self) -> str:
        if isinstance(self.value, bytes):
            return f"{self.value.hex()} {'inserted' if self.way == 'insert' else 'written'} at {self.at}"
        if self.way == "xor":
            return f"bit {self.value.bit_length() - 1} flipped at {self.at}"
        return f"{self.value} deleted at {self.at}"


_Kind = Callable[[random.Random, int], Damage]
"""Damage to so many bytes."""


def _flip(dice: random.Random, size: int) -> Damage:
    return Damage("xor", dice.randrange(size), 1 << dice.randrange(8))


def _random(dice: random.Random, size: int) -> Damage:
    at = dice.randrange(size)
    return Damage("replace", at, dice.randbytes(dice.randint(1, min(size - at, _MOST_INSERTED))))


def _insert(dice: random.Random, size: int) -> Damage:
    return Damage("insert", dice.randrange(size), dice.randbytes(dice.randint(1, _MOST_INSERTED)))


def _delete(dice: random.Random, size: int) -> Damage:
    at = dice.randrange(size)
    return Damage("remove", at, dice.randint(1, min(size - at, _MOST_INSERTED)))


_KINDS: Final[Mapping[str, _Kind]] = {"flip": _flip, "random": _random, "insert": _insert, "delete": _delete}


def _single(kind: str) -> Callable[[random.Random], list[str]]:
    return lambda _: [kind]


def _several(dice: random.Random) -> list[str]:
    return dice.choices(list(_KINDS), k=dice.randint(2, _MOST_IN_HAVOC))


def _generator(level: Level, choose: Callable[[random.Random], list[str]]) -> Callable[[Answer], Iterator[Mutation]]:
    def generate(answer: Answer) -> Iterator[Mutation]:
        data = bytes(answer.response) if level == "clear" else build_answer(bytes(answer.response))
        known = level == "clear" or not answer.encrypted
        size = len(data) if known else wire_size(answer)
        for variant in range(VARIANTS):
            dice = random.Random(variant)  # noqa: S311 - reproducible on purpose
            damages = [_KINDS[kind](dice, size) for kind in choose(dice)]
            yield _mutation(answer, level, damages, data if known else None)

    return generate


def _mutation(answer: Answer, level: Level, damages: list[Damage], data: bytes | None) -> Mutation:
    """Another answer where that is what comes of it, else damaged bytes.

    Args:
        data: what is damaged, if it is known.
    """
    words = f"bytes of the {'answer' if level == 'clear' else 'APDU'}: {'; '.join(map(str, damages))}"
    if data is not None:
        for damage in damages:
            data = damage.apply(data)
        response = parse_clear(build_answer(data) if level == "clear" else data)
        if response is not None:
            return Mutation(words, answer.judge(response), (answering(response),))
    return Mutation(words, Nature.FORGED, tuple(damage.action(level) for damage in damages))


_CHOICES: Final = {**{kind: _single(kind) for kind in _KINDS}, "havoc": _several}
_LEVELS: Final[tuple[Level, ...]] = ("clear", "apdu")

MUTATORS: Final = tuple(
    Mutator(120 + 5 * half + number, f"bytes.{name}-{level}", "bytes", _generator(level, choose))
    for half, level in enumerate(_LEVELS)
    for number, (name, choose) in enumerate(_CHOICES.items())
)

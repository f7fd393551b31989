"""A case: which answers are mutated, and how. Its short id says all of it, and reproduces it anywhere.

The id is the case itself, packed and written in letters and digits::

    1 | call, nth, mutator, variant | call, nth, mutator, variant ...

A version byte, then seven bytes for each fault: a hash of the call's name, which answer to it, the number of the
mutator, and which of the mutations that the mutator has for the answer. So an id needs no seed and no folder. Cases
without faults have names: ``clean``, and ``endurance-66000`` for one that goes on for so many requests.
"""

import re
import struct
import zlib
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

from protocol.errors import UsageError
from protocol.resources.registry import ENTRIES
from scenarios.fuzz.mutation import Mutator

VERSION: Final = 1
"""Of ids: another one means that mutators or their order have changed."""
ANY_CALL: Final = "*"
EVERY: Final = 0
"""As `Fault.nth`: every answer."""
MOST_VARIANTS: Final = 0x10000
CLEAN_ID: Final = "clean"
ENDURANCE: Final = "endurance"
ENDURANCE_REQUESTS: Final = 66_000
"""In one session; a counter of 16 bits has wrapped then, whatever was done before it began."""
_ENDURANCE_ID: Final = re.compile(rf"{ENDURANCE}-([1-9][0-9]{{0,8}})", re.ASCII)
_FAULT: Final = struct.Struct(">HHBH")
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letters that look like digits."""


class Fault(NamedTuple):
    """One thing that goes wrong."""

    call: str
    """Id of the call whose answer it is, ``device.get_serial_number``; `ANY_CALL` for all."""
    nth: int
    """Which answer to that call since the case began, from 1; `EVERY` for each."""
    mutator: Mutator
    variant: int
    """Which of the mutations that the mutator has for the answer."""

    def __str__(self) -> str:
        nth = "" if self.nth == EVERY else f"#{self.nth}"
        return f"{self.call}{nth} {self.mutator.name}/{self.variant}"


@dataclass(frozen=True, slots=True)
class Case:
    """What goes wrong in one run; without faults nothing does.

    Args:
        endurance: how many requests of one session are answered, all of them as they should; 0 for a run as any other.
    """

    faults: tuple[Fault, ...] = ()
    endurance: int = 0

    def __str__(self) -> str:
        return self.id

    @property
    def id(self) -> str:
        """The short id."""
        if self.endurance:
            return f"{ENDURANCE}-{self.endurance}"
        return _id_of(self.faults) if self.faults else CLEAN_ID

    @classmethod
    def parse(cls, text: str) -> "Case":
        """The case of an id.

        Raises:
            UsageError: it is none, or one of another version.
        """
        from scenarios.fuzz.grammar import MUTATORS

        text = text.strip().lower()
        if text == CLEAN_ID:
            return cls()
        if endurance := _ENDURANCE_ID.fullmatch(text):
            return cls(endurance=int(endurance[1]))
        packed = _bytes(text)
        if packed[0] != VERSION:
            version = packed[0]
            raise UsageError(f"case {text!r} is of version {version}, expected {VERSION}: mutations have changed since")
        faults = []
        for number, nth, mutator, variant in _FAULT.iter_unpack(packed[1:]):
            call = _calls().get(number)
            if call is None or mutator not in MUTATORS:
                raise UsageError(f"{text!r} is no case: no such call or mutator; expected an id as reports show it")
            faults.append(Fault(call, nth, MUTATORS[mutator], variant))
        return cls(tuple(faults))


@lru_cache(maxsize=64)
def _id_of(faults: tuple[Fault, ...]) -> str:
    parts = (_FAULT.pack(call_number(call), nth, mutator.number, variant) for call, nth, mutator, variant in faults)
    return _letters(bytes((VERSION,)) + b"".join(parts))


@cache
def call_number(call: str) -> int:
    """What stands for a call in ids."""
    return 0 if call == ANY_CALL else zlib.crc32(call.encode()) % 0xFFFF + 1


@cache
def _calls() -> dict[int, str]:
    return {0: ANY_CALL, **{call_number(entry.id): entry.id for entry in ENTRIES}}


def _letters(data: bytes) -> str:
    count = (len(data) * 8 + 4) // 5
    number = int.from_bytes(data, "big") << (count * 5 - len(data) * 8)
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(count)))


def _bytes(text: str) -> bytes:
    size = len(text) * 5 // 8
    if size % _FAULT.size != 1 or size < 1 + _FAULT.size or not set(text) <= set(_ALPHABET):
        raise UsageError(f"{text!r} is no case, expected an id as reports show it, or {CLEAN_ID!r}")
    number = 0
    for letter in text:
        number = number << 5 | _ALPHABET.index(letter)
    return (number >> (len(text) * 5 - size * 8)).to_bytes(size, "big")

"""The elements of a variable, as an access by address names them."""

from functools import lru_cache
from typing import Final

from emulator.blueprint import Variable
from emulator.targets.words import Words
from protocol.bodies.target import GPIO_FORMAT, VariableFormat
from protocol.bodies.variable import DataType, Domain
from protocol.errors import PeerError

_FORMATS: Final = {1: VariableFormat._8_BITS, 2: VariableFormat._16_BITS, 4: VariableFormat._32_BITS}


def format_of(variable: Variable) -> int:
    """Format of its elements, as requests have it."""
    if variable.type.domain is Domain.GPIO:
        return GPIO_FORMAT
    if variable.type.data is DataType.BOOLEAN:
        return VariableFormat._1_BIT
    return _FORMATS[variable.type.size]


def numbers_of(variable: Variable, data: bytes) -> list[int]:
    """Its elements, unsigned."""
    size = variable.type.size
    return [int.from_bytes(data[at : at + size], "big") for at in range(0, len(data), size)]


@lru_cache(maxsize=4096)
def plain_words(variable: Variable) -> Words | None:
    """Where a variable lies in a memory that refuses nothing; None if what is read there may be refused or differ."""
    if variable.type.domain is Domain.GPIO or variable.type.data is DataType.BOOLEAN:
        return None
    try:
        words = Words.of(variable.address, variable.length, format_of(variable))
        words.check_aligned()
    except PeerError:
        return None
    return words

"""What can go wrong with an answer: all mutators, by the numbers that ids of cases use.

``fields`` and ``structures`` change what a body says, by its schema; ``codes`` the result code; ``wire`` the APDU and
its delivery; ``session`` the encryption around it and the login; ``raw`` bytes without knowing what they are.
"""

from typing import Final

from scenarios.fuzz.grammar import codes, fields, raw, session, structures, wire
from scenarios.fuzz.mutation import Mutator

MUTATORS: Final[dict[int, Mutator]] = {
    mutator.number: mutator for module in (fields, structures, codes, wire, session, raw) for mutator in module.MUTATORS
}
"""By number."""

BY_NAME: Final = {mutator.name: mutator for mutator in MUTATORS.values()}

"""Cases: a few requests of one client each. An id says all of one, and makes the same case anywhere.

An id is ``firmware-seed-number``, for example ``1.113-0-42``: of which firmware the calls are, and where the random
choices begin. What a Tap is spared makes no difference to it: such a case is left out, and keeps its number.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Final, Literal

from emulator.exchange import Carrier
from protocol.errors import UsageError
from protocol.firmware import Version
from protocol.resources.registry import ENTRIES, Entry, catalogue_of
from scenarios.fuzz.device import spoiling
from scenarios.fuzz.device.peer import Probe, Who
from scenarios.fuzz.device.sound import INSTANCES

Cutting = Literal["whole", "bytes", "random", "joined"]
"""How the bytes of a case are cut: a piece for each request, or for each byte, or anywhere, or all in one piece."""

_ID: Final = re.compile(r"(\d+\.\d+(?:\.\d+)?)-(\d{1,18})-(\d{1,18})", re.ASCII)
_CUTTINGS: Final[tuple[Cutting, ...]] = ("whole",) * 5 + ("random",) * 3 + ("joined",) * 2 + ("bytes",)
_WHO: Final = (Who.ANONYMOUS, Who.KEYED, Who.USER, Who.USER)
_SEALED: Final = (Carrier.CLEAR, Carrier.ENCRYPTED, Carrier.ENCRYPTED, Carrier.ENCRYPTED_WITH_IV)
_NO_OWN_IV: Final = Version(1, 86)
"""Firmware before it has no frames with their own vectors."""
_LENGTHS: Final = (1, 1, 1, 2, 2, 3, 4, 5, 8, 16)
"""Requests of a case."""
_PAUSES: Final = (0.1, 1.0, 11.0, 61.0, 301.0)
_MAKERS: Final = tuple(spoiling.WEIGHTS)
_WEIGHTS: Final = tuple(spoiling.WEIGHTS.values())


@dataclass(frozen=True, slots=True)
class Pause:
    """So many seconds in which nothing is sent; only where time is virtual."""

    seconds: float


Step = Probe | Pause


@dataclass(frozen=True, slots=True)
class CaseId:
    """What an id says."""

    firmware: Version
    seed: int
    number: int

    def __str__(self) -> str:
        return f"{self.firmware}-{self.seed}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "CaseId":
        """Reads an id.

        Raises:
            UsageError: it is none.
        """
        found = _ID.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"{text!r} is no case of `fuzz device`, expected firmware-seed-number, such as 1.113-0-42")
        return cls(Version.parse(found[1]), int(found[2]), int(found[3]))


@dataclass(frozen=True, slots=True)
class Case:
    """Some requests of one client."""

    id: CaseId
    who: Who
    steps: tuple[Step, ...]
    cutting: Cutting

    @property
    def probes(self) -> list[Probe]:
        """The requests."""
        return [step for step in self.steps if isinstance(step, Probe)]


def make_case(id: CaseId) -> Case:
    """The case of an id."""
    random = spoiling.Dice(id.seed << 64 | id.number)
    random.favourite = random.choice(INSTANCES)
    who = random.choice(_WHO)
    cutting = random.choice(_CUTTINGS)
    calls = _calls(id.firmware)
    entry = random.choice(calls.all if random.random() < 0.95 else ENTRIES)
    steps: list[Step] = []
    for _ in range(random.choice(_LENGTHS)):
        maker = random.choices(_MAKERS, _WEIGHTS)[0]
        steps.append(maker(random, entry, _carrier(random, who, id.firmware)))
        if random.random() < 0.02:
            steps.append(Pause(random.choice(_PAUSES)))
        entry = random.choice(calls.near(entry, random.random()))
    return Case(id, who, tuple(steps), cutting)


def _carrier(random: spoiling.Dice, who: Who, firmware: Version) -> Carrier:
    if who is Who.ANONYMOUS:
        return Carrier.CLEAR
    carrier = random.choice(_SEALED)
    if carrier is Carrier.ENCRYPTED_WITH_IV and firmware < _NO_OWN_IV and random.random() < 0.9:
        return Carrier.ENCRYPTED
    return carrier


class _Calls:
    """Rows of a firmware."""

    def __init__(self, firmware: Version) -> None:
        self.all = tuple(catalogue_of(firmware))
        self._of_service: dict[str, list[Entry]] = {}
        self._of_resource: dict[str, list[Entry]] = {}
        for row in self.all:
            self._of_service.setdefault(row.resource.service, []).append(row)
            self._of_resource.setdefault(row.resource.key, []).append(row)

    def near(self, entry: Entry, dice: float) -> Sequence[Entry]:
        """What may come next: of the same resource, of the same service, or any."""
        if dice < 0.25:
            return self._of_resource.get(entry.resource.key, self.all)
        return self._of_service.get(entry.resource.service, self.all) if dice < 0.7 else self.all


_calls: Final = lru_cache(maxsize=64)(_Calls)


def pieces(case: Case, parts: list[bytes]) -> list[bytes]:
    """What was sent request by request, cut as the case says."""
    stream = b"".join(parts)
    if case.cutting == "whole":
        return [part for part in parts if part]
    if case.cutting == "joined":
        return [stream] if stream else []
    if case.cutting == "bytes":
        return [bytes((byte,)) for byte in stream]
    random = Random(case.id.number)  # noqa: S311 - reproducible on purpose
    most = max(len(stream) - 1, 0)
    edges = sorted({0, len(stream), *(random.randrange(most) + 1 for _ in range(4) if most)})
    return [stream[begin:end] for begin, end in pairwise(edges)]

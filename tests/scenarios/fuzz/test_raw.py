"""Bytes without knowledge: 256 variants each, the same in every run."""

import pytest

from protocol.codes import Method
from protocol.frames import Request, Response
from protocol.resources.registry import parse_path
from scenarios.fuzz.grammar.raw import MUTATORS, VARIANTS, Damage
from scenarios.fuzz.mutation import Answer, Mutator, Nature

CLEAR = Answer(
    "device.get_serial_number", Request(Method.GET, parse_path("/3//2")), Response(0, b"IoTize0041"), encrypted=False
)


@pytest.mark.parametrize("mutator", MUTATORS, ids=lambda mutator: mutator.name)
@pytest.mark.parametrize("body", [b"", bytes(250)])
@pytest.mark.parametrize("encrypted", [False, True])
def test_256_of_any_answer(mutator: Mutator, body: bytes, encrypted: bool) -> None:
    mutations = mutator.mutations(CLEAR._replace(response=Response(0, body), encrypted=encrypted))
    assert len(mutations) == VARIANTS
    assert all(each.then for each in mutations)


def test_there_are_five_kinds_on_two_levels() -> None:
    kinds = ("flip", "random", "insert", "delete", "havoc")
    assert [each.name for each in MUTATORS] == [
        f"bytes.{kind}-{level}" for level in ("clear", "apdu") for kind in kinds
    ]


@pytest.mark.parametrize("mutator", MUTATORS, ids=lambda mutator: mutator.name)
def test_same_in_every_run(mutator: Mutator) -> None:
    first, again = (list(mutator.generate(CLEAR)) for _ in range(2))
    assert [(each.words, each.then) for each in first] == [(each.words, each.then) for each in again]


def test_variants_are_those_of_ids_that_are_out_there() -> None:
    told = [MUTATORS[kind].mutations(CLEAR)[7].words for kind in range(5)]
    assert told == WORDS


WORDS = [
    "bytes of the answer: bit 2 flipped at 5",
    "bytes of the answer: 1365 written at 5",
    "bytes of the answer: 0e271365a6 inserted at 5",
    "bytes of the answer: 2 deleted at 5",
    "bytes of the answer: 6 deleted at 1; e8 written at 9; bit 3 flipped at 8; 2 deleted at 0",
]


DAMAGES: list[tuple[Damage, bytes, str]] = [
    (Damage("xor", 1, 0x80), b"\x00\x81\x02", "bit 7 flipped at 1"),
    (Damage("replace", 1, b"\xaa\xbb"), b"\x00\xaa\xbb", "aabb written at 1"),
    (Damage("insert", 2, b"\xaa"), b"\x00\x01\xaa\x02", "aa inserted at 2"),
    (Damage("remove", 0, 2), b"\x02", "2 deleted at 0"),
    (Damage("remove", 3, 2), b"\x00\x01\x02", "2 deleted at 3"),
]


@pytest.mark.parametrize(("damage", "data", "words"), DAMAGES)
def test_damage(damage: Damage, data: bytes, words: str) -> None:
    assert damage.apply(b"\x00\x01\x02") == data
    assert str(damage) == words
    (value,) = [given for way, given in damage.action("apdu")["corrupt"].items() if way not in ("level", "byte")]
    assert value == (damage.value if isinstance(damage.value, int) else "hex:" + damage.value.hex())


def test_encrypted_apdu_is_damaged_as_it_is_sent() -> None:
    flip = next(each for each in MUTATORS if each.name == "bytes.flip-apdu")
    for mutation in flip.mutations(CLEAR._replace(encrypted=True)):
        assert mutation.nature is Nature.FORGED
        (action,) = mutation.then
        assert action["corrupt"]["level"] == "apdu"
        assert 0 <= action["corrupt"]["byte"] < 1 + 32 + 2

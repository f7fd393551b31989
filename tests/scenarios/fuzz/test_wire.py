"""APDU and delivery: what is sent is what the words say, and our own client believes only what it may believe."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from protocol.client.core import Conversation, Session
from protocol.codes import Method
from protocol.errors import IntegrityError, PeerError, RefusedError
from protocol.frames import Request, Response
from protocol.resources.registry import parse_path
from scenarios.fuzz.grammar import raw, session, wire
from scenarios.fuzz.grammar.forging import forged, places, poison
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature
from scenarios.fuzz.predicting import clear_bytes, judge_clear_bytes
from scenarios.model.actions import Action
from tests.scenarios.fuzz.careful import Careful, SilentError, some

SERIAL = "device.get_serial_number"
PROOF = "scram.login_proof"


def read_serial(session: Session) -> Conversation[Any]:
    return (yield from session.call(SERIAL))


def read_encrypted(session: Session) -> Conversation[Any]:
    yield from session.encryption(True)
    yield from session.call("interface.get_app_name")
    return (yield from session.call(SERIAL))


def answer_to(path: str, body: bytes, *, code: int = 0, encrypted: bool = False, request: bytes = b"") -> Answer:
    asked = Request(Method.GET, parse_path(path), request)
    bare = Answer(None, asked, Response(code, body), encrypted)
    return bare._replace(call=bare.entry.id if bare.entry else None)


TEXT = answer_to("/3//2", b"IoTize0041")
SEALED = TEXT._replace(encrypted=True)
GROUP = answer_to("/1024//7", b"\xff\xff")
REFUSED = answer_to("/1024//7", b"", code=0x81)
EMPTY = answer_to("/1024//46", b"")
ALL = (TEXT, SEALED, GROUP, REFUSED, EMPTY, GROUP._replace(encrypted=True), REFUSED._replace(encrypted=True))

MINE = (*wire.MUTATORS, *session.MUTATORS, *raw.MUTATORS)


@pytest.mark.parametrize(("module", "numbers"), [(wire, (50, 80)), (session, (80, 120)), (raw, (120, 130))])
def test_numbers_and_names_are_unique_and_in_their_range(module: object, numbers: tuple[int, int]) -> None:
    mutators: tuple[Mutator, ...] = module.MUTATORS  # type: ignore[attr-defined]
    assert all(mutator.number in range(*numbers) for mutator in mutators)
    assert max(Counter(mutator.number for mutator in MINE).values()) == 1
    assert max(Counter(mutator.name for mutator in MINE).values()) == 1


@pytest.mark.parametrize("mutator", MINE, ids=lambda mutator: mutator.name)
def test_lists_are_short_and_always_the_same_and_made_of_actions(mutator: Mutator) -> None:
    for answer in ALL:
        mutations = tuple(mutator.generate(answer))
        again = [(each.words, each.nature, each.then) for each in mutator.generate(answer)]
        assert [(each.words, each.nature, each.then) for each in mutations] == again
        assert len(mutations) <= 300
        if mutator.family != "bytes":
            assert len({each.words for each in mutations}) == len(mutations)
        for mutation in some(mutations):
            assert mutation.then
            assert [Action.model_validate(dict(action)) for action in mutation.then]


def expected(mutation: Mutation) -> tuple[type[Exception], ...]:
    return {
        Nature.FORGED: (IntegrityError, SilentError, RefusedError),
        Nature.MALFORMED: (PeerError, IntegrityError),
        Nature.REFUSAL: (RefusedError,),
    }[mutation.nature]


@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "encrypted"])
@pytest.mark.parametrize("mutator", MINE, ids=lambda mutator: mutator.name)
def test_careful_client_believes_what_is_sound_and_nothing_else(mutator: Mutator, encrypted: bool) -> None:
    careful, speak = CAREFUL, read_encrypted if encrypted else read_serial
    (answer,) = [each for each in careful.answers(speak) if each.call == SERIAL]
    for mutation in some(mutator.mutations(answer), 8):
        if mutation.nature is Nature.DELIVERY or mutator.name == "delivery.two-answers" or mutator.early:
            continue
        got = careful.mutated(speak, answer, 1, mutation)
        if mutation.nature is Nature.SOUND:
            given = mutation.then[0]["answer"]["body"].removeprefix("hex:")
            assert answer.body is not None
            assert got == answer.body.decode(bytes.fromhex(given)), mutation.words
        else:
            assert isinstance(got, expected(mutation)), mutation.words
            careful_is_needed(mutation, answer)


def careful_is_needed(mutation: Mutation, answer: Answer) -> None:
    """Whoever uses the content of a forged answer reports something else than the truth."""
    if mutation.nature is Nature.FORGED and "answer" in mutation.then[0]:
        assert mutation.then[0]["answer"]["body"] != "hex:" + answer.response.body.hex()


CAREFUL = Careful()


def sent(answer: Answer, mutation: Mutation) -> bytes:
    got: list[bytes] = []

    def speak(_: Session) -> Conversation[None]:
        got.append((yield bytes.fromhex("A2CA0000070100") + bytes.fromhex("03FFFF0002")))

    try:
        CAREFUL.mutated(speak, answer, 1, mutation)
    finally:
        CAREFUL.rig.end()
    return got[0] if got else b""


@pytest.mark.parametrize(
    "mutator",
    [each for each in MINE if each.family in ("apdu", "bytes", "code")],
    ids=lambda mutator: mutator.name,
)
def test_bytes_in_clear_are_as_predicted(mutator: Mutator) -> None:
    (answer,) = [each for each in CAREFUL.answers(read_serial) if each.call == SERIAL]
    for mutation in some(mutator.mutations(answer), 20):
        data = sent(answer, mutation)
        assert data == clear_bytes(answer, mutation.then), mutation.words
        assert judge_clear_bytes(answer, data) is mutation.nature


CLEAR: list[tuple[str, Nature]] = [
    ("", Nature.FORGED),
    ("9000", Nature.FORGED),
    ("00", Nature.FORGED),
    ("0090", Nature.FORGED),
    ("009001", Nature.FORGED),
    ("FF9000", Nature.REFUSAL),
    ("0000079000", Nature.SOUND),
    ("4500079000", Nature.SOUND),
    ("00079000", Nature.MALFORMED),
    ("00000790009000", Nature.MALFORMED),
]


@pytest.mark.parametrize(("data", "nature"), CLEAR)
def test_judges_bytes_in_clear(data: str, nature: Nature) -> None:
    assert judge_clear_bytes(GROUP, bytes.fromhex(data)) is nature


THEN: list[tuple[list[dict[str, object]], str]] = [
    ([], "00FFFF9000"),
    ([{"answer": {"code": 0x81, "body": "hex:"}}], "819000"),
    ([{"cut": -1}, {"wrong": {"status": "6D00"}}], "00FF6D00"),
    ([{"send": "hex:01"}, {"cut": 0}], "01"),
    ([{"corrupt": {"level": "clear", "byte": -1, "set": 1}}], "00FF019000"),
    ([{"corrupt": {"level": "clear", "append": "hex:0102"}}], "00FFFF01029000"),
    ([{"corrupt": {"truncate": 3}}], "00FF"),
    ([{"corrupt": {"byte": 1, "remove": 2}}, {"delay": "1s"}], "009000"),
    ([{"corrupt": {"byte": 9}}], "00FFFF9000"),
    ([{"corrupt": {"byte": 1, "replace": "hex:0102"}}], "0001029000"),
]


@pytest.mark.parametrize(("then", "data"), THEN)
def test_predicts_bytes_in_clear(then: list[dict[str, object]], data: str) -> None:
    assert clear_bytes(GROUP, then) == bytes.fromhex(data)


def test_poison_is_proper_and_says_something_else() -> None:
    for answer in (TEXT, SEALED, GROUP, answer_to("/1024//5", bytes.fromhex("010203"))):
        other = poison(answer)
        assert other is not None
        assert answer.body is not None
        assert answer.judge(other.response) is Nature.SOUND
        assert answer.body.decode(other.response.body) != answer.body.decode(answer.response.body)
    assert poison(REFUSED) is poison(EMPTY) is None


def test_poison_is_told() -> None:
    mutation = forged(TEXT, "something is wrong", {"wrong": "crc"})
    assert mutation.words == "something is wrong, and byte 5 of the body was changed from 0x65 to 0x64"
    assert mutation.then == ({"answer": {"code": 0, "body": "hex:496f54697a6430303431"}}, {"wrong": "crc"})


@pytest.mark.parametrize("size", [0, 1, 2, 20, 48, 49, 60, 253])
def test_places_are_inside(size: int) -> None:
    found = list(places(size))
    assert found == sorted(set(found))
    assert set(found) <= set(range(1, max(size, 1)))
    assert len(found) <= 80
    if size > 1:
        assert {1, size - 1} <= set(found)


def words(mutations: Iterable[Mutation], text: str) -> Mutation:
    (found,) = [each for each in mutations if text in each.words]
    return found


def test_cut_says_how_much_is_left() -> None:
    (answer,) = [each for each in CAREFUL.answers(read_serial) if each.call == SERIAL]
    (cut,) = [each for each in wire.MUTATORS if each.name == "apdu.cut"]
    for place in (1, 7, 20):
        assert len(sent(answer, words(cut.mutations(answer), f"the first {place} of 21 bytes"))) == place

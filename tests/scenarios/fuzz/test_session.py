"""Encryption and login: what each mutation does, and that our own client does not go on after a forged one."""

from functools import cache
from typing import Any

import pytest

from protocol.bodies.scram import SCRAM_CHALLENGE
from protocol.client.core import Conversation, Session
from protocol.errors import IntegrityError, ProtocolError
from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.grammar import BY_NAME, session
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature
from tests.scenarios.fuzz.careful import Careful, SilentError, one, some
from tests.scenarios.fuzz.test_wire import read_encrypted

SERIAL = "device.get_serial_number"
LOGIN, PROOF = "scram.login", "scram.login_proof"
KEY, VECTOR = "scram.initialize", "scram.set_initialization_vector"
CAREFUL = Careful()


def log_in(session: Session) -> Conversation[Any]:
    yield from session.login("admin", "admin", refresh_session_state=False)


def read_twice(session: Session) -> Conversation[Any]:
    yield from session.encryption(True)
    yield from session.call(SERIAL)
    return (yield from session.call(SERIAL))


@cache
def answer_of(call: str) -> Answer:
    speak = log_in if call in (LOGIN, PROOF) else read_encrypted
    return next(each for each in CAREFUL.answers(speak) if each.call == call)


def mutations_of(name: str, answer: Answer) -> tuple[Mutation, ...]:
    return BY_NAME[name].mutations(answer)


ON_SESSION_CALLS: list[tuple[str, str, int]] = [
    ("session.refused", LOGIN, 13),
    ("session.refused", VECTOR, 13),
    ("session.executed-but-refused", PROOF, 13),
    ("session.pretended", LOGIN, 2),
    ("session.pretended", KEY, 3),
    ("session.vector", VECTOR, 11),
    ("session.vector", KEY, 0),
    ("session.key", KEY, 10),
    ("login.challenge", LOGIN, 15),
    ("login.challenge", PROOF, 0),
    ("login.no-salt", LOGIN, 1),
    ("login.no-salt", PROOF, 0),
    ("login.no-iterations", LOGIN, 1),
    ("login.no-iterations", PROOF, 0),
    ("login.proof", PROOF, 46),
    ("login.proof", LOGIN, 0),
    ("session.interrupted", PROOF, 2),
]


@pytest.mark.parametrize(("name", "call", "count"), ON_SESSION_CALLS)
def test_which_calls_it_is_about(name: str, call: str, count: int) -> None:
    assert len(mutations_of(name, answer_of(call))) == count


@pytest.mark.parametrize("name", [each.name for each in session.MUTATORS if each.number < 93])
def test_what_is_about_encryption_needs_it(name: str) -> None:
    answer = next(each for each in CAREFUL.answers(read_encrypted) if each.call == SERIAL)
    assert answer.encrypted
    assert not mutations_of(name, answer._replace(encrypted=False))
    if name != "carrier.unasked":
        assert mutations_of(name, answer) or name == "frame.padding"


def test_padding_only_where_there_is_some() -> None:
    answer = answer_of(SERIAL)
    sizes = [
        len(mutations_of("frame.padding", answer._replace(response=answer.response._replace(body=bytes(size)))))
        for size in range(1, 33)
    ]
    assert sizes.count(0) == 2


@pytest.mark.parametrize("body", [bytes(1), b"x" * 5, b"y" * 200])
def test_length_never_says_what_is_right(body: bytes) -> None:
    answer = answer_of(SERIAL)._replace(encrypted=True)
    answer = answer._replace(response=answer.response._replace(body=body))
    for mutation in mutations_of("frame.length", answer):
        assert mutation.then[-1]["wrong"]["length"] != len(body) + 3
        assert f"the payload has {len(body) + 3} bytes" in mutation.words


PLACES = {LOGIN: 2, PROOF: 3, KEY: 1, VECTOR: 2}
"""Which request of the client each is."""
SESSION = [
    (each, call)
    for each in session.MUTATORS
    for call in (LOGIN, PROOF, KEY, VECTOR)
    if each.name not in ("session.forgotten", "session.renegotiated")
]


@pytest.mark.parametrize(("mutator", "call"), SESSION, ids=[f"{each.name}-{call}" for each, call in SESSION])
def test_careful_client_does_not_go_on_after_a_forgery(mutator: Mutator, call: str) -> None:
    speak = log_in if call in (LOGIN, PROOF) else read_encrypted
    answer = answer_of(call)
    if mutator.early:
        answer = answer._replace(response=answer.response._replace(body=b""))
    place = PLACES[call]
    for mutation in some(mutator.mutations(answer), 16):
        if mutation.nature not in (Nature.FORGED, Nature.MALFORMED):
            continue
        got = CAREFUL.mutated(speak, answer, 1, mutation, early=mutator.early)
        assert isinstance(got, ProtocolError | SilentError), mutation.words
        assert CAREFUL.requests == place, mutation.words


@pytest.mark.parametrize(
    "name", ["login.no-salt", "login.no-iterations", "login.challenge", "field.zeros", "field.bit"]
)
def test_what_no_careful_client_logs_in_with_is_forged_whoever_says_it(name: str) -> None:
    answer = answer_of(LOGIN)
    for mutation in mutations_of(name, answer):
        went_on = not isinstance(CAREFUL.mutated(log_in, answer, 1, mutation), IntegrityError)
        went_on = went_on or CAREFUL.requests > PLACES[LOGIN]
        assert went_on is (mutation.nature is Nature.SOUND), mutation.words


def test_iterations_that_no_tap_has_are_forged() -> None:
    natures = {}
    for mutation in mutations_of("login.challenge", answer_of(LOGIN)):
        body = bytes.fromhex(mutation.then[0]["answer"]["body"].removeprefix("hex:"))
        natures[SCRAM_CHALLENGE.decode(body).iterations] = mutation.nature
    assert natures == {
        **dict.fromkeys((1, 2, 5001, 65535, 5000), Nature.SOUND),
        **dict.fromkeys((0, 65536, 1_000_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF), Nature.FORGED),
    }


def test_no_wrong_proof_is_right() -> None:
    answer = answer_of(PROOF)
    for mutation in mutations_of("login.proof", answer):
        assert mutation.then[0]["answer"]["body"] != "hex:" + answer.response.body.hex()
        assert mutation.nature is Nature.FORGED


def test_client_s_own_proof_is_a_mutation() -> None:
    answer = answer_of(PROOF)
    (echoed,) = [each for each in mutations_of("login.proof", answer) if "the client's own" in each.words]
    assert echoed.then[0]["answer"]["body"] == "hex:" + answer.request.body.hex()


@pytest.mark.parametrize(
    ("name", "words"),
    [("frame.id", "the id 0"), ("cipher.vector", "zeros"), ("cipher.key", "zeros"), ("frame.id", "the id 1")],
)
def test_it_is_wrong_even_where_that_would_be_right(name: str, words: str) -> None:
    """The first frame of a session has the id 0, and its vectors may be zeros."""

    def speak(session: Session) -> Conversation[Any]:
        session.set_initialization_vector_refresh_period(0)
        yield from session.encryption(True)
        return (yield from session.call(SERIAL))

    answer = next(each for each in CAREFUL.answers(speak) if each.call == SERIAL)
    (mutation,) = [each for each in mutations_of(name, answer) if words in each.words]
    assert isinstance(CAREFUL.mutated(speak, answer, 1, mutation), IntegrityError)


def test_answer_that_changes_the_vectors_is_never_right_by_chance() -> None:
    answer = answer_of(VECTOR)._replace(encrypted=True)
    for mutation in mutations_of("cipher.vector", answer):
        assert mutation.then != ({"wrong": {"iv": "hex:" + bytes(16).hex()}},)
        assert {"wrong": "stale-iv"} not in mutation.then


STATES: list[tuple[str, str]] = [("new session key", "key"), ("new vectors", "ivs"), ("ended the encryption", "key")]


@pytest.mark.parametrize(("words", "what"), STATES)
def test_renegotiation_is_told_to_nobody(words: str, what: str) -> None:
    """The answer in hand is right, and the next one is of no use any more."""
    answer = answer_of(SERIAL)
    (mutation,) = [each for each in mutations_of("session.renegotiated", answer) if words in each.words]
    case = Case((Fault(SERIAL, 1, one(mutation), 0),))
    assert CAREFUL.run(read_encrypted, case) == answer.response.body.decode()
    with pytest.raises(ProtocolError):
        CAREFUL.run(read_twice, case)


def test_forgotten_login() -> None:
    def speak(session: Session) -> Conversation[Any]:
        yield from log_in(session)
        yield from session.call(SERIAL)
        return (yield from session.call("interface.get_current_group_id"))

    answer = answer_of(SERIAL)
    for mutation in mutations_of("session.forgotten", answer):
        assert CAREFUL.run(speak) == 0xFFFF
        assert CAREFUL.run(speak, Case((Fault(SERIAL, 1, one(mutation), 0),))) == 0

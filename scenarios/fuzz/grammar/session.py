"""Encryption and login: the answers that make a session, and sessions that end or change when nobody expects it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from protocol.bodies.scram import SCRAM_CHALLENGE, SCRAM_LOGIN, ScramChallenge
from protocol.client.core import MAX_ITERATIONS
from protocol.codes import ResultCode, describe_code
from protocol.crypto import BLOCK
from protocol.errors import PeerError
from protocol.frames import Response
from protocol.scram import KEY_SIZE, LOGIN_DISABLED_SALT, SALT_SIZE
from scenarios.fuzz.grammar import sealed
from scenarios.fuzz.grammar.forging import answering, hexed
from scenarios.fuzz.grammar.sealed import SESSION_CALLS
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature, with_body, with_response

_LOGIN_CALLS: Final = ("interface.login", "interface.login_with_hash", "interface.logout", "scram.stop")
_CHALLENGE: Final = "scram.login"
_PROOF: Final = "scram.login_proof"
_INITIALIZE: Final = "scram.initialize"
_VECTOR: Final = "scram.set_initialization_vector"

_REFUSALS: Final = (
    *(ResultCode.BUSY, ResultCode.PENDING, ResultCode.BAD_REQUEST, ResultCode.UNAUTHORIZED, ResultCode.NOT_FOUND),
    *(ResultCode.METHOD_NOT_ALLOWED, ResultCode.NOT_ACCEPTABLE, ResultCode.RESOURCE_LOCKED),
    *(ResultCode.INTERNAL_SERVER_ERROR, ResultCode.NOT_IMPLEMENTED, ResultCode.SERVICE_UNAVAILABLE),
    *(ResultCode.DEVICE_UNAVAILABLE, ResultCode.TARGET_PROTOCOL_ABORT),
)
_MADE_UP: Final = bytes(range(0x10, 0x10 + BLOCK))
_SIZES: Final = (0, 1, 8, 15, 17, 32, 200)
"""Of what should have 16 bytes."""


# --- answers that make a session --------------------------------------------------------------------------------------


def _refused(answer: Answer) -> Iterator[Mutation]:
    if answer.call in (*SESSION_CALLS, *_LOGIN_CALLS):
        for code in _REFUSALS:
            yield with_response(answer, Response(code), f"{answer.call} is not executed: {describe_code(code)}")


def _refused_though_executed(answer: Answer) -> Iterator[Mutation]:
    if answer.call in (*SESSION_CALLS, *_LOGIN_CALLS) and answer.response.success:
        for code in _REFUSALS:
            words = f"{answer.call} is executed, but the answer says {describe_code(code)}"
            yield with_response(answer, Response(code), words)


def _pretended(answer: Answer) -> Iterator[Mutation]:
    if answer.call not in (*SESSION_CALLS, *_LOGIN_CALLS):
        return
    words = f"{answer.call} is not executed, but the answer says that it is"
    if answer.call == _CHALLENGE:
        made_up = SCRAM_CHALLENGE.encode(ScramChallenge(0x10111213, b"\x01\x02\x03\x04", 4096))
        yield with_body(answer, made_up, f"{words}, with a challenge that the Tap does not know")
    elif answer.call in SESSION_CALLS:
        for name, body in (("made up", _MADE_UP), ("zeros", bytes(BLOCK))):
            yield with_body(answer, body, f"{words}, with {BLOCK} bytes: {name}")
    yield with_body(answer, b"", f"{words}, without a body")


def _as_forged(mutation: Mutation) -> Mutation:
    return Mutation(mutation.words, Nature.FORGED, mutation.then)


def _vector_answer(answer: Answer) -> Iterator[Mutation]:
    if answer.call == _VECTOR and answer.response.success:
        yield with_body(answer, answer.request.body, "the vector of answers is the client's own")
        yield from _other_blocks(answer, "the vector of answers")


def _key_answer(answer: Answer) -> Iterator[Mutation]:
    if answer.call == _INITIALIZE and answer.response.success:
        yield from _other_blocks(answer, "the session key")


def _other_blocks(answer: Answer, what: str) -> Iterator[Mutation]:
    true = answer.response.body
    for name, block in (("zeros", bytes(BLOCK)), ("0xFF", b"\xff" * BLOCK), ("another one", _MADE_UP)):
        yield with_body(answer, block, f"{what} is {name}, the Tap has another one")
    for size in _SIZES:
        yield with_body(answer, (true * -(-size // BLOCK))[:size], f"{what} has {size} bytes instead of {BLOCK}")


def _challenge(answer: Answer) -> Iterator[Mutation]:
    true = _challenge_of(answer)
    if true is None:
        return
    try:
        nonce: int = SCRAM_LOGIN.decode(answer.request.body).client_nonce
    except PeerError:
        return
    most = MAX_ITERATIONS
    for count in (0, 1, 2, true.iterations + 1, most, most + 1, 1_000_000, 0x7FFFFFFF, 1 << 31, 0xFFFFFFFF):
        yield _of_iterations(answer, true, count)
    for salt in (LOGIN_DISABLED_SALT, b"\xff" * SALT_SIZE):
        yield _of_salt(answer, true, salt)
    for name, other in (("the client's own", nonce), ("0", 0), ("0xFFFFFFFF", 0xFFFFFFFF)):
        words = f"the Tap's nonce is {name}"
        yield with_body(answer, SCRAM_CHALLENGE.encode(replace(true, server_nonce=other)), words)


def _of_iterations(answer: Answer, true: ScramChallenge, count: int) -> Mutation:
    words = f"the login asks for {count} iterations instead of {true.iterations}"
    return with_body(answer, SCRAM_CHALLENGE.encode(replace(true, iterations=count)), words)


def _of_salt(answer: Answer, true: ScramChallenge, salt: bytes) -> Mutation:
    return with_body(answer, SCRAM_CHALLENGE.encode(replace(true, salt=salt)), f"the salt of the login is {salt.hex()}")


def _no_salt(answer: Answer) -> Iterator[Mutation]:
    """Which means that this user may not log in."""
    if (true := _challenge_of(answer)) is not None and true.salt != LOGIN_DISABLED_SALT:
        yield _of_salt(answer, true, LOGIN_DISABLED_SALT)


def _no_iterations(answer: Answer) -> Iterator[Mutation]:
    if (true := _challenge_of(answer)) is not None:
        yield _of_iterations(answer, true, 0)


def _challenge_of(answer: Answer) -> ScramChallenge | None:
    """What a login answers in its first step; None if this is something else."""
    if answer.call != _CHALLENGE or not answer.response.success:
        return None
    try:
        challenge: ScramChallenge = SCRAM_CHALLENGE.decode(answer.response.body)
    except PeerError:
        return None
    return challenge


def _proof(answer: Answer) -> Iterator[Mutation]:
    """Whoever does not know the keys of the user cannot know this proof: a client must not go on with another one."""
    true = answer.response.body
    if answer.call != _PROOF or not answer.response.success or len(true) != KEY_SIZE:
        return
    wrong = [
        ("zeros", bytes(KEY_SIZE)),
        ("0xFF", b"\xff" * KEY_SIZE),
        ("the client's own", answer.request.body),
        ("the right one backwards", true[::-1]),
    ]
    wrong += [(f"right in its first {size} bytes", true[:size] + bytes(KEY_SIZE - size)) for size in (1, 4, 8, 15)]
    wrong += [(f"cut to {size} bytes", true[:size]) for size in (0, 1, 8, 15)]
    wrong += [("followed by a zero", true + bytes(1)), ("there twice", true * 2)]
    for index in range(KEY_SIZE):
        for mask in (0x01, 0x80):
            flipped = bytes(byte ^ mask if at == index else byte for at, byte in enumerate(true))
            wrong.append((f"wrong in bit 0x{mask:02X} of byte {index}", flipped))
    for name, body in wrong:
        if body != true:
            yield _as_forged(with_body(answer, body, f"the Tap's proof is {name}"))


# --- sessions that end, or change -------------------------------------------------------------------------------------


def _forgotten(_: Answer) -> Iterator[Mutation]:
    yield Mutation("the login ends right after this answer", Nature.DELIVERY, ({"expire": "session"},))
    yield Mutation("all logins end right after this answer", Nature.DELIVERY, ({"expire": "all"},))


def _renegotiated(answer: Answer) -> Iterator[Mutation]:
    """The answer is right. What comes after it is not in the session that the client knows."""
    changes: tuple[tuple[str, object], ...] = (
        ("has made a new session key", {"request": _INITIALIZE}),
        ("has made new vectors", {"request": _VECTOR, "body": hexed(_MADE_UP)}),
        ("has ended the encryption", {"request": "scram.stop"}),
        ("has logged the client out", {"request": "interface.logout"}),
    )
    for words, request in changes:
        if answer.encrypted or "vectors" not in words:
            then = ({"answer_to": request}, answering(answer.response))
            yield Mutation(f"the Tap {words}, and tells nobody", Nature.DELIVERY, then)


def _interrupted(answer: Answer) -> Iterator[Mutation]:
    """The answer of the step is that of another one: the client is told to be somewhere else."""
    if answer.call not in SESSION_CALLS:
        return
    nature = {_CHALLENGE: Nature.MALFORMED, _PROOF: Nature.FORGED}.get(answer.call or "", Nature.DELIVERY)
    made_up = {"body": hexed(_MADE_UP)}
    for request, body in ((_INITIALIZE, {}), (_VECTOR, made_up)):
        if request != answer.call:
            words = f"{answer.call} is answered with what {request} would get"
            yield Mutation(words, nature, ({"answer_to": {"request": request, **body}},))


MUTATORS: Final = (
    *sealed.MUTATORS,
    Mutator(100, "session.refused", "session", _refused, early=True),
    Mutator(101, "session.executed-but-refused", "session", _refused_though_executed),
    Mutator(102, "session.pretended", "session", _pretended, early=True),
    Mutator(103, "session.vector", "session", _vector_answer),
    Mutator(104, "session.key", "session", _key_answer),
    Mutator(105, "login.challenge", "session", _challenge),
    Mutator(106, "login.proof", "session", _proof),
    Mutator(107, "session.forgotten", "state", _forgotten),
    Mutator(108, "session.renegotiated", "state", _renegotiated),
    Mutator(109, "session.interrupted", "state", _interrupted),
    Mutator(110, "login.no-salt", "session", _no_salt, telling=True),
    Mutator(111, "login.no-iterations", "session", _no_iterations, telling=True),
)

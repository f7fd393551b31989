"""What a mutation is: an answer of the Tap that is not what it should be, said as a scenario says it.

A mutator is a function that lists all its mutations of an answer. It is deterministic, so its name, an answer and a
number say one mutation. A mutation is made of actions of the scenario language: what the fuzzer does, a scenario file
can do, and a finding is handed over as one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from protocol.bodies.scram import SCRAM_CHALLENGE
from protocol.client.core import MAX_ITERATIONS
from protocol.client.jsonable import HEX_PREFIX
from protocol.errors import PeerError
from protocol.frames import Request, Response
from protocol.resources.registry import Entry, find_entry
from protocol.scram import LOGIN_DISABLED_SALT
from protocol.values import Body

Family = Literal["field", "structure", "code", "apdu", "delivery", "session", "state", "bytes"]


class Nature(Enum):
    """What a careful client makes of it, which decides what counts against a client."""

    SOUND = "sound"
    """It is a proper answer: a client cannot but believe it."""
    REFUSAL = "refusal"
    """A proper answer with a code that says no."""
    MALFORMED = "malformed"
    """Its body is not what the call answers: a client should see that."""
    FORGED = "forged"
    """The envelope is wrong: status word, CRC, frame id, key, vector; or a login is, by its proof or its challenge. A
    client must not use what is inside."""
    DELIVERY = "delivery"
    """Its bytes are right; they come late, in pieces, twice, or never."""


class Answer(NamedTuple):
    """What the Tap would answer, and to what."""

    call: str | None
    """Id of the call; None if no firmware knows the request."""
    request: Request
    response: Response
    encrypted: bool

    @property
    def entry(self) -> Entry | None:
        """The row of the resource table."""
        return find_entry(self.request.method, self.request.path)

    @property
    def body(self) -> Body[Any] | None:
        """Schema of the body of a success; None if it has none, or this is a refusal."""
        entry = self.entry
        return entry.call.response if entry is not None and self.response.success else None

    def judge(self, response: Response) -> Nature:
        """What a clear answer in place of this one is to a careful client: sound, a refusal, or malformed."""
        if not response.success:
            return Nature.REFUSAL
        entry = self.entry
        schema = None if entry is None else entry.call.response
        if schema is None:
            return Nature.SOUND  # nobody reads it
        try:
            schema.decode(response.body)
        except PeerError:
            return Nature.MALFORMED
        return Nature.FORGED if self.forgery(response.body) else Nature.SOUND

    def forgery(self, body: bytes) -> str:
        """What shows that a body, which fits, is not of the Tap where this user logs in; empty if nothing does."""
        if self.call == "scram.login_proof":
            return "another proof" if body != self.response.body else ""
        return _forged_login(body) if self.call == "scram.login" else ""


@lru_cache(maxsize=256)
def _forged_login(challenge: bytes) -> str:
    begun = SCRAM_CHALLENGE.decode(challenge)
    if begun.salt == LOGIN_DISABLED_SALT:
        return "a salt that means no login"
    return "" if 1 <= begun.iterations <= MAX_ITERATIONS else "as many iterations as no Tap can ask for"


@dataclass(frozen=True, eq=False, slots=True)
class Mutation:
    """One way in which an answer goes wrong.

    Args:
        words: what is wrong, for people: ``length of the record of variable 4 says 200, 4 bytes follow``.
        nature: what a careful client makes of it.
        then: actions as the `then` of a scenario's rule has them, in their order.
    """

    words: str
    nature: Nature
    then: tuple[Mapping[str, Any], ...]


@lru_cache(maxsize=8192)
def said_body(mutation: Mutation) -> bytes | None:
    """The body that a mutation puts in place of the right one; None if it does not say it in bytes."""
    for action in mutation.then:
        given = action.get("answer")
        if isinstance(given, dict) and str(given.get("body", "")).startswith(HEX_PREFIX):
            return bytes.fromhex(given["body"].removeprefix(HEX_PREFIX))
    return None


@lru_cache(maxsize=8192)
def names_of_actions(mutation: Mutation) -> frozenset[str]:
    """What a mutation does, by the names that a scenario has for it: ``answer``, ``drop``."""
    return frozenset(name for action in mutation.then for name in action)


def with_body(answer: Answer, body: bytes, words: str) -> Mutation:
    """The answer with another body; the envelope stays right."""
    return with_response(answer, Response(answer.response.code, body), words)


def with_response(answer: Answer, response: Response, words: str) -> Mutation:
    """Another answer, in the right envelope."""
    given = {"code": response.code, "body": "hex:" + response.body.hex()}
    return Mutation(words, answer.judge(response), ({"answer": given},))


@dataclass(frozen=True, eq=False, slots=True)
class Mutator:
    """A kind of mutation.

    Args:
        number: stands for it in ids of cases; never reused.
        name: in reports and statistics, ``field.boundary``.
        generate: all its mutations of an answer, in a fixed order, at most 65,536; none where it does not apply.
        early: its mutations take the place of the execution; the answer that it is shown is an empty success.
        telling: it has few mutations, or fits few answers, and shows much: it comes before others of its family.
    """

    number: int
    name: str
    family: Family
    generate: Callable[[Answer], Iterable[Mutation]]
    early: bool = False
    telling: bool = False

    def __reduce__(self) -> str | tuple[Any, ...]:
        return _mutator_of, (self.number,)

    def mutations(self, answer: Answer) -> tuple[Mutation, ...]:
        """All its mutations of an answer."""
        return _mutations(self, answer)


@lru_cache(maxsize=512)
def _mutations(mutator: Mutator, answer: Answer) -> tuple[Mutation, ...]:
    return tuple(mutator.generate(answer))


def _mutator_of(number: int) -> Mutator:
    from scenarios.fuzz.grammar import MUTATORS

    return MUTATORS[number]

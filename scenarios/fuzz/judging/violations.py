"""What no client may send, as rules over what happened in a case.

A rule is about the client alone: where a mutation may be the reason that a request is wrong (a key that the Tap said
wrongly, a frame size that it does not have), the request does not count.

What the journal does not show cannot be judged: the ids of encrypted frames, and the vectors that frames bring with
them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple

from emulator.exchange import Carrier
from emulator.journal import Entry, Record
from protocol.client.calls import CALLS
from protocol.codes import Method
from protocol.crypto import ZERO_IV
from protocol.errors import BodyError
from protocol.frames import Request
from protocol.resources.model import Access
from protocol.resources.registry import find_entry
from scenarios.fuzz.judging.story import (
    CARRIERS,
    ENDS,
    KEY,
    LOGIN,
    MOST_REFUSALS,
    PROOF,
    SESSION_CALLS,
    VECTOR,
    Change,
    Story,
)
from scenarios.fuzz.judging.traces import without_values
from scenarios.fuzz.mutation import Nature, names_of_actions, said_body
from scenarios.fuzz.saboteur import Applied
from scenarios.run.telling import tell_request
from scenarios.values import forms_of

_FRAME_SIZE: Final = "interface.get_current_host_protocol_max_frame_size"
_MULTI_REQUEST: Final = "interface.execute_multi_request_frame"
_NONCE: Final = slice(-4, None)
"""Of the body of a SCRAM login."""
_AT_ONCE: Final = 0.05
"""Seconds: so soon nobody has waited for an answer that did not come."""
_UNANSWERED: Final = frozenset({"drop", "merge"})
"""Actions after which a client has nothing to read."""


class Violation(NamedTuple):
    """Something that no client may send.

    Args:
        what: which request or call it is about; part of the signature.
        detail: one line for people.
    """

    what: str
    detail: str


Find = Callable[[Story], Iterable[Violation]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What no client may do.

    Args:
        name: in signatures.
        words: what a client has done that breaks it.
        about: what of a story it looks at; where there is none of that, it is not broken.
    """

    name: str
    words: str
    find: Find
    about: Callable[[Story], Collection[object]]


def _no_request(story: Story) -> Iterator[Violation]:
    believed = any(applied.answer.call == _FRAME_SIZE for applied in story.applied)
    for place in story.odd:
        record = story.records[place]
        if record.request is None:
            reason = record.reason or "no APDU"
            if not (believed and reason.startswith("frame of")):
                yield Violation(without_values(reason), reason)


def _unknown(story: Story) -> Iterator[Violation]:
    for place in story.odd:
        record = story.records[place]
        if record.request is not None and record.call is None:
            path = record.request.path._replace(instance=0)
            yield Violation(f"{record.request.method} {path.object}/{path.resource}", str(record.request))


def _misfit(story: Story) -> Iterator[Violation]:
    for place in story.odd:
        record = story.records[place]
        if record.request is not None and record.call is not None:
            problem = _body_problem(record.call, record.request.body)
            if problem is not None:
                yield Violation(record.call, f"{tell_request(record.call, record.request)}: {problem}")


@lru_cache(maxsize=1024)
def _body_problem(call: str, body: bytes) -> str | None:
    """Why a body fits no form of a call; None if it fits one."""
    problem = None
    for form in forms_of(call) if call in CALLS else ():
        if form.request is None:
            if not body:
                return None
            problem = problem or f"it takes no body, {len(body)} bytes came"
            continue
        try:
            form.request.decode(body)
        except BodyError as error:
            problem = problem or str(error)
        else:
            return None
    return problem


def _unopened(story: Story) -> Iterator[Violation]:
    for place in story.odd:
        record = story.records[place]
        opened = record.call not in CARRIERS or record.rules  # it is the mutated answer that has no room then
        if not opened and record.reason is not None and not story.session_changed_before(place):
            yield Violation(without_values(record.reason), record.reason)


def _went_on(story: Story) -> Iterator[Violation]:
    for change in story.changes:
        call, mutation = change.applied.answer.call, change.applied.mutation
        if call not in SESSION_CALLS or mutation.nature not in (Nature.FORGED, Nature.MALFORMED):
            continue
        record = _GOES_ON[call](story, change)
        if record is not None and record.request is not None:
            told = tell_request(record.call, record.request)
            yield Violation(f"{call}, {_mistaken(change.applied)}", f"{told}, after {call}: {mutation.words}")


def _mistaken(applied: Applied) -> str:
    """What the client has not seen: equal for bodies that are wrong alike, whatever has made them so."""
    answer, mutation = applied.answer, applied.mutation
    body = said_body(mutation) if len(mutation.then) == 1 else None
    if body is None:
        return applied.fault.mutator.name
    if mutation.nature is Nature.MALFORMED:
        return "a body that does not fit"
    return answer.forgery(body) or applied.fault.mutator.name


def _proof_after(story: Story, change: Change) -> Record | None:
    return _first(story, change, lambda record: record.call == PROOF, until=(LOGIN,))


def _encrypted_after(story: Story, change: Change) -> Record | None:
    """Whatever opens is under the key of this login; where there was no key before, every frame is."""
    if change.applied.fault.mutator.early:
        return None
    fresh = not story.encrypted_before(change)
    return _first(
        story,
        change,
        lambda record: record.carrier is not Carrier.CLEAR or (fresh and record.call in CARRIERS),
        until=(LOGIN, KEY, *ENDS),
    )


def _key_used_after(story: Story, change: Change) -> Record | None:
    """Inside an encrypted session a client may have kept the old key, which looks the same."""
    return None if story.encrypted_before(change) else _encrypted_after(story, change)


def _vector_used_after(story: Story, change: Change) -> Record | None:
    if change.applied.fault.mutator.early:
        return None
    return _first(story, change, lambda record: record.carrier is not Carrier.CLEAR, until=(LOGIN, KEY, *ENDS))


def _first(story: Story, change: Change, wanted: Callable[[Record], bool], until: tuple[str, ...]) -> Record | None:
    for record in story.after(change.place):
        if record.call in until:
            return None
        if wanted(record):
            return record
    return None


_GOES_ON: Final[dict[str | None, Callable[[Story, Change], Record | None]]] = {
    LOGIN: _proof_after,
    PROOF: _encrypted_after,
    KEY: _key_used_after,
    VECTOR: _vector_used_after,
}


def _in_clear(story: Story) -> Iterator[Violation]:
    for record in story.clear_after:
        request = record.request
        if request is not None and not _may_be_clear(request):
            yield Violation(record.call or "unknown", tell_request(record.call, request))


def _may_be_clear(request: Request) -> bool:
    """What a client needs to begin anew, and what everybody may read."""
    entry = find_entry(request.method, request.path)
    if entry is None:
        return False
    public = entry.call.access is Access.ANYONE and request.method == Method.GET
    return public or entry.call.access is Access.LOGIN or entry.resource.service == "scram" or entry.id in ENDS


def _vector_again(story: Story) -> Iterator[Violation]:
    for record in _repeated(story.vectors, slice(None), story):
        yield Violation("", f"{record.request.body.hex() if record.request else ''} for the second time")


def _zero_vector(story: Story) -> Iterator[Violation]:
    for record in story.vectors:
        request = record.request
        if request is not None and request.body == ZERO_IV:
            yield Violation("", str(request))


def _nonce_again(story: Story) -> Iterator[Violation]:
    for record in _repeated(story.logins, _NONCE, story):
        yield Violation("", f"{record.request.body[_NONCE].hex() if record.request else ''} for the second time")


def _repeated(records: list[Record], part: slice, story: Story) -> Iterator[Record]:
    """Requests whose random part was sent before, unless the answer to that one was damaged or lost."""
    if len(records) < 2:
        return
    unheard = {
        change.record.number
        for change in story.changes
        if change.applied.mutation.nature in (Nature.DELIVERY, Nature.FORGED, Nature.MALFORMED)
    }
    seen: set[bytes] = set()
    for record in records:
        random = record.request.body[part] if record.request is not None else b""
        if random in seen and random.strip(b"\0"):
            yield record
        if record.number not in unheard:
            seen.add(random)


def _no_waiting(story: Story) -> Iterator[Violation]:
    for change in story.changes:
        if names_of_actions(change.applied.mutation) & _UNANSWERED:
            following = next(story.after(change.place), None)
            if following is None or following.call == _MULTI_REQUEST:  # whose item the change was
                continue
            if following.time - change.record.time < _AT_ONCE:
                told = "no request" if following.request is None else tell_request(following.call, following.request)
                yield Violation("", f"{told}, while {change.record.call} had no answer yet")


def _deaf(story: Story) -> Iterator[Violation]:
    """Logins in between start the count again, also those that fail."""
    if len(story.refusals) < MOST_REFUSALS:
        return
    refused, count, last = set(story.refusals), 0, None
    for place, record in enumerate(story.records):
        same = place in refused and record.request is not None and record.call not in CARRIERS
        count = (count + 1 if record.request == last else 1) if same else 0
        last = record.request
        if count == MOST_REFUSALS and record.request is not None:
            told = tell_request(record.call, record.request)
            yield Violation(record.call or "unknown", f"{told}, refused {count} times in a row")


RULES: Final = (
    Rule("no-request", "sent bytes that are no request", _no_request, attrgetter("odd")),
    Rule("unknown-call", "asked for what no firmware has", _unknown, attrgetter("odd")),
    Rule("misfit", "sent a body that does not fit", _misfit, attrgetter("odd")),
    Rule("unopened-frame", "sent an encrypted frame that does not open", _unopened, attrgetter("odd")),
    Rule("went-on", "went on after a forged or malformed answer", _went_on, attrgetter("changes")),
    Rule("in-clear", "sent in clear what belongs into its encrypted session", _in_clear, attrgetter("clear_after")),
    Rule("vector-again", "used an initialization vector again", _vector_again, attrgetter("vectors")),
    Rule("zero-vector", "chose an initialization vector of zeros", _zero_vector, attrgetter("vectors")),
    Rule("nonce-again", "used the nonce of a login again", _nonce_again, attrgetter("logins")),
    Rule("no-waiting", "did not wait for an answer", _no_waiting, attrgetter("changes")),
    Rule("deaf", "asked again and again without the login that is needed", _deaf, attrgetter("refusals")),
)


def find_violations(entries: Iterable[Entry], applied: Sequence[Applied]) -> Iterator[tuple[Rule, Violation]]:
    """What no client may have sent, in the order of the rules; for each rule and each subject the first."""
    story = Story(entries, applied)
    for rule in RULES:
        if not rule.about(story):
            continue
        told: set[str] = set()
        for violation in rule.find(story):
            if violation.what not in told:
                told.add(violation.what)
                yield rule, violation

"""Makes a case that fails smaller: fewer faults, fewer actions, less that differs from the truth, simpler values."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from protocol.frames import Response
from scenarios.fuzz.case import ANY_CALL, EVERY, Case, Fault
from scenarios.fuzz.grammar.forging import answering, corrupting
from scenarios.fuzz.handover.simplifying import simpler_actions
from scenarios.fuzz.handover.wording import difference, tell_mutation
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature
from scenarios.fuzz.predicting import judge_bytes
from scenarios.fuzz.saboteur import Applied
from scenarios.model.actions import Action

T = TypeVar("T")
Fails = Callable[[Case], Awaitable[bool]]
Actions = tuple[Mapping[str, Any], ...]

NAME: Final = "shrunk"
_MOST_PARTS: Final = 32
_MOST_TRIED: Final = 5
_BODY_AT: Final = 5
"""Of the body in a decrypted frame: id, length and code come before it."""
_FORGING: Final = frozenset({"wrong", "corrupt", "cut", "send"})
_UNKNOWN: Final = frozenset({"split", "replay", "answer_to"})
"""What a client makes of these does not follow from the bytes of this answer alone."""


@dataclass(frozen=True)
class Part:
    """One fault of a case that is made smaller.

    Args:
        answer: what was mutated.
        nature: of the mutation that it was.
        forged_by_content: nothing but its content makes it a forgery, such as a wrong proof.
    """

    fault: Fault
    answer: Answer
    then: Actions
    nature: Nature
    forged_by_content: bool

    @classmethod
    def of(cls, applied: Applied) -> "Part":
        """The part that an applied fault is, at the answer where it came true."""
        fault, mutation = applied.fault._replace(nth=applied.nth), applied.mutation
        by_content = mutation.nature is Nature.FORGED and not _names(mutation.then) & (_FORGING | _UNKNOWN)
        return cls(fault, applied.answer, mutation.then, mutation.nature, by_content)

    @property
    def small_fault(self) -> Fault:
        """A fault with a mutator of its own, which has this one mutation."""
        mutator = self.fault.mutator
        return self.fault._replace(mutator=Mutator(0, NAME, mutator.family, self._generate, mutator.early), variant=0)

    def _generate(self, answer: Answer) -> Iterator[Mutation]:
        yield Mutation(tell_mutation(answer, self.then), self._judge(answer), self.then)

    def _judge(self, answer: Answer) -> Nature:
        names = _names(self.then)
        if names & _UNKNOWN:
            return self.nature
        if names & _FORGING:
            return judge_bytes(answer, self.then)
        given = answered(self.then)
        if given is None:
            return Nature.DELIVERY
        if self.forged_by_content and given != answer.response:
            return Nature.FORGED
        return answer.judge(given)

    @property
    def key(self) -> str:
        """Equal for parts that do the same."""
        return f"{self.fault.call}#{self.fault.nth} {self.then}"


def _names(then: Actions) -> set[str]:
    return {name for action in then for name in action}


def answered(then: Actions) -> Response | None:
    """What actions answer in place of the Tap; None if they leave its answer."""
    given = [
        each.answer for each in (Action.model_validate(dict(action)) for action in then) if each.answer is not None
    ]
    return Response(given[-1].code or 0, given[-1].body or b"") if given else None


async def shrink(applied: Sequence[Applied], fails: Fails, *, most: int = 200) -> Case:
    """The smallest case found that still fails.

    Args:
        applied: the faults of a case that fails, as they came true.
        fails: runs a case, and says whether it fails as the first one did.
        most: runs.

    Returns:
        A case that was seen failing: with faults of its own, whose mutator has the number 0; or, if the faults as they
        came true do not fail any more, the case that they are of.
    """
    shrinking = _Shrinking(fails, most)
    for parts in _beginnings(applied):
        if await shrinking.accepts(parts):
            await shrinking.run()
            return shrinking.case
    return Case(tuple(dict.fromkeys(each.fault for each in applied)))


def _beginnings(applied: Sequence[Applied]) -> Iterator[tuple[Part, ...]]:
    """The same faults with one mutation each: at the answers where they came true, else at every answer."""
    parts = tuple(Part.of(each) for each in applied)
    if 0 < len(parts) <= _MOST_PARTS:
        yield parts
    if any(each.fault.nth == EVERY for each in applied):
        first = {each.fault: (each, part) for each, part in reversed(list(zip(applied, parts, strict=True)))}
        yield tuple(replace(part, fault=each.fault) for each, part in first.values())


class _Shrinking:
    """The smallest parts so far, and how often was tried."""

    def __init__(self, fails: Fails, most: int) -> None:
        self._fails = fails
        self._left = most
        self._tried: set[str] = set()
        self._changes = 0
        self.parts: tuple[Part, ...] = ()
        self.case = Case()

    async def accepts(self, parts: tuple[Part, ...]) -> bool:
        """Goes on with these parts if they fail."""
        key = " | ".join(part.key for part in parts)
        if key in self._tried or self._left <= 0 or not parts:
            return False
        self._tried.add(key)
        self._left -= 1
        case = Case(tuple(part.small_fault for part in parts))
        if not await self._fails(case):
            return False
        self.parts, self.case = parts, case
        self._changes += 1
        return True

    async def run(self) -> None:
        """Until nothing makes it smaller, or all runs are used."""
        before = -1
        while before != self._changes and self._left > 0:
            before = self._changes
            await self._fewer_parts()
            for place in range(len(self.parts)):
                await self._one_wrong_byte(place)
                await self._fewer_actions(place)
                await self._less_different(place)
                await self._simpler(place)
                await self._earlier(place)

    async def _fewer_parts(self) -> None:
        for part in self.parts if len(self.parts) > 2 else ():
            if await self.accepts((part,)):
                return
        await _fewest(self.parts, self._accepts_parts)

    async def _accepts_parts(self, parts: Sequence[Part]) -> bool:
        return await self.accepts(tuple(parts))

    async def _try(self, place: int, **changes: Any) -> bool:
        """Whether it still fails with one part changed."""
        part = replace(self.parts[place], **changes)
        return await self.accepts((*self.parts[:place], part, *self.parts[place + 1 :]))

    async def _one_wrong_byte(self, place: int) -> None:
        """Damages the frame in place of another answer in a forged one: whoever checks nothing believes that too."""
        part = self.parts[place]
        if part.answer.encrypted and part.answer.response.body and len(part.then) > 1 and answered(part.then):
            await self._try(place, then=(corrupting("frame", byte=_BODY_AT, xor=1),))

    async def _fewer_actions(self, place: int) -> None:
        async def fails(then: Sequence[Mapping[str, Any]]) -> bool:
            return await self._try(place, then=tuple(then))

        await _fewest(self.parts[place].then, fails)

    async def _less_different(self, place: int) -> None:
        """Gives bytes of the answer their true values, then simpler ones."""
        part = self.parts[place]
        given = answered(part.then)
        if given is None:
            return
        true = part.answer.response
        edits = list(_edits(bytes(true), bytes(given)))

        async def fails(left: Sequence[_Change]) -> bool:
            return await self._try(place, then=_with_answer(part.then, _applied(bytes(true), left)))

        edits = await _fewest(edits, fails)
        for number, edit in enumerate(edits):
            for simpler in edit.simpler():
                candidate = [*edits[:number], simpler, *edits[number + 1 :]]
                if await fails(candidate):
                    edits = candidate
                    break

    async def _simpler(self, place: int) -> None:
        """Makes the values of actions smaller, one after the other."""
        number = 0
        while number < len(self.parts[place].then):
            then = self.parts[place].then
            for action in simpler_actions(then[number]):
                if await self._try(place, then=(*then[:number], action, *then[number + 1 :])):
                    break
            else:
                number += 1

    async def _earlier(self, place: int) -> None:
        fault, call = self.parts[place].fault, self.parts[place].answer.call
        if fault.call == ANY_CALL and fault.nth != EVERY and call is not None:
            for nth in range(1, min(fault.nth, _MOST_TRIED) + 1):
                if await self._try(place, fault=fault._replace(call=call, nth=nth)):
                    return
        earlier = (1, 2, 3) if fault.nth == EVERY else (1, 2, fault.nth // 2, fault.nth - 1)
        for nth in dict.fromkeys(earlier):
            if (fault.nth == EVERY or 0 < nth < fault.nth) and await self._try(place, fault=fault._replace(nth=nth)):
                return


async def _fewest(items: Iterable[T], fails: Callable[[Sequence[T]], Awaitable[bool]]) -> list[T]:
    """Leaves out what is not needed: halves first, then quarters, in the end one by one."""
    left = list(items)
    size = (len(left) + 1) // 2
    while size and len(left) > 1:
        at = 0
        while at < len(left) and len(left) > 1:
            candidate = left[:at] + left[at + size :]
            if candidate and await fails(candidate):
                left = candidate
            else:
                at += size
        size = size // 2 if size > 1 else 0
    return left


# --- what differs from the true answer --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Change:
    """One byte that is another one, or missing; or one that is put in before a place.

    Args:
        at: place in the true answer, code and body.
        old: the byte there; None if one is put in.
        new: None if it is missing.
    """

    at: int
    old: int | None
    new: int | None

    def simpler(self) -> Iterator["_Change"]:
        """Values that say less: 0, or the nearest to the truth; the simplest first."""
        if self.new is None or self.at == 0:
            return
        near = () if self.old is None else ((self.old + 1) & 0xFF, (self.old - 1) & 0xFF, self.old ^ 0x80)
        for value in dict.fromkeys((0, *near)):
            if value == self.new:
                return
            if value != self.old:
                yield replace(self, new=value)


def _edits(true: bytes, other: bytes) -> Iterator[_Change]:
    """Byte by byte where both have one; the rest is missing, or put in."""
    edit = difference(true, other)
    if len(true) == len(other):
        pairs = zip(edit.old, edit.new, strict=True)
        yield from (_Change(edit.start + at, old, new) for at, (old, new) in enumerate(pairs) if old != new)
        return
    shared = min(len(edit.old), len(edit.new))
    for at in range(shared):
        if edit.old[at] != edit.new[at]:
            yield _Change(edit.start + at, edit.old[at], edit.new[at])
    rest = edit.start + shared
    yield from (_Change(rest + at, old, None) for at, old in enumerate(edit.old[shared:]))
    yield from (_Change(rest, None, new) for new in edit.new[shared:])


def _applied(true: bytes, changes: Iterable[_Change]) -> bytes:
    before: dict[int, bytes] = {}
    instead: dict[int, bytes] = {}
    for change in changes:
        new = b"" if change.new is None else bytes((change.new,))
        if change.old is None:
            before[change.at] = before.get(change.at, b"") + new
        else:
            instead[change.at] = new
    data = b"".join(before.get(at, b"") + instead.get(at, true[at : at + 1]) for at in range(len(true)))
    return data + before.get(len(true), b"")


def _with_answer(then: Actions, frame: bytes) -> Actions:
    """The actions with another answer."""
    return tuple(
        {**action, **answering(Response.from_bytes(frame))} if "answer" in action else action for action in then
    )

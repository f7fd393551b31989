"""Which case is next: all that a client does is met early, and where something was found it goes deeper.

Cases come from lanes (`scenarios.fuzz.campaign.lanes`), which take turns by their weights, in three tiers with shares
of their own: first answers to calls, later answers, and two faults at once. Before all that comes a sweep, the calls in
turn, which takes one case of each mutator at each call; one of each that changes contents at each other request of
the call; one of each code at all answers to it; and, for what a client may have stopped to expect, one of each that
changes code or envelope after something else was refused.

A plan follows from the seed and from what is told about the runs, and from nothing else.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from protocol.errors import PeerError, UsageError
from protocol.frames import Request, Response
from scenarios.fuzz.campaign.lanes import GOLDEN, HOTTEST, SWEPT, Faults, Lane, Place, Pool, Queue, Site
from scenarios.fuzz.case import ANY_CALL, EVERY, Case, Fault
from scenarios.fuzz.grammar import BY_NAME, MUTATORS
from scenarios.fuzz.mutation import Answer, Family, Mutator, Nature

Wanted = Callable[[str, Mutator], bool]
"""Whether a mutator is wanted for the answers to a call."""
Tier = Literal["first", "later", "pairs"]

STATE_VERSION: Final = 2
_SHARES: Final[dict[Tier, float]] = {"first": 0.5, "later": 0.2, "pairs": 0.3}
_WEIGHTS: Final[dict[Family, float]] = {
    "session": 1.0,
    "field": 1.0,
    "structure": 0.8,
    "apdu": 0.6,
    "state": 0.6,
    "code": 0.5,
    "delivery": 0.4,
    "bytes": 0.3,
}
_FOUND: Final = 2.0
_NEW: Final = 1.25
_COOLING: Final = 0.9
_SLOW: Final = 5.0
"""The mutator of a case that takes so many times as long as a clean run comes after the sweep at most other calls."""
_BACK: Final = 1.0
"""How much later its turn is there: after the sweep, and before anything comes a second time."""
_STILL: Final = 4
"""At one call of so many it keeps its turn."""
_DEAREST: Final = 200.0
_MOST_MISSED: Final = 10
"""Times that an answer may fail to come, after which its faults do not wait longer still."""
_MOST_PAIRED: Final = 24
"""Calls whose faults are paired with those of others; a client that makes more calls has enough cases."""
_MOST_OF_PAIR: Final = 3
"""Mutations of each mutator in pairs."""
_GOING_ON: Final[frozenset[Family]] = frozenset({"code", "state", "delivery", "session"})
_ALL: Final = frozenset(_WEIGHTS)
_KNOWING: Final = _ALL - {"bytes"}
_CONTENTS: Final[frozenset[Family]] = frozenset({"field", "structure"})
"""What depends on the request, since other requests of a call have answers of another layout."""
_LASTING: Final[frozenset[Family]] = frozenset({"code"})
"""What is most usual at every answer: a Tap that is busy, or locked, stays so."""
_UNPREPARED: Final[frozenset[Family]] = frozenset({"code", "session"})
"""What a client may not look for any more once something was refused."""
_SESSION_PAIR: Final = 3.0
"""What pairs weigh whose first fault is in the making of a session."""
_EXCHANGE: Final = "scram.set_initialization_vector"
"""The call of a session that a client can do without."""
_SESSION_CALLS: Final = frozenset({"scram.login", "scram.login_proof", "scram.initialize", _EXCHANGE})
_REFUSED: Final = BY_NAME["code.known"]
_NOT_EXECUTED: Final = BY_NAME["session.refused"]
_MOST_REQUESTS: Final = 16
"""Different requests of one call, of which each has an answer of its own."""


class Planner:
    """Plans cases for one client.

    Args:
        wanted: which mutators are wanted where.
    """

    def __init__(self, seed: int, wanted: Wanted = lambda call, mutator: True) -> None:
        self.seed = seed
        self._wanted = wanted
        self._sites: dict[Place, Site] = {}
        self._requests: dict[str, set[Request]] = {}
        self._pools: dict[tuple[str, int, frozenset[Family]], Pool] = {}
        self._lanes: list[Lane] = []
        self._queues: dict[Tier, Queue] = {
            tier: Queue(share, sweeps=tier == "first") for tier, share in _SHARES.items()
        }
        self._missed: dict[Place, int] = {}
        """How often one after the other nothing came true of faults at an answer."""
        self._open: dict[Case, tuple[Queue, int] | None] = {}
        """Cases that were given, of which nothing was told yet, with their lane."""
        self._again: deque[Case] = deque()

    # --- what the client does ---------------------------------------------------------------------------------------

    @property
    def sites(self) -> tuple[Site, ...]:
        """Answers that the client gets, as far as they are known."""
        return tuple(self._sites.values())

    def learn(self, answers: Iterable[Answer]) -> int:
        """Takes the answers of a run, in order, and says how many of them open up new cases."""
        before = len(self._sites)
        nths: dict[str, int] = {}
        for position, answer in enumerate(answers, start=1):
            call = ANY_CALL if answer.call is None else answer.call
            nths[call] = nth = position if answer.call is None else nths.get(call, 0) + 1
            if (call, nth) not in self._sites and self._is_of_interest(call, nth, answer.request):
                self._add(Site(call, nth, answer))
        return len(self._sites) - before

    def _is_of_interest(self, call: str, nth: int, request: Request) -> bool:
        """The first few answers to a call, some of the later ones, and those to different requests."""
        asked = self._requests.setdefault(call, set())
        other = request not in asked and len(asked) < _MOST_REQUESTS
        if other:
            asked.add(request)
        return other or nth <= 3 or nth & (nth - 1) == 0  # then at 4, 8, 16 ...

    def _add(self, site: Site) -> None:
        call, nth, answer = site
        others = [other for other in self._sites.values() if other.call == call]
        self._sites[call, nth] = site
        if not others:
            self._add_call(site)
            return
        is_request = call not in _SESSION_CALLS and all(other.answer.request != answer.request for other in others)
        swept = _CONTENTS if is_request else frozenset[Family]()
        self._add_lanes("first", site, swept)
        self._add_lanes("later", site, _ALL - swept)
        if nth == 2 and (call, 1) in self._sites:
            self._add_pair(self._sites[call, 1], site)

    def _add_call(self, site: Site) -> None:
        """All that follows from the first answer to a call."""
        every = site._replace(nth=EVERY)
        self._add_lanes("first", site, _ALL)
        self._add_lanes("first", every, _LASTING)
        self._add_lanes("later", every, _ALL - _LASTING)
        if site.call not in _SESSION_CALLS:  # without them there is nothing to go on with
            self._add_refused(site)
        others = [other for other in self._sites.values() if other.call != site.call and other.nth == 1]
        for other in others if len(others) < _MOST_PAIRED else ():
            self._add_pair(other, site)

    def _add_lanes(self, tier: Tier, site: Site, families: frozenset[Family]) -> None:
        mutators = self._mutators(site.call)
        for number, mutator in enumerate(mutators):
            if mutator.family in families:
                key = f"{tier} {site.call} {site.nth} {mutator.number}"
                weight = _WEIGHTS[mutator.family] / (1 if tier == "first" else 1 + site.nth)
                turn = SWEPT * number / len(mutators)
                self._add_lane(tier, key, (Pool(site, (mutator,)),), ((site.call, site.nth),), mutator, weight, turn)

    def _add_refused(self, site: Site) -> None:
        """Once more what can be wrong with the envelope, after something else was refused."""
        dice = random.Random(f"{self.seed} refused {site.call}")  # noqa: S311 - reproducible on purpose
        before = [other for other in self._sites.values() if other.nth == 1 and other.call != site.call]
        before = [other for other in before if other.answer.encrypted == site.answer.encrypted]
        mutators = [each for each in self._mutators(site.call) if each.family in _UNPREPARED]
        dice.shuffle(mutators)
        for number, mutator in enumerate(mutators):
            if refusals := tuple(self._refusals(before, dice)):
                key = f"refused {site.call} {mutator.number}"
                weight, turn = _WEIGHTS[mutator.family], SWEPT * number / len(mutators)
                pools = refusals, Pool(site, (mutator,))
                self._add_lane("first", key, pools, ((site.call, site.nth),), mutator, weight, turn)

    def _refusals(self, sites: Iterable[Site], dice: random.Random) -> Iterator[Fault]:
        """An answer that was refused, and all exchanges of vectors, as a Tap does that has none; not as in pairs."""
        asked = [site for site in sites if site.call not in _SESSION_CALLS]
        exchanges = [site for site in sites if site.call == _EXCHANGE]
        for among, nth, mutator in ((asked, 1, _REFUSED), (exchanges, EVERY, _NOT_EXECUTED)):
            if among and self._wanted((site := dice.choice(among)).call, mutator):
                mutations = mutator.mutations(site.seen_by(mutator))
                paired = Pool(site, (mutator,), _MOST_OF_PAIR)
                variants = set(range(len(mutations))) - {paired[place].variant for place in range(len(paired))}
                refusals = [each for each in sorted(variants) if mutations[each].nature is Nature.REFUSAL]
                yield Fault(site.call, nth, mutator, dice.choice(refusals))

    def _add_pair(self, one: Site, other: Site) -> None:
        """Two that together matter: after the first of them a client goes on, and the second meets it unprepared."""
        key = f"pairs {one.call} {one.nth} {other.call} {other.nth}"
        pools = self._pool(one, _GOING_ON), self._pool(other, _KNOWING)
        weight = _SESSION_PAIR if one.call in _SESSION_CALLS else 1.0
        self._add_lane("pairs", key, pools, ((one.call, one.nth), (other.call, other.nth)), None, weight, 0.0)

    def _pool(self, site: Site, families: frozenset[Family]) -> Pool:
        key = site.call, site.nth, families
        if key not in self._pools:
            mutators = [each for each in self._mutators(site.call) if each.family in families]
            self._pools[key] = Pool(site, mutators, _MOST_OF_PAIR)
        return self._pools[key]

    def _mutators(self, call: str) -> list[Mutator]:
        """Those that are wanted: the more a family weighs, the earlier; in it what tells much first; then by dice."""
        dice = random.Random(f"{self.seed} {call}")  # noqa: S311 - reproducible on purpose
        mutators = [each for each in MUTATORS.values() if self._wanted(call, each)]
        dice.shuffle(mutators)
        mutators.sort(key=lambda each: not each.telling)
        met: dict[Family, int] = {}
        places: dict[int, float] = {}
        for mutator in mutators:
            met[mutator.family] = met.get(mutator.family, 0) + 1
            places[mutator.number] = met[mutator.family] / _WEIGHTS[mutator.family]
        return sorted(mutators, key=lambda each: places[each.number])

    def _add_lane(
        self,
        tier: Tier,
        key: str,
        pools: tuple[Faults, ...],
        places: tuple[Place, ...],
        mutator: Mutator | None,
        weight: float,
        turn: float,
    ) -> None:
        dice = random.Random(f"{self.seed} {mutator.number if mutator else key}")  # noqa: S311 - reproducible on purpose
        offset = (dice.random() + GOLDEN * len(self._queues[tier].alike(mutator))) % 1.0
        lane = Lane(key, pools, places=places, mutator=mutator, weight=weight, offset=offset, turn=turn)
        lane.turn = max(turn, self._queues[tier].now)
        self._lanes.append(lane)
        self._queues[tier].add(lane)

    # --- what comes next --------------------------------------------------------------------------------------------

    def next(self) -> Case | None:
        """The next case, which was not given before; None if there are no more."""
        if self._again:
            again = self._again.popleft()
            self._open[again] = None
            return again
        while (queue := self._next_queue()) is not None:
            number, lane = queue.pop()
            case = lane.next()
            if case is not None:
                lane.heat = max(lane.heat * _COOLING, 1.0)
                queue.serve(number, lane)
                self._open[case] = queue, number
                return case
        return None

    def _next_queue(self) -> "Queue | None":
        """The tier that is behind its share; the first one while it sweeps."""
        filled = [queue for queue in self._queues.values() if queue.top is not None]
        first = self._queues["first"]
        if first.top is not None and first.top < SWEPT:
            return first
        return min(filled, key=lambda queue: queue.given / queue.share, default=None)

    def told(
        self, case: Case, *, cost: float = 1.0, came_true: bool = True, new: bool = False, found: bool = False
    ) -> None:
        """What came of a case that was given.

        Args:
            cost: how long it took, in clean runs.
            came_true: a fault of it did.
            new: it has led the client to where it had not been.
            found: it has shown a mistake that was not known.
        """
        place = self._open.pop(case, None)
        if place is None:
            return
        queue, number = place
        lane = queue.lanes[number]
        dear = min(cost, _DEAREST) - 1.0
        if dear > 0.0:
            queue.move(number, lane.turn + dear * lane.stride)
        if len(case.faults) == 1:
            self._note_miss(case.faults[0], came_true=came_true)
        if cost >= _SLOW and lane.mutator is not None:
            self._postpone(lane.mutator)
        if found or (new and lane.given > 1):  # what comes first in a lane is always new
            self._warm(lane, _FOUND if found else _NEW)

    def _note_miss(self, fault: Fault, *, came_true: bool) -> None:
        """Has all lanes of an answer wait that did not come, each time twice as long."""
        place = fault.call, fault.nth
        missed = self._missed[place] = 0 if came_true else self._missed.get(place, 0) + 1
        if 0 < missed <= _MOST_MISSED:
            for queue in (self._queues["first"], self._queues["later"]):
                for number in queue.by_place.get(place, ()):
                    lane = queue.lanes[number]
                    if fault.nth != 1 or lane.turn >= SWEPT:
                        queue.move(number, lane.turn + 2.0**missed * lane.stride)

    def _postpone(self, mutator: Mutator) -> None:
        for queue in (self._queues["first"], self._queues["later"]):
            for place, number in enumerate(queue.alike(mutator)):
                if place % _STILL and (turn := queue.lanes[number].turn) < SWEPT:
                    queue.move(number, turn + _BACK)

    def _warm(self, lane: Lane, factor: float) -> None:
        """Brings forward the lane and its neighbours: the same mutator elsewhere, its family at the same call."""
        for queue in self._queues.values():
            for number in queue.neighbours(lane):
                near = queue.lanes[number]
                stride = near.stride
                near.heat = min(near.heat * (factor if near is lane else _NEW), HOTTEST)
                if near.turn >= SWEPT:
                    queue.move(number, queue.now + (near.turn - queue.now) * near.stride / stride)

    # --- kept -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All of it as JSON has it. Cases of which nothing was told are given again."""
        return {
            "version": STATE_VERSION,
            "seed": self.seed,
            "sites": [_site_as_json(site) for site in self._sites.values()],
            "tiers": {tier: [queue.given, queue.now] for tier, queue in self._queues.items()},
            "lanes": {
                lane.key: [lane.given, lane.turn, lane.heat]
                for lane in self._lanes
                if lane.given or lane.turn != lane.first_turn or lane.heat != 1.0
            },
            "missed": [[call, nth, count] for (call, nth), count in self._missed.items() if count],
            "open": [case.id for case in (*self._open, *self._again)],
        }

    @classmethod
    def resume(cls, state: Mapping[str, Any], wanted: Wanted = lambda call, mutator: True) -> "Planner":
        """A planner that goes on where another one was.

        Raises:
            UsageError: the state is none, or one of another version.
        """
        if state.get("version") != STATE_VERSION:
            raise UsageError(f"the plan is of version {state.get('version')}, expected {STATE_VERSION}; begin afresh")
        try:
            planner = cls(int(state["seed"]), wanted)
            for site in map(_site_from_json, state["sites"]):
                planner._requests.setdefault(site.call, set()).add(site.answer.request)
                planner._add(site)
            for tier, queue in planner._queues.items():
                given, now = state["tiers"][tier]
                queue.given, queue.now = int(given), float(now)
                queue.recall(state["lanes"])
            planner._missed = {(str(call), int(nth)): int(count) for call, nth, count in state["missed"]}
            planner._again.extend(map(Case.parse, state["open"]))
        except (KeyError, TypeError, ValueError, PeerError) as error:
            raise UsageError(f"the plan that was kept cannot be read ({error!r}); begin afresh") from error
        return planner


def _site_as_json(site: Site) -> list[Any]:
    call, nth, (known, request, response, encrypted) = site
    return [call, nth, known is not None, bytes(request).hex(), bytes(response).hex(), encrypted]


def _site_from_json(kept: list[Any]) -> Site:
    call, nth, known, request, response, encrypted = kept
    asked = Request.from_bytes(bytes.fromhex(request))
    given = Response.from_bytes(bytes.fromhex(response))
    return Site(str(call), int(nth), Answer(str(call) if known else None, asked, given, bool(encrypted)))

"""Plans: nothing twice, everything early, the same from the same seed, and going on where they were."""

import json
import random
from collections.abc import Callable, Iterator
from itertools import islice, pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from protocol.client.calls import find_call
from protocol.errors import UsageError
from protocol.frames import Request, Response
from scenarios.fuzz.campaign.lanes import Lane, Pool, Site
from scenarios.fuzz.campaign.planning import Planner, Wanted
from scenarios.fuzz.case import ANY_CALL, EVERY, Case
from scenarios.fuzz.grammar import BY_NAME, MUTATORS
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature

SERIAL, VERSION, NAME = "device.get_serial_number", "device.get_firmware_version", "interface.get_app_name"
TEXTS = {SERIAL: b"IoTize0041\0", VERSION: b"1.113.0\0", NAME: b"Tap\0"}
UNKNOWN = Request.from_bytes(bytes.fromhex("09000100020003"))
FEW = ("code.unknown", "code.with-body", "apdu.status-word")


def answer(call: str, body: bytes | None = None, *, encrypted: bool = False) -> Answer:
    return Answer(call, find_call(call).ask(None), Response(0, TEXTS[call] if body is None else body), encrypted)


VISIT = [answer(each) for each in (SERIAL, VERSION, NAME, SERIAL)]


def few(call: str, mutator: Mutator) -> bool:
    return mutator.name in FEW


def planner(seed: int = 1, wanted: Wanted = few) -> Planner:
    made = Planner(seed, wanted)
    made.learn(VISIT)
    return made


def cases(plan: Planner, tell: Callable[[Case], None] | None = None) -> Iterator[Case]:
    while (case := plan.next()) is not None:
        yield case
        (tell or plan.told)(case)


def telling(plan: Planner, seed: int) -> Callable[[Case], None]:
    """Feedback that follows from a seed."""
    dice = random.Random(seed)

    def tell(case: Case) -> None:
        cost = dice.choice((0.5, 1.0, 1.0, 3.0, 50.0))
        true, new, found = (dice.random() < chance for chance in (0.9, 0.2, 0.05))
        plan.told(case, cost=cost, came_true=true, new=new, found=found)
        if dice.random() < 0.02:
            plan.learn([*VISIT, answer(dice.choice(list(TEXTS)))] * dice.randrange(1, 4))

    return tell


@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(), feedback=st.integers())
def test_no_case_comes_twice(seed: int, feedback: int) -> None:
    plan = planner(seed)
    ids = [case.id for case in islice(cases(plan, telling(plan, feedback)), 600)]
    assert len(ids) == 600
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("seed", range(4))
def test_no_refusal_in_a_pair_comes_twice(seed: int) -> None:
    given = [case.id for case in cases(planner(seed, lambda call, mutator: mutator.family == "code"))]
    assert len(set(given)) == len(given) > 500


@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(), feedback=st.integers())
def test_the_same_seed_and_feedback_make_the_same_plan(seed: int, feedback: int) -> None:
    one, other = (planner(seed) for _ in range(2))
    assert list(islice(cases(one, telling(one, feedback)), 500)) == list(
        islice(cases(other, telling(other, feedback)), 500)
    )


def test_another_seed_makes_another_plan() -> None:
    assert list(islice(cases(planner(1)), 100)) != list(islice(cases(planner(2)), 100))


@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(), feedback=st.integers(), count=st.integers(0, 800))
def test_a_plan_goes_on_where_it_was(seed: int, feedback: int, count: int) -> None:
    plan = planner(seed)
    for _ in islice(cases(plan, telling(plan, feedback)), count):
        pass
    for case in [*plan._open]:
        plan.told(case)
    resumed = Planner.resume(json.loads(json.dumps(plan.state())), few)
    assert list(islice(cases(resumed), 500)) == list(islice(cases(plan), 500))


def test_cases_that_were_not_played_come_again() -> None:
    plan = planner()
    given = [plan.next() for _ in range(5)]
    assert given[0] is not None
    plan.told(given[0])
    resumed = Planner.resume(plan.state(), few)
    again = [resumed.next() for _ in range(4)]
    assert again == given[1:]
    more = {case.id for case in islice(cases(resumed), 500)}
    assert not more & {case.id for case in given if case is not None}


def applying(site: Site, *families: str) -> set[str]:
    """Mutators that have something for an answer."""
    of_families = (each for each in MUTATORS.values() if not families or each.family in families)
    return {mutator.name for mutator in of_families if mutator.mutations(site.seen_by(mutator))}


def in_the_sweep(plan: Planner) -> set[tuple[str, int, str, bool]]:
    """Call, which answer, mutator, and whether something was refused before."""
    first, *others = (site for site in plan.sites if site.nth == 1)
    return {
        *((site.call, 1, name, False) for site in (first, *others) for name in applying(site)),
        *((site.call, EVERY, name, False) for site in (first, *others) for name in applying(site, "code")),
        *((site.call, 1, name, True) for site in others for name in applying(site, "code", "session")),
    }


def test_the_sweep_takes_one_of_each_mutator_at_each_call() -> None:
    plan = planner(wanted=lambda call, mutator: True)
    expected = in_the_sweep(plan)
    swept = [case.faults for case in islice(cases(plan), len(expected))]
    taken = [(faults[-1].call, faults[-1].nth, faults[-1].mutator.name, len(faults) > 1) for faults in swept]
    assert set(taken) == expected
    assert len(set(taken)) == len(taken)


def test_the_sweep_changes_the_contents_of_answers_to_other_requests_of_a_call() -> None:
    asked, number = find_call("variable.get_value"), Response(0, b"\1\2\3\4")
    plan = Planner(1)
    plan.learn([Answer(asked.id, asked.ask(None, each), number, True) for each in (1, 1, 2)])
    swept = [fault for case in islice(cases(plan), 300) for fault in case.faults if len(case.faults) == 1]
    content = applying(plan.sites[-1], "field", "structure")
    assert content <= {fault.mutator.name for fault in swept if fault.nth == 3}
    assert not [fault for fault in swept[:60] if fault.nth == 2]


def test_early_in_the_sweep_something_is_refused_before() -> None:
    """As a Tap does that has no vectors, or refuses one thing and goes on."""
    vectors = "scram.set_initialization_vector"
    exchange = Answer(vectors, find_call(vectors).ask(bytes(16)), Response(0, bytes(16)), encrypted=True)
    visit = [each._replace(encrypted=True) for each in (*VISIT[:2], exchange, *VISIT[2:])]
    plan = Planner(1)
    plan.learn(visit)
    pairs = [case.faults for case in islice(cases(plan), 200) if len(case.faults) > 1]
    assert len(pairs) > 20
    refused = {one.call: one for one, _ in pairs}
    assert refused[vectors].nth == EVERY
    assert refused[vectors].mutator.early
    assert refused[SERIAL].nth == 1
    assert refused.keys() <= {SERIAL, VERSION, vectors}
    answers = {each.call: each for each in visit}
    natures = {
        one.mutator.mutations(Site(one.call, 1, answers[one.call]).seen_by(one.mutator))[one.variant].nature
        for one, _ in pairs
    }
    assert natures == {Nature.REFUSAL}
    assert {other.mutator.family for _, other in pairs} == {"code", "session"}


def test_calls_take_turns_in_the_sweep() -> None:
    first = [case.faults[-1].call for case in islice(cases(planner(wanted=lambda call, mutator: True)), 18)]
    assert set(first[:6]) == set(TEXTS)
    assert min(first.count(call) for call in TEXTS) >= 3


def test_one_mutator_looks_at_other_parts_of_its_range_at_other_calls() -> None:
    name = "code.known"
    plan = planner(wanted=lambda call, mutator: mutator.name == name)
    variants = sorted(case.faults[0].variant for case in islice(cases(plan), 8) if len(case.faults) == 1)
    count = len(BY_NAME[name].mutations(VISIT[0]))
    assert max(after - before for before, after in pairwise(variants)) < count / 2
    assert len(set(variants)) == len(variants) == 6


def test_what_tells_much_comes_first_in_its_family() -> None:
    first = [case.faults for case in islice(cases(planner(wanted=lambda *_: True)), 40)]
    codes = [faults[0].mutator.telling for faults in first if len(faults) == 1 and faults[0].mutator.family == "code"]
    assert codes.index(False) > 2


def test_what_knows_fields_and_sessions_comes_before_bytes() -> None:
    families = [case.faults[0].mutator.family for case in islice(cases(planner(wanted=lambda *_: True)), 60)]
    assert families.index("field") < 10
    assert families.index("field") < families.index("bytes")


def test_all_tiers_get_their_share_after_the_sweep() -> None:
    plan = planner(wanted=lambda call, mutator: True)
    swept = len(in_the_sweep(plan))
    after = list(islice(cases(plan), swept + 200))[swept:]
    pairs = sum(len(case.faults) == 2 for case in after)
    later = sum(len(case.faults) == 1 and case.faults[0].nth != 1 for case in after)
    assert 0.3 < pairs / len(after) < 0.4  # those after a refusal are of the first tier
    assert 0.15 < later / len(after) < 0.3  # and so are codes at every answer


def test_a_plan_comes_to_an_end_with_everything() -> None:
    plan = planner(wanted=lambda call, mutator: mutator.name == "code.unknown")
    (mutator,) = (each for each in MUTATORS.values() if each.name == "code.unknown")
    count = len(mutator.mutations(VISIT[0]))
    singles: list[Case] = []
    pairs: list[Case] = []
    for case in cases(plan):
        (singles if len(case.faults) == 1 else pairs).append(case)
    places = {(SERIAL, 1), (SERIAL, 2), (SERIAL, EVERY), (VERSION, 1), (VERSION, EVERY), (NAME, 1), (NAME, EVERY)}
    assert {(case.faults[0].call, case.faults[0].nth) for case in singles} == places
    assert len(singles) == len(places) * count
    assert len(pairs) == (3 + 1) * 3**2  # three pairs of calls, and the two answers to one of them; three of each


def test_the_first_of_a_pair_lets_the_client_go_on_and_comes_first() -> None:
    plan = planner(wanted=lambda call, mutator: True)
    pairs = [case.faults for case in islice(cases(plan), 600) if len(case.faults) == 2]
    order = [SERIAL, VERSION, NAME]
    assert len(pairs) > 20
    assert {one.mutator.family for one, _ in pairs} <= {"code", "state", "delivery", "session"}
    assert all((order.index(one.call), one.nth) < (order.index(other.call), other.nth) for one, other in pairs)


def test_what_was_found_is_looked_at_more_closely() -> None:
    def share(tell_of: str) -> int:
        plan = planner(wanted=lambda call, mutator: True)

        def tell(case: Case) -> None:
            plan.told(case, found=case.faults[0].mutator.name == tell_of)

        mutators = [case.faults[0].mutator.name for case in islice(cases(plan, tell), 600)]
        return mutators.count("code.with-body")

    assert share("code.with-body") > 1.3 * share("nothing")


def test_what_does_not_come_true_is_seldom_tried() -> None:
    def share(fails: int) -> int:
        plan = planner(wanted=lambda call, mutator: mutator.family in ("code", "apdu"))

        def tell(case: Case) -> None:
            plan.told(case, came_true=all(fault.nth != fails for fault in case.faults))

        return sum(case.faults[0].nth == 2 for case in islice(cases(plan, tell), 300) if len(case.faults) == 1)

    assert 0 < share(2) < share(99) / 3


def test_what_is_slow_comes_after_the_sweep_at_other_calls() -> None:
    plan = planner(wanted=lambda call, mutator: True)

    def tell(case: Case) -> None:
        plan.told(case, cost=100.0 if case.faults[0].mutator.name == "code.unknown" else 1.0)

    swept = [case.faults[0].mutator.name for case in islice(cases(plan, tell), 60)]
    assert swept.count("code.unknown") == 1


def test_what_is_slow_keeps_its_turn_at_some_calls() -> None:
    """Who wants to know whether it is right in time has to wait for it, but not everywhere."""
    slow = "delivery.late"
    plan = planner(wanted=lambda call, mutator: True)
    names = ("security_options", "current_group_id", "current_host_protocol")
    plan.learn([answer(f"interface.get_{name}", b"\0\0") for name in names])

    def tell(case: Case) -> None:
        plan.told(case, cost=100.0 if case.faults[0].mutator.name == slow else 1.0)

    swept = [case.faults[0].mutator.name for case in islice(cases(plan, tell), 250)]
    assert swept.count(slow) == 2  # at the first call, and at one of the others


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([answer(SERIAL)] * 9, {(SERIAL, 1), (SERIAL, 2), (SERIAL, 3), (SERIAL, 4), (SERIAL, 8)}),
        ([answer(SERIAL), answer(NAME)], {(SERIAL, 1), (NAME, 1)}),
        (
            [answer(SERIAL), Answer(None, UNKNOWN, Response(0x84), False)],
            {(SERIAL, 1), (ANY_CALL, 2)},
        ),
    ],
)
def test_which_answers_are_learned(answers: list[Answer], expected: set[tuple[str, int]]) -> None:
    plan = Planner(0)
    assert plan.learn(answers) == len(expected)
    assert {(site.call, site.nth) for site in plan.sites} == expected
    assert plan.learn(answers) == 0


def test_each_instance_of_a_resource_is_a_place_of_its_own() -> None:
    plan = Planner(0)
    asked = find_call("variable.get_value")
    answers = [Answer(asked.id, asked.ask(None, number), Response(0, b"\0"), False) for number in range(10)]
    assert plan.learn(answers) == 10


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state.pop("lanes"),
        lambda state: state.update(version=99),
        lambda state: state["sites"].append(["x"]),
        lambda state: state["sites"][0].__setitem__(3, "zz"),
        lambda state: state["open"].append("no case"),
        lambda state: state["tiers"].clear(),
        lambda state: state["lanes"].update({next(iter(state["lanes"])): [-1, 0, 1]}),
    ],
)
def test_what_cannot_be_read_is_told(damage: Callable[[dict[str, object]], object]) -> None:
    plan = planner()
    list(islice(cases(plan), 30))
    state = json.loads(json.dumps(plan.state()))
    damage(state)
    with pytest.raises(UsageError, match="begin afresh"):
        Planner.resume(state, few)


numbered = Mutator(
    250, "test.numbered", "field", lambda _: [Mutation(str(number), Nature.SOUND, ()) for number in range(11)]
)


@pytest.mark.parametrize("offset", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("count", [1, 2])
def test_a_lane_gives_each_of_its_cases_once(offset: float, count: int) -> None:
    pools = [Pool(Site(SERIAL, nth, VISIT[0]), (numbered, BY_NAME["code.unknown"])) for nth in range(1, count + 1)]
    lane = Lane("x", pools, places=((SERIAL, 1),), mutator=None, weight=1.0, offset=offset, turn=0.0)
    given = [lane.next() for _ in range(lane.size)]
    assert len(set(given)) == len(pools[0]) ** count
    assert None not in given
    assert lane.next() is None


@pytest.mark.parametrize(("most", "variants"), [(3, [0, 3, 7]), (1, [0]), (99, list(range(11)))])
def test_a_pool_may_have_some_of_all(most: int, variants: list[int]) -> None:
    pool = Pool(Site(SERIAL, 1, VISIT[0]), (numbered,), most)
    assert [pool[index].variant for index in range(len(pool))] == variants


def test_the_first_cases_of_a_lane_are_spread_over_its_range() -> None:
    mutator = Mutator(251, "test.many", "field", lambda _: [Mutation("", Nature.SOUND, ())] * 1000)
    lane = Lane("x", [Pool(Site(SERIAL, 1, VISIT[0]), (mutator,))], places=(), mutator=None, weight=1, offset=0, turn=0)
    variants = sorted(case.faults[0].variant for case in (lane.next() for _ in range(8)) if case is not None)
    assert max(after - before for before, after in zip(variants, [*variants[1:], 1000], strict=True)) < 300

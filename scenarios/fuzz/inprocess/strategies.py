"""Strategies of hypothesis for a target in this process::

    target = fuzz.target(read_serial_number, login="admin:admin")

    @given(case=fuzz.cases(target))
    def test_survives_a_malicious_tap(case):
        target.check(case)

hypothesis then shrinks what fails: towards one fault, at an early answer, and to the first variant.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

from protocol.errors import UsageError
from scenarios.fuzz.campaign.lanes import Pool, Site
from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.grammar import BY_NAME, MUTATORS
from scenarios.fuzz.inprocess.target import Target
from scenarios.fuzz.mutation import Mutator

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise UsageError("fuzz.cases and fuzz.faults need hypothesis: pip install hypothesis") from error

MOST_FAULTS: Final = 3


def cases(
    target: Target,
    *,
    most: int = MOST_FAULTS,
    calls: Iterable[str] | None = None,
    mutators: Iterable[str] | None = None,
) -> st.SearchStrategy[Case]:
    """Cases of one fault up to so many, each at another answer that the client gets where nothing goes wrong.

    Args:
        calls: ids of the calls whose answers go wrong; all that the client makes if it is None.
        mutators: names of the mutators that are wanted; all of them if it is None.

    Raises:
        UsageError: the client makes no such call, no mutator is named like that, or none fits.
    """
    each = faults(target, calls=calls, mutators=mutators)
    return st.lists(each, min_size=1, max_size=most, unique_by=_place).map(_case)


def faults(
    target: Target, *, calls: Iterable[str] | None = None, mutators: Iterable[str] | None = None
) -> st.SearchStrategy[Fault]:
    """Single faults, as for `cases`."""
    sites = _sites(target, calls)
    wanted = _mutators(mutators)

    @cache
    def pools(site: Site) -> tuple[Pool, ...]:
        each = (Pool(site, (mutator,)) for mutator in wanted)
        return tuple(pool for pool in each if len(pool))

    usable = [site for site in sites if pools(site)]
    if not usable:
        raise UsageError("none of the mutators changes any of these answers; expected others")

    @st.composite
    def fault(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Fault:
        pool: Pool = draw(st.sampled_from(pools(draw(st.sampled_from(usable)))))
        return pool[draw(st.integers(0, len(pool) - 1))]

    return fault()


def _place(fault: Fault) -> tuple[str, int]:
    """Which answer it is at: two mutations of one answer may cancel each other out."""
    return fault.call, fault.nth


def _case(faults: list[Fault]) -> Case:
    return Case(tuple(faults))


def _sites(target: Target, calls: Iterable[str] | None) -> list[Site]:
    if calls is None:
        return list(target.sites)
    known = {site.call for site in target.sites}
    for call in (calls := set(calls)):
        if call not in known:
            raise UsageError(f"the client does not call {call!r}; expected one of {', '.join(sorted(known))}")
    return [site for site in target.sites if site.call in calls]


def _mutators(names: Iterable[str] | None) -> list[Mutator]:
    if names is None:
        return list(MUTATORS.values())
    for name in (names := list(names)):
        if name not in BY_NAME:
            raise UsageError(f"no mutator is named {name!r}; expected one of {', '.join(BY_NAME)}")
    return [BY_NAME[name] for name in names]

"""Ids of cases: short, and all that one needs."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import UsageError
from protocol.resources.registry import ENTRIES
from scenarios.fuzz.case import ANY_CALL, EVERY, MOST_VARIANTS, Case, Fault, call_number
from scenarios.fuzz.grammar import BY_NAME, MUTATORS
from tests.robustness.effort import effort

KNOWN = BY_NAME["code.known"]
SERIAL = Fault("device.get_serial_number", 1, KNOWN, 0)

faults = st.builds(
    Fault,
    st.sampled_from([ANY_CALL, *(entry.id for entry in ENTRIES)]),
    st.integers(EVERY, 0xFFFF),
    st.sampled_from(list(MUTATORS.values())),
    st.integers(0, MOST_VARIANTS - 1),
)


@given(st.lists(faults, max_size=5).map(tuple))
@effort(200)
def test_the_id_is_the_case(given_faults: tuple[Fault, ...]) -> None:
    case = Case(given_faults)
    assert Case.parse(case.id) == case
    assert Case.parse(f" {case.id.upper()}\n") == case


def test_the_id_of_one_fault_is_short() -> None:
    assert len(Case((SERIAL,)).id) == 13
    assert Case().id == "clean"


def test_a_case_of_endurance_says_how_long() -> None:
    case = Case(endurance=66_000)
    assert case.id == "endurance-66000"
    assert Case.parse(" Endurance-66000\n") == case
    assert case not in (Case(), Case(endurance=1))


def test_each_call_has_a_number_of_its_own() -> None:
    numbers = {call_number(entry.id) for entry in ENTRIES} | {call_number(ANY_CALL)}
    assert len(numbers) == len({entry.id for entry in ENTRIES}) + 1


def test_each_mutator_has_a_number_and_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(MUTATORS)
    assert all(0 < number < 256 for number in MUTATORS)


def test_ids_stay_what_they_are() -> None:
    """People write them into issues and test suites."""
    assert Case((SERIAL,)).id == "07qry00150000"
    assert Case.parse("07qry00150000") == Case((SERIAL,))


def test_a_case_goes_to_another_process() -> None:
    case = Case((SERIAL, SERIAL._replace(nth=EVERY)))
    assert pickle.loads(pickle.dumps(case)) == case  # its mutators are those of the table there, too


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no case, expected an id"),
        ("dirty", "is no case, expected an id"),
        ("07qry001500", "is no case, expected an id"),
        ("07qry0015000u", "is no case, expected an id"),
        ("07qry00150000 07qry00150000", "is no case, expected an id"),
        ("0fqry00050000", "is of version 3, expected 1"),
        ("0400000001000", "is no case"),
        ("07qry000za000", "no such call or mutator"),
        ("0" * 100_000, "is no case, expected an id"),
        ("endurance-0", "is no case, expected an id"),
        ("endurance", "is no case, expected an id"),
        ("endurance-9999999999", "is no case, expected an id"),
    ],
)
def test_what_is_no_case(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Case.parse(text)

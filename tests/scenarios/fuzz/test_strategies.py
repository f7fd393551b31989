"""hypothesis draws cases, and shrinks them to simple ones."""

import subprocess
import sys

import pytest
from hypothesis import find, given, settings

from protocol.errors import UsageError
from scenarios import fuzz
from scenarios.fuzz.case import Case
from tests.robustness.effort import effort
from tests.scenarios.fuzz.clients_in_process import SERIAL, assuming, careful

NAME = "group.get_name"
TARGET = fuzz.target(careful, login="admin:admin")


@given(case=fuzz.cases(TARGET))
@effort(100)
def test_the_reference_client_stands_them(case: Case) -> None:
    assert 1 <= len(case.faults) <= 3
    TARGET.check(case)


@given(case=fuzz.cases(TARGET, most=2, calls=[NAME], mutators=["code.known", "field.text"]))
@effort(50)
def test_only_what_is_wanted(case: Case) -> None:
    assert len(case.faults) <= 2
    assert {fault.call for fault in case.faults} == {NAME}
    assert {fault.mutator.name for fault in case.faults} <= {"code.known", "field.text"}


@given(fault=fuzz.faults(TARGET))
@effort(50)
def test_each_fault_comes_true(fault: object) -> None:
    assert TARGET.observe(Case((fault,))).applied  # type: ignore[arg-type]


def test_what_fails_is_shrunk_to_one_fault_of_the_simplest_kind() -> None:
    target = fuzz.target(assuming)
    wanted = settings(max_examples=500, database=None, derandomize=True)
    case = find(fuzz.cases(target, mutators=["code.known"]), lambda case: bool(target.run(case)), settings=wanted)
    assert [str(fault) for fault in case.faults] == [f"{SERIAL}#1 code.known/0"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"calls": ["device.get_name"]}, f"does not call 'device.get_name'; expected one of {SERIAL}, {NAME}"),
        ({"mutators": ["code.odd"]}, "no mutator is named 'code.odd'; expected one of "),
        ({"calls": [SERIAL], "mutators": ["field.float"]}, "none of the mutators changes any of these answers"),
    ],
)
def test_asked_wrongly(asked: dict[str, list[str]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fuzz.cases(TARGET, **asked)  # type: ignore[arg-type]


def test_without_hypothesis_it_says_what_is_missing() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from scenarios import fuzz; fuzz.target\n"
        "try: fuzz.cases\n"
        "except Exception as error: sys.exit(str(error))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == "fuzz.cases and fuzz.faults need hypothesis: pip install hypothesis\n"

"""Workers play the same cases as one process does, survive their client, and are gone when it is over."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from protocol.codes import ResultCode
from protocol.errors import UsageError
from scenarios import fuzz
from scenarios.fuzz.campaign.planning import Planner
from scenarios.fuzz.inprocess.crew import AHEAD
from scenarios.fuzz.inprocess.memory import Patience, RigLink
from scenarios.fuzz.observation import Verdict
from scenarios.fuzz.rig import SessionKeys
from tests.scenarios.fuzz.clients_in_process import SERIAL, Readings, ask, assuming, careful

pytestmark = [
    pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="workers are forked"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
ROOT = Path(__file__).parents[3]
HERE = os.getpid()


def no_process_is_left() -> bool:
    return not multiprocessing.active_children()


# --- the same cases, whoever plays them ---------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [2, 3])
def test_it_makes_no_difference_how_many_play(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    tell = Planner.told

    def telling(planner: Planner, case: Any, **what: Any) -> None:
        told.append((case.id, what))
        tell(planner, case, **what)

    monkeypatch.setattr(Planner, "told", telling)
    target, cases = fuzz.target(assuming), 2 * AHEAD + 7
    alone = [(each.key, each.case, each.faults, each.command) for each in target.fuzz(cases=cases)]
    by_one = told.copy()
    told.clear()
    together = [(each.key, each.case, each.faults, each.command) for each in target.fuzz(cases=cases, workers=workers)]
    assert len(alone) > 1
    assert together == alone
    assert told == by_one
    assert len(told) == cases
    assert no_process_is_left()


def test_all_of_them_play(tmp_path: Path) -> None:
    players = tmp_path / "players"

    def signing(link: RigLink, session: SessionKeys | None) -> None:
        with players.open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        ask(link)

    fuzz.target(signing).fuzz(cases=AHEAD, workers=3)
    assert len({*players.read_text(encoding="ascii").split()} - {str(HERE)}) == 3


def test_answers_that_only_workers_have_seen_are_planned_for() -> None:
    asked: set[tuple[str, int]] = set()

    def curious(link: RigLink, session: SessionKeys | None) -> None:
        """Asks again where it is refused."""
        while ask(link)[0]:
            pass

    target = fuzz.target(curious, patience=Patience(requests=20))
    learn = Planner.learn

    def learning(planner: Planner, answers: Any) -> int:
        opened = learn(planner, answers)
        asked.update((site.call, site.nth) for site in planner.sites)
        return opened

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Planner, "learn", learning)
        target.fuzz(cases=AHEAD, workers=2)
    assert {(SERIAL, 1), (SERIAL, 2)} <= asked


@pytest.mark.parametrize("workers", [1, 2])
def test_a_plan_that_is_exhausted_ends_it(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Planner.next
    left = list(range(20))
    monkeypatch.setattr(Planner, "next", lambda planner: plan(planner) if left and left.pop() is not None else None)
    target = fuzz.target(careful)
    assert target.fuzz(cases=1000, workers=workers) == []
    assert target.fuzz(seconds=60.0, workers=workers) == []


def test_it_ends_after_so_many_seconds() -> None:
    assert fuzz.target(careful).fuzz(seconds=0.0, workers=2) == []
    assert no_process_is_left()


# --- clients that take their process down -------------------------------------------------------------------------


def fragile(link: RigLink, session: SessionKeys | None) -> Readings:
    """Ends its process when it is refused, in one way or another, and raises an error at other times."""
    code, *text = ask(link)
    if code != ResultCode.OK:
        assert os.getpid() != HERE, "this would be the end of the tests"
        if code % 2:
            os._exit(0)
        os.kill(os.getpid(), signal.SIGSEGV)
    yield SERIAL, bytes(text[:-2]).decode("ascii")


def test_a_crash_is_a_finding_and_the_others_are_found_too() -> None:
    target = fuzz.target(fragile)
    found = target.fuzz(cases=150, workers=2)
    assert no_process_is_left()
    assert [(each.case, each.key) for each in target.fuzz(cases=150, workers=3)] == [
        (each.case, each.key) for each in found
    ]
    (crash,) = (each for each in found if each.verdict is Verdict.CRASH)
    assert crash.detail.startswith("ended by SIGSEGV: Fatal Python error: Segmentation fault; mutated was ")
    assert crash.signature == "Segmentation fault in test_inprocess_workers.py:fragile"
    assert crash.faults[0].startswith(f"answer 1 to {SERIAL}: ")
    assert crash.command == f"target.check({crash.case!r})"
    assert crash.output.startswith("Fatal Python error: Segmentation fault\n")
    assert "hunting.py" not in crash.output
    (ended,) = (each for each in found if each.signature == "it ended the process, exit code N")
    assert (ended.verdict, ended.detail.partition(";")[0]) == (Verdict.UNHANDLED, "it ended the process, exit code 0")
    assert any("UnicodeDecodeError" in each.signature for each in found)


# --- what goes wrong with us --------------------------------------------------------------------------------------


class OddError(BaseException):
    """Cannot be made of what it keeps."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(one + other)


def odd(link: RigLink, session: SessionKeys | None) -> None:
    if ask(link)[0]:
        raise OddError(1, 2)


def usual(link: RigLink, session: SessionKeys | None) -> None:
    if ask(link)[0]:
        raise GeneratorExit("this is not for us")


@pytest.mark.parametrize(
    ("client", "error", "message"),
    [(usual, GeneratorExit, "this is not for us"), (odd, RuntimeError, r"in odd(.*\n)*.*OddError: 3")],
)
def test_what_a_worker_fails_with_reaches_the_caller(client: Any, error: type[BaseException], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        fuzz.target(client).fuzz(cases=300, workers=2)
    assert f"in {client.__name__}" in "".join(getattr(caught.value, "__notes__", [])) + str(caught.value)
    assert no_process_is_left()


def test_asked_for_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    target = fuzz.target(careful)
    with pytest.raises(UsageError, match="0 workers; expected one or more"):
        target.fuzz(cases=1, workers=0)
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(UsageError, match="cannot; expected workers=1"):
        target.fuzz(cases=1, workers=2)
    assert target.fuzz(cases=1) == []


FUZZING = """
import os, signal, sys
from scenarios import fuzz
from tests.scenarios.fuzz.clients_in_process import ask

def client(link, session):
    global told
    refused = ask(link)[0]
    if os.getpid() != parent and refused:
        if not told:
            told = os.write(1, b"playing\\n")
        while sys.argv[1] == "stubborn":  # with nothing that an exception could interrupt
            try:
                signal.pause()
            except BaseException:
                pass

told = 0
parent = os.getpid()
fuzz.target(client).fuzz(seconds=600, workers=2)
"""


@pytest.mark.parametrize(
    ("number", "kind"),
    [(signal.SIGINT, "stubborn"), (signal.SIGINT, "mild"), (signal.SIGTERM, "mild"), (signal.SIGKILL, "mild")],
)
def test_no_process_is_left_when_it_is_interrupted(number: signal.Signals, kind: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FUZZING, kind],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "playing\n"
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        ended = process.stderr.read()  # returns when the last of its processes has ended
    assert process.returncode == -number
    assert ended.count("Traceback") == (number == signal.SIGINT), ended
    assert ended.endswith("\nKeyboardInterrupt\n") == (number == signal.SIGINT), ended

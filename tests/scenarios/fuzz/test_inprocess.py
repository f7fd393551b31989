"""Python clients are fuzzed in the same process: what is wrong with them is found, told, and found again."""

import asyncio
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from protocol.client.blocking import Tap
from protocol.client.core import LoginError
from protocol.client.links import LinkError
from protocol.codes import ResultCode
from protocol.errors import IntegrityError, UsageError
from scenarios import fuzz
from scenarios.fuzz.case import EVERY, Case, Fault
from scenarios.fuzz.grammar import BY_NAME
from scenarios.fuzz.inprocess import watching
from scenarios.fuzz.inprocess.memory import Patience, RigLink
from scenarios.fuzz.inprocess.watching import Growth
from scenarios.fuzz.observation import Ending, Reading, Verdict
from scenarios.fuzz.rig import SessionKeys
from tests.scenarios.fuzz.clients_in_process import (
    SERIAL,
    Readings,
    ask,
    assuming,
    brooding,
    careful,
    stubborn,
    trusting,
)

NAME = "group.get_name"
CLEAN = Case()


def case(mutator: str, variant: int = 0, *, call: str = SERIAL, nth: int = 1) -> Case:
    return Case((Fault(call, nth, BY_NAME[mutator], variant),))


UNAUTHORIZED = [code for code in ResultCode if code != ResultCode.OK].index(ResultCode.UNAUTHORIZED)
"""Which variant of `code.known` it is."""
REFUSED = case("code.known", UNAUTHORIZED, nth=EVERY)


@pytest.fixture(scope="module")
def reference() -> fuzz.Target:
    return fuzz.target(careful, login="admin:admin")


def verdicts(found: list[Any]) -> set[Verdict]:
    return {each.verdict for each in found}


# --- what a client gets, and what is seen of it -------------------------------------------------------------------


def test_a_session_waits_for_each_case(reference: fuzz.Target) -> None:
    for _ in range(3):
        seen = reference.observe(CLEAN)
        assert [reading.name for reading in seen.readings] == [SERIAL, "group.get_name/65535"]
        assert seen.readings[1].value == "admin"
        assert [answer.encrypted for answer in seen.answers] == [True, True]
        assert reference.run(CLEAN) == []


@pytest.mark.parametrize("ending", ["apdu.bare-status", "delivery.ended", "delivery.dropped"])
def test_it_waits_there_too_after_a_case_that_ended_the_connection(reference: fuzz.Target, ending: str) -> None:
    seen = reference.observe(case(ending))
    assert seen.applied
    assert reference.observe(CLEAN).readings[1] == Reading("group.get_name/65535", "admin")


def test_without_a_login_there_is_no_session() -> None:
    sessions: list[SessionKeys | None] = []

    def client(link: RigLink, session: SessionKeys | None) -> None:
        sessions.append(session)
        assert Tap(link=link).service.interface.get_current_group_id() == 0

    fuzz.target(client).observe(CLEAN)
    assert sessions == [None]


def test_a_case_is_the_same_each_time(reference: fuzz.Target) -> None:
    twice = [reference.observe(case("field.random", 3)) for _ in range(2)]
    assert twice[0].applied == twice[1].applied
    assert twice[0].readings == twice[1].readings
    assert twice[0].ending == twice[1].ending


def test_the_device_of_a_scenario(tmp_path: Path) -> None:
    file = tmp_path / "tap.yaml"
    file.write_text("scenario: 1\ndevice: {firmware: 1.86.0}\n", encoding="utf-8")

    def version(link: RigLink, session: SessionKeys | None) -> Readings:
        yield "device.get_firmware_version", str(Tap(link=link).service.device.get_firmware_version())

    assert fuzz.target(version, scenario=file).observe(CLEAN).readings[0].value == "1.86.0"


def test_what_was_read_before_an_error_counts() -> None:
    seen = fuzz.target(careful, login="admin:admin").observe(case("code.known", UNAUTHORIZED, call=NAME))
    assert [reading.name for reading in seen.readings] == [SERIAL]
    assert seen.ending.error.startswith("RefusedError: ")
    assert not seen.ending.unhandled


# --- virtual time -------------------------------------------------------------------------------------------------


def test_time_outs_and_late_answers_take_no_time() -> None:
    times: list[tuple[str, float]] = []
    clock: Any = None

    def client(link: RigLink, session: SessionKeys | None) -> None:
        begun = clock.now()
        try:
            ask(link)
        except LinkError as error:
            times.append((str(error).rpartition(": ")[2], clock.now() - begun))
            raise
        times.append(("answered", clock.now() - begun))

    target = fuzz.target(client, timeout=5.0)
    clock = target._line.clock
    target.observe(case("delivery.dropped"))
    assert times == [("no answer within 5 s", 5.0)]
    times.clear()
    for variant in range(len(BY_NAME["delivery.late"].mutations(target.observe(CLEAN).answers[0]))):
        target.observe(case("delivery.late", variant))
    late = {seconds for told, seconds in times if told == "answered"}
    assert any(0 < seconds < 5 for seconds in late)


def test_what_nobody_asked_for_is_found_by_the_next_request() -> None:
    def twice(link: RigLink, session: SessionKeys | None) -> None:
        ask(link)
        ask(link)

    seen = fuzz.target(twice).observe(case("delivery.duplicated"))
    assert "bytes came that nobody asked for" in seen.ending.error


def test_the_stream_as_it_comes() -> None:
    pieces: list[bytes] = []

    def reader(link: RigLink, session: SessionKeys | None) -> None:
        link.write(b"\xa2\xca\x00\x00\x07\x01\x00\x03\xff\xff\x00\x02")
        while sum(map(len, pieces)) < 21:
            pieces.append(link.read())
        with pytest.raises(TimeoutError, match="nothing came within 2 s"):
            link.read(2.0)
        link.close()
        assert link.read() == b""
        with pytest.raises(LinkError, match="closed"):
            link.write(b"")

    target = fuzz.target(reader)
    assert target.observe(CLEAN).ending.error == ""
    whole = b"".join(pieces)
    pieces.clear()
    target.observe(case("delivery.split"))
    assert len(pieces) > 1
    assert b"".join(pieces) == whole


# --- what speaks against a client ---------------------------------------------------------------------------------


def test_an_answer_that_is_taken_for_what_it_is_not() -> None:
    target = fuzz.target(trusting)
    assert verdicts(target.run(case("code.known", UNAUTHORIZED))) == {Verdict.WRONG_DATA}


def test_an_error_that_nobody_expected_is_told_with_its_trace() -> None:
    target = fuzz.target(assuming)
    seen = target.observe(case("code.known"))
    assert seen.ending.unhandled
    assert seen.output.startswith("Traceback")
    assert "text[0].isprintable()" in seen.output
    assert "inprocess.py" not in seen.output
    assert Verdict.UNHANDLED in verdicts(target.run(case("code.known", UNAUTHORIZED)))


def test_errors_that_the_caller_names_are_handled() -> None:
    handled = fuzz.target(assuming, handled=[IndexError])
    assert not handled.observe(case("code.known")).ending.unhandled


@pytest.mark.parametrize(
    ("client", "patience", "words"),
    [
        (stubborn, Patience(requests=50), "more than 50 requests"),
        (brooding, Patience(working=0.1), "worked for more than 0.1 s of processor time"),
    ],
)
def test_a_client_without_end_is_ended(client: Any, patience: Patience, words: str) -> None:
    target = fuzz.target(client, patience=patience)
    assert target.observe(REFUSED).ending.detail == words
    assert verdicts(target.run(REFUSED)) & {Verdict.HANG, Verdict.FLOOD}
    assert target.run(CLEAN) == []


def test_a_client_that_waits_without_end_is_ended() -> None:
    target = fuzz.target(stubborn, patience=Patience(waiting=20.0))
    seen = target.observe(case("delivery.dropped", nth=EVERY))
    assert (seen.ending.kind, seen.ending.detail) == ("stalled", "waited for more than 20 s")


def test_each_target_has_its_own_patience() -> None:
    brief, _ = (fuzz.target(brooding, patience=Patience(working=seconds)) for seconds in (0.1, 5.0))
    assert brief.observe(REFUSED).ending.detail == "worked for more than 0.1 s of processor time"


@pytest.mark.parametrize(
    ("code", "error"), [(0, ""), (None, ""), (2, "SystemExit: 2"), ("no answer", "SystemExit: no answer")]
)
def test_a_client_may_end_as_a_program_does(code: Any, error: str) -> None:
    def program(link: RigLink, session: SessionKeys | None) -> None:
        sys.exit(code if ask(link)[0] else 0)

    target = fuzz.target(program)
    assert target.observe(REFUSED).ending == Ending("done", error=error)
    assert target.run(REFUSED) == []


def greedy(link: RigLink, session: SessionKeys | None) -> None:
    """Makes room when it is refused, and gives it back."""
    if ask(link)[0]:
        bytearray(b"\1" * MUCH)


MUCH = 200 << 20


@pytest.mark.skipif(not Growth().end(), reason="only Linux can forget how much memory there was")
def test_memory_that_a_client_takes_for_a_while_is_seen_each_time() -> None:
    target = fuzz.target(greedy)
    for _ in range(2):
        (found,) = target.run(REFUSED)
        assert found.verdict is Verdict.MEMORY
        assert re.match(
            r"\d{3} MiB of memory, 0 MiB in clean runs; mutated was device\.get_serial_number: ", found.detail
        )
        assert target.run(CLEAN) == []


def test_memory_that_was_there_is_not_the_clients() -> None:
    target = fuzz.target(trusting)
    assert target.run(CLEAN) == []
    kept = bytearray(b"\1" * MUCH)
    assert Verdict.MEMORY not in verdicts(target.run(REFUSED))
    assert kept


def test_memory_is_not_judged_where_it_cannot_be_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(watching, "_FORGET_PEAK", tmp_path / "nothing")
    target = fuzz.target(greedy)
    assert target.observe(REFUSED).memory == 0
    assert target.run(REFUSED) == []


def test_in_another_thread_nobody_looks_after_the_processor() -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.extend(fuzz.target(trusting).run(case("code.known", UNAUTHORIZED))))
    thread.start()
    thread.join()
    assert found


def test_a_mistake_of_the_tap_is_not_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    target = fuzz.target(trusting)
    monkeypatch.setattr(target._rig.device, "_note", None)
    with pytest.raises(TypeError, match="not callable"):
        target.observe(CLEAN)


# --- many cases ---------------------------------------------------------------------------------------------------


def test_the_reference_client_stands_many_cases(reference: fuzz.Target) -> None:
    assert [(each.detail, each.command) for each in reference.fuzz(cases=500)] == []


def test_findings_can_be_had_again_by_their_id() -> None:
    target = fuzz.target(assuming)
    found = target.fuzz(cases=500)
    assert {Verdict.UNHANDLED, Verdict.WRONG_DATA} <= verdicts(found)
    assert len({each.key for each in found}) == len(found)
    again = fuzz.target(assuming)
    for each in found:
        assert each.key in {(judgement.verdict, judgement.signature) for judgement in again.run(each.case)}


def test_check_says_what_is_wrong_and_how_to_see_it_again() -> None:
    target = fuzz.target(assuming)
    wrong = case("code.known")
    with pytest.raises(AssertionError) as caught:
        target.check(wrong)
    message = str(caught.value)
    assert message.startswith("unhandled error: ")
    assert f"target.check({wrong.id!r})" in message
    assert "after: answer 1 to device.get_serial_number: code " in message
    assert "IndexError: string index out of range" in message
    target.check("clean")


def test_fuzz_ends_after_so_many_seconds() -> None:
    assert fuzz.target(careful).fuzz(seconds=0.0) == []


def _one_fault(number: int) -> bytes:
    return bytes((0, number, 0, 1))


def test_any_bytes_are_a_case(reference: fuzz.Target) -> None:
    target = fuzz.target(trusting)
    assert reference.case_of(b"") == CLEAN
    assert reference.case_of(b"\0" * 40) == reference.case_of(b"\0" * 4)
    cases = {reference.case_of(bytes((first, second, 0, 0))).id for first in range(2) for second in range(50)}
    assert len(cases) > 50
    reference.harness(b"\1\0\7\7")
    wrong = next(data for data in map(_one_fault, range(256)) if target.run(target.case_of(data)))
    with pytest.raises(AssertionError, match="wrong data accepted"):
        target.harness(wrong)


# --- asked wrongly ------------------------------------------------------------------------------------------------


def broken(link: RigLink, session: SessionKeys | None) -> None:
    raise ZeroDivisionError("as planned")


def silent(link: RigLink, session: SessionKeys | None) -> None:
    """Asks for nothing."""


def odd(link: RigLink, session: SessionKeys | None) -> object:
    return 5


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fuzz.target(careful, login="admin"), UsageError, "without a colon; expected USER:PASSWORD"),
        (lambda: fuzz.target(careful, login="admin:wrong"), LoginError, "wrong user name or password"),
        (lambda: fuzz.target(broken).run(REFUSED), UsageError, r"nothing goes wrong:\n(.*\n)*ZeroDivisionError: as"),
        (lambda: fuzz.target(silent).fuzz(cases=1), UsageError, "asks the Tap for nothing"),
        (lambda: fuzz.target(odd).run(REFUSED), UsageError, "the client returned 5; expected readings"),
        (lambda: fuzz.target(careful).fuzz(), UsageError, "expected cases=, seconds=, or both"),
        (lambda: fuzz.target(careful).check("nonsense"), UsageError, "is no case"),
        (lambda: fuzz.target(careful).check("endurance-70000"), UsageError, "for a client that keeps its session"),
        (lambda: fuzz.target(careful).shrink("clean"), UsageError, "nothing speaks against the client"),
        (lambda: fuzz.target(careful).to_scenario("clean"), UsageError, "no fault of it comes true"),
        (lambda: getattr(fuzz, "nothing"), AttributeError, "has no attribute 'nothing'"),  # noqa: B009
    ],
)
def test_asked_wrongly(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_integrity_errors_are_errors_of_the_protocol() -> None:
    def failing(link: RigLink, session: SessionKeys | None) -> None:
        raise IntegrityError("not sound")

    assert fuzz.target(failing).observe(CLEAN).ending.error == "IntegrityError: not sound"


# --- handed over --------------------------------------------------------------------------------------------------


def test_shrunk_and_written_down(tmp_path: Path) -> None:
    target = fuzz.target(trusting)
    wrong = Case((*case("code.known", UNAUTHORIZED).faults, *case("delivery.split").faults))
    small = target.shrink(wrong)
    assert len(small.faults) == 1
    assert target.run(small)
    file = tmp_path / "finding.yaml"
    file.write_text(target.to_scenario(small), encoding="utf-8")
    told = fuzz.target(trusting, scenario=file).observe(CLEAN).readings
    assert told == target.observe(small).readings != target.observe(CLEAN).readings


def test_shrinking_inside_of_an_event_loop() -> None:
    async def inside() -> Case:
        return fuzz.target(trusting).shrink(case("code.known", UNAUTHORIZED))

    assert asyncio.run(inside()).faults

"""The saboteur does what a case says, where it says so, and nothing else."""

import pytest

from emulator.connection import Connection
from emulator.effects import Send
from emulator.journal import Record
from protocol import apdu
from protocol.bodies.multi_request import MultiRequestItem
from protocol.client.calls import find_call
from protocol.codes import HostProtocol, ResultCode
from protocol.frames import Response
from scenarios.fuzz.case import ANY_CALL, EVERY, Case, Fault
from scenarios.fuzz.grammar import BY_NAME
from scenarios.fuzz.judging.story import Story
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature, with_response
from scenarios.fuzz.rig import Rig
from scenarios.loading import loads

SERIAL, VERSION = "device.get_serial_number", "device.get_firmware_version"
LAMP = 4
"""A variable of the demo Tap that everybody may write."""
BUSY = Response(ResultCode.BUSY)

refuse = Mutator(0, "test.refuse", "code", lambda answer: [with_response(answer, BUSY, "BUSY instead")])
forget = Mutator(
    0,
    "test.forget",
    "state",
    lambda _: [Mutation("nothing done", Nature.SOUND, ({"answer": {"code": 0}},))],
    early=True,
)


def ask(rig: Rig, connection: Connection, call: str, value: object = None, instance: int | None = None) -> Response:
    (effect,) = rig.device.receive(connection, apdu.build_request(bytes(find_call(call).ask(value, instance))))
    assert isinstance(effect, Send)
    return Response.from_bytes(apdu.split_answer(effect.data))


def connected(rig: Rig) -> Connection:
    return rig.device.connect("mem://tap", HostProtocol.WIFI)


@pytest.mark.parametrize(
    ("call", "nth", "wrong"),
    [
        (SERIAL, 1, {0}),
        (SERIAL, 2, {2}),
        (SERIAL, EVERY, {0, 2, 3}),
        (ANY_CALL, 2, {1}),
        (ANY_CALL, EVERY, {0, 1, 2, 3}),
        (SERIAL, 9, set()),
        ("device.reboot", EVERY, set()),
    ],
)
def test_which_answers_are_wrong(call: str, nth: int, wrong: set[int]) -> None:
    rig = Rig()
    rig.begin(Case((Fault(call, nth, refuse, 0),)))
    connection = connected(rig)
    answers = [ask(rig, connection, name) for name in (SERIAL, VERSION, SERIAL, SERIAL)]
    assert {place for place, answer in enumerate(answers) if answer == BUSY} == wrong
    trace = rig.end()
    assert len(trace.applied) == len(wrong)
    assert [answer.response.success for answer in trace.answers] == [True] * 4, "what the Tap would have said"


def test_each_case_starts_anew() -> None:
    rig = Rig()
    case = Case((Fault(SERIAL, 1, refuse, 0),))
    for _ in range(2):
        rig.begin(case)
        connection = connected(rig)
        assert [ask(rig, connection, SERIAL) == BUSY for _ in range(2)] == [True, False]
        assert len(rig.end().applied) == 1
    connection = connected(rig)
    assert ask(rig, connection, SERIAL).success, "nothing is mutated between cases"


def test_a_variant_that_there_is_not_changes_nothing() -> None:
    rig = Rig()
    rig.begin(Case((Fault(SERIAL, 1, refuse, 1),)))
    assert ask(rig, connected(rig), SERIAL).success
    assert rig.end().applied == []


def test_two_faults_in_one_case() -> None:
    rig = Rig()
    rig.begin(Case((Fault(SERIAL, 1, refuse, 0), Fault(VERSION, 1, refuse, 0))))
    connection = connected(rig)
    assert [ask(rig, connection, name) for name in (SERIAL, VERSION)] == [BUSY, BUSY]


@pytest.mark.parametrize(("mutator", "executed"), [(forget, False), (refuse, True)])
def test_an_early_fault_keeps_the_request_from_being_executed(mutator: Mutator, executed: bool) -> None:
    rig = Rig()
    rig.begin(Case((Fault("variable.put_value", 1, mutator, 0),)))
    connection = connected(rig)
    before = ask(rig, connection, "variable.get_value", instance=LAMP).body
    ask(rig, connection, "variable.put_value", b"\1", LAMP)
    assert before == b"\0"
    assert ask(rig, connection, "variable.get_value", instance=LAMP).body == (b"\1" if executed else b"\0")


def test_the_journal_says_which_fault_it_was() -> None:
    rig = Rig()
    case = Case((Fault(SERIAL, 1, refuse, 0),))
    rig.begin(case)
    ask(rig, connected(rig), SERIAL)
    (record,) = [entry for entry in rig.end().entries if isinstance(entry, Record)]
    assert record.response == BUSY
    assert record.rules == (f"{case.id}: BUSY instead",)


def test_the_script_of_the_scenario_acts_first() -> None:
    seen: list[Answer] = []

    def look(answer: Answer) -> list[Mutation]:
        seen.append(answer)
        return []

    script = (
        "script: {rules: [{when: {request: device.get_serial_number}, then: {answer: {code: 0, body: 'hex:4142'}}}]}"
    )
    rig = Rig(loads(f"scenario: 1\n{script}\n"))
    rig.begin(Case((Fault(SERIAL, 1, Mutator(0, "test.look", "field", look), 0),)))
    ask(rig, connected(rig), SERIAL)
    assert seen[0].response == Response(0, b"AB")


def test_requests_inside_another_are_counted_each() -> None:
    rig = Rig()
    multi = "interface.execute_multi_request_frame"
    rig.begin(Case((Fault(SERIAL, 2, refuse, 0), Fault(multi, 2, refuse, 0))))
    connection = connected(rig)
    items = [MultiRequestItem(find_call(SERIAL).ask(), 0xFF)] * 3
    inner = find_call(multi).read(ask(rig, connection, multi, items))
    assert [answer == BUSY for answer in inner] == [False, True, False]
    assert ask(rig, connection, multi, items) == BUSY


@pytest.mark.parametrize("mutator", ["apdu.cut", "delivery.dropped", "frame.crc", "bytes.flip-apdu"])
def test_what_is_inside_another_has_no_envelope_to_forge(mutator: str) -> None:
    rig = Rig()
    multi = "interface.execute_multi_request_frame"
    rig.begin(Case((Fault(SERIAL, EVERY, BY_NAME[mutator], 0),)))
    items = [MultiRequestItem(find_call(SERIAL).ask(), 0xFF)]
    (inner,) = find_call(multi).read(ask(rig, connected(rig), multi, items))
    assert inner.body.startswith(b"IoTize")
    assert rig.end().applied == []


@pytest.mark.parametrize("wrong", [(1, 3), (2, 3), (1, 2, 3)])
def test_faults_at_equal_requests_are_told_apart(wrong: tuple[int, ...]) -> None:
    rig = Rig()
    rig.begin(Case(tuple(Fault(SERIAL, nth, refuse, 0) for nth in wrong)))
    connection = connected(rig)
    for _ in range(3):
        ask(rig, connection, SERIAL)
    trace = rig.end()
    story = Story(trace.entries, trace.applied)
    assert [(change.place + 1, change.applied.nth) for change in story.changes] == [(nth, nth) for nth in wrong]

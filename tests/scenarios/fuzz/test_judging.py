"""What speaks against a client, and what does not; equal mistakes have equal signatures."""

from typing import Any

import pytest

from protocol.bodies.multi_request import MULTI_REQUEST, MULTI_RESPONSE, MultiRequestItem
from protocol.frames import Response
from protocol.tlv import BUNDLE_VALUES, BundleValues
from scenarios.fuzz.judging.judge import Baseline, judge
from scenarios.fuzz.mutation import Answer, Nature
from scenarios.fuzz.observation import Ending, Verdict
from scenarios.fuzz.saboteur import Applied
from tests.scenarios.fuzz.told import answer, applied, record, request_of, seen

SERIAL, VALUE, BUNDLE, MULTI = (
    "device.get_serial_number",
    "variable.get_value",
    "bundle.get_values",
    "interface.execute_multi_request_frame",
)
TEMPERATURE, LIFETIME = "variable.get_value/5", "group.get_session_lifetime"
FLOAT = bytes.fromhex("41ac0000")
"""21.5"""
COLD = bytes.fromhex("41200000")
"""10.0"""
NOTHING = Baseline()
FAULT = applied(SERIAL, Nature.MALFORMED, name="field.boundary", words="one byte too few")
TRACE = 'Traceback (most recent call last):\n  File "/a/b.py", line 7, in decode\n    x\nValueError: bad {}\n'
MIB = 1 << 20


def said(body: bytes) -> dict[str, Any]:
    return {"answer": {"code": 0, "body": "hex:" + body.hex()}}


@pytest.mark.parametrize(
    ("ending", "output", "codes", "verdict", "signature"),
    [
        (Ending("exited", 0), "", None, None, ""),
        (Ending("exited", 1), "refused", None, None, ""),
        (Ending("exited", 2), "", {2}, None, ""),
        (Ending("done"), "", None, None, ""),
        (Ending("done", error="handled"), "", None, None, ""),
        (Ending("exited", 1), "", {2}, Verdict.CRASH, f"exit code 1 {SERIAL} field"),
        (Ending("exited", -11), "", None, Verdict.CRASH, f"SIGSEGV {SERIAL} field"),
        (Ending("exited", 139), "", None, Verdict.CRASH, f"SIGSEGV {SERIAL} field"),
        (Ending("exited", 255), "", None, Verdict.CRASH, f"exit code 255 {SERIAL} field"),
        (Ending("exited", -99), "", None, Verdict.CRASH, f"signal 99 {SERIAL} field"),
        (Ending("exited", -6), TRACE, None, Verdict.CRASH, "ValueError in b.py:decode"),
        (Ending("exited", 1), TRACE, None, Verdict.UNHANDLED, "ValueError in b.py:decode"),
        (Ending("exited", 1), TRACE, {2}, Verdict.UNHANDLED, "ValueError in b.py:decode"),
        (Ending("exited", 0), TRACE, None, Verdict.UNHANDLED, "ValueError in b.py:decode"),
        (Ending("done", error="index 7 of 3", unhandled=True), "", None, Verdict.UNHANDLED, "index N of N"),
        (Ending("done", unhandled=True), "", None, Verdict.UNHANDLED, f"{SERIAL} field"),
        (Ending("stalled", -9, detail="no progress for 5.0 s"), "", None, Verdict.HANG, f"{SERIAL} field"),
        (Ending("stalled", -9), TRACE, None, Verdict.HANG, f"{SERIAL} field"),
        (Ending("flooded", -9), "", None, Verdict.FLOOD, f"{SERIAL} field"),
        (Ending("swollen", -9), "", None, Verdict.MEMORY, f"{SERIAL} field"),
    ],
)
def test_how_it_ended(
    ending: Ending, output: str, codes: set[int] | None, verdict: Verdict | None, signature: str
) -> None:
    clean = Baseline.of([seen()], codes)
    found = judge(seen(ending=ending, output=output.format(4), faults=[FAULT]), clean)
    assert [(each.verdict, each.signature) for each in found] == ([] if verdict is None else [(verdict, signature)])
    for each in found:
        assert "one byte too few" in each.detail
        assert "\n" not in each.detail


def test_memory_is_held_against_the_clean_runs() -> None:
    clean = Baseline.of([seen(memory=100 * MIB), seen(memory=90 * MIB)])
    assert not judge(seen(memory=220 * MIB), clean)
    (found,) = judge(seen(memory=300 * MIB, faults=[FAULT]), clean)
    assert found.verdict is Verdict.MEMORY
    assert "300 MiB of memory, 100 MiB in clean runs" in found.detail
    assert not judge(seen(memory=300 * MIB), NOTHING), "nobody knows how much it needs"


BUNDLE_BODY = BUNDLE_VALUES.encode(BundleValues(6, ((4, b"\7"), (5, FLOAT))))
OTHER_BUNDLE = BUNDLE_VALUES.encode(BundleValues(6, ((5, COLD), (4, b"\7"))))
REQUESTS = MULTI_REQUEST.encode(
    [MultiRequestItem(request_of(VALUE, instance=4)), MultiRequestItem(request_of(VALUE, instance=5))]
)
RESPONSES = MULTI_RESPONSE.encode([Response(0, b"\7"), Response(0, COLD)])
TRUE_ANSWERS = [answer(SERIAL, b"IoTize1"), answer(VALUE, FLOAT, instance=5)]
TRUE_BUNDLE = [answer(BUNDLE, BUNDLE_BODY, instance=6)]
SOUND, MALFORMED, FORGED, DELIVERY = Nature.SOUND, Nature.MALFORMED, Nature.FORGED, Nature.DELIVERY


@pytest.mark.parametrize(
    ("name", "value", "answers", "faults", "wrong"),
    [
        (TEMPERATURE, 21.5, TRUE_ANSWERS, [], False),
        (VALUE, 21.5, TRUE_ANSWERS, [], False),
        (TEMPERATURE, 200, TRUE_ANSWERS, [], True),
        (TEMPERATURE, None, TRUE_ANSWERS, [], False),
        ("variable.get_gpio_mode/5", 21.5, TRUE_ANSWERS, [], False),
        (TEMPERATURE, 200, TRUE_ANSWERS, [applied(VALUE, MALFORMED, said(b"\xc8"), instance=5)], True),
        (TEMPERATURE, 200, TRUE_ANSWERS, [applied(VALUE, FORGED, said(b"\xc8"), instance=5)], True),
        (TEMPERATURE, 200, TRUE_ANSWERS, [applied(VALUE, DELIVERY, {"cut": 1}, instance=5)], True),
        (TEMPERATURE, 10, TRUE_ANSWERS, [applied(VALUE, SOUND, said(COLD), instance=5)], False),
        (TEMPERATURE, 21.5, TRUE_ANSWERS, [applied(VALUE, SOUND, said(COLD), instance=5)], False),
        (TEMPERATURE, 11, TRUE_ANSWERS, [applied(VALUE, SOUND, said(COLD), instance=5)], True),
        (TEMPERATURE, 10, TRUE_ANSWERS, [applied(VALUE, SOUND, said(COLD), instance=4)], True),
        (TEMPERATURE, 10, TRUE_ANSWERS, [applied(SERIAL, SOUND, said(b"x"))], True),
        (TEMPERATURE, 11, TRUE_ANSWERS, [applied(VALUE, SOUND, {"corrupt": {}}, instance=5)], False),
        (TEMPERATURE, 33.0, TRUE_ANSWERS, [], False),
        (SERIAL, "IoTize2", TRUE_ANSWERS, [], True),
        (SERIAL, "IoTize2", [answer(SERIAL, b"", code=0x81)], [], False),
        # answers that bring those of others
        (TEMPERATURE, 21.5, TRUE_BUNDLE, [], False),
        (TEMPERATURE, 7, TRUE_BUNDLE, [], True),
        ("variable.get_value/4", 7, TRUE_BUNDLE, [], False),
        (TEMPERATURE, 10, TRUE_BUNDLE, [applied(BUNDLE, SOUND, said(OTHER_BUNDLE), instance=6)], False),
        (TEMPERATURE, 7, TRUE_BUNDLE, [applied(BUNDLE, SOUND, said(OTHER_BUNDLE), instance=6)], True),
        (TEMPERATURE, 10, TRUE_BUNDLE, [applied(BUNDLE, MALFORMED, said(OTHER_BUNDLE), instance=6)], True),
        (TEMPERATURE, 10, TRUE_ANSWERS, [applied(MULTI, SOUND, said(RESPONSES), body=REQUESTS)], False),
        (TEMPERATURE, 7, TRUE_ANSWERS, [applied(MULTI, SOUND, said(RESPONSES), body=REQUESTS)], True),
        # what is no name of a call, or a call that nobody answered
        ("room", 19, TRUE_ANSWERS, [], False),
        ("room", 20, TRUE_ANSWERS, [], True),
        ("room", 20, TRUE_ANSWERS, [applied(VALUE, SOUND, said(COLD), instance=5)], False),
        ("room", 20, TRUE_ANSWERS, [applied(VALUE, FORGED, said(COLD), instance=5)], True),
        ("new", 20, TRUE_ANSWERS, [], False),
        ("clock", 3, TRUE_ANSWERS, [], False),
        ("variable.get_value/9", 3, TRUE_ANSWERS, [], False),
        ("variable.get_value/x", 3, TRUE_ANSWERS, [], False),
        ("variable.get_value/5", [[1], {}], TRUE_ANSWERS, [], True),
        (LIFETIME, 5, [answer(LIFETIME, b"\0\5", instance=3)], [], False),
        (LIFETIME, 0.1, [answer(LIFETIME, b"\0\5", instance=3)], [], False),
        (LIFETIME, 0.2, [answer(LIFETIME, b"\0\5", instance=3)], [], True),
        (LIFETIME, 0.2, [answer(LIFETIME, b"\0\5", instance=3)], [applied(SERIAL, SOUND, said(b"x"))], False),
    ],
)
def test_what_it_has_read(name: str, value: Any, answers: list[Answer], faults: list[Applied], wrong: bool) -> None:
    lifetime = {LIFETIME: 0.1, "room": 19, "clock": 1}  # in minutes: not what the answer says
    clean = Baseline.of(
        [
            seen(answers=[answer(LIFETIME, b"\0\6", instance=3)], readings=lifetime),
            seen(answers=TRUE_ANSWERS, readings={"room": 19, "clock": 2, TEMPERATURE: 21.5}),
            seen(answers=[answer(VALUE, b"\x42\4\0\0", instance=5)], readings={TEMPERATURE: 33.0}),
        ]
    )
    found = judge(seen(answers=answers, faults=faults, readings={name: value}), clean)
    assert [each.verdict for each in found] == ([Verdict.WRONG_DATA] if wrong else [])


def test_wrong_data_in_words() -> None:
    faults = [
        applied(SERIAL, SOUND, said(b"x"), words="x"),
        applied(VALUE, FORGED, said(b"\xc8"), instance=5, words="the CRC of this answer was wrong", name="frame.crc"),
    ]
    readings = {SERIAL: "IoTize1", TEMPERATURE: 200, "variable.get_value": "\x1b[2J"}
    (found,) = judge(seen(answers=TRUE_ANSWERS, faults=faults, readings=readings), NOTHING)
    assert found.detail == (
        f"reported {TEMPERATURE} = 200, allowed were hex:41ac0000 (the Tap said so); tampered data was accepted; "
        f"and 1 more values; mutated was {SERIAL}: x; {VALUE}: the CRC of this answer was wrong"
    )
    assert found.signature == "tampered frame.crc", "whoever ignores one CRC ignores all"


def test_details_are_safe_to_print() -> None:
    (found,) = judge(seen(ending=Ending("done", error="\x1b[2J\u202e!", unhandled=True)), NOTHING)
    assert found.detail == "\\x1b[2J\\u202e!"
    assert "\x1b" not in found.signature


def test_what_clean_runs_show_too_is_told_once() -> None:
    zeros = record("scram.set_initialization_vector", bytes(16), encrypted=True)
    clean = Baseline.of([seen(zeros, output=TRACE.format(1)), seen()])
    assert [(each.verdict, each.signature) for each in clean.known] == [
        (Verdict.UNHANDLED, "ValueError in b.py:decode"),
        (Verdict.VIOLATION, "zero-vector"),
    ]
    assert not judge(seen(zeros, output=TRACE.format(2), faults=[FAULT]), clean)
    again = judge(seen(zeros, record(None, reason="nonsense"), output=TRACE.replace("decode", "other")), clean)
    assert [(each.verdict, each.signature) for each in again] == [
        (Verdict.UNHANDLED, "ValueError in b.py:other"),
        (Verdict.VIOLATION, "no-request: nonsense"),
    ]


def test_nothing_seen_is_nothing_wrong() -> None:
    assert Baseline.of([]) == Baseline()
    assert judge(seen(), Baseline()) == []
    assert judge(seen(readings={"": "", "/": 1, "\0" * 9: []}), Baseline()) == []


def test_whatever_a_client_reports_is_judged() -> None:
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    for value in (deep, {"a": deep}, float("nan"), float("inf"), 10**4000, "9" * 100_000, {"": None}, "\ud800"):
        (found,) = judge(seen(answers=TRUE_ANSWERS, readings={SERIAL: value, TEMPERATURE: value}), NOTHING)
        assert found.verdict is Verdict.WRONG_DATA
        assert len(found.detail) < 600

"""What fails gets smaller as long as it fails, and says exactly what is left."""

import asyncio
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from protocol.codes import Method
from protocol.frames import Request, Response
from protocol.resources.registry import parse_path
from scenarios.fuzz.case import ANY_CALL, EVERY, Case, Fault
from scenarios.fuzz.handover.shrinking import NAME, answered, shrink
from scenarios.fuzz.handover.simplifying import simpler_actions
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature
from scenarios.fuzz.saboteur import Applied
from scenarios.model.actions import Action

CALL = "device.get_serial_number"
BODY = b"IoTize0041"
REQUEST = Request(Method.GET, parse_path("/3//2"))
ANSWER = Answer(CALL, REQUEST, Response(0, BODY), encrypted=False)
SEALED = ANSWER._replace(encrypted=True)
PROOF = Answer(
    "scram.login_proof", Request(Method.GET, parse_path("/1024//41"), bytes(16)), Response(0, bytes(range(16))), False
)


def applied(
    *then: dict[str, Any], nth: int = 1, at: int | None = None, nature: Nature = Nature.SOUND, answer: Answer = ANSWER
) -> Applied:
    mutation = Mutation("as it was", nature, then)
    mutator = Mutator(0, "test", "field", lambda _: [mutation])
    return Applied(Fault(CALL, nth, mutator, 0), at or nth, answer, mutation, at or nth)


def answer(body: bytes, code: int = 0) -> dict[str, Any]:
    return {"answer": {"code": code, "body": "hex:" + body.hex()}}


def mutations(case: Case, seen: Answer = ANSWER) -> list[Mutation]:
    return [mutation for fault in case.faults for mutation in fault.mutator.mutations(seen)]


def run(given: Iterable[Applied], fails: Callable[[Case], bool], most: int = 200) -> tuple[Case, list[Case]]:
    """The shrunk case, and all that were tried."""
    tried: list[Case] = []

    async def asked(case: Case) -> bool:
        tried.append(case)
        return fails(case)

    return asyncio.run(shrink(list(given), asked, most=most)), tried


def bodies(case: Case) -> list[bytes]:
    return [given.body for each in mutations(case) if (given := answered(each.then)) is not None]


def has(*names: str) -> Callable[[Case], bool]:
    """It fails as long as these actions are there."""
    return lambda case: set(names) <= {name for each in mutations(case) for action in each.then for name in action}


def body(test: Callable[[bytes], bool]) -> Callable[[Case], bool]:
    """It fails as long as a body is so."""
    return lambda case: any(test(each) for each in bodies(case))


LONGER = BODY[:4] + b"\xaa\xbb\xcc\xdd\xee" + BODY[4:]

SHRUNK: list[tuple[str, Applied, Callable[[Case], bool], list[dict[str, Any]], str]] = [
    (
        "one byte of many",
        applied(answer(b"\xff" * 10)),
        body(lambda it: len(it) == 10 and it[3] >= 0x80),
        [answer(b"IoT\xe9ze0041")],
        "byte 3 of the body is 0xE9 instead of 0x69",
    ),
    (
        "zero",
        applied(answer(b"IoTize00\xab\xcd")),
        body(lambda it: it[-1:] != b"1"),
        [answer(b"IoTize004\0")],
        "byte 9 of the body is 0x00 instead of 0x31",
    ),
    (
        "nearest to the truth",
        applied(answer(b"IoTize004\xff")),
        body(lambda it: it[-1] > 0x31),
        [answer(b"IoTize0042")],
        "byte 9 of the body is 0x32 instead of 0x31",
    ),
    (
        "one byte too long",
        applied(answer(LONGER)),
        body(lambda it: len(it) > len(BODY)),
        [answer(BODY[:4] + b"\0" + BODY[4:])],
        "1 byte too many in the body before byte 4 (00), so that it has 11 instead of 10 bytes",
    ),
    (
        "one byte too short",
        applied(answer(b"")),
        body(lambda it: len(it) < len(BODY)),
        [answer(BODY[:9])],
        "1 byte is missing from the body at byte 9 (31), so that it has 9 instead of 10 bytes",
    ),
    (
        "length restored",
        applied(answer(b"\xff\xfe" + BODY + b"\xff")),
        body(lambda it: it[:1] != b"I"),
        [answer(b"\0oTize0041")],
        "byte 0 of the body is 0x00 instead of 0x49",
    ),
    (
        "only the code",
        applied(answer(b"", 0x81)),
        lambda case: any((answered(each.then) or ANSWER.response).code == 0x81 for each in mutations(case)),
        [answer(BODY, 0x81)],
        "code is UNAUTHORIZED (0x81) instead of OK (0x00)",
    ),
    (
        "fewer actions",
        applied(answer(b"x"), {"delay": "2s"}, {"close": True}, {"duplicate": 3}, nature=Nature.MALFORMED),
        has("close"),
        [{"close": True}],
        "closes the connection after the answer",
    ),
    (
        "sooner",
        applied({"delay": "2s"}, nature=Nature.DELIVERY),
        lambda case: any(each.then[0]["delay"] not in ("1ms", "10ms", "50ms", "100ms") for each in mutations(case)),
        [{"delay": "200ms"}],
        "sends the answer 200ms later",
    ),
    (
        "less garbage",
        applied({"corrupt": {"append": "hex:" + "ab" * 40}}, nature=Nature.FORGED),
        has("corrupt"),
        [{"corrupt": {"append": "hex:00"}}],
        "damages the apdu of the answer (append hex:00)",
    ),
    (
        "one wrong byte",
        applied(answer(b"IoXYze0041"), {"wrong": "crc"}, nature=Nature.FORGED, answer=SEALED),
        lambda case: all(each.nature is Nature.FORGED for each in mutations(case, SEALED)),
        [{"corrupt": {"level": "frame", "byte": 5, "xor": 1}}],
        "damages the frame of the answer (xor 1 at byte 5)",
    ),
    (
        "poison stays",
        applied(answer(b"IoXYze0041"), {"delay": "1s"}, {"wrong": "crc"}, nature=Nature.FORGED, answer=SEALED),
        lambda case: has("wrong")(case) and body(lambda it: it != BODY)(case),
        [answer(b"IoT\0ze0041"), {"wrong": "crc"}],
        "byte 3 of the body is 0x00 instead of 0x69; sends a wrong crc",
    ),
]


@pytest.mark.parametrize(("given", "fails", "then", "words"), [case[1:] for case in SHRUNK], ids=[c[0] for c in SHRUNK])
def test_what_is_left(given: Applied, fails: Callable[[Case], bool], then: list[Any], words: str) -> None:
    case, tried = run([given], fails)
    (mutation,) = mutations(case)
    assert list(mutation.then) == then
    assert mutation.words == words
    assert case.faults[0].mutator.name == NAME
    assert len(tried) <= 200


def test_only_faults_that_matter_together() -> None:
    names = ("delay", "duplicate", "close", "merge", "cut")
    values: dict[str, Any] = {"delay": "1ms", "duplicate": 2, "close": True, "merge": True, "cut": 5}
    given = [applied({name: values[name]}, nth=nth, nature=Nature.DELIVERY) for nth, name in enumerate(names, start=1)]
    case, _ = run(given, has("duplicate", "cut"))
    assert [each.then for each in mutations(case)] == [({"duplicate": 2},), ({"cut": 5},)]


@pytest.mark.parametrize(("nth", "least", "left"), [(9, 1, 1), (9, 4, 4), (9, 8, 8), (7, 7, 7)])
def test_earlier_answer(nth: int, least: int, left: int) -> None:
    case, _ = run([applied({"merge": True}, nth=nth)], lambda case: all(each.nth >= least for each in case.faults))
    assert [fault.nth for fault in case.faults] == [left]


def test_any_call_becomes_the_one_that_it_was() -> None:
    given = applied({"merge": True}, nth=7)
    given = given._replace(fault=given.fault._replace(call=ANY_CALL))

    def fails(case: Case) -> bool:
        return [(fault.call, fault.nth) for fault in case.faults] in ([(ANY_CALL, 7)], [(CALL, 2)])

    case, _ = run([given], fails)
    assert [(fault.call, fault.nth) for fault in case.faults] == [(CALL, 2)]


def test_every_answer_becomes_one() -> None:
    given = [applied(answer(bytes((at,))), nth=EVERY, at=at) for at in (1, 2, 3)]
    case, _ = run(given, lambda case: b"\x02" in [each[-1:] for each in bodies(case)])
    assert len(case.faults) == 1


def test_every_answer_stays_where_each_is_needed() -> None:
    mutator = applied({"merge": True}, nth=EVERY, at=1)
    given = [mutator._replace(nth=at) for at in (1, 2, 3)]
    case, _ = run(given, lambda case: all(fault.nth == EVERY for fault in case.faults))
    assert [fault.nth for fault in case.faults] == [EVERY]


def test_what_fails_no_more_is_given_back() -> None:
    given = [applied({"merge": True}), applied({"delay": "1s"}, nth=2)]
    case, _ = run(given, lambda _: False)
    assert case == Case((given[0].fault, given[1].fault))


def test_runs_are_limited() -> None:
    case, tried = run([applied(answer(b"\xff" * 10))], body(lambda it: it[-1:] == b"\xff"), most=4)
    assert len(tried) == 4
    assert bodies(case)[0][-1] == 0xFF


def test_result_was_seen_to_fail() -> None:
    given = [applied(answer(b"\xff" * 10), {"delay": "1s"}), applied(answer(b"", 0x81), {"close": True}, nth=3)]
    for seed in range(30):
        failed: list[Case] = []

        def fails(case: Case, seed: int = seed, failed: list[Case] = failed) -> bool:
            told = "|".join(f"{fault.nth} {each.then}" for fault in case.faults for each in mutations(case))
            bad = not failed or zlib.crc32(f"{seed} {told}".encode()) % 3 > 0
            if bad:
                failed.append(case)
            return bad

        case, _ = run(given, fails)
        assert case == failed[-1]


SECRET = {"wrong": "crc"}
NATURES: list[tuple[Answer, tuple[dict[str, Any], ...], Nature, str, Nature]] = [
    (SEALED, (answer(b"IoTize0042"), SECRET), Nature.FORGED, "wrong", Nature.FORGED),
    (SEALED, (answer(b"IoTize0042"), SECRET), Nature.FORGED, "answer", Nature.SOUND),
    (ANSWER, (answer(b"IoTize0042"), {"cut": -1}), Nature.FORGED, "answer", Nature.SOUND),
    (ANSWER, (answer(b"IoTize0042"), {"cut": -1}), Nature.FORGED, "cut", Nature.FORGED),
    (ANSWER, (answer(b"", 0x81), {"delay": "1ms"}), Nature.REFUSAL, "answer", Nature.REFUSAL),
    (ANSWER, (answer(b"", 0x81), {"delay": "1ms"}), Nature.REFUSAL, "delay", Nature.DELIVERY),
    (PROOF, (answer(bytes(16)), {"merge": True}), Nature.FORGED, "answer", Nature.FORGED),
    (PROOF, (answer(bytes(3)), {"merge": True}), Nature.MALFORMED, "answer", Nature.MALFORMED),
    (SEALED, ({"send": "hex:819000"}, {"delay": "1ms"}), Nature.REFUSAL, "send", Nature.REFUSAL),
    (SEALED, ({"send": "hex:009000"}, {"delay": "1ms"}), Nature.FORGED, "send", Nature.FORGED),
    (ANSWER, ({"send": "hex:496f9000"}, {"delay": "1ms"}), Nature.FORGED, "send", Nature.SOUND),
    (SEALED, ({"replay": 1}, {"delay": "1ms"}), Nature.FORGED, "replay", Nature.FORGED),
]


@pytest.mark.parametrize(("seen", "then", "nature", "needed", "left"), NATURES)
def test_nature_is_that_of_what_is_left(
    seen: Answer, then: tuple[dict[str, Any], ...], nature: Nature, needed: str, left: Nature
) -> None:
    def fails(case: Case) -> bool:
        actions = [action for each in mutations(case, seen) for action in each.then]
        return all(value in actions for action in then if needed in action for value in (action,))

    case, _ = run([applied(*then, nature=nature, answer=seen)], fails)
    (mutation,) = mutations(case, seen)
    assert [name for action in mutation.then for name in action] == [needed]
    assert mutation.nature is left


SIMPLER: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({"duplicate": 20}, [{"duplicate": 2}, {"duplicate": 10}, {"duplicate": 19}]),
    ({"duplicate": 2}, []),
    ({"delay": "50ms"}, [{"delay": "1ms"}, {"delay": "10ms"}]),
    ({"delay": ["1s", "2s"]}, []),
    (
        {"split": {"sizes": [1, 1], "gap": "10ms"}},
        [
            {"split": {"sizes": [1], "gap": "10ms"}},
            {"split": {"sizes": [1, 1], "gap": "0ms"}},
            {"split": {"sizes": [1, 1], "gap": "1ms"}},
        ],
    ),
    ({"send": "hex:6F00"}, [{"send": "hex:6f"}, {"send": "hex:0000"}]),
    ({"corrupt": {"byte": 3, "xor": 255}}, [{"corrupt": {"byte": 3, "xor": 1}}]),
    ({"corrupt": {"byte": 3, "xor": 1}}, []),
    ({"corrupt": {"byte": 3}}, []),
    ({"corrupt": {"truncate": 4}}, [{"corrupt": {"truncate": n}} for n in (1, 2, 3)]),
    ({"corrupt": {"byte": 0, "replace": "hex:0102"}}, []),
    ({"wrong": "crc"}, []),
]


@pytest.mark.parametrize(("action", "simpler"), SIMPLER)
def test_simpler_actions(action: dict[str, Any], simpler: list[dict[str, Any]]) -> None:
    assert list(simpler_actions(action)) == simpler
    for each in simpler:
        Action.model_validate(each)

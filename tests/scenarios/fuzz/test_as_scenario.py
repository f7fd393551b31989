"""A case as a scenario file does the same to a client, byte for byte."""

from dataclasses import replace

import pytest

from emulator.blueprint import SERIAL_NUMBER
from protocol.resources.registry import ENTRIES
from scenarios.fuzz.case import ANY_CALL, EVERY, Case, Fault
from scenarios.fuzz.grammar import BY_NAME, MUTATORS
from scenarios.fuzz.handover.as_scenario import to_scenario
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature
from scenarios.fuzz.saboteur import Applied
from scenarios.loading import loads
from scenarios.model import Scenario
from scenarios.patterns import RequestPattern
from tests.scenarios.fuzz.talks import SEED, Stand, everything, recorded, run_scenario, talk_in_clear

SERIAL = "device.get_serial_number"
NAME = "interface.get_app_name"
PROOF = "scram.login_proof"


def as_text(applied: list[Applied], base: Scenario | None = None) -> str:
    return to_scenario(applied, base=base, seed=SEED, name="case", purpose="what is wrong")


def fault(call: str, nth: int, mutator: str, variant: int = 0) -> Fault:
    return Fault(call, nth, BY_NAME[mutator], variant)


def cases_of(mutator: Mutator, answers: list[Answer]) -> list[Case]:
    """One of its mutations for an answer in clear, and one for an encrypted one."""
    cases: dict[bool, Case] = {}
    counts: dict[str, int] = {}
    for answer in answers:
        if answer.call is not None:
            nth = counts[answer.call] = counts.get(answer.call, 0) + 1
            found = 0 if answer.encrypted in cases else len(mutator.mutations(answer))
            if found:
                variant = found - 1 if answer.encrypted else mutator.number * 7 % found
                cases[answer.encrypted] = Case((Fault(answer.call, nth, mutator, variant),))
    return list(cases.values())


@pytest.fixture(scope="module")
def stand() -> Stand:
    return Stand()


@pytest.fixture(scope="module")
def answers(stand: Stand) -> list[Answer]:
    return stand.answers(everything())


@pytest.mark.parametrize("mutator", MUTATORS.values(), ids=lambda mutator: mutator.name)
def test_scenario_sends_what_the_case_sent(stand: Stand, answers: list[Answer], mutator: Mutator) -> None:
    for case in cases_of(mutator, answers):
        sent, trace = stand.run(case, everything())
        assert trace.applied, case.faults
        text = as_text(trace.applied)
        assert run_scenario(text, everything()) == sent, text


refuse = Mutator(
    0, "test.refuse", "code", lambda answer: [Mutation("BUSY instead", Nature.SOUND, ({"answer": {"code": 0x46}},))]
)
append = Mutator(
    0, "test.append", "apdu", lambda _: [Mutation("01 more", Nature.FORGED, ({"corrupt": {"append": "hex:01"}},))]
)
longer = Mutator(
    0,
    "test.longer",
    "field",
    lambda answer: [
        Mutation("longer", Nature.SOUND, ({"answer": {"code": 0, "body": "hex:" + answer.response.body.hex() + "41"}},))
    ],
)
early = Mutator(
    0, "test.early", "code", lambda _: [Mutation("not done", Nature.SOUND, ({"answer": {"code": 0}},))], early=True
)

COUNTS: list[tuple[str, tuple[Fault, ...], int]] = [
    ("third answer", (Fault(SERIAL, 3, refuse, 0),), 1),
    ("every answer to a call", (Fault(SERIAL, EVERY, refuse, 0),), 1),
    ("every answer", (Fault(ANY_CALL, EVERY, refuse, 0),), 1),
    ("every answer, each otherwise", (Fault(SERIAL, EVERY, longer, 0),), 1),
    ("any call, in a multi-request", (Fault(ANY_CALL, 8, refuse, 0),), 1),
    ("any call, the multi-request", (Fault(ANY_CALL, 9, refuse, 0),), 1),
    ("any call, unknown", (Fault(ANY_CALL, 4, append, 0),), 1),
    ("early in a multi-request", (Fault(ANY_CALL, 8, early, 0),), 1),
    ("two on one answer", (Fault(SERIAL, 2, longer, 0), Fault(SERIAL, 2, longer, 0)), 1),
    ("two on one answer by two names", (Fault(ANY_CALL, 3, longer, 0), Fault(SERIAL, 2, longer, 0)), 1),
    ("early and late on one answer", (Fault(SERIAL, 2, early, 0), Fault(SERIAL, 2, longer, 0)), 2),
    ("two on two answers", (Fault(SERIAL, 2, longer, 0), Fault(NAME, 1, append, 0)), 2),
    ("every answer and one", (Fault(SERIAL, EVERY, append, 0), Fault(SERIAL, 2, longer, 0)), 3),
    ("counts after a lost request", (fault(SERIAL, 2, "delivery.request-lost"), Fault(SERIAL, 2, refuse, 0)), 2),
]


@pytest.mark.parametrize(("faults", "rules"), [case[1:] for case in COUNTS], ids=[case[0] for case in COUNTS])
def test_counts_mean_the_same(stand: Stand, faults: tuple[Fault, ...], rules: int) -> None:
    talk = recorded(talk_in_clear)
    sent, trace = stand.run(Case(faults), talk)
    assert sent != stand.run(Case(), talk)[0]
    text = as_text(trace.applied)
    assert run_scenario(text, talk) == sent, text
    assert len(loads(text).script.rules) == rules


BASE = """
scenario: 1
name: base
device:
  firmware: 1.113
  quirks: response_too_large
script:
  machines: {side: {states: [one, two]}}
  rules:
    - name: rename
      when: {request: interface.get_app_name, in: {side: one}}
      then: [{answer: {value: 0123}}, {enter: {side: two}}]
    - when: {request: device.get_serial_number, result: ok, nth: 2}
      then: {corrupt: {level: clear, byte: 1, set: 0x41}}
"""
CONFIGURED = BASE.replace("  quirks", "  config: {base: demo, settings: {interface: {app_name: Bath}}}\n  quirks")


@pytest.mark.parametrize("text", [BASE, CONFIGURED, BASE.replace("script:", "  seed: 9\nscript:", 1)])
def test_base_scenario_comes_first(text: str) -> None:
    base, talk = loads(text), recorded(talk_in_clear)
    faults = (Fault(SERIAL, 2, append, 0), Fault(NAME, 1, append, 0), Fault(SERIAL, 3, refuse, 0))
    sent, trace = Stand(base).run(Case(faults), talk)
    written = as_text(trace.applied, base)
    assert run_scenario(written, talk) == sent, written
    assert [rule.name for rule in loads(written).script.rules][:3] == ["rename", "rule 2", "01 more"]
    assert sent[1][1] == b"\x000123\x90\x00\x01"


def test_device_is_that_of_the_base() -> None:
    text = BASE.replace("device:", "device:\n  clock: 10x\n  links: [tcp://127.0.0.1:0, 'ws://127.0.0.1:0']")
    base, written = loads(text), loads(as_text([], loads(text)))
    assert written.device.links == base.device.links == ("tcp://127.0.0.1:0", "ws://127.0.0.1:0")
    assert written.device.clock == 10
    assert written.device.quirks == base.device.quirks


@pytest.mark.parametrize("text", ["scenario: 1", BASE, CONFIGURED])
def test_tap_is_the_same_but_for_its_seed(text: str) -> None:
    base = loads(text)
    true, written = base.blueprint(), loads(as_text([], base)).blueprint()
    serial = {SERIAL_NUMBER: "IoTize00410000009B"}
    assert written == replace(true, seed=SEED, settings={**true.settings, **serial})


def test_what_it_looks_like(stand: Stand) -> None:
    _, trace = stand.run(Case((fault(PROOF, 1, "login.proof"),)), everything())
    assert (
        as_text(trace.applied)
        == """\
scenario: 1
name: "case"
purpose: "what is wrong"
device:
  seed: 7
  firmware: 1.113.0
  config: {base: demo, settings: {device: {serial_number: "IoTize00410000009B"}}}
script:
  rules:
    - name: "the Tap's proof is zeros"
      when: {request: scram.login_proof, nth: 1, result: any}
      then:
        - {answer: {code: OK, body: "hex:00000000000000000000000000000000"}}
"""
    )


@pytest.mark.parametrize("words", ["${user} is \x1b[31m red", "ü ✓ \ud800 \U0001f600", "x" * 500, " ", "a: [b, {c"])
def test_words_of_any_kind_can_be_written(stand: Stand, words: str) -> None:
    mutator = Mutator(0, "test", "code", lambda _: [Mutation(words, Nature.SOUND, ({"merge": True},))])
    _, trace = stand.run(Case((Fault(SERIAL, EVERY, mutator, 0), Fault(SERIAL, 1, append, 0))), everything())
    text = to_scenario(trace.applied, base=None, seed=SEED, name=words, purpose=words)
    assert loads(text).script.rules


def test_no_fault_no_rule() -> None:
    assert loads(as_text([])).script.rules == ()


def test_every_call_can_be_named() -> None:
    for entry in ENTRIES:
        assert entry in RequestPattern([entry.id]).entries()

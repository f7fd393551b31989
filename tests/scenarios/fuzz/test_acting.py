"""What is read in a hurry does the same as what goes through the model."""

from collections.abc import Iterator
from itertools import islice

import pytest

from emulator.effects import Close, Send
from protocol import apdu
from protocol.client.calls import find_call
from protocol.codes import HostProtocol
from scenarios.fuzz import acting
from scenarios.fuzz.acting import acts_of
from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.grammar import MUTATORS
from scenarios.fuzz.mutation import Mutation, Mutator, Nature
from scenarios.fuzz.rig import Rig

SERIAL = "device.get_serial_number"
REQUEST = apdu.build_request(bytes(find_call(SERIAL).ask(None)))


def outcomes(mutators: list[Mutator]) -> Iterator[list[object]]:
    """What each of their mutations makes of an answer, on the wire and in the journal."""
    acts_of.cache_clear()
    rig = Rig()
    for mutator in mutators:
        for variant in range(0, 600, 7):
            rig.begin(Case((Fault(SERIAL, 1, mutator, variant),)))
            connection = rig.device.connect("mem://tap", HostProtocol.WIFI)
            effects = rig.device.receive(connection, REQUEST)
            if not rig.end().applied:
                break
            yield [each.data if isinstance(each, Send) else isinstance(each, Close) for each in effects]


@pytest.mark.parametrize("family", sorted({mutator.family for mutator in MUTATORS.values()}))
def test_both_ways_do_the_same(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutators = [mutator for mutator in MUTATORS.values() if mutator.family == family]
    quick = list(islice(outcomes(mutators), 200))
    monkeypatch.setattr(acting, "_QUICK", {})
    assert quick == list(islice(outcomes(mutators), 200))
    acts_of.cache_clear()


@pytest.mark.parametrize(
    "action",
    [
        {"answer": {"code": 0, "body": "hex:00"}},
        {"corrupt": {"level": "clear", "byte": 1, "xor": 3}},
        {"corrupt": {"level": "apdu", "byte": 0, "insert": "hex:0102"}},
    ],
)
def test_what_most_mutations_are_made_of_does_not_need_the_model(
    action: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "Action", None)
    assert len(acts_of(Mutation("", Nature.SOUND, (action,)))) == 1


@pytest.mark.parametrize(
    "action",
    [
        {"answer": {"code": "NO SUCH", "body": "hex:00"}},
        {"answer": {"code": 0, "body": "hex:0"}},
        {"corrupt": {"level": "nowhere", "byte": 1, "xor": 3}},
        {"corrupt": {"level": "apdu", "byte": 1, "bend": 3}},
        {"no such": 1},
    ],
)
def test_what_is_no_action_is_told(action: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"hex|code|one of|unknown|level|validation"):
        acts_of(Mutation("", Nature.SOUND, (action,)))

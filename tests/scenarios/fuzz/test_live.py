"""Fuzzing of a client that somebody else drives: when the next case comes, and what is told of each."""

from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from emulator.blueprint import demo
from emulator.clock import VirtualClock
from emulator.device import Device
from emulator.directors import Directors
from emulator.entropy import SeededEntropy
from emulator.journal import Event
from emulator.time_travel import steps
from protocol.errors import IntegrityError, UsageError
from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.grammar import MUTATORS
from scenarios.fuzz.live import NAME, Live, Played, Turn
from tests.hosts import Host

CODES = MUTATORS[40]
SERIAL = Case((Fault("device.get_serial_number", 2, CODES, 0),))


@dataclass
class Stage:
    """A Tap that fuzzes, and what it has told."""

    device: Device
    clock: VirtualClock
    live: Live
    armed: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    ended: list[Played] = field(default_factory=list)

    def host(self) -> Host:
        return Host(self.device)

    def wait(self, seconds: float) -> None:
        for _ in steps(self.device, self.clock, seconds):
            pass


def stage(turn: str = "connection", *, only: Case | None = None, restore: bool = False) -> Stage:
    clock = VirtualClock()
    device = Device(demo(), clock=clock, entropy=SeededEntropy(1))
    armed: list[str] = []
    words: list[str] = []
    ended: list[Played] = []
    live = Live(
        device,
        turn=Turn.parse(turn),
        only=only,
        restore=restore,
        armed=lambda played: armed.append(played.case.id),
        applied=lambda _, text: words.append(text),
        ended=ended.append,
    )
    device.director = Directors({NAME: live})
    return Stage(device, clock, live, armed, words, ended)


TURNS = ["connection", "request:20", "30s", "1.5s", "hand"]


@pytest.mark.parametrize("text", TURNS)
def test_turns_are_read_and_shown(text: str) -> None:
    assert str(Turn.parse(text)) == text


@pytest.mark.parametrize("text", ["", "connections", "request", "request:0", "request:x", "0s", "-1s", "soon", "١s"])
def test_what_is_no_turn_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="expected connection, request:20"):
        Turn.parse(text)


def test_the_first_connection_is_served_as_it_should_be_and_each_other_one_has_a_case() -> None:
    tap = stage()
    for _ in range(5):
        host = tap.host()
        with suppress(IntegrityError):  # whatever the plan begins with
            host.get("/3//2")
        tap.device.disconnect(host.connection)
    assert tap.armed[0] == "clean"
    assert "clean" not in tap.armed[1:]
    assert len(set(tap.armed)) == 5
    assert tap.words
    assert all(text.startswith("device.get_serial_number#1: ") for text in tap.words)


def test_a_connection_that_asks_nothing_does_not_use_up_a_case() -> None:
    tap = stage()
    tap.host().get("/3//2")
    for _ in range(3):
        tap.host()
    assert len(tap.armed) == 2


def test_after_so_many_requests() -> None:
    tap = stage("request:3")
    host = tap.host()
    for _ in range(7):
        host.exchange(bytes.fromhex("a2ca000007010003ffff0002"))
        if not host.connection.open:
            host = tap.host()
    assert len(tap.armed) == 3
    assert [played.requests for played in tap.ended] == [3, 3]


def test_after_some_time_and_not_while_nobody_asks() -> None:
    tap = stage("10s")
    tap.wait(100)
    assert tap.armed == []
    host = tap.host()
    host.get("/3//2")
    tap.wait(11)
    assert len(tap.armed) == 2
    tap.wait(1000)
    assert len(tap.armed) == 2


def test_by_hand_only() -> None:
    tap = stage("hand")
    for _ in range(5):
        assert tap.host().get("/3//2").success
    assert tap.armed == ["clean"]
    assert tap.live.known == 0
    assert tap.live.move_on().case.faults
    assert tap.live.known > 0
    assert tap.live.move_on(SERIAL).case == SERIAL


def test_one_case_again_and_again_is_in_the_journal() -> None:
    tap = stage(only=SERIAL)
    for _ in range(3):
        host = tap.host()
        answers = [host.get("/3//2").code for _ in range(3)]
        assert answers[0] == answers[2] == 0
        assert answers[1] != 0
    assert tap.armed == [SERIAL.id] * 3
    told = [each.detail for each in tap.device.journal.entries if isinstance(each, Event) and each.kind == "script"]
    assert f"fuzz case {SERIAL.id} armed: device.get_serial_number#2 code.known/0" in told
    assert f"fuzz case {SERIAL.id}: {tap.words[0]}" in told
    played = tap.ended[0].as_json()
    assert played["done"] == [tap.words[0]]
    assert len(played["exchange"]) == 6  # connected, armed, three requests, what was done
    assert "connected" in played["exchange"][0]
    assert len(played["afterwards"]) == 3  # what was done, its request, the next one


@pytest.mark.parametrize("restore", [False, True])
def test_what_a_client_has_written_stays_unless_it_is_to_be_put_back(restore: bool) -> None:
    tap = stage(restore=restore)
    host = tap.host()
    tap.device.state.put("interface.app_name", "mine")
    tap.device.state.commit()
    host.get("/3//2")
    tap.host()
    assert tap.device.state["interface.app_name"] == ("Virtual Tap" if restore else "mine")
    assert host.connection.open


def test_all_items_of_a_bundle_belong_to_one_case() -> None:
    tap = stage("request:1")
    item = bytes.fromhex("0007010003ffff0002ff")
    tap.host().get("/1024//89", item * 3)
    assert len(tap.armed) == 1

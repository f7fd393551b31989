"""`fuzz device`: each invariant fails on a Tap that breaks it, and none on the emulator."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from emulator.blueprint import Blueprint
from emulator.clock import VirtualClock
from emulator.connection import Connection
from emulator.device import Device
from emulator.effects import Effect, Send
from emulator.entropy import SeededEntropy
from emulator.exchange import Exchange
from emulator.journal import Record
from emulator.targets.simulated import SimulatedTarget
from protocol.codes import HostProtocol, Method
from protocol.errors import PeerError, UsageError
from protocol.firmware import Version
from protocol.frames import EncryptedFrame, Request, Response
from protocol.paths import Path as TapPath
from protocol.resources.registry import ENTRIES, Entry, find_entry
from scenarios.fuzz.device.bench import Bench, rich
from scenarios.fuzz.device.cases import CaseId, Pause, make_case, pieces
from scenarios.fuzz.device.distant import Distant
from scenarios.fuzz.device.facts import differing, facts
from scenarios.fuzz.device.outcome import Broken
from scenarios.fuzz.device.peer import Probe, Who, envelopes
from scenarios.fuzz.device.permits import NEVER, objection
from scenarios.fuzz.device.running import FINDINGS, Limits, Tally, run
from scenarios.fuzz.device.sound import LONGEST_BODY, bodies_of, takes
from tests import commandline
from tests.emulator.control.steered import steered

NEWEST = Version(1, 113)
ENOUGH = 200
"""Cases in which each mistake below is met."""


def bench(make: Any = None, **options: Any) -> Bench:
    return Bench(rich(), firmware=NEWEST, make=make, **options)


def play(tap: Any, cases: int) -> Tally:
    return run([tap], seed=0, limits=Limits(cases), found=lambda _: None)


# --- requests and cases ---------------------------------------------------------------------------------------------


def test_sound_bodies_are_those_that_a_call_takes() -> None:
    for entry in ENTRIES:
        found = bodies_of(entry)
        forms = [entry.call.request, *(form.request for form in entry.call.forms)]
        assert found, entry.id
        assert all(len(data) <= LONGEST_BODY for data in found), entry.id
        assert any((not data if body is None else takes(body, data)) for body in forms for data in found), entry.id


def test_a_case_is_the_same_anywhere() -> None:
    ids = [CaseId(NEWEST, 3, number) for number in range(200)]
    assert [make_case(each) for each in ids] == [make_case(CaseId.parse(str(each))) for each in ids]
    assert make_case(ids[0]) != make_case(CaseId(NEWEST, 4, 0))


@pytest.mark.parametrize(
    "text", ["", "1", "1.113-0", "1.113-0-x", "1.113--1-0", "999.1-0-0", "1.113-0-0-0", "1.113-0-٣"]
)
def test_what_is_no_id_is_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected|limit"):
        CaseId.parse(text)


def test_pieces_are_the_whole_stream() -> None:
    parts = [b"abc", b"", b"defgh", b"i"]
    cuttings = set()
    for number in range(40):
        case = make_case(CaseId(NEWEST, 0, number))
        cuttings.add(case.cutting)
        assert b"".join(pieces(case, parts)) == b"abcdefghi"
        assert all(pieces(case, parts))
        assert pieces(case, []) == []
    assert cuttings == {"whole", "bytes", "random", "joined"}


# --- Taps in this process -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("firmware", ["1.60", "1.85", "1.113"])
def test_nothing_speaks_against_the_emulator(firmware: str) -> None:
    found: list[Any] = []
    tap = Bench(rich(), firmware=Version.parse(firmware))
    tally = run([tap], seed=0, limits=Limits(150), found=found.append)
    assert [outcome.as_json() for outcome in found] == []
    assert len({call for call, _ in tally.codes}) > 80


def device(cls: type[Device]) -> Any:
    """Makes Taps of a class."""

    def make(blueprint: Blueprint, clock: VirtualClock, seed: int) -> Device:
        return cls(blueprint, clock=clock, entropy=SeededEntropy(seed))

    return make


class Raises(Device):
    def _call(self, exchange: Exchange, entry: Entry) -> Response:
        if entry.call.method is Method.PUT and len(exchange.request.body) > 100:
            raise ZeroDivisionError("planted")
        return super()._call(exchange, entry)


class Hangs(Device):
    def _call(self, exchange: Exchange, entry: Entry) -> Response:
        while entry.call.method is Method.PUT and exchange.request.body[:1] == b"\xff":
            pass
        return super()._call(exchange, entry)


class KeepsSilent(Device):
    def receive(self, connection: Connection, data: bytes) -> list[Effect]:
        effects = super().receive(connection, data)
        return [] if data[:1] == b"\x90" else effects


class ForgetsTheStatusWord(Device):
    def receive(self, connection: Connection, data: bytes) -> list[Effect]:
        effects = super().receive(connection, data)
        return [
            Send(each.connection, each.data[:-2]) if isinstance(each, Send) and each.data[:1] == b"\x85" else each
            for each in effects
        ]


class GarblesSealedAnswers(Device):
    def receive(self, connection: Connection, data: bytes) -> list[Effect]:
        effects = super().receive(connection, data)
        if data[5:12] != bytes(Request(Method.GET, TapPath(1024, 0xFFFF, 48))):
            return effects
        return [
            Send(each.connection, each.data[:-3] + b"?" + each.data[-2:])
            if isinstance(each, Send) and len(each.data) > 40
            else each
            for each in effects
        ]


class WritesBeforeItRefuses(Device):
    def _call(self, exchange: Exchange, entry: Entry) -> Response:
        try:
            return super()._call(exchange, entry)
        except PeerError:
            if entry.call.method is Method.PUT and entry.resource.service == "wifi":
                self.state.put("interface.app_name", "changed")
                self.state.commit()
            raise


class TakesOneRequestAPiece(Device):
    def receive(self, connection: Connection, data: bytes) -> list[Effect]:
        size = 5 + data[4] if len(data) > 4 and not connection.reader.pending else len(data)
        return super().receive(connection, data[:size])


class WaitsForever(Device):
    def _partial_deadline(self) -> float | None:
        return None


BROKEN = [
    (Raises, Broken.EXCEPTION, "ZeroDivisionError: planted"),
    (Hangs, Broken.HANG, "a case takes more than 0.2 s"),
    (KeepsSilent, Broken.SILENCE, "0 answers to 1 complete requests"),
    (ForgetsTheStatusWord, Broken.UNSOUND, "expected"),
    (GarblesSealedAnswers, Broken.UNSOUND, "sealed answer: "),
    (WritesBeforeItRefuses, Broken.CHANGED, 'setting interface.app_name: "Virtual Tap" -> "changed"'),
    (TakesOneRequestAPiece, Broken.CUTTING, "answer"),
    (WaitsForever, Broken.HANG, "keep the link open"),
]


@pytest.mark.parametrize(("cls", "broken", "detail"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_each_invariant_is_looked_after(cls: type[Device], broken: Broken, detail: str) -> None:
    tap = bench(device(cls), patience=0.2)
    outcomes = (tap.play(make_case(CaseId(NEWEST, 0, number))) for number in range(ENOUGH))
    outcome = next(each for each in outcomes if broken in {fault.broken for fault in each.faults})
    (fault,) = outcome.faults
    assert detail in fault.detail
    assert bool(fault.trace) is (broken is Broken.EXCEPTION or "takes more" in detail)
    again = bench(device(cls), patience=0.2).play(outcome.case)
    assert [each.signature for each in again.faults] == [fault.signature]
    assert again.sent == outcome.sent


def test_a_tap_that_does_not_look_at_the_crc_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lenient(EncryptedFrame):
        @classmethod
        def from_plaintext(cls, plain: bytes) -> EncryptedFrame:
            length = int.from_bytes(plain[2:4], "big")
            return EncryptedFrame(int.from_bytes(plain[:2], "big"), plain[4 : 4 + length])

    monkeypatch.setattr("emulator.sessions.EncryptedFrame", Lenient)
    tally = play(bench(), 60)
    assert {broken for broken, _ in tally.faults} == {Broken.FORGERY}
    assert (Broken.FORGERY, "CRC of the sealed frame is wrong") in tally.faults


def test_after_an_exception_the_next_case_is_as_good_as_the_first() -> None:
    broken, fresh = bench(device(Raises)), bench(device(Raises))
    outcomes = [broken.play(make_case(CaseId(NEWEST, 0, number))) for number in range(40)]
    assert any(outcome.faults for outcome in outcomes[:-1])
    last = next(n for n in reversed(range(40)) if not outcomes[n].faults)
    assert fresh.play(outcomes[last].case).answers == outcomes[last].answers


def touch_registers(tap: Device) -> None:
    target = tap.target
    assert isinstance(target, SimulatedTarget)
    target._registers._core[3] = 7


TOUCHES: dict[str, Callable[[Device], object]] = {
    "state._records": lambda tap: tap.state.put("interface.app_name", "other"),
    "state._posted": lambda tap: tap.state.post("interface.app_name", "other"),
    "target._registers": touch_registers,
    "lockout._failures": lambda tap: tap.lockout.fail(0.0),
    "packet_store._packet": lambda tap: tap.packet_store._packet.extend(b"x"),
    "data_log.running": lambda tap: setattr(tap.data_log, "running", True),
    "paired": lambda tap: setattr(tap, "paired", True),
    "session.group": lambda tap: next(iter(tap.connections)).session.log_in(5, 0),
}


@pytest.mark.parametrize("name", TOUCHES)
def test_whatever_changes_is_seen(name: str) -> None:
    tap = Device(rich(), clock=VirtualClock())
    connection = tap.connect("tcp://here", HostProtocol.WIFI)
    known = facts(tap, connection)
    assert differing(tap, connection, known) == []
    TOUCHES[name](tap)
    assert differing(tap, connection, known) == [name]
    assert facts(tap, connection)[name] != known[name]


# --- what a Tap at a URL is spared ----------------------------------------------------------------------------------


def parts_of(frame: bytes) -> Iterator[Request]:
    """A request, and those that it brings."""
    if len(frame) < 7:
        return
    request = Request.from_bytes(frame)
    yield request
    body = request.body
    while request.path == TapPath(1024, 0xFFFF, 89) and len(body) > 2:
        size = int.from_bytes(body[:2], "big")
        yield from parts_of(body[2 : 2 + size])
        body = body[3 + size :]


@pytest.mark.parametrize("writes", [False, True])
def test_permits(writes: bool) -> None:
    played = spared = 0
    for number in range(800):
        case = make_case(CaseId(NEWEST, 0, number))
        if objection(case, writes=writes):
            spared += 1
            continue
        played += 1
        for probe in case.probes:
            for request in [] if probe.raw else parts_of(probe.frame):
                assert (request.path.object, request.path.resource, request.method) not in NEVER
                entry = find_entry(request.method, request.path)
                assert writes or request.method == Method.GET
                assert writes or entry is None or entry.id != "data_log.dequeue_one_packet"
    assert played > 100
    assert spared > 150


NEVER_SENT = [
    "device.reboot",
    "device.factory_reset",
    "firmware.post_update",
    "scram.login",
    "group.change_password_key",
]


@pytest.mark.parametrize("call", NEVER_SENT)
def test_what_no_tap_at_a_url_gets(call: str) -> None:
    (entry,) = [entry for entry in ENTRIES if entry.id == call]
    assert (entry.resource.object, entry.resource.resource, entry.call.method) in NEVER


# --- a Tap at a URL -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [None, "admin"])
def test_a_served_tap_is_asked_and_stays_as_it_is(user: str | None) -> None:
    with steered() as running, running.client() as control:
        control.snapshot("before")
        with closing(Distant(running.url, user=user, password="admin", timeout=2)) as tap:
            tally = run([tap], seed=1, limits=Limits(40), found=lambda _: None, spare=True)
        assert tally.faults == {}
        assert tally.cases == 40
        assert tally.spared > 40
        changed = [each.what for each in control.diff("before") if not each.what.startswith("connection")]
        assert changed in ([], ["target connected"])
        asked = [entry for entry in running.server.device.journal.entries if isinstance(entry, Record)]
        ours = [entry.request for entry in asked if entry.request is not None]
        logins = {"scram.login", "scram.login_proof"}
        assert {request.method for request in ours} == {Method.GET}
        assert user is not None or not logins & {entry.call for entry in asked}
        assert {entry.carrier.value for entry in asked} == {"clear", "encrypted", "encrypted with its own IV"}
        assert running.server.mistakes == []


@contextmanager
def answering(answer: Any) -> Iterator[str]:
    """A stranger that answers each request with what a function says; None ends the connection."""
    listening = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                left = b""
                while data := connection.recv(4096):
                    complete, left = envelopes(left + data)
                    replies = [answer(each) for each in complete]
                    if None in replies:
                        break
                    connection.sendall(b"".join(filter(None, replies)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stopped.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


VERSION = bytes.fromhex("a2ca000007010003ffff0003")
SERIAL = bytes.fromhex("a2ca000007010003ffff0002")


def stranger(otherwise: Any) -> Any:
    """Answers what a beginning needs; everything else as a function says."""
    known = {VERSION: b"\x001.113.0\x90\x00", SERIAL: b"\x00IoTize\x90\x00"}

    def answer(data: bytes) -> bytes | None:
        return known[data] if data in known else otherwise(data)

    return answer


STRANGERS = [
    (lambda data: b"", {Broken.SILENCE}),
    (lambda data: b"\x00\x00\x90\x01", {Broken.UNSOUND}),
    (lambda data: None, set()),
    (lambda data: b"\x81\x90\x00", set()),
]


@pytest.mark.parametrize(("otherwise", "broken"), STRANGERS, ids=["silent", "unsound", "closes", "refuses"])
def test_strangers(otherwise: Any, broken: set[Broken], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.fuzz.device.cases._WHO", (Who.ANONYMOUS,))
    with answering(stranger(otherwise)) as url, closing(Distant(url, user=None, password="", timeout=0.3)) as tap:
        tally = run([tap], seed=0, limits=Limits(4), found=lambda _: None, spare=True)
    assert {each for each, _ in tally.faults} == broken


def test_a_tap_that_is_gone_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.fuzz.device.distant._BACK", 0.2)
    left = [40]

    def answer(data: bytes) -> bytes | None:
        left[0] -= 1
        return stranger(lambda _: b"\x81\x90\x00")(data) if left[0] > 0 else None

    monkeypatch.setattr("scenarios.fuzz.device.cases._WHO", (Who.ANONYMOUS,))
    with answering(answer) as url, closing(Distant(url, user=None, password="", timeout=3)) as tap:
        tally = run([tap], seed=0, limits=Limits(1000), found=lambda _: None, spare=True)
    assert tally.faults == {(Broken.GONE, "gone"): 1}
    assert tally.cases < 100


# --- the command ----------------------------------------------------------------------------------------------------


def call(*arguments: str) -> tuple[int, str]:
    result = commandline.run("fuzz", "device", *arguments)
    return result.exit_code, result.output


def test_command_in_process() -> None:
    code, output = call("in-process", "--cases", "20", "--firmware", "1.86", "--firmware", "1.113")
    assert code == 0, output
    assert "20 cases" in output
    assert "nothing speaks against this Tap" in output


def test_a_finding_is_told_kept_and_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.fuzz.device.bench._make_device", device(WritesBeforeItRefuses))
    folder = tmp_path / "findings"
    code, output = call("in-process", "--cases", "60", "-o", str(folder))
    assert code == 1, output
    first = json.loads((folder / FINDINGS).read_text().splitlines()[0])
    assert first["faults"][0]["broken"] == "changed by a refusal"
    assert f"--replay {first['case']}" in output
    requests = (folder / f"{first['case']}.hex").read_text().split()
    assert requests == first["requests"]
    code, output = call("in-process", "--replay", first["case"])
    assert code == 1
    assert f"> {requests[-1]}" in output
    monkeypatch.undo()
    assert call("in-process", "--replay", first["case"])[0] == 0


UNUSABLE = [
    (["tcp://127.0.0.1:1"], "refused"),
    (["nowhere"], "expected"),
    (["in-process", "--replay", "x"], "is no case of `fuzz device`"),
    (["in-process", "--firmware", "new"], "expected MAJOR"),
    (["in-process", "--config", "none.yaml"], "none.yaml"),
    (["in-process", "--user", "nobody"], "wrong user name or password"),
    (["in-process", "-o", "/dev/null/findings"], "cannot be written"),
    (["tcp://127.0.0.1:1", "--firmware", "1.85"], "the one at tcp://127.0.0.1:1 is as it is"),
]


@pytest.mark.parametrize(("arguments", "message"), UNUSABLE, ids=lambda value: str(value)[:40])
def test_what_cannot_be_used_is_told(arguments: list[str], message: str) -> None:
    code, output = call(*arguments, "--cases", "50")
    assert code == 2, output
    assert message in output
    assert "Traceback" not in output


def test_a_case_that_is_spared_is_not_replayed() -> None:
    spared = next(
        each for number in range(100) if objection(make_case(each := CaseId(NEWEST, 0, number)), writes=False)
    )
    with steered() as running:
        code, output = call(running.url, "--replay", str(spared))
    assert code == 2
    assert "is not played over a URL" in output


def test_pauses_are_part_of_some_cases() -> None:
    steps = [step for number in range(300) for step in make_case(CaseId(NEWEST, 0, number)).steps]
    assert any(isinstance(step, Pause) for step in steps)
    assert any(isinstance(step, Probe) for step in steps)

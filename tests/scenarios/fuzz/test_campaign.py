"""Campaigns: they find what is wrong, keep it, go on where they were, and leave nothing behind."""

import asyncio
import errno
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulator.effects import Send
from protocol import apdu
from protocol.client.calls import find_call
from protocol.client.core import Session
from protocol.codes import HostProtocol
from protocol.errors import UsageError
from protocol.frames import Response
from scenarios.fuzz.campaign import worker as worker_module
from scenarios.fuzz.campaign.campaign import Summary, run_campaign
from scenarios.fuzz.campaign.counting import Counts
from scenarios.fuzz.campaign.coverage import Coverage, Point
from scenarios.fuzz.campaign.planning import STATE_VERSION
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.campaign.terminal import Terminal
from scenarios.fuzz.campaign.worker import Worker
from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.clients import Limits, Mode, Result, Turn
from scenarios.fuzz.findings import Finding
from scenarios.fuzz.grammar import BY_NAME
from scenarios.fuzz.observation import Ending, Observation, Verdict
from scenarios.fuzz.rig import Rig
from tests.scenarios.fuzz.campaigns import Ear, run

SERIAL = "device.get_serial_number"
CLIENT = Path(__file__).with_name("small_client.py")
EMPTY = Case((Fault(SERIAL, 1, BY_NAME["structure.empty"], 0),))


CONNECTING = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])))"


def command(how: str = "") -> str:
    return f"{sys.executable} -S -E {CLIENT} {{url}} {how}"


def settings(tmp_path: Path, mode: Mode = "spawn", **others: Any) -> CampaignSettings:
    how = "" if mode == "spawn" else f"--{mode}"
    given: dict[str, Any] = {"client": command(how), "mode": mode, "only": ("structure.empty",), "seconds": 30.0}
    return CampaignSettings(output=tmp_path / "findings", **{**given, **others})


@pytest.mark.parametrize("mode", ["spawn", "persistent", "loop"])
def test_it_finds_what_is_wrong(tmp_path: Path, mode: Mode) -> None:
    ear = Ear()
    summary = run(settings(tmp_path, mode), ear)
    assert [finding.verdict for finding in ear.told] == [Verdict.UNHANDLED]
    ((name, finding),) = summary.findings.items()
    assert summary.exhausted
    assert finding.reproduced
    assert finding.calls == [SERIAL]
    assert "nobody expects an empty name" in finding.output
    assert Case.parse(finding.case).faults[0].mutator.name == "structure.empty"
    folder = tmp_path / "findings"
    assert {"scenario.yaml", "finding.json"} <= {file.name for file in (folder / name).iterdir()}
    assert {"index.md", "index.json", "report.html", "junit.xml"} <= {file.name for file in folder.iterdir()}


def test_a_client_that_does_well_leaves_nothing(tmp_path: Path) -> None:
    summary = run(settings(tmp_path, only=("code.with-body",), cases=5, workers=2))
    assert summary.cases == 5
    assert not summary.findings
    assert not summary.mistakes
    assert summary.statistics.by_call == {SERIAL: 5}


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    first = settings(tmp_path, "persistent", only=("code.with-body",), cases=3)
    run(first)
    ear = Ear()
    summary = run(replace(first, cases=4), ear)
    assert summary.cases == 4
    assert summary.statistics.cases == 7
    assert any("goes on after 3 cases" in note for note in ear.notes)
    counts = json.loads((tmp_path / "findings" / "progress.json").read_text())
    assert counts["counts"]["cases"] == 7
    assert sum(lane[0] for lane in counts["planner"]["lanes"].values()) == 7
    anew = run(replace(first, fresh=True))
    assert anew.statistics.cases == 3


def test_progress_that_is_damaged_is_no_reason_to_fail(tmp_path: Path) -> None:
    given = settings(tmp_path, "persistent", only=("code.with-body",), cases=1)
    run(given)
    file = tmp_path / "findings" / "progress.json"
    file.write_text(file.read_text().replace(f'"version": {STATE_VERSION}', '"version": 99'))
    ear = Ear()
    assert run(given, ear).statistics.cases == 1
    assert any("cannot be continued" in note for note in ear.notes)


@pytest.mark.parametrize("changed", [{"client": "cat {url}"}, {"client": command("--other")}])
def test_a_folder_of_another_client_is_left_alone(tmp_path: Path, changed: dict[str, Any]) -> None:
    given = settings(tmp_path, only=("code.with-body",), cases=1)
    run(given)
    before = (tmp_path / "findings" / "findings.json").read_text()
    with pytest.raises(UsageError, match=r"another folder|never connected"):
        run(replace(given, **changed, limits=Limits(progress=0.3)))
    assert (tmp_path / "findings" / "findings.json").read_text() == before


@pytest.mark.parametrize(
    ("client", "words"),
    [
        ("{python} -c 1", "never connected to tcp://.*exit code 0.*expected {url}"),
        ("{python} -c 'raise SystemExit(7)' {{url}}", "never connected.*exit code 7"),
        ("{python} -c 'print(\"so it is\")' {{url}}", "so it is"),
        ("{python} -c '" + CONNECTING + "' {{host}} {{port}}", "it connected.*sent no request"),
        ("{python} -c 'import time; time.sleep(60)' {{url}}", "made no progress"),
        ("{python} -S {client} {{url}} --no-such-thing-to-do --", None),
        ("/no/such/client {{url}}", "not found"),
    ],
)  # fmt: skip
def test_a_client_that_does_nothing_is_told(tmp_path: Path, client: str, words: str | None) -> None:
    filled = client.format(python=sys.executable, client=CLIENT)
    given = settings(tmp_path, client=filled, limits=Limits(progress=0.5), cases=1, only=("code.with-body",))
    if words is None:
        assert run(given).cases == 1
        return
    with pytest.raises(UsageError, match=f"(?s){words}"):
        run(given)
    assert not (tmp_path / "findings").exists()


@pytest.mark.parametrize(
    ("handled", "verdicts"), [(None, set()), ((3,), set()), ((4,), {Verdict.CRASH})], ids=["any", "its own", "another"]
)
def test_exit_codes_that_are_handled(tmp_path: Path, handled: tuple[int, ...] | None, verdicts: set[Verdict]) -> None:
    given = settings(tmp_path, only=("code.with-body",), cases=4, handled=handled)
    assert {finding.verdict for finding in run(given).findings.values()} == verdicts


def test_it_can_be_stopped_at_any_time(tmp_path: Path) -> None:
    async def stop_soon(seconds: float) -> Summary:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        return await run_campaign(settings(tmp_path, only=("code.with-body",), workers=2), None, stop)

    for seconds in (0.0, 0.05, 0.4):
        assert asyncio.run(stop_soon(seconds)).interrupted


@pytest.mark.parametrize(
    ("listen", "workers", "expected"),
    [
        ((), 2, [("tcp://127.0.0.1:0",)] * 2),
        (("tcp://127.0.0.1:0",), 3, [("tcp://127.0.0.1:0",)] * 3),
        (("tcp://127.0.0.1:2000", "ws://127.0.0.1:0"), 1, [("tcp://127.0.0.1:2000", "ws://127.0.0.1:0")]),
        (("tcp://:1", "tcp://:2"), 2, [("tcp://:1",), ("tcp://:2",)]),
        (("tcp://:1",), 2, None),
        (("tcp://:1", "tcp://:2", "tcp://:3"), 2, None),
    ],
)
def test_links_of_workers(
    tmp_path: Path, listen: tuple[str, ...], workers: int, expected: list[tuple[str, ...]] | None
) -> None:
    given = settings(tmp_path, listen=listen, workers=workers)
    if expected is None:
        with pytest.raises(UsageError, match="expected --listen once for each"):
            given.links()
    else:
        assert given.links() == expected


@pytest.mark.parametrize(
    ("only", "bytes_only", "expected"),
    [
        ((), False, {"structure.empty", "code.known", "bytes"}),
        (("code.*",), False, {"code.known"}),
        (("structure",), False, {"structure.empty"}),
        ((SERIAL,), False, {"structure.empty", "code.known", "bytes"}),
        (("device.*",), True, {"bytes"}),
        (("group.*",), False, set()),
    ],
)
def test_which_mutators_are_wanted(tmp_path: Path, only: tuple[str, ...], bytes_only: bool, expected: set[str]) -> None:
    given = settings(tmp_path, only=only, bytes_only=bytes_only)
    blind = next(mutator for mutator in BY_NAME.values() if mutator.family == "bytes")
    mutators = {"structure.empty": BY_NAME["structure.empty"], "code.known": BY_NAME["code.known"], "bytes": blind}
    assert {name for name, mutator in mutators.items() if given.wanted(SERIAL, mutator)} == expected


def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings(tmp_path, "persistent")
    run(given)
    before = {file: file.read_bytes() for file in (tmp_path / "findings").rglob("*") if file.is_file()}

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("scenarios.fuzz.findings.files._put", fail)
    with pytest.raises(UsageError, match="No space left"):
        run(replace(given, fresh=True))
    after = {file: file.read_bytes() for file in before}
    assert {file for file in before if after[file] != before[file]} <= {tmp_path / "findings" / ".lock"}


def test_a_person_sees_lines_without_control_characters(tmp_path: Path) -> None:
    stream = io.StringIO()
    with Terminal(stream, settings(tmp_path)) as terminal:
        terminal.note("a \x1b[31mnote\x1b[0m")
        terminal.progressed(Counts(cases=1, seconds=0.1), 0)
        terminal.found(Finding(Verdict.HANG, "some-case", "said \x07", "x", reproduced=False))
    assert stream.getvalue().splitlines() == [
        r"a \x1b[31mnote\x1b[0m",
        r"HANG said \x07 (not reproduced), case some-case",
    ]


# --- workers ----------------------------------------------------------------------------------------------------------


class FakeClient:
    """Does what the test says, turn by turn."""

    def __init__(self, endings: Iterator[Result]) -> None:
        self.turns: list[Turn] = []
        self._endings = endings

    async def play(self, turn: Turn) -> Result:
        self.turns.append(turn)
        return next(self._endings)

    async def close(self) -> None:
        pass


def result(kind: str = "done", *, late: bool = False) -> Result:
    return Result(Ending(kind, 1 if kind == "exited" else None), [], kind, 0, 0.0, late)  # type: ignore[arg-type]


async def played(given: CampaignSettings, cases: list[Case]) -> list[list[Observation]]:
    worker = Worker(given, None, given.links()[0])
    await worker.start()
    try:
        return [await worker.play(case) for case in cases]
    finally:
        await worker.stop()


def fake(monkeypatch: pytest.MonkeyPatch, *results: Result) -> FakeClient:
    client = FakeClient(iter(results))
    monkeypatch.setattr(worker_module, "make_client", lambda *_, **__: client)
    return client


def test_what_dies_between_two_turns_died_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = fake(monkeypatch, result(), result("exited", late=True), result())
    one, other = asyncio.run(played(settings(tmp_path, "loop"), [EMPTY, Case()]))
    assert [(each.case, each.ending.kind) for each in one] == [(EMPTY, "done")]
    assert [(each.case, each.ending.kind) for each in other] == [(EMPTY, "exited"), (Case(), "done")]
    assert [turn.case for turn in client.turns] == [EMPTY.id, "clean", "clean"]


@pytest.mark.parametrize(("mode", "turns"), [("persistent", 2), ("loop", 1), ("spawn", 1)])
def test_a_case_that_does_not_come_true_is_played_anew_on_a_new_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode, turns: int
) -> None:
    client = fake(monkeypatch, result(), result())
    asyncio.run(played(settings(tmp_path, mode), [EMPTY]))
    assert len(client.turns) == turns


def test_a_mistake_of_the_tap_is_not_held_against_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    ear = Ear()
    monkeypatch.setattr("scenarios.fuzz.saboteur.Saboteur._perform", fail)
    summary = run(settings(tmp_path, cases=1), ear)
    assert not summary.findings
    assert "a mistake of ours" in summary.mistakes[0]


# --- the rig ----------------------------------------------------------------------------------------------------------


def ask(rig: Rig, connection: Any, call: str, value: object = None) -> Response:
    effects = rig.device.receive(connection, apdu.build_request(bytes(find_call(call).ask(value))))
    (data,) = (effect.data for effect in effects if isinstance(effect, Send))
    return Response.from_bytes(apdu.split_answer(data))


def write(rig: Rig, connection: Any) -> None:
    rig.device.state.put("interface.app_name", "changed")
    rig.device.state.commit()


def post_and_reboot(rig: Rig, connection: Any) -> None:
    rig.device.reboot_after_answer()
    ask(rig, connection, SERIAL)


def lock_out(rig: Rig, connection: Any) -> None:
    for _ in range(20):
        rig.device.lockout.fail(rig.device.clock.now())


@pytest.mark.parametrize("spoil", [write, post_and_reboot, lock_out])
@pytest.mark.parametrize("keep_hosts", [True, False])
def test_each_case_begins_from_the_same_state(spoil: Callable[[Rig, Any], None], keep_hosts: bool) -> None:
    rig = Rig()
    rig.device.state.post("interface.app_name", "posted")
    rig.device.state.commit()
    rig.save()
    for _ in range(3):
        rig.begin(Case(), keep_hosts=keep_hosts)
        assert rig.device.state["interface.app_name"] == "posted"
        assert rig.device.lockout.remaining(rig.device.clock.now()) == 0
        connection = rig.device.connect("mem://tap", HostProtocol.WIFI)
        spoil(rig, connection)
        rig.end()
    rig.begin(Case())
    assert rig.device.state["interface.app_name"] == "posted"


def test_a_login_is_put_on_each_connection() -> None:
    rig = Rig()
    keys = rig.log_in("admin", "admin")
    assert keys is not None
    for _ in range(2):
        rig.begin(Case())
        connection = rig.device.connect("mem://tap", HostProtocol.WIFI)
        session = Session(bytes)
        session.resume(keys.key, keys.request_iv, keys.answer_iv)
        conversation = session.call("interface.get_current_group_id")
        request = next(conversation)
        effects = rig.device.receive(connection, request)
        with pytest.raises(StopIteration) as end:
            conversation.send(b"".join(effect.data for effect in effects if isinstance(effect, Send)))
        assert end.value.value == 0xFFFF
        assert len(rig.end().answers) == 1


@pytest.mark.parametrize("login", [("admin", "wrong"), ("nobody", "x"), ("x" * 99, "x")])
def test_a_login_that_the_tap_refuses_is_told(login: tuple[str, str]) -> None:
    with pytest.raises(UsageError):
        Rig().log_in(*login)


# --- coverage ---------------------------------------------------------------------------------------------------------


def seen(case: Case, *calls: str) -> Observation:
    rig = Rig()
    rig.begin(case)
    connection = rig.device.connect("mem://tap", HostProtocol.WIFI)
    for call in calls:
        ask(rig, connection, call)
    trace = rig.end()
    return Observation(case, trace.answers, trace.applied, trace.entries, Ending("done"))


def test_coverage_knows_states_requests_and_answers() -> None:
    coverage = Coverage()
    assert coverage.add(seen(Case(), SERIAL, "device.get_firmware_version")) == 2
    assert coverage.add(seen(Case(), SERIAL)) == 0
    assert coverage.add(seen(EMPTY, SERIAL, SERIAL)) == 2
    points = {point[2:]: point[:2] for point in (Point(*row[:-1]) for row in coverage.state())}
    assert ("", SERIAL, "structure.empty") in points
    assert ("structure", SERIAL, "right") in points
    assert set(points.values()) == {(False, False)}
    right = next(row for row in coverage.table() if (row.state, row.request, row.answer) == ("clear", SERIAL, "right"))
    assert right.cases == 2
    assert any("after structure" in row.state for row in coverage.table())
    assert Coverage.resume(json.loads(json.dumps(coverage.state()))).table() == coverage.table()


@pytest.mark.parametrize("state", [[[1]], [["a", "b", "c", "d", "e", "f"]], 5])
def test_coverage_that_cannot_be_read_is_told(state: Any) -> None:
    with pytest.raises(UsageError, match="begin afresh"):
        Coverage.resume(state)

"""One long session: what is asked of a client, when it ends, and that it is a case as any other."""

import asyncio
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulator.commands import fuzz
from protocol.errors import UsageError
from scenarios.fuzz.campaign import campaign
from scenarios.fuzz.campaign.campaign import Summary, run_campaign
from scenarios.fuzz.campaign.endurance import Endured, endure
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.campaign.worker import Worker
from scenarios.fuzz.case import Case
from scenarios.fuzz.handover.replaying import playing
from scenarios.fuzz.judging.judge import Baseline
from scenarios.fuzz.observation import Verdict
from tests.fuzz.planted import client as planted
from tests.scenarios.fuzz.campaigns import Ear, run

HERE = Path(__file__).parent
SMALL = f"{sys.executable} -S -E {HERE / 'small_client.py'} x --persistent"
"""Connects anew for each turn."""
LONG = Case(endurance=60)


def counting(limit: int) -> str:
    return f"{sys.executable} -S -E {HERE / 'counting_client.py'} --persistent {limit}"


def logging_in(arguments: str = "") -> str:
    return f"{sys.executable} {planted.__file__} --persistent --reconnect --timeout 5 --calls name {arguments}"


def settings(folder: Path, client: str, **others: Any) -> CampaignSettings:
    given: dict[str, Any] = {"mode": "persistent", "only": ("endurance",), "seconds": 60.0}
    return CampaignSettings(client, folder / "findings", **{**given, **others})


async def endured(given: CampaignSettings, case: Case = LONG, *, over: bool = False) -> Endured:
    worker = Worker(given, None, given.links()[0])
    await worker.start()
    try:
        return await endure(worker, case, Baseline.of(await worker.play(Case())), lambda: over)
    finally:
        await worker.stop()


@pytest.mark.parametrize(
    ("client", "login", "end"),
    [
        (counting(60), None, "60 requests in one session"),
        (counting(59), None, "failed after 60 requests in one session"),
        (SMALL, None, "given up, the client has not made more than 1 request in one session"),
        (logging_in(), None, "6[01] requests in one session"),
        (logging_in(), ("admin", "admin"), "6[01] requests in one session"),
        (logging_in("--iv-period 0").replace("name", "multi"), ("admin", "admin"), "60 requests in one session"),
    ],
)
def test_how_it_ends(tmp_path: Path, client: str, login: tuple[str, str] | None, end: str) -> None:
    assert re.fullmatch(end, asyncio.run(endured(settings(tmp_path, client, login=login))).end)


def test_nobody_has_to_wait_for_its_end(tmp_path: Path) -> None:
    seen = asyncio.run(endured(settings(tmp_path, counting(10**9)), Case(endurance=10**8), over=True))
    assert seen.end == "given up after 1 request in one session, since time was over"


def test_the_case_after_it_begins_with_another_connection(tmp_path: Path) -> None:
    async def connections() -> list[int]:
        given = settings(tmp_path, counting(100))
        worker = Worker(given, None, given.links()[0])
        await worker.start()
        try:
            ends = await endure(worker, LONG, Baseline())
            (after,) = await worker.play(Case())
        finally:
            await worker.stop()
        return [seen.records[-1].connection for seen in (ends.observation, after)]

    one, other = asyncio.run(connections())
    assert one != other


@pytest.mark.parametrize("mode", ["spawn", "loop"])
def test_only_a_client_that_is_told_can_keep_its_connection(tmp_path: Path, mode: Any) -> None:
    given = settings(tmp_path, f"{sys.executable} -S -E {HERE / 'small_client.py'} {{url}}", mode="spawn")
    assert not replace(given, mode=mode, only=()).endures
    with pytest.raises(UsageError, match="expected --persistent"):
        asyncio.run(endured(given))


@pytest.mark.parametrize(
    ("only", "bytes_only", "expected"),
    [((), False, True), (("endur*",), False, True), (("code",), False, False), ((), True, False)],
)
def test_when_it_is_wanted(tmp_path: Path, only: tuple[str, ...], bytes_only: bool, expected: bool) -> None:
    assert settings(tmp_path, SMALL, only=only, bytes_only=bytes_only).endures is expected


# --- in a campaign ----------------------------------------------------------------------------------------------------


def kept(given: CampaignSettings) -> str:
    """What the folder knows of the long session."""
    progress = json.loads((given.output / "progress.json").read_text())
    return str(progress["counts"]["endurance"])


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "ENDURANCE_REQUESTS", LONG.endurance)


def test_what_it_shows_is_a_finding_as_any_other(tmp_path: Path) -> None:
    ear = Ear()
    given = settings(tmp_path, counting(59), workers=2)
    summary = run(given, ear)
    (finding,) = ear.told
    assert (finding.verdict, finding.case, finding.reproduced) == (Verdict.UNHANDLED, LONG.id, True)
    assert "60 is too much; failed after 60 requests in one session" in finding.detail
    assert summary.cases == 1
    assert kept(given) == "failed after 60 requests in one session"
    assert "asked 60 times in one session, nothing goes wrong" in finding.faults
    assert "endurance" in finding.name

    async def again() -> set[Verdict]:
        async with playing(given) as player:
            _, judgements = await player.play(Case.parse(finding.case))
        return {each.verdict for each in judgements}

    assert asyncio.run(again()) == {Verdict.UNHANDLED}


def test_it_comes_once_in_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings(tmp_path, counting(60), only=("endurance", "code.with-body"), cases=3, seconds=None)
    assert run(given).statistics.by_mutator == {"code.with-body": 3}
    monkeypatch.setattr(campaign, "_ENDURING_AFTER", 0.0)
    ears = Ear(), Ear()
    assert [run(given, ear).statistics.by_mutator["code.with-body"] for ear in ears] == [5, 8]
    assert [[note for note in ear.notes if "endurance" in note] for ear in ears] == [
        ["endurance-60: 60 requests in one session"],
        [],
    ]


@pytest.mark.parametrize(("seconds", "others"), [(30.0, 1), (100.0, 0)])
def test_it_waits_for_a_run_that_has_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, others: int
) -> None:
    monkeypatch.setattr(campaign, "_ENDURING_AFTER", 0.0)
    given = settings(tmp_path, counting(60), only=("endurance", "code.with-body"), seconds=seconds, cases=1)
    assert run(given).statistics.by_mutator["code.with-body"] == others


def test_what_was_interrupted_comes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings(tmp_path, counting(10**9))

    async def interrupted() -> Summary:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(1.0, stop.set)
        return await run_campaign(given, None, stop)

    monkeypatch.setattr(campaign, "ENDURANCE_REQUESTS", 10**8)
    assert asyncio.run(interrupted()).interrupted
    assert not (given.output / "progress.json").exists() or not kept(given)
    monkeypatch.setattr(campaign, "ENDURANCE_REQUESTS", LONG.endurance)
    run(given)
    assert kept(given) == "60 requests in one session"


def test_it_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.explain("endurance-66000", None) == 0
    assert capsys.readouterr().out == "asked 66,000 times in one session, nothing goes wrong\n"


def test_there_is_nothing_in_it_that_could_be_smaller() -> None:
    with pytest.raises(UsageError, match="case endurance-60: nothing goes wrong"):
        fuzz.shrink("endurance-60", output=None, save=None, most=1)

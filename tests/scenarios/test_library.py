"""The scenarios that come with the emulator: all of them hold, and each would notice if something were missing."""

from functools import cache
from pathlib import Path

import pytest

from scenarios import catalogue, loading
from scenarios.model import Replay, Scenario, ScriptSpec
from scenarios.run.running import run

FILES = catalogue.files()
load = cache(loading.load)
SCRIPTED = [file for file in FILES if load(file).script.rules]
GRADES = ("client: ", "doc: ", "sample: ", "assumed: ")
UNNOTICED = {"answer-byte-by-byte", "slow-download"}
"""A client that does it right does not see that the script acts."""


def _name(file: Path) -> str:
    return file.stem


@pytest.fixture
def scenario(file: Path) -> Scenario:
    return load(file)


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_it_holds(scenario: Scenario) -> None:
    outcome = run(scenario)
    assert outcome.ok, "\n".join([outcome.error, *(failure.message for failure in outcome.failures), *outcome.journal])
    assert not outcome.skipped


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_it_says_what_it_is_for_and_how_we_know(scenario: Scenario) -> None:
    assert scenario.name
    assert scenario.purpose.endswith(".")
    assert scenario.evidence.startswith(GRADES)
    assert scenario.tags
    assert scenario.verify


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_client_that_says_nothing_does_not_pass(scenario: Scenario) -> None:
    outcome = run(scenario.model_copy(update={"replay": Replay()}))
    assert any(result.status == "failed" for result in outcome.verifications)


@pytest.mark.parametrize("file", SCRIPTED, ids=_name)
def test_a_tap_that_behaves_does_not_pass(file: Path, scenario: Scenario) -> None:
    outcome = run(scenario.model_copy(update={"script": ScriptSpec()}))
    assert any(result.status == "failed" for result in outcome.verifications)
    noticed = any(result.status == "failed" for result in outcome.steps)
    assert noticed is (file.stem not in UNNOTICED), "what the client met"


def test_nothing_depends_on_the_seed() -> None:
    outcomes = [run(load(file), seed=1) for file in FILES]
    assert [outcome.name for outcome in outcomes if not outcome.ok] == []


def test_there_are_enough_and_their_names_differ() -> None:
    names = {load(file).name for file in FILES}
    assert len(names) == len(FILES) >= 25


def test_the_page_is_up_to_date() -> None:
    assert catalogue.main(["--check"]) == 0


def test_a_page_that_is_not_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "PAGE", tmp_path / "scenario-library.md")
    assert catalogue.main(["--check"]) == 1
    assert catalogue.main([]) == 0
    assert catalogue.main(["--check"]) == 0

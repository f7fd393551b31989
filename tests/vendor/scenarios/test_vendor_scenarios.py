"""@iotize/tap 2.7.0, unmodified and with its own time limits, while the Tap plays scenarios of the library."""

from collections.abc import Iterator
from typing import Any

import pytest

from scenarios.catalogue import files
from tests.vendor.report import PAGE
from tests.vendor.scenario_report import section
from tests.vendor.scenarios.cases import CASES, Case, Fails
from tests.vendor.scenarios.stage import Client, on_stage

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.stop()


def _name(case: Case) -> str:
    return case.scenario


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_what_the_client_does(client: Client, case: Case) -> None:
    with on_stage(case.scenario, case.link, case.rate, case.ahead) as stage:
        result = client.play(stage.url, [step for step, _ in case.steps])
    assert not stage.server.mistakes
    assert "failure" not in result, result["failure"]
    assert "unhandled" not in result, result["unhandled"]
    for (step, expected), outcome in zip(case.steps, result["outcomes"], strict=True):
        _compare(step, expected, outcome)
    if stage.rules:
        assert any(rule.acted for rule in stage.rules), "the script had no part in it"


def _compare(step: list[Any], expected: Any, outcome: dict[str, Any]) -> None:
    if not isinstance(expected, Fails):
        assert outcome == {"value": expected}, step
        return
    assert outcome.get("error") == expected.error, (step, outcome)
    assert expected.message in outcome["message"], step
    assert outcome.get("code") == expected.code, step
    assert tuple(outcome.get("packets", ())) == expected.packets, step


def test_every_case_is_in_the_library_once() -> None:
    names = [case.scenario for case in CASES]
    assert len(set(names)) == len(names) >= 12
    assert set(names) <= {file.stem for file in files()}


def test_the_page_tells_it() -> None:
    assert section() in PAGE.read_text(encoding="utf-8")

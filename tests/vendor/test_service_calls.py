"""Each service call of the vendor's clients, made once as admin and as anonymous, at two firmware versions.

What comes back is compared with the table and with `docs/vendor-clients.md`, which shows it call by call.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml

from emulator.config import load
from protocol.firmware import Version
from protocol.resources.registry import ENTRIES
from tests.vendor import report
from tests.vendor.conftest import HERE, Clients, Taps
from tests.vendor.expectations import NOT_READ_BACK, REFUSALS, UNREAD, Gate, expected
from tests.vendor.sweeps import NEW, NEWEST, SWEEPS, TAP, Results, Sweep, runner

DOSSIER = HERE.parents[2] / "shared" / "protocol" / "resources.yaml"
PINS = "gpio.getGpioMode"
"""A call of 2.7.0 that is in no service list; the pin manager brings it."""

CHANGED_BY_ANYBODY = {
    "interface.loginWithUID",
    "interface.logout",
    "target.connect",
    "target.disconnect",
}
"""What anonymous may do that is no reading (D13). The other logins end with a code of their own, see `REFUSALS`."""

CALLS = {"2.7.0": 253 + 1, "alpha.105": 213}

Runner = Callable[[Sweep], Results]


def _pattern(text: str) -> str:
    """A path, or a request, without the instance that it names."""
    return re.sub(r"/(\{\w+\}|\d+)/(?=\d+$)", "/x/", text)


@pytest.fixture(scope="session")
def results(clients: Clients, taps: Taps) -> Runner:
    return runner(clients, taps)


@pytest.mark.parametrize("sweep", SWEEPS, ids=str)
def test_each_call_is_answered_as_the_table_says(results: Runner, sweep: Sweep) -> None:
    firmware = Version.parse(sweep.firmware)
    gate = Gate(replace(load(TAP).blueprint, firmware=firmware), sweep.user)
    observed = results(sweep)
    assert len(observed) == CALLS[sweep.client]
    codes = {
        name: (one.call, one.code, expected(gate.code(str(one.call)), name, sweep)) for name, one in observed.items()
    }
    assert not {name: answer for name, answer in codes.items() if answer[1] != answer[2]}, "call, observed, expected"


@pytest.mark.parametrize("sweep", [sweep for sweep in SWEEPS if sweep.user is None], ids=str)
def test_anonymous_changes_nothing(results: Runner, sweep: Sweep) -> None:
    done = {name: str(one.call) for name, one in results(sweep).items() if one.code == 0}
    assert {name for name, call in done.items() if not call.startswith("GET ")} == CHANGED_BY_ANYBODY


@pytest.mark.parametrize("sweep", SWEEPS, ids=str)
def test_each_answer_can_be_read(results: Runner, sweep: Sweep) -> None:
    trouble = {name for name, one in results(sweep).items() if one.trouble}
    assert trouble == {name for client, name in UNREAD if client == sweep.client}


@pytest.mark.parametrize("sweep", SWEEPS, ids=str)
def test_what_is_written_is_read_back(results: Runner, sweep: Sweep) -> None:
    differing = {
        name: one.read_back for name, one in results(sweep).items() if one.read_back and not one.read_back["same"]
    }
    assert differing.keys() <= {name for client, name in NOT_READ_BACK if client == sweep.client}, differing


def test_no_exception_is_out_of_date(results: Runner) -> None:
    swept = {sweep: results(sweep) for sweep in SWEEPS}
    refusals = [(name, one) for name, given in REFUSALS.items() for one in given]
    met = [
        (name, one)
        for name, one in refusals
        if any(one.concerns(sweep) and name in seen and seen[name].code == one.code for sweep, seen in swept.items())
    ]
    differing = {
        (sweep.client, name)
        for sweep, observed in swept.items()
        for name, one in observed.items()
        if one.read_back and not one.read_back["same"]
    }
    assert met == refusals
    assert differing == NOT_READ_BACK.keys()


def test_each_call_has_a_row(results: Runner) -> None:
    rows = {f"{entry.call.method.name} {_pattern(entry.resource.pattern)}" for entry in ENTRIES}
    for sweep in (SWEEPS[0], SWEEPS[-1]):
        calls = {_pattern(str(one.call)) for one in results(sweep).values()}
        assert calls <= rows


def test_calls_are_those_of_the_dossier(results: Runner) -> None:
    if not DOSSIER.is_file():
        pytest.skip(f"{DOSSIER.name} is not here")
    rows = yaml.safe_load(DOSSIER.read_text(encoding="utf-8"))
    known = {f"{row['service']}.{row['name']}" for row in rows if "tap-2.7.0" in row["clients"]}
    assert set(results(Sweep(NEW, NEWEST, "admin"))) == known | {PINS}


def test_page_is_up_to_date(results: Runner) -> None:
    written = report.PAGE.read_text(encoding="utf-8") if report.PAGE.is_file() else ""
    assert written == report.page(results), f"docs/{report.PAGE.name} is out of date: run {report.COMMAND}"

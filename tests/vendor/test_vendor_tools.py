"""The tools of the vendor's clients: configurator, data manager, data logger and the others, unmodified, over TCP.

A tool is run by a function in `cases/*.mjs`; the table in `tools.py` says against which Tap and with which outcome.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from emulator.commands.firmware import pack
from protocol.firmware import Version
from tests.vendor.conftest import Clients, Taps, url_of
from tests.vendor.tools import RUNS, Run

pytestmark = pytest.mark.slow


def _name(run: Run) -> str:
    return f"{run.case}-{run.does}-{run.client}"


def _prepared(run: Run, folder: Path) -> dict[str, Any]:
    """The arguments of a case: what stands in files, and an update file where a version is meant."""
    arguments = {key: _read(value) for key, value in run.arguments.items()}
    if "packet" in arguments:
        update = folder / "update.bin"
        pack(Version.parse(arguments["packet"]), update, None)
        arguments["packet"] = str(update)
    return arguments


def _read(value: Any) -> Any:
    if isinstance(value, Path):
        return json.loads(value.read_text(encoding="utf-8"))
    return [_read(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("run", RUNS, ids=_name)
def test_tool(clients: Clients, taps: Taps, run: Run, tmp_path: Path) -> None:
    if run.needs is not None and not run.needs.is_file():
        pytest.skip(f"{run.needs.name} is not here")
    arguments = _prepared(run, tmp_path)
    with taps.borrow(run.tap, run.firmware, keep=not run.alters) as server:
        result = clients.ask(name=run.case, client=run.client, url=url_of(server), firmware=run.firmware, **arguments)
        if "error" in result:
            pytest.fail(f"{result['error']}\n\n{server.log.read_text(encoding='utf-8')}", pytrace=False)
    assert result.get("observed") == run.observed
    assert result["exchanges"] == run.exchanges or (run.exchanges is None and result["exchanges"] > 0)

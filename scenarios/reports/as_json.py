"""The report as JSON: a list of runs, see `Outcome.as_json`."""

import json
from collections.abc import Iterable

from scenarios.run.outcome import Outcome


def as_json(outcomes: Iterable[Outcome]) -> str:
    """The report as text."""
    runs = [outcome.as_json() for outcome in outcomes]
    return json.dumps({"ok": all(run["ok"] for run in runs), "runs": runs}, indent=2, default=str) + "\n"

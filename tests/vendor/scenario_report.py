"""The part of `docs/vendor-clients.md` about the client under scenarios."""

from typing import Final

from emulator.commands.tables import markdown_table
from scenarios.catalogue import FOLDER
from scenarios.loading import load
from tests.vendor.scenarios.cases import CASES, Case, Verdict

_HEAD: Final = """## Under scenarios

@iotize/tap 2.7.0, unmodified and with its own time limits (500 ms for each answer), talks to a Tap that plays scenarios
of the [library](scenario-library.md). The tests repeat it and compare each value and each error. Over `tcp` the
transport is ours, and gives what one read of the socket brings as the answer; over `ws` it is the vendor's own. Other
versions of the client, and what an application around it makes of an error, were not looked at.
"""

_COUNTED: Final[dict[Verdict, str]] = {
    "wrong data accepted": "wrong data reach the program",
    "data lost": "data are lost without an error",
    "needs a new session": "the program has to make a new session",
    "needs a new connection": "it has to connect again",
    "error, then goes on": "there is an error, and the next request works",
    "goes on": "nothing is to be done",
}
"""What a program around the client has to reckon with, the worst first."""


def section() -> str:
    """The section: a summary, and a row for each scenario."""
    order = list(_COUNTED)
    cases = sorted(CASES, key=lambda case: order.index(case.verdict))
    rows = ([_link(case), case.doing, case.does, f"**{case.verdict}**", case.link] for case in cases)
    header = ["scenario", "the client", "what it does", "in short", "link"]
    counts = [f"in {sum(case.verdict == verdict for case in CASES)} {text}" for verdict, text in _COUNTED.items()]
    return "\n".join([_HEAD, f"Of {len(CASES)} scenarios, {'; '.join(counts)}.\n", markdown_table(header, rows), ""])


def _link(case: Case) -> str:
    return f"{load(FOLDER / f'{case.scenario}.yaml').name} (`{case.scenario}`)"

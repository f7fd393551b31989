"""Findings as Markdown: a page for each, and an index."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from protocol.words import counted
from scenarios.fuzz.findings.finding import Finding
from scenarios.fuzz.findings.statistics import Statistics
from scenarios.fuzz.findings.words import tell_about, times
from scenarios.fuzz.judging.visible import visible

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")
_MOST: Final = 20_000
"""Characters of a client's output on its page; the file beside it has all."""


def page(finding: Finding) -> str:
    """The page of a finding."""
    parts = [
        f"# {plain(str(finding.verdict).capitalize())}: {plain(finding.detail)}",
        _list(
            {
                "case": plain(finding.case),
                "seen": f"{times(finding.count)}, first after {finding.first_seen:.1f} s",
                "played again": replayed(finding),
                "signature": plain(finding.signature),
            }
        ),
        "## What was mutated",
        "\n".join(f"- {plain(fault)}" for fault in finding.faults) or "Nothing.",
        "## How to see it again",
        fenced(finding.command, "sh"),
        f"Or with the scenario beside this page, and the client by hand: `tap-emulator serve --scenario "
        f"{'shrunk' if finding.shrunk else 'scenario'}.yaml`.",
        "## What was said",
        fenced("\n".join(finding.exchange), "text"),
        "## What the client printed",
        fenced(finding.output[-_MOST:], "text") if finding.output else "Nothing.",
    ]
    if finding.shrunk:
        parts += ["## The smallest scenario", fenced(finding.shrunk, "yaml")]
    return "\n\n".join(parts) + "\n"


def index_page(about: Mapping[str, Any], findings: Mapping[str, Finding], statistics: Statistics) -> str:
    """The index of a folder.

    Args:
        findings: by the names of their folders.
    """
    s = statistics
    parts = [
        "# Findings",
        _list({plain(name): plain(text) for name, text in tell_about(about).items()}),
        f"{counted(s.cases, 'case')} in {s.seconds:.1f} s ({s.rate:.0f} a second), seed {s.seed}; "
        f"{counted(len(findings), 'finding')}.",
        table(
            ("finding", "verdict", "what", "times", "case", "played again"),
            (
                (
                    f"[{plain(name)}]({quote(name)}/finding.md)",
                    str(finding.verdict),
                    plain(finding.detail),
                    str(finding.count),
                    plain(finding.case),
                    replayed(finding),
                )
                for name, finding in findings.items()
            ),
        )
        if findings
        else "Nothing was found.",
    ]
    for title, counts in (("verdict", s.by_verdict), ("call", s.by_call), ("mutator", s.by_mutator)):
        if counts:
            parts += [f"## By {title}", table((title, "cases"), ((plain(str(k)), str(v)) for k, v in counts.items()))]
    if s.coverage:
        rows = ((plain(row.state), plain(row.request), plain(row.answer), str(row.cases)) for row in s.coverage)
        parts += [f"## Coverage: {len(s.coverage)}", table(("state", "request", "answer", "cases"), rows)]
    return "\n\n".join(parts) + "\n"


def replayed(finding: Finding) -> str:
    """What came of playing a case again."""
    return {None: "not tried", True: "the same again", False: "not reproduced"}[finding.reproduced]


def plain(text: str) -> str:
    """Text in one line that Markdown shows as it is, whoever wrote it."""
    return _SPECIAL.sub(r"\\\1", " ".join(visible(text).split()))


def fenced(text: str, language: str) -> str:
    """A block of code, whatever is in it."""
    text = visible(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(items: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in items.items())

"""The report as one HTML file: a row for each finding, and a filter. It loads nothing, and works without scripts too.

What clients have printed is in it, so everything is escaped, and the page allows no script but its own.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from protocol.words import counted
from scenarios.fuzz.findings.finding import Finding, slug
from scenarios.fuzz.findings.markdown import replayed
from scenarios.fuzz.findings.statistics import Statistics
from scenarios.fuzz.findings.words import tell_about, times
from scenarios.fuzz.judging.visible import visible

_MOST: Final = 20_000
"""Characters of a client's output in the page; the folder has all."""

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
form { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
article { border: 1px solid #8886; border-radius: 6px; margin: .6rem 0; padding: .6rem 1rem; }
article h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
.verdict { background: #b3261e; border-radius: 4px; color: #fff; padding: 0 .4rem; }
pre { background: #8882; max-height: 30rem; overflow: auto; padding: .6rem; }
table { border-collapse: collapse; } td, th { border: 1px solid #8886; padding: .1rem .6rem; text-align: left; }
[hidden] { display: none; }
"""

_SCRIPT: Final = """
'use strict';
const form = document.getElementById('filter');
const articles = [...document.querySelectorAll('article')];
const has = (article, name, wanted) => !wanted || article.dataset[name].split(' ').includes(wanted);
function show() {
  const wanted = Object.fromEntries(new FormData(form));
  const words = wanted.text.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  for (const article of articles) {
    const text = article.textContent.toLowerCase();
    const fits = ['verdict', 'call', 'family'].every(name => has(article, name, wanted[name]))
      && words.every(word => text.includes(word));
    article.hidden = !fits;
    count += fits;
  }
  document.getElementById('count').textContent = `${count} of ${articles.length}`;
}
function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const control of form.elements) control.value = given.get(control.name) ?? '';
  show();
}
form.addEventListener('input', () => {
  const chosen = [...new FormData(form)].filter(([, value]) => value);
  history.replaceState(null, '', '#' + new URLSearchParams(chosen));
  show();
});
form.addEventListener('submit', event => event.preventDefault());
addEventListener('hashchange', read);
read();
"""


def report(about: Mapping[str, Any], findings: Mapping[str, Finding], statistics: Statistics) -> str:
    """The page.

    Args:
        findings: by the names of their folders.
    """
    s, all_of = statistics, list(findings.values())
    policy = f"default-src 'none'; style-src '{_hash(_STYLE)}'; script-src '{_hash(_SCRIPT)}'"
    known = "; ".join(f"{name}: {text}" for name, text in tell_about(about).items())
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        f'<meta name="viewport" content="width=device-width"><title>Findings</title><style>{_STYLE}</style></head>',
        f"<body><h1>Findings</h1><p>{_text(known)}</p>",
        f"<p>{counted(s.cases, 'case')} in {s.seconds:.1f} s ({s.rate:.0f} a second), seed {s.seed}.</p>",
        '<form id="filter">',
        _select("verdict", (slug(finding.verdict) for finding in all_of)),
        _select("call", (call for finding in all_of for call in finding.calls)),
        _select("family", (family for finding in all_of for family in finding.families)),
        '<label>text <input name="text" type="search"></label>',
        f'<span id="count">{len(findings)} of {len(findings)}</span></form>',
        *(_article(name, finding) for name, finding in findings.items()),
        *_statistics(s),
        f"<script>{_SCRIPT}</script></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _article(name: str, finding: Finding) -> str:
    return "\n".join(
        [
            f'<article data-verdict="{slug(finding.verdict)}" data-call="{_text(" ".join(finding.calls))}" '
            f'data-family="{_text(" ".join(finding.families))}">',
            f'<h2><span class="verdict">{_text(finding.verdict)}</span> {_text(finding.detail)}</h2>',
            f"<p>{_text(name)}, case <code>{_text(finding.case)}</code>, {times(finding.count)}, first after "
            f"{finding.first_seen:.1f} s, played again: {replayed(finding)}</p>",
            "<ul>",
            *(f"<li>{_text(fault)}</li>" for fault in finding.faults),
            "</ul>",
            f"<pre>{_text(finding.command)}</pre>",
            _details("what was said", "\n".join(finding.exchange)),
            _details("what the client printed", finding.output[-_MOST:]),
            _details("scenario", finding.scenario),
            _details("smallest scenario", finding.shrunk or ""),
            "</article>",
        ]
    )


def _statistics(statistics: Statistics) -> Iterable[str]:
    by = (("verdict", statistics.by_verdict), ("call", statistics.by_call), ("mutator", statistics.by_mutator))
    for title, counts in by:
        if counts:
            yield _table(f"by {title}", (title, "cases"), counts.items())
    if statistics.coverage:
        yield _table("coverage", ("state", "request", "answer", "cases"), statistics.coverage)


def _table(title: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = ["<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    return (
        f"<details><summary>{title} ({len(lines)})</summary><table><tr>{heads}</tr>{''.join(lines)}</table></details>"
    )


def _select(name: str, values: Iterable[str]) -> str:
    options = "".join(f"<option>{_text(value)}</option>" for value in sorted(set(values)))
    return f'<label>{name} <select name="{name}"><option value="">all</option>{options}</select></label>'


def _details(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary><pre>{_text(text)}</pre></details>" if text else ""


def _text(value: object) -> str:
    return escape(visible(str(value)))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

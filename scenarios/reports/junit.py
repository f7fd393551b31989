"""JUnit XML, as CI systems read it: a suite for each run of a scenario, a case for each step and verification."""

import re
from collections.abc import Iterable
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from scenarios.run.outcome import Outcome, Result

_NO_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML has no form for."""


def junit(outcomes: Iterable[Outcome]) -> str:
    """The report as text."""
    root = Element("testsuites")
    for outcome in outcomes:
        _suite(root, outcome)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, outcome: Outcome) -> None:
    results = list(outcome.results)
    suite = SubElement(
        root,
        "testsuite",
        name=_clean(outcome.name),
        tests=str(len(results) + bool(outcome.error)),
        failures=str(len(outcome.failures)),
        errors=str(int(bool(outcome.error))),
        skipped=str(len(outcome.skipped)),
        time=f"{outcome.duration:.6f}",
    )
    if outcome.file:
        suite.set("file", _clean(outcome.file))
    properties = SubElement(suite, "properties")
    known = {"seed": outcome.seed, "target": outcome.target, "virtual_duration": outcome.virtual_duration}
    for name, value in known.items():
        if value is not None:
            SubElement(properties, "property", name=name, value=_clean(str(value)))
    for result in results:
        _case(suite, outcome, result)
    if outcome.error:
        case = SubElement(suite, "testcase", name="run", classname=_clean(outcome.name))
        SubElement(case, "error", message=_clean(outcome.error))
    if outcome.journal and not outcome.ok:
        SubElement(suite, "system-out").text = _clean("\n".join(outcome.journal))


def _case(suite: Element, outcome: Outcome, result: Result) -> None:
    name = f"{result.client}: {result.text}" if result.client else result.text
    case = SubElement(suite, "testcase", name=_clean(name), classname=_clean(outcome.name), time="0")
    case.set("file", _clean(result.where))
    if result.status == "failed":
        SubElement(case, "failure", message=_clean(result.reason)).text = _clean(result.message)
    elif result.status == "skipped":
        SubElement(case, "skipped", message=_clean(result.reason))


def _clean(text: str) -> str:
    return _NO_XML.sub("�", text)

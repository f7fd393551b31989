"""Findings as JUnit XML: a suite for each family of mutators, a case for each finding and each mutator without one."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from protocol.words import counted
from scenarios.fuzz.findings.finding import Finding
from scenarios.fuzz.findings.statistics import Statistics
from scenarios.fuzz.findings.words import times
from scenarios.fuzz.grammar import BY_NAME
from scenarios.fuzz.judging.visible import visible

_NO_XML: Final = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST: Final = 4000
"""Characters of a client's output."""


def junit(findings: Mapping[str, Finding], statistics: Statistics) -> str:
    """The report as text.

    Args:
        findings: by the names of their folders.
    """
    suites: dict[str, list[Element]] = defaultdict(list)
    guilty = {mutator for finding in findings.values() for mutator in finding.mutators}
    for name, finding in findings.items():
        suites[finding.families[-1] if finding.families else "none"].append(_failed(name, finding))
    for mutator, cases in statistics.by_mutator.items():
        if mutator not in guilty:
            suites[_family(mutator)].append(_case(f"{mutator}: {counted(cases, 'case')}", mutator))
    root = Element("testsuites", name="fuzz", time=f"{statistics.seconds:.3f}")
    for family in sorted(suites):
        cases_of = suites[family]
        failures = sum(1 for case in cases_of if len(case))
        suite = SubElement(root, "testsuite", name=_clean(f"fuzz {family}"), tests=str(len(cases_of)))
        suite.attrib.update(failures=str(failures), errors="0", skipped="0", time="0")
        properties = SubElement(suite, "properties")
        SubElement(properties, "property", name="seed", value=str(statistics.seed))
        suite.extend(cases_of)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _failed(name: str, finding: Finding) -> Element:
    case = _case(name, finding.mutators[-1] if finding.mutators else "none")
    failure = SubElement(case, "failure", type=str(finding.verdict), message=_clean(finding.detail))
    faults = "\n".join(finding.faults)
    failure.text = _clean(f"{finding.detail}\n{faults}\nseen {times(finding.count)}\n{finding.command}\n")
    if finding.output:
        SubElement(case, "system-out").text = _clean(finding.output[-_MOST:])
    return case


def _family(mutator: str) -> str:
    known = BY_NAME.get(mutator)
    return mutator.partition(".")[0] if known is None else known.family


def _case(name: str, mutator: str) -> Element:
    return Element("testcase", name=_clean(name), classname=_clean(f"fuzz.{mutator}"), time="0")


def _clean(text: str) -> str:
    return _NO_XML.sub("�", visible(text))

"""Results as JUnit XML, as continuous integration servers read it.

A run is a test case: its class is scenario, runner and transport, its name the variant. A verdict that is not the
expected one is a ``failure`` with the diagnosis as its text; one that could not be found is an ``error``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from harness.report import AS_EXPECTED, UNKNOWN, Result, story

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(results: Sequence[Result]) -> str:
    """The results as one XML document."""
    bad = [result for result in results if result.exit_code != AS_EXPECTED]
    errors = sum(result.exit_code == UNKNOWN for result in bad)
    counts = {"tests": str(len(results)), "failures": str(len(bad) - errors), "errors": str(errors), "skipped": "0"}
    suites = ElementTree.Element("testsuites", {"name": "harness", **counts})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "harness", **counts})
    for result in results:
        settings = result.run.settings
        parts = [result.scenario, settings.get("on"), settings.get("transport")]
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": _xml(".".join(str(p) for p in parts if p)), "name": _xml(result.variant or result.scenario)},
        )
        if result.exit_code != AS_EXPECTED:
            kind = "error" if result.exit_code == UNKNOWN else "failure"
            why = ElementTree.SubElement(case, kind, {"type": result.verdict.verdict, "message": _xml(result.said())})
            why.text = _xml("\n".join(story(result)))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    """*text* without the characters that XML cannot hold."""
    return _NOT_XML.sub("?", text)

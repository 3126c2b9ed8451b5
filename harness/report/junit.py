"""Results as JUnit XML, as continuous integration servers read it.

A run is a test case: its class is scenario, runner and transport, its name the variant. Of several runs of one variant
the second is called ``VARIANT (2)``: readers take two cases of one name for one. A verdict that is not the
expected one is a ``failure`` with the diagnosis as its text; one that could not be found is an ``error``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from xml.etree import ElementTree

from harness.report.text import AS_EXPECTED, UNKNOWN, Result, story

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(results: Sequence[Result]) -> str:
    """The results as one XML document."""
    bad = [result for result in results if result.exit_code != AS_EXPECTED]
    errors = sum(result.exit_code == UNKNOWN for result in bad)
    counts = {"tests": str(len(results)), "failures": str(len(bad) - errors), "errors": str(errors)}
    suites = ElementTree.Element("testsuites", {"name": "harness", **counts})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "harness", **counts, "skipped": "0"})
    taken: set[tuple[str, str]] = set()
    for result in results:
        settings = result.run.settings
        parts = [result.scenario, settings.get("on"), settings.get("transport")]
        classname, variant = _xml(".".join(str(p) for p in parts if p)), _xml(result.variant or result.scenario)
        names = (variant if n == 1 else f"{variant} ({n})" for n in count(1))
        name = next(name for name in names if (classname, name) not in taken)
        taken.add((classname, name))
        case = ElementTree.SubElement(suite, "testcase", {"classname": classname, "name": name})
        if result.exit_code != AS_EXPECTED:
            kind = "error" if result.exit_code == UNKNOWN else "failure"
            why = ElementTree.SubElement(case, kind, {"type": result.verdict.verdict, "message": _xml(result.said())})
            why.text = _xml("\n".join(story(result)))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    """*text* without the characters that XML cannot hold."""
    return _NOT_XML.sub("?", text)

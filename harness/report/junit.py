"""JUnit XML, as continuous integration servers read it.

A run is a test case: its class is scenario, runner and transport, its name the variant. Of several cases of one name
the second is called ``NAME (2)``: readers take two cases of one name for one. A verdict that is not the
expected one is a ``failure`` with the diagnosis as its text; one that could not be found is an ``error``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from xml.etree import ElementTree

from fakenw.journal.sentences import harmless_lines
from harness.report.text import AS_EXPECTED, UNKNOWN, Result, story


@dataclass(frozen=True, slots=True)
class JUnitCase:
    """A test case. *problem* is "failure" or "error"; empty, the case has passed."""

    classname: str
    name: str
    problem: str = ""
    type: str = ""
    message: str = ""
    text: str = ""


def case_of(result: Result) -> JUnitCase:
    settings = result.run.settings
    parts = [result.scenario, settings.get("on"), settings.get("transport")]
    classname, name = ".".join(str(part) for part in parts if part), result.variant or result.scenario
    if result.exit_code == AS_EXPECTED:
        return JUnitCase(classname, name)
    problem = "error" if result.exit_code == UNKNOWN else "failure"
    return JUnitCase(classname, name, problem, result.verdict.verdict, result.said(), "\n".join(story(result)))


def junit_xml(cases: Iterable[JUnitCase]) -> str:
    """The cases as one XML document."""
    suites = ElementTree.Element("testsuites", {"name": "harness"})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "harness"})
    taken: set[tuple[str, str]] = set()
    for case in cases:
        classname, plain = _xml(case.classname), _xml(case.name)
        names = (plain if n == 1 else f"{plain} ({n})" for n in count(1))
        name = next(name for name in names if (classname, name) not in taken)
        taken.add((classname, name))
        element = ElementTree.SubElement(suite, "testcase", {"classname": classname, "name": name})
        if case.problem:
            why = {"type": case.type, "message": _xml(case.message)}
            ElementTree.SubElement(element, case.problem, why).text = _xml(case.text)
    for counted in (suites, suite):
        for name, path in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
            counted.set(name, str(len(suite.findall(path))))
    suite.set("skipped", "0")
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    """*text* with the characters escaped that XML cannot hold, or that a reader could be fooled with."""
    return harmless_lines(text)

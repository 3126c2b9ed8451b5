"""docs/catalogue.md, from the scenarios themselves: ``python -m harness.cli.catalogue_page``.

Rules of this file:

* ``page`` is a pure function of the scenarios; ``make docs`` writes it, and a test compares the two.
* What cannot be a scenario is listed here, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from harness.scenario.catalogue import catalogue
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario


class Elsewhere(NamedTuple):
    """A documented case that is no scenario. *shown*: the tests of the server show it."""

    case: str
    source: str
    title: str
    why: str
    shown: bool = False


ELSEWHERE = (
    Elsewhere(
        "S24",
        "Microsoft KB Q157182",
        "a connection that is closed twice crashes the server",
        "a property of the server: ours answers the second destroy like the first, and its books do not move",
        shown=True,
    ),
    Elsewhere(
        "S27",
        "Microsoft KB Q125455, Q152401",
        "connection numbers above 255 are cut to eight bits",
        "a property of old stacks: ours gives and takes two bytes",
        shown=True,
    ),
    Elsewhere(
        "S34",
        "Microsoft KB Q309437",
        "components do not start on Terminal Server",
        "they do not start, so that there is no leak of several users to show",
    ),
    Elsewhere(
        "S35",
        "Microsoft KB Q295441",
        "the Logon Discovery Agent creates multiple connections",
        "only the title of the article is known (from the list in Q323206)",
    ),
)

_HEAD = """\
# The catalogue

Made by `make docs` from the files in `harness/scenario/scenarios/`: what stands here is what is run. Every documented
case of a client that keeps, multiplies, loses or gives away connections to NetWare servers. *Sourced* is what the
source says, *our reading* what it does not. The *cause* is one line of the mechanism; without it, and nothing else
changed, the outcome is another, which a test shows for each. Run one with `harness run S13`, tell it step by step with
`harness explain S13`, see what repairs would do to all of them with `harness matrix`.

A verdict is `released`, `reclaimed`, `leaked`, `interrupted` or `unknown` (README). *Fails* are further checks that are
expected to fail in that variant.
"""


def page(scenarios: Iterable[Scenario]) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for scenario in scenarios for line in _scenario(scenario)), *_elsewhere()]) + "\n"


def _scenario(scenario: Scenario) -> Iterator[str]:
    also = f" ({', '.join(scenario.known_as)})" if scenario.known_as else ""
    yield f"## {scenario.id}{also}: {scenario.title}\n"
    yield f"{scenario.source}.\n"
    parts = (("Sourced", scenario.sourced), ("Our reading", scenario.reading), ("About", scenario.description))
    for name, text in parts:
        if text:
            yield f"**{name}.** {' '.join(text.split())}\n"
    if scenario.cause:
        yield f"**Cause.** {scenario.cause.text}.\n"
    yield "| variant | | verdict | fails |"
    yield "|---|---|---|---|"
    over = {transport: scenario.plans(transport) for transport in ("udp", "tcp")}
    for udp, tcp in zip(over["udp"], over["tcp"], strict=True):
        yield f"| {udp.variant} | {udp.why} | {_verdict(udp, tcp)} | {', '.join(udp.fails)} |"
    yield ""


def _verdict(udp: Plan, tcp: Plan) -> str:
    return udp.expect if udp.expect == tcp.expect else f"{udp.expect} over UDP and IPX, {tcp.expect} over TCP"


def _elsewhere() -> Iterator[str]:
    yield "## Not a scenario\n"
    for case in ELSEWHERE:
        shown = " The server's tests show it." if case.shown else ""
        yield f"- **{case.case}** ({case.source}): {case.title}. {case.why[0].upper()}{case.why[1:]}.{shown}"


if __name__ == "__main__":
    print(page(catalogue()), end="")

"""docs/repairs.md, from a search for a counterexample of each repair: ``python -m harness.cli.repairs_page``.

Rules of this file:

* The repairs are those of the matrix, on Q257223 as shipped, with half an hour for a release.
* The page is the same each time, on any number of workers; it takes minutes, and therefore is not a part of ``make
  docs``. A test makes some of its rows anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from fakenw.journal.record import SECOND
from harness.cli.exploring import schedule_lines
from harness.cli.matrix import AS_SHIPPED, REPAIRS
from harness.cli.progress import progress
from harness.cli.worker_options import workers_of
from harness.explore.exploration import Exploration, batches, run
from harness.explore.schedule import KINDS
from harness.explore.search import search
from harness.runners.workers import Workers
from harness.scenario.catalogue import find
from harness.scenario.plan import Plan
from harness.scenario.steps import Released

WITHIN = 1800 * SECOND
RUNS = 800
TRANSPORTS = ("udp", "tcp")

_HEAD = f"""\
# Does each repair hold under every schedule?

Made by `make repairs`, with the search of [`harness explore`](explore.md), which says what a counterexample is. Each
repair of the matrix is applied to Q257223 as shipped, with half an hour for a release, and {RUNS:,} schedules are tried
of each: jitter of the network and of steps, and at random moments up to four of these faults: {", ".join(KINDS)}.

*Held*: no schedule was a counterexample. *Explained* are the leaks, interruptions and reclaims of other schedules, for
which a fault is the reason and not the repair. Otherwise the smallest counterexample stands here. A repair by which the
server takes every license back does what it is for.

| repair | transport | |
|---|---|---|
"""


def page(pool: Workers, runs: int = RUNS) -> str:
    """The whole page, in Markdown."""
    explorations = [Exploration(_plan(name, transport)) for name in REPAIRS for transport in TRANSPORTS]
    with progress(runs * len(explorations)) as shown:
        for result in pool.map(search, batches(explorations, KINDS, None, 0, runs)):
            explorations[result.of].take(result)
            shown.show(max(1, sum(one.tried for one in explorations)), explorations[result.of].name)
    return _HEAD + "".join(f"{row(one)}\n" for one in explorations)


def row(one: Exploration) -> str:
    """The line of one repair on one transport."""
    return f"| `{one.plan.variant}`: {one.plan.why} | {one.plan.transport} | {_outcome(one)} |"


def explored(name: str, transport: str, runs: int) -> Exploration:
    """One repair on one transport, in this process."""
    one = Exploration(_plan(name, transport))
    for batch in batches([one], KINDS, None, 0, runs):
        one.take(search(batch))
    return one


def _plan(name: str, transport: str) -> Plan:
    (plan,) = find("Q257223").plans(transport, [AS_SHIPPED], change=REPAIRS[name].change)
    within = {"within": WITHIN, "checks": (Released.model_construct(within=WITHIN),)}
    plan = plan.model_copy(update={"variant": name, "why": REPAIRS[name].title, "expect": "released", **within})
    verdict = run(plan, None)[0].verdict.verdict
    return plan.model_copy(update={"expect": "reclaimed"}) if verdict == "reclaimed" else plan


def _outcome(one: Exploration) -> str:
    if one.found is None:
        explained = sum(one.verdicts[verdict] for verdict in ("leaked", "interrupted", "reclaimed"))
        rest = f", {one.verdicts['unknown']} unknown" if one.verdicts["unknown"] else ""
        return f"held: {one.tried} schedules, of them {one.verdicts['released']} released, {explained} explained{rest}"
    example = run(one.found, None)[1]
    assert example is not None
    return f"**{example.kind}**, schedule {one.tried}: {'; '.join(_told(one.plan, one.found))}"


def _told(plan: Plan, found: Plan) -> Iterator[str]:
    yield from (line.strip().replace("  ", " ") for line in schedule_lines(plan, found))


def main() -> None:
    with workers_of(None, None) as pool:
        print(page(pool), end="")


if __name__ == "__main__":
    main()

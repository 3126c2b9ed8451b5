"""The matrix of repairs: the effect of each repair on each scenario.

Rules of this file:

* A repair changes the mechanism: the arbiter, APM, the redirector or the server. It is applied to a scenario's first
  variant, which is the one as shipped.
* A repair *cures* a scenario where every license is released in time and no work is interrupted.
* Its cost in another scenario is what is worse there than without it: the verdict, the licenses leaked or held at once,
  refusals, failed work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fakenw.journal.record import SECOND
from fakenw.journal.sentences import clock
from harness.judge.history import RunHistory
from harness.judge.usage import Usage
from harness.judge.verdict import Verdict, judge
from harness.runners import memory
from harness.scenario.plan import Plan
from harness.scenario.scenario import Change

AS_SHIPPED = "as-shipped"
RANK = ("released", "unknown", "reclaimed", "leaked", "interrupted")  # from the best to the worst


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair: its effect in one line, and the change."""

    title: str
    change: Change


def _repair(title: str, **change: Any) -> Repair:
    return Repair(title, Change.model_validate(change))


REPAIRS: Mapping[str, Repair] = {
    AS_SHIPPED: _repair("nothing is changed"),
    "counted": _repair("APM registers its use with the arbiter", arbiter={"counted": True}),
    "private": _repair("APM opens a connection of its own", apm={"private": True}),
    "retry": _repair("the arbiter asks again for a refused release, every minute", arbiter={"retry": "1m"}),
    "forced": _repair("the arbiter forces the release", arbiter={"forced": True}),
    "count-opens": _repair(
        "the redirector counts the components that use a connection", redirector={"count_opens": True}
    ),
    "idle-timeout": _repair(
        "the redirector releases a connection after 15 idle minutes", redirector={"idle_timeout": "15m"}
    ),
    "unlicense": _repair(
        "the redirector releases the license after 15 idle minutes", redirector={"unlicense_idle": "15m"}
    ),
    "clear-idle": _repair("the server clears a connection after 15 idle minutes", server={"clear_idle": "15m"}),
    "watchdog": _repair("the server's watchdog queries sooner", server={"watchdog": "15.7,9.9,5"}),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A scenario with a repair. ``wasted`` is the microseconds for which licenses were held and not needed."""

    scenario: str
    repair: str
    verdict: str
    leaked: int
    wasted: int
    peak: int
    denied: int
    work_failed: int

    @classmethod
    def of(cls, scenario: str, repair: str, run: RunHistory, verdict: Verdict) -> Cell:
        """The cell of one run."""
        usage, wasted = Usage(run), 0
        for history in run.histories:
            for holding in history.holdings:
                at = usage.of(history, holding).at
                end = history.held_until(holding)
                if at is not None:
                    wasted += max(0, end - max(at, holding.granted))
        failed = sum(record.event == "work-failed" for client in run.clients for record in client.journal.records)
        leaked, peak, denied = len(verdict.leaked), verdict.peak, verdict.denied
        return cls(scenario, repair, verdict.verdict, leaked, wasted, peak, denied, failed)

    @property
    def cured(self) -> bool:
        """Every license was released in time, and no work was interrupted."""
        return self.verdict in ("released", "reclaimed")

    def worse_than(self, shipped: Cell) -> list[str]:
        """In which ways this is worse than without the repair."""
        worse = []
        if RANK.index(self.verdict) > RANK.index(shipped.verdict):
            worse.append(f"{self.verdict} instead of {shipped.verdict}")
        if self.leaked > shipped.leaked:
            worse.append(f"{self.leaked} leaked instead of {shipped.leaked}")
        if self.peak > shipped.peak:
            worse.append(f"{self.peak} licenses at once instead of {shipped.peak}")
        if self.denied > shipped.denied:
            worse.append(f"{self.denied} refusals instead of {shipped.denied}")
        if self.work_failed > shipped.work_failed:
            worse.append(f"work failed {self.work_failed} times instead of {shipped.work_failed}")
        return worse

    def as_json(self) -> dict[str, Any]:
        """An entry of ``--json``; ``wasted`` is in seconds."""
        names = ("scenario", "repair", "verdict", "leaked", "peak", "denied", "work_failed")
        return {**{name: getattr(self, name) for name in names}, "wasted": self.wasted / SECOND}

    def __str__(self) -> str:
        if self.verdict == "leaked":
            return f"{self.leaked} leaked {clock(self.wasted)}"
        return self.verdict


def cell(trial: tuple[str, Plan]) -> Cell:
    """Carry out the plan of a scenario with the repair of that name."""
    repair, plan = trial
    run = RunHistory.of(memory.run(plan))
    return Cell.of(plan.scenario, repair, run, judge(run, plan.within / SECOND))


def lines(cells: Sequence[Cell], width: int | None = None) -> Iterator[str]:
    """The matrix as a table: a row per scenario, a column per repair, an exclamation mark where the repair harms.

    What does not fit into *width* columns is a table of its own below.
    """
    table = {(cell.scenario, cell.repair): cell for cell in cells}
    scenarios = list(dict.fromkeys(cell.scenario for cell in cells))
    repairs = list(dict.fromkeys(cell.repair for cell in cells))
    rows = [["", *repairs]]
    for scenario in scenarios:
        shipped = table.get((scenario, AS_SHIPPED))
        row = [scenario]
        for repair in repairs:
            cell = table[scenario, repair]
            row.append(f"{cell}{' !' if shipped and cell.worse_than(shipped) else ''}")
        rows.append(row)
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for number, shown in enumerate(_tables(widths, width)):
        if number:
            yield ""
        for row in rows:
            yield "  ".join(row[n].ljust(widths[n]) for n in shown).rstrip()


def _tables(widths: Sequence[int], width: int | None) -> Iterator[list[int]]:
    """The columns of each table: the first, and as many others as fit into *width*; all where that is None."""
    shown = [0]
    for n in range(1, len(widths)):
        if width is not None and len(shown) > 1 and sum(widths[one] + 2 for one in [*shown, n]) - 2 > width:
            yield shown
            shown = [0]
        shown.append(n)
    yield shown


def answer(cells: Sequence[Cell], scenario: str) -> dict[str, dict[str, list[str]]]:
    """The repairs that cure *scenario*: what each makes worse elsewhere, by scenario."""
    table = {(cell.scenario, cell.repair): cell for cell in cells}
    others = [name for name in dict.fromkeys(cell.scenario for cell in cells) if name != scenario]
    found: dict[str, dict[str, list[str]]] = {}
    for repair in dict.fromkeys(cell.repair for cell in cells):
        if repair != AS_SHIPPED and table[scenario, repair].cured:
            worse = {other: table[other, repair].worse_than(table[other, AS_SHIPPED]) for other in others}
            found[repair] = {other: what for other, what in worse.items() if what}
    return found


def conclusion(cells: Sequence[Cell], scenario: str) -> Iterator[str]:
    """The answer as sentences."""
    table = {(cell.scenario, cell.repair): cell for cell in cells}
    cures = answer(cells, scenario)
    if not cures:
        yield f"No repair here cures {scenario} without interrupting work."
        return
    others = [name for name in dict.fromkeys(cell.scenario for cell in cells) if name != scenario]
    yield f"{scenario} is cured, without interrupting work, by"
    for repair, worse in sorted(cures.items(), key=lambda item: (len(item[1]), table[scenario, item[0]].wasted)):
        waste = clock(table[scenario, repair].wasted)
        also = [other for other in others if not table[other, AS_SHIPPED].cured and table[other, repair].cured]
        text = f"  {repair}: {REPAIRS[repair].title}; unneeded for {waste}"
        yield text + (f"; also cures {', '.join(also)}" if also else "")
        for other, what in worse.items():
            yield f"    worse in {other}: {'; '.join(what)}"
        if not worse:
            yield "    costs nothing in the other scenarios"

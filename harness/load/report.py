"""The charts of a load, and the page that they stand in.

Rules of this file:

* A chart carries its own style, which knows light and dark: it stands in a page as well as in a README.
* It judges nothing: what is drawn are the numbers of outcomes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from fakenw.journal.record import SECOND
from harness.load.outcome import Outcome
from harness.report.chart import Scale, steps, ticks
from harness.report.rendering import render

LEFT, RIGHT, TOP, BOTTOM = 64, 884, 30, 226
LINES = (("a", "with the leak"), ("b", "without"))  # the kinds of a sweep's lines and their names


class Point(NamedTuple):
    """A run of a sweep: how many licenses there were, with the leak and without it."""

    licenses: int
    outcomes: tuple[Outcome, ...]


def over_time(outcome: Outcome) -> Markup:
    """Licenses in use against the limit, and refused attempts below, over the time of a load."""
    view = outcome.view
    series = view.series() if view else []
    if view is None or not series:
        return Markup("")
    fold = view.fold
    end = max(fold.end, series[-1][0] + view.slot)
    unit, every = ("h", 3600 * SECOND) if end > 3 * 3600 * SECOND else ("s", SECOND)
    x = Scale(0, end, LEFT, RIGHT)
    y = Scale(0, max(slot.limit for _, slot in series) * 1.1, BOTTOM, TOP)
    starts = [0, *(t + view.slot for t, _ in series)]
    return render(
        "load/templates/over_time.svg",
        title=f"Licenses in use: at most {fold.peak} of {fold.limit}; {view.refused} attempts were refused",
        x=x,
        y=y,
        ticks=ticks(x, max(1, round(end / every / 8)) * every, lambda t: f"{t // every} {unit}"),
        held=steps(((start, slot.held) for start, (_, slot) in zip(starts, series, strict=False)), x, y),
        limit=fold.limit,
        first_limit=y(series[0][1].limit),
        limits=steps(((t, slot.limit) for t, slot in series), x, y),
        refusals=[(t, slot.refused) for t, slot in series if slot.refused],
        bar=Scale(0, max(slot.refused for _, slot in series), BOTTOM, BOTTOM - 60),
    )


def sweep(points: Sequence[Point], title: str) -> Markup:
    """How many clients are refused, by how many licenses there are; with the leak and without."""
    places = [point.licenses for point in points]
    lines = [
        [len(one.statistics.clients_refused) for one in row] for row in zip(*(p.outcomes for p in points), strict=True)
    ]
    most = max(1, *map(max, lines))
    x, y = Scale(places[0], places[-1], LEFT, RIGHT), Scale(0, most * 1.1, BOTTOM, TOP)
    return render(
        "load/templates/sweep.svg",
        title=title,
        x=x,
        y=y,
        levels=sorted({0, round(most / 2), most}),
        places=places,
        lines=[
            (kind, name, "L".join(f"{x(at):g} {y(refused):g}" for at, refused in zip(places, line, strict=True)))
            for (kind, name), line in zip(LINES, lines, strict=False)
        ],
    )


def write(folder: Path, outcomes: Sequence[Outcome], text: Sequence[str], points: Sequence[Point], title: str) -> None:
    """``report.html``, ``results.json`` and, of a sweep, ``sweep.svg``. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = [over_time(outcome) for outcome in outcomes]
    if points:
        charts.insert(0, sweep(points, title))
        (folder / "sweep.svg").write_text(charts[0] + "\n", encoding="utf-8")
    (folder / "results.json").write_text(json.dumps([one.to_json() for one in outcomes], indent=2) + "\n", "utf-8")
    page = render("load/templates/report.html", title=title, text=text, charts=charts)
    (folder / "report.html").write_text(page + "\n", encoding="utf-8")

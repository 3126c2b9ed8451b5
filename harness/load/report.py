"""A load as a picture, and the report that it stands in.

Rules of this file:

* A picture carries its own style, which knows light and dark: it stands in a page as well as in a README.
* It judges nothing: what is drawn are the numbers of outcomes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from fakenw.journal.record import SECOND
from harness.load.outcome import Outcome
from harness.report.markup import Markup, tag

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 260, 64, 16, 30, 34
COLOURS = ("a", "b")
STYLE = """
svg { font: 12px system-ui, "Liberation Sans", "DejaVu Sans", sans-serif; --paper: #fff; --ink: #1c2126;
  --faint: #5c6670; --line: #d5dade; --a: #b3261e; --b: #17692f; --held: #3f7fbf; }
@media (prefers-color-scheme: dark) { svg { --paper: #14181b; --ink: #e4e8eb; --faint: #9aa5ae; --line: #343c42;
  --a: #ff8a80; --b: #6fce8a; --held: #4d93d9; } }
.paper { fill: var(--paper); } text { fill: var(--ink); } .faint { fill: var(--faint); }
.grid { stroke: var(--line); stroke-width: 1; fill: none; }
.a { stroke: var(--a); fill: none; stroke-width: 2; } .b { stroke: var(--b); fill: none; stroke-width: 2;
  stroke-dasharray: 6 3; } .limit { stroke: var(--faint); fill: none; stroke-dasharray: 2 3; }
.held { fill: var(--held); fill-opacity: .35; stroke: var(--held); stroke-width: 1.5; } .refused { fill: var(--a); }
"""


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
    top, most = max(slot.limit for _, slot in series) * 1.1, max([1, *(slot.refused for _, slot in series)])
    x, y = _scale(end, LEFT), _height(top)
    held = f"M{LEFT} {y(0)}" + "".join(f"V{y(slot.held)}H{x(min(end, t + view.slot))}" for t, slot in series)
    limit = f"M{LEFT} {y(series[0][1].limit)}" + "".join(f"H{x(t)}V{y(slot.limit)}" for t, slot in series)
    bars = [
        tag(
            "rect",
            x=x(t),
            y=_n(HEIGHT - BOTTOM - 60 * slot.refused / most),
            width=2.5,
            height=_n(60 * slot.refused / most),
        )
        for t, slot in series
        if slot.refused
    ]
    hours = end > 3 * 3600 * SECOND
    unit, every = ("h", 3600 * SECOND) if hours else ("s", SECOND)
    step = max(1, round(end / every / 8))
    ticks = [(n, x(n * every)) for n in range(0, int(end / every) + 1, step)]
    said = f"Licenses in use: at most {fold.peak} of {fold.limit}; {view.refused} attempts were refused"
    return _picture(
        said,
        *(tag("path", d=f"M{at} {TOP}V{HEIGHT - BOTTOM}", class_="grid") for _, at in ticks),
        *(tag("text", f"{n} {unit}", x=at, y=HEIGHT - 12, class_="faint") for n, at in ticks),
        tag("path", d=f"{held}V{y(0)}Z", class_="held"),
        tag("path", d=f"{limit}H{x(end)}", class_="limit"),
        tag("g", *bars, class_="refused"),
        tag("text", fold.limit, x=LEFT - 6, y=float(y(fold.limit)) + 4, text_anchor="end"),
    )


def sweep(points: Sequence[Point], title: str) -> Markup:
    """How many clients are refused, by how many licenses there are; with the leak and without."""
    first, last = points[0].licenses, points[-1].licenses
    refused = [[len(one.statistics.clients_refused) for one in point.outcomes] for point in points]
    top = max(1, *(n for row in refused for n in row)) * 1.1
    x, y = _scale(max(1, last - first), LEFT), _height(top)
    lines = []
    names = ("with the leak", "without")
    for which in range(len(points[0].outcomes)):
        spots = [(x(point.licenses - first), y(row[which])) for point, row in zip(points, refused, strict=True)]
        path = "M" + "L".join(f"{a} {b}" for a, b in spots)
        lines.append(tag("path", d=path, class_=COLOURS[which]))
        lines.append(tag("path", d=f"M{WIDTH - 190} {TOP + 12 + 18 * which}h28", class_=COLOURS[which]))
        lines.append(tag("text", names[which], x=WIDTH - 155, y=TOP + 16 + 18 * which))
    marks = [0, *sorted({round(top / 1.1 * part) for part in (0.5, 1)})]
    return _picture(
        title,
        *(tag("path", d=f"M{LEFT} {y(mark)}H{WIDTH - RIGHT}", class_="grid") for mark in marks),
        *(tag("text", mark, x=LEFT - 6, y=float(y(mark)) + 4, text_anchor="end", class_="faint") for mark in marks),
        *(
            tag("text", point.licenses, x=x(point.licenses - first), y=HEIGHT - 12, text_anchor=anchor, class_="faint")
            for point, anchor in zip(points, ["start", *["middle"] * (len(points) - 2), "end"], strict=False)
        ),
        *lines,
    )


def write(folder: Path, outcomes: Sequence[Outcome], text: Sequence[str], points: Sequence[Point], title: str) -> None:
    """``report.html``, ``results.json`` and, of a sweep, ``sweep.svg``. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [over_time(outcome) for outcome in outcomes]
    if points:
        pictures.insert(0, sweep(points, title))
        (folder / "sweep.svg").write_text(pictures[0] + "\n", encoding="utf-8")
    (folder / "results.json").write_text(json.dumps([one.to_json() for one in outcomes], indent=2) + "\n", "utf-8")
    head = tag("head", tag("meta", charset="utf-8"), tag("title", title), tag("style", Markup(_PAGE)))
    body = tag("body", tag("h1", title), tag("pre", "\n".join(text)), *pictures)
    page = "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"
    (folder / "report.html").write_text(page, encoding="utf-8")


_PAGE = """:root { color-scheme: light dark; } body { max-width: 60rem; margin: 0 auto; padding: 1.5rem;
font: 15px/1.5 system-ui, "Liberation Sans", sans-serif; } pre { white-space: pre-wrap; } h1 { font-size: 1.4rem; }
svg { width: 100%; height: auto; margin: .5rem 0; }"""


def _picture(said: str, *drawn: Markup) -> Markup:
    return tag(
        "svg",
        tag("title", said),
        tag("style", Markup(STYLE)),
        tag("rect", width=WIDTH, height=HEIGHT, class_="paper"),
        tag("text", said, x=LEFT, y=18),
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
    )


def _scale(span: int, left: int) -> Callable[[float], str]:
    """Where a value stands from left to right."""
    return lambda value: _n(left + (WIDTH - left - RIGHT) * value / span)


def _height(top: float) -> Callable[[float], str]:
    """Where a value stands from the bottom up."""
    return lambda value: _n(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

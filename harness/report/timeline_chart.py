"""The charts of a run: the licenses in use over time, and a lane for each connection.

Rules of this file:

* It judges nothing and reads no clock: a chart is a function of the run and its verdict. Times are the server's.
* A state has its own pattern, so that it can be told without colour too. The colours are in the page's style, which
  knows light and dark.
* The worst connections, and then the first, have a lane with marks; from the fiftieth on a lane is a thin line, and
  all lines of one state are one element, so that a thousand connections make a small page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from fakenw.journal.record import SECOND
from fakenw.journal.sentences import clock
from harness.judge.captured import is_captured
from harness.judge.history import ClientLine, ConnectionHistory, RunHistory, ServerHistory
from harness.judge.usage import Usage
from harness.judge.verdict import Verdict
from harness.report.chart import Scale, steps, ticks
from harness.report.rendering import render

IN_FULL = 50
STATES = {  # and the name of each
    "attached": "attached",
    "authenticated": "authenticated",
    "licensed": "licensed",
    "unneeded": "licensed, but no longer needed",
}
_BAR, _USE, _GAP, _THIN = 12, 9, 7, 3  # heights, in units of the chart
_SEEN = 0.5  # a license that was unneeded only for the moment of its release is too narrow to be seen
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400)  # seconds
_MARKS = {
    "release-asked": "asked",
    "release-refused": "refused",
    "detach": "detached",
}

Segment = tuple[int, int, str]  # from, to, and which of STATES
Stretch = tuple[int, int, bool]  # from, to, and whether the use was closed


class Lane(NamedTuple):
    """A connection of a chart. Marks have their place, kind and title; uses the height of their lower end."""

    y: int
    name: str
    about: str
    bad: bool
    segments: list[Segment]
    marks: list[tuple[float, str, str]]
    uses: list[tuple[int, str, list[Stretch]]]


def licenses(server: ServerHistory) -> Markup:
    """Licenses in use against the limit, over one incarnation of a server."""
    used, limits = [(0, 0)], [(0, 0)]
    for record in server.records:
        for line, value in ((used, record.get("held")), (limits, record.get("limit"))):
            if isinstance(value, int) and value != line[-1][1]:
                line.append((record.t, value))
    limits = limits[1:] or limits  # it is told from the first line on
    peak, known = server.peak, not is_captured(server)  # a capture does not show the limit
    limit = server.limit if known else peak
    far = limit > 5 * max(peak, 1)  # then the chart ends a little above the peak
    top = max(peak, 1) * 1.4 if far else max(1, peak, *(value for _, value in limits))
    x, y = _time_scale(server), Scale(0, top, 128, 8)
    heights = [0, *([peak] if far or peak * 8 > top else []), *([] if far else [limit])]
    return render(
        "report/templates/licenses.svg",
        label=f"Licenses in use: {peak}{f' of {limit} licenses' if known else ''} of {server.name} at most, "
        f"{server.end // SECOND} s",
        x=x,
        y=y,
        ticks=_times(x),
        used=steps(used, x, y),
        limit=limit if known else None,
        limits=[] if far or not known else limits,
        steps=steps,
        heights=[h for h in dict.fromkeys(heights) if h in (0, limit) or far or (limit - h) * 8 > top],
    )


def connections(run: RunHistory, server: ServerHistory, verdict: Verdict) -> Markup:
    """The connections of one incarnation of a server: the worst of them first."""
    x, usage = _time_scale(server), Usage(run)
    worst = [held.history for held in (*verdict.interrupted, *verdict.leaked, *verdict.undecided, *verdict.reclaimed)]
    mine = list(dict.fromkeys([*(history for history in worst if history.server is server), *server.histories]))
    bad = set(map(id, worst))
    y, lanes = 4, []
    for history in mine[:IN_FULL]:
        lanes.append(_lane(history, usage, x, y, id(history) in bad))
        y += _BAR + _USE * len(lanes[-1].uses) + _GAP
    thin = mine[IN_FULL:]
    return render(
        "report/templates/connections.svg",
        label=f"{len(mine)} connections of {server.name}",
        x=x,
        ticks=_times(x),
        bottom=y + (_THIN * len(thin) + _GAP if thin else 0),
        bar=_BAR,
        states=STATES,
        lanes=lanes,
        thin=len(thin),
        thin_y=y,
        paths=_thin_paths(thin, usage, x, y),
    )


def _time_scale(server: ServerHistory) -> Scale:
    return Scale(0, server.end, 170, 984)


def _times(x: Scale) -> list[tuple[float, str]]:
    """About eight ticks."""
    step = next((s for s in _STEPS if s * SECOND * 8 >= x.high), 86400 * (int(x.high) // (8 * 86400 * SECOND) + 1))
    return ticks(x, step * SECOND, clock)


def _lane(history: ConnectionHistory, usage: Usage, x: Scale, y: int, bad: bool) -> Lane:
    user = f" {history.user}" if history.user else ""
    client = history.client.name if history.client else "its own client"
    marks, free = [], 0.0  # from *free* on the next mark does not cover the last
    for said in history.lines:
        if said.record.event in _MARKS:
            files = said.record.get("files")
            why = f" ({', '.join(map(str, files))})" if isinstance(files, list) and files else ""
            by = f" by {said.record['by']}" if said.record.get("by") else ""
            at = max(x(said.t), free)
            free = at + 11
            title = f"{clock(said.t)} {said.record.event.replace('-', ' ')}{by}{why}"
            marks.append((at, _MARKS[said.record.event], title))
    return Lane(
        y,
        f"{history.connection}{user}",
        f"connection {history.connection} (serial {history.serial}){user}, {history.station}, {client}",
        bad,
        list(_visible(history, usage, x)),
        marks,
        [(y + _BAR + _USE * n, component, uses) for n, (component, uses) in enumerate(_uses(history).items(), 1)],
    )


def _thin_paths(histories: Sequence[ConnectionHistory], usage: Usage, x: Scale, y: int) -> dict[str, list[str]]:
    """By state, the parts of a path: a thin line for each connection."""
    paths: dict[str, list[str]] = {state: [] for state in STATES}
    for n, history in enumerate(histories):
        for start, end, state in _visible(history, usage, x):
            paths[state].append(f"M{x(start):g} {y + n * _THIN + 1}h{max(x(end) - x(start), 1):g}")
    return paths


def _visible(history: ConnectionHistory, usage: Usage, x: Scale) -> Iterator[Segment]:
    """The states of a connection that are wide enough."""
    return (s for s in _segments(history, usage) if s[2] != "unneeded" or x(s[1]) - x(s[0]) >= _SEEN)


def _segments(history: ConnectionHistory, usage: Usage) -> Iterator[Segment]:
    """A connection's states, one after the other; the part of a license that was no longer needed stands by itself."""
    unneeded = []
    for holding in history.holdings:
        need = usage.of(history, holding).at
        end = history.held_until(holding)
        if need is not None and end > max(need, holding.granted):
            unneeded.append((max(need, holding.granted), end))
    state, since = "attached", history.created
    moments = [(r.t, str(r.get("to"))) for r in history.server_lines("state")]
    last = history.server.end if history.ended is None else history.ended
    for t, to in [*moments, (last, "gone")]:
        if t > since and state in STATES:
            at = since
            for start, end in unneeded:
                start, end = max(start, since), min(end, t)
                if start < end:
                    if at < start:
                        yield at, start, state
                    yield start, end, "unneeded"
                    at = end
            if at < t:
                yield at, t, state
        state, since = to, t


def _uses(history: ConnectionHistory) -> dict[str, list[Stretch]]:
    """The uses of a connection by component. Of a user's own client: its open files."""
    last = history.server.end if history.ended is None else history.ended
    if history.client is None:
        files = [(f.opened, last if f.shut is None else f.shut, f.shut is not None) for f in history.files]
        return {"files": files} if files else {}
    found: dict[str, list[Stretch]] = {}
    opened: dict[str, list[ClientLine]] = {}
    for said in history.lines:
        component, _, verb = said.record.event.rpartition("-")
        if verb == "open" and component:
            opened.setdefault(component, []).append(said)
            found.setdefault(component, [])
        elif verb == "close" and opened.get(component):
            found[component].append((opened[component].pop(0).t, said.t, True))
    for component, left in opened.items():
        found[component] += [(said.t, max(last, said.t), False) for said in left]
    return found

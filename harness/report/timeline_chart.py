"""Pictures of a run, as SVG to stand in a page: the licenses in use over time, and a lane for each connection.

Rules of this file:

* It judges nothing and reads no clock: a picture is a function of the run and its verdict. Times are the server's.
* What a state is can be seen without colour too: each has its own pattern. The colours are in the page's style, which
  knows light and dark.
* The worst connections, and then the first, have a lane with marks; from the fiftieth on a lane is a thin line, and
  all lines of one state are one element, so that a thousand connections make a small page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from fakenw.journal.record import SECOND
from fakenw.journal.sentences import clock
from harness.judge.history import ClientLine, ConnectionHistory, RunHistory, ServerHistory
from harness.judge.usage import Usage
from harness.judge.verdict import Verdict
from harness.report.markup import Markup, tag

IN_FULL = 50
STATES = {  # and what each is called
    "attached": "attached",
    "authenticated": "authenticated",
    "licensed": "licensed",
    "unneeded": "licensed, but no longer needed",
}
WIDTH, LEFT, RIGHT = 1000, 170, 16  # units of the picture: all of it, names to the left, nothing to the right
_SPAN = WIDTH - LEFT - RIGHT
_CHART, _AXIS = 120, 22
_BAR, _USE, _GAP, _THIN = 12, 9, 7, 3
_SEEN = 0.5  # that a license was unneeded for the moment of its release is nothing to be seen
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400)  # seconds
_MARKS = {
    "release-asked": "asked",
    "release-refused": "refused",
    "detach": "detached",
}

Segment = tuple[int, int, str]  # from, to, and which of STATES


def definitions() -> Markup:
    """The patterns and marks that pictures use; once in a page, before the first of them."""

    def pattern(name: str, *drawn: Markup) -> Markup:
        ground = tag("rect", width=8, height=8, class_=f"ground-{name}")
        return tag("pattern", ground, *drawn, id=name, width=8, height=8, patternUnits="userSpaceOnUse")

    def mark(name: str, path: str) -> Markup:
        return tag("path", id=f"mark-{name}", d=path)

    return tag(
        "svg",
        tag(
            "defs",
            pattern("attached", tag("circle", cx=2, cy=2, r=1), tag("circle", cx=6, cy=6, r=1)),
            pattern("authenticated", tag("path", d="M-2 2L2 -2M0 8L8 0M6 10L10 6")),
            pattern("licensed"),
            pattern("unneeded", tag("path", d="M0 0L8 8M8 0L0 8")),
            mark("asked", "M0 -7L5 2H-5Z"),
            mark("refused", "M-4 -4L4 4M4 -4L-4 4"),
            mark("detached", "M-5 -2H5L0 7Z"),
        ),
        width=0,
        height=0,
        class_="definitions",
        aria_hidden="true",
    )


def legend() -> Markup:
    """What the patterns and marks mean."""
    swatches = [
        tag("li", tag("svg", tag("rect", width=24, height=_BAR, class_=name), width=24, height=_BAR), " ", text)
        for name, text in STATES.items()
    ]
    marks = {"asked": "release asked for", "refused": "release refused", "detached": "let go by the redirector"}
    swatches += [
        tag("li", tag("svg", _mark(name, 8, 8), width=16, height=16), " ", text) for name, text in marks.items()
    ]
    use = tag("svg", tag("path", d="M1 1V7M1 4H23M23 1V7", class_="use"), width=24, height=8)
    return tag("ul", *swatches, tag("li", use, " in use by a component, from open to close"), class_="legend")


def licenses(server: ServerHistory) -> Markup:
    """Licenses in use against the limit, over one life of a server."""
    scale = Scale(server.end)
    far = server.limit > 5 * max(server.peak, 1)  # then only what is used is drawn
    top = max(server.peak, 1) * 1.4 if far else max(server.limit, server.peak, 1)

    def y(held: int) -> str:
        return _n(8 + _CHART - _CHART * held / top)

    used, limits = [(0, 0)], [(0, 0)]
    for record in server.records:
        for line, value in ((used, record.get("held")), (limits, record.get("limit"))):
            if isinstance(value, int) and value != line[-1][1]:
                line.append((record.t, value))
    limits = limits[1:] or limits  # it is told from the first line on
    steps = _steps(used, scale, y)
    ground = f"M{LEFT} {y(0)}{steps}H{_n(scale.x(server.end))}V{y(0)}Z"
    limit = f"M{LEFT} {y(limits[0][1])}{_steps(limits, scale, y)}H{_n(scale.x(server.end))}"
    heights = [0, *([server.peak] if far or server.peak * 8 > top else []), *([] if far else [server.limit])]
    heights = [h for h in dict.fromkeys(heights) if h in (0, server.limit) or far or (server.limit - h) * 8 > top]
    edge = f"limit {server.limit}, far above" if far else "limit"
    said = f"{server.peak} of {server.limit} licenses of {server.name} at most, {server.end // SECOND} s"
    return _picture(
        8 + _CHART + _AXIS,
        f"Licenses in use: {said}",
        scale.grid(8 + _CHART),
        tag("path", d=ground, class_="used"),
        None if far else tag("path", d=limit, class_="limit"),
        *(tag("text", value, x=LEFT - 6, y=float(y(value)) + 4, class_="end") for value in heights),
        tag("text", edge, x=WIDTH - RIGHT, y=14 if far else float(y(server.limit)) + 14, class_="end limit-name"),
        tag("text", "licenses in use", x=0, y=8 + _CHART / 2 + 4),
        class_="licenses",
    )


def lanes(run: RunHistory, server: ServerHistory, verdict: Verdict) -> Markup:
    """The connections of one life of a server: the worst of them first."""
    scale, usage = Scale(server.end), Usage(run)
    worst = [held.history for held in (*verdict.interrupted, *verdict.leaked, *verdict.undecided, *verdict.reclaimed)]
    mine = dict.fromkeys([*(history for history in worst if history.server is server), *server.histories])
    full, thin = list(mine)[:IN_FULL], list(mine)[IN_FULL:]
    bad = set(map(id, worst))
    y, drawn = 4, []
    for history in full:
        lane, height = _lane(history, usage, scale, y, id(history) in bad)
        drawn.append(lane)
        y += height + _GAP
    if thin:
        drawn.append(_compact(thin, usage, scale, y))
        y += _THIN * len(thin) + _GAP
    said = f"{len(mine)} connections of {server.name}"
    return _picture(y + _AXIS, said, scale.grid(y), *drawn, class_="lanes")


class Scale:
    """From the server's time to the picture's width."""

    def __init__(self, end: int) -> None:
        self._end = max(end, 1)

    def x(self, t: int) -> float:
        """Where *t* is."""
        return LEFT + _SPAN * min(max(t, 0), self._end) / self._end

    def grid(self, bottom: float) -> Markup:
        """Lines and times, about eight of them."""
        step = next((s for s in _STEPS if s * SECOND * 8 >= self._end), 86400 * (self._end // (8 * 86400 * SECOND) + 1))
        drawn = []
        for t in range(0, self._end + 1, step * SECOND):
            x = _n(self.x(t))
            drawn.append(tag("path", d=f"M{x} 0V{_n(bottom + 4)}"))
            drawn.append(tag("text", clock(t), x=x, y=_n(bottom + 17)))
        return tag("g", *drawn, class_="grid")


def _lane(history: ConnectionHistory, usage: Usage, scale: Scale, y: int, bad: bool) -> tuple[Markup, int]:
    """A connection with its name, states, marks, and who used it when. And how high that is."""
    user = f" {history.user}" if history.user else ""
    name = f"{history.connection}{user}"
    who = history.client.name if history.client else "its own client"
    about = f"connection {history.connection} (serial {history.serial}){user}, {history.station}, {who}"
    drawn = [
        tag("title", about),
        tag("text", name if len(name) <= 24 else f"{name[:23]}…", x=0, y=y + _BAR - 2, class_="name"),
    ]
    for start, end, state in _segments(history, usage):
        x, right = scale.x(start), scale.x(end)
        if state == "unneeded" and right - x < _SEEN:
            continue
        title = tag("title", f"{STATES[state]}: {clock(start)} to {clock(end)}")
        drawn.append(tag("rect", title, x=_n(x), y=y, width=_n(max(right - x, 1.5)), height=_BAR, class_=state))
    free = 0.0  # where the next mark is not on top of the last
    for said in history.said:
        if said.record.event in _MARKS:
            files = said.record.get("files")
            why = f" ({', '.join(map(str, files))})" if isinstance(files, list) and files else ""
            by = f" by {said.record['by']}" if said.record.get("by") else ""
            title = tag("title", f"{clock(said.t)} {said.record.event.replace('-', ' ')}{by}{why}")
            x = max(scale.x(said.t), free)
            free = x + 11
            drawn.append(_mark(_MARKS[said.record.event], x, y + _BAR / 2, title))
    row = y + _BAR
    for component, uses in _uses(history).items():
        row += _USE
        drawn.append(tag("text", component, x=LEFT - 6, y=row - 1, class_="component"))
        drawn += [_use(component, start, end, closed, scale, row - 3) for start, end, closed in uses]
    return tag("g", *drawn, class_="lane bad" if bad else "lane"), row - y


def _use(component: str, start: int, end: int, closed: bool, scale: Scale, y: int) -> Markup:
    x, right = scale.x(start), max(scale.x(end), scale.x(start) + 2)
    title = tag("title", f"{component}: {clock(start)} to {clock(end)}{'' if closed else ', never closed'}")
    last = f"M{_n(right)} {y - 3}v6" if closed else "l-4 -3m4 3l-4 3"
    return tag("path", title, d=f"M{_n(x)} {y - 3}v6M{_n(x)} {y}H{_n(right)}{last}", class_="use")


def _compact(histories: Sequence[ConnectionHistory], usage: Usage, scale: Scale, y: int) -> Markup:
    """A thin line for each connection, and one element for each state."""
    paths: dict[str, list[str]] = {state: [] for state in STATES}
    for n, history in enumerate(histories):
        middle = y + n * _THIN + 1
        for start, end, state in _segments(history, usage):
            x = scale.x(start)
            if state == "unneeded" and scale.x(end) - x < _SEEN:
                continue
            paths[state].append(f"M{_n(x)} {middle}h{_n(max(scale.x(end) - x, 1))}")
    drawn = [tag("path", d="".join(parts), class_=f"thin {state}-line") for state, parts in paths.items() if parts]
    more = tag("text", f"and {len(histories)} more,", x=0, y=y + 10), tag("text", "a line each", x=0, y=y + 24)
    return tag("g", *more, *drawn, class_="compact")


def _segments(history: ConnectionHistory, usage: Usage) -> Iterator[Segment]:
    """The states a connection was in, one after the other; of a license that nobody needed that part by itself."""
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


def _uses(history: ConnectionHistory) -> dict[str, list[tuple[int, int, bool]]]:
    """Who used the connection: from, to, and whether the use was closed. Of a user's own client: its open files."""
    last = history.server.end if history.ended is None else history.ended
    if history.client is None:
        files = [(f.opened, last if f.shut is None else f.shut, f.shut is not None) for f in history.files]
        return {"files": files} if files else {}
    found: dict[str, list[tuple[int, int, bool]]] = {}
    opened: dict[str, list[ClientLine]] = {}
    for said in history.said:
        component, _, verb = said.record.event.rpartition("-")
        if verb == "open" and component:
            opened.setdefault(component, []).append(said)
            found.setdefault(component, [])
        elif verb == "close" and opened.get(component):
            found[component].append((opened[component].pop(0).t, said.t, True))
    for component, left in opened.items():
        found[component] += [(said.t, max(last, said.t), False) for said in left]
    return found


def _steps(line: Sequence[tuple[int, int]], scale: Scale, y: Callable[[int], str]) -> str:
    """Steps of a path; of many at one place only the highest, the lowest and the last."""
    places: dict[int, list[int]] = {}
    for t, value in line:
        places.setdefault(round(scale.x(t)), []).append(value)
    drawn = []
    for x, values in places.items():
        heights = [max(values), min(values), values[-1]] if values[1:] else values
        drawn.append(f"H{x}" + "".join(f"V{y(value)}" for value in heights))
    return "".join(drawn)


def _mark(name: str, x: float, y: float, *title: Markup) -> Markup:
    return tag("use", *title, href=f"#mark-{name}", x=_n(x), y=_n(y), class_=f"mark {name}")


def _picture(height: float, said: str, *drawn: Markup | None, class_: str) -> Markup:
    box = f"0 0 {WIDTH} {_n(height)}"
    return tag("svg", *drawn, viewBox=box, role="img", aria_label=said, class_=class_)


def _n(number: float) -> str:
    """A number as short as it can be."""
    return f"{number:.1f}".removesuffix(".0")

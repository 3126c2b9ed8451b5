"""The report of a command: one page for people, and the same for programs.

Rules of this file:

* ``report.html`` loads nothing and can do nothing: its policy allows its own style and its own script, and no other.
  Without a script it says just as much.
* Whatever comes from a scenario or over a wire goes through ``harness.report.markup``, which escapes it.
* Links are relative, so that the directory can be moved, or kept as an artifact.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from harness.report import timeline_chart
from harness.report.junit import junit
from harness.report.markup import Markup, joined, tag
from harness.report.text import Result, last_line, story

OPEN_AT_MOST = 12  # runs that ended as expected and are shown open
SHOWN = 20  # files of a run that have a link of their own


def write(folder: Path, results: Sequence[Result]) -> None:
    """Write ``report.html``, ``results.json`` and ``junit.xml`` into *folder*. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(page(results, folder), encoding="utf-8")
    (folder / "results.json").write_text(json.dumps([one.as_json() for one in results], indent=2) + "\n", "utf-8")
    (folder / "junit.xml").write_text(junit(results), encoding="utf-8")


def page(results: Sequence[Result], folder: Path) -> str:
    """The page, to stand in *folder*."""
    style, script = (Markup((resources.files("harness.report") / name).read_text("utf-8")) for name in _OURS)
    sources = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (style, script)]
    policy = f"default-src 'none'; style-src {sources[0]}; script-src {sources[1]}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", _title(results)),
        tag("style", style),
    )
    body = tag(
        "body",
        timeline_chart.definitions(),
        tag("header", tag("h1", _title(results)), tag("p", last_line(results), class_="last-line")),
        tag("main", _table(results), *(_run(result, n, len(results), folder) for n, result in enumerate(results, 1))),
        tag("script", script),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


_OURS = ("report.css", "report.js")


def _title(results: Sequence[Result]) -> str:
    verdicts = Counter(result.verdict.verdict for result in results)
    told = ", ".join(f"{count} {name}" for name, count in verdicts.items())
    scenarios = list(dict.fromkeys(result.scenario for result in results))
    about = scenarios[0] if len(scenarios) == 1 else f"{len(scenarios)} scenarios"
    return f"{about}: {told or 'no run'}"


def _table(results: Sequence[Result]) -> Markup:
    columns = ("scenario", "variant", "on", "transport", "verdict", "", "licenses", "leaked", "why this variant")
    rows = []
    for n, result in enumerate(results, 1):
        settings, verdict = result.run.settings, result.verdict
        cells = (
            result.scenario,
            tag("a", result.variant or "run", href=f"#run-{n}"),
            settings.get("on") or "",
            settings.get("transport") or "",
            _badge(result),
            _expected(result),
            f"{verdict.peak} of {verdict.limit}",
            len(verdict.leaked) or "",
            settings.get("why") or "",
        )
        rows.append(tag("tr", *(tag("td", cell) for cell in cells), class_=None if verdict.ok else "not-expected"))
    head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in columns)))
    return tag("div", tag("table", head, tag("tbody", *rows)), class_="wide")


def _badge(result: Result) -> Markup:
    return tag("span", result.verdict.verdict, class_=f"badge {result.verdict.verdict}")


def _expected(result: Result) -> Markup:
    return tag(
        "span", "✓ expected" if result.verdict.ok else "✗ not expected", class_="ok" if result.verdict.ok else "no"
    )


def _run(result: Result, n: int, count: int, folder: Path) -> Markup:
    name = " ".join(filter(None, [result.scenario, result.variant]))
    said = tag("span", result.said(), class_="ok" if result.verdict.ok else "no")
    summary = tag("summary", tag("h2", name), " ", _badge(result), " ", said)
    shown = not result.verdict.ok or count <= OPEN_AT_MOST
    told = tag("pre", "\n".join(story(replace(result, kept=None))), class_="story")
    parts = [_facts(result, folder), *_pictures(result), told]
    return tag("details", summary, *parts, open=shown, id=f"run-{n}", class_="run")


def _facts(result: Result, folder: Path) -> Markup:
    settings = result.run.settings
    told: dict[str, object] = {name: settings.get(name) for name in ("title", "source", "cause")}
    told["this variant"] = settings.get("why")
    told["run"] = ", ".join(
        f"{what} {settings[name]}"
        for name, what in (("on", "on"), ("transport", "over"), ("speed", "speed"), ("seed", "seed"))
        if settings.get(name) is not None
    )
    told["once more"] = tag("code", result.command) if result.command else None
    told["files"] = joined(*_files(result, folder)) or None
    pairs = [joined(tag("dt", name), tag("dd", text)) for name, text in told.items() if text]
    return tag("dl", *pairs)


def _files(result: Result, folder: Path) -> Iterator[Markup]:
    """Links to what was kept, and why there is no capture where there is none."""
    kept = Path(result.kept) if result.kept else None
    if kept is None or not kept.is_relative_to(folder):
        return
    names = sorted(kept.iterdir(), key=lambda path: (path.suffix != ".jsonl", path.name))
    first = [path for path in names if not path.name.startswith("client-")]
    clients = [path for path in names if path.name.startswith("client-")]

    def link(path: Path) -> Markup:
        return joined(tag("a", path.name, href=quote(path.relative_to(folder).as_posix())), " ")

    shown = (first + clients)[:SHOWN]
    yield from map(link, shown)
    if len(names) > len(shown):
        yield joined("and more in ", tag("a", "the directory", href=quote(kept.relative_to(folder).as_posix() + "/")))
    if not any(path.suffix == ".pcap" for path in names):
        where = result.run.settings.get("on")
        yield tag("span", f"no capture: {'in containers none is made' if where == 'containers' else 'none was made'}")


def _pictures(result: Result) -> Iterator[Markup]:
    """What each server saw, in each of its lives."""
    for server in result.run.servers:
        drawn = [timeline_chart.licenses(server)]
        if server.histories:
            drawn += [timeline_chart.lanes(result.run, server, result.verdict)]
        name = server.name if server.line == 1 else f"{server.name}, started again"
        yield tag("h3", name)
        yield tag("figure", *drawn)
    if result.run.servers:
        yield timeline_chart.legend()

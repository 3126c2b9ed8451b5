"""The report of a command: one page for people, and the same for programs.

Rules of this file:

* ``report.html`` loads nothing and can do nothing: its policy allows its own style and its own script, and no other.
  Without a script it says just as much.
* Links are relative, so that the directory can be moved, or kept as an artifact.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from harness.judge.captured import is_captured
from harness.report import timeline_chart
from harness.report.junit import case_of, junit_xml
from harness.report.rendering import render
from harness.report.text import Result, last_line, story

OPEN_AT_MOST = 12  # runs that ended as expected and are shown open
SHOWN = 20  # files of a run that have a link of their own


class KeptFiles(NamedTuple):
    """A run's files, relative to the report: those that have a link, and whether there are more, and a capture."""

    folder: Path
    links: list[Path]
    more: bool
    capture: bool


def write(folder: Path, results: Sequence[Result]) -> None:
    """Write ``report.html``, ``results.json`` and ``junit.xml`` into *folder*. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(page(results, folder), encoding="utf-8")
    (folder / "results.json").write_text(json.dumps([one.as_json() for one in results], indent=2) + "\n", "utf-8")
    (folder / "junit.xml").write_text(junit_xml(map(case_of, results)), encoding="utf-8")


def page(results: Sequence[Result], folder: Path) -> str:
    """The page, to stand in *folder*."""
    own = resources.files("harness.report") / "templates"
    style, script = (Markup((own / name).read_text("utf-8")) for name in ("report.css", "report.js"))
    sources = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (style, script)]
    return render(
        "report/templates/report.html",
        policy=f"default-src 'none'; style-src {sources[0]}; script-src {sources[1]}",
        style=style,
        script=script,
        title=_title(results),
        last_line=last_line(results),
        runs=[_run(result, folder, len(results) <= OPEN_AT_MOST) for result in results],
        charts=timeline_chart,
    )


def _title(results: Sequence[Result]) -> str:
    verdicts = Counter(result.verdict.verdict for result in results)
    counts = ", ".join(f"{count} {name}" for name, count in verdicts.items())
    scenarios = list(dict.fromkeys(result.scenario for result in results))
    about = scenarios[0] if len(scenarios) == 1 else f"{len(scenarios)} scenarios"
    return f"{about}: {counts or 'no run'}"


def _run(result: Result, folder: Path, few: bool) -> dict[str, Any]:
    """What the page shows of a run."""
    settings = result.run.settings
    words = (("on", "on"), ("over", "transport"), ("speed", "speed"), ("seed", "seed"))
    return {
        "result": result,
        "shown": few or not result.verdict.ok,
        "settings": ", ".join(f"{word} {settings[name]}" for word, name in words if settings.get(name) is not None),
        "kept": _kept(result, folder),
        "story": "\n".join(story(replace(result, kept=None))),
    }


def _kept(result: Result, folder: Path) -> KeptFiles | None:
    kept = Path(result.kept) if result.kept else None
    if kept is None or not kept.is_relative_to(folder):
        return None
    own = kept.glob("*.jsonl") if kept == folder else kept.iterdir()  # beside journals of captures stands the report
    files = sorted(
        (path.relative_to(folder) for path in own),
        key=lambda path: (path.name.startswith("client-"), path.suffix != ".jsonl", path.name),
    )
    capture = any(path.suffix == ".pcap" for path in files) or any(map(is_captured, result.run.servers))
    return KeptFiles(kept.relative_to(folder), files[:SHOWN], len(files) > SHOWN, capture)

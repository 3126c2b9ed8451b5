"""Results as Markdown for the page of a job, and as annotations of GitHub Actions.

Rules of this file:

* Text of a journal is inert in both: Markdown shows it as it is, and no command of the runner can be smuggled in.
  The commands are those of docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fakenw.journal.sentences import harmless
from harness.report.text import AS_EXPECTED, Result, last_line, story

_MARKS = re.compile(r"([\\`*_{}\[\]<>()#!|~&$])")
_ESCAPED = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_ESCAPED_IN_NAMES = {**_ESCAPED, ":": "%3A", ",": "%2C"}


def markdown(results: Sequence[Result]) -> str:
    """A table of the runs, the story of each that is not as expected, and the line that explains the exit code."""
    lines = ["| run | transport | verdict |", "|---|---|---|"]
    for result in results:
        cells = (result.name, str(result.run.settings.get("transport") or ""), result.said())
        lines.append(f"| {' | '.join(_plain(cell) for cell in cells)} |")
    for result in _wrong(results):
        told = [harmless(line) for line in story(result)]
        longest = max((len(run) for line in told for run in re.findall("~+", line)), default=0)
        fence = "~" * max(3, longest + 1)
        lines += ["", f"### {_plain(result.name)}", fence, *told, fence]
    return "\n".join([*lines, "", _plain(last_line(results)), ""])


def github_annotations(results: Sequence[Result]) -> list[str]:
    """An ``error`` for each run that is not as expected; GitHub shows its title and message beside the job."""
    found = []
    for result in _wrong(results):
        title = "".join(_ESCAPED_IN_NAMES.get(sign, sign) for sign in f"{harmless(result.name)}: {result.said()}")
        message = "\n".join(map(harmless, story(result)))
        found.append(f"::error title={title}::{''.join(_ESCAPED.get(sign, sign) for sign in message)}")
    return found


def _wrong(results: Iterable[Result]) -> Iterable[Result]:
    return (result for result in results if result.exit_code != AS_EXPECTED)


def _plain(text: str) -> str:
    """*text* on one line, in which nothing is Markdown or HTML."""
    return _MARKS.sub(r"\\\1", harmless(" ".join(text.split())))

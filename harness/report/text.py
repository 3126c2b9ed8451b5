"""Results as rows for a person, JSON for a program, and an exit code with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakenw.journal.record import FORMAT, SECOND, microseconds
from harness.judge.diagnosis import explain
from harness.judge.endings import IN_FULL, endings, raised
from harness.judge.history import RunHistory
from harness.judge.verdict import Verdict

AS_EXPECTED, NOT_EXPECTED, BAD_USAGE, UNKNOWN = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Result:
    """One run and its verdict. *kept* says where its journals are, if they were kept; *command* begins it again.

    *about* are more lines for people, and *more* further fields for programs.
    """

    run: RunHistory
    verdict: Verdict
    kept: str | None = None
    command: str = ""
    about: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scenario(self) -> str:
        return str(self.run.settings.get("scenario") or "journal")

    @property
    def variant(self) -> str:
        return str(self.run.settings.get("variant") or "")

    @property
    def name(self) -> str:
        """``SCENARIO VARIANT``."""
        return " ".join(filter(None, [self.scenario, self.variant]))

    @property
    def exit_code(self) -> int:
        """What this run alone makes of the exit code; an expected ``unknown`` is as good as any."""
        if self.verdict.ok:
            return AS_EXPECTED
        return UNKNOWN if self.verdict.told or self.verdict.verdict == "unknown" else NOT_EXPECTED

    @property
    def phases(self) -> dict[str, float]:
        """How long the parts of a run on real time took, in seconds; empty on memory."""
        return {
            str(record.get("name")): (microseconds(record.get("seconds")) or 0) / SECOND
            for record in self.run.runner_lines("phase")
        }

    def said(self) -> str:
        """``leaked, as expected`` or ``leaked, expected released``, and which checks failed or should have."""
        verdict = self.verdict
        if verdict.verdict != verdict.expected:
            return f"{verdict.verdict}, expected {verdict.expected}"
        surprises = [text for text in verdict.failed if text.partition(":")[0] not in verdict.may_fail]
        missing = sorted(verdict.may_fail - verdict.failing)
        if surprises or missing:
            return f"{verdict.verdict}, as expected, but {surprises[0] if surprises else f'{missing[0]} should fail'}"
        if verdict.proof.unproven:
            return f"{verdict.verdict}, as expected, but {verdict.proof.sentence()}"
        fails = f"; {' and '.join(sorted(verdict.failing))} fails as expected" if verdict.failing else ""
        return f"{verdict.verdict}, as expected{fails}"

    def as_json(self) -> dict[str, Any]:
        """An entry of ``--json``."""
        settings = self.run.settings
        return {
            "format": FORMAT,
            "scenario": self.scenario,
            "variant": self.variant,
            "on": settings.get("on"),
            "transport": settings.get("transport"),
            **self.verdict.as_json(),
            "seed": settings.get("seed"),
            "reason": self.verdict.reason,
            "problems": [str(problem) for problem in self.verdict.problems],
            "failed": self.verdict.failed,
            "notes": self.verdict.notes,
            **({"phases": self.phases} if self.phases else {}),
            **self.more,
        }


def table(results: Sequence[Result]) -> list[str]:
    """A line per result: variant, transport, verdict, licenses, why this variant."""
    rows = [
        (
            result.variant,
            str(result.run.settings.get("transport") or ""),
            result.said(),
            f"{len(result.verdict.leaked)} leaked" if result.verdict.leaked else "",
            str(result.run.settings.get("why") or ""),
        )
        for result in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[4]]).rstrip()
        for row in rows
    ]


def story(result: Result) -> list[str]:
    """The reasons of a verdict, in words."""
    verdict = result.verdict
    why = [f"  {line}" for line in explain(result.run, verdict)]
    told = why and not (verdict.verdict == "unknown" and raised(result.run))
    reason = verdict.reason.partition("; ")[0] if told else verdict.reason  # the rest is told at length
    lines = [f"{result.variant or result.scenario}: {verdict.verdict}: {reason}", *why]
    ends = [sentence for sentence in endings(result.run) if sentence not in reason]
    lines += [f"  {sentence}" for sentence in ends[:IN_FULL]]
    lines += [f"  and {len(ends) - IN_FULL} more"] if ends[IN_FULL:] else []
    lines += [f"  {problem}" for problem in result.verdict.problems[1:]]
    lines += [f"  {text}" for text in [*result.verdict.failed, *result.verdict.notes]]
    lines += ["", *result.about] if result.about else []
    if result.kept:
        lines.append(f"  journals: {result.kept}")
    return lines


def exit_code(results: Sequence[Result]) -> int:
    """1 before 3: a verdict that is wrong outweighs one without proof."""
    codes = {result.exit_code for result in results}
    return NOT_EXPECTED if NOT_EXPECTED in codes else UNKNOWN if UNKNOWN in codes else AS_EXPECTED


def last_line(results: Sequence[Result]) -> str:
    """The line that explains the exit code."""
    code = exit_code(results)
    bad = [result for result in results if result.exit_code == code]
    names = ", ".join(result.name for result in bad)
    count = f"{len(results)} run" if len(results) == 1 else f"{len(results)} runs"
    if code == AS_EXPECTED:
        return f"exit 0: every verdict is the expected one ({count})"
    if code == NOT_EXPECTED:
        return f"exit 1: not as expected: {names}"
    return f"exit 3: could not be told: {names}"

"""The books of a server, audited line by line.

Rules of this file:

* The audit keeps books of its own, by the table of ``harness.judge.policy_rules``; ``harness.judge.audited_server`` has
  those of one incarnation. Every line is compared with them.
* ``held`` is grants minus releases after every line, never below 0, never over the limit.
* A problem names its line; that of a missing line names the line that required it.
* A torn or missing end is tolerated: what the last moment of the journal lacks is no problem. Nor is the absence of
  what a reconstructed beginning (``harness.judge.cut_journal``) cannot have.
"""

from __future__ import annotations

from dataclasses import dataclass

from fakenw.journal.record import Journal, Record
from harness.judge.audited_fields import is_whole
from harness.judge.audited_server import AuditedServer

UNLIMITED = 1 << 40  # of a journal made from a capture, which shows no limit


@dataclass(frozen=True, slots=True)
class Problem:
    """A line at which the books do not balance. ``str()`` names the file and the line."""

    check: str  # books_balance or never_over_limit
    journal: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.journal}:{self.line}: {self.check}: {self.text}"


class Balance:
    """The running balance; a difference is reported where it begins, not on every line after it."""

    def __init__(self, *, limited: bool = True) -> None:
        self._limited = limited
        self._off = 0
        self._over = self._below = False

    def after(self, record: Record, counted: int) -> list[tuple[str, str]]:
        """The problems of ``held`` of a line, where *counted* is grants minus releases up to it.

        They are names of checks, each with a sentence.
        """
        held, limit = record.get("held"), record.get("limit") if self._limited else UNLIMITED
        if not is_whole(held) or not is_whole(limit):
            return [("books_balance", "expected the numbers held and limit")]
        most, least, off = max(held, counted), min(held, counted), held - counted
        found = []
        if off != self._off:
            found.append(("books_balance", f"held is {held}, but grants minus releases make {counted}"))
        if most > limit and not self._over:
            found.append(("never_over_limit", f"{most} units held, the limit is {limit}"))
        if least < 0 and not self._below:
            found.append(("books_balance", f"{least} units held: more was released than granted"))
        self._off, self._over, self._below = off, most > limit, least < 0
        return found


def books_balance(journal: Journal) -> list[Problem]:
    """Audit a server's journal: held = grants - releases, 0 <= held <= limit, and every line fits those before it."""
    problems: list[tuple[int, Problem]] = []

    def tell(line: int, text: str, check: str = "books_balance") -> None:
        problems.append((line, Problem(check, *journal.place(line), text)))

    for first, records in journal.incarnations():
        server, balance = AuditedServer(records[0], tell), Balance(limited=records[0].get("source") != "capture")
        for line, record in enumerate(records, first):
            server.line(line, record)
            for check, text in balance.after(record, server.held):
                tell(line, text, check)
        server.close()
    return [problem for _, problem in sorted(dict.fromkeys(problems), key=lambda found: found[0])]

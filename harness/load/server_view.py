"""The server's side of a load, from its journal alone: what was held when, who was refused, what came back.

Rules of this file:

* It reads line by line, as the journal grows, and keeps counts: a journal may have a million lines.
* ``held`` of every line must be grants minus releases, and never over the limit (``harness.judge.audit``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fakenw.journal.fold import Fold
from fakenw.journal.record import SECOND, Record
from harness.judge.audit import Balance

IN = ("licensed", "authenticated")
SLOTS = 240  # of a picture


@dataclass
class Slot:
    """A stretch of time: the most that was held, attempts that were refused, and by how many stations or users."""

    held: int = 0
    limit: int = 0
    refused: int = 0
    who: set[str] = field(default_factory=set)


class ServerView:
    """What a journal says about a load that lasts *lasts* microseconds."""

    def __init__(self, lasts: int) -> None:
        self.fold = Fold()
        self.slot = max(lasts // SLOTS, 1)
        self.slots: dict[int, Slot] = {}
        self.let_in = self.let_go = 0
        self.full_at: int | None = None  # when the last license went
        self.free_again: int | None = None  # when, after the last refusal, one was to be had again
        self.trouble: str | None = None  # the books do not balance
        self._balance = Balance()

    def saw(self, record: Record) -> None:
        """The next line."""
        fold, event, t = self.fold, record.event, record.t
        fold.saw(record)
        slot = self.slots.get(t // self.slot)
        if slot is None:
            slot = self.slots[t // self.slot] = Slot()
        slot.held, slot.limit = max(slot.held, fold.held), fold.limit
        if event == "grant" and fold.held == fold.limit and self.full_at is None:
            self.full_at = t
        elif event == "release" and fold.denials and self.free_again is None:
            self.free_again = t
        elif event == "state":
            self.let_in += record["to"] in IN and record["from"] not in IN
            self.let_go += record["to"] not in IN and record["from"] in IN and record["cause"] in ("logout", "destroy")
        elif event == "deny":
            self.free_again = None
            slot.refused += 1
            slot.who.add(record.get("user") or record["station"])
        if self.trouble is None and "held" in record.fields:
            for _, wrong in self._balance.after(record, fold):
                self.trouble = self.trouble or f"at {t / SECOND:.6f} {wrong}"

    @property
    def refused(self) -> int:
        """How many attempts were refused."""
        return self.fold.denials.total()

    @property
    def recovery(self) -> int | None:
        """Microseconds from the moment when the last license went until one was to be had for good."""
        if self.full_at is None or self.free_again is None:
            return None
        return self.free_again - self.full_at

    def series(self) -> list[tuple[int, Slot]]:
        """The slots in order, each with the time at which it begins."""
        return [(n * self.slot, slot) for n, slot in sorted(self.slots.items())]

"""The server's side of a load, from its journal alone: licenses held, refused and released.

Rules of this file:

* It reads line by line, as the journal grows, and stores only counts: a journal may have a million lines.
* ``held`` of every line must be grants minus releases, and never over the limit (``harness.judge.audit``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fakenw.journal.fold import Fold
from fakenw.journal.record import SECOND, Record
from harness.judge.audit import Balance

LOGGED_IN = ("licensed", "authenticated")  # states
SLOTS = 240  # of a chart


@dataclass
class Slot:
    """A part of the load's time: the most licenses held, the refused attempts, and the users or stations refused."""

    held: int = 0
    limit: int = 0
    refused: int = 0
    refused_stations: set[str] = field(default_factory=set)


class ServerView:
    """A load of *lasts* microseconds by the server's journal. ``granted`` and ``released`` count connections."""

    def __init__(self, lasts: int) -> None:
        self.fold = Fold()
        self.slot = max(lasts // SLOTS, 1)
        self.slots: dict[int, Slot] = {}
        self.granted = self.released = 0
        self.full_at: int | None = None  # when the last free license was granted
        self.free_again: int | None = None  # when a license was released, after the last refusal
        self.trouble: str | None = None  # the first error of the books
        self._balance = Balance()

    def saw(self, record: Record) -> None:
        """Add the next line."""
        fold, event, t = self.fold, record.event, record.t
        fold.count(record)
        slot = self.slots.get(t // self.slot)
        if slot is None:
            slot = self.slots[t // self.slot] = Slot()
        slot.held, slot.limit = max(slot.held, fold.held), fold.limit
        if event == "grant" and fold.held == fold.limit and self.full_at is None:
            self.full_at = t
        elif event == "release" and fold.denials and self.free_again is None:
            self.free_again = t
        elif event == "state":
            before, after = record["from"] in LOGGED_IN, record["to"] in LOGGED_IN
            self.granted += after and not before
            self.released += before and not after and record["cause"] in ("logout", "destroy")
        elif event == "deny":
            self.free_again = None
            slot.refused += 1
            slot.refused_stations.add(record.get("user") or record["station"])
        if self.trouble is None and "held" in record.fields:
            for _, wrong in self._balance.after(record, fold.held):
                self.trouble = self.trouble or f"at {t / SECOND:.6f} {wrong}"

    @property
    def refused(self) -> int:
        """The number of refused attempts."""
        return self.fold.denials.total()

    @property
    def recovery(self) -> int | None:
        """Microseconds from the grant of the last free license to the first release after the last refusal."""
        if self.full_at is None or self.free_again is None:
            return None
        return self.free_again - self.full_at

    def series(self) -> list[tuple[int, Slot]]:
        """The slots in order, each with its begin."""
        return [(n * self.slot, slot) for n, slot in sorted(self.slots.items())]

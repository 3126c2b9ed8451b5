"""The server's side of a load, from its journal alone: what was held when, who was refused, what came back.

Rules of this file:

* It reads line by line, as the journal grows, and keeps counts: a journal may have a million lines.
* The books are audited on the way: ``held`` of every line must be grants minus releases, and never over the limit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fakenw.records import Record
from harness.load.order import SECOND

IN = ("licensed", "authenticated")
SLOTS = 240  # of a picture


@dataclass
class Slot:
    """A stretch of time: the most that was held, attempts that were refused, and by how many stations or users."""

    held: int = 0
    limit: int = 0
    refused: int = 0
    who: set[str] = field(default_factory=set)


class Accounts:
    """What a journal says about a load that lasts *lasts* microseconds."""

    def __init__(self, lasts: int) -> None:
        self.slot = max(lasts // SLOTS, 1)
        self.slots: dict[int, Slot] = {}
        self.held = self.limit = self.peak = self.granted = self.refused = self.let_in = self.let_go = 0
        self.causes: Counter[str] = Counter()  # of releases
        self.full_at: int | None = None  # when the last license went
        self.free_again: int | None = None  # when, after the last refusal, one was to be had again
        self.holders: list[dict[str, Any]] | None = None  # at the end
        self.trouble: str | None = None  # the books do not balance
        self.last = 0

    def saw(self, record: Record) -> None:
        """The next line."""
        event, held = record.event, record.get("held")
        self.last = record.t
        if event == "grant":
            self.granted += 1
            self.held += 1
        elif event == "release":
            self.held -= 1
            self.causes[record["cause"]] += 1
            if self.refused:
                self.free_again = record.t if self.free_again is None else self.free_again
        elif event == "state":
            self.let_in += record["to"] in IN and record["from"] not in IN
            self.let_go += record["to"] not in IN and record["from"] in IN and record["cause"] in ("logout", "destroy")
        elif event == "stop":
            self.holders = record["holders"]
        if self.trouble is None and held is not None:
            self._audit(record, held)
        slot = self.slots.setdefault(record.t // self.slot, Slot(self.held))
        slot.held, slot.limit = max(slot.held, self.held), self.limit
        if event == "deny" and record["what"] in ("license", "slot", "account"):
            self.refused += 1
            self.free_again = None
            slot.refused += 1
            slot.who.add(record.get("user") or record["station"])

    def _audit(self, record: Record, held: int) -> None:
        self.limit = record["limit"]
        self.peak = max(self.peak, held)
        if held != self.held:
            self.trouble = (
                f"at {record.t / SECOND:.6f} the journal says that {held} are held; its lines make {self.held}"
            )
        elif held > self.limit:
            self.trouble = f"at {record.t / SECOND:.6f} there are {held} held, over the limit of {self.limit}"
        if held == self.limit and self.full_at is None and record.event == "grant":
            self.full_at = record.t

    @property
    def recovery(self) -> int | None:
        """Microseconds from the moment when the last license went until one was to be had for good."""
        if self.full_at is None or self.free_again is None:
            return None
        return self.free_again - self.full_at

    def series(self) -> list[tuple[int, Slot]]:
        """The slots in order, each with the time at which it begins."""
        return [(n * self.slot, slot) for n, slot in sorted(self.slots.items())]

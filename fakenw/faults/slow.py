"""Answers come late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fakenw.journal.record import SECOND


@dataclass(frozen=True, slots=True)
class SlowFault:
    """The answer comes *by* microseconds later, of one *ncp* (function, sub-function or None) or of all.

    Until then the answer to a repetition is "being processed".
    """

    what: ClassVar[str] = "slow"

    by: int
    ncp: tuple[int, int | None] | None = None

    def delays(self, ncp: tuple[int, int | None] | None) -> int:
        """By how much it delays the answer to a request."""
        return self.by if self.ncp in (None, ncp) else 0

    def numbers(self) -> dict[str, Any]:
        ncp = None if self.ncp is None else "/".join(str(part) for part in self.ncp if part is not None)
        return {"by": self.by / SECOND, **({} if ncp is None else {"ncp": ncp})}

"""Processor time of a process, by the scheduler: to the nanosecond, and whatever else the machine does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Self


class Scheduled(NamedTuple):
    """The seconds that a process has computed, and has waited for a processor."""

    computed: float
    waited: float

    @classmethod
    def of(cls, pid: int | None = None) -> Self:
        """Of the main thread of *pid*, or of this process, since it began (Linux, sched-stats.rst). Raises OSError."""
        computed, waited, _ = Path(f"/proc/{pid or os.getpid()}/schedstat").read_text(encoding="ascii").split()
        return cls(int(computed) / 1e9, int(waited) / 1e9)

    def since(self, before: Scheduled) -> Scheduled:
        return Scheduled(self.computed - before.computed, self.waited - before.waited)

    @property
    def share_waited(self) -> float:
        """Of the time in which it could compute."""
        return self.waited / ((self.computed + self.waited) or 1)

"""When a run on real time is over.

Rules of this file:

* A run goes on while a client does, except for clients that are judged by their idle time, ``idle_after``.
* After the clients' end a license that is held is waited for, as long as it may take to come back.
* A program of the user's own may have handed its work on. While a connection remains, or where its processes could
  not be followed, the servers are watched until no license was granted or released for that time; a license that is
  taken again counts. Where nothing remains that could take one, the run is over at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from fakenw.journal.record import SECOND
from harness.runners.journal_tail import JournalTail
from harness.scenario.plan import Plan

WATCHED_AT_MOST = 2  # times the time for a release: another client must not keep the run from ending


class RunEnd:
    """The end of one run, which began at *now*. Times are seconds of the monotonic clock.

    *followed*: the end of a client is that of all its processes.
    """

    def __init__(self, plan: Plan, tails: Sequence[JournalTail], followed: bool, now: float) -> None:
        self._plan, self._tails, self._followed = plan, tails, followed
        self._within = self._real(plan.patient_within)
        self._quiet_since = now  # when a journal last grew
        self._moves = self._count()
        self._moved_at = now  # when a license was last granted or released
        self._finished_at: float | None = None

    def is_reached(self, now: float, *, finished: bool, faults_pending: bool, slack: int = 0) -> bool:
        """Read the journals, and whether the run is over. *finished*: no client will do anything more.

        *slack*: microseconds beyond the time for a release in which the judge could not decide.
        """
        self._within = self._real(self._plan.patient_within + slack)
        grown = [tail.catch_up() for tail in self._tails]
        if any(grown):
            self._quiet_since = now
        if (moves := self._count()) != self._moves:
            self._moves, self._moved_at = moves, now
        if finished and not faults_pending:
            self._finished_at = now if self._finished_at is None else self._finished_at
            return self._is_settled(now, self._finished_at)
        self._finished_at = None
        return not finished and not faults_pending and self._is_idle(now)

    def _is_settled(self, now: float, finished_at: float) -> bool:
        held = any(tail.fold.held for tail in self._tails)
        if not self._plan.own():
            return not held or now - finished_at > self._within
        connected = any(tail.fold.connections for tail in self._tails)
        licensed = any(grants for grants, _ in self._moves)
        if not held and not (licensed and (connected or not self._followed)):
            return True
        watched = now - finished_at
        return now - max(finished_at, self._moved_at) > self._within or watched > WATCHED_AT_MOST * self._within

    def _is_idle(self, now: float) -> bool:
        if self._plan.idle_after is None or self._plan.scripted():
            return False
        # By the time of its "idle" line a holder has been idle for idle_after.
        idle = 0 if any(tail.fold.held for tail in self._tails) else self._real(self._plan.idle_after)
        return all(tail.idle for tail in self._tails) and now - self._quiet_since > idle + self._within

    def _count(self) -> list[tuple[int, int]]:
        """The grants and releases of each server."""
        return [(tail.fold.grants, tail.fold.releases.total()) for tail in self._tails]

    def _real(self, duration: int) -> float:
        """Microseconds of the server's time as real seconds."""
        return duration / SECOND / self._plan.speed

"""What is explored: a plan, its journals without any disturbance, and the same plan under a schedule.

Rules of this file:

* A rehearsal is the plan with jitter only. The times of its journals' lines are the moments that a fault may hit: just
  then, or between one and the next. So a gap of a millisecond between two requests is hit as often as one of an hour.
* Faults that the plan has of its own keep the times that they had in the rehearsal, also where they waited for a
  license.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from fakenw.journal.record import SECOND, Journal
from harness.explore.schedule import Jitter, Schedule, TimedFault, fault, in_order, places_of
from harness.judge.history import RunHistory
from harness.judge.writer_clock import Clock
from harness.runners import memory
from harness.scenario.plan import Plan
from harness.scenario.schedule import ScheduledFault


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The times of a run, in microseconds from the start of the clients, and the plan's own faults at theirs."""

    moments: tuple[int, ...]
    own: tuple[TimedFault, ...]


class Subject:
    """A *plan* that is explored."""

    def __init__(self, plan: Plan, stopped: Callable[[], bool] = lambda: False) -> None:
        self.plan, self._stopped = plan, stopped
        self.clients = [name for client in plan.clients for name in client.names()]
        self.servers = [server.name for server in plan.servers]
        self.places = places_of(plan.clients)
        self._rehearsals: dict[Jitter, Rehearsal] = {}

    def rehearse(self, jitter: Jitter) -> Rehearsal:
        """The run with *jitter* and nothing else."""
        if jitter not in self._rehearsals:
            journals = self.run(self._jittered(jitter))
            lines = [record for record in journals[0].records if record.event == "fault"]
            planned = [one for one in self.plan.scheduled_faults() if isinstance(one, ScheduledFault)]
            own = (
                (line.t, fault(one.verb, one.name, **one.arguments)) for line, one in zip(lines, planned, strict=False)
            )
            self._rehearsals[jitter] = Rehearsal(_moments(journals), tuple(own))
        return self._rehearsals[jitter]

    def under(self, schedule: Schedule) -> Plan:
        """The plan under *schedule*. Raises ValueError where its faults are impossible together."""
        if not schedule.is_possible():
            raise ValueError("a machine is switched off that is off")
        own = self.rehearse(schedule.jitter).own
        new = itertools.chain.from_iterable(one.faults() for one in schedule.disturbances)
        plan = self._jittered(schedule.jitter).model_copy(update={"faults": in_order(itertools.chain(own, new))})
        plan.scheduled_faults()
        return plan

    def run(self, plan: Plan) -> list[Journal]:
        return memory.run(plan, stopped=self._stopped)

    def _jittered(self, jitter: Jitter) -> Plan:
        changes = {"seed": self.plan.seed + jitter.seed, "clients": jitter.clients(self.plan.clients)}
        return self.plan.model_copy(update=changes)


def _moments(journals: list[Journal]) -> tuple[int, ...]:
    run = RunHistory.of(journals)
    runner = Clock.of(journals[0])
    times = {client.clock.to(runner, record.t) for client in run.clients for record in client.journal.records}
    times |= {server.clock.to(runner, record.t) for server in run.servers for record in server.records}
    return (*sorted(times), max(times) + SECOND)

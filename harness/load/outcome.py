"""The outcome of a load: the clients' counts beside the server's, and conditions on them.

Rules of this file:

* The clients' counts are compared with the journal. Where they differ the outcome is unknown.
* A leaked unit is one that the journal's last line names as held, and that by its client's statistics is not needed.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fakenw.config.field_types import duration
from fakenw.journal.record import SECOND
from harness.load.profile import percentile
from harness.load.server_view import ServerView
from harness.load.specification import LoadSpecification
from harness.load.statistics import LoadStatistics

_CONDITION = re.compile(r"\s*([a-z0-9_]+)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*")
_COMPARE = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass
class Outcome:
    """A load that was carried out. *seconds* are real time; *whole*: the load was not stopped before its end.

    *skipped*: microseconds before the first logon that were not waited for. The times of the journal begin behind them.
    """

    spec: LoadSpecification
    statistics: LoadStatistics
    view: ServerView | None
    seconds: float
    virtual: bool
    whole: bool = True
    skipped: int = 0

    def doubts(self) -> Iterator[str]:
        """The reasons for an unknown outcome: the books do not balance, or clients and journal do not agree."""
        view, statistics = self.view, self.statistics
        if view is None:
            yield "the server's journal cannot be read: give --admin"
            return
        if view.trouble:
            yield f"the books do not balance: {view.trouble}"
        if view.fold.holders is None:
            yield "the journal has no end"
            return
        for name in ("granted", "refused", "released"):
            by_clients, by_journal = getattr(statistics, name), getattr(view, name)
            if by_clients != by_journal:
                yield f"the clients count {by_clients} {name}, the journal {by_journal}"
        held = {holder["station"] for holder in view.fold.holders}
        for station in sorted(held - statistics.held.keys()):
            yield f"{station}: the journal counts it as licensed, no client does"
        for station in sorted(statistics.held.keys() - held):
            yield f"{station}: client {statistics.held[station] + 1} counts it as connected, the journal does not"

    def leaked(self) -> list[dict[str, Any]]:
        """The units that are still held, with their clients (counted from 1)."""
        held = {holder["station"]: holder for holder in (self.view.fold.holders or [])} if self.view else {}
        return [
            {"client": client + 1, "station": station, "user": held[station]["user"], "since": held[station]["since"]}
            for station, client in sorted(self.statistics.held.items(), key=lambda item: item[1])
            if station in held
        ]

    def numbers(self) -> dict[str, float]:
        """The numbers that conditions compare. Times are seconds."""
        view, statistics = self.view, self.statistics
        return {
            "leaked": len(self.leaked()),
            "refused_clients": len(statistics.clients_refused),
            "refused_attempts": statistics.refused,
            "refused_minutes": statistics.waited / SECOND / 60,
            "granted": statistics.granted,
            "released": statistics.released,
            "failed": sum(statistics.failed.values()),
            "peak": view.fold.peak if view else 0,
            "p50": percentile(statistics.latencies, 0.5) / SECOND,
            "p99": percentile(statistics.latencies, 0.99) / SECOND,
            "p99_quiet": percentile(statistics.quiet, 0.99) / SECOND,
            "p99_crowded": percentile(statistics.crowded, 0.99) / SECOND,
        }

    def to_json(self) -> dict[str, Any]:
        view = self.view
        return {
            "format": 1,
            **{"clients": self.spec.clients, "licenses": self.spec.licenses, "profile": self.spec.profile.name},
            **{"days": self.spec.days, "transport": self.spec.transport, "seed": self.spec.seed},
            **{"leak": 0.0 if self.spec.cured else self.spec.leak, "leak_by": self.spec.leak_by},
            **{"retry": None if self.spec.retry is None else self.spec.retry / SECOND},
            **{"virtual": self.virtual, "whole": self.whole, "seconds": round(self.seconds, 3)},
            "skipped": self.skipped / SECOND,
            **self.numbers(),
            "reasons": dict(self.statistics.failed),
            "exhausted_at": _seconds(view.full_at if view else None),
            "recovery": _seconds(view.recovery if view else None),
            "causes": dict(view.fold.releases) if view else {},
            "units": self.leaked(),
            "series": [
                {
                    "t": t / SECOND,
                    "held": s.held,
                    "limit": s.limit,
                    "attempts": s.refused,
                    "clients": len(s.refused_stations),
                }
                for t, s in (view.series() if view else [])
            ],
            "doubts": list(self.doubts()),
        }


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / SECOND


class Condition:
    """``leaked>0``, ``p99>50ms``. Raises ValueError with what was expected."""

    def __init__(self, text: str) -> None:
        match = _CONDITION.fullmatch(text)
        if match is None or match[1] not in NAMES:
            raise ValueError(f"{text!r}; expected a comparison such as leaked>0 or p99>50ms, of {', '.join(NAMES)}")
        self.text, self._name, self._compare = text, match[1], _COMPARE[match[2]]
        timed = match[1].startswith("p") and match[1] != "peak"
        try:
            self._value = duration(match[3]) / SECOND if timed else float(match[3])
        except ValueError:
            expected = "a time such as 50ms" if timed else "a number"
            raise ValueError(f"{match[3]!r} in {text!r}; expected {expected}") from None

    def holds(self, outcome: Outcome) -> bool:
        return bool(self._compare(outcome.numbers()[self._name], self._value))


NAMES = (
    *("leaked", "refused_clients", "refused_attempts", "refused_minutes", "granted", "released", "failed"),
    *("peak", "p50", "p99", "p99_quiet", "p99_crowded"),
)

"""What came of a load: both sides' counts laid beside each other, and conditions on them.

Rules of this file:

* The journal is the only order of events, the clients' counts are held against it. Where they differ nothing is known.
* A leaked unit is one that the journal's last line still names, and of which its client says that nobody needs it.
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
    """A load that was carried out. *seconds* is how long that took in real time; *whole*: to its end."""

    order: LoadSpecification
    tally: LoadStatistics
    accounts: ServerView | None
    seconds: float
    virtual: bool
    whole: bool = True

    def doubts(self) -> Iterator[str]:
        """Why nothing is known: the books do not balance, or clients and journal do not agree."""
        accounts, tally = self.accounts, self.tally
        if accounts is None:
            yield "the server's journal is not at hand: say --admin"
            return
        if accounts.trouble:
            yield f"the books do not balance: {accounts.trouble}"
        if accounts.fold.holders is None:
            yield "the journal has no end"
            return
        pairs = {
            "were let in": (tally.granted, accounts.let_in),
            "were refused": (tally.refused, accounts.refused),
            "let go": (tally.released, accounts.let_go),
        }
        for what, (said, written) in pairs.items():
            if said != written:
                yield f"clients say that {said} {what}, the journal says {written}"
        held = {holder["station"] for holder in accounts.fold.holders}
        for station in sorted(held ^ tally.kept.keys()):
            where = (
                "the journal says that it holds a license, no client does"
                if station in held
                else (f"client {tally.kept[station] + 1} says that it is connected, the journal does not")
            )
            yield f"{station}: {where}"

    def leaked(self) -> list[dict[str, Any]]:
        """The units that are still out, with their clients (counted from 1)."""
        held = {holder["station"]: holder for holder in (self.accounts.fold.holders or [])} if self.accounts else {}
        return [
            {"client": client + 1, "station": station, "user": held[station]["user"], "since": held[station]["since"]}
            for station, client in sorted(self.tally.kept.items(), key=lambda item: item[1])
            if station in held
        ]

    def numbers(self) -> dict[str, float]:
        """What conditions can be about. Times are seconds."""
        accounts, tally = self.accounts, self.tally
        return {
            "leaked": len(self.leaked()),
            "refused_clients": len(tally.clients_refused),
            "refused_attempts": tally.refused,
            "refused_minutes": tally.waited / SECOND / 60,
            "granted": tally.granted,
            "released": tally.released,
            "failed": sum(tally.failed.values()),
            "peak": accounts.fold.peak if accounts else 0,
            "p50": percentile(tally.latencies, 0.5) / SECOND,
            "p99": percentile(tally.latencies, 0.99) / SECOND,
            "p99_quiet": percentile(tally.quiet, 0.99) / SECOND,
            "p99_crowded": percentile(tally.crowded, 0.99) / SECOND,
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain data."""
        accounts = self.accounts
        return {
            "format": 1,
            **{"clients": self.order.clients, "licenses": self.order.licenses, "profile": self.order.profile.name},
            **{"days": self.order.days, "transport": self.order.transport, "seed": self.order.seed},
            **{"leak": 0.0 if self.order.cured else self.order.leak, "leak_by": self.order.leak_by},
            **{"retry": None if self.order.retry is None else self.order.retry / SECOND},
            **{"virtual": self.virtual, "whole": self.whole, "seconds": round(self.seconds, 3)},
            **self.numbers(),
            "reasons": dict(self.tally.failed),
            "exhausted_at": _seconds(accounts.full_at if accounts else None),
            "recovery": _seconds(accounts.recovery if accounts else None),
            "causes": dict(accounts.fold.releases) if accounts else {},
            "units": self.leaked(),
            "series": [
                {"t": t / SECOND, "held": s.held, "limit": s.limit, "attempts": s.refused, "clients": len(s.who)}
                for t, s in (accounts.series() if accounts else [])
            ],
            "doubts": list(self.doubts()),
        }


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / SECOND


class Condition:
    """``leaked>0``, ``p99>50ms``. Raises ValueError, which says what was expected."""

    def __init__(self, text: str) -> None:
        match = _CONDITION.fullmatch(text)
        if match is None or match[1] not in NAMES:
            raise ValueError(f"{text!r}; expected a comparison such as leaked>0 or p99>50ms, of {', '.join(NAMES)}")
        self._name, self._compare = match[1], _COMPARE[match[2]]
        timed = match[1].startswith("p") and match[1] != "peak"
        try:
            self._value = duration(match[3]) / SECOND if timed else float(match[3])
        except ValueError:
            expected = "a time such as 50ms" if timed else "a number"
            raise ValueError(f"{match[3]!r} in {text!r}; expected {expected}") from None

    def holds(self, outcome: Outcome) -> bool:
        """Whether it is so."""
        return bool(self._compare(outcome.numbers()[self._name], self._value))


NAMES = (
    *("leaked", "refused_clients", "refused_attempts", "refused_minutes", "granted", "released", "failed"),
    *("peak", "p50", "p99", "p99_quiet", "p99_crowded"),
)

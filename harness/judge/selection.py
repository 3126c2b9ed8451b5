"""The licenses that a test asserts to be released.

They are not needed any more when the assertion is made: it says so in place of a client's journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from fakenw.journal.fold import GIVEN_BACK, RECLAIMED, Holding
from fakenw.journal.record import SECOND, microseconds
from harness.judge.causes import ANY_CAUSE, BY
from harness.judge.history import ConnectionHistory


@dataclass(frozen=True, slots=True)
class LicenseSelection:
    """The licenses of an assertion: of a user, of a station (or its prefix), held at *since* or later.

    *since* is microseconds of the server's time. *by* is one of BY. Raises ValueError for another.
    """

    user: str | None = None
    station: str | None = None
    since: int = 0
    by: str = "client"

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise ValueError(f"by={self.by!r}; expected {', '.join(BY)}")

    @classmethod
    def of(cls, asserted: Mapping[str, Any]) -> Self:
        """From the field ``assertion`` of a run. Raises ValueError."""
        since = microseconds(asserted.get("since")) or 0
        return cls(asserted.get("user"), asserted.get("station"), since, asserted.get("by", "client"))

    def as_json(self) -> dict[str, Any]:
        """Its fields in the field ``assertion`` of a run."""
        return {"user": self.user, "station": self.station, "since": self.since / SECOND, "by": self.by}

    def expected(self, *, reclaimed: bool) -> str:
        """The verdict with which the assertion holds, if the server reclaimed a license or not."""
        return "reclaimed" if self.by in RECLAIMED or (self.by == ANY_CAUSE and reclaimed) else "released"

    def holdings_of(self, history: ConnectionHistory) -> Iterator[Holding]:
        """The holdings of a connection that are selected."""
        of_user = self.user is None or self.user.upper() in [user.upper() for user in history.users]
        if of_user and (self.station is None or history.station.startswith(self.station)):
            yield from (one for one in history.holdings if one.released is None or one.released >= self.since)

    def accepts(self, cause: str | None) -> bool:
        """Whether a license may have been released for *cause*."""
        return self.by == ANY_CAUSE or (cause in GIVEN_BACK if self.by == "client" else cause == self.by)

    def __str__(self) -> str:
        parts = [f"of user {self.user}" if self.user else "", f"from {self.station}" if self.station else ""]
        return " ".join(filter(None, ["the licenses", *parts]))

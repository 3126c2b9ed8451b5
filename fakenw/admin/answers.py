"""The answers of the administration, as JSON has them. Times are seconds of the server's time since its start."""

from __future__ import annotations

from typing import NotRequired  # pydantic reads that of typing from Python 3.12 on only

from typing_extensions import TypedDict


class Health(TypedDict):
    """The server runs."""

    status: str


class Refusal(TypedDict):
    """What was wrong, and what was expected.

    For programs ``allow`` (methods), ``instance`` (of the server that answers) or ``oldest`` (line of the journal).
    """

    error: str
    allow: NotRequired[str]
    instance: NotRequired[str]
    oldest: NotRequired[int]


class ServerStatus(TypedDict):
    """The state of the server."""

    name: str
    instance: str
    release: str
    policy: str
    licenses: int
    held: int
    limit: int
    peak: int
    t: float
    utc: str
    speed: float
    keep_cleared: float
    idle_after: float
    watchdog: str
    clear_idle: float | None
    logins: bool
    down: bool
    listeners: list[str]


class ConnectionRow(TypedDict):
    """A connection."""

    connection: int
    serial: int
    station: str
    user: str | None
    state: str
    licensed: bool
    since: float
    last_request: float
    idle: float
    files: list[str]
    silent: bool
    unit: str | None
    requests: int
    locks: int
    created: float
    message: bool


class ConnectionTable(TypedDict):
    """The connections by number, at the time ``t``."""

    t: float
    connections: list[ConnectionRow]


class LicenseHolder(TypedDict):
    """A unit that is held; where no connection has it, it is an assignment that is kept."""

    unit: str
    serial: int | None
    user: str | None
    station: str | None
    since: float
    idle: float | None


class Licenses(TypedDict):
    """The units that are held."""

    held: int
    limit: int
    peak: int
    holders: list[LicenseHolder]


class Cleared(TypedDict):
    """The connection that was cleared."""

    cleared: int


class ClearedSeveral(TypedDict):
    """The connections that were cleared, in their order."""

    cleared: list[int]


class MessageCounts(TypedDict):
    """To how many connections the message was left, and how many took none."""

    left: int
    not_logged_in: int
    not_accepting: int
    has_one: int


FaultRow = TypedDict(
    "FaultRow",
    {
        "id": int,
        "what": str,
        "station": str | None,
        "from": str,
        "by": NotRequired[float],
        "percent": NotRequired[float],
        "way": NotRequired[str],
        "ncp": NotRequired[str],
        "for": NotRequired[float],
        "left": NotRequired[float],
    },
)
FaultRow.__doc__ = "A fault, with the numbers that it has; ``left`` are the seconds until it ends by itself."


class FaultList(TypedDict):
    """The faults, in the order in which they began."""

    faults: list[FaultRow]


class FaultsRemoved(TypedDict):
    """The numbers of the faults that have ended."""

    removed: list[int]

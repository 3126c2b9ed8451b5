"""What a capture shows of a connection, in the order of its time, before a policy says what it costs.

A server's release, and with it the policy, may be found out only at the end of a capture. So the reading yields facts,
and ``harness.capture.books`` makes the lines of a journal from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fakenw.core.peer import Peer
from fakenw.journal.policy import State
from fakenw.volumes.volume import VolumePath
from fakenw.wire.nds import NdsExchange


class Sure(StrEnum):
    """How sure a line is."""

    SEEN = "seen"  # a reply confirmed it
    INFERRED = "inferred"  # the server's own doing, which no packet tells
    UNKNOWN = "unknown"  # from before the capture, or with packets missing


class What(StrEnum):
    """What has happened to a connection, or on a server."""

    CREATE = "create"
    MOVE = "move"
    LOGIN = "login"
    OPEN = "open"
    SHUT = "shut"
    END_OF_JOB = "end-of-job"
    REFUSED = "refused"  # for want of room, or a login
    IDLE = "idle"
    BUSY = "busy"
    WATCHDOG = "watchdog"
    OPERATOR = "operator"
    END = "end"
    UNCERTAIN = "uncertain"
    CERTAIN = "certain"
    GAP = "gap"  # of the clock


@dataclass(slots=True)
class PendingRequest:
    """A request without its reply. *body* is what follows the function byte."""

    number: int  # of the frame
    time: int
    type: int
    sequence: int
    task: int
    function: int
    body: bytes
    connection: int


@dataclass(slots=True, eq=False)
class SeenConnection:
    """A service connection as the packets so far show it. Times are microseconds since the first packet."""

    number: int
    peer: Peer
    born: int
    state: State | None = State.ATTACHED  # None: from before the capture, and not told yet
    user: str | None = None
    agreed: bool = False  # to sign packets
    unsure: str | None = None  # why what is believed may be wrong
    doubtful_files: bool = False  # a file may have been closed in packets that are missing
    requests: int = 0
    last_request: int = 0
    alive: int = 0  # the last time at which it was there for sure, in the state that is believed
    directories: dict[int, VolumePath] = field(default_factory=dict)
    files: dict[bytes, tuple[str, int]] = field(default_factory=dict)  # path and task, by the last four bytes
    exchange: NdsExchange | None = None
    entries: dict[int, str] = field(default_factory=dict)  # names by id, of NDS
    entry: int | None = None  # that logs in
    queries: int = 0  # of the watchdog, without an answer
    queried: int = 0
    between: int = 0  # queries
    silent: bool = False
    ended: bool = False
    given_up: bool = False  # by the watchdog: inferred
    patience: int = 0  # from the last activity to the first question
    last_activity: int = 0

    def __post_init__(self) -> None:
        self.last_request = self.last_activity = self.alive = self.born


@dataclass(slots=True)
class Fact:
    """*number* is that of the frame. *asked*, *alive*: of the connection, when it happened."""

    t: int
    number: int
    what: What
    sure: Sure
    connection: SeenConnection | None
    asked: int = 0
    alive: int = 0
    doubtful: bool = False  # whether the files were open
    detail: dict[str, Any] = field(default_factory=dict)

"""A service connection: its state and transitions, its sequence and its files.

Every transition goes through ``move``, which alone calls the ledger. The order of the journal lines
in one transition is fixed, for auditing: a unit is granted before the state that needs it, files are
shut before the state that ends them, and a unit is released after the state that no longer needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fakenw.core.ledger import Emit, Ledger, NoRoom
from fakenw.core.locks import FILES, Kind, LockTable
from fakenw.core.peer import Peer, Transport
from fakenw.core.semaphores import Semaphores
from fakenw.core.waiting import PendingWait
from fakenw.crypto.signatures import Signer
from fakenw.journal.policy import State
from fakenw.journal.record import SECOND
from fakenw.volumes.sharing import FileHandle
from fakenw.volumes.volume import VolumePath
from fakenw.wire.nds import NdsExchange

SMALLEST_BUFFER = 512  # before a client negotiates; libncp rejects less, mars_nwe ignores smaller proposals


@dataclass(slots=True, eq=False, repr=False)
class Connection:
    """A station's connection. Times are microseconds since the server's start."""

    number: int
    serial: int
    peer: Peer
    ledger: Ledger
    locks: LockTable
    semaphores: Semaphores
    emit: Emit
    schedule: Callable[[Connection], None]  # called when a deadline of the connection may have moved forward
    created: int
    last_request: int
    last_activity: int  # the last request or watchdog answer
    state: State = State.GONE
    user: str | None = None
    unit: str | None = None
    login_key: bytes | None = None
    reply: bytes | None = None  # retained for a duplicate of the last request, unless the transport is lossless
    buffer: int = SMALLEST_BUFFER  # the largest packet of the client, which may negotiate more
    due: int | None = None  # a slow request is being executed: the time of its reply
    wait: PendingWait | None = None  # for a lock or a semaphore: the reply is held back
    delayed: int = 0  # bytes of replies to slow requests that are not due yet
    awaiting_first_request: bool = True  # no request since the create: a repeated create is a retransmission
    unanswered: int = 0  # watchdog queries
    own_delay: int | None = None  # before the first watchdog query (23/30); None: the server's
    silent: bool = False
    idle: bool = False
    entry: int | None = None  # the time of its entry among the server's deadlines
    requests: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    directories: dict[int, VolumePath] = field(default_factory=dict)
    files: dict[bytes, FileHandle] = field(default_factory=dict)
    next_file: int = 1
    exchange: NdsExchange | None = None  # an incomplete NDS message
    agreed: bool = False  # to sign, by NCP 97
    root: bytes | None = None  # of the signatures that begin behind the next reply
    signer: Signer | None = None
    datagram: tuple[bytes, bytes] | None = None  # the last one, and the request in it; kept where signing was agreed
    bad_signatures: int = 0  # that are not in the journal yet
    told_bad: int | None = None  # the time of the last line about these
    nds_seed: tuple[int, bytes] | None = None  # of verb 57: the entry, and what its password must seal
    nds_authid: tuple[int, bytes] | None = None  # of verb 59: the entry, and what its proof must be for
    unsupported: set[tuple[int, int | None, int | None]] = field(default_factory=set)  # in the journal
    station: str = field(init=False)  # the peer's text, for the journal
    transport: Transport = field(init=False)
    # Set by the first transition:
    object_id: int = field(init=False)  # of the user; 0 without one
    login_time: int | None = field(init=False)
    operator: bool = field(init=False)  # may use the console functions
    closes_bindery: bool = field(init=False)  # until it opens it, logs out or ends
    message: str | None = field(init=False)  # until 21/1 or 21/11 fetches it
    broadcasts: bool = field(init=False)  # messages from other stations are accepted (21/2, 21/3)
    # Set by the first request:
    sequence: int = field(init=False)  # of the last request
    busy_replies: int = field(init=False)  # "being processed", to the last request
    # Set with what they belong to:
    entry_number: int = field(init=False)  # of the entry among the server's deadlines
    queried_at: int = field(init=False)  # by the watchdog, the last time

    def __post_init__(self) -> None:
        self.station, self.transport = str(self.peer), self.peer.transport

    def about(self) -> dict[str, Any]:
        """The fields of every journal line about this connection."""
        return {
            "connection": self.number,
            "serial": self.serial,
            "station": self.station,
            "user": self.user,
        }

    def move(self, now: int, to: State, cause: str, user: str | None = None) -> None:
        """Change the state, and acquire or release a license as the policy demands.

        *user* is the new user; None keeps the present one for as long as the state has a user.
        Raises NoRoom, and then nothing has changed.
        """
        was, before, previous = self.state, self.unit, self.user
        self.user = user or previous
        after = self.ledger.policy.unit(to, self.serial, self.user)
        if after and after != before:
            try:
                self.ledger.acquire(now, after, cause, self.about())
            except NoRoom:
                self.user = previous
                raise
        if to is State.GONE:
            self.wait_no_more()
        if to is not State.LICENSED:
            self.shut(cause)
        self.state, self.unit = to, after
        self.emit("state", {**self.about(), "from": was, "to": to, "cause": cause})
        if before and before != after:
            about = {**self.about(), "last_request": self.last_request / SECOND}
            self.ledger.release(now, before, cause, about)
        if to in (State.ATTACHED, State.GONE):
            self.user, self.object_id, self.login_time, self.operator = None, 0, None, False
            self.closes_bindery = False
        if to is State.ATTACHED:
            self.message, self.broadcasts = None, True  # both belonged to the user
        if to is not State.GONE:
            self.schedule(self)
        if to in (State.ATTACHED, State.GONE):
            self.give_back(None)

    def wait_no_more(self) -> None:
        """What the connection waits for is not wanted any more; that request has no reply."""
        if self.wait is not None:
            self.wait.withdraw()
            self.wait = None

    def give_back(self, task: int | None) -> None:
        """Unlock the logical records of *task*, or of all tasks, and close the semaphores."""
        self.locks.end(self.serial, task, (Kind.LOGICAL,))
        self.semaphores.end(self.serial, task)

    def delay(self, delay: int | None) -> None:
        """Query the station first after *delay* microseconds of silence (23/30); None: after the server's own delay."""
        self.own_delay = delay
        self.schedule(self)

    def shut(self, cause: str, task: int | None = None) -> None:
        """Close the files of *task*, or all files and directory handles; locks of files end with them."""
        for handle in [h for h, file in self.files.items() if task is None or file.task == task]:
            self.close(handle, cause)
        self.locks.end(self.serial, task, FILES)
        if task is None:
            self.directories.clear()

    def close(self, handle: bytes, cause: str) -> None:
        file = self.files.pop(handle)
        file.end()
        self.locks.close(self.serial, handle)
        self.emit("shut", {**self.about(), "handle": handle.hex(), "path": file.path, "cause": cause})

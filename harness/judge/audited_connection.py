"""A connection in the audit: what its lines so far say of it, and whether the next one can be true.

Rules of this file:

* A method yields a sentence for each thing that cannot be true, and then believes the line: one mistake is told once.
* A fact that the journal lacks is None, and contradicts nothing. A connection whose beginning was reconstructed
  (``harness.judge.cut_journal``) is not ``whole``: its open files, its user and its idleness are not known.
* The last request is known from below by the lines that a request causes, and exactly while the connection is idle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fakenw.journal.record import SECOND, Record, microseconds
from fakenw.journal.sentences import harmless

BY_REQUEST = frozenset({"login", "request", "service", "unlicense", "logout"})
"""Causes of a transition that a request makes. A connection is destroyed by a packet of another kind."""

GIVEN_UP = frozenset({"logout", "unlicense", "destroy"})  # causes whose moment is that of the last request
FILE_CLOSED = frozenset({"close", "end-of-job"})  # causes of a shut that is no part of a transition
_COUNTED = re.compile("[0-9A-Fa-f]{12}")  # a handle that counts up


def seconds(t: int) -> str:
    """Microseconds as the journal has them."""
    return f"{t / SECOND:.6f}"


@dataclass(slots=True)
class AuditedConnection:
    """The connection *serial* after its lines so far."""

    serial: int
    number: object
    station: object
    last_request: int
    whole: bool = True
    counted: bool = True  # handles of twelve digits count up
    state: str = "gone"
    user: object = None
    user_known: bool = True
    unit: str | None = None
    had_unit: bool = False  # before its last transition
    files: dict[str, object] = field(default_factory=dict)  # the path by handle
    opened: int | None = 0  # the number of the last handle, where handles count up
    idle: int | None = None  # since when
    idle_known: bool = True
    silent: bool | None = False
    login_state: tuple[int, str] | None = None  # the time and the state of a login, whose line must come next

    @classmethod
    def reconstructed(cls, serial: int, record: Record) -> AuditedConnection:
        """A connection whose first lines are not in the journal."""
        found = cls(serial, record.get("connection"), record.get("station"), 0, whole=False)
        found.user_known = found.idle_known = False
        found.opened = found.silent = None
        return found

    def __str__(self) -> str:
        return f"serial {self.serial}"

    def named(self, record: Record) -> Iterator[str]:
        """Whether number and station of a line are the connection's."""
        for name, own in (("connection", self.number), ("station", self.station)):
            if record.get(name) != own or isinstance(record.get(name), bool):
                yield f"{self} has the {name} {harmless(own)}, not {harmless(record.get(name))}"

    def of_user(self, record: Record, user: object) -> Iterator[str]:
        """Whether the user of a line is *user*."""
        if self.user_known and (record.get("user") != user or "user" not in record.fields):
            yield f"{self} is of {_user(user)}, not of {_user(record.get('user'))}"

    # Requests

    def requests(self, record: Record) -> Iterator[str]:
        """A line that a request has caused: the connection is neither idle nor silent any more."""
        what = harmless(record.event)
        if self.silent:
            yield f"{what} of {self}, which is silent: no answered before it"
        if self.idle is not None:
            yield f"{what} of {self}, which is idle: no busy before it"
        self.active(record.t)

    def active(self, t: int) -> None:
        self.silent, self.idle, self.idle_known = False, None, True
        self.last_request = max(self.last_request, t)

    def asked_last(self, value: object, t: int, cause: object = None) -> Iterator[str]:
        """Whether *value*, in seconds, can be the time of the last request."""
        last, given_up = microseconds(value), str(cause) in GIVEN_UP
        if last is None:
            yield f"expected last_request of {self} in seconds, not {harmless(value)}"
        elif given_up and last != t:
            yield f"the last request of {self} was at {seconds(t)} ({harmless(cause)}), not at {seconds(last)}"
        elif not given_up and self.idle is not None and last != self.idle:
            yield f"{self} is idle since {seconds(self.idle)}, and made a request at {seconds(last)}: no busy"
        elif not self.last_request <= last <= t:
            least = seconds(self.last_request)
            yield f"the last request of {self} was between {least} and {seconds(t)}, not at {seconds(last)}"

    # Lines that are no part of a transition

    def logs_in(self, record: Record) -> Iterator[str]:
        """A login in the tree is authenticated, one in the bindery licensed."""
        reached = "authenticated" if record.get("how") == "nds" else "licensed"
        told = self.login_state is not None or self.whole  # else the state may be before the beginning
        if told and self.login_state != (record.t, reached):
            yield f"{self} logged in ({harmless(record.get('how'))}), but no state before it is {reached} by a login"

    def opens(self, record: Record) -> Iterator[str]:
        handle = str(record.get("handle"))
        if not isinstance(record.get("handle"), str) or not isinstance(record.get("path"), str):
            yield f"expected handle and path of a file that {self} opens"
        elif handle in self.files:
            yield f"the handle {harmless(handle)} of {self} is open already"
        number = _number(handle) if self.counted else None
        if number is not None and self.opened is not None and number != self.opened + 1:
            yield f"the handle {harmless(handle)} of {self} follows {self.opened:012x}: an open is missing or added"
        elif number is None and self.opened and isinstance(record.get("handle"), str):
            yield f"the handle {harmless(handle)} of {self} does not follow {self.opened:012x}"
        self.opened = number
        self.files[handle] = record.get("path")

    def shuts(self, record: Record) -> Iterator[str]:
        handle = str(record.get("handle"))
        if handle in self.files:
            path = self.files.pop(handle)
            if path != record.get("path"):
                yield f"the handle {harmless(handle)} of {self} is {harmless(path)}, not {harmless(record.get('path'))}"
        elif self.whole:
            yield f"the handle {harmless(handle)} of {self} was shut, but was not open"

    def counts_files(self, count: object, where: str) -> Iterator[str]:
        """Whether *count* files are open."""
        known = len(self.files)
        if not isinstance(count, int) or isinstance(count, bool):
            yield f"expected the number of files that {self} has open, not {harmless(count)} ({where})"
        elif count < known or (self.whole and count > known):
            yield f"{self} has {known} files open, not {count} ({where})"

    def idles(self, record: Record, after: int | None, *, holds: bool) -> Iterator[str]:
        """*after*: microseconds without a request that make an ``idle``, None: not known."""
        since, latest = microseconds(record.get("since")), record.t - (after or 0)
        if since is None:
            yield f"expected since when {self} is idle, not {harmless(record.get('since'))}"
            since = record.t
        elif self.idle is not None:
            yield f"{self} is idle already, since {seconds(self.idle)}: no busy before it"
        elif not self.last_request <= since <= latest:
            least, most = seconds(self.last_request), seconds(latest)
            yield f"{self} is idle since {seconds(since)}, expected a time from {least} to {most}"
        if not holds:
            yield f"{self} is idle, but holds no unit"
        yield from self.counts_files(record.get("files"), "idle")
        self.idle = since

    def works_again(self, record: Record) -> Iterator[str]:
        if self.idle is None and self.idle_known:
            yield f"{self} is busy, but was not idle"
        if self.silent:
            yield f"busy of {self}, which is silent: no answered before it"
        self.active(record.t)

    def watched(self, what: object) -> Iterator[str]:
        """A line of the watchdog, which asks nobody over TCP: no source shows a client that answers there."""
        if str(self.station).startswith("tcp:"):
            yield f"the watchdog of {self}, whose station is not asked over TCP"
        if what not in ("silent", "answered", "gave-up"):
            yield f"expected silent, answered or gave-up of the watchdog, not {harmless(what)}"
        elif self.silent is (what == "silent"):
            yield f"the watchdog: {what} of {self}, which is {'silent already' if self.silent else 'not silent'}"
        self.silent = what != "answered"


def _number(handle: str) -> int | None:
    """The number of a handle that counts up."""
    return int(handle, 16) if _COUNTED.fullmatch(handle) else None


def _user(user: object) -> str:
    return "no user" if user is None else f"user {harmless(user)}"

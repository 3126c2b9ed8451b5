"""The lines of a server's journal, made from facts, with the books that the server itself has.

The transitions of ``fakenw.core.connection`` and the ledger write the lines, so that their order, causes and units are
those of a server's own journal. There is no limit, because no packet tells it: the ledger never refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fakenw.core.connection import Connection
from fakenw.core.deadlines import Deadlines
from fakenw.core.ledger import Ledger
from fakenw.core.locks import LockTable
from fakenw.core.semaphores import Semaphores
from fakenw.journal.policy import POLICIES, State
from fakenw.journal.record import FORMAT, SECOND, Record
from fakenw.volumes.sharing import FileHandle
from harness.capture.facts import Fact, SeenConnection, Sure, What

UNLIMITED = 1 << 40
BY_REQUEST = frozenset({What.MOVE, What.LOGIN, What.OPEN, What.SHUT, What.END_OF_JOB, What.REFUSED, What.BUSY})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SeenFile(FileHandle):
    """A file that a packet has opened: its path and task, and nothing on a volume."""

    def __init__(self, path: str, task: int) -> None:
        self.path, self.task = path, task

    def end(self) -> None:
        pass


class Books:
    """The journal of the server *name*, whose t = 0 is at *utc*, microseconds since 1970."""

    def __init__(self, name: str, policy: str, utc: int, idle_after: int, **start: Any) -> None:
        self.records: list[Record] = []
        self._name, self._now, self._fact = name, 0, Fact(0, 0, What.CREATE, Sure.SEEN, None)
        self._policy, self._idle_after = POLICIES[policy], idle_after
        deadlines = Deadlines()
        self._locks, self._semaphores = LockTable(deadlines), Semaphores(deadlines)
        self._ledger = Ledger(self._policy, UNLIMITED, self._emit, deadlines, 0)
        self._connections: dict[SeenConnection, Connection] = {}
        self._serial = 0
        wall = EPOCH + timedelta(microseconds=utc)
        first = {"format": FORMAT, "source": "capture", "policy": policy, "idle_after": idle_after / SECOND}
        self._write("start", {**first, "utc": wall.isoformat(timespec="microseconds"), **start})

    def enter(self, facts: Iterable[Fact]) -> None:
        """Write the lines of *facts*, which are in the order of their times."""
        for fact in facts:
            self._now, self._fact = fact.t, fact
            if fact.what is What.GAP:
                self._emit(What.GAP, fact.detail)
            elif fact.what is What.REFUSED and fact.connection is None:
                self._refused(fact, {"user": None})
            elif fact.what is What.CREATE:
                self._create(fact)
            elif fact.connection is not None and (known := self._connections.get(fact.connection)) is not None:
                self._asked(fact, known)
                self._about(fact, known)
                if fact.what is What.END:
                    del self._connections[fact.connection]

    def end(self, t: int) -> None:
        """Write the last line, at the time of the last packet: the connections that hold a unit."""
        self._now = max(t, self._now)
        holders = [
            {
                "serial": known.serial,
                "station": known.station,
                "user": known.user,
                "since": self._ledger.holdings[known.unit].since / SECOND,
                "last_request": seen.last_request / SECOND,
                "files": len(known.files),
                "alive": (seen.alive if seen.peer.transport.watched or seen.unsure else self._now) / SECOND,
            }
            for seen, known in self._connections.items()
            if known.unit is not None
        ]
        self._write("capture-end", {"holders": holders})

    def _create(self, fact: Fact) -> None:
        seen = fact.connection
        assert seen is not None
        self._end_unseen(seen.number)
        last, station = self.records[-1], str(seen.peer)
        same = (last.get("station"), last.get("connection")) == (station, seen.number)
        again = {"again": True} if same and last.get("cause") == "reinitialize" else {}
        self._serial += 1
        known = Connection(
            number=seen.number,
            serial=self._serial,
            peer=seen.peer,
            ledger=self._ledger,
            locks=self._locks,
            semaphores=self._semaphores,
            emit=self._emit,
            schedule=lambda connection: None,
            created=fact.t,
            last_request=fact.t,
            last_activity=fact.t,
        )
        self._connections[seen] = known
        self._emit("create", {**known.about(), **again})
        known.move(fact.t, State.ATTACHED, "create")

    def _end_unseen(self, number: int) -> None:
        """The connection that has had a number must have ended."""
        for seen, known in self._connections.items():
            if known.number == number:
                self._fact = replace(self._fact, sure=Sure.UNKNOWN, alive=min(seen.alive, self._now))
                if self._now >= known.last_request + self._idle_after:
                    self._idle(known, known.last_request)
                self._end(known, "lost")
                del self._connections[seen]
                break

    def _asked(self, fact: Fact, known: Connection) -> None:
        """The last request before *fact*, or that is its cause; an idle connection that makes one is busy."""
        if fact.what in BY_REQUEST or (fact.what is What.END and fact.detail["cause"] == "destroy"):
            self._answered(known)
            self._busy(known)
            known.last_request = max(known.last_request, fact.t)
        elif not known.idle and fact.what is not What.IDLE:
            known.last_request = max(known.last_request, min(fact.asked, fact.t))

    def _idle(self, known: Connection, since: int) -> None:
        if known.unit is not None and not known.idle and known.last_request <= since:
            known.idle, known.last_request = True, since
            self._emit("idle", {**known.about(), "since": since / SECOND, "files": len(known.files)})

    def _answered(self, known: Connection) -> None:
        if known.silent:
            known.silent = False
            self._emit("watchdog", {**known.about(), "what": "answered"})

    def _busy(self, known: Connection) -> None:
        if known.idle:
            known.idle = False
            self._emit("busy", known.about())

    def _about(self, fact: Fact, known: Connection) -> None:
        detail = fact.detail
        match fact.what:
            case What.MOVE:
                self._move(known, State(detail["to"]), detail["cause"], detail.get("user"))
            case What.LOGIN:
                self._move(known, State(detail["to"]), "login", detail["user"])
                signed = {"signed": True} if detail["signed"] else {}
                self._emit("login", {**known.about(), "how": detail["how"], **signed})
            case What.OPEN:
                handle = detail["handle"]
                known.files[handle] = SeenFile(detail["path"], detail["task"])
                self._emit("open", {**known.about(), "handle": handle.hex(), "path": detail["path"]})
            case What.SHUT:
                if detail["handle"] in known.files:
                    known.close(detail["handle"], "close")
            case What.END_OF_JOB:
                known.shut("end-of-job", detail["task"] or None)
            case What.REFUSED:
                self._refused(fact, known.about())
            case What.IDLE:
                self._idle(known, fact.asked)
            case What.END:
                self._end(known, detail["cause"])
            case What.WATCHDOG if detail["what"] == "answered":
                self._answered(known)
            case What.WATCHDOG if detail["what"] == "silent":
                if not known.silent:
                    known.silent = True
                    self._emit("watchdog", {**known.about(), **detail})
            case What.UNCERTAIN | What.CERTAIN | What.WATCHDOG | What.OPERATOR:
                self._emit(fact.what, {**known.about(), **detail})

    def _refused(self, fact: Fact, about: dict[str, Any]) -> None:
        detail = dict(fact.detail)
        event = detail.pop("event")
        if event == "deny" and fact.connection is None:
            detail["what"] = "license" if State.ATTACHED in self._policy.holding else "slot"
        self._emit(event, {**about, **detail})

    def _move(self, known: Connection, to: State, cause: str, user: str | None) -> None:
        known.move(self._now, to, cause, user)
        if known.unit is None:
            known.idle = False

    def _end(self, known: Connection, cause: str) -> None:
        user = known.user
        known.move(self._now, State.GONE, cause)
        asked = {"cause": cause, "last_request": known.last_request / SECOND}
        self._emit("close", {**known.about(), "user": user, **asked})

    def _emit(self, event: str, fields: dict[str, Any]) -> None:
        fact = self._fact
        more: dict[str, Any] = {"sure": fact.sure}
        if event == "shut" and fact.doubtful:
            more["sure"] = Sure.UNKNOWN
        if event in ("state", "release") and fact.sure is not Sure.SEEN:
            more["alive"] = fact.alive / SECOND
        self._write(event, {**fields, **more})

    def _write(self, event: str, fields: dict[str, Any]) -> None:
        held = {"server": self._name, "held": self._ledger.held}
        self.records.append(Record(self._now, "server", event, {**held, **fields}))

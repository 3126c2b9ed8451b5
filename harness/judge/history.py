"""The history of one run, from its journals.

Rules of this file:

* Nothing here judges: a `RunHistory` is a pure function of journals.
* A `ConnectionHistory` is one service connection from create to close, known by its serial. A *holding* is the
  time it spent in a state that needs a unit under the server's policy, according to the ``state`` lines; so under
  ``ual`` too, where the user holds the unit for another 90 days.
* Times are microseconds on the clock of the connection's server. Other writers' clocks are mapped by what the runner
  measured (its ``clock`` lines), else by the ``utc`` of their first lines; and by their ``speed``. Where the server's
  clock was advanced, later times are later.
* Client lines are matched with connections by server, station and connection number. For a number that was used again
  the order of the client's ``attach`` lines decides; where their number differs from that of the connections, for a
  reply was lost, the time does.
* A second ``start`` in one journal begins a new incarnation of that server, with empty tables. Every connection that
  was open at the end of the incarnation before ended with it; one that is open at the end of the last did not end.
* A connection whose station no client journal mentions is *foreign*: that of a user's own client.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta, tzinfo
from pathlib import Path
from typing import Any

from fakenw.journal.fold import Fold, Holding, Idle, OpenHandle, ServiceConnection
from fakenw.journal.numbered_files import last_files
from fakenw.journal.policy import POLICIES
from fakenw.journal.record import SECOND, Journal, JournalError, Record, microseconds, read
from fakenw.journal.sentences import clock, harmless
from harness.judge.advances import Advances
from harness.judge.run_record import settings
from harness.judge.writer_clock import EPOCH, Clock

WENT_DOWN = "server-down"
"""The cause, which is in no line, of the end of all connections when another incarnation of their server follows."""

_CENTURY = 36_525 * 86_400 * SECOND  # no run lasts that long

Key = tuple[str, str, int]  # server, station, connection number


@dataclass(frozen=True, slots=True)
class ClientLine:
    """A client's line about a connection. ``t`` is on the server's clock, ``line`` a number in the client's journal."""

    t: int
    line: int
    client: ClientHistory
    record: Record


@dataclass(slots=True, eq=False)
class ConnectionHistory(ServiceConnection):
    """One service connection, from create to close. ``records`` are the server's lines, ``lines`` the client's."""

    server: ServerHistory = field(repr=False)
    users: list[str] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    files: list[OpenHandle] = field(default_factory=list)
    idles: list[Idle] = field(default_factory=list)
    records: list[Record] = field(default_factory=list, repr=False)
    client: ClientHistory | None = field(default=None, repr=False)
    lines: list[ClientLine] = field(default_factory=list, repr=False)

    @property
    def foreign(self) -> bool:
        """Whether no client journal mentions its station: it is that of a user's own client."""
        return self.client is None

    def client_lines(self, event: str) -> list[ClientLine]:
        """The client's lines of one kind."""
        return [line for line in self.lines if line.record.event == event]

    def server_lines(self, event: str) -> list[Record]:
        """The server's lines of one kind."""
        return [record for record in self.records if record.event == event]

    def held_until(self, holding: Holding) -> int:
        """The end of *holding*, or of the journal where it did not end."""
        return self.server.end if holding.released is None else holding.released

    def saw(self, record: Record) -> None:
        ServiceConnection.saw(self, record)
        self.records.append(record)
        if self.user is not None and self.user not in self.users[-1:]:
            self.users.append(self.user)
        match record.event:
            case "state" if self.holding and self.holding not in self.holdings[-1:]:
                self.holdings.append(self.holding)
            case "open":
                self.files.append(self.open_files[str(record.get("handle"))])
            case "idle" if self.idle:
                self.idles.append(self.idle)


@dataclass(slots=True, eq=False)
class ServerHistory(Fold):
    """One incarnation of a server: its journal from one ``start`` (on line ``line``) to the next."""

    kind = ConnectionHistory

    journal: Journal = field(repr=False, kw_only=True)
    line: int = field(kw_only=True)
    clock: Clock = field(kw_only=True)
    records: list[Record] = field(repr=False, kw_only=True)
    histories: list[ConnectionHistory] = field(default_factory=list, repr=False)
    denied: list[Record] = field(default_factory=list, repr=False)
    marks: list[int] = field(default_factory=list, repr=False)
    zone: tzinfo | None = None
    """The zone in which ``at`` shows wall times; None: it shows the time since the start."""

    def at(self, t: int) -> str:
        """The time *t* for a message: ``0:10:00``, or ``2000-08-10 09:40:15 UTC``."""
        return clock(t) if self.zone is None else self.wall(t, self.zone)

    def wall(self, t: int, zone: tzinfo = UTC) -> str:
        """``2000-08-10 09:40:15 UTC``, or ``0:10:00`` where that is not known."""
        if self.clock.utc is None:
            return clock(t)
        try:
            return f"{(EPOCH + timedelta(microseconds=self.clock.wall(t))).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
        except (OverflowError, ValueError):
            return clock(t)  # beyond the years of datetime

    @classmethod
    def read(cls, journal: Journal) -> list[ServerHistory]:
        """The incarnations of the server that wrote *journal*. Raises JournalError."""
        servers: list[ServerHistory] = []
        for line, records in journal.incarnations():
            event, policy = records[0].event, records[0].get("policy")
            if event != "start":
                raise JournalError(f"{journal.at(line)}: expected a server's start, not {harmless(event)}")
            if str(policy) not in POLICIES:
                raise JournalError(f"{journal.at(line)}: no such policy: {harmless(policy)}")
            its_clock = replace(Clock.of(journal, line), advances=Advances.of(records))
            servers.append(cls(journal=journal, line=line, clock=its_clock, records=records))
            for n, record in enumerate(records, line):
                serial = record.get("serial")
                if serial is not None and (isinstance(serial, bool) or not isinstance(serial, int)):
                    raise JournalError(f"{journal.at(n)}: serial is not a whole number: {harmless(serial)}")
                servers[-1].saw(record)
        for server in servers[:-1]:
            for history in server.connections.values():
                history.end(server.end, WENT_DOWN)
        return servers

    def saw(self, record: Record) -> ServiceConnection | None:
        before = self.connections.get(record.get("serial"))
        history = Fold.saw(self, record)
        if isinstance(history, ConnectionHistory) and history is not before:
            self.histories.append(history)
        if record.event == "deny":
            self.denied.append(record)
        elif record.event == "mark":
            self.marks.append(record.t)
        return history


@dataclass(slots=True, eq=False)
class ClientHistory:
    """A scripted client: its journal, and the time (on its clock) at which its script was done."""

    name: str
    journal: Journal = field(repr=False)
    clock: Clock
    done: int | None = None


@dataclass(slots=True, eq=False)
class RunHistory:
    """The journals of one run. ``settings`` are the fields of the ``run`` record, if there is one."""

    servers: list[ServerHistory]
    clients: list[ClientHistory]
    runner: Journal | None
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, journals: Iterable[Journal]) -> RunHistory:
        """The history from *journals*. Raises JournalError."""
        run = cls([], [], None, {})
        for journal in journals:
            if not journal.records:
                continue  # the writer was killed before its first line
            match journal.records[0].role:
                case "server":
                    run.servers += ServerHistory.read(journal)
                case "client":
                    done = [record.t for record in journal.records if record.event == "done"]
                    name = str(journal.records[0].get("client", journal.name))
                    run.clients.append(ClientHistory(name, journal, Clock.of(journal), done[-1] if done else None))
                case "runner":
                    if run.runner:
                        raise JournalError(f"{journal.name}: a second run (the first is {run.runner.name})")
                    run.runner = journal
                    for line, record in enumerate(journal.records, 1):
                        if record.event == "run":
                            run.settings = settings(record, journal.at(line))
                            break
                case role:
                    raise JournalError(f"{journal.at(1)}: expected a server, client or runner, not {harmless(role)}")
        _measure(run)
        _match(run)
        return run

    @property
    def histories(self) -> Iterator[ConnectionHistory]:
        """The connections of every server, in order of creation on each."""
        return (history for server in self.servers for history in server.histories)

    def runner_lines(self, event: str) -> list[Record]:
        """The runner's lines of one kind."""
        return [record for record in self.runner.records if record.event == event] if self.runner else []

    @staticmethod
    def to_server(journal: Journal, server: ServerHistory, t: int) -> int:
        """The time on the server's clock when the clock of *journal* shows *t*."""
        return Clock.of(journal).to(server.clock, t)


def load(paths: Sequence[Path]) -> RunHistory:
    """Read journals, or the one run directory that holds them. Raises JournalError."""
    files = list(paths)
    if len(files) == 1 and files[0].is_dir():
        files = sorted(files[0].glob("*.jsonl"))
    files = last_files(files)
    if not files:
        raise JournalError(f"no journal in {paths[0]}" if paths else "no journal to read")
    return RunHistory.of([read(file) for file in files])


def key_of(record: Record) -> Key | None:
    """Server, station and connection number of a client's line; None where one of them is not there."""
    server, station, number = record.get("server"), record.get("station"), record.get("connection")
    if isinstance(server, str) and isinstance(station, str) and isinstance(number, int):
        return server, station, number
    return None


def _latest(clock: Clock, other: Clock, t: int) -> int:
    """The latest time that *other* may have shown when *clock* showed *t*."""
    return clock.to(other, t) + clock.bound_on(other, t)


def _measure(run: RunHistory) -> None:
    """Set the clocks that the runner has measured; of several measurements the closest counts."""
    if run.runner is None:
        return
    parts: dict[tuple[str, str, int], ClientHistory | ServerHistory] = {}
    for client in run.clients:
        incarnation = client.journal.records[0].get("incarnation", 1)
        if isinstance(incarnation, int):
            parts.setdefault(("client", client.name, incarnation), client)
    starts: Counter[str] = Counter()
    for server in run.servers:
        starts[server.name] += 1
        parts["server", server.name, starts[server.name]] = server
    runners = Clock.of(run.runner)
    for line in run.runner_lines("clock"):
        kind = "server" if "server" in line.fields else "client"
        name, incarnation = line.get(kind), line.get("incarnation", 1)
        theirs, bound = microseconds(line.get("theirs")), microseconds(line.get("bound"))
        if not isinstance(name, str) or not isinstance(incarnation, int) or theirs is None or bound is None:
            continue
        part = parts.get((kind, name, incarnation))
        if part is not None and 0 <= bound < _CENTURY and abs(theirs) < _CENTURY:
            measured = part.clock.measured(runners, line.t, theirs, bound)
            if part.clock.origin is None or measured.bound < part.clock.bound:
                part.clock = measured


def _match(run: RunHistory) -> None:
    """Add every client line about a connection to its history."""
    histories: dict[Key, list[ConnectionHistory]] = {}
    for history in sorted(run.histories, key=lambda history: history.server.clock.wall(history.created)):
        histories.setdefault((history.server.name, history.station, history.connection), []).append(history)
    owners: dict[str, ClientHistory] = {}
    attaches: dict[Key, list[tuple[int, int, int]]] = {}
    for n, client in enumerate(run.clients):
        for line, record in enumerate(client.journal.records, 1):
            if isinstance(record.get("station"), str):
                owners.setdefault(record["station"], client)
            if record.event == "attach" and (key := key_of(record)) in histories:
                assert key is not None
                t = client.clock.to(histories[key][0].server.clock, record.t)
                attaches.setdefault(key, []).append((t, n, line))
    which: dict[tuple[int, int], ConnectionHistory] = {}
    for key, moments in attaches.items():
        order = histories[key]
        for i, (_, n, line) in enumerate(sorted(moments)):
            history = order[min(i, len(order) - 1)]
            if len(order) != len(moments):
                client, t = run.clients[n], run.clients[n].journal.records[line - 1].t
                earlier = (x for x in reversed(order) if x.created <= _latest(client.clock, x.server.clock, t))
                history = next(earlier, history)
            which[n, line] = history
    for n, client in enumerate(run.clients):
        now: dict[Key, ConnectionHistory] = {}
        for line, record in enumerate(client.journal.records, 1):
            key = key_of(record)
            if key is not None and key in histories:
                history = now[key] = which.get((n, line)) or now.get(key) or histories[key][0]
                history.client = client
                history.lines.append(ClientLine(client.clock.to(history.server.clock, record.t), line, client, record))
    for history in run.histories:
        history.client = history.client or owners.get(history.station)

"""Journals made by hand. Times are given in seconds."""

from __future__ import annotations

from typing import Any

from fakenw.journal.policy import POLICIES
from fakenw.journal.record import SECOND, Journal, Record, read_lines
from harness.judge.audit import books_balance
from harness.judge.history import RunHistory

KEEP = 3600  # seconds for which the unit of a cleared connection is kept
WHOLE: dict[str, Any] = {
    "instance": 32 * "0",
    "seed": 0,
    "idle_after": 300,
}  # of the start of a server that writes every field
UTC = "2000-08-10T09:30:15.000000+00:00"
PATH = 'NWBIND:["SMS_SITE=GS1"]\\\\FAKENW\\SYS\\CAP_GS1\\'
OFFER = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"
KEY = "HKEY_LOCAL_MACHINE\\Software\\Microsoft\\NAL\\Client\\Connections\\SMSCCMBootAcct\\Deviceless"


class Book:
    """A journal in the making. ``lines`` may be bent before it is read."""

    def __init__(self, name: str, role: str, **always: Any) -> None:
        self.name, self.role, self.always = name, role, always
        self.lines: list[Record] = []

    def write(self, t: float, event: str, **fields: Any) -> None:
        """Add a line."""
        self.lines.append(Record(round(t * SECOND), self.role, event, {**self.always, **fields}))

    def where(self, event: str, nth: int = 0) -> int:
        """The index of the *nth* such event."""
        return [i for i, record in enumerate(self.lines) if record.event == event][nth]

    def drop(self, event: str, nth: int = 0) -> None:
        """Forget the line of the *nth* such event."""
        del self.lines[self.where(event, nth)]

    def double(self, event: str, nth: int = 0) -> None:
        """Write the line of the *nth* such event twice."""
        at = self.where(event, nth)
        self.lines.insert(at, self.lines[at])

    def bend(self, event: str, nth: int = 0, **fields: Any) -> None:
        """Change fields of the *nth* such event."""
        at = self.where(event, nth)
        old = self.lines[at]
        self.lines[at] = Record(old.t, old.role, old.event, {**old.fields, **fields})

    def journal(self) -> Journal:
        """The journal, by way of its text."""
        return read_lines([record.line() for record in self.lines], self.name)


class ServerBook(Book):
    """The journal of a server that keeps good books."""

    def __init__(self, policy: str = "nls", limit: int = 5, **start: Any) -> None:
        super().__init__("server-FAKENW.jsonl", "server", server="FAKENW")
        self.policy, self.limit = POLICIES[policy], limit
        self.start = {"format": 1, "release": "5.1", "policy": policy, "licenses": limit, "utc": UTC, "speed": 1}
        self.begin(**start)

    def begin(self, **start: Any) -> None:
        """The server starts, for the first time or again."""
        self.held = 0
        self.about: dict[int, dict[str, Any]] = {}
        self.states: dict[int, str] = {}
        self.users: set[str] = set()
        self.since: dict[str, float] = {}  # of each unit
        self.files: dict[int, list[str]] = {}  # handles by serial
        self.requests: dict[int, float] = {}  # the last one of each serial
        self.announced: set[int] = set()  # serials whose end was told before it
        self.keeps_cleared = "keep_cleared" in {**self.start, **start}
        self.line(0, "start", **{**self.start, **start})

    def line(self, t: float, event: str, serial: int | None = None, **fields: Any) -> None:
        """A line, about a connection or not."""
        about = {} if serial is None else self.about[serial]
        if serial is not None and event in ("open", "shut", "busy", "deny", "login-failed", "unsupported"):
            self.requests[serial] = t
        if serial is not None and fields.get("what") == "gave-up":
            self.announced.add(serial)
        self.write(t, event, **{"held": self.held, "limit": self.limit, **about, **fields})

    def create(self, t: float, serial: int, connection: int = 1, station: str = "udp:10.0.0.2:1025") -> None:
        self.about[serial] = {"connection": connection, "serial": serial, "station": station, "user": None}
        self.states[serial] = "gone"
        self.files[serial] = []
        self.line(t, "create", serial)
        self.move(t, serial, "attached", "create")

    def move(self, t: float, serial: int, to: str, cause: str, user: str | None = None) -> None:
        """Change a connection's state, with what that does to the ledger."""
        before, self.states[serial] = self.states[serial], to
        had, has = before in self.policy.holding, to in self.policy.holding
        if cause in ("create", "login", "request", "service", "unlicense", "logout", "destroy"):
            self.requests[serial] = t
        self.about[serial]["user"] = user or self.about[serial]["user"]
        unit = f"user:{self.about[serial]['user']}" if self.policy.by_user else f"connection:{serial}"
        if has and not had and unit not in self.users:
            self.users |= {unit} if self.policy.by_user else set()
            self.held += 1
            self.since[unit] = t
            self.line(t, "grant", serial, unit=unit, cause=cause)
        self.line(t, "state", serial, **{"from": before, "to": to, "cause": cause})
        kept = self.keeps_cleared and cause == "cleared"
        if had and not has and not self.policy.by_user and not kept:
            self.held -= 1
            self.line(t, "release", serial, unit=unit, cause=cause, last_request=self.requests[serial])
        if to in ("attached", "gone"):
            self.about[serial] = {**self.about[serial], "user": None}

    def login(self, t: float, serial: int, user: str = "JOE") -> None:
        self.move(t, serial, "licensed", "login", user)

    def logout(self, t: float, serial: int) -> None:
        self.move(t, serial, "attached", "logout")

    def close(self, t: float, serial: int, cause: str = "destroy") -> None:
        """End a connection. One that its client has given up by *cause* before is destroyed then."""
        if cause in ("logout", "unlicense"):
            self.move(t, serial, "attached" if cause == "logout" else "authenticated", cause)
            cause = "destroy"
        self.announce(t, serial, cause)
        user = self.about[serial]["user"]
        self.move(t, serial, "gone", cause)
        self.line(t, "close", serial, user=user, cause=cause, last_request=self.requests[serial])

    def announce(self, t: float, serial: int, cause: str) -> None:
        """What is told before a connection ends by *cause*."""
        if serial in self.announced:
            return
        if cause == "cleared":
            self.line(t, "operator", serial, action="clear", by="SUPERVISOR")
            self.announced.add(serial)
        elif cause == "watchdog":
            self.line(t, "watchdog", serial, what="silent")
            self.line(t, "watchdog", serial, what="gave-up")

    def expire(self, t: float, serial: int) -> None:
        """The unit of a connection that was cleared is free again."""
        self.held -= 1
        self.line(t, "release", unit=f"connection:{serial}", cause="expired")

    def leave(self, t: float, serial: int) -> None:
        """Log out and destroy."""
        self.logout(t, serial)
        self.close(t, serial)

    def open(self, t: float, serial: int, path: str = OFFER, handle: str = "01") -> None:
        self.line(t, "open", serial, handle=handle, path=path)
        self.files[serial].append(handle)

    def shut(self, t: float, serial: int, cause: str = "close", path: str = OFFER, handle: str = "01") -> None:
        self.announce(t, serial, cause)
        requests = dict(self.requests)
        self.line(t, "shut", serial, handle=handle, path=path, cause=cause)
        if cause in ("lost", "stalled", "watchdog", "cleared", "reinitialize", "idle-policy", "busy"):
            self.requests = requests  # no request of the client
        if handle in self.files[serial]:
            self.files[serial].remove(handle)

    def stop(self, t: float) -> None:
        holding = [serial for serial, state in self.states.items() if state in self.policy.holding]
        self.line(t, "stop", holders=[self.holder(serial) for serial in holding])

    def problems(self) -> list[tuple[int, str]]:
        """What the audit finds: each a line and a sentence."""
        return [(problem.line, problem.text) for problem in books_balance(self.journal())]

    def marked(self) -> list[tuple[int, str]]:
        """The problems where the server goes on, so that the journal has not just broken off."""
        self.line(self.lines[-1].t / SECOND + 1, "mark", text="mark")
        return self.problems()

    def texts(self) -> list[str]:
        """The sentences that the audit finds."""
        return [text for _, text in self.problems()]

    def holder(self, serial: int) -> dict[str, Any]:
        """The entry of a connection in a stop."""
        about = {name: self.about[serial][name] for name in ("serial", "station", "user")}
        unit = f"user:{about['user']}" if self.policy.by_user else f"connection:{serial}"
        last = self.requests[serial]
        return {**about, "since": self.since[unit], "last_request": last, "files": len(self.files[serial])}


class ClientBook(Book):
    """The journal of a scripted client with one NCP connection at a time."""

    def __init__(self, name: str = "workstation", utc: str = UTC, speed: float = 1) -> None:
        super().__init__(f"client-{name}.jsonl", "client", client=name)
        self.at: dict[str, Any] = {}
        self.write(0, "start", format=1, utc=utc, speed=speed)

    def attach(self, t: float, connection: int = 1, station: str = "udp:10.0.0.2:1025") -> None:
        self.at = {"server": "FAKENW", "station": station, "connection": connection}
        self.say(t, "attach", user="JOE", private=False)

    def say(self, t: float, event: str, **fields: Any) -> None:
        """A line about the connection."""
        self.write(t, event, **self.at, **fields)

    def arbiter(self, t: float, action: str, reference: int, resource: str = "Resource1", path: str = PATH) -> None:
        entry = {"key": KEY, "resource": resource, "path": path, "persistence": 0, "reference": reference}
        self.say(t, "arbiter", action=action, **entry)


class RunnerBook(Book):
    """The journal of a runner."""

    def __init__(self, **run: Any) -> None:
        super().__init__("runner.jsonl", "runner")
        self.write(0, "run", format=1, utc=UTC, speed=1, scenario="Q257223", **run)


def put_together(*books: Book) -> RunHistory:
    """The run that these journals tell."""
    return RunHistory.of([book.journal() for book in books])


def q257223() -> tuple[ServerBook, ClientBook, RunnerBook]:
    """The bug: the release is refused because of a file that nobody counted, and nobody asks again."""
    server = ServerBook()
    server.create(0, 1)
    server.login(0, 1, "SMSCLIENT_GS1")
    server.open(0.5, 1)
    server.shut(601, 1)
    server.line(1501, "idle", 1, since=601.0, files=0)
    server.stop(15001)
    client = ClientBook()
    client.attach(0.1)
    client.arbiter(0.2, "opened", 1)
    client.say(0.2, "nal-open", path=PATH, owner="SMSCCMBootAcct")
    client.say(0.6, "apm-open", file=OFFER, mode="rides")
    client.say(1.0, "nal-close", path=PATH, owner="SMSCCMBootAcct")
    client.arbiter(1.0, "dropped", 0)
    client.say(1.0, "release-asked", by="NAL", forced=False)
    client.say(1.0, "release-refused", reason="open files", files=[OFFER])
    client.arbiter(1.0, "kept", 0)
    client.say(601.1, "apm-close", file=OFFER)
    client.write(15001, "done")
    return server, client, RunnerBook(within=300, expect="leaked")


def attached(policy: str = "nls", **start: Any) -> ServerBook:
    """A connection, which is created on line 2, and attached on line 3 (under attach on line 4)."""
    book = ServerBook(policy, **start)
    book.create(1, 1)
    return book


def licensed(policy: str = "nls", **start: Any) -> ServerBook:
    """JOE is logged in with a grant on line 4, and licensed on line 5."""
    book = attached(policy, **start)
    book.login(2, 1)
    return book


def cleared(**start: Any) -> ServerBook:
    """JOE was cleared at 10 s by line 6, gone on line 7 and closed on line 8; his unit is kept until KEEP + 10."""
    book = licensed(keep_cleared=KEEP, **start)
    book.close(10, 1, "cleared")
    return book


def reconstructed(*, unit: bool = True, **start: Any) -> ServerBook:
    """JOE is licensed already, by lines 2 to 4; perhaps his unit is not known."""
    book = ServerBook(cause="forgotten", **start)
    book.about[1] = {"connection": 1, "serial": 1, "station": "udp:10.0.0.2:1025", "user": "JOE"}
    book.line(5, "create", 1, cause="forgotten", user=None)
    if unit:
        book.held = 1
        book.line(5, "grant", 1, unit="connection:1", cause="forgotten")
    book.line(5, "state", 1, **{"from": "gone", "to": "licensed", "cause": "forgotten"})
    book.states[1], book.files[1], book.since["connection:1"], book.requests[1] = "licensed", [], 5, 5
    return book


def held_once(*, until: float | None, end: float = 1000, cause: str = "destroy", file: bool = False) -> ServerBook:
    """One connection, licensed from 2 s until some time (None: to the end), perhaps with a file open on it."""
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    if file:
        book.open(3, 1)
    if file and until is not None:
        book.shut(until, 1, cause)
    if until is not None:
        book.close(until, 1, cause)
    book.stop(end)
    return book


def scripted(*, needed: float) -> ClientBook:
    """A client that uses the connection from 2.5 s until it no longer needs it."""
    book = ClientBook()
    book.attach(2.1)
    book.say(2.5, "nal-open", path="P", owner="O")
    book.say(needed, "nal-close", path="P", owner="O")
    book.write(950, "done")
    return book


def ended(cause: str = "lost", policy: str = "nls", **start: Any) -> ServerBook:
    """JOE's connection ends: state on line 6, release on line 7, close on line 8."""
    book = licensed(policy, **start)
    book.close(3, 1, cause)
    return book

"""A NetWare server for tests, in a process of its own, with assertions about its journal.

Rules of this file:

* The server is a process, so that the test itself can call a client that blocks.
* Assertions read the server's journal. Times to wait are real time, those in journals are the server's.
* A server is *reset* between tests; a test sees only the lines after the reset.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakenw.admin.client import AdminClient, AdminRefused, AdminUnreachable
from fakenw.config import yaml_file
from fakenw.config.field_types import duration
from fakenw.core.peer import TCP, UDP
from fakenw.journal.record import SECOND, Journal, Record, read
from fakenw.server_process import ProcessGroup, ServerFailed, ServerProcess
from harness.judge.assertions import AssertionAnswer, denials, slice_of
from harness.judge.causes import ANY_CAUSE
from harness.judge.cut_journal import with_its_limit
from harness.judge.history import RunHistory
from harness.judge.selection import LicenseSelection
from harness.report.text import Result, story
from harness.testing.evidence import first_line, holders_at_peak, judged, keep, last_seen, refusals_seen
from harness.testing.netware_faults import NetwareFaults
from harness.testing.server_setup import Setup

LOOK_EVERY = 0.05  # seconds
ADVANCE_WITHIN = 600.0  # seconds of real time, for advancing the clock by years
ADDRESS_IN_USE = "Address already in use"  # the text of EADDRINUSE
TRIES = 20  # of a port that is free for TCP and for UDP
LISTENS = (TCP.name, UDP.name)


class NetwareError(Exception):
    """The server could not be started, or refused a request."""


@dataclass(repr=False)
class Netware:
    """A running server. ``host`` and ``port`` are the same for TCP and UDP."""

    setup: Setup
    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    name: str = "FAKENW"
    admin: str = ""
    instance: str = ""
    _process: ServerProcess | None = None
    _from: int = 0  # the line of the journal with which this test begins
    _packets_from: int = 0  # the size of the capture then
    title: str = "test"  # of the test, in reports
    _marked: int | None = None
    _failure: tuple[RunHistory, AssertionAnswer] | None = None  # the last assertion that did not hold
    _clients: list[ScriptedWorkstation] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<NetWare server {self.name} at {self.address}>"  # pytest shows it in a failure: one line

    # State

    @property
    def address(self) -> str:
        """``HOST:PORT``."""
        return f"{self.host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """``FAKENW_HOST`` and ``FAKENW_PORT``, for the environment of a client."""
        return {"FAKENW_HOST": self.host, "FAKENW_PORT": str(self.port)}

    @property
    def capture(self) -> Path:
        """The file of all packets, for Wireshark."""
        return self.folder / "capture.pcap"

    @property
    def journal(self) -> list[Record]:
        """The lines of the server's journal since the test began."""
        return self.run().servers[0].journal.records[1:]

    @property
    def held(self) -> int:
        """The number of licenses that are held."""
        records = self.journal
        return int(records[-1].get("held") or 0) if records else 0

    @property
    def limit(self) -> int:
        """The number of licenses of the server."""
        return self.run().servers[0].limit

    def connections(self) -> list[dict[str, Any]]:
        """The connection table as MONITOR shows it; see docs/api.md."""
        found: list[dict[str, Any]] = self._ask("/api/connections")["connections"]
        return found

    @property
    def faults(self) -> NetwareFaults:
        """Faults of packets and of the server, to be added and removed: see below."""
        return NetwareFaults(self._ask)

    def keep(self, folder: Path) -> None:
        """Write the evidence of the test into *folder*: of the assertion that failed, else of the test so far.

        Raises OSError, NetwareError or JournalError.
        """
        run, answer = self._failure or judged(self._own_journal(), self.title, LicenseSelection())
        keep(folder, run, answer, self.capture, self._packets_from)
        for log in (self.folder / "server.log", *self.folder.glob("client-*.jsonl")):
            if log.exists():
                (folder / "logs").mkdir(exist_ok=True)
                shutil.copy(log, folder / "logs" / log.name)

    def run(self) -> RunHistory:
        """The history of the test, from the journal. Raises NetwareError for the journal of another server."""
        return RunHistory.of([self._own_journal()])

    def _own_journal(self) -> Journal:
        return with_its_limit(slice_of(self._read(), self._from))

    # Actions

    def mark(self, text: str = "mark") -> None:
        """Mark that held licenses are not needed any more: see ``since="mark"``. Raises NetwareError."""
        self._ask("/api/mark", {"text": text})
        self._marked = self._now()

    def clear(self, number: int) -> None:
        """Clear a connection, as an operator does. Raises NetwareError."""
        self._ask(f"/api/connections/{number}/clear", {})

    def advance(self, **time: float) -> None:
        """Advance the server's clock: ``hours=4``, ``minutes=``, ``seconds=``, ``days=``; all deadlines in it expire.

        The watchdog does not clear a client that answers, however far the clock advances. Raises NetwareError.
        """
        seconds = {"hours": 3600, "minutes": 60, "seconds": 1, "days": 86_400}
        if not time or time.keys() - seconds.keys():
            raise TypeError(f"expected {', '.join(seconds)}, not {', '.join(time) or 'nothing'}")
        self._ask("/api/clock/advance", {"seconds": sum(seconds[unit] * value for unit, value in time.items())})

    def workstation(self, user: str = "GUEST", transport: str = "udp", **settings: Any) -> ScriptedWorkstation:
        """A scripted client, in a process of its own; *settings* are those of a scenario's client.

        Raises NetwareError for another transport than TCP and UDP.
        """
        if transport not in LISTENS:
            raise NetwareError(f"the server listens on TCP and UDP, not on {transport}; expected tcp or udp")
        client = ScriptedWorkstation(
            self, {"name": f"workstation-{len(self._clients) + 1}", "user": user, **settings}, transport
        )
        self._clients.append(client)
        return client

    def reset(self) -> None:
        """End all connections; assertions see only later lines. Raises NetwareError."""
        while self._clients:
            self._clients.pop().stop()
        self._ask("/api/reset", {"force": True})
        self._from, self._marked, self._failure = len(self._read().records), None, None
        self._packets_from = self.capture.stat().st_size

    # Assertions

    def wait_for(
        self, condition: Callable[[RunHistory], object], within: float | str = 10, what: str = ""
    ) -> RunHistory:
        """Read the journal until *condition* of its history is true. Raises AssertionError after *within*."""
        deadline = time.monotonic() + _seconds(within)
        while True:
            run = self.run()
            if condition(run):
                return run
            if time.monotonic() > deadline:
                raise AssertionError(f"{what or 'the condition'} did not come true within {within} s; {last_seen(run)}")
            time.sleep(LOOK_EVERY)

    def assert_released(
        self,
        within: float | str = 30,
        *,
        user: str | None = None,
        station: str | None = None,
        since: str | None = None,
        by: str = "client",
        clients: int = 1,
    ) -> None:
        """Assert that every license is released by its client *within* real time, and that there was one.

        No file may be open at that moment, and the books must balance. *clients*: so many connections must have had a
        license and logged in. *since*: ``"mark"`` for those that were held at the last mark, or later. *by*:
        ``client``, ``anybody`` (the server may have reclaimed it), or one cause such as ``logout``.
        """
        __tracebackhide__ = True
        if since not in (None, "mark"):
            raise ValueError(f'since={since!r}; expected "mark"')
        if since and self._marked is None:
            raise ValueError("nothing was marked; call mark() first")
        wanted = LicenseSelection(user, station, (self._marked or 0) if since else 0, by)
        deadline = time.monotonic() + _seconds(within)
        while True:
            run, answer = judged(self._own_journal(), self.title, wanted, clients)
            if answer.passed:
                return
            if not answer.waiting or time.monotonic() > deadline:
                raise AssertionError(self._failed(f"not released within {within} s", run, answer))
            time.sleep(LOOK_EVERY)

    def assert_denied(self, *, user: str | None = None, what: str | None = None, times: int | None = None) -> None:
        """Assert that the server refused a client exactly *times*, or at least once.

        *what* was not free: a ``license``, a ``slot`` (connection number) or, by the user's limit, the ``account``.
        """
        __tracebackhide__ = True
        run = self.run()
        found = denials(run, user, what)
        if not found or times not in (None, len(found)):
            wanted = "at least once" if times is None else f"{times} times"
            raise AssertionError(f"refused {len(found)} times, expected {wanted}; {refusals_seen(run)}")

    def assert_peak(self, most: int) -> None:
        """Assert that at most *most* licenses were held at once."""
        __tracebackhide__ = True
        run = self.run()
        peak = run.servers[0].peak
        if peak > most:
            raise AssertionError(
                f"{peak} licenses were held at once, at most {most} were expected; {holders_at_peak(run)}"
            )

    def assert_no_growth(self, work: Callable[[], object], cycles: int = 3, within: float | str = 10) -> None:
        """Assert that after each of *cycles* calls of *work* no more licenses are held than after the first."""
        __tracebackhide__ = True
        work()
        counts = [self.held]
        for _ in range(cycles - 1):
            work()
            with suppress(AssertionError):
                self.wait_for(lambda run: self.held <= counts[0], within)
            counts.append(self.held)
        if max(counts) > counts[0]:
            raise AssertionError(f"licenses held after each cycle: {', '.join(map(str, counts))}")

    def assert_nothing_held(self) -> None:
        """Assert that no license is held; the error lists the holders, and the files with the evidence."""
        __tracebackhide__ = True
        run, answer = judged(self._own_journal(), self.title, LicenseSelection(by=ANY_CAUSE))
        if answer.verdict.problems:
            raise AssertionError(self._failed("nothing can be told of the licenses", run, answer))
        if answer.verdict.leaked:
            raise AssertionError(self._failed("licenses are still held at the end", run, answer))

    def _failed(self, what: str, run: RunHistory, answer: AssertionAnswer) -> str:
        """The text of a failure: first, briefly, the license and its holder."""
        self._failure = run, answer
        lines = [first_line(answer.why), f"  {what}:", *(f"    {line}" for line in answer.why)]
        lines += [f"  {line}" for line in story(Result(run, answer.verdict))[1:]]
        return "\n".join([*lines, f"  journal: {self.folder / 'server.jsonl'}", f"  capture: {self.capture}"])

    # The process

    def start(self) -> None:
        """Start the server, and return when it is ready. Raises NetwareError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for _ in range(TRIES):
            self.port = _free_port()
            try:
                self._process = self._server().ready()
            except ServerFailed as problem:
                if ADDRESS_IN_USE not in self._log():
                    raise NetwareError(_said(self._log()) or str(problem)) from None
                continue
            self.admin = self._process.admin
            self.instance = str(self._ask("/api/server").get("instance"))
            self._from = len(self._read().records)
            return
        raise NetwareError(f"no port was free for TCP and UDP: {self._log()}")

    def stop(self) -> None:
        """Stop the server, and the workstations."""
        while self._clients:
            self._clients.pop().stop()
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _server(self) -> ServerProcess:
        log = self.folder / "server.log"
        log.unlink(missing_ok=True)
        options = [*self.setup.command(), "--admin", "127.0.0.1:0"]
        for transport in LISTENS:
            options += ["--listen", f"{transport}:{self.host}:{self.port}"]
        options += ["--journal", str(self.folder / "server.jsonl"), "--pcap", str(self.capture), "--overwrite"]
        return ServerProcess(*options, users=self.setup.users, log=log)

    def _read(self) -> Journal:
        """The journal of this start of the server. Raises NetwareError."""
        path = self.folder / "server.jsonl"
        journal = read(path)
        written = journal.records[0].get("instance") if journal.records else None
        if written != self.instance:
            raise NetwareError(f"{path} is the journal of the server {written}, not of {self.instance} at {self.admin}")
        return journal

    def _log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace").strip()[-1000:]

    def _now(self) -> int:
        server = self._ask("/api/server")
        if server.get("instance") != self.instance:
            raise NetwareError(f"{self.admin} is the server {server.get('instance')}, not {self.instance}")
        return round(float(server["t"]) * SECOND)

    def _ask(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        admin = AdminClient(self.admin, timeout=ADVANCE_WITHIN)
        try:
            answer: dict[str, Any] = admin.get(path) if body is None else admin.post(path, body)
        except AdminRefused as problem:
            raise NetwareError(str(problem)) from None
        except AdminUnreachable as problem:
            raise NetwareError(f"{problem}; its output: {self._log()}") from None
        return answer


class ScriptedWorkstation:
    """A scripted client. Its process runs until it is stopped, and answers the watchdog."""

    def __init__(self, server: Netware, client: Mapping[str, Any], transport: str) -> None:
        self._server, self._client, self._transport = server, client, transport
        self._process: ProcessGroup | None = None

    def play(self, script: Sequence[Any], within: float | str = 60) -> None:
        """Play a script, written as in a scenario, and return when it is done. Raises NetwareError."""
        from harness.scenario import mentions
        from harness.scenario.scenario import Scenario
        from harness.scenario.settings import ClientSpec

        if self._process is not None:
            raise NetwareError("a workstation plays one script; expected a new workstation")
        spec = {**self._client, "transport": self._transport, "script": list(script)}
        here = {"name": self._server.name, "licenses": max(1, self._server.setup.licenses)}
        # Users and volumes may stand in a file that the server's options name: all that the client names are known.
        strangers = mentions.strangers(yaml_file.check(ClientSpec, spec, "workstation"))
        data = {"format": 1, "id": "test", "title": "t", "source": "s", "strangers": strangers}
        data |= {"servers": [here], "clients": [spec]}
        (plan,) = Scenario.read(data, "workstation").plans()
        (order,) = plan.scripted()
        journal = self._server.folder / f"client-{order['name']}.jsonl"
        command = (sys.executable, "-m", "harness.runners.client", str(journal))
        self._process = ProcessGroup(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        places = {self._server.name: (self._server.host, self._server.port)}
        self._process.send({"client": order, "servers": places, "speed": 1})
        deadline = time.monotonic() + _seconds(within)
        while "done" not in self._process.lines():
            code = self._process.code()
            if code is not None or time.monotonic() > deadline:
                raise NetwareError(f"the workstation did not come to the end of its script: exit code {code}")
            time.sleep(LOOK_EVERY)

    def stop(self) -> None:
        """End the process; nothing is sent to the server."""
        if self._process is not None:
            self._process.stop()
            self._process = None


def _said(log: str) -> str:
    """The sentence with which a server refuses to start, without the usage before it."""
    return next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")


def _free_port() -> int:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        with suppress(OSError):
            udp.bind(("127.0.0.1", port))
        return port


def _seconds(within: float | str) -> float:
    return duration(within) / SECOND

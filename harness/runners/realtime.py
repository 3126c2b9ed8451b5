"""A run on real time: servers and clients that have lives of their own, each on a host, and faults between them.

Rules of this file:

* A host is a process or a container. What a host is, and how a fault comes over it, is known to its site only.
* Everything is started at once; when everybody is ready, the scripted clients begin together, and with them the
  time of the faults.
* Scripted clients stay alive until the servers have stopped, so that no verdict comes from their exit.
* What is known of a run is in journals, in a directory; nothing is read from a client.
* Whatever happens, no host outlives the run, unless its site was told to keep them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from fakenw.journal import JournalFile
from fakenw.records import SECOND, Journal, Record, read
from harness.faults import Disruption
from harness.plan import Plan
from harness.runners.memory import client_journal
from harness.runners.tail import Tail
from harness.settings import ClientSpec, ServerSpec

READY_WITHIN = 30.0  # seconds; a Python program starts slowly on a busy machine
READY_EACH = 2.0  # and more slowly if it is one of many
LOOK_EVERY = 0.02
IMAGE_TIMEOUT = 600 * SECOND  # nobody else will notice that an image hangs

Address = tuple[str, int]


class Failed(Exception):
    """The run could not be carried out; says why."""


class Stopped(Exception):
    """Somebody asked for the end of the run."""


class Host(Protocol):
    """Something of a run that lives by itself. ``words`` are what a scripted client says: ready, done."""

    name: str
    words: set[str]

    def code(self) -> int | None:
        """Its exit code; None while it lives."""

    def last_output(self) -> str:
        """The last lines it printed, as one; empty where nothing was kept."""

    def tell(self, order: Mapping[str, Any]) -> None:
        """A line on its standard input. Raises OSError."""

    def stop(self) -> None:
        """Ask it to end, and if that does not help see to it. Its journal is whole afterwards."""


class Site(Protocol):
    """Where hosts are: it starts them and makes faults happen. Everything here may raise Failed."""

    on: str
    parallel: int  # how many hosts it starts at once

    def open(self, plan: Plan, folder: Path) -> None:
        """Make room for the hosts of *plan*, whose journals and outputs go to *folder*."""

    def start_server(self, spec: ServerSpec, journal: Path) -> Host: ...

    def addresses(self, server: Host) -> dict[str, Address] | None:
        """Where a server answers NCP, by transport; None: not yet."""

    def start_scripted(self, name: str, journal: Path) -> Host:
        """A client that says "ready" and then waits for its order, which lacks ``journal``."""

    def start_own(self, name: str, client: ClientSpec) -> Host:
        """A client of the user's own, which knows by its command and its environment where the server is."""

    def disrupt(self, fault: Disruption, host: Host) -> None:
        """Let a fault other than restart come over *host*."""

    def restart(self, host: Host, new_address: bool, journal: Path | None) -> Host:
        """Start a host again that has lost its power; a scripted client with another *journal*."""

    def close(self) -> None:
        """Stop and remove whatever is left."""


@dataclass(eq=False)
class _Client:
    """A client of the run. *order*: what it is told, None for the user's own."""

    name: str
    host: Host
    order: Mapping[str, Any] | None = None
    life: int = 1
    ended: bool = False
    frozen: bool = False
    told: bool = False

    @property
    def finished(self) -> bool:
        """Nothing more is to be expected of it by itself."""
        return self.ended or self.frozen or "done" in self.host.words


class Run:
    """One run on its way. *stop* is set when somebody wants it to end early; *tell* hears of its progress."""

    def __init__(
        self, plan: Plan, folder: Path, site: Site, stop: threading.Event, tell: Callable[[str], None]
    ) -> None:
        self.plan, self.folder, self._site, self._stop, self._tell = plan, folder, site, stop, tell
        self._begun, utc = time.monotonic(), datetime.now(UTC).isoformat(timespec="microseconds")
        self._lock = threading.Lock()
        self._journal = JournalFile.create(folder / "runner.jsonl")
        self._write("run", t=0, **{**plan.opening(site.on), "utc": utc, "speed": plan.speed})
        self._servers: dict[str, tuple[Host, Tail]] = {}
        self._addresses: dict[str, dict[str, Address]] = {}
        self._clients: dict[str, _Client] = {}
        self._faults = plan.disruptions()
        self._went = 0.0  # when the clients were told to begin

    def carry_out(self) -> None:
        """Start everything, wait until there is nothing more to see, stop everything in the right order."""
        try:
            with self._phase("create"):
                self._site.open(self.plan, self.folder)
                self._start_everybody()
            with self._phase("ready"):
                self._until_ready()
            with self._phase("run"):
                self._begin()
                self._wait()
        except Failed as problem:
            self._write("failed", reason=str(problem))
        except Stopped:
            self._write("failed", reason="stopped before the end")
        finally:
            with self._phase("collect"):
                self._collect()
            with self._phase("remove"):
                self._site.close()
            self._write("end")
            self._journal.close()

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self._write("phase", name=name, seconds=round(time.monotonic() - begun, 3))

    # Starting

    def _start_everybody(self) -> None:
        for spec in self.plan.servers:
            path = self.folder / f"server-{spec.name}.jsonl"
            self._servers[spec.name] = (self._site.start_server(spec, path), Tail(path))
        orders = self.plan.scripted()

        def start(client: dict[str, Any]) -> None:
            name = client["name"]
            host = self._site.start_scripted(name, self.folder / client_journal(name, 1))
            self._clients[name] = _Client(name, host, client)

        self._in_parallel(start, orders)

    def _in_parallel(self, start: Callable[[Any], None], what: Sequence[Any]) -> None:
        """Call *start* for all of *what*, some at a time. Raises what one of them raised, Stopped if asked to."""
        started = 0

        def one(item: Any) -> None:
            nonlocal started
            if not self._stop.is_set():
                start(item)
                started += 1
                if len(what) >= 10 and started % max(10, len(what) // 10) == 0:
                    self._tell(f"{started} of {len(what)} clients started")

        with ThreadPoolExecutor(max_workers=self._site.parallel) as pool:
            jobs = [pool.submit(one, item) for item in what]
            try:
                for job in jobs:
                    job.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        if self._stop.is_set():
            raise Stopped

    def _until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN + READY_EACH * len(self._clients)
        for name, (server, _) in self._servers.items():
            while (addresses := self._site.addresses(server)) is None:
                self._alive(server, deadline, "does not answer NCP")
            self._addresses[name] = addresses
        for client in self._clients.values():
            while "ready" not in client.host.words:
                self._alive(client.host, deadline, "was not ready")

    def _alive(self, host: Host, deadline: float, why: str) -> None:
        """Wait a moment. Raises Failed if the host has died or the deadline is over, Stopped if asked to."""
        if host.code() is not None:
            raise Failed(_death(host))
        if time.monotonic() > deadline:
            raise Failed(f"{host.name} {why} in time: {_said(host)}")
        if self._stop.wait(LOOK_EVERY):
            raise Stopped

    def _begin(self) -> None:
        """Everybody is ready: the scripted clients begin, and the user's own are started."""
        self._went = time.monotonic()
        for client in self._clients.values():
            self._order(client)
        transport = self.plan.transports()[0]
        host, port = self._addresses[self.plan.servers[0].name][transport]
        places = {"host": host, "port": str(port), "transport": transport}
        told = {f"FAKENW_{place.upper()}": value for place, value in places.items()}

        def start(own: tuple[str, ClientSpec]) -> None:
            name, spec = own
            command = None if spec.command is None else tuple(_fill(word, places) for word in spec.command)
            spec = spec.model_copy(update={"command": command, "environment": {**spec.environment, **told}})
            what: dict[str, Any] = {"command": command, "image": spec.image}
            self._write("spawn", client=name, **{key: value for key, value in what.items() if value})
            self._clients[name] = _Client(name, self._site.start_own(name, spec))

        self._in_parallel(start, self.plan.own())

    def _order(self, client: _Client) -> None:
        assert client.order is not None
        servers = {server: by[client.order["transport"]] for server, by in self._addresses.items()}
        self._write("spawn", client=client.name)
        client.told = True
        try:
            client.host.tell({"client": client.order, "servers": servers, "speed": self.plan.speed})
        except OSError:
            raise Failed(f"{client.name} ended at once: {_said(client.host)}") from None

    # Waiting

    def _wait(self) -> None:
        """Until every client has finished and nobody holds a license, or has held one long enough."""
        quiet_since = time.monotonic()  # when the clients had finished, or a journal last grew
        finished_at: float | None = None
        timeout = self.plan.timeout or (IMAGE_TIMEOUT if self.plan.images() else None)
        tails = [tail for _, tail in self._servers.values()]
        while True:
            self._disrupt()
            for server, _ in self._servers.values():
                if server.code() is not None:
                    raise Failed(_death(server))
            for client in list(self._clients.values()):
                self._look_at(client)
            before = [tail.last for tail in tails]
            for tail in tails:
                tail.catch_up()
            now = time.monotonic()
            if [tail.last for tail in tails] != before:
                quiet_since = now
            finished = not self._faults and all(client.finished for client in self._clients.values())
            finished_at = (finished_at or now) if finished else None
            if finished_at is not None and (
                not any(tail.held for tail in tails) or now - finished_at > self._real(self.plan.patient_within)
            ):
                return
            if not finished and self.plan.idle_after is not None and not self.plan.scripted() and not self._faults:
                everything_idle = all(tail.all_idle_since() is not None or not tail.held for tail in tails)
                # Who holds and is idle has been so for idle_after when the journal says it.
                idle = 0 if any(tail.held for tail in tails) else self.plan.idle_after
                if everything_idle and now - quiet_since > self._real(idle + self.plan.patient_within):
                    return
            if timeout is not None and now - self._went > timeout / SECOND:
                going = [client for client in self._clients.values() if not client.finished]
                what = f"; {going[0].name} still runs: {_said(going[0].host)}" if going else ""
                raise Failed(f"given up after {timeout / SECOND:g} s{what}")
            if self._stop.wait(LOOK_EVERY):
                raise Stopped

    def _real(self, duration: int) -> float:
        """Microseconds of the server's time as seconds on the wall."""
        return duration / SECOND / self.plan.speed

    def _look_at(self, client: _Client) -> None:
        if client.ended:
            return
        code = client.host.code()
        if client.order is None:
            if code is not None:
                client.ended = True
                self._write("exit", client=client.name, code=code, **_output(client.host))
        elif code is not None:
            raise Failed(_death(client.host))
        elif not client.told and "ready" in client.host.words:
            self._order(client)  # it was started again

    # Faults

    def _disrupt(self) -> None:
        """Let those faults happen whose time has come."""
        while self._faults and time.monotonic() - self._went >= self._real(self._faults[0].at):
            fault = self._faults.pop(0)
            client = self._clients[fault.client]
            self._write("fault", what=fault.verb, client=client.name, **fault.as_json())
            if fault.verb == "restart":
                self._restart(client, fault)
                continue
            if client.ended:
                raise Failed(f"{fault.verb}: {client.name} has ended before")
            if fault.verb in ("process-killed", "power-off"):
                self._ends(client, fault)
            self._site.disrupt(fault, client.host)
            client.frozen = fault.verb == "freeze" or (client.frozen and fault.verb != "thaw")

    def _ends(self, client: _Client, fault: Disruption) -> None:
        client.ended = True
        self._write("exit", client=client.name, code=None, cause=fault.verb)

    def _restart(self, client: _Client, fault: Disruption) -> None:
        if not client.ended:
            self._ends(client, fault)
            self._site.disrupt(fault._replace(verb="power-off"), client.host)
        life = client.life + 1
        journal = None if client.order is None else self.folder / client_journal(client.name, life)
        host = self._site.restart(client.host, fault.arguments["address"] == "new", journal)
        self._clients[client.name] = _Client(client.name, host, client.order, life)
        if client.order is None:
            self._write("spawn", client=client.name)

    # Ending

    def _collect(self) -> None:
        """Stop the servers, which completes their journals, and note what became of clients that are still there."""
        for client in self._clients.values():
            if client.order is None and not client.ended:
                self._look_at(client)
            if client.order is None and not client.ended:
                self._write("still-running", client=client.name, **_output(client.host))
        for server, _ in self._servers.values():
            server.stop()

    def _write(self, event: str, *, t: int | None = None, **fields: Any) -> None:
        with self._lock:
            now = round((time.monotonic() - self._begun) * self.plan.speed * SECOND) if t is None else t
            self._journal.write([Record(now, "runner", event, fields)])


def _death(host: Host) -> str:
    return f"{host.name} ended with exit code {host.code()}: {_said(host)}"


def _said(host: Host) -> str:
    return host.last_output() or "it printed nothing"


def _output(host: Host) -> dict[str, Any]:
    said = host.last_output()
    return {"output": said} if said else {}


def _fill(word: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        word = word.replace(f"{{{place}}}", value)
    return word


def last_lines(text: str) -> str:
    """The last lines of an output, as one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-3:])[-2000:]


def run(
    plan: Plan, folder: Path, site: Site, stop: threading.Event, tell: Callable[[str], None] = lambda text: None
) -> list[Journal]:
    """Carry *plan* out on *site*, in *folder*, which must exist. Returns the journals that were written there."""
    Run(plan, folder, site, stop, tell).carry_out()
    return [read(path) for path in sorted(folder.glob("*.jsonl"))]

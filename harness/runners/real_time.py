"""A run on real time: servers and clients are hosts of a backend.

Rules of this file:

* All hosts are started at once. When all are ready, the scripted clients begin together, and with them the time of the
  faults.
* The clocks of all hosts are measured by the runner's: those of servers when they are ready, those of scripted clients
  while they play.
* Clients that have not ended run until the servers have stopped, so that no verdict comes from their exit.
* All results are journals in a directory; no result is read from a client.
* No host outlives the run, unless the backend keeps them on request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fakenw.core.peer import IPX
from fakenw.journal.record import SECOND, Journal, Record, read
from fakenw.journal.writer import JournalFile
from harness.runners.backend import Backend, Failed, Host, exit_report, output_of
from harness.runners.clock_probe import ClockProbe
from harness.runners.fault_injector import FaultInjector, RunningClient, ServerUnderTest
from harness.runners.journal_tail import JournalTail
from harness.runners.run_end import RunEnd
from harness.scenario.plan import Plan, client_journal
from harness.scenario.settings import ClientSpec

READY_WITHIN = 90.0  # seconds; a host that ends is noticed at once, and a busy machine is slow
READY_EACH = 2.0  # seconds in addition, for each client
POLL_INTERVAL = 0.02  # seconds
IMAGE_TIMEOUT = 600 * SECOND  # nothing else ends a run whose image hangs


class Stopped(Exception):
    """The user asked for the end of the run."""


class RealTimeRun:
    """One run. It ends early when *stop* is set; *progress* is called with lines for the user."""

    def __init__(
        self, plan: Plan, folder: Path, backend: Backend, stop: threading.Event, progress: Callable[[str], None]
    ) -> None:
        self.plan, self.folder, self._backend, self._stop, self._progress = plan, folder, backend, stop, progress
        self._begun, utc = time.monotonic(), datetime.now(UTC).isoformat(timespec="microseconds")
        self._lock = threading.Lock()
        self._journal = JournalFile.create(folder / "runner.jsonl")
        self._write("run", t=0, **{**plan.opening(backend.on), "utc": utc, "speed": plan.speed})
        self._servers: dict[str, ServerUnderTest] = {}
        self._clients: dict[str, RunningClient] = {}
        self._faults = FaultInjector(
            plan, folder, backend, self._clients, self._servers, self._write, self._until_answers
        )
        self._clocks = ClockProbe(backend, self._servers, self._clients, self._now, self._write)
        self._clients_began = 0.0  # by the monotonic clock

    def carry_out(self) -> None:
        """Start all hosts, wait until the clients have finished, and stop the servers first."""
        try:
            with self._phase("create"):
                self._backend.open(self.plan, self.folder)
                self._start_hosts()
            with self._phase("ready"):
                self._until_ready()
                self._clocks.measure_due()
            with self._phase("run"):
                self._begin()
                self._wait()
                self._clocks.measure_rest()
        except Failed as problem:
            self._write("failed", reason=str(problem))
        except Stopped:
            self._write("failed", reason="stopped before the end")
        finally:
            with self._phase("collect"):
                self._collect()
            with self._phase("remove"):
                self._backend.close()
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

    def _start_hosts(self) -> None:
        for spec in self.plan.servers:
            path = self.folder / f"server-{spec.name}.jsonl"
            self._servers[spec.name] = ServerUnderTest(spec, self._backend.start_server(spec, path), JournalTail(path))

        def start(client: dict[str, Any]) -> None:
            name = client["name"]
            host = self._backend.start_scripted(name, self.folder / client_journal(name, 1))
            self._clients[name] = RunningClient(name, host, client)

        self._in_parallel(start, self.plan.scripted())

    def _in_parallel(self, start: Callable[[Any], None], clients: Sequence[Any]) -> None:
        """Call *start* for all *clients*, some at a time. Raises what a call raises, and Stopped."""
        started = 0

        def start_unless_stopped(client: Any) -> None:
            nonlocal started
            if not self._stop.is_set():
                start(client)
                started += 1
                if len(clients) >= 10 and started % max(10, len(clients) // 10) == 0:
                    self._progress(f"{started} of {len(clients)} clients started")

        with ThreadPoolExecutor(max_workers=self._backend.parallel) as pool:
            jobs = [pool.submit(start_unless_stopped, client) for client in clients]
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
        for server in self._servers.values():
            self._until_answers(server, deadline)
        for client in self._clients.values():
            while "ready" not in client.host.statuses:
                self._pause(client.host, deadline, "was not ready")

    def _until_answers(self, server: ServerUnderTest, deadline: float | None = None) -> None:
        deadline = deadline or time.monotonic() + READY_WITHIN
        while (addresses := self._backend.addresses(server.host)) is None:
            self._pause(server.host, deadline, "does not answer NCP")
        server.addresses = addresses

    def _pause(self, host: Host, deadline: float, why: str) -> None:
        """Wait for a moment. Raises Failed if the host has ended or the deadline has passed, and Stopped."""
        if host.code() is not None:
            raise Failed(exit_report(host))
        if time.monotonic() > deadline:
            raise Failed(f"{host.name} {why} in time: {output_of(host)}")
        if self._stop.wait(POLL_INTERVAL):
            raise Stopped

    def _begin(self) -> None:
        """Instruct the scripted clients, and start the user's own."""
        self._clients_began = time.monotonic()
        for client in self._clients.values():
            self._instruct(client)
        transport = self.plan.transports()[0]
        host, port = self._servers[self.plan.servers[0].name].addresses[transport]
        host = host.rpartition(":")[2] if transport == IPX.name else host
        places = {"host": host, "port": str(port), "transport": transport}
        variables = {f"FAKENW_{place.upper()}": value for place, value in places.items()}

        def start(own: tuple[str, ClientSpec]) -> None:
            name, spec = own
            command = None if spec.command is None else tuple(_fill(word, places) for word in spec.command)
            spec = spec.model_copy(update={"command": command, "environment": {**spec.environment, **variables}})
            program: dict[str, Any] = {"command": command, "image": spec.image}
            self._write("spawn", client=name, **{key: value for key, value in program.items() if value})
            self._clients[name] = RunningClient(name, self._backend.start_own(name, spec))

        self._in_parallel(start, self.plan.own())

    def _instruct(self, client: RunningClient) -> None:
        assert client.instructions is not None
        servers = {name: server.addresses[client.instructions["transport"]] for name, server in self._servers.items()}
        self._write("spawn", client=client.name)
        client.instructed = True
        try:
            instructions = {"client": client.instructions, "servers": servers, "speed": self.plan.speed}
            more = {"behaviors": list(self.plan.behaviors), "incarnation": client.incarnation}
            client.host.send({**instructions, **more})
        except OSError:
            raise Failed(f"{client.name} ended at once: {output_of(client.host)}") from None

    # Waiting

    def _wait(self) -> None:
        """Wait until the run is over. Raises Failed after its timeout, and Stopped."""
        tails = [server.tail for server in self._servers.values()]
        end = RunEnd(self.plan, tails, self._backend.followed, time.monotonic())
        timeout = self.plan.timeout or (IMAGE_TIMEOUT if self.plan.images() else None)
        while True:
            self._faults.inject_due(time.monotonic() - self._clients_began)
            self._clocks.measure_due()
            for server in self._servers.values():
                if not server.down and server.host.code() is not None:
                    raise Failed(exit_report(server.host))
            for client in list(self._clients.values()):
                self._check(client)  # before the journals are read: what it did last is then in them
            now, pending = time.monotonic(), self._faults.pending  # a fault whose client is waited for is not pending
            running = [client for client in self._clients.values() if not client.finished]
            reached = end.is_reached(now, finished=not running, faults_pending=pending, slack=self._clocks.slack)
            if reached and self._faults.unmet:
                raise Failed(self._faults.unmet)
            if reached and not self._faults.pending:  # the journals were read meanwhile
                return
            if timeout is not None and (running or pending) and now - self._clients_began > timeout / SECOND:
                which = f"; {running[0].name} still runs: {output_of(running[0].host)}" if running else ""
                raise Failed(f"given up after {timeout / SECOND:g} s{which}")
            if self._stop.wait(POLL_INTERVAL):
                raise Stopped

    def _check(self, client: RunningClient) -> None:
        """Record the exit of a client of the user's own; instruct a scripted client that was started again."""
        if client.ended:
            return
        code = client.host.code()
        if client.instructions is None:
            if code is not None:
                client.ended = True
                self._write("exit", client=client.name, code=code, **_output(client.host))
        elif code is not None:
            raise Failed(exit_report(client.host))
        elif not client.instructed and "ready" in client.host.statuses:
            self._instruct(client)

    # Ending

    def _collect(self) -> None:
        """Record the state of the user's own clients, and stop the servers, which completes their journals."""
        for client in self._clients.values():
            if client.instructions is None and not client.ended:
                running = client.host.running()
                self._check(client)
                for process in () if client.ended else running:
                    self._write("still-running", client=client.name, **process, **_output(client.host))
        for server in self._servers.values():
            if not server.down:
                server.host.stop()

    def _write(self, event: str, *, t: int | None = None, **fields: Any) -> None:
        with self._lock:
            self._journal.write([Record(self._now() if t is None else t, "runner", event, fields)])

    def _now(self) -> int:
        """Microseconds on the clock of the runner's journal."""
        return round((time.monotonic() - self._begun) * self.plan.speed * SECOND)


def _output(host: Host) -> dict[str, Any]:
    last = host.last_output()
    return {"output": last} if last else {}


def _fill(word: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        word = word.replace(f"{{{place}}}", value)
    return word


def run(
    plan: Plan,
    folder: Path,
    backend: Backend,
    stop: threading.Event,
    progress: Callable[[str], None] = lambda text: None,
) -> list[Journal]:
    """Carry out *plan* on *backend*, in *folder*, which must exist. Returns the journals that were written there."""
    RealTimeRun(plan, folder, backend, stop, progress).carry_out()
    return [read(path) for path in sorted(folder.glob("*.jsonl"))]

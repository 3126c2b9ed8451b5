"""A run on real time: servers and clients that have lives of their own, each on a host of a site.

Rules of this file:

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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fakenw.journal.record import SECOND, Journal, Record, read
from fakenw.journal.writer import JournalFile
from harness.runners.backend import Backend, Failed, Host, death, said
from harness.runners.fault_injector import FaultInjector, RunningClient, ServerUnderTest
from harness.runners.journal_tail import JournalTail
from harness.scenario.plan import Plan, client_journal
from harness.scenario.settings import ClientSpec

READY_WITHIN = 90.0  # seconds; who dies is noticed at once, who is slow on a busy machine is waited for
READY_EACH = 2.0  # and more slowly if it is one of many
LOOK_EVERY = 0.02
IMAGE_TIMEOUT = 600 * SECOND  # nobody else will notice that an image hangs


class Stopped(Exception):
    """Somebody asked for the end of the run."""


class RealTimeRun:
    """One run on its way. *stop* is set when somebody wants it to end early; *tell* hears of its progress."""

    def __init__(
        self, plan: Plan, folder: Path, backend: Backend, stop: threading.Event, tell: Callable[[str], None]
    ) -> None:
        self.plan, self.folder, self._backend, self._stop, self._tell = plan, folder, backend, stop, tell
        self._begun, utc = time.monotonic(), datetime.now(UTC).isoformat(timespec="microseconds")
        self._lock = threading.Lock()
        self._journal = JournalFile.create(folder / "runner.jsonl")
        self._write("run", t=0, **{**plan.opening(backend.on), "utc": utc, "speed": plan.speed})
        self._servers: dict[str, ServerUnderTest] = {}
        self._clients: dict[str, RunningClient] = {}
        self._faults = FaultInjector(
            plan, folder, backend, self._clients, self._servers, self._write, self._until_answers
        )
        self._went = 0.0  # when the clients were told to begin

    def carry_out(self) -> None:
        """Start everything, wait until there is nothing more to see, stop everything in the right order."""
        try:
            with self._phase("create"):
                self._backend.open(self.plan, self.folder)
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

    def _start_everybody(self) -> None:
        for spec in self.plan.servers:
            path = self.folder / f"server-{spec.name}.jsonl"
            self._servers[spec.name] = ServerUnderTest(spec, self._backend.start_server(spec, path), JournalTail(path))
        orders = self.plan.scripted()

        def start(client: dict[str, Any]) -> None:
            name = client["name"]
            host = self._backend.start_scripted(name, self.folder / client_journal(name, 1))
            self._clients[name] = RunningClient(name, host, client)

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

        with ThreadPoolExecutor(max_workers=self._backend.parallel) as pool:
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
        for server in self._servers.values():
            self._until_answers(server, deadline)
        for client in self._clients.values():
            while "ready" not in client.host.words:
                self._alive(client.host, deadline, "was not ready")

    def _until_answers(self, server: ServerUnderTest, deadline: float | None = None) -> None:
        deadline = deadline or time.monotonic() + READY_WITHIN
        while (addresses := self._backend.addresses(server.host)) is None:
            self._alive(server.host, deadline, "does not answer NCP")
        server.addresses = addresses

    def _alive(self, host: Host, deadline: float, why: str) -> None:
        """Wait a moment. Raises Failed if the host has died or the deadline is over, Stopped if asked to."""
        if host.code() is not None:
            raise Failed(death(host))
        if time.monotonic() > deadline:
            raise Failed(f"{host.name} {why} in time: {said(host)}")
        if self._stop.wait(LOOK_EVERY):
            raise Stopped

    def _begin(self) -> None:
        """Everybody is ready: the scripted clients begin, and the user's own are started."""
        self._went = time.monotonic()
        for client in self._clients.values():
            self._order(client)
        transport = self.plan.transports()[0]
        host, port = self._servers[self.plan.servers[0].name].addresses[transport]
        places = {"host": host, "port": str(port), "transport": transport}
        told = {f"FAKENW_{place.upper()}": value for place, value in places.items()}

        def start(own: tuple[str, ClientSpec]) -> None:
            name, spec = own
            command = None if spec.command is None else tuple(_fill(word, places) for word in spec.command)
            spec = spec.model_copy(update={"command": command, "environment": {**spec.environment, **told}})
            what: dict[str, Any] = {"command": command, "image": spec.image}
            self._write("spawn", client=name, **{key: value for key, value in what.items() if value})
            self._clients[name] = RunningClient(name, self._backend.start_own(name, spec))

        self._in_parallel(start, self.plan.own())

    def _order(self, client: RunningClient) -> None:
        assert client.instructions is not None
        servers = {name: server.addresses[client.instructions["transport"]] for name, server in self._servers.items()}
        self._write("spawn", client=client.name)
        client.told = True
        try:
            instructions = {"client": client.instructions, "servers": servers, "speed": self.plan.speed}
            client.host.tell({**instructions, "behaviors": list(self.plan.behaviors)})
        except OSError:
            raise Failed(f"{client.name} ended at once: {said(client.host)}") from None

    # Waiting

    def _wait(self) -> None:
        """Until every client has finished and nobody holds a license, or has held one long enough."""
        quiet_since = time.monotonic()  # when the clients had finished, or a journal last grew
        finished_at: float | None = None
        timeout = self.plan.timeout or (IMAGE_TIMEOUT if self.plan.images() else None)
        tails = [server.tail for server in self._servers.values()]
        while True:
            self._faults.happen(time.monotonic() - self._went)
            for server in self._servers.values():
                if not server.down and server.host.code() is not None:
                    raise Failed(death(server.host))
            for client in list(self._clients.values()):
                self._look_at(client)
            grown = [tail.catch_up() for tail in tails]
            now = time.monotonic()
            if any(grown):
                quiet_since = now
            held = any(tail.fold.held for tail in tails)
            finished = not self._faults.pending and all(client.finished for client in self._clients.values())
            finished_at = (finished_at or now) if finished else None
            if finished_at is not None and (not held or now - finished_at > self._real(self.plan.patient_within)):
                return
            if (
                not finished
                and self.plan.idle_after is not None
                and not self.plan.scripted()
                and not self._faults.pending
            ):
                # A holder that is idle has been so for idle_after when the journal says it.
                idle = 0 if held else self.plan.idle_after
                if all(tail.idle for tail in tails) and now - quiet_since > self._real(idle + self.plan.patient_within):
                    return
            if timeout is not None and now - self._went > timeout / SECOND:
                going = [client for client in self._clients.values() if not client.finished]
                what = f"; {going[0].name} still runs: {said(going[0].host)}" if going else ""
                raise Failed(f"given up after {timeout / SECOND:g} s{what}")
            if self._stop.wait(LOOK_EVERY):
                raise Stopped

    def _real(self, duration: int) -> float:
        """Microseconds of the server's time as seconds on the wall."""
        return duration / SECOND / self.plan.speed

    def _look_at(self, client: RunningClient) -> None:
        if client.ended:
            return
        code = client.host.code()
        if client.instructions is None:
            if code is not None:
                client.ended = True
                self._write("exit", client=client.name, code=code, **_output(client.host))
        elif code is not None:
            raise Failed(death(client.host))
        elif not client.told and "ready" in client.host.words:
            self._order(client)  # it was started again

    # Ending

    def _collect(self) -> None:
        """Stop the servers, which completes their journals, and note what became of clients that are still there."""
        for client in self._clients.values():
            if client.instructions is None and not client.ended:
                self._look_at(client)
            if client.instructions is None and not client.ended:
                self._write("still-running", client=client.name, **_output(client.host))
        for server in self._servers.values():
            if not server.down:
                server.host.stop()

    def _write(self, event: str, *, t: int | None = None, **fields: Any) -> None:
        with self._lock:
            now = round((time.monotonic() - self._begun) * self.plan.speed * SECOND) if t is None else t
            self._journal.write([Record(now, "runner", event, fields)])


def _output(host: Host) -> dict[str, Any]:
    last = host.last_output()
    return {"output": last} if last else {}


def _fill(word: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        word = word.replace(f"{{{place}}}", value)
    return word


def run(
    plan: Plan, folder: Path, backend: Backend, stop: threading.Event, tell: Callable[[str], None] = lambda text: None
) -> list[Journal]:
    """Carry *plan* out on *backend*, in *folder*, which must exist. Returns the journals that were written there."""
    RealTimeRun(plan, folder, backend, stop, tell).carry_out()
    return [read(path) for path in sorted(folder.glob("*.jsonl"))]

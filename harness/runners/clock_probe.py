"""The clocks of a run's servers and scripted clients, measured by the runner's.

Rules of this file:

* A host is asked several times, and the shortest round trip counts: its clock showed the answer in the middle of that,
  give or take half of it.
* A scripted client is asked once it is instructed, for its clock begins then; every incarnation is asked anew.
* No fault happens while a host is asked. So little time is spent at once, and a host that does not answer is asked
  again at the end of the run only.
* A host whose clock cannot be measured fails no run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

from fakenw.journal.record import SECOND
from harness.runners.backend import Backend, Failed, Host
from harness.runners.fault_injector import RunningClient, ServerUnderTest

TRIES = 8
ANSWERS_WITHIN = 0.5  # seconds; a client may wait for a network that does not accept its connection
AT_ONCE = 0.02  # seconds, after which the faults have their turn
LOOK_EVERY = 0.0001
ROUNDED = 2  # microseconds by which the times of two clocks may be rounded

Ask = Callable[[], float]
Measurable = ServerUnderTest | RunningClient


class ClockProbe:
    """*now* is the runner's clock in microseconds, *write* writes to its journal."""

    def __init__(
        self,
        backend: Backend,
        servers: Mapping[str, ServerUnderTest],
        clients: Mapping[str, RunningClient],
        now: Callable[[], int],
        write: Callable[..., None],
    ) -> None:
        self._backend, self._servers, self._clients = backend, servers, clients
        self._now, self._write = now, write
        self._measured: set[Host] = set()
        self._silent: set[Host] = set()
        self._numbers = count(1)
        self._bound = 0

    @property
    def slack(self) -> int:
        """How far the judge's idea of a client's time on a server may be wrong, in microseconds of the runner's."""
        return 2 * self._bound

    def measure_due(self) -> None:
        """Measure hosts that were not measured yet, as many as there is time for."""
        until = time.monotonic() + AT_ONCE
        for one in self._unmeasured():
            if one.host not in self._silent:
                self._measure(one, last=False)
                if time.monotonic() > until:
                    return

    def measure_rest(self) -> None:
        """Measure all hosts that were not measured yet."""
        for one in self._unmeasured():
            self._measure(one, last=True)

    def _unmeasured(self) -> Iterable[Measurable]:
        hosts: list[Measurable] = [server for server in self._servers.values() if server.addresses and not server.down]
        for client in self._clients.values():
            if client.instructed and not client.ended and not client.frozen:
                hosts.append(client)
        return [one for one in hosts if one.host not in self._measured]

    def _measure(self, one: Measurable, *, last: bool) -> None:
        about: dict[str, Any] = {"server" if isinstance(one, ServerUnderTest) else "client": one.host.name}
        about |= {"incarnation": one.incarnation} if one.incarnation > 1 else {}
        try:
            with self._asking(one) as ask:
                trip, middle, theirs = min(self._try(ask) for _ in range(TRIES))
        except (OSError, ValueError, Failed) as problem:
            self._silent.add(one.host)
            if last:
                self._measured.add(one.host)
                self._write("clock", **about, reason=str(problem))
            return
        self._measured.add(one.host)
        bound = (trip + 1) // 2 + ROUNDED
        self._bound = max(self._bound, bound)
        self._write("clock", t=middle, **about, theirs=theirs, bound=bound / SECOND)

    def _try(self, ask: Ask) -> tuple[int, int, float]:
        before = self._now()
        theirs = ask()
        after = self._now()
        return after - before, (before + after) // 2, theirs

    @contextmanager
    def _asking(self, one: Measurable) -> Iterator[Ask]:
        if isinstance(one, ServerUnderTest):
            with self._backend.asking_clock(one.host) as ask:
                yield ask
        else:
            yield lambda: self._ask_client(one.host)

    def _ask_client(self, host: Host) -> float:
        number, until = next(self._numbers), time.monotonic() + ANSWERS_WITHIN
        host.send({"clock": number})
        while True:
            for status in tuple(host.statuses):  # a copy: a container's are added in another thread
                word, _, rest = status.partition(" ")
                answered, _, theirs = rest.partition(" ")
                if word == "clock" and answered == str(number):
                    return float(theirs)
            if host.code() is not None or time.monotonic() > until:
                raise OSError("it does not tell the time")
            time.sleep(LOOK_EVERY)

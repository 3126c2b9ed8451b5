"""The interfaces of a run on real time: a host, and the backend that starts hosts.

Rules of this file:

* A host is a process or a container. Only its backend knows which, and how a fault is injected into it.
* What a backend cannot do raises Failed, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from fakenw.health import Address
from harness.scenario.plan import Plan
from harness.scenario.schedule import ScheduledFault
from harness.scenario.settings import ClientSpec, ServerSpec


class Failed(Exception):
    """The run could not be carried out; the text is the reason."""


class Host(Protocol):
    """A process or a container of a run. ``statuses`` are the lines that a scripted client prints: ready, done."""

    name: str

    @property
    def statuses(self) -> set[str]: ...

    def code(self) -> int | None:
        """Its exit code; None while it runs."""

    def running(self) -> list[dict[str, Any]]:
        """The ``pid`` and ``program`` of each of its processes that runs, where the backend sees them.

        Where its command has ended before them, each has its exit ``code``.
        """

    def last_output(self) -> str:
        """The last lines it printed, as one; empty where there is no log."""

    def send(self, instructions: Mapping[str, Any]) -> None:
        """Write a line of JSON to its standard input. Raises OSError."""

    def stop(self) -> object:
        """End it in order, by force if it does not end. Its journal is complete afterwards."""


class Backend(Protocol):
    """It starts hosts and injects faults into them. Every method may raise Failed."""

    on: str
    parallel: int  # how many hosts it starts at once
    followed: bool  # whether the end of a user's own client is that of every process that it has started

    def open(self, plan: Plan, folder: Path) -> None:
        """Prepare for the hosts of *plan*, whose journals and outputs go to *folder*."""

    def start_server(self, spec: ServerSpec, journal: Path, again: Host | None = None) -> Host:
        """Start a server; or *again* one that was stopped, at its old addresses, which continues the same *journal*."""

    def addresses(self, server: Host) -> dict[str, Address] | None:
        """The addresses at which a server answers NCP, by transport; None: not yet."""

    def asking_clock(self, server: Host) -> AbstractContextManager[Callable[[], float]]:
        """A function that asks the server for its time: seconds, the ``t`` of its journal. Both raise OSError."""

    def start_scripted(self, name: str, journal: Path) -> Host:
        """Start a client, which prints "ready" and then waits for its instructions."""

    def start_own(self, name: str, client: ClientSpec) -> Host:
        """Start a client of the user's own, which finds the server by its command and its environment."""

    def owns(self, host: Host, station: str) -> bool:
        """Whether *station* is one of a client that was started."""

    def inject(self, fault: ScheduledFault, host: Host) -> None:
        """Inject a fault into *host*, which still exists afterwards, even if it runs no more."""

    def restart(self, host: Host, new_address: bool, journal: Path | None) -> Host:
        """Start a host again that was powered off; a scripted client with another *journal*."""

    def close(self) -> None:
        """Stop and remove all that is left."""


def exit_report(host: Host) -> str:
    return f"{host.name} ended with exit code {host.code()}: {output_of(host)}"


def output_of(host: Host) -> str:
    return host.last_output() or "it printed nothing"

"""Where runs on real time happen: what a host is, and what whoever has hosts can do.

Rules of this file:

* A host is a process or a container. What a host is, and how a fault comes over it, is known to its site only.
* What a site cannot do raises Failed, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from fakenw.health import Address
from harness.scenario.plan import Plan
from harness.scenario.schedule import Disruption
from harness.scenario.settings import ClientSpec, ServerSpec


class Failed(Exception):
    """The run could not be carried out; says why."""


class Host(Protocol):
    """Something of a run that lives by itself. ``words`` are what a scripted client says: ready, done."""

    name: str

    @property
    def words(self) -> set[str]: ...

    def code(self) -> int | None:
        """Its exit code; None while it lives."""

    def last_output(self) -> str:
        """The last lines it printed, as one; empty where nothing was kept."""

    def tell(self, order: Mapping[str, Any]) -> None:
        """A line on its standard input. Raises OSError."""

    def stop(self) -> object:
        """Ask it to end, and if that does not help see to it. Its journal is whole afterwards."""


class Backend(Protocol):
    """Where hosts are: it starts them and makes faults happen. Everything here may raise Failed."""

    on: str
    parallel: int  # how many hosts it starts at once

    def open(self, plan: Plan, folder: Path) -> None:
        """Make room for the hosts of *plan*, whose journals and outputs go to *folder*."""

    def start_server(self, spec: ServerSpec, journal: Path, again: Host | None = None) -> Host:
        """A server; or *again* one that was stopped, where it was, which goes on with the same *journal*."""

    def addresses(self, server: Host) -> dict[str, Address] | None:
        """Where a server answers NCP, by transport; None: not yet."""

    def start_scripted(self, name: str, journal: Path) -> Host:
        """A client that says "ready" and then waits for its order, which lacks ``journal``."""

    def start_own(self, name: str, client: ClientSpec) -> Host:
        """A client of the user's own, which knows by its command and its environment where the server is."""

    def disrupt(self, fault: Disruption, host: Host) -> None:
        """Let a fault come over *host*, which is still there afterwards, if not all of it."""

    def restart(self, host: Host, new_address: bool, journal: Path | None) -> Host:
        """Start a host again that has lost its power; a scripted client with another *journal*."""

    def close(self) -> None:
        """Stop and remove whatever is left."""


def death(host: Host) -> str:
    return f"{host.name} ended with exit code {host.code()}: {said(host)}"


def said(host: Host) -> str:
    return host.last_output() or "it printed nothing"

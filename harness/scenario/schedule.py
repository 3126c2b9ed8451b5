"""The schedule of faults: each at its time, for one machine, and the conditions that they wait for.

Rules of this file:

* Faults follow one another, with waits between them. Faults of the same time happen in the order of the file.
* Behind a condition times count from the moment at which it was met, which only the run determines.
* An impossible fault is refused before the run: of an unknown machine, or of a server that is down.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from fakenw.config.field_types import seconds
from fakenw.config.yaml_file import Keys, expected_one_of, shown
from harness.scenario.faults import Fault, Role, When
from harness.scenario.steps import Wait


class ScheduledFault(NamedTuple):
    """A fault at its time: microseconds of scenario time after the clients were started, or the last condition was met.

    *name* is that of a *role*.
    """

    at: int
    verb: str
    role: Role
    name: str
    arguments: dict[str, Any]

    def record_fields(self) -> dict[str, Any]:
        """The fields of its line in the runner's journal; durations in seconds."""
        given = {name: value for name, value in self.arguments.items() if value is not None}
        times: dict[str, Any] = {name: seconds(given[name]) for name in ("by", "for") if name in given}
        return {"what": self.verb, self.role: self.name, **given, **times}


class Condition(NamedTuple):
    """From this time on the faults behind it wait until each of *clients* has come to hold a license, or none."""

    at: int
    clients: tuple[str, ...]
    licensed: bool


Scheduled = ScheduledFault | Condition


def timeline(faults: Sequence[Fault]) -> list[Scheduled]:
    """Each of *faults* at the sum of the waits before it, since the last condition."""
    at = 0
    found: list[Scheduled] = []
    for fault in faults:
        if isinstance(fault, Wait):
            at += fault.duration
        elif isinstance(fault, When):
            found.append(Condition(at, (fault.client,), fault.licensed))
            at = 0
        else:
            arguments = dict(fault)
            found.append(ScheduledFault(at, fault.verb, fault.whose, arguments.pop(fault.whose), arguments))
    return found


def placed(
    scheduled: Sequence[Scheduled], clients: Mapping[str, Sequence[str]], servers: Collection[str]
) -> list[Scheduled]:
    """Each fault for one single machine. *clients* are the names of the single clients by the name of the client.

    Raises ValueError for a fault of an unknown machine, or that is impossible in the state of its server.
    """
    ours: dict[str, Sequence[str]] = {}
    for name, single in clients.items():
        ours |= {name: single} | {one: [one] for one in single}
    found: list[Scheduled] = []
    states: dict[str, str] = {}  # of servers: down, frozen
    for fault in scheduled:
        if isinstance(fault, Condition):
            (name,) = fault.clients
            if name not in ours:
                raise ValueError(f"there is no client {shown(name)}; {expected_one_of([*ours], name)}")
            found.append(fault._replace(clients=tuple(ours[name])))
            continue
        name, is_client, is_server = fault.name, fault.name in ours, fault.name.upper() in servers
        known = {"client": [*ours], "server": [*servers], "machine": [*ours, *servers]}[fault.role]
        if name not in known and not (is_server and fault.role == "machine"):
            what = "client or server" if fault.role == "machine" else fault.role
            raise ValueError(f"there is no {what} {shown(name)}; {expected_one_of(known, name)}")
        if is_server and name.upper() in (one.upper() for one in ours):
            raise ValueError(f"{shown(name)} is a client and a server; expected names that differ")
        if is_client:
            found += [fault._replace(role="client", name=one) for one in ours[name]]
        else:
            of_server = fault._replace(role="server", name=name.upper())
            found.append(of_server)
            states[name.upper()] = _state(of_server, states.get(name.upper(), "up"))
    return found


def impossible(
    faults: Sequence[Fault], clients: Mapping[str, Sequence[str]], servers: Collection[str]
) -> list[tuple[Keys, str]]:
    """The first of *faults* for which ``placed`` raises: its place among them, and why. Empty where none is."""

    def why(count: int) -> str:
        try:
            placed(timeline(faults[:count]), clients, servers)
        except ValueError as problem:
            return str(problem)
        return ""

    if not why(len(faults)):
        return []
    first = bisect_left(range(len(faults)), True, key=lambda n: bool(why(n + 1)))
    return [((first, faults[first].verb), why(first + 1))]


def _state(fault: ScheduledFault, before: str) -> str:
    """The state of a server after *fault*. Raises ValueError where the fault is impossible *before*."""
    match fault.verb, before:
        case ("server-up", "down") | ("thaw", "up" | "frozen"):
            return "up"
        case "server-down", "up":
            return "down"
        case "freeze", "up" | "frozen":
            return "frozen"
        case "server-up", _:
            raise ValueError(f"{fault.name} is not down; expected server-down before")
        case _, "down":
            raise ValueError(f"{fault.name} is down then; expected server-up before")
        case "server-down", "frozen":
            raise ValueError(f"{fault.name} is frozen then; expected thaw before")
    return before

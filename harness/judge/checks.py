"""The checks beyond the verdict.

Rules of this file:

* A check is a pure function of the run, its usage and its arguments that yields a sentence for each violation.
* The checks that are part of every verdict have no function here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fakenw.journal.record import SECOND, Record, microseconds
from fakenw.journal.sentences import clock, harmless
from harness.judge.history import ConnectionHistory, RunHistory, ServerHistory
from harness.judge.usage import Usage

MINUTE = 60.0  # seconds

CHECKS: Mapping[str, Mapping[str, float | None]] = {
    "never_over_limit": {},
    "books_balance": {},
    "no_work_interrupted": {},
    "released": {"within": -1.0},
    "bounded": {"units": None},
    "one_license_per_client": {},
    "servers_licensed": {"count": None},
    "nobody_refused": {},
    "refusals": {"most": None},
    "attempts": {"most": None, "per": MINUTE},
    "opens_balance": {},
    "open_files": {"most": None},
    "registry_agrees": {},
}
"""The checks by name, each with its arguments and their defaults: numbers, times in seconds. None: required."""


def selected(checks: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """The arguments of *checks* by name, from ``name`` or ``{name: {argument: number}}``. Raises ValueError."""
    found: dict[str, dict[str, Any]] = {}
    for item in checks:
        named = {item: {}} if isinstance(item, str) else item
        if not isinstance(named, dict) or len(named) != 1:
            raise ValueError(f"expected the name of a check, or one name with its arguments, not {harmless(item)}")
        ((name, given),) = named.items()
        if name not in CHECKS:
            raise ValueError(f"unknown check {harmless(name)}: expected one of {', '.join(CHECKS)}")
        arguments, known = given or {}, CHECKS[name]
        missing = {argument for argument, default in known.items() if default is None}
        if not isinstance(arguments, dict) or not missing <= arguments.keys() <= known.keys():
            raise ValueError(f"{name}: expected {', '.join(known) or 'no arguments'}, not {harmless(given)}")
        for argument, value in arguments.items():
            number = microseconds(value)
            if number is None or number < 0 or (argument == "per" and not number):
                least = "above 0" if argument == "per" else "from 0"
                raise ValueError(f"{name}: expected {argument} to be a number {least}, not {harmless(value)}")
        found[name] = arguments
    return found


def _client_of(history: ConnectionHistory) -> str:
    """The name of the client of a connection; of a user's own client its address."""
    return history.client.name if history.client else history.station.rpartition(":")[0]


def _name(history: ConnectionHistory) -> str:
    return f"connection {history.connection} (serial {history.serial}) of {harmless(_client_of(history))}"


def _bounded(run: RunHistory, usage: Usage, within: int, units: float) -> Iterator[str]:
    held: dict[str, set[tuple[int, str]]] = {}
    for history in run.histories:
        if history.holding:
            held.setdefault(_client_of(history), set()).add((id(history.server), history.holding.unit))
    for client, its_units in held.items():
        if len(its_units) > units:
            yield f"{harmless(client)} holds {len(its_units)} licenses at the end, at most {units:g} were allowed"


def _one_license_per_client(run: RunHistory, usage: Usage, within: int) -> Iterator[str]:
    for server in run.servers:
        moves_of: dict[str, list[tuple[int, int]]] = {}
        for history in server.histories:
            for holding in history.holdings:
                end = server.end + 1 if holding.released is None else holding.released
                moves_of.setdefault(_client_of(history), []).extend([(holding.granted, 1), (end, -1)])
        for client, moves in moves_of.items():
            most, at = _most(moves)
            if most > 1:
                yield f"{harmless(client)} held {most} licenses of {server.name} at {server.at(at)}"


def _most(moves: list[tuple[int, int]]) -> tuple[int, int]:
    """The highest sum of *moves* (time, +1 or -1), and its time. Of moves at one time, releases come first."""
    now = most = at = 0
    for t, move in sorted(moves):
        now += move
        if now > most:
            most, at = now, t
    return most, at


def _servers_licensed(run: RunHistory, usage: Usage, within: int, count: float) -> Iterator[str]:
    servers: dict[str, set[str]] = {}
    for history in run.histories:
        if history.holdings:
            servers.setdefault(_client_of(history), set()).add(history.server.name)
    for client, names in servers.items():
        if len(names) != count:
            listed = ", ".join(sorted(map(harmless, names)))
            yield f"{harmless(client)} was licensed by {len(names)} servers ({listed}), expected {count:g}"


def _nobody_refused(run: RunHistory, usage: Usage, within: int) -> Iterator[str]:
    for server in run.servers:
        for denial in server.denied:
            for history, since in _overdue(server, usage, within, denial.t):
                refused = harmless(denial.get("user") or denial.get("station"))
                yield (
                    f"{refused} was refused {_short(denial)} at {server.at(denial.t)}, while connection "
                    f"{history.connection} (serial {history.serial}) held a license of {server.name} that "
                    f"had not been needed since {server.at(since)}"
                )
                break


def _short(denial: Record) -> str:
    """The thing that was refused, as a noun with its article."""
    what = str(denial.get("what"))
    short = {"license": "a license", "slot": "a slot", "account": "a connection for that account"}
    return short.get(what, harmless(what))


def _overdue(server: ServerHistory, usage: Usage, within: int, t: int) -> Iterator[tuple[ConnectionHistory, int]]:
    """The connections that surely held a license at *t* beyond their time, each with the end of its last use."""
    for history in server.histories:
        for holding in history.holdings:
            need = usage.of(history, holding)
            held = holding.granted <= t and (holding.released is None or t < holding.released)
            if held and need.at is not None and need.at + need.bound + within <= t:
                yield history, need.at


def _refusals(run: RunHistory, usage: Usage, within: int, most: float) -> Iterator[str]:
    denied = [(server, denial) for server in run.servers for denial in server.denied]
    if len(denied) > most:
        server, first = denied[0]
        yield (
            f"{len(denied)} refusals, at most {most:g} were allowed; the first by {server.name} at "
            f"{server.at(first.t)} for want of {_short(first)}"
        )


def _attempts(run: RunHistory, usage: Usage, within: int, most: float, per: float = MINUTE) -> Iterator[str]:
    span = round(per * SECOND)
    for server in run.servers:
        # A station that was refused a slot has no connection, and so no history.
        refused = (denial.t for denial in server.denied if denial.get("serial") is None)
        times = sorted([*(history.created for history in server.histories), *refused])
        first, worst, at = 0, 0, 0
        for n, t in enumerate(times):
            while times[first] <= t - span:
                first += 1
            if n - first + 1 > worst:
                worst, at = n - first + 1, times[first]
        if worst > most:
            often = f"{worst} times in {clock(span)} from {server.at(at)}"
            yield f"{server.name} was attached to {often}, at most {most:g} were allowed"


def _opens_balance(run: RunHistory, usage: Usage, within: int) -> Iterator[str]:
    for history in run.histories:
        if history.ended is not None:
            continue
        need = usage.at_all(history)
        if need is not None and need + within <= history.server.end:
            what = f" with {len(history.open_files)} open files" if history.open_files else ""
            yield f"{_name(history)} is left{what}, not needed since {history.server.at(need)}"
        else:
            opened, still = len(history.files), list(history.open_files.values())
            if still and history.client is not None and history.client.done is not None:
                closed = f"{opened} files opened, {opened - len(still)} closed"
                yield f"{_name(history)}: {closed}; {harmless(still[0].path)} is still open"


def _open_files(run: RunHistory, usage: Usage, within: int, most: float) -> Iterator[str]:
    for history in run.histories:
        moves = [(file.opened, 1) for file in history.files]
        moves += [(file.shut, -1) for file in history.files if file.shut is not None]
        worst, at = _most(moves)
        if worst > most:
            yield f"{_name(history)} had {worst} files open at {history.server.at(at)}, at most {most:g} were allowed"


def _registry_agrees(run: RunHistory, usage: Usage, within: int) -> Iterator[str]:
    for history in run.histories:
        last: dict[tuple[str, str], Any] = {}
        for line in history.client_lines("arbiter"):
            last[str(line.record.get("key")), str(line.record.get("resource"))] = line.record
        entries = [record for record in last.values() if record.get("action") != "deleted"]
        counted = [record for record in entries if record.get("reference") or record.get("persistence")]
        exists = history.ended is None
        if last and exists and not counted:
            found = "a count of zero" if entries else "no entry"
            yield f"{_name(history)} exists, and the registry has {found} for it"
        if counted and not exists:
            where = f"{harmless(counted[0].get('key'))}\\{harmless(counted[0].get('resource'))}"
            yield f"{where} counts users of {_name(history)}, which has ended"


FUNCTIONS: Mapping[str, Callable[..., Iterable[str]]] = {
    "bounded": _bounded,
    "one_license_per_client": _one_license_per_client,
    "servers_licensed": _servers_licensed,
    "nobody_refused": _nobody_refused,
    "refusals": _refusals,
    "attempts": _attempts,
    "opens_balance": _opens_balance,
    "open_files": _open_files,
    "registry_agrees": _registry_agrees,
}
"""Each gets the run, its usage, the time (microseconds) in which a license must be released, and its arguments."""

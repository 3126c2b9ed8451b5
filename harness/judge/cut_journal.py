"""The beginning of a journal whose first records are forgotten, made up from the state of the server.

The administration of a server keeps its last records only. What is left of the journal lacks the ``start`` line, and
the lines of connections and licenses that are older. ``completed`` puts such lines before it, so that history and
books are read as always.

Rules of this file:

* Assumed: the records were read from before /api/server, /api/licenses and /api/connections were asked for until after,
  and every transition wrote its lines in the order of ``Connection.move``. So a connection, or a unit, without a line
  among the records was all the time what these say; one with a line was what its first line says.
* A connection is created when its unit was granted. Where that is forgotten, and the unit released meanwhile, both are
  told of the moment at which the records begin.
* A release whose ``state`` line is forgotten is forgotten itself.
* Units without a connection (of a user under ``ual``, of a connection that was cleared) are granted without one.
* Not known, so that the books may not balance: how long the units of cleared connections are kept, and under ``ual``
  the user over whom another one logged in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from fakenw.journal.policy import POLICIES, State
from fakenw.journal.record import FORMAT, SECOND, Journal, Record

FORGOTTEN = "forgotten"  # the cause of what no line tells
_ATTEMPTS = ("deny", "login-failed")  # their user is not that of the connection
_LOGGED_IN = (State.AUTHENTICATED, State.LICENSED)

Said = Mapping[str, Any]  # by the server


def completed(rest: Journal, server: Said, licenses: Said, connections: Said) -> Journal:
    """The journal *rest* with a beginning. Raises KeyError, TypeError or ValueError for what no fakenw says."""
    records = rest.records[1:] if rest.records and rest.records[0].event == "release" else rest.records
    begin = records[0].t if records else round(server["t"] * SECOND)
    limit = records[0].get("limit") if records else server["limit"]
    out = _out(records, licenses, begin)
    steps: list[tuple[int, str, Said]] = []  # time, event, fields

    def grant(unit: str, about: Said) -> None:
        steps.append((out.pop(unit), "grant", {**about, "unit": unit, "cause": FORGOTTEN}))

    abouts: dict[str, Said] = {}  # by unit
    for about, state, last_request in _there(records, connections):
        unit = POLICIES[server["policy"]].unit(state, about["serial"], about["user"])
        at = begin if unit is None else out.get(unit, begin)
        abouts[f"connection:{about['serial']}"] = about
        steps.append((at, "create", {**about, "user": None}))
        if unit is not None and unit in out:
            grant(unit, about)
        if state is not State.GONE:
            move = {"from": State.GONE, "to": state, "cause": FORGOTTEN, "last_request": last_request}
            steps.append((at, "state", {**about, **move}))
    for unit in list(out):
        grant(unit, abouts.get(unit, {"user": unit.partition("user:")[2] or None}))
    opening, held = [_start(server, limit)], 0
    for at, event, fields in sorted(steps, key=lambda step: step[0]):
        held += event == "grant"
        told = {"server": server["name"], "held": held, "limit": limit, **fields}
        opening.append(Record(at, "server", event, told))
    return Journal(rest.name, [*opening, *records], rest.torn)


def _start(server: Said, limit: object) -> Record:
    utc = datetime.fromisoformat(server["utc"]) - timedelta(seconds=server["t"])
    same = {name: server[name] for name in ("release", "policy", "licenses", "speed")}
    told = {"server": server["name"], "held": 0, "limit": limit, "format": FORMAT, **same, "utc": utc.isoformat()}
    return Record(0, "server", "start", told)


def _out(records: list[Record], licenses: Said, begin: int) -> dict[str, int]:
    """The units that were out when *records* began, and since when."""
    first: dict[str, str] = {}
    for record in records:
        if record.event in ("grant", "release"):
            first.setdefault(record["unit"], record.event)
    held = {holder["unit"]: round(holder["since"] * SECOND) for holder in licenses["holders"]}
    silent = {unit: min(since, begin) for unit, since in held.items() if unit not in first}
    return silent | {unit: begin for unit, event in first.items() if event == "release"}


def _there(records: list[Record], connections: Said) -> list[tuple[dict[str, Any], State, object]]:
    """The connections that existed when *records* began: their fields, state, and last request where that is known."""
    lines: dict[int, list[Record]] = {}
    for record in records:
        if isinstance(record.get("serial"), int):
            lines.setdefault(record["serial"], []).append(record)
    rows: dict[int, Said] = {row["serial"]: row for row in connections["connections"]}
    there = []
    for serial in sorted(rows.keys() | lines):
        own, row = lines.get(serial, []), rows.get(serial, {})
        if own and own[0].event == "create":
            continue
        state = State(next((line["from"] for line in own if line.event == "state"), row.get("state", State.GONE)))
        first = own[0].fields if own else row
        users = [line["user"] for line in own if line.event not in _ATTEMPTS] or [row.get("user")]
        about = {name: first[name] for name in ("connection", "serial", "station")}
        user = users[0] if state in _LOGGED_IN else None
        there.append(({**about, "user": user}, state, row.get("last_request")))
    return there

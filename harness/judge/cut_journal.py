"""Reconstructs the lost beginning of a journal from the state of the server.

The administration of a server has its last records only: the ``start`` line is missing, and the lines of older
connections and licenses. ``completed`` puts such lines before them, for the history and the audit.

Rules of this file:

* Assumed: reading the records began before /api/server, /api/licenses and /api/connections were read and ended after,
  and every transition wrote its lines in the order of ``Connection.move``. So a connection, or a unit, without a line
  among the records did not change, and its state is that of the three answers; another's is that before its first line.
* A connection is created when its unit was granted. Where that is lost, and the unit was released meanwhile, both get
  the time at which the records begin.
* A release whose ``state`` line is lost is left out.
* Units without a connection (of a user under ``ual``, of a connection that was cleared) are granted without one.
* Every reconstructed line has the cause FORGOTTEN. What is lost all the same, the audit does not miss: open files, and
  under ``ual`` the earlier user of a connection on which another user logged in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from fakenw.journal.policy import POLICIES, State
from fakenw.journal.record import FORMAT, SECOND, Journal, Record, microseconds

FORGOTTEN = "forgotten"  # the cause of a reconstructed line
_ATTEMPTS = ("deny", "login-failed")  # their user is not that of the connection
_LOGGED_IN = (State.AUTHENTICATED, State.LICENSED)

Fields = Mapping[str, Any]  # of an answer of the administration


def completed(rest: Journal, server: Fields, licenses: Fields, connections: Fields) -> Journal:
    """The journal *rest* with a beginning, from the answers of /api/server, /api/licenses and /api/connections.

    Raises KeyError, TypeError or ValueError for answers or records that are not fakenw's.
    """
    _check(server, licenses, connections)
    records = rest.records[1:] if rest.records and rest.records[0].event == "release" else rest.records
    begin = records[0].t if records else round(server["t"] * SECOND)
    limit = records[0].get("limit") if records else server["limit"]
    units = _units(records, licenses, begin)
    steps: list[tuple[int, str, Fields]] = []  # time, event, fields

    def grant(unit: str, about: Fields) -> None:
        steps.append((units.pop(unit), "grant", {**about, "unit": unit, "cause": FORGOTTEN}))

    abouts: dict[str, Fields] = {}  # by unit
    for about, state, last_request in _existing(records, connections):
        unit = POLICIES[server["policy"]].unit(state, about["serial"], about["user"])
        at = begin if unit is None else units.get(unit, begin)
        abouts[f"connection:{about['serial']}"] = about
        steps.append((at, "create", {**about, "user": None, "cause": FORGOTTEN}))
        if unit is not None and unit in units:
            grant(unit, about)
        if state is not State.GONE:
            move = {"from": State.GONE, "to": state, "cause": FORGOTTEN, "last_request": last_request}
            steps.append((at, "state", {**about, **move}))
    for unit in list(units):
        grant(unit, abouts.get(unit, {"user": unit.partition("user:")[2] or None}))
    opening, held = [_start(server, limit)], 0
    for at, event, fields in sorted(steps, key=lambda step: step[0]):
        held += event == "grant"
        opening.append(Record(at, "server", event, {"server": server["name"], "held": held, "limit": limit, **fields}))
    return Journal(rest.name, [*opening, *records], rest.torn)


def _check(server: Fields, licenses: Fields, connections: Fields) -> None:
    """Raises ValueError for answers of another shape than those of docs/api.md."""
    rows, holders = connections.get("connections"), licenses.get("holders")
    right = isinstance(rows, list) and isinstance(holders, list)
    for name in ("name", "release", "policy", "utc"):
        right = right and isinstance(server.get(name), str)
    right = right and all(microseconds(server.get(name)) is not None for name in ("t", "speed", "licenses", "limit"))
    for row in rows if right and isinstance(rows, list) else ():
        right = isinstance(row, dict) and isinstance(row.get("station"), str) and isinstance(row.get("state"), str)
        right = right and isinstance(row.get("serial"), int) and isinstance(row.get("connection"), int)
        if not right or not isinstance(row.get("user"), str | None) or row["state"] not in list(State):
            raise ValueError("expected a connection")
    for holder in holders if right and isinstance(holders, list) else ():
        right = isinstance(holder, dict) and isinstance(holder.get("unit"), str)
        if not right or microseconds(holder.get("since")) is None:
            raise ValueError("expected the holder of a unit")
    if not right:
        raise ValueError("expected the answers of a fakenw")


def with_its_limit(part: Journal) -> Journal:
    """A part of a journal behind the ``start`` of the whole, which gets the limit with which the part begins.

    An operator may have set it before, in lines that are left out.
    """
    start, *rest = part.records
    if not rest or rest[0].get("limit") == start.get("limit") or rest[0].get("action") == "set":
        return part
    limit = rest[0].get("limit")
    fields = {**start.fields, "limit": limit, "licenses": limit}
    return Journal(part.name, [Record(start.t, start.role, start.event, fields), *rest], part.torn)


def _start(server: Fields, limit: object) -> Record:
    try:
        utc = datetime.fromisoformat(server["utc"]) - timedelta(seconds=server["t"])
    except OverflowError:
        raise ValueError("expected a later wall time") from None
    same = {name: server[name] for name in ("release", "policy", "licenses", "speed")}
    fields = {"server": server["name"], "held": 0, "limit": limit, "format": FORMAT, **same, "utc": utc.isoformat()}
    fields |= {name: server[name] for name in ("instance", "keep_cleared") if name in server}
    fields["cause"] = FORGOTTEN
    return Record(0, "server", "start", fields)


def _units(records: list[Record], licenses: Fields, begin: int) -> dict[str, int]:
    """The units that were held when *records* began, each with the time of its grant."""
    first: dict[str, str] = {}
    for record in records:
        if record.event in ("grant", "release"):
            first.setdefault(record["unit"], record.event)
    held = {holder["unit"]: round(holder["since"] * SECOND) for holder in licenses["holders"]}
    unchanged = {unit: min(since, begin) for unit, since in held.items() if unit not in first}
    return unchanged | {unit: begin for unit, event in first.items() if event == "release"}


def _existing(records: list[Record], connections: Fields) -> list[tuple[dict[str, Any], State, object]]:
    """The connections that existed when *records* began: their fields, state, and last request where that is known."""
    lines: dict[int, list[Record]] = {}
    for record in records:
        if isinstance(record.get("serial"), int):
            lines.setdefault(record["serial"], []).append(record)
    rows: dict[int, Fields] = {row["serial"]: row for row in connections["connections"]}
    existing = []
    for serial in sorted(rows.keys() | lines):
        own, row = lines.get(serial, []), rows.get(serial, {})
        if own and own[0].event == "create":
            continue
        state = State(next((line["from"] for line in own if line.event == "state"), row.get("state", State.GONE)))
        first = own[0].fields if own else row
        users = [line["user"] for line in own if line.event not in _ATTEMPTS] or [row.get("user")]
        about = {name: first[name] for name in ("connection", "serial", "station")}
        user = users[0] if state in _LOGGED_IN else None
        existing.append(({**about, "user": user}, state, row.get("last_request")))
    return existing

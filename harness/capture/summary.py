"""What a capture shows of a server, for an engineer: its connections, their licenses, and how sure each line is.

Rules of this file:

* Nothing is judged. A line is *seen*, *inferred* or *unknown*, as its record says (docs/captures.md).
* The licenses that are still held come first, the longest idle one at the top; connections without a login last.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from fakenw.journal.fold import GIVEN_BACK, Holding
from fakenw.journal.record import SECOND, Record
from fakenw.journal.sentences import clock, harmless
from harness.judge.captured import doubts
from harness.judge.history import ConnectionHistory, ServerHistory
from harness.judge.reasons import files_text

SHOWN = 20  # connections of a server
FILES = 3  # names of open files of a connection


def lines(server: ServerHistory) -> list[str]:
    """The server, and a line for each connection."""
    licensed = [history for history in server.histories if history.holdings]
    held = [history for history in licensed if history.holding]
    addresses = server.records[0].get("addresses")
    where = ", ".join(map(harmless, addresses)) if isinstance(addresses, list) else ""
    at = "" if where in ("", server.name) else f" at {where}"
    about = [
        f"{harmless(server.name)}{at}: {_found(server.records[0])}",
        f"{clock(server.end)} seen from {server.wall(0, server.zone or UTC)}",
        f"{_count(len(server.histories), 'connection')}, {len(licensed)} licensed, {len(held)} of them at the end",
        *([f"{_count(len(server.denied), 'request')} refused for want of room"] if server.denied else []),
    ]
    order = sorted(server.histories, key=_rank)
    told = [f"  {line_of(history)}" for history in order[:SHOWN]]
    more = [f"  and {_count(len(order) - SHOWN, 'more connection')}"] if order[SHOWN:] else []
    return ["; ".join(about), *told, *more]


def line_of(history: ConnectionHistory) -> str:
    """A connection: its user and station, when it was licensed, what became of that, and since when it is idle."""
    user = f" of {harmless(history.user)}" if history.user else ""
    return f"connection {history.connection}{user} from {harmless(history.station)}: {'; '.join(_parts(history))}"


def as_json(server: ServerHistory) -> dict[str, Any]:
    """The same for ``--json``."""
    start = server.records[0]
    return {
        "server": server.name,
        **{name: start.get(name) for name in ("release", "policy", "found", "addresses", "utc")},
        "seconds": server.end / SECOND,
        "connections": [
            {
                "connection": history.connection,
                "serial": history.serial,
                "station": history.station,
                "user": history.user,
                "created": history.created / SECOND,
                "sure": sure(history.records[0]),
                "licenses": [_license(history, holding) for holding in history.holdings],
                "last_request": history.last_request / SECOND,
                "open_files": [file.path for file in history.open_files.values()],
                "ended": None if history.ended is None else history.ended / SECOND,
                "cause": history.cause,
            }
            for history in server.histories
        ],
    }


def sure(record: Record | None) -> str:
    """How sure *record* is; a record that does not say is seen."""
    return "unknown" if record is None else harmless(record.get("sure", "seen"))


def _license(history: ConnectionHistory, holding: Holding) -> dict[str, Any]:
    granted, released = _grant(history, holding), _release(history, holding)
    return {
        "granted": holding.granted / SECOND,
        "by": granted and granted.get("cause"),
        "sure": sure(granted),
        "released": None if holding.released is None else holding.released / SECOND,
        "cause": holding.cause,
        "released_sure": None if released is None else sure(released),
    }


def _parts(history: ConnectionHistory) -> Iterator[str]:
    first = history.records[0]
    if sure(first) == "unknown":
        yield "it was there before the capture"
    if history.holdings[1:]:
        yield f"licensed {len(history.holdings)} times, the last"
    for holding in history.holdings[-1:]:
        granted, released = _grant(history, holding), _release(history, holding)
        yield f"licensed at {history.server.at(holding.granted)} ({_by(granted)})"
        if holding.released is not None:
            what = "given back" if holding.cause in GIVEN_BACK else "taken back by the server"
            yield f"{what} at {history.server.at(holding.released)} ({_by(released)})"
    if not history.holdings:
        yield "no license seen"
    for doubt in doubts(history):
        if doubt.holding.released is None and doubt.holding.granted > first.t:
            yield f"in doubt since {history.server.at(doubt.holding.granted)}: {doubt.why}"
    if closed := len(history.files) - len(history.open_files):
        yield f"opened and closed {files_text(closed)}"
    if history.ended is None:
        idle = history.server.end - history.last_request
        yield f"last request at {history.server.at(history.last_request)}, {clock(idle)} before the end"
        if history.open_files:
            names = [harmless(file.path) for file in history.open_files.values()]
            more = ", ..." if names[FILES:] else ""
            yield f"{files_text(len(names))} open ({', '.join(names[:FILES])}{more})"
    elif not history.holdings:
        yield f"ended at {history.server.at(history.ended)} ({harmless(history.cause)})"


def _by(record: Record | None) -> str:
    return f"{harmless(record.get('cause'))}, {sure(record)}" if record else "unknown"


def _grant(history: ConnectionHistory, holding: Holding) -> Record | None:
    holds = history.server.policy.holding
    states = history.server_lines("state")
    return next((one for one in states if one.t == holding.granted and one.get("to") in holds), None)


def _release(history: ConnectionHistory, holding: Holding) -> Record | None:
    ends = [*history.server_lines("state"), *history.server_lines("close")]
    return next((one for one in ends if one.t == holding.released and one.get("cause") == holding.cause), None)


def _rank(history: ConnectionHistory) -> tuple[bool, bool, int]:
    return history.holding is None, history.user is None, history.last_request


_HOW = {
    "23/17": "by its own word (23/17)",
    "behaviour": "by its behaviour only; --release says it better",
    "given": "as was said",
}


def _found(start: Record) -> str:
    """The release and the policy of a server, and how they are known."""
    release, how = harmless(start.get("release")), harmless(start.get("found"))
    return f"release {release}, {_HOW.get(how, how)}; policy {harmless(start.get('policy'))}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"

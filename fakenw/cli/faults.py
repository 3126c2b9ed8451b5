"""``fakenw fault``: faults on a running server, for its stations or for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from fakenw.admin.client import AdminClient
from fakenw.cli.program import Program
from fakenw.cli.remote import EXIT_CODES, table, tell, uses_admin
from fakenw.journal.record import SECOND
from fakenw.journal.sentences import clock, fault_text, harmless

FIRST = {  # what stands behind the name of a fault
    "delay": "by",
    "slow": "by",
    "loss": "percent",
    "duplicate": "percent",
    "reorder": "percent",
    "silence": "way",
}
COMMANDS = {
    "add": ("fakenw.cli.faults:add", "Begin a fault: delay=200ms, loss=20, silence=in, busy, and others."),
    "list": ("fakenw.cli.faults:list_faults", "The faults that have begun and have not ended."),
    "remove": ("fakenw.cli.faults:remove", "End a fault, by its number, or all of them."),
}


@click.group("fault", cls=Program, where=COMMANDS, epilog=EXIT_CODES)
def fault() -> None:
    """Delay and lose packets, be slow, busy or closed: on purpose.

    What happens to a client when its network or its server fails is tried on a running server, with any client. Each
    begin and each end of a fault is in the journal, and a verdict that `harness` gives from it names the faults.
    """


def body_of(text: str) -> dict[str, Any]:
    """The request for ``delay=200ms,for=5m``. Raises click.UsageError."""
    first, *rest = (part.strip() for part in text.split(","))
    what, equals, value = first.partition("=")
    body: dict[str, Any] = {"what": what}
    pairs = [(first, FIRST.get(what, ""), value)] if equals else []
    pairs += [(part, *part.partition("=")[::2]) for part in rest]
    for part, name, given in pairs:
        if not name or not given:
            raise click.UsageError(f"{part!r} is not a fault or NAME=VALUE, for instance delay=200ms,for=5m")
        if name in body:
            raise click.UsageError(f"{name} is given twice; expected it once")
        body[name] = _percent(given) if name == "percent" else given
    return body


def _percent(value: str) -> float:
    try:
        return float(value.removesuffix("%"))
    except ValueError:
        raise click.UsageError(f"{value!r} is no percentage, for instance 20") from None


@click.command(epilog=EXIT_CODES)
@click.argument("what", metavar="FAULT[=VALUE][,NAME=VALUE...]")
@click.option("--station", metavar="STATION", help="The only one: udp:10.0.0.7:1025, or udp:10.0.0.7:*, every port.")
@uses_admin
def add(server: AdminClient, as_json: bool, what: str, station: str | None) -> None:
    """Begin a fault: delay=200ms, loss=20, silence=in, busy, and others.

    Of packets: delay=200ms, loss=20 (percent), duplicate=20, reorder=20, silence=out. They are about what a station
    sends; with way=in about what it gets, with way=both about either. silence=out: the server hears nothing of the
    station, silence=in: the station hears nothing, silence=both: the cable is out. Nothing of TCP is lost: it comes
    late.

    Of the server: slow=2s (answers come late; with ncp=23/24 only those), busy (every answer is "being processed", and
    the request is executed when the fault ends), refuse-logins.

    for=5m ends it by itself, by the server's clock; otherwise it lasts until `fakenw fault remove`, a reset or the end
    of the server.

    \b
    fakenw fault add delay=200ms,for=5m --station udp:10.0.0.7:1025
    fakenw fault add loss=10,way=both
    """
    body = body_of(what)
    response = server.post("/api/faults", body if station is None else {**body, "station": station})
    tell(response, as_json, f"fault {response['id']}: {_told(response)}")


@click.command("list", epilog=EXIT_CODES)
@uses_admin
def list_faults(server: AdminClient, as_json: bool) -> None:
    """The faults that have begun and have not ended."""
    response = server.get("/api/faults")
    rows = [["", "fault", "of", "ends in"]]
    for one in response["faults"]:
        left = "" if one.get("left") is None else clock(round(one["left"] * SECOND))
        rows.append([str(one["id"]), fault_text(one), harmless(one["station"] or "all stations"), left])
    tell(response, as_json, "\n".join(table(rows)) if response["faults"] else "no fault")


@click.command(epilog=EXIT_CODES)
@click.argument("which", metavar="ID|all")
@uses_admin
def remove(server: AdminClient, as_json: bool, which: str) -> None:
    """End a fault, by its number, or all of them.

    What TCP sent during a silence arrives now; a request that was "being processed" is executed.
    """
    if which != "all" and not (which.isascii() and which.isdecimal()):
        raise click.UsageError(f"{which!r} is neither the number of a fault nor all; fakenw fault list has the numbers")
    response = server.post("/api/faults/remove" if which == "all" else f"/api/faults/{which}/remove", {})
    ended = ", ".join(map(str, response["removed"]))
    tell(response, as_json, f"ended: {ended}" if ended else "there was none")


def _told(one: Mapping[str, Any]) -> str:
    lasting = "" if one.get("for") is None else f", for {clock(round(one['for'] * SECOND))}"
    return f"{fault_text(one)}, {harmless(one['station'] or 'all stations')}{lasting}"

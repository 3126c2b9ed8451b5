"""Commands for the administration of a running server.

Rules of this file:

* Text for a terminal is escaped by ``harmless``; with ``--json`` the server's response is printed.
"""

from __future__ import annotations

import functools
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from fakenw.admin.client import AdminClient, AdminRefused, AdminUnreachable
from fakenw.cli.parameters import TimeParam
from fakenw.cli.terminal import say
from fakenw.journal.record import SECOND
from fakenw.journal.sentences import clock, harmless

REFUSED, UNREACHABLE = 1, 3
EXIT_CODES = "Exit codes: 0 done, 1 the server refuses, 2 bad usage, 3 the server does not answer."
TOLD = {"left": "have it", "has_one": "had one", "not_accepting": "accept none", "not_logged_in": "not logged in"}
ADVANCE_WITHIN = 3600.0  # seconds of real time


def end(code: int, text: str) -> NoReturn:
    say(f"fakenw: {text}", err=True)
    sys.exit(code)


def admin_client(url: str, token: str | None) -> AdminClient:
    """Raises click.UsageError for an invalid URL."""
    try:
        return AdminClient(url, token)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None


@contextmanager
def exits() -> Iterator[None]:
    """Exit where the server refuses, or does not answer."""
    try:
        yield
    except AdminRefused as problem:
        end(REFUSED, harmless(problem))
    except AdminUnreachable as problem:
        end(UNREACHABLE, harmless(problem))


def uses_admin(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options --admin, --token and --json; *function* gets an AdminClient and whether to print JSON."""

    @functools.wraps(function)
    def command(url: str, token: str | None, as_json: bool, **given: Any) -> None:
        with exits():
            function(admin_client(url, token), as_json, **given)

    options = (
        click.option(
            "--admin",
            "url",
            envvar="FAKENW_ADMIN",
            show_envvar=True,
            required=True,
            help="The URL that `serve --admin` printed.",
        ),
        click.option("--token", envvar="FAKENW_ADMIN_TOKEN", show_envvar=True, help="If the server requires one."),
        click.option("--json", "as_json", is_flag=True, help="Print the server's response as JSON."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def tell(response: Any, as_json: bool, text: str) -> None:
    if as_json:
        click.echo(json.dumps(response, indent=2))
    else:
        say(text)


def _time(ctx: click.Context, param: click.Parameter, given: str) -> str:
    """The text of a duration, as the server reads it too."""
    TimeParam().convert(given, param, ctx)
    return given


def _held(response: Mapping[str, Any]) -> str:
    return f"{response['held']} of {response['limit']} licenses held"


@click.command(epilog=EXIT_CODES)
@uses_admin
def connections(server: AdminClient, as_json: bool) -> None:
    """The connection table, as MONITOR shows it.

    An asterisk before a name means no license.
    """
    response = server.get("/api/connections")
    rows = [["", "user", "from", "since", "idle", "files"]]
    for entry in response["connections"]:
        user = harmless(entry["user"] or "NOT-LOGGED-IN")
        rows.append(
            [
                str(entry["connection"]),
                user if entry["licensed"] else f"*{user}",
                harmless(entry["station"]),
                clock(round(entry["since"] * SECOND)),
                clock(round(entry["idle"] * SECOND)),
                str(len(entry["files"])),
            ]
        )
    tell(response, as_json, "\n".join(table(rows)))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


@click.command(epilog=EXIT_CODES)
@click.argument("numbers", type=click.IntRange(1, 65_534), nargs=-1, required=True, metavar="NUMBER...")
@uses_admin
def clear(server: AdminClient, as_json: bool, numbers: tuple[int, ...]) -> None:
    """Clear a connection, as CLEAR STATION does.

    Of several none is cleared where one of them is unknown.
    """
    if len(numbers) == 1:
        response = server.post(f"/api/connections/{numbers[0]}/clear", {})
        tell(response, as_json, f"connection {numbers[0]} is cleared")
    else:
        response = server.post("/api/connections/clear", {"connections": numbers})
        tell(response, as_json, f"connections {', '.join(map(str, response['cleared']))} are cleared")


@click.command(epilog=EXIT_CODES)
@uses_admin
def licenses(server: AdminClient, as_json: bool) -> None:
    """The licenses that are held, the one idle for longest first.

    A unit without a station is an assignment: its connection has ended, and the policy keeps it for a while.
    """
    response = server.get("/api/licenses")
    rows = [["unit", "user", "from", "since", "idle"]]
    for holder in sorted(response["holders"], key=lambda holder: -(holder["idle"] or 0)):
        idle = "" if holder["idle"] is None else clock(round(holder["idle"] * SECOND))
        held = [harmless(holder[name] or "") for name in ("unit", "user", "station")]
        rows.append([*held, clock(round(holder["since"] * SECOND)), idle])
    told = f"{response['held']} of {response['limit']} licenses held, {response['peak']} at most"
    tell(response, as_json, "\n".join([*(table(rows) if len(rows) > 1 else []), told]))


@click.command(epilog="Exit codes: 0 a station has it, 1 none has it, 2 bad usage, 3 the server does not answer.")
@click.argument("text")
@click.option("--to", "numbers", type=click.IntRange(1, 65_534), multiple=True, help="One connection; may be repeated.")
@uses_admin
def message(server: AdminClient, as_json: bool, text: str, numbers: tuple[int, ...]) -> None:
    """Leave a message of up to 58 characters, as BROADCAST does.

    All connections that are logged in and accept messages have it, except where one waits already. A station learns of
    it with its next request.

    \b
    fakenw message "Please log out: the server goes down at five"
    fakenw message "Is anybody there?" --to 7 --to 9
    """
    paths = [f"/api/connections/{number}/message" for number in dict.fromkeys(numbers)] or ["/api/message"]
    found = Counter[str]()
    for path in paths:
        found.update(server.post(path, {"text": text}))
    told = ", ".join(f"{found[name]} {words}" for name, words in TOLD.items() if found[name])
    tell(dict(found), as_json, f"connections: {told}" if told else "no station is connected")
    if not found["left"]:
        sys.exit(REFUSED)


@click.command("set", epilog=EXIT_CODES)
@click.argument("changes", nargs=-1, required=True, metavar="NAME=VALUE...")
@uses_admin
def set_command(server: AdminClient, as_json: bool, changes: tuple[str, ...]) -> None:
    """Change a running server: its licenses, watchdog or clear_idle.

    fakenw set licenses=3 watchdog=15.7,9.9,5 clear_idle=30m; clear_idle=none: never.
    """
    given: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise click.UsageError(f"{change!r} is not NAME=VALUE, for instance licenses=3")
        number = int(value) if value.isdecimal() and name == "licenses" else value
        given[name] = None if value == "none" else number
    response = server.post("/api/set", given)
    tell(response, as_json, _held(response))


@click.command(epilog=EXIT_CODES)
@click.argument("state", type=click.Choice(["on", "off"]))
@uses_admin
def login(server: AdminClient, as_json: bool, state: str) -> None:
    """Open or close login, as ENABLE LOGIN and DISABLE LOGIN do."""
    response = server.post("/api/login", {"enabled": state == "on"})
    tell(response, as_json, f"login is {'open' if response['logins'] else 'closed'}")


@click.command(epilog=EXIT_CODES)
@uses_admin
def down(server: AdminClient, as_json: bool) -> None:
    """Bring the server down: it refuses all, and releases nothing."""
    tell(server.post("/api/down", {}), as_json, "the server is down")


@click.command(epilog=EXIT_CODES)
@click.argument("time", callback=_time)
@uses_admin
def advance(server: AdminClient, as_json: bool, time: str) -> None:
    """Advance the clock: what is due in the next hours happens now.

    Watchdog, idle limits and assignments go by that clock, in their order. A station that answers has real time to do
    so and is not cleared, so many hours with many stations take a while.

    \b
    fakenw advance 4h
    """
    response = server.post("/api/clock/advance", {"seconds": time}, ADVANCE_WITHIN)
    tell(response, as_json, f"the clock is at {clock(round(response['t'] * SECOND))}, {_held(response)}")


@click.command(epilog=EXIT_CODES)
@click.option("--force", is_flag=True, help="Also while clients are connected: their connections end.")
@uses_admin
def reset(server: AdminClient, as_json: bool, force: bool) -> None:
    """End all connections and free all licenses, as at the start.

    A server that was brought down answers again, and login is open. The journal goes on, and so does the clock.
    """
    response = server.post("/api/reset", {"force": force})
    tell(response, as_json, f"the server is as at its start: {_held(response)}")


@click.command(epilog=EXIT_CODES)
@click.argument("text", default="mark")
@uses_admin
def mark(server: AdminClient, as_json: bool, text: str) -> None:
    """Write a mark: licenses held now are no longer needed."""
    response = server.post("/api/mark", {"text": text})
    tell(response, as_json, f"marked at {clock(round(response['t'] * SECOND))}")

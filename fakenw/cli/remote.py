"""Commands for the administration of a running server.

Rules of this file:

* Text for a terminal is escaped by ``harmless``; with ``--json`` the server's response is printed.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from fakenw.admin.client import AdminClient, AdminRefused, AdminUnreachable
from fakenw.admin.ready_file import ReadyServer
from fakenw.cli.parameters import TimeParam
from fakenw.cli.terminal import say
from fakenw.core.peer import TCP, UDP, Peer
from fakenw.journal.record import SECOND, JournalError, read_lines
from fakenw.journal.sentences import clock, harmless, sentence

REFUSED, UNREACHABLE = 1, 3
EXIT_CODES = "Exit codes: 0 done, 1 the server refuses, 2 bad usage, 3 the server does not answer."
LOOK_EVERY = 0.2  # seconds


def _end(code: int, text: str) -> NoReturn:
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
        _end(REFUSED, harmless(problem))
    except AdminUnreachable as problem:
        _end(UNREACHABLE, harmless(problem))


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


def _print(response: Any, as_json: bool, text: str) -> None:
    if as_json:
        click.echo(json.dumps(response, indent=2))
    else:
        say(text)


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
    _print(response, as_json, "\n".join(_table(rows)))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


@click.command(epilog=EXIT_CODES)
@click.argument("number", type=click.IntRange(1, 65_534))
@uses_admin
def clear(server: AdminClient, as_json: bool, number: int) -> None:
    """Clear a connection, as CLEAR STATION does."""
    response = server.post(f"/api/connections/{number}/clear", {})
    _print(response, as_json, f"connection {number} is cleared")


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
    _print(response, as_json, f"{response['held']} of {response['limit']} licenses held")


@click.command(epilog=EXIT_CODES)
@click.argument("state", type=click.Choice(["on", "off"]))
@uses_admin
def login(server: AdminClient, as_json: bool, state: str) -> None:
    """Open or close login, as ENABLE LOGIN and DISABLE LOGIN do."""
    response = server.post("/api/login", {"enabled": state == "on"})
    _print(response, as_json, f"login is {'open' if response['logins'] else 'closed'}")


@click.command(epilog=EXIT_CODES)
@uses_admin
def down(server: AdminClient, as_json: bool) -> None:
    """Bring the server down: it refuses all, and releases nothing."""
    _print(server.post("/api/down", {}), as_json, "the server is down")


@click.command(epilog=EXIT_CODES)
@click.argument("text", default="mark")
@uses_admin
def mark(server: AdminClient, as_json: bool, text: str) -> None:
    """Write a mark: licenses held now are no longer needed."""
    response = server.post("/api/mark", {"text": text})
    _print(response, as_json, f"marked at {clock(round(response['t'] * SECOND))}")


@click.command(epilog=EXIT_CODES)
@click.option("--follow", is_flag=True, help="Print new lines as they are written, until Ctrl-C.")
@uses_admin
def journal(server: AdminClient, as_json: bool, follow: bool) -> None:
    """The journal, as sentences; with --json its lines."""
    number = 0
    while True:
        first, lines, after = server.journal(number)
        if first > number:
            say(f"fakenw: {first - number} lines are no longer stored by the server", err=True)
        number = after
        try:
            output = lines if as_json else [sentence(record) for record in read_lines(lines, "journal").records]
        except JournalError as problem:
            _end(REFUSED, str(problem))
        for text in filter(None, output):
            if as_json:
                click.echo(text.rstrip("\n"))
            else:
                say(text)
        if not follow:
            return
        time.sleep(LOOK_EVERY)


@click.command(epilog="Exit codes: 0 it answers, 2 bad usage, 3 it does not answer in time.")
@click.argument("place", metavar="HOST:PORT|FILE")
@click.option("--transport", type=click.Choice([TCP.name, UDP.name]), default="tcp", show_default=True)
@click.option("--for", "how_long", type=TimeParam(), default="30s", show_default=True, help="The longest wait.")
def wait(place: str, transport: str, how_long: int) -> None:
    """Wait until a server answers NCP at HOST:PORT, or is ready.

    FILE is that of `fakenw serve --ready-file`: no other server is taken for this one.
    """
    from fakenw.health import answers

    deadline = time.monotonic() + how_long / SECOND
    while (server := _server_at(place, transport)) is None or not answers(server):
        if time.monotonic() > deadline:
            _end(UNREACHABLE, f"{place} does not answer NCP over {transport} within {how_long / SECOND:g} s")
        time.sleep(LOOK_EVERY)
    click.echo(f"{place} answers NCP over {transport}")


def _server_at(place: str, transport: str) -> Peer | None:
    """The address of a server that may answer; None where the file is not there yet, or is of one that has ended."""
    try:
        return Peer.parse(f"{transport}:{place}")
    except ValueError:
        pass
    try:
        ready = ReadyServer.read(Path(place))
    except FileNotFoundError:
        if not Path(place).parent.is_dir() or not Path(place).suffix:
            raise click.UsageError(f"{place} is not HOST:PORT, nor a file of fakenw serve --ready-file") from None
        return None
    except (OSError, ValueError) as problem:
        raise click.UsageError(str(problem)) from None
    addresses = ready.tcp if transport == "tcp" else ready.udp
    if not addresses:
        raise click.UsageError(f"the server of {place} does not listen on {transport}")
    return Peer.parse(f"{transport}:{addresses[0]}") if ready.runs() else None

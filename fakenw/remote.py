"""Commands that speak to the administration of a running server.

Rules of this file:

* What is printed for people is harmless to their terminal; with ``--json`` it is what the server said.
* Exit codes: 0 done, 1 the server refused, 2 bad usage, 3 the server does not answer.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, NoReturn
from urllib.parse import urlsplit

import click

from fakenw.commandline import Time
from fakenw.records import SECOND, JournalError, read_lines
from fakenw.sentences import clock, harmless, sentence

REFUSED, UNREACHABLE = 1, 3
TIMEOUT = 30.0  # seconds
LOOK_EVERY = 0.2


class Remote:
    """A server's administration at *url*."""

    def __init__(self, url: str, token: str | None) -> None:
        try:
            there = urlsplit(url)
            if there.scheme not in ("http", "https") or not there.hostname:
                raise ValueError
        except ValueError:
            raise click.UsageError(f"{url!r} is not the URL of a server, for instance http://127.0.0.1:8524") from None
        self._url = url.rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a lab is not behind a proxy
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        """What is there. Ends the program where it cannot be had."""
        return self._said(*self.ask(path)[:2])

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Have something done. Ends the program where it is refused."""
        return self._said(*self.ask(path, body)[:2])

    def journal(self, number: int) -> tuple[int, list[str], int]:
        """Lines of the journal: the number of the first, which is *number* unless that is forgotten; they; the next."""
        status, body, headers = self.ask(f"/api/journal?from={number}")
        if status == HTTPStatus.GONE:
            number = int(json.loads(body).get("oldest", 0))
            status, body, headers = self.ask(f"/api/journal?from={number}")
        if status != HTTPStatus.OK:
            self._said(status, body)
        lines = body.decode("ascii", "replace").splitlines(keepends=True)
        return number, lines, int(headers.get("X-Next", number + len(lines)))

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, bytes and headers of an answer, whatever it says. Ends the program where there is none."""
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(self._url + path, data, self._headers)
            try:
                with self._opener.open(request, timeout=TIMEOUT) as reply:
                    return reply.status, reply.read(), dict(reply.headers)
            except urllib.error.HTTPError as refusal:
                with refusal:
                    return refusal.code, refusal.read(), dict(refusal.headers)
        except (OSError, ValueError, HTTPException) as problem:
            _end(UNREACHABLE, f"{harmless(self._url)} does not answer: {harmless(problem)}")

    def _said(self, status: int, body: bytes) -> Any:
        try:
            said = json.loads(body)
            if status != HTTPStatus.OK:
                _end(REFUSED, harmless(said["error"]))
        except (ValueError, KeyError, TypeError):
            _end(UNREACHABLE, f"{harmless(self._url)} does not answer as a fakenw does (status {status})")
        return said


def _end(code: int, text: str) -> NoReturn:
    click.echo(f"fakenw: {text}", err=True)
    sys.exit(code)


def remote_options(function: Any) -> Any:
    """The options that say which server, and how to print."""
    options = (
        click.option(
            "--admin",
            "url",
            envvar="FAKENW_ADMIN",
            show_envvar=True,
            required=True,
            help="What `serve --admin` printed.",
        ),
        click.option("--token", envvar="FAKENW_ADMIN_TOKEN", show_envvar=True, help="Where the server wants one."),
        click.option("--json", "as_json", is_flag=True, help="Print what the server says as JSON."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _tell(said: Any, as_json: bool, text: str) -> None:
    click.echo(json.dumps(said, indent=2) if as_json else text)


@click.command()
@remote_options
def connections(url: str, token: str | None, as_json: bool) -> None:
    """The connection table as MONITOR shows it: an asterisk before a name means no license."""
    said = Remote(url, token).get("/api/connections")
    rows = [["", "user", "from", "since", "idle", "files"]]
    for one in said["connections"]:
        user = harmless(one["user"] or "NOT-LOGGED-IN")
        rows.append(
            [
                str(one["connection"]),
                user if one["licensed"] else f"*{user}",
                harmless(one["station"]),
                clock(round(one["since"] * SECOND)),
                clock(round(one["idle"] * SECOND)),
                str(len(one["files"])),
            ]
        )
    _tell(said, as_json, "\n".join(_table(rows)))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


@click.command()
@click.argument("number", type=click.IntRange(1, 65_534))
@remote_options
def clear(number: int, url: str, token: str | None, as_json: bool) -> None:
    """Clear a connection, as CLEAR STATION does."""
    said = Remote(url, token).post(f"/api/connections/{number}/clear", {})
    _tell(said, as_json, f"connection {number} is cleared")


@click.command("set")
@click.argument("changes", nargs=-1, required=True, metavar="NAME=VALUE...")
@remote_options
def set_command(changes: tuple[str, ...], url: str, token: str | None, as_json: bool) -> None:
    """Change a running server: licenses=3, watchdog=15.7,9.9,5, clear_idle=30m (none: never)."""
    given: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise click.UsageError(f"{change!r} is not NAME=VALUE, for instance licenses=3")
        number = int(value) if value.isdecimal() and name == "licenses" else value
        given[name] = None if value == "none" else number
    said = Remote(url, token).post("/api/set", given)
    _tell(said, as_json, f"{said['held']} of {said['limit']} licenses held")


@click.command()
@click.argument("state", type=click.Choice(["on", "off"]))
@remote_options
def login(state: str, url: str, token: str | None, as_json: bool) -> None:
    """Open or close login, as ENABLE LOGIN and DISABLE LOGIN do."""
    said = Remote(url, token).post("/api/login", {"enabled": state == "on"})
    _tell(said, as_json, f"login is {'open' if said['logins'] else 'closed'}")


@click.command()
@remote_options
def down(url: str, token: str | None, as_json: bool) -> None:
    """Bring the server down: it answers nothing any more, and releases nothing."""
    _tell(Remote(url, token).post("/api/down", {}), as_json, "the server is down")


@click.command()
@click.argument("text", default="mark")
@remote_options
def mark(text: str, url: str, token: str | None, as_json: bool) -> None:
    """Write a mark into the journal: from here on what is held is not needed any more."""
    said = Remote(url, token).post("/api/mark", {"text": text})
    _tell(said, as_json, f"marked at {clock(round(said['t'] * SECOND))}")


@click.command()
@click.option("--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@remote_options
def journal(follow: bool, url: str, token: str | None, as_json: bool) -> None:
    """The journal, as sentences; with --json its lines."""
    remote, number = Remote(url, token), 0
    while True:
        first, lines, after = remote.journal(number)
        if first > number:
            click.echo(f"fakenw: {first - number} lines are forgotten by the server", err=True)
        number = after
        try:
            told = lines if as_json else [sentence(record) for record in read_lines(lines, "journal").records]
        except JournalError as problem:
            _end(REFUSED, str(problem))
        for text in filter(None, told):
            click.echo(text.rstrip("\n"))
        if not follow:
            return
        time.sleep(LOOK_EVERY)


@click.command()
@click.argument("address", metavar="HOST:PORT")
@click.option("--transport", type=click.Choice(["tcp", "udp"]), default="tcp", show_default=True)
@click.option("--for", "how_long", type=Time(), default="30s", show_default=True, help="How long to wait.")
def wait(address: str, transport: str, how_long: int) -> None:
    """Wait until a server answers NCP at HOST:PORT. Exit code 3 where it does not in time."""
    from fakenw.health import answers

    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise click.UsageError(f"{address} is not HOST:PORT")
    deadline = time.monotonic() + how_long / SECOND
    while not answers(transport, (host.strip("[]"), int(port))):
        if time.monotonic() > deadline:
            _end(UNREACHABLE, f"{address} does not answer NCP over {transport} within {how_long / SECOND:g} s")
        time.sleep(LOOK_EVERY)
    click.echo(f"{address} answers NCP over {transport}")


COMMANDS = (connections, clear, set_command, login, down, mark, journal, wait)

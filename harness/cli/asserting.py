"""``harness assert``: an assertion about a server that runs elsewhere, from a shell."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import click

from fakenw.admin.client import AdminClient, AdminRefused, AdminUnreachable
from fakenw.admin.ready_file import ReadyServer
from fakenw.cli.remote import admin_client
from fakenw.cli.terminal import say
from fakenw.journal.record import SECOND, Journal, JournalError, read_lines
from fakenw.journal.sentences import harmless
from harness.cli.parameters import DurationParam, OutputParam
from harness.judge.assertions import released
from harness.judge.causes import BY
from harness.judge.cut_journal import completed
from harness.judge.history import RunHistory
from harness.judge.selection import LicenseSelection
from harness.report.junit import JUnitCase, junit_xml
from harness.report.output import write
from harness.report.text import NOT_EXPECTED, UNKNOWN

LOOK_EVERY = 0.2  # seconds


@click.command(
    "assert",
    epilog="Exit codes: 0 it is so, 1 it is not, 2 bad usage, 3 no answer, or the server's books do not balance.",
)
@click.argument("admin", metavar="ADMIN_URL|FILE")
@click.option("--released", "assertion", is_flag=True, required=True, help="Every license came back from its client.")
@click.option("--within", type=DurationParam(), default="30s", show_default=True, help="How long it is waited for.")
@click.option("--user", help="Only the licenses of this user.")
@click.option("--station", help="Only those of stations that begin so, such as udp:10.0.0.7.")
@click.option("--since-mark", is_flag=True, help="Only what was held at the last mark, or later (fakenw mark).")
@click.option(
    "--clients",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="So many connections must have had a license and logged in.",
)
@click.option(
    "--by",
    type=click.Choice(BY),
    default="client",
    show_default=True,
    metavar="WHOM",
    help=f"By whom, or for which one cause, licenses may come back: {', '.join(BY)}.",
)
@click.option("--instance", help="Only of this start of the server: see /api/server, or the journal's first line.")
@click.option("--anew", is_flag=True, help="Where the server is started again meanwhile, begin anew with that start.")
@click.option("--token", envvar="FAKENW_ADMIN_TOKEN", show_envvar=True, help="Where the server wants one.")
@click.option("--junit", type=OutputParam(), help="Write the result as JUnit XML.")
def assert_command(
    admin: str,
    assertion: bool,
    within: int,
    user: str | None,
    station: str | None,
    since_mark: bool,
    clients: int,
    by: str,
    instance: str | None,
    anew: bool,
    token: str | None,
    junit: str | None,
) -> None:
    """Assert something of a server that runs.

    ADMIN_URL is what `fakenw serve --admin` printed, FILE that of its --ready-file. A server that was started again
    meanwhile, or another one at that address, is not judged; with --anew only its present start is, and a sentence on
    standard error says so.

    \b
    harness assert http://127.0.0.1:40125 --released --within 30s
    """
    if anew and instance is not None:
        raise click.UsageError("expected --instance, which judges one start of the server only, or --anew")
    if Path(admin).is_file():
        admin, instance = _ready(Path(admin), instance)
    watched = _WatchedServer(admin_client(admin, token), harmless(admin), instance)
    deadline = time.monotonic() + within / SECOND
    while True:
        try:
            journal, forgotten = watched.journal()
            run = RunHistory.of([journal])
        except AdminRefused as problem:
            _unknown(f"{admin} does not answer: {problem.status}: {problem}")
        except (AdminUnreachable, JournalError, _NotTheServer) as problem:
            if not anew or time.monotonic() > deadline or not watched.begin_anew(problem):
                _unknown(f"{problem}; nothing can be told" if isinstance(problem, _Restarted) else str(problem))
            time.sleep(LOOK_EVERY)
            continue
        if not run.servers:
            _unknown(f"{admin} has no journal; expected that of a server")
        marks = [mark for server in run.servers for mark in server.marks]
        since = marks[-1] if since_mark and marks else 0
        answer = released(run, LicenseSelection(user, station, since, by), clients)
        if answer.passed or not answer.waiting or time.monotonic() > deadline:
            break
        time.sleep(LOOK_EVERY)
    if forgotten:
        say(f"harness: {forgotten} lines are forgotten by the server; what came back before is not judged", err=True)
    what = "every license was given back" if answer.passed else f"not released within {within / SECOND:g} s"
    for line in (what, *(f"  {why}" for why in answer.why)):
        say(line)
    if junit:
        kind = "error" if answer.verdict.problems else "failure"
        failure = () if answer.passed else (kind, answer.verdict.verdict, what, "\n".join(answer.why))
        write(junit, junit_xml([JUnitCase("harness.assert", f"released {admin}", *failure)]))
    sys.exit(0 if answer.passed else UNKNOWN if answer.verdict.problems else NOT_EXPECTED)


def _ready(file: Path, instance: str | None) -> tuple[str, str]:
    """The administration and the instance that a ready file names. Exits where it names none."""
    try:
        ready = ReadyServer.read(file)
    except (OSError, ValueError) as problem:
        raise click.UsageError(f"expected a URL, or a file of fakenw serve --ready-file: {problem}") from None
    if not ready.admin:
        raise click.UsageError(f"{file} names no administration; expected fakenw serve --admin as well")
    return ready.admin, instance or ready.instance


class _NotTheServer(Exception):
    """Another server answers than the one of the first answer."""


class _Restarted(_NotTheServer):
    """The server itself says that it is another one."""


class _WatchedServer:
    """The server behind *client*, which is *name* in messages; only its present start, or that of *instance*."""

    def __init__(self, client: AdminClient, name: str, instance: str | None) -> None:
        self._client, self._name, self._instance = client, name, instance
        self._seen = False

    def begin_anew(self, problem: Exception) -> bool:
        """Accept another start of the server from now on, or wait for it. False where *problem* is something else."""
        if isinstance(problem, _Restarted):
            say(f"harness: {harmless(problem)}; its present start is judged instead", err=True)
            self._instance = None
        return self._seen and isinstance(problem, _Restarted | AdminUnreachable)

    def journal(self) -> tuple[Journal, int]:
        """The server's journal, and how many lines of it are forgotten. Raises what the client raises, JournalError."""
        self._server()
        while True:
            first, lines, after = self._client.journal()
            if not first:
                journal, forgotten = read_lines(lines, self._name), 0
                self._same(journal.records[0].get("instance") if journal.records else None)
            else:
                said = [self._client.get(f"/api/{what}") for what in ("licenses", "connections")]
                begin, more, _ = self._client.journal(after)
                if begin != after:  # more was forgotten than was read, and perhaps a license with it
                    continue
                try:
                    rest = read_lines([*lines, *more], self._name)
                    journal, forgotten = completed(rest, self._server(), *said), first
                except (KeyError, TypeError, ValueError):
                    raise _NotTheServer(f"{self._name} does not answer as a fakenw does") from None
            self._server()  # an instance does not come back: all that was read between is of this one
            return journal, forgotten

    def _server(self) -> dict[str, Any]:
        server = self._client.get("/api/server")
        self._same(server.get("instance"))
        return server

    def _same(self, instance: object) -> None:
        if not isinstance(instance, str) or not instance:
            raise _NotTheServer(f"{self._name} does not answer as a fakenw does: it has no instance")
        self._seen = True
        if self._instance is None:
            self._instance = instance
        elif instance != self._instance:
            found = f"{self._name} is now the server {harmless(instance)}, not {harmless(self._instance)}"
            raise _Restarted(f"{found}: it was started again, or is another one")


def _unknown(text: str) -> NoReturn:
    say(f"harness: {harmless(text)}", err=True)
    sys.exit(UNKNOWN)

"""``harness assert``: an assertion about a server that runs elsewhere, from a shell."""

from __future__ import annotations

import sys
import time
from typing import NoReturn

import click

from fakenw.admin.client import AdminClient, AdminRefused, AdminUnreachable
from fakenw.cli.remote import admin_client
from fakenw.journal.record import SECOND, JournalError, read_lines
from fakenw.journal.sentences import harmless
from harness.cli.parameters import DurationParam, OutputParam
from harness.judge.assertions import released
from harness.judge.cut_journal import completed
from harness.judge.history import RunHistory
from harness.judge.selection import LicenseSelection
from harness.report.junit import JUnitCase, junit_xml
from harness.report.output import write
from harness.report.text import NOT_EXPECTED, UNKNOWN

LOOK_EVERY = 0.2  # seconds


@click.command("assert")
@click.argument("admin", metavar="ADMIN_URL")
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
@click.option("--by", default="client", show_default=True, help="client, anybody, or one cause such as logout.")
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
    token: str | None,
    junit: str | None,
) -> None:
    """Assert something of a server that runs.

    Exit codes: 0 it is so, 1 it is not, 3 the server does not answer, or its books do not balance.

    ADMIN_URL is what `fakenw serve --admin` printed.

    \b
    harness assert http://127.0.0.1:40125 --released --within 30s
    """
    client = admin_client(admin, token)
    deadline = time.monotonic() + within / SECOND
    while True:
        try:
            run, forgotten = _history(client, admin)
        except AdminRefused as problem:
            _unknown(f"{admin} does not answer: {problem.status}: {problem}")
        except (AdminUnreachable, JournalError) as problem:
            _unknown(str(problem))
        except (KeyError, TypeError, ValueError):
            _unknown(f"{admin} does not answer as a fakenw does")
        marks = [mark for server in run.servers for mark in server.marks]
        since = marks[-1] if since_mark and marks else 0
        answer = released(run, LicenseSelection(user, station, since, by), clients)
        if answer.passed or not answer.waiting or time.monotonic() > deadline:
            break
        time.sleep(LOOK_EVERY)
    if forgotten:
        click.echo(
            f"harness: {forgotten} lines are forgotten by the server; what came back before is not judged", err=True
        )
    what = "every license was given back" if answer.passed else f"not released within {within / SECOND:g} s"
    for line in (what, *(f"  {why}" for why in answer.why)):
        click.echo(line)
    if junit:
        kind = "error" if answer.verdict.problems else "failure"
        failure = () if answer.passed else (kind, answer.verdict.verdict, what, "\n".join(answer.why))
        write(junit, junit_xml([JUnitCase("harness.assert", f"released {admin}", *failure)]))
    sys.exit(0 if answer.passed else UNKNOWN if answer.verdict.problems else NOT_EXPECTED)


def _history(client: AdminClient, name: str) -> tuple[RunHistory, int]:
    """The history in the server's journal, and how many lines of that are forgotten."""
    while True:
        first, lines, after = client.journal()
        if not first:
            return RunHistory.of([read_lines(lines, name)]), 0
        said = [client.get(f"/api/{what}") for what in ("server", "licenses", "connections")]
        begin, more, _ = client.journal(after)
        if begin == after:  # else more was forgotten than was read, and perhaps a license with it
            return RunHistory.of([completed(read_lines([*lines, *more], name), *said)]), first


def _unknown(text: str) -> NoReturn:
    click.echo(f"harness: {harmless(text)}", err=True)
    sys.exit(UNKNOWN)

"""Commands that wait for what a running server does: its journal, and that it answers."""

from __future__ import annotations

import time
from pathlib import Path

import click

from fakenw.admin.client import AdminClient, AdminUnreachable, ServerRestarted
from fakenw.admin.ready_file import ReadyServer
from fakenw.cli.parameters import TimeParam
from fakenw.cli.remote import EXIT_CODES, REFUSED, UNREACHABLE, end, uses_admin
from fakenw.cli.terminal import say
from fakenw.core.peer import TCP, UDP, Peer
from fakenw.journal.record import SECOND, JournalError, read_lines
from fakenw.journal.sentences import harmless, sentence

LOOK_EVERY = 0.2  # seconds
RESTART_WITHIN = 30.0  # seconds in which a server that is started again should answer


@click.command(epilog=EXIT_CODES)
@click.option("--follow", is_flag=True, help="Print new lines as they are written, until Ctrl-C.")
@uses_admin
def journal(server: AdminClient, as_json: bool, follow: bool) -> None:
    """The journal, as sentences; with --json its lines.

    With --follow also across a restart of the server: a sentence on standard error says so, and the lines of the new
    start follow from its first on. A server that does not answer for 30 seconds ends it.
    """
    reader = _JournalReader(server)
    while True:
        try:
            lines = reader.read()
            output = lines if as_json else [sentence(record) for record in read_lines(lines, "journal").records]
        except JournalError as problem:
            end(REFUSED, str(problem))
        for text in filter(None, output):
            if as_json:
                click.echo(text.rstrip("\n"))
            else:
                say(text)
        if not follow:
            return
        time.sleep(LOOK_EVERY)


class _JournalReader:
    """Reads the journal on; where the server was started again, that of the new start from its beginning."""

    def __init__(self, server: AdminClient) -> None:
        self._server = server
        self._number, self._instance = 0, server.instance
        self._lost: float | None = None  # the time from which on the server has not answered

    def read(self) -> list[str]:
        """The new lines. Raises AdminRefused, and AdminUnreachable where the server is gone for RESTART_WITHIN."""
        try:
            first, lines, after = self._server.journal(self._number, self._instance)
        except ServerRestarted as other:
            say(f"fakenw: the server was started again (instance {harmless(other.instance)}): its journal", err=True)
            self._number, self._instance = 0, other.instance
            return self.read()
        except AdminUnreachable as problem:
            now = time.monotonic()
            if self._instance is None or now > (self._lost or now) + RESTART_WITHIN:
                raise
            if self._lost is None:
                say(f"fakenw: {harmless(problem)}; waiting up to {RESTART_WITHIN:g} s", err=True)
                self._lost = now
            return []
        if first > self._number:
            say(f"fakenw: {first - self._number} lines are no longer stored by the server", err=True)
        self._number, self._instance, self._lost = after, self._server.instance, None
        return lines


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
            end(UNREACHABLE, f"{place} does not answer NCP over {transport} within {how_long / SECOND:g} s")
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

"""The command line of the server: the only reader of arguments, environment and entropy."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import click

from fakenw.bindery import USER, Bindery
from fakenw.capfiles import sms_tree
from fakenw.config import RELEASES, SECOND, Config
from fakenw.folder import Folder
from fakenw.journal import JournalFile
from fakenw.ledger import POLICIES
from fakenw.records import Record
from fakenw.sentences import sentence
from fakenw.server import Server
from fakenw.volume import PathError, Volumes

DEFAULT_LISTEN = ("tcp:127.0.0.1:10524", "udp:127.0.0.1:10524")


class Listen(click.ParamType[tuple[str, str, int]]):
    """``tcp:HOST:PORT`` or ``udp:HOST:PORT`` as (transport, host, port)."""

    name = "tcp|udp:HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str, int]:
        if isinstance(value, tuple):
            return value
        transport, _, rest = str(value).partition(":")
        host, _, port = rest.rpartition(":")
        if transport not in ("tcp", "udp") or not host or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not tcp:HOST:PORT or udp:HOST:PORT, for instance tcp:127.0.0.1:0", param, ctx)
        return transport, host.strip("[]"), int(port)


class User(click.ParamType[tuple[str, str]]):
    """``NAME`` or ``NAME:PASSWORD`` as (name, password)."""

    name = "NAME[:PASSWORD]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, _, password = str(value).partition(":")
        try:
            Bindery().add(USER, name, password)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)
        return name, password


class Mount(click.ParamType[tuple[str, Path]]):
    """``NAME=DIR`` as (name, directory)."""

    name = "NAME=DIR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        if isinstance(value, tuple):
            return value
        name, equals, folder = str(value).partition("=")
        if not equals or not Path(folder).is_dir():
            self.fail(f"{value!r} is not NAME=DIR with a directory that exists", param, ctx)
        return name, Path(folder)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fakenw")
def main() -> None:
    """A NetWare server that keeps exact books on connection licenses.

    Start it with `fakenw serve`, point clients at it, and read its journal: who took a license,
    who gave it back, who is still holding one.
    """


@main.command()
@click.option("--name", default="FAKENW", show_default=True, help="Name of the server, 1 to 47 characters.")
@click.option("--release", type=click.Choice(list(RELEASES)), default="5.1", show_default=True, help="NetWare release.")
@click.option("--licenses", type=click.IntRange(0, 65534), default=5, show_default=True, help="Connection licenses.")
@click.option("--connections", type=click.IntRange(1, 65534), default=1000, show_default=True, help="Connection slots.")
@click.option(
    "--policy",
    type=click.Choice(list(POLICIES)),
    help="What costs a license: attaching, logging in, using a service, the same from certificates (nls), "
    "or being a user (ual). Default: the release's own.",
)
@click.option(
    "--listen",
    type=Listen(),
    multiple=True,
    help=f"Where to listen; may be repeated. Port 0 picks a free one. Default: {' and '.join(DEFAULT_LISTEN)}.",
)
@click.option(
    "--user", "users", type=User(), multiple=True, help="A user, besides SUPERVISOR and GUEST; may be repeated."
)
@click.option(
    "--volume",
    "volumes",
    type=Mount(),
    multiple=True,
    help="Serve a directory, read-only; may be repeated. SYS=DIR takes the place of the built-in SYS.",
)
@click.option("--journal", metavar="FILE|-", help="Write the journal to a file, or to standard output.")
@click.option(
    "--idle-after",
    type=click.FloatRange(min=0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="After how many seconds of the server's time without a request a licensed connection counts as idle.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="FACTOR",
    help="How many seconds the server lives in one.",
)
@click.option("--seed", type=int, help="Make every random choice repeatable.")
def serve(
    name: str,
    release: str,
    licenses: int,
    connections: int,
    policy: str | None,
    listen: tuple[tuple[str, str, int], ...],
    users: tuple[tuple[str, str], ...],
    volumes: tuple[tuple[str, Path], ...],
    journal: str | None,
    idle_after: float,
    speed: float,
    seed: int | None,
) -> None:
    """Run a server until SIGTERM or Ctrl-C.

    Once everything is bound it prints one line per listener, such as "listening tcp
    127.0.0.1:40123", on standard output (on standard error if the journal goes to standard output).

    \b
    fakenw serve --licenses 2 --user JOE:SECRET --journal journal.jsonl
    fakenw serve --release 3.12 --listen udp:127.0.0.1:0 --journal -
    """
    seed = secrets.randbits(31) if seed is None else seed
    try:
        config = Config(
            name=name.upper(),
            release=release,
            licenses=licenses,
            connections=connections,
            policy_name=policy or "",
            users=users,
            idle_after=max(1, round(idle_after * SECOND)),
            speed=speed,
            seed=seed,
        )
        roots = [(volume, Folder(str(path))) for volume, path in volumes]
        own_sys = any(volume.upper() == "SYS" for volume, _ in roots)
        mounted = Volumes(roots if own_sys else [("SYS", sms_tree()), *roots])
        server = Server(config, mounted, Random(seed))
    except (ValueError, OverflowError, PathError) as problem:
        raise click.UsageError(str(problem)) from None
    sys.exit(_run(server, journal, listen or tuple(Listen().convert(d, None, None) for d in DEFAULT_LISTEN)))


def _run(server: Server, journal: str | None, listen: tuple[tuple[str, str, int], ...]) -> int:
    """Serve until a signal comes. Returns the exit code."""
    from twisted.internet import reactor as installed
    from twisted.internet.error import CannotListenError
    from twisted.logger import (
        FilteringLogObserver,
        LogLevel,
        LogLevelFilterPredicate,
        globalLogBeginner,
        textFileLogObserver,
    )

    from fakenw.transports.house import House
    from fakenw.transports.tcp import SocketFactory
    from fakenw.transports.udp import Datagrams

    reactor: Any = installed
    serious = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)  # Twisted tells of every port otherwise
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [serious])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    code = 0

    def fail(problem: OSError) -> None:
        nonlocal code
        code = 1
        click.echo(f"fakenw: the journal cannot be written, stopping: {problem}", err=True)
        reactor.callLater(0, reactor.stop)

    house = House(server, reactor, _tell if sys.stderr.isatty() else None, fail)
    lines = []
    for transport, host, port in listen:
        try:
            if transport == "tcp":
                bound = reactor.listenTCP(port, SocketFactory(house), interface=host, backlog=1024).getHost()
            else:
                bound = reactor.listenUDP(port, Datagrams(house), interface=host, maxPacketSize=65535).getHost()
        except CannotListenError as problem:
            reason = problem.socketError.strerror or problem.socketError
            click.echo(
                f"fakenw: cannot listen on {transport} {host}:{port}: {reason}; port 0 picks a free one", err=True
            )
            return 2
        lines.append(f"listening {transport} {bound.host}:{bound.port}")
    try:  # not before everything is bound: a second server must not wipe out the journal of the first
        file = None if journal is None else JournalFile(1) if journal == "-" else JournalFile.create(Path(journal))
    except OSError as problem:
        click.echo(f"fakenw: the journal cannot be written: {problem}", err=True)
        return 2
    house.start(datetime.now(UTC), file)
    if code:
        return code

    def tell_where() -> None:
        for line in lines:
            click.echo(line, err=journal == "-")
        (sys.stderr if journal == "-" else sys.stdout).flush()

    reactor.callWhenRunning(tell_where)  # when signals are heeded, so that whoever reads it may send one
    reactor.addSystemEventTrigger("before", "shutdown", house.stop)
    reactor.run()
    return code


def _tell(record: Record) -> None:
    text = sentence(record)
    if text is not None:
        click.echo(text, err=True)


if __name__ == "__main__":
    main()

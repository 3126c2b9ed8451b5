"""The command line of the server: the only reader of arguments, environment and entropy."""

from __future__ import annotations

import asyncio
import gc
import secrets
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from fakenw.cli.parameters import (
    AdminParam,
    ConfigParam,
    ListenParam,
    MountParam,
    SecondsParam,
    SlowParam,
    TimeParam,
    UserParam,
    WatchdogParam,
)
from fakenw.cli.remote import COMMANDS
from fakenw.config.server_file import ConfigFile, example
from fakenw.core.peer import Peer
from fakenw.core.server import Server
from fakenw.core.settings import RELEASES
from fakenw.journal.policy import POLICIES
from fakenw.journal.record import Record
from fakenw.journal.sentences import sentence
from fakenw.volumes.dos_name import fold


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fakenw")
def main() -> None:
    """A NetWare server that keeps exact books on connection licenses.

    Start it with `fakenw serve`, point clients at it, and read its journal: who took a license,
    who gave it back, who is still holding one.
    """


@main.command()
@click.option(
    "--config",
    "file",
    type=ConfigParam(),
    help="A server in one file; the other options, and the environment, come before what it says. "
    "See fakenw config --example.",
)
@click.option(
    "--name",
    envvar="FAKENW_NAME",
    show_envvar=True,
    type=str.upper,
    metavar="NAME",
    help="Its name, 1 to 47 characters. Default: FAKENW.",
)
@click.option(
    "--release",
    envvar="FAKENW_RELEASE",
    show_envvar=True,
    type=click.Choice(list(RELEASES)),
    help="NetWare release. Default: 5.1.",
)
@click.option(
    "--licenses",
    envvar="FAKENW_LICENSES",
    show_envvar=True,
    type=click.IntRange(0, 65534),
    help="Connection licenses. Default: 5.",
)
@click.option("--connections", type=click.IntRange(1, 65534), help="Connection slots. Default: 1000.")
@click.option(
    "--policy",
    "policy_name",
    type=click.Choice(list(POLICIES)),
    help="What costs a license: attaching, logging in, using a service, the same from certificates (nls), "
    "or being a user (ual). Default: the release's own.",
)
@click.option(
    "--listen",
    envvar="FAKENW_LISTEN",
    show_envvar=True,
    type=ListenParam(),
    multiple=True,
    help="Where to listen; may be repeated. Port 0 picks a free one. "
    "Default: tcp:127.0.0.1:10524 and udp:127.0.0.1:10524.",
)
@click.option(
    "--user",
    "users",
    envvar="FAKENW_USERS",
    show_envvar=True,
    type=UserParam(),
    multiple=True,
    help="A user, besides SUPERVISOR and GUEST; may be repeated.",
)
@click.option(
    "--volume",
    "volumes",
    type=MountParam(),
    multiple=True,
    help="Serve a directory; may be repeated. What clients write goes to memory only, unless a configuration file says "
    "that the volume is writable. SYS=DIR takes the place of the built-in SYS.",
)
@click.option("--tree", type=str.upper, metavar="NAME", help="Show an NDS tree; without it, a bindery server.")
@click.option("--journal", metavar="FILE|-", help="Write the journal to a file, or to standard output.")
@click.option(
    "--pcap",
    metavar="FILE",
    help="Write all that is sent and received as a capture for Wireshark, which shows the server at port 524 "
    "wherever it listens. Needs no privilege.",
)
@click.option(
    "--watchdog",
    type=WatchdogParam(),
    help="When a silent station over UDP is asked: first delay, delay between packets, number of packets. The delays "
    "are seconds, or clock ticks with a t. off: never, as OES Linux was shipped. Default: 5400t,1080t,10, "
    "which is 296.6,59.3,10.",
)
@click.option(
    "--idle-after",
    type=SecondsParam(),
    metavar="SECONDS",
    help="After how many seconds of the server's time without a request a licensed connection counts as idle. "
    "Default: 300.",
)
@click.option(
    "--clear-idle",
    type=TimeParam(),
    help="Clear a connection that holds a license and has asked nothing for so long. Default: never.",
)
@click.option(
    "--keep-cleared",
    type=TimeParam(),
    help="Under the policy nls: keep the license of a connection that an operator has cleared for so long (72h, says "
    "Novell). Default: not at all.",
)
@click.option("--user-connections", type=click.IntRange(0, 65535), help="At once, of one user. Default: 0, any number.")
@click.option(
    "--slow",
    type=SlowParam(),
    multiple=True,
    help="An NCP that takes its time, such as 23/24=2h; may be repeated.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    metavar="FACTOR",
    help="How many seconds the server lives in one. Default: 1.",
)
@click.option("--seed", type=int, help="Make every random choice repeatable.")
@click.option(
    "--admin",
    type=AdminParam(),
    help="Where an operator's page, a JSON API and metrics are served over HTTP; port 0 picks a free one.",
)
@click.option(
    "--admin-token",
    envvar="FAKENW_ADMIN_TOKEN",
    show_envvar=True,
    help="What whoever uses them must show; demanded where --admin is not on the loopback interface.",
)
def serve(
    file: ConfigFile | None,
    listen: tuple[Peer, ...],
    users: tuple[tuple[str, str], ...],
    volumes: tuple[tuple[str, Path], ...],
    journal: str | None,
    pcap: str | None,
    slow: tuple[tuple[tuple[int, int | None], int], ...],
    admin: tuple[str, int] | None,
    admin_token: str | None,
    **given: Any,  # by the names of Config
) -> None:
    """Run a server until SIGTERM or Ctrl-C.

    Once everything is bound it prints one line per listener, such as "listening tcp
    127.0.0.1:40123", on standard output (on standard error if the journal goes to standard output).

    \b
    fakenw serve --licenses 2 --user JOE:SECRET --journal journal.jsonl
    fakenw serve --release 3.12 --listen udp:127.0.0.1:0 --journal -
    """
    from fakenw.cli.running import DEFAULT_LISTEN, CannotRun, build

    file = file or ConfigFile()
    source = click.get_current_context().get_parameter_source
    typed = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    said = file.settings() | {name: given[name] for name in given if source(name) in typed}
    said["slow"] = said.get("slow", {}) | dict(slow)
    said["users"] = (*said.get("users", ()), *users)
    said.setdefault("seed", secrets.randbits(31))
    mounts = {volume.name: (volume.path, volume.writable) for volume in file.volumes}
    mounts |= {fold(name): (path, False) for name, path in volumes}
    try:
        server = build(said, mounts)
    except CannotRun as problem:
        raise click.UsageError(str(problem)) from None
    sys.exit(_run(server, journal, pcap, admin, admin_token, listen or file.server.listen or DEFAULT_LISTEN))


@main.command("config")
@click.option("--example", "shown", is_flag=True, help="Print a file in which everything is shown and explained.")
@click.option("--check", "file", type=ConfigParam(), help="Look for mistakes in a file.")
def configuration(shown: bool, file: ConfigFile | None) -> None:
    """The file that holds a server: an example of one, and what is wrong with one.

    \b
    fakenw config --example >lab.yaml
    fakenw config --check lab.yaml && fakenw serve --config lab.yaml
    """
    if shown == (file is not None):
        raise click.UsageError("expected either --example or --check FILE")
    if file is None:
        click.echo(example(), nl=False)
    else:
        click.echo("no mistakes", err=True)


def _run(
    server: Server,
    journal: str | None,
    pcap: str | None,
    admin: tuple[str, int] | None,
    token: str | None,
    listen: tuple[Peer, ...],
) -> int:
    """Serve until a signal comes, in the reactor that is installed, else in asyncio's. Returns the exit code."""
    if "twisted.internet.reactor" not in sys.modules:
        from twisted.internet import asyncioreactor

        asyncioreactor.install(_loop())  # type: ignore[no-untyped-call]
    from twisted.internet import reactor as installed
    from twisted.logger import (
        FilteringLogObserver,
        LogLevel,
        LogLevelFilterPredicate,
        globalLogBeginner,
        textFileLogObserver,
    )

    from fakenw.cli.running import CannotRun, RunningServer

    reactor: Any = installed
    serious = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)  # Twisted tells of every port otherwise
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [serious])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    code = 0

    def fail(problem: OSError, what: str) -> None:
        nonlocal code
        if not code:  # both may be on the same full disk
            code = 1
            click.echo(f"fakenw: the {what} cannot be written, stopping: {problem}", err=True)
            reactor.callLater(0, reactor.stop)

    gc.set_threshold(100_000, 20, 100)  # nearly nothing here is a cycle, and there may be sixty thousand connections
    running = RunningServer(server, reactor, fail)
    if sys.stderr.isatty():
        running.watchers.append(_tell)
    try:
        lines = running.listen(listen)
        if admin is not None:
            lines.append(running.administer(*admin, token))
        running.start(journal, pcap)
    except CannotRun as problem:
        click.echo(f"fakenw: {problem}", err=True)
        return 2
    if code:
        return code

    def tell_where() -> None:
        for line in lines:
            click.echo(line, err=journal == "-")
        (sys.stderr if journal == "-" else sys.stdout).flush()

    reactor.callWhenRunning(tell_where)  # when signals are heeded, so that whoever reads it may send one
    reactor.addSystemEventTrigger("before", "shutdown", running.stop)
    reactor.run()
    return code


def _loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop that there is here."""
    try:
        import uvloop
    except ImportError:  # Windows has none
        return asyncio.SelectorEventLoop()  # the kind that Twisted can use
    return uvloop.new_event_loop()


def _tell(record: Record) -> None:
    text = sentence(record)
    if text is not None:
        click.echo(text, err=True)


for command in COMMANDS:
    main.add_command(command)

if __name__ == "__main__":
    main()

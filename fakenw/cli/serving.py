"""``fakenw serve``: the only reader of the server's environment and entropy."""

from __future__ import annotations

import asyncio
import functools
import gc
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from fakenw.cli.around import Around
from fakenw.cli.parameters import (
    AdminParam,
    ConfigParam,
    ListenParam,
    MountParam,
    NetworkParam,
    SecondsParam,
    SizeParam,
    SlowParam,
    TimeParam,
    UserParam,
    UsersParam,
    WatchdogParam,
)
from fakenw.cli.terminal import say
from fakenw.config.server_file import ConfigFile
from fakenw.core.ipx_link import IpxBinding, Listener
from fakenw.core.server import Server
from fakenw.core.settings import RELEASES
from fakenw.journal.pipe import pipe_of
from fakenw.journal.policy import POLICIES
from fakenw.journal.record import Record
from fakenw.journal.sentences import harmless, sentence
from fakenw.volumes.dos_name import fold


@click.command(
    epilog="Exit codes: 0 ended in order, 1 a file could not be written while it ran, 2 bad usage, or it cannot start."
)
@click.option(
    "--config",
    "file",
    type=ConfigParam(),
    help="A server in one file; the other options, and the environment, override it. See fakenw config --example.",
)
@click.option(
    "--name",
    envvar="FAKENW_NAME",
    show_envvar=True,
    type=str.upper,
    metavar="NAME",
    help="The server's name, 1 to 47 characters. Default: FAKENW.",
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
    help="An address to listen on; may be repeated. Port 0 picks a free one. "
    "Default: tcp:127.0.0.1:10524 and udp:127.0.0.1:10524. For IPX, links to a wire: "
    "ipx:qemu:HOST:PORT[,peer=HOST:PORT] (-netdev dgram), ipx:stream:HOST:PORT[,connect] (-netdev stream), "
    "ipx:dosbox:HOST:PORT (an IPXNET tunnel to join), ipx:tap:NAME, ipx:eth:NAME.",
)
@click.option(
    "--ipx-network",
    type=NetworkParam(),
    help="The number of the server's internal IPX network, unlike all others on the wire. Default: its serial number, "
    "derived from its name.",
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
    "--users-file",
    "more_users",
    type=UsersParam(),
    default=(),
    help="More users, one on each line, so that no password is in the list of processes; - reads standard input up to "
    "an empty line.",
)
@click.option(
    "--volume",
    "volumes",
    type=MountParam(),
    multiple=True,
    help="Serve a directory; may be repeated. Changes stay in memory, unless a configuration file makes the volume "
    "writable. SYS=DIR replaces the built-in SYS.",
)
@click.option(
    "--tree",
    type=str.upper,
    metavar="NAME",
    help="The NDS tree in which users can log in, as in the bindery; without it, a bindery server.",
)
@click.option(
    "--signatures",
    type=click.IntRange(0, 3),
    default=1,
    show_default=True,
    help="Packet signatures: 0 never, 1 if the client asks for them, 2 if it can sign, 3 always: a login without is "
    "refused.",
)
@click.option(
    "--journal",
    metavar="FILE|-",
    help="Write the journal to a file, or to standard output. A file that has a journal is continued, by one server "
    "at a time. A pipe that is full for 5 seconds, since nobody reads it, ends the server.",
)
@click.option(
    "--pcap",
    metavar="FILE",
    help="Write all sent and received bytes to a capture for Wireshark, which shows the server at port 524 "
    "wherever it listens. Needs no privilege. An earlier capture is kept: capture.pcap becomes capture.1.pcap.",
)
@click.option(
    "--rotate",
    type=SizeParam(),
    help="Begin another journal file before one gets larger than this, such as 100M: journal.jsonl becomes "
    "journal.1.jsonl, then journal.2.jsonl. A reader of journal.jsonl reads all of them, and refuses a series with a "
    "gap.",
)
@click.option(
    "--overwrite",
    is_flag=True,
    help="Begin new files for --journal, also in place of its numbered ones, and for --pcap.",
)
@click.option(
    "--watchdog",
    type=WatchdogParam(),
    help="The queries to a silent station over UDP: first delay, delay between packets, number of packets. The delays "
    "are seconds, or clock ticks with a t. off: none, as OES Linux was shipped. Default: 5400t,1080t,10, "
    "which is 296.6,59.3,10.",
)
@click.option(
    "--idle-after",
    type=SecondsParam(),
    metavar="SECONDS",
    help="Seconds of the server's time without a request, after which a licensed connection is idle. Default: 300.",
)
@click.option(
    "--clear-idle",
    type=TimeParam(),
    help="Clear a connection that holds a license after this time without a request. Default: never.",
)
@click.option(
    "--keep-cleared",
    type=TimeParam(),
    help="Under the policy nls: hold the license of a connection that an operator has cleared for this time (Novell: "
    "72h). Default: release it at once.",
)
@click.option(
    "--user-connections", type=click.IntRange(0, 65535), help="Per user, concurrently. Default: 0, unlimited."
)
@click.option(
    "--slow",
    type=SlowParam(),
    multiple=True,
    help="The duration of an NCP, such as 23/24=2h; may be repeated.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    metavar="FACTOR",
    help="Seconds of the server's time in one real second. Default: 1.",
)
@click.option("--seed", type=int, help="Make every random choice repeatable.")
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write this file when every listener is bound: addresses, process and instance, as JSON. `fakenw wait FILE` "
    "and `harness assert FILE` take it, and so cannot take another server for this one.",
)
@click.option(
    "--until-exit-of",
    "companion",
    type=click.IntRange(min=1),
    metavar="PID",
    help="Stop when this process has ended, however it ended.",
)
@click.option(
    "--admin",
    type=AdminParam(),
    help="The address of an operator's page, a JSON API and metrics over HTTP; port 0 picks a free one.",
)
@click.option(
    "--admin-token",
    envvar="FAKENW_ADMIN_TOKEN",
    show_envvar=True,
    help="The token that their clients must send; required where --admin is not on the loopback interface.",
)
def serve(
    file: ConfigFile | None,
    listen: tuple[Listener, ...],
    users: tuple[tuple[str, str], ...],
    more_users: tuple[tuple[str, str], ...],
    volumes: tuple[tuple[str, Path], ...],
    journal: str | None,
    pcap: str | None,
    rotate: int | None,
    overwrite: bool,
    slow: tuple[tuple[tuple[int, int | None], int], ...],
    admin: tuple[str, int] | None,
    admin_token: str | None,
    ready_file: Path | None,
    companion: int | None,
    **given: Any,  # by the names of ServerSettings
) -> None:
    """Run a server until SIGTERM, SIGHUP or Ctrl-C.

    Once everything is bound it prints one line per listener, such as "listening tcp
    127.0.0.1:40123", on standard output (on standard error if the journal goes to standard output).

    \b
    fakenw serve --licenses 2 --user JOE:SECRET --journal journal.jsonl
    fakenw serve --release 3.12 --listen udp:127.0.0.1:0 --journal -
    """
    from fakenw.cli.running import DEFAULT_LISTEN, CannotRun, build

    file = file or ConfigFile()
    source = click.get_current_context().get_parameter_source
    explicit = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    settings = file.settings() | {name: given[name] for name in given if source(name) in explicit}
    settings["slow"] = settings.get("slow", {}) | dict(slow)
    settings["users"] = (*settings.get("users", ()), *users, *more_users)
    settings.setdefault("seed", secrets.randbits(31))
    settings["instance"] = secrets.token_hex(16)
    mounts = {volume.name: (volume.path, volume.writable) for volume in file.volumes}
    mounts |= {fold(name): (path, False) for name, path in volumes}
    try:
        server = build(settings, mounts)
    except CannotRun as problem:
        raise click.UsageError(str(problem)) from None
    listen = listen or file.server.listen or DEFAULT_LISTEN
    around = Around(ready_file, companion)
    ipx = file.ipx.binding()
    sys.exit(
        _run(server, journal, pcap, admin, admin_token, listen, around, overwrite=overwrite, rotate=rotate, ipx=ipx)
    )


def _run(
    server: Server,
    journal: str | None,
    pcap: str | None,
    admin: tuple[str, int] | None,
    token: str | None,
    listen: tuple[Listener, ...],
    around: Around,
    *,
    overwrite: bool,
    rotate: int | None,
    ipx: IpxBinding,
) -> int:
    """Serve until a signal, in the installed reactor, else in asyncio's. Returns the exit code."""
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
    from twisted.python.failure import Failure

    from fakenw.cli.running import CannotRun, RunningServer, end
    from fakenw.transports.spare_descriptors import raise_limit

    raise_limit()
    reactor: Any = installed
    serious = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)  # Twisted logs every port at info
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [serious])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    code = 0

    def fail(problem: OSError, what: str) -> None:
        nonlocal code
        code = 1
        _say(harmless(f"the {what} cannot be written, stopping: {problem}"))
        reactor.callLater(0, end, reactor)

    gc.set_threshold(100_000, 20, 100)  # the server makes few cycles, and may have sixty thousand connections
    running = RunningServer(server, reactor, fail)
    running.watchers.append(_print if sys.stderr.isatty() else _print_conflict)
    try:
        around.begin(lambda: end(reactor), reactor)
        lines = running.listen(listen, ipx)
        if admin is not None:
            lines.append(running.administer(*admin, token))
        opened = functools.partial(_end_in_order, reactor)
        for note in running.start(journal, pcap, overwrite=overwrite, rotate=rotate, opened=opened):
            say(harmless(f"fakenw: {note}"), err=True)
    except CannotRun as problem:
        say(harmless(f"fakenw: {problem}"), err=True)
        return 2
    if code:
        return code

    def begin() -> None:
        running.begin().addCallbacks(print_listeners, refuse)

    def refuse(failure: Failure) -> None:
        nonlocal code
        failure.trap(CannotRun)  # type: ignore[no-untyped-call]
        code = 2
        say(harmless(f"fakenw: {failure.value}"), err=True)
        end(reactor)

    def print_listeners(_: None) -> None:
        for line in lines:
            click.echo(line, err=journal == "-")
        (sys.stderr if journal == "-" else sys.stdout).flush()
        try:
            around.ready(server.settings.instance, lines)
        except OSError as problem:
            fail(problem, "ready file")

    reactor.callWhenRunning(begin)  # signals are handled by now, so that a reader may send one
    reactor.addSystemEventTrigger("before", "shutdown", running.stop)
    reactor.addSystemEventTrigger("before", "shutdown", around.end)
    reactor.run()
    return code


def _end_in_order(reactor: Any) -> None:
    """From now on a signal ends *reactor*; one that comes before it runs ends it when it does."""
    from fakenw.cli.running import end

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores one, and so does a server
            signal.signal(number, lambda *_: reactor.callFromThread(end, reactor))


def _loop() -> asyncio.AbstractEventLoop:
    """The fastest available event loop."""
    try:
        import uvloop
    except ImportError:  # Windows has none
        return asyncio.SelectorEventLoop()  # the kind that Twisted can use
    return uvloop.new_event_loop()


def _say(text: str) -> None:
    """Write a line to standard error, unless that is a full pipe, which may be the journal's: the server must end."""
    try:
        pipe = pipe_of(sys.stderr.fileno())
    except OSError:  # it is no file
        pipe = None
    if pipe is None or pipe.has_room():
        say(f"fakenw: {text}", err=True)


def _print_conflict(record: Record) -> None:
    if record.event == "conflict":
        _say(harmless(sentence(record)))


def _print(record: Record) -> None:
    text = sentence(record)
    if text is not None:
        say(text, err=True)

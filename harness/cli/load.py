"""``harness load``: the licenses of a whole company, over real sockets or on virtual time."""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from fakenw.cli.remote import admin_client, exits
from fakenw.core.peer import TRANSPORTS
from fakenw.journal.record import SECOND
from harness.cli.load_options import ENOUGH, ConditionParam, MixParam, RefusedParam, ShareParam, SweepParam
from harness.cli.parameters import DurationParam, OutputParam
from harness.load import report, summary
from harness.load.coordinator import LoadProgress, carry_out
from harness.load.outcome import Outcome
from harness.load.preflight import sources, wanting
from harness.load.profile import PROFILES, BadProfile, Profile, at_rate, load
from harness.load.report import Point
from harness.load.server_view import ServerView
from harness.load.servers import ForeignServer, NoServer, OwnServer
from harness.load.specification import LoadSpecification
from harness.load.virtual_time import VirtualLoad
from harness.report.output import write

HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
FAILED, UNKNOWN = 1, 3
LOOK_EVERY = 0.2  # seconds
SHORT = 120 * SECOND  # a day over real sockets


@click.command("load")
@click.option("--clients", type=click.IntRange(1, 60_000), default=1000, show_default=True, help="How many come.")
@click.option("--licenses", type=click.IntRange(1, ENOUGH), default=1000, show_default=True, help="How many there are.")
@click.option(
    "--profile",
    metavar=f"{'|'.join(PROFILES)}|FILE",
    default="morning",
    show_default=True,
    help="When clients come. FILE: lines FROM-TO CLIENTS, such as 8h-8h30m 40.",
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Instead: so many clients a second.")
@click.option(
    "--behavior",
    "behaviors",
    type=MixParam(),
    default="session",
    show_default=True,
    help="What they do; several with weights: session:9,reader:1.",
)
@click.option(
    "--leak",
    type=ShareParam(),
    default="0%",
    show_default=True,
    help="On so many machines, or logons, APM rides on NAL's connection as shipped (KB Q257223).",
)
@click.option(
    "--leak-by",
    type=click.Choice(["machine", "logon"]),
    default="machine",
    show_default=True,
    help="Whether always the same machines leak, or any machine now and then.",
)
@click.option(
    "--hold",
    type=DurationParam(),
    help="How long a client keeps its license. Default: 8h on memory; over sockets until everybody has come.",
)
@click.option("--duration", type=DurationParam(), help="How long a day is. Default: 24h on memory, 2m over sockets.")
@click.option("--days", type=click.IntRange(1, 366), default=1, show_default=True, help="How often everybody comes.")
@click.option(
    "--refused", type=RefusedParam(), help="What a refused client does. Default: give-up; retry:10s with retry-storm."
)
@click.option(
    "--transport", type=click.Choice(list(TRANSPORTS)), default="tcp", show_default=True, help="What NCP travels on."
)
@click.option(
    "--release",
    type=click.Choice(["3.12", "4.11", "5.1", "6.5"]),
    default="5.1",
    show_default=True,
    help="Of NetWare: it decides what costs a license.",
)
@click.option(
    "--users",
    metavar="TEMPLATE",
    help="NAME[:PASSWORD] with {n} for the client's number. Default: GUEST; with 6.5 USER{n}, since there a user's "
    "connections share one unit.",
)
@click.option(
    "--on",
    type=click.Choice(["sockets", "memory"]),
    default="sockets",
    show_default=True,
    help="Real sockets, or virtual time in one process.",
)
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Of clients.")
@click.option("--server", metavar="HOST:PORT", help="A server that is there already; else one of our own is started.")
@click.option("--admin", metavar="URL", help="Its administration, from which its journal is read.")
@click.option("--admin-token", envvar="FAKENW_ADMIN_TOKEN", show_envvar=True, help="Where it wants one.")
@click.option(
    "--source", "given", metavar="ADDRESS", multiple=True, help="An address to come from; more of them for more ports."
)
@click.option("--sweep", type=SweepParam(), help="On memory: run it with each of these numbers of licenses.")
@click.option("--baseline", is_flag=True, help="Run it again without the leak, and print the difference.")
@click.option(
    "--fail-if", "conditions", type=ConditionParam(), multiple=True, help="Exit code 1 if so: leaked>0, p99>50ms …"
)
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write report.html, results.json and the journal there.",
)
@click.option("--json", "as_json", type=OutputParam(dash=True), help="Write the results as JSON.")
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same morning.")
def load_command(**asked: Any) -> None:
    """Exhaust a server's licenses with many clients.

    Clients come as the profile says, log in, hold a license, and log out; some of them leak, if that is wanted. What
    the clients count is held against the server's journal: where they differ, nothing is known.

    \b
    harness load --clients 15000 --licenses 10000 --profile morning
    harness load --clients 12000 --licenses 10000 --leak 1% --on memory --baseline
    harness load --clients 12000 --leak 1% --on memory --days 5 --sweep licenses=9000..13000:500 --baseline

    Exit codes: 0 done, 1 a --fail-if is so, 2 bad usage or no room for so many, 3 nothing is known.
    """
    spec = _spec(asked)
    say = _Say(asked["as_json"] == "-")
    say(summary.plan(spec))
    text: list[str] = []
    points: list[Point] = []

    def tell(line: str) -> None:
        text.append(line)
        say(line)

    if asked["on"] == "memory":
        outcomes, points = _on_memory(spec, asked["sweep"], asked["baseline"], tell)
    else:
        outcomes = _over_sockets(spec, asked, tell, say)
    _end(outcomes, points, text, asked, summary.swept(spec) if points else summary.plan(spec))


def _spec(asked: dict[str, Any]) -> LoadSpecification:
    memory = asked["on"] == "memory"
    if asked["sweep"] is not None and not memory:
        raise click.UsageError("--sweep asks for --on memory; over sockets every run takes its time")
    if memory and (asked["server"] or asked["given"]):
        raise click.UsageError("--server and --source are about sockets; on memory there are none")
    if asked["admin"] and not asked["server"]:
        raise click.UsageError("--admin is that of --server; our own server needs none")
    day = asked["duration"] or (DAY if memory else SHORT)
    try:
        profile: Profile = load(asked["profile"], day)
        if asked["rate"] is not None:
            profile = at_rate(asked["rate"], asked["clients"], day)
    except BadProfile as problem:
        raise click.UsageError(str(problem)) from None
    word, _, pause = (asked["refused"] or "").partition(":")
    retry = DurationParam().convert(pause, None, None) if word == "retry" else None if word else profile.retry
    return LoadSpecification(
        clients=asked["clients"],
        licenses=asked["licenses"],
        profile=profile,
        day=day,
        days=asked["days"],
        hold=asked["hold"] or (8 * HOUR if memory else None),
        behaviors=asked["behaviors"],
        leak=asked["leak"],
        leak_by=asked["leak_by"],
        retry=retry,
        transport=asked["transport"],
        release=asked["release"],
        users=asked["users"] or ("USER{n}" if asked["release"] == "6.5" else "GUEST"),
        seed=asked["seed"],
    )


# On virtual time


def _virtual(spec: LoadSpecification) -> Outcome:
    begun, view = time.monotonic(), ServerView(spec.day * spec.days)
    statistics = VirtualLoad(spec, view.saw).run()
    return Outcome(spec, statistics, view, time.monotonic() - begun, virtual=True)


def _leave_signals_to_us() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _side_by_side(orders: Sequence[LoadSpecification]) -> list[Outcome]:
    """Carry out *orders*, as many at a time as there are processors. A signal ends it at once, and the program."""
    stop = threading.Event()  # an exception might come where Python ignores it, such as after a fork
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    pool = ProcessPoolExecutor(initializer=_leave_signals_to_us)
    runs = [pool.submit(_virtual, spec) for spec in orders]
    try:
        done = 0
        while done < len(runs):
            wait(runs, timeout=LOOK_EVERY)
            ended = sum(run.done() for run in runs)
            if ended > done and len(runs) > 1:
                click.echo(f"  {ended} of {len(runs)} runs", err=True)
            done = ended
            if stop.is_set():
                click.echo("harness: stopped; nothing is known", err=True)
                for process in multiprocessing.active_children():
                    process.kill()
                sys.exit(UNKNOWN)
        return [run.result() for run in runs]
    finally:
        pool.shutdown(cancel_futures=True)
        for number, what in before.items():
            signal.signal(number, what)


def _on_memory(
    spec: LoadSpecification, sweep: range | None, baseline: bool, tell: Any
) -> tuple[list[Outcome], list[Point]]:
    """Several runs at a time, each in a process of its own. In the order in which they were asked for."""
    numbers = [spec.licenses] if sweep is None else list(sweep)
    orders = []
    for licenses in numbers:
        leaking = replace(spec, licenses=licenses)
        orders += [leaking, leaking.without_leak()] if baseline else [leaking]
    enough = [replace(spec, licenses=ENOUGH), replace(spec, licenses=ENOUGH).without_leak()] if baseline else []
    outcomes = _side_by_side([*orders, *enough])
    runs, most = outcomes[: len(orders)], outcomes[len(orders) :]
    per = 2 if baseline else 1
    points = [Point(licenses, tuple(runs[n * per : n * per + per])) for n, licenses in enumerate(numbers)]
    if sweep is None:
        for line in summary.result(runs[0]):
            tell(line)
    else:
        for line in summary.table(points):
            tell(line)
    if baseline:
        at = next((point for point in points if point.licenses == spec.licenses), points[0])
        needed = most[0].view, most[1].view
        assert needed[0] is not None
        assert needed[1] is not None
        tell("")
        tell(f"with {at.licenses} licenses")
        for line in summary.difference(at.outcomes[0], at.outcomes[1], (needed[0].fold.peak, needed[1].fold.peak)):
            tell(line)
    return runs, points if sweep is not None else []


# Over real sockets


def _over_sockets(spec: LoadSpecification, asked: dict[str, Any], tell: Any, say: Any) -> list[Outcome]:
    orders = [spec, spec.without_leak()] if asked["baseline"] else [spec]
    from_addresses = sources(spec, (asked["server"] or "").rpartition(":")[0] or None, list(asked["given"]))
    if lacking := wanting(spec, asked["processes"], asked["server"] is None, from_addresses):
        raise click.UsageError("there is no room for so many:\n  " + "\n  ".join(lacking))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcomes = []
    for one in orders:
        try:
            with tempfile.TemporaryDirectory(prefix="fakenw-load-") as temporary:
                folder = asked["report"] or Path(temporary)
                folder.mkdir(parents=True, exist_ok=True)
                name = "journal-without-leak" if one.cured else "journal"
                with exits():
                    outcome = _one(one, asked, folder / f"{name}.jsonl", from_addresses, say)
        except (NoServer, OSError) as problem:
            click.echo(f"harness: {problem}", err=True)
            sys.exit(UNKNOWN)
        except KeyboardInterrupt:
            click.echo("harness: stopped at once; nothing is known", err=True)
            sys.exit(UNKNOWN)
        for line in summary.result(outcome):
            tell(line)
        outcomes.append(outcome)
        if not outcome.whole:
            return outcomes
    if asked["baseline"]:
        peaks = [one.view.fold.peak if one.view else 0 for one in outcomes]
        for line in summary.difference(outcomes[0], outcomes[1], (peaks[0], peaks[1])):
            tell(line)
    return outcomes


def _one(spec: LoadSpecification, asked: dict[str, Any], journal: Path, from_addresses: list[str], say: Any) -> Outcome:
    view = ServerView(spec.day * spec.days)
    known = asked["server"] is None or asked["admin"] is not None
    server: OwnServer | ForeignServer
    if asked["server"] is None:
        server = OwnServer(spec, journal, view.saw)
    else:
        host, _, port = asked["server"].rpartition(":")
        if not host or not port.isdecimal():
            raise click.UsageError(f"{asked['server']!r} is not HOST:PORT")
        admin = admin_client(asked["admin"], asked["admin_token"]) if asked["admin"] else None
        server = ForeignServer((host.strip("[]"), int(port)), admin, view.saw)
    return carry_out(spec, server, view if known else None, asked["processes"], from_addresses, _Watch(say))


class _Say:
    """Prints for people: on standard error where standard output belongs to JSON."""

    def __init__(self, to_error: bool) -> None:
        self.to_error = to_error

    def __call__(self, line: str) -> None:
        click.echo(line, err=self.to_error)


class _Watch:
    """Shows how it stands: on a terminal always in the same line, elsewhere a line every five seconds."""

    def __init__(self, say: Any) -> None:
        self._before: LoadProgress | None = None
        self._tty = sys.stderr.isatty()

    def __call__(self, moment: LoadProgress) -> None:
        if self._tty:
            click.echo(f"\r\x1b[K{summary.progress(moment, self._before)}", err=True, nl=False)
        elif self._before is None or moment.seconds - self._before.seconds >= 5:
            click.echo(summary.progress(moment, self._before), err=True)
        else:
            return
        self._before = moment


def _end(
    outcomes: Sequence[Outcome], points: Sequence[Point], text: Sequence[str], asked: dict[str, Any], title: str
) -> None:
    """Files, the last line, the exit code."""
    results = [outcome.to_json() for outcome in outcomes]
    if asked["as_json"]:
        write(asked["as_json"], json.dumps(results, indent=2) + "\n")
    if asked["report"] is not None:
        try:
            report.write(asked["report"], outcomes, text, points, title)
        except OSError as problem:
            raise click.UsageError(f"{asked['report']}: the report cannot be written: {problem.strerror}") from None
        click.echo(f"report: {asked['report'] / 'report.html'}", err=True)
    true = [condition.text for condition in asked["conditions"] if condition.holds(outcomes[0])]
    if any(result["doubts"] for result in results) or not all(outcome.whole for outcome in outcomes):
        click.echo("harness: nothing is known: see above", err=True)
        sys.exit(FAILED if true else UNKNOWN)
    if true:
        click.echo(f"harness: {', '.join(true)}", err=True)
        sys.exit(FAILED)

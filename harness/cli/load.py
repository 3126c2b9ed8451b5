"""``harness load``: many clients on one server, over real sockets or on virtual time."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from fakenw.cli.remote import admin_client, exits
from fakenw.cli.terminal import say
from fakenw.core.peer import Peer
from fakenw.journal.record import SECOND
from harness.cli.load_options import ENOUGH, ConditionParam, MixParam, RefusedParam, ShareParam, SweepParam
from harness.cli.parameters import DurationParam, FolderParam, IpTransportParam, OutputParam
from harness.cli.progress import Progress, progress
from harness.cli.stopping import stop_on_signals
from harness.cli.worker_options import WORKERS, option_given, workers_of
from harness.load import junit, report, summary
from harness.load.coordinator import LoadProgress, carry_out
from harness.load.outcome import Outcome
from harness.load.preflight import shortages, sources
from harness.load.profile import PROFILES, BadProfile, Profile, at_rate, load
from harness.load.report import Point
from harness.load.server_view import ServerView
from harness.load.servers import ForeignServer, NoServer, OwnServer
from harness.load.specification import LoadSpecification
from harness.load.virtual_time import virtual_load
from harness.report.junit import junit_xml
from harness.report.output import write
from harness.runners.workers import WorkersError

Output = Callable[[str], None]
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
FAILED, UNKNOWN = 1, 3
SHORT_DAY = 120 * SECOND  # over real sockets


@click.command(
    "load",
    epilog="Exit codes: 0 done, 1 a --fail-if is true, 2 bad usage or too many clients for this computer, 3 unknown.",
)
@click.option("--clients", type=click.IntRange(1, 60_000), default=1000, show_default=True, help="Number of clients.")
@click.option("--licenses", type=click.IntRange(1, ENOUGH), default=1000, show_default=True, help="Number of licenses.")
@click.option(
    "--profile",
    metavar=f"{'|'.join(PROFILES)}|FILE",
    default="morning",
    show_default=True,
    help="When clients log on. FILE: lines FROM-TO CLIENTS, such as 8h-8h30m 40. Over sockets the load begins with its "
    "first client.",
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Instead of a profile: clients per second.")
@click.option(
    "--behavior",
    "behaviors",
    type=MixParam(),
    default="session",
    show_default=True,
    help="What clients do; several with weights: session:9,reader:1.",
)
@click.option(
    "--leak",
    type=ShareParam(),
    default="0%",
    show_default=True,
    help="The share of machines, or logons, on which APM uses NAL's connection as shipped (KB Q257223).",
)
@click.option(
    "--leak-by",
    type=click.Choice(["machine", "logon"]),
    default="machine",
    show_default=True,
    help="Whether --leak is a share of the machines, which then leak at every logon, or of the logons.",
)
@click.option(
    "--hold",
    type=DurationParam(),
    help="How long a client holds its license. Default: 8h on memory; over sockets until all clients have logged on.",
)
@click.option("--duration", type=DurationParam(), help="Length of a day. Default: 24h on memory, 2m over sockets.")
@click.option("--days", type=click.IntRange(1, 366), default=1, show_default=True, help="Logons of each client.")
@click.option(
    "--refused", type=RefusedParam(), help="What a refused client does. Default: give-up; retry:10s with retry-storm."
)
@click.option("--transport", type=IpTransportParam(), default="tcp", show_default=True, help="The transport of NCP.")
@click.option(
    "--release",
    type=click.Choice(["3.12", "4.11", "5.1", "6.5"]),
    default="5.1",
    show_default=True,
    help="The NetWare release, which decides what acquires a license.",
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
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Client processes.")
@click.option("--server", metavar="HOST:PORT", help="A running server. Default: one is started.")
@click.option("--admin", metavar="URL", help="The administration of --server, from which its journal is read.")
@click.option("--admin-token", envvar="FAKENW_ADMIN_TOKEN", show_envvar=True, help="The token of --admin.")
@click.option(
    "--source", "given", metavar="ADDRESS", multiple=True, help="An address of the clients; several have more ports."
)
@click.option("--sweep", type=SweepParam(), help="On memory: run it with each of these numbers of licenses.")
@WORKERS
@click.option("--baseline", is_flag=True, help="Run it again without the leak, and print the difference.")
@click.option(
    "--fail-if",
    "conditions",
    type=ConditionParam(),
    multiple=True,
    help="A reason for exit code 1: leaked>0, p99>50ms …",
)
@click.option(
    "--report",
    type=FolderParam(),
    help="Write report.html, results.json and the journal into this directory.",
)
@click.option("--json", "as_json", type=OutputParam(dash=True), help="Write the results as JSON.")
@click.option("--junit", type=OutputParam(), help="Write JUnit XML: a case for each load, and for each --fail-if.")
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same morning.")
def load_command(**asked: Any) -> None:
    """Exhaust a server's licenses with many clients.

    Clients log in by the profile, hold a license, and log out; some of them leak, with --leak. The clients' counts are
    compared with the server's journal: where they differ, the outcome is unknown.

    \b
    harness load --clients 15000 --licenses 10000 --profile morning
    harness load --clients 12000 --licenses 10000 --leak 1% --on memory --baseline
    harness load --clients 12000 --leak 1% --on memory --days 5 \\
        --sweep licenses=9000..13000:500 --baseline
    """
    spec = _specification(asked)
    to_error = asked["as_json"] == "-"
    say(summary.plan(spec), err=to_error)
    text: list[str] = []
    points: list[Point] = []

    def output(line: str) -> None:
        text.append(line)
        say(line, err=to_error)

    if asked["on"] == "memory":
        outcomes, points = _on_memory(spec, asked, output)
    else:
        outcomes = _over_sockets(spec, asked, output)
    _write_results_and_exit(outcomes, points, text, asked, summary.swept(spec) if points else summary.plan(spec))


def _specification(asked: dict[str, Any]) -> LoadSpecification:
    memory = asked["on"] == "memory"
    if asked["sweep"] is not None and not memory:
        raise click.UsageError("--sweep needs --on memory; over sockets every run takes its time")
    if not memory and (option := option_given("workers", "cluster")):
        raise click.UsageError(f"{option} needs --on memory; over sockets use --processes")
    if memory and (asked["server"] or asked["given"]):
        raise click.UsageError("--server and --source need --on sockets")
    if asked["admin"] and not asked["server"]:
        raise click.UsageError("--admin needs --server")
    day = asked["duration"] or (DAY if memory else SHORT_DAY)
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


def _carried_out(specs: Sequence[LoadSpecification], asked: dict[str, Any]) -> list[Outcome]:
    """The outcomes of *specs* on virtual time. A signal ends the program at once."""
    outcomes: list[Outcome] = []
    with workers_of(asked["workers"], asked["cluster"], len(specs)) as workers:
        if workers.here:
            stop = threading.Event()
            _interrupt_at_signals()  # a run takes long, and does not look at an event
        else:
            stop = stop_on_signals()
        with progress(len(specs), lines=len(specs) > 1) as shown:
            try:
                for outcome in workers.map(virtual_load, specs, stop.is_set):
                    outcomes.append(outcome)
                    shown.show(len(outcomes), "runs")
            except WorkersError as problem:
                shown.note(f"harness: {problem}")
            except KeyboardInterrupt:
                pass
    if len(outcomes) < len(specs):
        say("harness: stopped; the outcome is unknown", err=True)
        sys.exit(UNKNOWN)
    return outcomes


def _on_memory(spec: LoadSpecification, asked: dict[str, Any], output: Output) -> tuple[list[Outcome], list[Point]]:
    """The outcomes in the order of their numbers of licenses, and the points of a sweep."""
    sweep: range | None = asked["sweep"]
    baseline: bool = asked["baseline"]

    def pair(licenses: int) -> list[LoadSpecification]:
        leaking = replace(spec, licenses=licenses)
        return [leaking, leaking.without_leak()] if baseline else [leaking]

    numbers = [spec.licenses] if sweep is None else list(sweep)
    specs = [one for licenses in numbers for one in pair(licenses)]
    outcomes = _carried_out([*specs, *(pair(ENOUGH) if baseline else [])], asked)
    runs, unlimited = outcomes[: len(specs)], outcomes[len(specs) :]
    size = 2 if baseline else 1
    points = [Point(licenses, tuple(runs[n * size : n * size + size])) for n, licenses in enumerate(numbers)]
    for line in summary.result(runs[0]) if sweep is None else summary.table(points):
        output(line)
    if baseline:
        at = next((point for point in points if point.licenses == spec.licenses), points[0])
        output("")
        output(f"with {at.licenses} licenses")
        for line in summary.difference(at.outcomes[0], at.outcomes[1], _peaks(unlimited)):
            output(line)
    return runs, points if sweep is not None else []


def _peaks(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    leaking, cured = (outcome.view.fold.peak if outcome.view else 0 for outcome in outcomes)
    return leaking, cured


# Over real sockets


def _over_sockets(spec: LoadSpecification, asked: dict[str, Any], output: Output) -> list[Outcome]:
    specs = [spec, spec.without_leak()] if asked["baseline"] else [spec]
    from_addresses = sources(spec, (asked["server"] or "").rpartition(":")[0] or None, list(asked["given"]))
    if missing := shortages(spec, asked["processes"], asked["server"] is None, from_addresses):
        raise click.UsageError("too many clients for this computer:\n  " + "\n  ".join(missing))
    for line in summary.skipped(spec):
        output(line)
    outcomes = []
    for one in specs:
        try:
            _interrupt_at_signals()
            with tempfile.TemporaryDirectory(prefix="fakenw-load-") as temporary:
                folder = asked["report"] or Path(temporary)
                folder.mkdir(parents=True, exist_ok=True)
                name = "journal-without-leak" if one.cured else "journal"
                with exits():
                    outcome = _run(one, asked, folder / f"{name}.jsonl", from_addresses)
        except (NoServer, OSError) as problem:
            say(f"harness: {problem}", err=True)
            sys.exit(UNKNOWN)
        except KeyboardInterrupt:
            say("harness: stopped at once; the outcome is unknown", err=True)
            sys.exit(UNKNOWN)
        for line in summary.result(outcome):
            output(line)
        outcomes.append(outcome)
        if not outcome.whole:
            return outcomes
    if asked["baseline"]:
        for line in summary.difference(outcomes[0], outcomes[1], _peaks(outcomes)):
            output(line)
    return outcomes


def _interrupt_at_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _run(spec: LoadSpecification, asked: dict[str, Any], journal: Path, from_addresses: list[str]) -> Outcome:
    view = ServerView(spec.day * spec.days - spec.first_logon())
    known = asked["server"] is None or asked["admin"] is not None
    server: OwnServer | ForeignServer
    if asked["server"] is None:
        server = OwnServer(spec, journal, view.saw)
    else:
        try:
            address = Peer.parse(f"tcp:{asked['server']}").address
        except ValueError:
            raise click.UsageError(f"{asked['server']!r} is not HOST:PORT") from None
        admin = admin_client(asked["admin"], asked["admin_token"]) if asked["admin"] else None
        server = ForeignServer(address, admin, view.saw)
    with progress(spec.clients * spec.days) as shown:
        printer = _ProgressPrinter(shown)
        return carry_out(spec, server, view if known else None, asked["processes"], from_addresses, printer)


class _ProgressPrinter:
    """Shows the progress: in a bar always, as a line every five seconds."""

    def __init__(self, shown: Progress) -> None:
        self._before: LoadProgress | None = None
        self._shown = shown

    def __call__(self, moment: LoadProgress) -> None:
        if self._shown.is_bar:
            self._shown.show(moment.logons, summary.beside_bar(moment))
        elif self._before is None or moment.seconds - self._before.seconds >= 5:
            self._shown.note(summary.progress(moment, self._before))
        else:
            return
        self._before = moment


def _write_results_and_exit(
    outcomes: Sequence[Outcome], points: Sequence[Point], text: Sequence[str], asked: dict[str, Any], title: str
) -> None:
    results = [outcome.to_json() for outcome in outcomes]
    if asked["as_json"]:
        write(asked["as_json"], json.dumps(results, indent=2) + "\n")
    if asked["report"] is not None:
        try:
            report.write(asked["report"], outcomes, text, points, title)
        except OSError as problem:
            raise click.UsageError(f"{asked['report']}: the report cannot be written: {problem.strerror}") from None
        say(f"report: {asked['report'] / 'report.html'}", err=True)
    if asked["junit"]:
        write(asked["junit"], junit_xml(junit.cases(outcomes, asked["conditions"], title)))
    true = [condition.text for condition in asked["conditions"] if condition.holds(outcomes[0])]
    if any(result["doubts"] for result in results) or not all(outcome.whole for outcome in outcomes):
        say("harness: the outcome is unknown: see above", err=True)
        sys.exit(FAILED if true else UNKNOWN)
    if true:
        say(f"harness: {', '.join(true)}", err=True)
        sys.exit(FAILED)

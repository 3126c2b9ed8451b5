"""The command line of the harness: only its modules read arguments, signals and the wall clock."""

from __future__ import annotations

import functools
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, tzinfo
from pathlib import Path

import click

from fakenw.core.peer import Peer
from fakenw.core.settings import RELEASES
from fakenw.journal.policy import POLICIES
from fakenw.journal.record import SECOND, JournalError
from harness.cli.asserting import assert_command
from harness.cli.authoring import explain, list_scenarios, matrix, new, register_behaviors, schema
from harness.cli.diagnosing import diagnose
from harness.cli.load import load_command
from harness.cli.parameters import BEHAVIORS, FILES, RESULTS, TRANSPORT, DurationParam, ImageParam, ZoneParam
from harness.cli.rerun import exec_again, run_again
from harness.client.attachment import Account
from harness.client.behavior_file import BehaviorError
from harness.judge.history import RunHistory, load
from harness.judge.verdict import judge
from harness.report.output import exit_with_usage_error, print_results_and_exit
from harness.report.text import UNKNOWN, Result
from harness.runners.hold import hold as hold_license
from harness.runners.run_plans import PARALLEL, RUNNERS, RunOptions, run_directories, run_plans
from harness.scenario.catalogue import catalogue, find
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario, ScenarioError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fakenw")
def main() -> None:
    """Does a client release its NetWare connection license?

    Start with `harness run Q257223`, which shows the bug and its repairs. Then test your own client
    with `harness exec -- COMMAND {host} {port}`.

    Exit codes: 0 every verdict is the expected one, 1 one is not, 2 bad usage, 3 a verdict is unknown.
    """


@main.command()
@click.argument("scenarios", nargs=-1)
@click.option("--on", type=click.Choice(RUNNERS), default="memory", show_default=True, help="The runner.")
@TRANSPORT
@click.option("--variant", "variants", multiple=True, help="Only this variant; may be repeated.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Not on memory: the seconds of scripted time in a real second. Network timeouts are not scaled.",
)
@click.option(
    "--image",
    "images",
    type=ImageParam(),
    multiple=True,
    help="Another image for the client NAME; may be repeated.",
)
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    default=PARALLEL,
    show_default=True,
    help="In containers: how many are started at once.",
)
@BEHAVIORS
@click.option("--keep", is_flag=True, help="In containers: do not remove them, for inspection. See harness clean.")
@RESULTS
def run(
    scenarios: tuple[str, ...],
    on: str,
    transport: str | None,
    variants: tuple[str, ...],
    speed: float,
    images: tuple[tuple[str, str], ...],
    parallel: int,
    keep: bool,
    behaviors: tuple[Path, ...],
    as_json: str | None,
    junit: str | None,
    report: Path | None,
    seed: int,
) -> None:
    """Run scenarios: all, ids of the catalogue, or YAML files.

    \b
    harness run Q257223
    harness run mine.yaml --on processes --speed 3600 --transport tcp
    harness run mine.yaml --on containers --image agent=vendor/agent:2.1
    """
    try:
        files = register_behaviors(behaviors)
        if files and on == "containers":
            raise ScenarioError(["--behaviors needs --on memory or --on processes"])
        if not scenarios or "all" in scenarios:
            chosen = [(scenario.id, scenario) for scenario in catalogue()]
        else:
            chosen = [(name, find(name)) for name in scenarios]
        factor = 1.0 if on == "memory" else speed
        replaced = dict(images)
        named = [
            (name, plan)
            for name, scenario in chosen
            for plan in scenario.plans(transport, variants, seed=seed, speed=factor, images=replaced, behaviors=files)
        ]
        plans = [plan for _, plan in named]
        for name in replaced:
            if not any(client.name == name for plan in plans for client in plan.clients):
                raise ScenarioError([f"--image {name}: no client of these scenarios has that name"])
        for plan in plans:
            _can_run(plan, on)
    except (ScenarioError, BehaviorError) as problem:
        exit_with_usage_error(problem)
    if on == "containers":
        _needs_docker()
    stop = _stop_on_signals()
    if on != "memory":
        count = "1 run" if len(plans) == 1 else f"{len(plans)} runs"
        click.echo(f"{count} in {on}, {speed:g} times as fast as real time", err=True)
    progress = functools.partial(click.echo, err=True)
    commands = [run_again(name, plan, on, behaviors, replaced) for name, plan in named]
    options = RunOptions(report, commands, parallel=parallel, keep=keep, progress=progress)
    results = run_plans(plans, on, stop, options, _progress(len(plans), on))
    print_results_and_exit(results, as_json, junit, report=report, missing=len(plans) - len(results))


@main.command("exec")
@click.argument("command", nargs=-1, required=True)
@click.option("--licenses", type=click.IntRange(0, 65534), default=5, show_default=True, help="The server's licenses.")
@click.option(
    "--release",
    type=click.Choice(list(RELEASES)),
    default="5.1",
    show_default=True,
    help="The server's NetWare release.",
)
@click.option("--policy", type=click.Choice(list(POLICIES)), help="License policy; default: the release's own.")
@click.option("--user", "users", multiple=True, metavar="NAME[:PASSWORD]", help="A user of the server.")
@click.option(
    "--within",
    type=DurationParam(),
    default="30s",
    show_default=True,
    help="Time in which a license must be released when it is no longer needed.",
)
@click.option(
    "--idle-after",
    type=DurationParam(),
    help="For a client that does not exit: after this idle time a license counts as no longer needed.",
)
@TRANSPORT
@RESULTS
def exec_command(
    command: tuple[str, ...],
    licenses: int,
    release: str,
    policy: str | None,
    users: tuple[str, ...],
    within: int,
    idle_after: int | None,
    transport: str | None,
    as_json: str | None,
    junit: str | None,
    report: Path | None,
    seed: int,
) -> None:
    """Run COMMAND against a server that is started for it, and judge it.

    {host}, {port} and {transport} in COMMAND are replaced; FAKENW_HOST, FAKENW_PORT and
    FAKENW_TRANSPORT are in its environment. GUEST and SUPERVISOR have no password.

    \b
    harness exec -- ./my-client {host} {port}
    harness exec --transport udp --idle-after 10s -- ./my-service {host} {port}
    """
    server = {"name": "FAKENW", "release": release, "licenses": licenses, "policy": policy, "users": list(users)}
    data = {
        "format": 1,
        "id": "exec",
        "title": " ".join(command),
        "source": "the command line",
        "transport": transport or "tcp",
        "idle_after": None if idle_after is None else idle_after / SECOND,
        "servers": [{key: value for key, value in server.items() if value is not None}],
        "clients": [{"name": "command", "command": list(command)}],
        "checks": [{"released": {"within": within / SECOND}}],
    }
    try:
        scenario = Scenario.read({key: value for key, value in data.items() if value is not None}, "command line")
        plans = scenario.plans(seed=seed)
    except ScenarioError as problem:
        exit_with_usage_error(problem)
    stop = _stop_on_signals()
    output = sys.stderr.fileno() if as_json == "-" else sys.stdout.fileno()
    again = exec_again(plans[0], command)
    results = run_plans(plans, "processes", stop, RunOptions(report, [again], output))
    print_results_and_exit(results, as_json, junit, report=report, missing=len(plans) - len(results))


@main.command()
@click.argument("address", metavar="HOST:PORT")
@click.option("--user", default="GUEST", show_default=True, metavar="NAME[:PASSWORD]", help="The account.")
@click.option("--for", "how_long", type=DurationParam(), default="60s", show_default=True, help="How long to hold.")
@click.option("--no-logout", is_flag=True, help="End without logging out.")
@TRANSPORT
def hold(address: str, user: str, how_long: int, no_logout: bool, transport: str | None) -> None:
    """Acquire a license of a server by hand, hold it, and release it. Ctrl-C releases it at once."""
    try:
        peer = Peer.parse(f"{transport or 'tcp'}:{address}")
    except ValueError:
        exit_with_usage_error(f"{address} is not HOST:PORT")
    stop = _stop_on_signals()
    problem = hold_license(
        peer.address,
        peer.transport,
        Account.parse(user),
        how_long,
        log_out=not no_logout,
        report=click.echo,
        stopped=stop.is_set,
    )
    if problem:
        click.echo(f"harness: {problem}", err=True)
        sys.exit(1)


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--within", type=DurationParam(), help="Replaces the time that the run's scenario allows.")
@click.option("--wall", is_flag=True, help="Show the wall time of the server's clock, to compare with a client's log.")
@click.option("--tz", "zone", type=ZoneParam(), help="With --wall: the time zone, such as Europe/Berlin; default: UTC.")
@FILES
def check(
    paths: tuple[Path, ...], within: int | None, wall: bool, zone: tzinfo | None, as_json: str | None, junit: str | None
) -> None:
    """Judge run directories, or the journals of one run.

    \b
    harness check runs/Q257223/as-shipped
    harness check server.jsonl
    """
    if zone is not None and not wall:
        exit_with_usage_error("--tz needs --wall")
    results = []
    try:
        if all(path.is_dir() for path in paths):
            groups = [[folder] for path in paths for folder in run_directories(path)]
            if not groups:
                exit_with_usage_error(f"no journals in {', '.join(map(str, paths))}")
        else:
            groups = [list(paths)]
        for group in groups:
            history = load(group)
            for server in history.servers:
                server.zone = (zone or UTC) if wall else None
            results.append(_judged(history, within))
    except JournalError as problem:
        exit_with_usage_error(problem)
    print_results_and_exit(results, as_json, junit, every_story=True)


def _judged(history: RunHistory, within: int | None) -> Result:
    """Raises JournalError, also for unknown checks of the run."""
    try:
        return Result(history, judge(history, None if within is None else within / SECOND))
    except ValueError as problem:
        where = f"{history.runner.name}: " if history.runner else ""
        raise JournalError(f"{where}{problem}") from None


@main.command()
@click.option("--all", "everything", is_flag=True, help="Also those of runs on other machines that use this engine.")
def clean(everything: bool) -> None:
    """Remove the containers and networks of runs that were killed, or started with --keep.

    Those of a run that has not ended are not removed.
    """
    _needs_docker()
    from harness.runners.backend import Failed
    from harness.runners.containers import clean as remove

    try:
        removed, left = remove(everything)
    except Failed as problem:
        click.echo(f"harness: {problem}", err=True)
        sys.exit(UNKNOWN)
    for name in removed:
        click.echo(f"removed {name}")
    for name in left:
        click.echo(f"could not be removed: {name}", err=True)
    click.echo(f"{len(removed)} removed")
    sys.exit(1 if left else 0)


def _needs_docker() -> None:
    try:
        import docker.client  # noqa: F401
    except ImportError:
        exit_with_usage_error("containers need the Docker SDK: pip install 'fakenw[containers]'")


def _can_run(plan: Plan, on: str) -> None:
    """Raises ScenarioError where a client cannot be run on that runner."""
    for name, client in plan.own():
        for file in client.files.values():
            if not Path(plan.folder, file).is_file():
                raise ScenarioError([f"{plan.scenario}: {name}: there is no file {Path(plan.folder, file)}"])
        runner = "processes" if client.image is None else "containers"
        if on != runner:
            what = "a command" if client.image is None else "an image"
            raise ScenarioError([f"{plan.scenario}: a client with {what} needs --on {runner}"])


def _progress(count: int, on: str) -> Callable[[Result], None]:
    ended = 0

    def report(result: Result) -> None:
        nonlocal ended
        ended += 1
        if on == "memory" or (count == 1 and on == "processes"):
            return
        phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result.phases.items())
        took = f" ({phases})" if on == "containers" else ""
        click.echo(f"  {ended} of {count}: {result.variant}: {result.said()}{took}", err=True)

    return report


def _stop_on_signals() -> threading.Event:
    """The first SIGINT or SIGTERM sets the event, for an orderly end; the next one interrupts the program."""
    stop = threading.Event()

    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            signal.default_int_handler(number, None)
        stop.set()
        click.echo("stopping; a second signal stops at once", err=True)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


for command in (list_scenarios, explain, new, schema, matrix, diagnose, assert_command, load_command):
    main.add_command(command)

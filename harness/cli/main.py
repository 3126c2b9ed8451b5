"""The command line of the harness: the only reader of arguments, signals and the clock on the wall."""

from __future__ import annotations

import functools
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, tzinfo
from pathlib import Path

import click

from fakenw.core.peer import TRANSPORTS
from fakenw.core.settings import RELEASES
from fakenw.journal.policy import POLICIES
from fakenw.journal.record import SECOND, JournalError
from harness.cli.asserting import assert_command
from harness.cli.authoring import explain, learn, list_scenarios, matrix, new, schema
from harness.cli.diagnosing import diagnose
from harness.cli.load import load_command
from harness.cli.parameters import BEHAVIORS, FILES, RESULTS, TRANSPORT, DurationParam, ImageParam, ZoneParam
from harness.cli.rerun import exec_again, run_again
from harness.client.attachment import Account
from harness.client.behavior_file import BehaviorError
from harness.judge.history import load
from harness.judge.verdict import judge
from harness.report.output import refuse, tell
from harness.report.text import UNKNOWN, Result
from harness.runners.hold import hold as hold_license
from harness.runners.run_plans import PARALLEL, RUNNERS, RunOptions, run_directories, run_plans
from harness.scenario.catalogue import catalogue, find
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario, ScenarioError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fakenw")
def main() -> None:
    """Does a client give its NetWare connection license back?

    Start with `harness run Q257223` to see the bug and its repairs, then put your own client
    before the same judge with `harness exec -- COMMAND {host} {port}`.

    Exit codes: 0 every verdict is the expected one, 1 one is not, 2 bad usage, 3 could not be told.
    """


@main.command()
@click.argument("scenarios", nargs=-1)
@click.option("--on", type=click.Choice(RUNNERS), default="memory", show_default=True, help="Where to run.")
@TRANSPORT
@click.option("--variant", "variants", multiple=True, help="Only this variant; may be repeated.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Not on memory: how many seconds of scripted time pass in one. Network timeouts are not scaled.",
)
@click.option(
    "--image",
    "images",
    type=ImageParam(),
    multiple=True,
    help="Take another image for the client NAME; may be repeated.",
)
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    default=PARALLEL,
    show_default=True,
    help="In containers: how many are started at once.",
)
@BEHAVIORS
@click.option("--keep", is_flag=True, help="In containers: leave them there, to look inside. See harness clean.")
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
        files = learn(behaviors)
        if files and on == "containers":
            raise ScenarioError(["--behaviors needs --on memory or --on processes"])
        if not scenarios or "all" in scenarios:
            chosen = [(one.id, one) for one in catalogue()]
        else:
            chosen = [(name, find(name)) for name in scenarios]
        factor = 1.0 if on == "memory" else speed
        swaps = dict(images)
        named = [
            (name, plan)
            for name, one in chosen
            for plan in one.plans(transport, variants, seed=seed, speed=factor, images=swaps, behaviors=files)
        ]
        plans = [plan for _, plan in named]
        for name in swaps:
            if not any(client.name == name for plan in plans for client in plan.clients):
                raise ScenarioError([f"--image {name}: no client of these scenarios has that name"])
        for plan in plans:
            _can_run(plan, on)
    except (ScenarioError, BehaviorError) as problem:
        refuse(problem)
    if on == "containers":
        _needs_docker()
    stop = _stop_on_signals()
    if on != "memory":
        count = "1 run" if len(plans) == 1 else f"{len(plans)} runs"
        click.echo(f"{count} in {on}, {speed:g} times as fast as the clock on the wall", err=True)
    say = functools.partial(click.echo, err=True)
    commands = [run_again(name, plan, on, behaviors, swaps) for name, plan in named]
    options = RunOptions(report, commands, parallel=parallel, keep=keep, tell=say)
    results = run_plans(plans, on, stop, options, _progress(len(plans), on))
    tell(results, as_json, junit, report=report, missing=len(plans) - len(results))


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
@click.option("--policy", type=click.Choice(list(POLICIES)), help="What costs a license; default: the release's own.")
@click.option("--user", "users", multiple=True, metavar="NAME[:PASSWORD]", help="A user the server knows.")
@click.option(
    "--within",
    type=DurationParam(),
    default="30s",
    show_default=True,
    help="Time to give a license back that is not needed.",
)
@click.option(
    "--idle-after",
    type=DurationParam(),
    help="For a client that lives on: a license nobody has used for so long is no longer needed.",
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
    """Run COMMAND against a server of its own, and judge it.

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
        refuse(problem)
    stop = _stop_on_signals()
    output = sys.stderr.fileno() if as_json == "-" else sys.stdout.fileno()
    again = exec_again(plans[0], command)
    results = run_plans(plans, "processes", stop, RunOptions(report, [again], output))
    tell(results, as_json, junit, report=report, missing=len(plans) - len(results))


@main.command()
@click.argument("address", metavar="HOST:PORT")
@click.option("--user", default="GUEST", show_default=True, metavar="NAME[:PASSWORD]", help="Who logs in.")
@click.option("--for", "how_long", type=DurationParam(), default="60s", show_default=True, help="How long to hold.")
@click.option("--no-logout", is_flag=True, help="Leave without logging out.")
@TRANSPORT
def hold(address: str, user: str, how_long: int, no_logout: bool, transport: str | None) -> None:
    """Take a license of a server by hand, hold it, and give it back. Ctrl-C lets go at once."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        refuse(f"{address} is not HOST:PORT")
    stop = _stop_on_signals()
    problem = hold_license(
        (host.strip("[]"), int(port)),
        TRANSPORTS[transport or "tcp"],
        Account.parse(user),
        how_long,
        log_out=not no_logout,
        tell=click.echo,
        stopped=stop.is_set,
    )
    if problem:
        click.echo(f"harness: {problem}", err=True)
        sys.exit(1)


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--within", type=DurationParam(), help="Overrides what the run says.")
@click.option("--wall", is_flag=True, help="Tell real times, from the server's clock, beside those of a client's log.")
@click.option("--tz", "zone", type=ZoneParam(), help="With --wall: the time zone, such as Europe/Berlin; default: UTC.")
@FILES
def check(
    paths: tuple[Path, ...], within: int | None, wall: bool, zone: tzinfo | None, as_json: str | None, junit: str | None
) -> None:
    """Judge what was written: run directories, or the journals of one run, and nothing else.

    \b
    harness check runs/Q257223/as-shipped
    harness check server.jsonl
    """
    if zone is not None and not wall:
        refuse("--tz needs --wall")
    results = []
    try:
        if all(path.is_dir() for path in paths):
            groups = [[folder] for path in paths for folder in run_directories(path)]
            if not groups:
                refuse(f"no journals in {', '.join(map(str, paths))}")
        else:
            groups = [list(paths)]
        for group in groups:
            history = load(group)
            for server in history.servers:
                server.zone = (zone or UTC) if wall else None
            results.append(Result(history, judge(history, None if within is None else within / SECOND)))
    except (JournalError, ValueError) as problem:
        refuse(problem)
    tell(results, as_json, junit, every_story=True)


@main.command()
@click.option("--all", "everything", is_flag=True, help="Also what runs on other machines have made on this engine.")
def clean(everything: bool) -> None:
    """Remove the containers and networks of runs that were killed, or that were kept.

    What belongs to a run that still lives stays.
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
        refuse("containers need the Docker SDK: pip install 'fakenw[containers]'")


def _can_run(plan: Plan, on: str) -> None:
    """Raises ScenarioError where a client cannot be run there."""
    for name, client in plan.own():
        for file in client.files.values():
            if not Path(plan.folder, file).is_file():
                raise ScenarioError([f"{plan.scenario}: {name}: there is no file {Path(plan.folder, file)}"])
        usage = "processes" if client.image is None else "containers"
        if on != usage:
            what = "a command" if client.image is None else "an image"
            raise ScenarioError([f"{plan.scenario}: a client with {what} needs --on {usage}"])


def _progress(count: int, on: str) -> Callable[[Result], None]:
    ended = 0

    def tell(result: Result) -> None:
        nonlocal ended
        ended += 1
        if on == "memory" or (count == 1 and on == "processes"):
            return
        phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result.phases.items())
        took = f" ({phases})" if on == "containers" else ""
        click.echo(f"  {ended} of {count}: {result.variant}: {result.said()}{took}", err=True)

    return tell


def _stop_on_signals() -> threading.Event:
    """The first SIGINT or SIGTERM asks for an orderly end, the next one does not ask."""
    stop = threading.Event()

    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            signal.default_int_handler(number, None)
        stop.set()
        click.echo("stopping; once more to stop at once", err=True)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


for command in (list_scenarios, explain, new, schema, matrix, diagnose, assert_command, load_command):
    main.add_command(command)

if __name__ == "__main__":
    main()

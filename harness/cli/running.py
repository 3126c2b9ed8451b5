"""``harness run`` and ``harness exec``: clients before the judge."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import click

from fakenw.cli.terminal import say
from fakenw.config.yaml_file import expected_one_of
from fakenw.core.settings import RELEASES
from fakenw.journal.policy import POLICIES
from fakenw.journal.record import SECOND
from fakenw.journal.sentences import harmless
from harness.cli.authoring import register_behaviors
from harness.cli.parameters import BEHAVIORS, EXIT_CODES, RESULTS, TRANSPORT, DurationParam, ExitCodeParam, ImageParam
from harness.cli.progress import Progress, progress
from harness.cli.rerun import exec_again, run_again
from harness.cli.stopping import stop_on_signals
from harness.cli.worker_options import WORKERS, option_given, workers_of
from harness.client.behavior_file import BehaviorError
from harness.report.output import Outputs, exit_with_usage_error, print_results_and_exit
from harness.report.text import Result
from harness.runners.descendants import FOLLOWED
from harness.runners.run_plans import PARALLEL, RUNNERS, RunOptions, run_plans
from harness.scenario.catalogue import catalogue, find
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario, ScenarioError

EXEC_TIMEOUT = 600 * SECOND
MANY = 20  # runs on memory, which take seconds: fewer are done before other processes have begun


@click.command(epilog=EXIT_CODES)
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
@WORKERS
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
    workers: int | None,
    cluster: str | None,
    outputs: Outputs,
    seed: int | None,
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
        if on != "memory" and (option := option_given("workers", "cluster")):
            raise ScenarioError([f"{option} needs --on memory; other runs are carried out at the same time anyway"])
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
        known = list(dict.fromkeys(client.name for plan in plans for client in plan.clients))
        for name in replaced:
            if name not in known:
                raise ScenarioError([f"--image {name}: there is no client {name!r}; {expected_one_of(known, name)}"])
        for plan in plans:
            _can_run(plan, on)
    except (ScenarioError, BehaviorError) as problem:
        exit_with_usage_error(problem)
    if on == "containers":
        needs_docker()
        _can_begin(plans)
    if on == "processes":
        _say_what_is_followed(plans)
    stop = stop_on_signals()
    if on != "memory":
        count = "1 run" if len(plans) == 1 else f"{len(plans)} runs"
        say(f"{count} in {on}, {speed:g} times as fast as real time", err=True)
    commands = [run_again(name, plan, on, behaviors, replaced) for name, plan in named]
    short = on == "memory" or (len(plans) == 1 and on == "processes")
    few = workers is None and len(plans) <= MANY
    bar = not short or len(plans) > MANY
    with (
        workers_of(workers, cluster, 1 if few or on != "memory" else len(plans)) as pool,
        progress(len(plans), lines=not short, bar=bar) as shown,
    ):
        options = RunOptions(outputs.report, commands, parallel=parallel, keep=keep, progress=shown.note, workers=pool)
        results = run_plans(plans, on, stop, options, _ended(shown, on))
    print_results_and_exit(results, outputs, missing=len(plans) - len(results))


@click.command("exec", epilog=EXIT_CODES)
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
@click.option(
    "--timeout",
    type=DurationParam(),
    help="Real time after which the client and every process that it started are ended; the verdict is unknown if "
    "nothing worse was seen. Default: 10m; none with --idle-after.",
)
@click.option(
    "--client-exit",
    type=ExitCodeParam(),
    metavar="CODE|any",
    default=0,
    show_default=True,
    help="The exit code with which COMMAND must end, or the verdict is unknown; of one that a signal ended it is 128 "
    "and the signal's number.",
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
    timeout: int | None,
    client_exit: int | str,
    transport: str | None,
    outputs: Outputs,
    seed: int | None,
) -> None:
    """Run COMMAND against a server that is started for it, and judge it.

    {host}, {port} and {transport} in COMMAND are replaced; FAKENW_HOST, FAKENW_PORT and
    FAKENW_TRANSPORT are in its environment. GUEST and SUPERVISOR have no password.

    The client has ended when the last process that it started has ended. The run is then over at once, unless a
    license is held or a connection remains: then the server is watched until no license was granted or released
    for --within.

    \b
    harness exec -- ./my-client {host} {port}
    harness exec --transport udp --idle-after 10s -- ./my-service {host} {port}
    """
    if timeout is None and idle_after is None:
        timeout = EXEC_TIMEOUT
    server = {"name": "FAKENW", "release": release, "licenses": licenses, "policy": policy, "users": list(users)}
    data = {
        "format": 1,
        "id": "exec",
        "title": " ".join(command),
        "source": "the command line",
        "transport": transport or "tcp",
        "idle_after": None if idle_after is None else idle_after / SECOND,
        "timeout": None if timeout is None else timeout / SECOND,
        "servers": [{key: value for key, value in server.items() if value is not None}],
        "clients": [{"name": "command", "command": list(command), "exit": client_exit}],
        "checks": [{"released": {"within": within / SECOND}}],
    }
    try:
        scenario = Scenario.read({key: value for key, value in data.items() if value is not None}, "command line")
        plans = scenario.plans(seed=seed)
    except ScenarioError as problem:
        exit_with_usage_error(problem)
    _say_what_is_followed(plans)
    stop = stop_on_signals()
    output = sys.stderr.fileno() if outputs.as_json == "-" else sys.stdout.fileno()
    again = exec_again(plans[0], command)
    results = run_plans(plans, "processes", stop, RunOptions(outputs.report, [again], output))
    print_results_and_exit(results, outputs, missing=len(plans) - len(results))


def needs_docker() -> None:
    try:
        import docker.client  # noqa: F401
    except ImportError:
        exit_with_usage_error("containers need the Docker SDK: pip install 'fakenw[containers]'")


def _can_begin(plans: list[Plan]) -> None:
    """Ends the program where the engine cannot run them."""
    from harness.runners.backend import Failed
    from harness.runners.containers import IMAGE
    from harness.runners.docker_engine import preflight

    theirs = {image: f"docker pull {image}" for plan in plans for image in plan.images()}
    try:
        preflight({IMAGE: "make image builds it", **theirs})
    except Failed as problem:
        exit_with_usage_error(problem)


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


def _say_what_is_followed(plans: list[Plan]) -> None:
    if not FOLLOWED and any(plan.own() for plan in plans):
        say("on this system a process that detaches from a client is not followed; it is on Linux", err=True)


def _ended(shown: Progress, on: str) -> Callable[[Result], None]:
    """Called with each result, by any thread."""
    counted = itertools.count(1)

    def show(result: Result) -> None:
        phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result.phases.items())
        took = f" ({phases})" if on == "containers" else ""
        shown.show(next(counted), harmless(f"{result.variant}: {result.said()}{took}"))

    return show

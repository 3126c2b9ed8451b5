"""Commands about scenarios: list and explain them, write one, and apply repairs to all."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import click

from fakenw.cli.terminal import columns, say
from fakenw.config.yaml_file import expected_one_of
from fakenw.journal.record import SECOND
from fakenw.journal.sentences import harmless, harmless_lines
from harness.cli.explain import introduction, steps
from harness.cli.matrix import REPAIRS, Cell, answer, cell, conclusion, lines
from harness.cli.parameters import BEHAVIORS, SEED, TRANSPORT, DurationParam, NamesParam, OutputParam
from harness.cli.progress import progress
from harness.cli.stopping import stop_on_signals
from harness.cli.worker_options import WORKERS, workers_of
from harness.client.behavior_file import BehaviorError, load
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.output import exit_with_usage_error, write
from harness.report.text import UNKNOWN, Result, story
from harness.runners import memory
from harness.runners.workers import WorkersError
from harness.scenario import own_steps
from harness.scenario.catalogue import catalogue, find
from harness.scenario.json_schema import json_schema
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario, ScenarioError


def register_behaviors(behaviors: Sequence[Path]) -> tuple[str, ...]:
    """Make the components in these files available to scripts. Returns the absolute paths. Raises BehaviorError."""
    for file in behaviors:
        own_steps.add(load(file))
    return tuple(str(file.resolve()) for file in behaviors)


@click.command("list", epilog="Exit codes: 0 done, 2 bad usage.")
def list_scenarios() -> None:
    """List the catalogue: ids, titles, sources, variants."""
    for scenario in catalogue():
        say(f"{scenario.id}  {scenario.title}\n    {scenario.source}")
        if also := [name for name in scenario.known_as if name not in scenario.source]:
            say(f"    also known as {', '.join(also)}")
        for plan in scenario.plans():
            say(f"    {plan.variant:16} {plan.expect:12} {plan.why}".rstrip())


@click.command(epilog="Exit codes: 0 done, 2 bad usage.")
@click.argument("name", metavar="ID|FILE")
@click.option("--variant", help="Which variant; default: the first.")
@TRANSPORT
@SEED
@BEHAVIORS
def explain(
    name: str, variant: str | None, transport: str | None, seed: int | None, behaviors: tuple[Path, ...]
) -> None:
    """Explain a scenario: what its clients do, and what the servers see.

    The scenario is run on memory, which takes no time.

    \b
    harness explain Q257223
    harness explain S13 --variant service-pack
    """
    try:
        files = register_behaviors(behaviors)
        scenario = find(name)
        variants = [variant] if variant else list(scenario.variants)[:1]
        (plan,) = scenario.plans(transport, variants, seed=seed, behaviors=files)
        if plan.own():
            raise ScenarioError([f"{scenario.id}: a client with a program of its own cannot be run on memory"])
    except (ScenarioError, BehaviorError) as problem:
        exit_with_usage_error(problem)
    run = RunHistory.of(memory.run(plan))
    width = columns()
    say(harmless_lines("\n".join(introduction(scenario) if width is None else introduction(scenario, width))))
    say(harmless(f"Variant: {plan.variant}{f', {plan.why}' if plan.why else ''} ({plan.transport})") + "\n")
    say("\n".join(steps(run) if width is None else steps(run, (width - 13) // 2)))
    say("")
    say("\n".join(story(Result(run, judge(run)))))


@click.command(epilog="Exit codes: 0 done, 2 bad usage.")
@click.argument("file", type=click.Path(path_type=Path))
def new(file: Path) -> None:
    """Write a commented scenario to FILE, as a start. See docs/write-a-scenario.md."""
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(template())
    except FileExistsError:
        exit_with_usage_error(f"{file} exists already; nothing was changed")
    except OSError as problem:
        exit_with_usage_error(f"{file} cannot be written: {problem.strerror}")
    say(f"{file} written; try: harness run {file}")


def template() -> str:
    """The text that ``harness new`` writes."""
    return (resources.files("harness.cli") / "template.yaml").read_text(encoding="utf-8")


@click.command(epilog="Exit codes: 0 done, 2 bad usage.")
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))


@click.command(epilog="Exit codes: 0 done, 2 bad usage, 3 a worker was killed.")
@click.option("--repairs", type=NamesParam(), help="Only these, as NAME,NAME. Default: all.")
@click.option("--scenarios", type=NamesParam(), help="Only these. Default: the whole catalogue.")
@click.option("--for", "subject", default="Q257223", show_default=True, help="The scenario that the answer is about.")
@click.option(
    "--within", type=DurationParam(), default="30m", show_default=True, help="Time in which a license must be released."
)
@click.option("--json", "as_json", type=OutputParam(dash=True), help="Write cells and answer as JSON.")
@WORKERS
@TRANSPORT
@SEED
def matrix(
    repairs: tuple[str, ...] | None,
    scenarios: tuple[str, ...] | None,
    subject: str,
    within: int,
    as_json: str | None,
    workers: int | None,
    cluster: str | None,
    transport: str | None,
    seed: int | None,
) -> None:
    """Apply each repair to each scenario: what it cures or makes worse.

    Each scenario is run as shipped. A cell has the verdict, or the number of leaked licenses and for how long licenses
    were held that were not needed; an exclamation mark means that the repair makes it worse. At the end stand the
    repairs that cure one scenario without interrupting work, and the cost of each elsewhere.
    """
    wanted = repairs or tuple(REPAIRS)
    for name in wanted:
        if name not in REPAIRS:
            exit_with_usage_error(f"no repair {name}; {expected_one_of(REPAIRS, name)}")
    try:
        chosen = [find(name) for name in scenarios] if scenarios else list(catalogue())
        about = find(subject)
        if about.id not in [scenario.id for scenario in chosen]:
            chosen.append(about)
    except ScenarioError as problem:
        exit_with_usage_error(problem)
    repaired = tuple(dict.fromkeys((next(iter(REPAIRS)), *wanted)))
    trials = [(name, _plan(scenario, name, transport, seed, within)) for scenario in chosen for name in repaired]
    made: list[Cell] = []
    stop = stop_on_signals()
    with workers_of(workers, cluster, len(trials)) as pool, progress(len(chosen)) as shown:
        try:
            for done in pool.map(cell, trials, stop.is_set):
                made.append(done)
                if len(made) % len(repaired) == 0:
                    shown.show(len(made) // len(repaired), done.scenario)
        except WorkersError as problem:
            say(f"harness: {problem}", err=True)
            sys.exit(UNKNOWN)
    if len(made) < len(trials):
        raise click.Abort
    to_error = as_json == "-"
    for line in (*lines(made, columns(err=to_error)), "", *conclusion(made, about.id)):
        say(line, err=to_error)
    if as_json:
        found = {"format": 1, "within": within / SECOND, "cells": [cell.as_json() for cell in made]}
        found |= {"scenario": about.id, "cures": answer(made, about.id)}
        write(as_json, json.dumps(found, indent=2) + "\n")


def _plan(scenario: Scenario, repair: str, transport: str | None, seed: int | None, within: int) -> Plan:
    variants = list(scenario.variants)[:1]
    (plan,) = scenario.plans(transport, variants, seed=seed, change=REPAIRS[repair].change)
    return plan.model_copy(update={"within": within})

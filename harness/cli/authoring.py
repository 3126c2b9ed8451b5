"""Commands about scenarios: what there is, what one means, how to write one, and what repairs would do to all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import click

from fakenw.journal.record import SECOND
from harness.cli.explain import introduction, steps
from harness.cli.matrix import REPAIRS, Cell, answer, lines, told
from harness.cli.parameters import BEHAVIORS, TRANSPORT, DurationParam, NamesParam, OutputParam
from harness.client.behavior_file import BehaviorError, load
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.output import refuse, write
from harness.report.text import Result, story
from harness.runners import memory
from harness.scenario.catalogue import catalogue, find
from harness.scenario.scenario import Scenario, ScenarioError
from harness.scenario.steps import OWN
from harness.scenario.steps import steps as steps_of


def learn(behaviors: Sequence[Path]) -> tuple[str, ...]:
    """Let scripts know the components in these files. The files in full. Raises BehaviorError."""
    for file in behaviors:
        for component in load(file):
            OWN.update({step.verb: step for step in steps_of((component,))})
    return tuple(str(file.resolve()) for file in behaviors)


SEED = click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same run.")


@click.command("list")
def list_scenarios() -> None:
    """List the catalogue: id, title, source, other names and variants."""
    for scenario in catalogue():
        click.echo(f"{scenario.id}  {scenario.title}\n    {scenario.source}")
        if also := [name for name in scenario.known_as if name not in scenario.source]:
            click.echo(f"    also found as {', '.join(also)}")
        for plan in scenario.plans():
            click.echo(f"    {plan.variant:16} {plan.expect:12} {plan.why}".rstrip())


@click.command()
@click.argument("name", metavar="ID|FILE")
@click.option("--variant", help="Which variant; default: the first.")
@TRANSPORT
@SEED
@BEHAVIORS
def explain(name: str, variant: str | None, transport: str | None, seed: int, behaviors: tuple[Path, ...]) -> None:
    """Tell a scenario step by step: what its clients do, and beside it what the servers see.

    It is run on memory, and so takes no time.

    \b
    harness explain Q257223
    harness explain S13 --variant service-pack
    """
    try:
        files = learn(behaviors)
        scenario = find(name)
        variants = [variant] if variant else list(scenario.variants)[:1]
        (plan,) = scenario.plans(transport, variants, seed=seed, behaviors=files)
        if plan.own():
            raise ScenarioError([f"{scenario.id}: a client with a program of its own cannot be run on memory"])
    except (ScenarioError, BehaviorError) as problem:
        refuse(problem)
    run = RunHistory.of(memory.run(plan))
    click.echo("\n".join(introduction(scenario)))
    click.echo(f"Variant: {plan.variant}{f', {plan.why}' if plan.why else ''} ({plan.transport})\n")
    click.echo("\n".join(steps(run)))
    click.echo("")
    click.echo("\n".join(story(Result(run, judge(run)))))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def new(file: Path) -> None:
    """Write a commented scenario to FILE, to begin with. See docs/write-a-scenario.md."""
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(template())
    except FileExistsError:
        refuse(f"{file} is there already; nothing was changed")
    except OSError as problem:
        refuse(f"{file} cannot be written: {problem.strerror}")
    click.echo(f"{file} written; try: harness run {file}")


def template() -> str:
    """What ``harness new`` writes."""
    return (resources.files("harness.cli") / "template.yaml").read_text(encoding="utf-8")


@click.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors and other programs."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Scenario.model_json_schema()}
    click.echo(json.dumps(made, indent=2))


@click.command()
@click.option("--repairs", type=NamesParam(), help="Only these, as NAME,NAME. Default: all.")
@click.option("--scenarios", type=NamesParam(), help="Only these. Default: the whole catalogue.")
@click.option("--for", "whom", default="Q257223", show_default=True, help="Which scenario the answer is about.")
@click.option(
    "--within", type=DurationParam(), default="30m", show_default=True, help="In which a license must come back."
)
@click.option("--json", "as_json", type=OutputParam(dash=True), help="Write cells and answer as JSON.")
@TRANSPORT
@SEED
def matrix(
    repairs: tuple[str, ...] | None,
    scenarios: tuple[str, ...] | None,
    whom: str,
    within: int,
    as_json: str | None,
    transport: str | None,
    seed: int,
) -> None:
    """Apply each repair to each scenario, on memory: who is cured, who is worse off.

    Each scenario is taken as shipped. A cell says the verdict, or how many licenses leaked and for how long licenses
    were out that nobody needed; an exclamation mark says that the repair makes it worse. The end is the repairs that
    cure one scenario without interrupting anybody's work, and what each costs elsewhere.
    """
    wanted = repairs or tuple(REPAIRS)
    for name in wanted:
        if name not in REPAIRS:
            refuse(f"no repair {name}; expected {', '.join(REPAIRS)}")
    try:
        chosen = [find(name) for name in scenarios] if scenarios else list(catalogue())
        about = find(whom)
        if about.id not in [one.id for one in chosen]:
            chosen.append(about)
    except ScenarioError as problem:
        refuse(problem)
    made: list[Cell] = []
    for number, scenario in enumerate(chosen, 1):
        click.echo(f"  {number} of {len(chosen)}: {scenario.id}", err=True)
        for name in dict.fromkeys((next(iter(REPAIRS)), *wanted)):
            made.append(_cell(scenario, name, transport, seed, within))
    say = as_json == "-"
    for line in (*lines(made), "", *told(made, about.id)):
        click.echo(line, err=say)
    if as_json:
        found = {"format": 1, "within": within / SECOND, "cells": [cell.as_json() for cell in made]}
        found |= {"scenario": about.id, "cures": answer(made, about.id)}
        write(as_json, json.dumps(found, indent=2) + "\n")


def _cell(scenario: Scenario, repair: str, transport: str | None, seed: int, within: int) -> Cell:
    variants = list(scenario.variants)[:1]
    (plan,) = scenario.plans(transport, variants, seed=seed, change=REPAIRS[repair].change)
    run = RunHistory.of(memory.run(plan.model_copy(update={"within": within})))
    return Cell.of(scenario.id, repair, run, judge(run, within / SECOND))

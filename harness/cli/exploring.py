"""``harness explore``: a search for the schedule under which a license leaks."""

from __future__ import annotations

import functools
import hashlib
import json
import shlex
import sys
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import click

from fakenw.cli.terminal import say
from fakenw.config.yaml_file import expected_one_of
from fakenw.journal.record import SECOND
from fakenw.journal.sentences import harmless
from harness.cli.authoring import register_behaviors
from harness.cli.parameters import BEHAVIORS, TRANSPORT, DurationParam, FolderParam, NamesParam, OutputParam
from harness.cli.progress import progress
from harness.cli.stopping import stop_on_signals
from harness.cli.worker_options import WORKERS, workers_of
from harness.client.behavior_file import BehaviorError
from harness.explore.exploration import Exploration, batches, run
from harness.explore.scenario_text import as_text
from harness.explore.schedule import KINDS, places_of
from harness.report.output import exit_with_usage_error, write
from harness.report.text import AS_EXPECTED, NOT_EXPECTED, UNKNOWN, story
from harness.runners.workers import WorkersError
from harness.scenario.catalogue import catalogue, find
from harness.scenario.plan import Plan
from harness.scenario.scenario import ScenarioError, load
from harness.scenario.schedule import ScheduledFault

VERDICTS = ("released", "reclaimed", "leaked", "interrupted")
RUNS = 1000


@click.command(epilog="Exit codes: 0 no counterexample, 1 a counterexample, 2 bad usage, 3 it cannot be told.")
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO|all...")
@click.option("--variant", "variants", multiple=True, help="Only this variant; may be repeated.")
@click.option("--runs", type=click.IntRange(min=1), help=f"Schedules of each variant. Default: {RUNS}.")
@click.option("--for", "lasting", type=DurationParam(), help="Instead: as many as can be tried in this real time.")
@click.option("--faults", type=NamesParam(), help=f"Only these, as NAME,NAME. Default: {','.join(KINDS)}.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed and runs, same result.")
@click.option("--find", "wanted", type=click.Choice(VERDICTS), help="Find any schedule with this verdict instead.")
@click.option(
    "--corpus",
    type=FolderParam(),
    help="A directory of counterexamples: those in it are run first, and what is found is kept in it.",
)
@click.option("--json", "as_json", type=OutputParam(dash=True), help="Write the results as JSON.")
@WORKERS
@TRANSPORT
@BEHAVIORS
def explore(
    scenarios: tuple[str, ...],
    variants: tuple[str, ...],
    runs: int | None,
    lasting: int | None,
    faults: tuple[str, ...] | None,
    seed: int,
    wanted: str | None,
    corpus: Path | None,
    as_json: str | None,
    workers: int | None,
    cluster: str | None,
    transport: str | None,
    behaviors: tuple[Path, ...],
) -> None:
    """Search for the moment that leaks: a schedule under which a client does not give its license back.

    A scenario is run on memory again and again, with jitter of the network and of steps, and with faults at random
    moments. A counterexample is a leak although the machine and its server were up and reachable from the last use
    until the time for a release was over; an interruption, or a license that the server took back, without a fault;
    and books that do not balance. A verdict that the scenario expects is none. The first counterexample is made
    smaller, told, and written as a scenario file, which harness run repeats. See docs/explore.md.

    \b
    harness explore Q257223 --variant retry
    harness explore mine.yaml --behaviors mine.py --faults cut,freeze --for 60s
    harness explore Q257223 --variant as-shipped --find released
    """
    try:
        from harness.explore.search import search
    except ImportError:
        exit_with_usage_error("harness explore needs Hypothesis: pip install 'fakenw[explore]'")
    if runs is not None and lasting is not None:
        exit_with_usage_error("--runs and --for exclude one another")
    for name in faults or ():
        if name not in KINDS:
            exit_with_usage_error(f"--faults {name}: no such fault; {expected_one_of(KINDS, name)}")
    try:
        files = register_behaviors(behaviors)
        explorations = _explorations(scenarios, variants, transport, files)
        kept = _kept(corpus, explorations, files)
    except (ScenarioError, BehaviorError) as problem:
        exit_with_usage_error(problem)
    except OSError as problem:
        exit_with_usage_error(f"--corpus {corpus}: {problem.strerror}")
    to_error = as_json == "-"
    stop = stop_on_signals()
    files_of: dict[str, Path] = {}
    for one, path, plan in kept:
        if one.found is None and run(plan, wanted)[1] is not None:
            one.found, files_of[one.name] = plan, path
    unknown = {one.name: why for one in explorations if one.found is None and (why := _unknown(one))}
    left = [one for one in explorations if one.name not in unknown]
    watch = _Watch(stop, runs or RUNS, lasting)
    items = batches(left, faults or KINDS, wanted, seed, (runs or RUNS) if lasting is None else None)
    with workers_of(workers, cluster) as pool:
        try:
            function = functools.partial(search, stopped=watch.is_over) if pool.here else search
            with progress(watch.total(len(left))) as shown:
                for result in pool.map(function, items, watch.is_over):
                    left[result.of].take(result)
                    shown.show(watch.done(left), harmless(f"{left[result.of].name}: {_counts(left[result.of])}"))
        except WorkersError as problem:
            say(f"harness: {problem}", err=True)
            stop.set()
    for one in explorations:
        if one.found is not None and one.name not in files_of:
            files_of[one.name] = _keep(one, one.found, corpus, wanted)
        for line in _told(one, unknown.get(one.name), files_of.get(one.name), behaviors, wanted):
            say(harmless(line), err=to_error)
    if as_json:
        entries = [_as_json(one, files_of.get(one.name), wanted) for one in explorations]
        write(as_json, json.dumps(entries, indent=2) + "\n")
    _exit(explorations, unknown, stop.is_set(), to_error)


def _explorations(
    scenarios: Sequence[str], variants: Sequence[str], transport: str | None, behaviors: Sequence[str]
) -> list[Exploration]:
    """One of each variant. Raises ScenarioError."""
    chosen = list(catalogue()) if "all" in scenarios else [find(name) for name in scenarios]
    explorations = [
        Exploration(plan, scenario.strangers)
        for scenario in chosen
        for plan in scenario.plans(transport, variants, behaviors=behaviors)
    ]
    for one in explorations:
        if one.plan.own():
            raise ScenarioError([f"{one.name}: a client with a program of its own cannot be run on memory"])
    return explorations


def _kept(
    corpus: Path | None, explorations: Sequence[Exploration], behaviors: Sequence[str]
) -> list[tuple[Exploration, Path, Plan]]:
    """The counterexamples in *corpus*, which is made if it is not there. Raises ScenarioError, OSError."""
    if corpus is None:
        return []
    corpus.mkdir(parents=True, exist_ok=True)
    by_plan = {(one.plan.scenario, one.plan.variant): one for one in explorations}
    read = [(path, plan) for path in sorted(corpus.glob("*.yaml")) for plan in load(path).plans(behaviors=behaviors)]
    kept = [(by_plan.get((plan.scenario, plan.variant)), path, plan) for path, plan in read]
    return [(one, path, plan) for one, path, plan in kept if one is not None]


def _unknown(one: Exploration) -> str | None:
    """Why it cannot be explored."""
    verdict = run(one.plan, None)[0].verdict
    cannot = verdict.verdict == "unknown" != verdict.expected and not verdict.problems
    return f"without any fault it is unknown: {verdict.reason}" if cannot else None


class _Watch:
    """When the search is over, and how much of it is done: schedules of each exploration, or real time."""

    def __init__(self, stop: threading.Event, runs: int, lasting: int | None) -> None:
        self._stop, self._runs, self._lasting = stop, runs, lasting
        self._began = time.monotonic()

    def is_over(self) -> bool:
        return self._stop.is_set() or (self._lasting is not None and self._passed() * SECOND >= self._lasting)

    def total(self, explorations: int) -> int:
        return self._runs * explorations if self._lasting is None else max(1, self._lasting // SECOND)

    def done(self, explorations: Sequence[Exploration]) -> int:
        done = sum(one.tried for one in explorations) if self._lasting is None else int(self._passed())
        return max(1, min(done, self.total(len(explorations))))

    def _passed(self) -> float:
        return time.monotonic() - self._began


def _counts(one: Exploration) -> str:
    """``100 schedules (90 released, 10 reclaimed)``"""
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(one.verdicts.items()))
    return f"{one.tried} schedules ({verdicts})" if one.tried else "nothing was tried"


def _keep(one: Exploration, found: Plan, corpus: Path | None, wanted: str | None) -> Path:
    """Write the counterexample to a file. Ends the program where that cannot be."""
    result, example = run(found, wanted)
    kind = result.verdict.verdict if example is None else example.kind
    comment = ["A counterexample of harness explore:", *schedule_lines(one.plan, found), *story(result)]
    text = as_text(found, one.strangers, [harmless(line) for line in comment])
    digest = "" if corpus is None else f"-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    path = (corpus or Path()) / f"{found.scenario}-{found.variant}-{kind}{digest}.yaml"
    write(str(path), text)
    return path


def schedule_lines(plan: Plan, found: Plan) -> Iterator[str]:
    """What of the schedule differs from the plan, a line for each part."""
    if found.seed != plan.seed:
        yield f"  seed {found.seed} of the network and of the order in which clients start"
    for before, after in zip(plan.clients, found.clients, strict=False):
        if waits := places_of((after,)) - places_of((before,)):
            yield f"  {'1 more wait' if waits == 1 else f'{waits} more waits'} in the script of {after.name}"
    faults = [one for one in found.scheduled_faults() if isinstance(one, ScheduledFault)]
    for one in faults:
        fields = one.record_fields()
        given = ", ".join(f"{name} {fields[name]}" for name in one.arguments if name in fields)
        yield f"  {timedelta(microseconds=one.at)}  {one.verb} {one.name}{f' ({given})' if given else ''}"
    if not faults:
        yield "  no fault"


def _told(
    one: Exploration, unknown: str | None, path: Path | None, behaviors: Sequence[Path], wanted: str | None
) -> Iterator[str]:
    """What became of an exploration."""
    if unknown is not None:
        yield f"{one.name}: {unknown}"
    elif one.found is None:
        yield f"{one.name}: no counterexample in {_counts(one)}"
    else:
        result, example = run(one.found, wanted)
        kind = result.verdict.verdict if example is None else example.kind
        more = f", and {one.smaller} to make it smaller" if one.smaller else ""
        yield f"{one.name}: {kind}, found in {_counts(one)}{more}" if one.tried else f"{one.name}: {kind}, from {path}"
        yield from schedule_lines(one.plan, one.found)
        yield from (f"  {line}" for line in story(result))
        again = ["harness", "run", str(path), *(word for file in behaviors for word in ("--behaviors", str(file)))]
        yield f"  run it again: {shlex.join(again)}"


def _as_json(one: Exploration, path: Path | None, wanted: str | None) -> dict[str, Any]:
    example = None if one.found is None else run(one.found, wanted)[1]
    return {
        **{"format": 1, "scenario": one.plan.scenario, "variant": one.plan.variant, "transport": one.plan.transport},
        **{"tried": one.tried, "smaller": one.smaller, "verdicts": dict(sorted(one.verdicts.items()))},
        "found": None if example is None else {"kind": example.kind, "text": example.text, "file": str(path)},
    }


def _exit(explorations: Sequence[Exploration], unknown: Collection[str], stopped: bool, to_error: bool) -> NoReturn:
    """Explain the exit code, and end the program."""
    found = [one.name for one in explorations if one.found is not None]
    count = "1 variant" if len(explorations) == 1 else f"{len(explorations)} variants"
    if found:
        code, why = NOT_EXPECTED, f"a counterexample of {', '.join(found)}"
    elif unknown:
        code, why = UNKNOWN, f"could not be explored: {', '.join(unknown)}"
    elif stopped:
        code, why = UNKNOWN, "stopped before the end, and no counterexample until then"
    else:
        code, why = AS_EXPECTED, f"no counterexample ({count})"
    say(harmless(f"exit {code}: {why}"), err=to_error)
    sys.exit(code)

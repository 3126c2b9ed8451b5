"""A load in words: its plan, its progress, its outcome, and the difference that the leak makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fakenw.journal.record import SECOND
from harness.load.coordinator import LoadProgress
from harness.load.outcome import Outcome
from harness.load.profile import percentile
from harness.load.report import Point
from harness.load.specification import LoadSpecification

SHOWN = 10  # leaked units that are listed


def time(microseconds: float) -> str:
    """``09:03:12``, ``3 d 09:03:12``; short times as ``12.3 s`` or ``4.5 ms``."""
    if microseconds < SECOND:
        return f"{microseconds / 1000:.1f} ms"
    if microseconds < 600 * SECOND:
        return f"{microseconds / SECOND:.1f} s"
    days, rest = divmod(round(microseconds / SECOND), 86_400)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} d {clock}" if days else clock


def plan(spec: LoadSpecification) -> str:
    refused = "goes home" if spec.retry is None else f"tries again every {time(spec.retry)}"
    load = f"{spec.licenses} licenses, {_clients(spec)}, {spec.transport}"
    return f"{load}; a refused client {refused}; seed {spec.seed}"


def skipped(spec: LoadSpecification) -> Iterator[str]:
    """Over real sockets: the time before the first logon, unless it is short."""
    if (skipped := spec.first_logon()) >= SECOND:
        yield f"skipped      {time(skipped)} of the profile, before the first client; times count from there"


def swept(spec: LoadSpecification) -> str:
    """The title of a sweep."""
    return f"Clients refused, by how many licenses there are: {_clients(spec)}"


def _clients(spec: LoadSpecification) -> str:
    days = f", {spec.days} days" if spec.days > 1 else ""
    share = f"{spec.leak:.2%}".rstrip("0%").rstrip(".")
    leak = f", {share} % of the {spec.leak_by}s leak" if spec.leak else ""
    return f"{spec.clients} clients, profile {spec.profile.name}{days}{leak}"


def progress(moment: LoadProgress, before: LoadProgress | None) -> str:
    since = moment.seconds - (before.seconds if before else 0)
    rate = (moment.logons - (before.logons if before else 0)) / since if since else 0
    p50, p99 = (percentile(moment.latencies, share) for share in (0.5, 0.99))
    return (
        f"{moment.seconds:6.1f} s  held {moment.held} of {moment.limit}  refused {moment.refused}  "
        f"logons {moment.logons} of {moment.expected}, {rate:.0f}/s  p50 {time(p50)}  p99 {time(p99)}"
    )


def beside_bar(moment: LoadProgress) -> str:
    """The progress where a bar shows the logons and the time."""
    rate = moment.logons / moment.seconds if moment.seconds else 0
    return f"held {moment.held} of {moment.limit}  refused {moment.refused}  {rate:.0f}/s"


def result(outcome: Outcome) -> Iterator[str]:
    statistics, view, spec = outcome.statistics, outcome.view, outcome.spec
    if not outcome.whole:
        yield "stopped before the end; this is what was done"
    let_in = f"{statistics.granted} connections let in"
    yield f"logons       {statistics.logons} tried, {let_in}, {statistics.released} given back"
    clients = len(statistics.clients_refused)
    without = f", {statistics.waited / SECOND / 60:.0f} client-minutes without" if spec.hold or spec.retry else ""
    yield f"refused      {clients} clients, {statistics.refused} attempts{without}"
    if view is not None:
        full = "never" if view.full_at is None else f"after {time(view.full_at)}"
        yield f"licenses     {view.fold.peak} of {view.fold.limit} at most; exhausted {full}"
        if view.recovery is not None:
            yield f"recovery     {time(view.recovery)} from then until licenses were free for good"
    if statistics.latencies and not outcome.virtual:
        p50, p99 = (percentile(statistics.latencies, share) for share in (0.5, 0.99))
        rate = len(statistics.latencies) / outcome.seconds
        yield f"a logon      p50 {time(p50)}, p99 {time(p99)}; {rate:.0f} a second"
    if statistics.quiet and statistics.crowded and not outcome.virtual:
        quiet, crowded = percentile(statistics.quiet, 0.99), percentile(statistics.crowded, 0.99)
        yield f"a read       p99 {time(quiet)} before the first refusal, {time(crowded)} from then on"
    leaked = outcome.leaked()
    yield f"leaked       {len(leaked)}"
    for unit in leaked[:SHOWN]:
        since = time(unit["since"] * SECOND)
        yield f"  client {unit['client']} as {unit['user']} from {unit['station']}, since {since}"
    if len(leaked) > SHOWN:
        yield f"  and {len(leaked) - SHOWN} more"
    for reason, count in sorted(statistics.failed.items()):
        yield f"failed       {count} times: {reason}"
    doubts = list(outcome.doubts())
    if doubts:
        yield from (f"unknown      {doubt}" for doubt in doubts[:SHOWN])
    else:
        yield "agreement    the clients' counts and the server's journal agree, and the books balance"
    yield f"took         {time(outcome.seconds * SECOND)} for {spec.clients} clients"


def difference(leaking: Outcome, cured: Outcome, needed: tuple[int, int]) -> Iterator[str]:
    """The same clients with the leak and without it, side by side."""

    def full(outcome: Outcome) -> str:
        at = outcome.view.full_at if outcome.view else None
        return "never" if at is None else time(at)

    rows = [
        ("", "with the leak", "without"),
        ("licenses exhausted after", full(leaking), full(cured)),
        *(
            (what, str(round(leaking.numbers()[name])), str(round(cured.numbers()[name])))
            for what, name in (
                ("distinct clients refused", "refused_clients"),
                ("refused attempts", "refused_attempts"),
                ("refused client-minutes", "refused_minutes"),
                ("units leaked at the end", "leaked"),
            )
        ),
        ("licenses enough for every client", *map(str, needed)),
    ]
    yield from (f"{what:36}{one:>16}{other:>16}" for what, one, other in rows)


def table(points: Sequence[Point]) -> Iterator[str]:
    """A row for each number of licenses of a sweep."""
    cured = len(points[0].outcomes) > 1
    yield f"{'licenses':>10}{'refused':>12}{'leaked':>10}" + (f"{'refused without the leak':>28}" if cured else "")
    for point in points:
        refused = [len(one.statistics.clients_refused) for one in point.outcomes]
        row = f"{point.licenses:>10}{refused[0]:>12}{len(point.outcomes[0].leaked()):>10}"
        yield row + (f"{refused[1]:>28}" if cured else "")

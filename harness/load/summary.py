"""A load in words: its plan, its progress, its outcome, and the difference that the leak makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.load.coordinator import LoadProgress
from harness.load.outcome import Outcome
from harness.load.profile import percentile
from harness.load.report import Point
from harness.load.specification import SECOND, LoadSpecification

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


def plan(order: LoadSpecification) -> str:
    refused = "goes home" if order.retry is None else f"tries again every {time(order.retry)}"
    load = f"{order.licenses} licenses, {_clients(order)}, {order.transport}"
    return f"{load}; a refused client {refused}; seed {order.seed}"


def swept(order: LoadSpecification) -> str:
    """The title of a sweep."""
    return f"Clients refused, by how many licenses there are: {_clients(order)}"


def _clients(order: LoadSpecification) -> str:
    days = f", {order.days} days" if order.days > 1 else ""
    share = f"{order.leak:.2%}".rstrip("0%").rstrip(".")
    leak = f", {share} % of the {order.leak_by}s leak" if order.leak else ""
    return f"{order.clients} clients, profile {order.profile.name}{days}{leak}"


def progress(moment: LoadProgress, before: LoadProgress | None) -> str:
    since = moment.seconds - (before.seconds if before else 0)
    rate = (moment.logons - (before.logons if before else 0)) / since if since else 0
    p50, p99 = (percentile(moment.latencies, share) for share in (0.5, 0.99))
    return (
        f"{moment.seconds:6.1f} s  held {moment.held} of {moment.limit}  refused {moment.refused}  "
        f"logons {moment.logons} of {moment.expected}, {rate:.0f}/s  p50 {time(p50)}  p99 {time(p99)}"
    )


def result(outcome: Outcome) -> Iterator[str]:
    tally, accounts, order = outcome.tally, outcome.accounts, outcome.order
    if not outcome.whole:
        yield "stopped before the end; this is what was done"
    yield f"logons       {tally.logons} tried, {tally.granted} connections let in, {tally.released} given back"
    clients = len(tally.clients_refused)
    without = f", {tally.waited / SECOND / 60:.0f} client-minutes without" if order.hold or order.retry else ""
    yield f"refused      {clients} clients, {tally.refused} attempts{without}"
    if accounts is not None:
        full = "never" if accounts.full_at is None else f"after {time(accounts.full_at)}"
        yield f"licenses     {accounts.fold.peak} of {accounts.fold.limit} at most; exhausted {full}"
        if accounts.recovery is not None:
            yield f"recovery     {time(accounts.recovery)} from then until licenses were free for good"
    if tally.latencies and not outcome.virtual:
        p50, p99 = (percentile(tally.latencies, share) for share in (0.5, 0.99))
        yield f"a logon      p50 {time(p50)}, p99 {time(p99)}; {len(tally.latencies) / outcome.seconds:.0f} a second"
    if tally.quiet and tally.crowded and not outcome.virtual:
        quiet, crowded = percentile(tally.quiet, 0.99), percentile(tally.crowded, 0.99)
        yield f"a read       p99 {time(quiet)} before the first refusal, {time(crowded)} from then on"
    leaked = outcome.leaked()
    yield f"leaked       {len(leaked)}"
    for unit in leaked[:SHOWN]:
        since = time(unit["since"] * SECOND)
        yield f"  client {unit['client']} as {unit['user']} from {unit['station']}, since {since}"
    if len(leaked) > SHOWN:
        yield f"  and {len(leaked) - SHOWN} more"
    for reason, count in sorted(tally.failed.items()):
        yield f"failed       {count} times: {reason}"
    doubts = list(outcome.doubts())
    if doubts:
        yield from (f"unknown      {doubt}" for doubt in doubts[:SHOWN])
    else:
        yield "agreement    the clients' counts and the server's journal agree, and the books balance"
    yield f"took         {time(outcome.seconds * SECOND)} for {order.clients} clients"


def difference(leaking: Outcome, cured: Outcome, needed: tuple[int, int]) -> Iterator[str]:
    """The same clients with the leak and without it, side by side."""

    def full(outcome: Outcome) -> str:
        at = outcome.accounts.full_at if outcome.accounts else None
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
        refused = [len(one.tally.clients_refused) for one in point.outcomes]
        row = f"{point.licenses:>10}{refused[0]:>12}{len(point.outcomes[0].leaked()):>10}"
        yield row + (f"{refused[1]:>28}" if cured else "")

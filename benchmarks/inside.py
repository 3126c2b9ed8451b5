"""The rows without sockets, 6 and 7: the ledger, and client-hours on memory."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from benchmarks.row import Row
from benchmarks.rows import Setting, progress
from benchmarks.scheduled import Scheduled
from benchmarks.steps import CannotMeasure
from fakenw.core.deadlines import Deadlines
from fakenw.core.ledger import Ledger
from fakenw.journal.policy import POLICIES
from fakenw.journal.record import SECOND
from fakenw.wire.packet import LARGEST_CONNECTION
from harness.load.profile import PROFILES
from harness.load.specification import LoadSpecification
from harness.load.virtual_time import VirtualLoad

BATCH = 1000  # grants and releases
BATCHES = 5  # of a slice
FEW = 100  # holders


def ledger(setting: Setting) -> Iterator[Row]:
    """6: the processor time of a grant and a release with very many holders, against few."""
    what = f"grant and release, ÷ with {FEW}"
    row = Row(6, what, setting.holders, "µs", 1.3, how="growth")
    full, empty = _ledger(setting.holders), _ledger(FEW)
    progress(f"row 6, {row.what}, {setting.pairs} pairs")
    before = Scheduled.of()
    for turn in range(setting.pairs + 1):
        sides = [(full, row.ours), (empty, row.baseline)]
        for books, column in reversed(sides) if turn % 2 else sides:
            column.append(statistics.median(_batch(books) for _ in range(BATCHES)))
    del row.ours[0], row.baseline[0]
    row.waited = Scheduled.of().since(before).share_waited
    yield row


def _ledger(holders: int) -> Ledger:
    made = Ledger(POLICIES["nls"], LARGEST_CONNECTION, lambda event, fields: None, Deadlines(), 0)
    for serial in range(holders):
        made.acquire(0, f"connection:{serial}", "login", {})
    return made


def _batch(books: Ledger) -> float:
    """Microseconds of one grant and its release."""
    units = [f"connection:{serial}" for serial in range(100_000, 100_000 + BATCH)]
    about: dict[str, Any] = {}
    begun = time.process_time()
    for unit in units:
        books.acquire(0, unit, "login", about)
        books.release(0, unit, "logout", about)
    return (time.process_time() - begun) / BATCH * 1e6


def hours(setting: Setting) -> Iterator[Row]:
    """7: client-hours per second of processor time on memory, with watchdog queries and without."""
    for transport, lasting, target in (("udp", setting.hours_udp, 1_000_000), ("tcp", setting.hours_tcp, 1_000_000)):
        watchdogs = "with" if transport == "udp" else "without"
        what = f"memory: {lasting:,} h {watchdogs} watchdogs"
        row = Row(7, what, setting.clients, "client-hours/s", target, how="ours")
        before = Scheduled.of()
        for turn in range(setting.rounds):
            progress(f"row 7, {row.what}, round {turn + 1}")
            took = idle_hours(transport, setting.clients, lasting)
            row.ours.append(setting.clients * lasting / took)
        row.waited = Scheduled.of().since(before).share_waited
        yield row


def idle_hours(transport: str, clients: int, lasting: int) -> float:
    """Seconds of processor time of a load in which *clients* log in, hold a license for *lasting* hours, and log out.

    Raises CannotMeasure where a client did not acquire and release a license.
    """
    hour = 3600 * SECOND
    spec = LoadSpecification(
        clients, clients, PROFILES["spike"], day=24 * hour, hold=lasting * hour, transport=transport, users="GUEST"
    )
    books: Counter[str] = Counter()
    begun = time.process_time()
    VirtualLoad(spec, lambda record: books.update((record.event,))).run()
    took = time.process_time() - begun
    if books["grant"] != clients or books["release"] != clients:
        raise CannotMeasure(f"{clients} clients acquired {books['grant']} licenses and released {books['release']}")
    return took

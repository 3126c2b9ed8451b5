"""When clients come: profiles as shares of a day.

Rules of this file:

* A profile is a shape. A day may be 24 hours on virtual time or a minute over real sockets.
* When each client comes is drawn with a seeded generator: the same seed is the same morning.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import NamedTuple

from fakenw.config.field_types import duration

Slot = tuple[float, float, float]  # from, to (parts of a day), how many come (any unit)


class Profile(NamedTuple):
    """Who comes when. *retry*: what a refused client does if nothing else is asked for, in microseconds; None: goes."""

    name: str
    slots: tuple[Slot, ...]
    retry: int | None = None

    def arrivals(self, clients: int, day: int, random: Random) -> list[int]:
        """When each of *clients* comes, in microseconds of a *day* that lasts so long."""
        bounds = list(accumulate(weight for _, _, weight in self.slots))
        found = []
        for _ in range(clients):
            at = random.random() * bounds[-1]
            begin, end, _ = self.slots[next(n for n, bound in enumerate(bounds) if at < bound)]
            found.append(round((begin + random.random() * (end - begin)) * day))
        return found


def _hours(*slots: tuple[float, float, float]) -> tuple[Slot, ...]:
    return tuple((begin / 24, end / 24, weight) for begin, end, weight in slots)


PROFILES = {
    profile.name: profile
    for profile in (
        # From half past seven to half past nine, most of them just before nine.
        Profile("morning", _hours((7.5, 8, 5), (8, 8.5, 20), (8.5, 9, 55), (9, 9.5, 20))),
        Profile("steady", _hours((0, 16, 1))),
        Profile("spike", _hours((9, 9.0167, 1))),  # a minute: the power is back
        Profile("retry-storm", _hours((9, 9.0167, 1)), retry=10_000_000),
    )
}


class BadProfile(ValueError):
    """A profile that cannot be read: says where and what was expected."""


def load(name: str, day: int) -> Profile:
    """A profile by its name, or from a file of lines ``FROM-TO CLIENTS`` such as ``8h-8h30m 40``. Raises BadProfile."""
    if name in PROFILES:
        return PROFILES[name]
    path = Path(name)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise BadProfile(f"{name}: expected {', '.join(PROFILES)} or a file: {problem}") from None
    slots: list[Slot] = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            span, weight = words
            begin, end = (0 if text == "0" else duration(text) for text in span.split("-"))
            slots.append((begin / day, end / day, float(weight)))
            if not 0 <= begin < end <= day or not 0 < float(weight) < float("inf"):
                raise ValueError
        except ValueError:
            raise BadProfile(f"{name}:{number}: expected FROM-TO CLIENTS within a day, such as 8h-8h30m 40") from None
    if not slots:
        raise BadProfile(f"{name}: expected at least one line FROM-TO CLIENTS, such as 8h-8h30m 40")
    return Profile(path.stem, tuple(slots))


def at_rate(rate: float, clients: int, day: int) -> Profile:
    """So many clients a second from the start of the day. Raises BadProfile where the day is too short."""
    lasts = clients / rate * 1_000_000
    if lasts > day:
        raise BadProfile(
            f"{clients} clients at {rate:g} a second take {lasts / 1e6:.0f} s; expected a --duration as long"
        )
    return Profile(f"{rate:g}/s", ((0.0, lasts / day, 1.0),))


def percentile(values: Sequence[int], share: float) -> int:
    """The value below which *share* of the *values* are; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0

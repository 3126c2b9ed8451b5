"""The specification of a load, from which every client's logons follow.

Rules of this file:

* A specification is plain data, so that it can be sent to other processes. All times are microseconds.
* Logon times, leaking machines and leaking logons are drawn from seeded generators before the load runs: with and
  without the leak, with more licenses and with fewer, the same clients log on at the same times.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any, NamedTuple

from harness.load.profile import Profile

TO_THE_END = 10**18  # microseconds: a client that sleeps so long is woken when all clients have logged on
BEHAVIORS = {
    "session": "logs in, holds its license, logs out",
    "reader": "logs in, reads an offer now and then while it holds its license, logs out",
}


class Logon(NamedTuple):
    """A logon of a client: its time, how long it holds its license (None: to the end), and whether it leaks."""

    at: int
    hold: int | None
    behavior: str
    leaks: bool


@dataclass(frozen=True)
class LoadSpecification:
    """A load. ``leak`` is the share of machines, or of logons, on which APM uses NAL's connection as shipped."""

    clients: int
    licenses: int
    profile: Profile
    day: int
    days: int = 1
    hold: int | None = None  # None: until all clients have logged on
    behaviors: tuple[tuple[str, float], ...] = (("session", 1.0),)
    leak: float = 0.0
    leak_by: str = "machine"
    cured: bool = False  # the machines that would leak have an APM that counts its use
    retry: int | None = None  # until the next attempt of a refused client; None: it gives up
    transport: str = "tcp"
    release: str = "5.1"
    users: str = "USER{n}"
    seed: int = 1

    def logons(self) -> list[list[Logon]]:
        """The logons of every client, in order of time."""
        times, leaking = Random(f"{self.seed}/arrivals"), Random(f"{self.seed}/leaks")
        names, weights = zip(*self.behaviors, strict=True)
        found: list[list[Logon]] = [[] for _ in range(self.clients)]
        machines = set(leaking.sample(range(self.clients), round(self.leak * self.clients)))
        for day in range(self.days):
            arrivals = self.profile.arrivals(self.clients, self.day, times)
            for n, at in enumerate(arrivals):
                behavior = times.choices(names, weights)[0]
                leaks = n in machines if self.leak_by == "machine" else leaking.random() < self.leak
                found[n].append(Logon(day * self.day + at, self.hold, behavior, leaks))
        return found

    def first_logon(self) -> int:
        """The time of the first client's first logon. Over real sockets a load begins then."""
        return min(logon.at for logons in self.logons() for logon in logons)

    def account(self, n: int) -> tuple[str, str]:
        """The user and the password of client *n*, which is counted from 0."""
        user, _, password = self.users.replace("{n}", str(n + 1)).partition(":")
        return user.upper(), password

    def accounts(self) -> list[tuple[str, str]]:
        """All users of the load, each once, with their passwords."""
        return list(dict.fromkeys(self.account(n) for n in range(self.clients)))

    def without_leak(self) -> LoadSpecification:
        """The same clients, with an APM that counts its use."""
        return replace(self, cured=True)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"profile": list(self.profile)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LoadSpecification:
        name, slots, retry = data["profile"]
        behaviors = tuple((name, weight) for name, weight in data["behaviors"])
        profile = Profile(name, tuple(map(tuple, slots)), retry)
        return cls(**{**data, "profile": profile, "behaviors": behaviors})

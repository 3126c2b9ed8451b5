"""What a load is: an order that says everything, and from which every client's days follow.

Rules of this file:

* An order is plain data, so that it can be handed to other processes. All times are microseconds.
* Who comes when, who is a leaking machine and which logon leaks are drawn with one seeded generator, before anything
  runs: with and without the leak, with more licenses and with fewer, the same clients come at the same moments.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any, NamedTuple

from harness.load.profile import Profile

TO_THE_END = 10**18  # microseconds: whoever sleeps so long is woken when everybody has come
BEHAVIORS = {
    "session": "logs in, holds its license, logs out",
    "reader": "logs in, reads an offer now and then while it holds its license, logs out",
}


class Logon(NamedTuple):
    """One logon of one client: when, for how long (None: until the end is called), as what, and whether it leaks."""

    at: int
    hold: int | None
    behavior: str
    leaks: bool


@dataclass(frozen=True)
class LoadSpecification:
    """A load. ``leak`` is the share of machines, or of logons, on which APM rides on NAL's connection as shipped."""

    clients: int
    licenses: int
    profile: Profile
    day: int
    days: int = 1
    hold: int | None = None  # None: until everybody has come
    behaviors: tuple[tuple[str, float], ...] = (("session", 1.0),)
    leak: float = 0.0
    leak_by: str = "machine"
    cured: bool = False  # the machines that would leak have an APM that counts its use
    retry: int | None = None  # what a refused client waits for until it tries again; None: it goes home
    transport: str = "tcp"
    release: str = "5.1"
    users: str = "USER{n}"
    seed: int = 1

    def logons(self) -> list[list[Logon]]:
        """The logons of every client, in order of time."""
        when, who = Random(f"{self.seed}/arrivals"), Random(f"{self.seed}/leaks")
        names, weights = zip(*self.behaviors, strict=True)
        found: list[list[Logon]] = [[] for _ in range(self.clients)]
        machines = set(who.sample(range(self.clients), round(self.leak * self.clients)))
        for day in range(self.days):
            arrivals = self.profile.arrivals(self.clients, self.day, when)
            for n, at in enumerate(arrivals):
                behavior = when.choices(names, weights)[0]
                leaks = n in machines if self.leak_by == "machine" else who.random() < self.leak
                found[n].append(Logon(day * self.day + at, self.hold, behavior, leaks))
        return found

    def account(self, n: int) -> tuple[str, str]:
        """The user and the password of client *n*, which is counted from 0."""
        user, _, password = self.users.replace("{n}", str(n + 1)).partition(":")
        return user.upper(), password

    def view(self) -> list[tuple[str, str]]:
        """Every user that the server must know, once."""
        return list(dict.fromkeys(self.account(n) for n in range(self.clients)))

    def without_leak(self) -> LoadSpecification:
        """The same clients, with an APM that counts its use."""
        return replace(self, cured=True)

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self) | {"profile": list(self.profile)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LoadSpecification:
        """What ``to_json`` has made."""
        name, slots, retry = data["profile"]
        behaviors = tuple((name, weight) for name, weight in data["behaviors"])
        profile = Profile(name, tuple(map(tuple, slots)), retry)
        return cls(**{**data, "profile": profile, "behaviors": behaviors})

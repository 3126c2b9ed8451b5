"""What a server is told before it starts. Plain data; the command line fills it in."""

from __future__ import annotations

from dataclasses import dataclass

from fakenw.ledger import BY_RELEASE, POLICIES, Policy

SECOND = 1_000_000
REAL_PATIENCE = 100_000  # microseconds of real time in which a living client can answer

# 18.2065 clock ticks a second: the SET parameters of the watchdog are ticks, which is why they look so odd.
TICKS_PER_10000_SECONDS = 182_065


def ticks(count: int) -> int:
    """*count* clock ticks in microseconds, rounded up so that nothing happens before its tick."""
    return -(-count * 10_000 * SECOND // TICKS_PER_10000_SECONDS)


@dataclass(frozen=True, slots=True)
class Release:
    """Versions as 23/17 shows them: the operating system's and the product's (nmap: 6.5 is OS 5.70)."""

    os: tuple[int, int]
    product: tuple[int, int]


RELEASES = {
    "3.12": Release((3, 12), (3, 12)),
    "4.11": Release((4, 11), (4, 11)),
    "5.1": Release((5, 0), (5, 10)),
    "6.5": Release((5, 70), (6, 50)),
}


@dataclass(frozen=True, slots=True)
class Config:
    """A server's name, size and habits.

    *users* are (name, password) pairs; *watchdog* is first delay, delay between and number of
    packets, in ticks (defaults: Novell's 4 min 56.6 s, 59.3 s, 10). *idle_after* is in
    microseconds of the server's time. *speed* is how many seconds the server lives in one; it is
    only needed to leave a watchdog query 100 ms of real time.
    """

    name: str = "FAKENW"
    release: str = "5.1"
    licenses: int = 5
    connections: int = 1000
    policy_name: str = ""
    users: tuple[tuple[str, str], ...] = ()
    watchdog: tuple[int, int, int] = (5400, 1080, 10)
    idle_after: int = 300 * SECOND
    speed: float = 1.0
    seed: int = 0

    @property
    def policy(self) -> Policy:
        """The named policy, or the release's own."""
        return POLICIES[self.policy_name or BY_RELEASE[self.release]]

    @property
    def patience(self) -> int:
        """Microseconds of the server's time that every watchdog query is given."""
        return round(REAL_PATIENCE * self.speed)

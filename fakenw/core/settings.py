"""The settings of a server: plain data, from the command line or a file."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from fakenw.bindery.initial_objects import UserSpec
from fakenw.bindery.login_control import Lockout
from fakenw.journal.policy import BY_RELEASE, POLICIES, Policy
from fakenw.journal.record import SECOND
from fakenw.wire.requests.namespace import NameSpace

REAL_PATIENCE = 100_000  # microseconds of real time in which a running client can answer

# 18.2065 clock ticks a second, the unit of the watchdog's SET parameters.
TICKS_PER_10000_SECONDS = 182_065

# The SET parameters of the watchdog: name, smallest, largest, unit (BANalyzer; UnixWare documents).
WATCHDOG_RANGES = (
    ("delay before first watchdog packet", 286, 22_800, " ticks (15.7 s to 20 min 52.3 s)"),
    ("delay between watchdog packets", 180, 11_400, " ticks (9.9 s to 10 min 26.2 s)"),
    ("number of watchdog packets", 5, 100, ""),
)
NOVELLS_WATCHDOG = (5400, 1080, 10)  # 4 min 56.6 s, 59.3 s


def ticks(count: int) -> int:
    """*count* clock ticks in microseconds, rounded up."""
    return -(-count * 10_000 * SECOND // TICKS_PER_10000_SECONDS)


def watchdog(text: str) -> tuple[int, int, int] | None:
    """``ServerSettings.watchdog`` from ``off`` or ``FIRST,BETWEEN,COUNT``. Raises ValueError.

    The delays are seconds (``296.6`` or ``296.6s``) or ticks (``5400t``). Novell's tables round seconds to
    tenths, which are longer than a tick: a delay one tick outside its range is set to the bound.
    """
    if text.strip().lower() == "off":
        return None
    parts = [part.strip() for part in text.split(",")]
    delay = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)s?|([0-9]{1,6})t")
    found = [delay.fullmatch(part) for part in parts[:2]]
    if len(parts) != 3 or not all(found) or not re.fullmatch(r"[0-9]{1,6}", parts[2]):
        raise ValueError(f"{text!r} is not off or FIRST,BETWEEN,COUNT, for instance 296.6,59.3,10 or 5400t,1080t,10")
    counts = []
    for match, (_, least, most, _) in zip(found, WATCHDOG_RANGES[:2], strict=True):
        assert match is not None
        seconds, count = match.groups()
        if seconds is None:
            counts.append(int(count))
            continue
        near = round(float(seconds) * TICKS_PER_10000_SECONDS / 10_000)
        counts.append(least if near == least - 1 else most if near == most + 1 else near)
    checked = (counts[0], counts[1], int(parts[2]))
    _check_watchdog(checked)
    return checked


def watchdog_text(values: tuple[int, int, int] | None) -> str:
    """*values* as ``watchdog`` reads them: in seconds, where tenths of these are exact enough."""
    if values is None:
        return "off"
    first, between, count = values
    seconds = f"{ticks(first) / SECOND:.1f},{ticks(between) / SECOND:.1f},{count}"
    return seconds if watchdog(seconds) == values else f"{first}t,{between}t,{count}"


def _check_watchdog(values: tuple[int, int, int]) -> None:
    for value, (name, least, most, unit) in zip(values, WATCHDOG_RANGES, strict=True):
        if not least <= value <= most:
            raise ValueError(f"{name}: {value} is not within {least} and {most}{unit}")


@dataclass(frozen=True, slots=True)
class Release:
    """The versions in 23/17, of the operating system and the product (nmap: 6.5 is OS 5.70).

    *name_spaces* are loaded unless an operator says something else: LONG since NetWare 5, OS2.NAM by hand before.
    """

    os: tuple[int, int]
    product: tuple[int, int]
    name_spaces: tuple[str, ...] = ("dos",)


RELEASES = {
    "3.12": Release((3, 12), (3, 12)),
    "4.11": Release((4, 11), (4, 11)),
    "5.1": Release((5, 0), (5, 10), ("dos", "long")),
    "6.5": Release((5, 70), (6, 50), ("dos", "long")),
}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A server's name, size and behavior. Times are microseconds of the server's time.

    *users* are (name, password) pairs or ``UserSpec``; *groups* are groups besides those of users.
    *lockout* is intruder detection, None: off, as NetWare is shipped. *plain_passwords* is SET ALLOW
    UNENCRYPTED PASSWORDS (on, unlike NetWare, for clients that support nothing else).
    *watchdog* is first delay, delay between and number of packets, in ticks (defaults: Novell's 4 min 56.6 s, 59.3 s,
    10), or None: off, as OES Linux was shipped (TID 7004848).
    *auto_license*: an authenticated connection becomes licensed by using a file; otherwise such a request is refused
    with 0xE0 (no source names the code: inferred).
    *slow* is the duration of NCPs by (function, sub-function or None); meanwhile the reply to a repeated request is
    0x9999.
    *user_connections* limits the concurrent connections of each of *users* without a limit of its own, as SYSCON's
    default account restrictions do; 0: unlimited. SUPERVISOR and GUEST are exempt.
    *idle_after*: a connection without a request for this time is idle. *clear_idle*: a licensed one is cleared after
    this time (None: never). *keep_cleared*: the unit of a connection that an operator has cleared stays held for this
    time, under the policy nls (0: it is released; Novell TID 10061455: 72 hours).
    *instance* are 32 hexadecimal digits that no other start of a server has; the edge sets it.
    *signatures* is NCP PACKET SIGNATURE OPTION: 0 never, 1 where the client wants it, 2 where it can, 3 always.
    *name_spaces* are ("dos",) or ("dos", "long"); None: those of the release.
    *speed* is the server's seconds in one real second, needed here only to give a watchdog query 100 ms of real time.
    """

    name: str = "FAKENW"
    release: str = "5.1"
    licenses: int = 5
    connections: int = 1000
    policy_name: str = ""
    users: tuple[tuple[str, str] | UserSpec, ...] = ()
    groups: tuple[str, ...] = ()
    lockout: Lockout | None = None
    plain_passwords: bool = True
    watchdog: tuple[int, int, int] | None = NOVELLS_WATCHDOG
    auto_license: bool = True
    slow: Mapping[tuple[int, int | None], int] = field(default_factory=dict)
    user_connections: int = 0
    idle_after: int = 300 * SECOND
    clear_idle: int | None = None
    keep_cleared: int = 0
    speed: float = 1.0
    seed: int = 0
    instance: str = "0" * 32
    tree: str | None = None  # the NDS tree; None: a bindery server
    signatures: int = 1
    name_spaces: tuple[str, ...] | None = None
    ipx_network: int | None = None  # the internal network number; None: the serial number

    def __post_init__(self) -> None:
        if self.signatures not in range(4):
            raise ValueError(f"signatures: {self.signatures} is not 0, 1, 2 or 3")
        if self.watchdog is not None:
            _check_watchdog(self.watchdog)

    @property
    def loaded_name_spaces(self) -> tuple[NameSpace, ...]:
        """In the order of their numbers."""
        names = RELEASES[self.release].name_spaces if self.name_spaces is None else self.name_spaces
        return tuple(space for space in NameSpace if space.name.lower() in ("dos", *names))

    @property
    def serial_number(self) -> int:
        """Four bytes, derived from the server's name."""
        return zlib.crc32(self.name.encode())

    @property
    def network_number(self) -> int:
        """The internal network number, on which the server is node 1 (ipx.md 1)."""
        return self.serial_number if self.ipx_network is None else self.ipx_network

    @property
    def policy(self) -> Policy:
        """The named policy, or the release's default."""
        return POLICIES[self.policy_name or BY_RELEASE[self.release]]

    @property
    def patience(self) -> int:
        """Microseconds of the server's time in which a watchdog query can be answered."""
        return round(REAL_PATIENCE * self.speed)

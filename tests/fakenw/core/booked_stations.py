"""The stations of the ledger's random use, their users, and a count of their connections from the journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
)

from fakenw.bindery.initial_objects import UserSpec
from fakenw.bindery.login_control import Lockout
from fakenw.journal.record import SECOND, Record
from fakenw.wire.packet import REPLY, packet_type

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
Units = Callable[[str, list[tuple[str, str | None]]], int]
NAMES = [*(f"udp:10.0.0.{host}:1025" for host in (1, 2, 3)), *(f"tcp:10.0.0.{host}:40001" for host in (1, 2))]
LICENSES, SLOTS = 3, 4
FIRST_DAY, LAST_DAY = date(2000, 8, 10), date(2000, 8, 20)
USERS = (
    ("JOE", "SECRET"),
    ("ANN", ""),
    UserSpec("ONE", max_connections=1),
    UserSpec("OFF", disabled=True),
    UserSpec("LATE", expires=LAST_DAY),
    UserSpec("HOME", stations=("10.0.0.1",)),
    UserSpec("OLD", password_expires=date(2000, 1, 1), grace_logins=2),
    UserSpec("OPS", supervisor=True),
)
PASSWORDS = {"GUEST": "", "JOE": "SECRET", "ANN": "", "SUPERVISOR": ""}
RESTRICTED = ("ONE", "OFF", "LATE", "HOME", "OLD", "OPS")
OPERATORS = ("SUPERVISOR", "OPS")
MINUTES = 20  # of silence, after which the watchdog begins where it is asked to wait
ASSIGNED = 90 * 86_400 * SECOND
KEPT = 86_400 * SECOND


def answers(packets: list[bytes]) -> list[bytes]:
    """The replies among what a station was sent: a notice or a watchdog may come between."""
    return [packet for packet in packets if packet_type(packet) == REPLY]


class Connections:
    """What the journal's ``state`` lines say: (state, user) by serial, and what may be kept.

    That is when each user of ual was licensed last, and when a licensed connection was cleared by an operator.
    """

    def __init__(self, keep_cleared: int) -> None:
        self.keep_cleared = keep_cleared
        self.cleared: list[int] = []
        self.now: dict[int, tuple[str, str | None]] = {}
        self.ended: dict[str, int] = {}

    def read(self, record: Record) -> None:
        if record.event != "state":
            return
        before = self.now.get(record["serial"], ("gone", None))
        self.now[record["serial"]] = (record["to"], record["user"])
        if before[0] == "licensed" and before[1] is not None:
            self.ended[before[1]] = record.t
        if before[0] == "licensed" and record["cause"] == "cleared":
            self.cleared.append(record.t)

    def held(self, policy: str, units: Units, now: int) -> int:
        """The units that are out: what the connections cost, and what is still kept under ual and nls."""
        active = {user for state, user in self.now.values() if state == "licensed"}
        kept = [u for u, ended in self.ended.items() if u not in active and now < ended + ASSIGNED]
        cleared = [t for t in self.cleared if now < t + self.keep_cleared]
        more = {"ual": len(kept), "nls": len(cleared)}
        return units(policy, list(self.now.values())) + more.get(policy, 0)


class BookedStations(RuleBasedStateMachine):
    """Three stations over UDP and two over TCP; a slot less than stations, a license less than slots."""

    def __init__(self, open_stage: OpenStage, units: Units, policy: str) -> None:
        super().__init__()
        self.open_stage, self.units, self.policy = open_stage, units, policy
        self.connections = Connections(0)
        self.told = 0
        self.replies: dict[str, list[bytes]] = {}  # what the last request over UDP was answered
        self.messages: dict[int, str] = {}  # by serial
        self.postponed: set[str] = set()  # stations whom the watchdog leaves alone for a while
        self.logins = True
        self.grace = 2  # logins that OLD has left

    @initialize(
        auto_license=st.booleans(),
        slow=st.booleans(),
        clear_idle=st.sampled_from([None, 150 * SECOND, 600 * SECOND]),  # before and after it counts as idle
        keep_cleared=st.sampled_from([0, KEPT]),
    )
    def start(self, auto_license: bool, slow: bool, clear_idle: int | None, keep_cleared: int) -> None:
        self.auto_license, self.slow, self.clear_idle = auto_license, slow, clear_idle
        self.connections = Connections(keep_cleared)
        more: dict[str, Any] = {"slow": {(0x14, None): SECOND}} if slow else {}
        lockout = Lockout(3, within=600, locked_for=900)
        self.stage = self.open_stage(
            self.policy,
            licenses=LICENSES,
            connections=SLOTS,
            users=USERS,
            lockout=lockout,
            auto_license=auto_license,
            clear_idle=clear_idle,
            keep_cleared=keep_cleared,
            **more,
        )
        for name in NAMES:
            self.stage.station(name)

    def at(self, name: str) -> Station:
        station = self.stage.stations[name]
        self.replies.pop(name, None)
        return station

    def finish(self, station: Station) -> None:
        if not station.tcp and self.stage.state(station.name) != "gone":
            self.replies[station.name] = answers(station.inbox)

    def living(self) -> list[str]:
        """The stations that have a connection."""
        return [name for name in NAMES if self.stage.state(name) != "gone"]

    def user(self, name: str) -> str | None:
        found = self.stage.find(name)
        return found.user if found else None

    def operator(self, name: str) -> bool:
        """Whether the station may use the console functions."""
        return self.stage.state(name) in ("authenticated", "licensed") and self.user(name) in OPERATORS

    def refusal(self, name: str, user: str) -> int | None:
        """Why the user is not let in at a station, though the password is right."""
        today = FIRST_DAY + timedelta(microseconds=self.stage.now + 34_215 * SECOND)  # from 9:30:15
        others = [n for n in NAMES if n != name and self.user(n) == "ONE"]
        host = name.split(":")[1]
        refused = {
            "ONE": 0xD9 if others else None,
            "OFF": 0xDC,
            "LATE": 0xDC if today > LAST_DAY else None,
            "HOME": 0xDB if host != "10.0.0.1" else None,
            "OLD": 0xDE if not self.grace else None,
        }
        return refused.get(user) if self.logins else 0xC5

"""The books under random use: after every step they say what a count of the connections says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from fakenw.bindery import USER
from fakenw.records import SECOND, Record
from fakenw.wire.requests import bindery, connection, server

if TYPE_CHECKING:
    from tests.fakenw.conftest import Stage, Station

OpenStage = Callable[..., "Stage"]
Units = Callable[[str, list[tuple[str, str | None]]], int]
NAMES = [*(f"udp:10.0.0.{host}:1025" for host in (1, 2, 3)), *(f"tcp:10.0.0.{host}:40001" for host in (1, 2, 3))]
PASSWORDS = {"GUEST": "", "JOE": "SECRET", "ANN": "", "SUPERVISOR": ""}
ASSIGNED = 90 * 86_400 * SECOND

stations = st.sampled_from(NAMES)
users = st.sampled_from(list(PASSWORDS))


class Connections:
    """What the journal's ``state`` lines say: (state, user) by serial, and when each user of ual was licensed last."""

    def __init__(self) -> None:
        self.now: dict[int, tuple[str, str | None]] = {}
        self.ended: dict[str, int] = {}

    def read(self, record: Record) -> None:
        if record.event != "state":
            return
        before = self.now.get(record["serial"], ("gone", None))
        self.now[record["serial"]] = (record["to"], record["user"])
        if before[0] == "licensed" and before[1] is not None:
            self.ended[before[1]] = record.t

    def held(self, policy: str, units: Units, now: int) -> int:
        """The units that are out: what the connections cost, and under ual the users whose 90 days still run."""
        active = {user for state, user in self.now.values() if state == "licensed"}
        kept = [u for u, ended in self.ended.items() if u not in active and now < ended + ASSIGNED]
        return units(policy, list(self.now.values())) + (len(kept) if policy == "ual" else 0)


class Books(RuleBasedStateMachine):
    """Three stations over each transport; four licenses, five slots."""

    def __init__(self, open_stage: OpenStage, units: Units, policy: str) -> None:
        super().__init__()
        self.policy, self.units = policy, units
        self.stage = open_stage(policy, licenses=4, connections=5)
        for name in NAMES:
            self.stage.station(name)
        self.connections = Connections()
        self.told = 0
        self.replies: dict[str, list[bytes]] = {}  # what the last request over UDP was answered

    def at(self, name: str) -> Station:
        station = self.stage.stations[name]
        self.replies.pop(name, None)
        return station

    def finish(self, station: Station) -> None:
        if not station.tcp and self.stage.state(station.name) != "gone":
            self.replies[station.name] = list(station.inbox)

    @rule(name=stations, sequence=st.integers(0, 1))
    def create(self, name: str, sequence: int) -> None:
        self.at(name).create(sequence)

    @rule(name=stations, user=users)
    def login(self, name: str, user: str) -> None:
        station = self.at(name)
        before = self.stage.state(name)
        code = station.login(user, PASSWORDS[user])
        assert code in ((0xFD,) if before == "gone" else (0, 0xE0))
        assert self.stage.state(name) == ("licensed" if code == 0 else before)
        self.finish(station)

    @rule(name=stations, user=users)
    def login_in_the_clear(self, name: str, user: str) -> None:
        station = self.at(name)
        assert station.code(bindery.PlainLogin(USER, user, PASSWORDS[user])) in (0, 0xE0, 0xFD)
        self.finish(station)

    @rule(name=stations, user=st.sampled_from(["JOE"]))
    def login_wrongly(self, name: str, user: str) -> None:
        station = self.at(name)
        assert station.login(user, "WRONG") in (0xFF, 0xFD)
        self.finish(station)

    @rule(name=stations, state=st.integers(0, 1))
    def change_state(self, name: str, state: int) -> None:
        station = self.at(name)
        before = self.stage.state(name)
        code = station.change(state)
        if self.policy != "attach" and before in ("authenticated", "licensed"):
            there = before == ("licensed" if state else "authenticated")
            assert code in ((0x7B if state else 0x7A,) if there else (0, 0xE0) if state else (0,))
        self.finish(station)

    @rule(name=stations, task=st.integers(1, 2))
    def open(self, name: str, task: int) -> None:
        station = self.at(name)
        allowed = self.stage.state(name) in ("authenticated", "licensed")
        assert station.open(task=task) in ((0, 0xE0) if allowed else (0x7D, 0xFD))
        self.finish(station)

    @rule(name=stations, task=st.integers(0, 2))
    def end_of_job(self, name: str, task: int) -> None:
        station = self.at(name)
        held = self.stage.held
        station.code(connection.EndOfJob(), task=task)
        assert self.stage.held == held
        self.finish(station)

    @rule(name=stations)
    def logout(self, name: str) -> None:
        station = self.at(name)
        assert station.logout() == 0
        assert self.stage.state(name) in ("attached", "gone")
        self.finish(station)

    @rule(name=stations)
    def destroy(self, name: str) -> None:
        station = self.at(name)
        gone = self.stage.state(name) == "gone"
        assert station.destroy().completion == 0
        assert gone or self.stage.state(name) == "gone"

    @rule(name=stations.filter(lambda name: name.startswith("tcp:")))
    def lost(self, name: str) -> None:
        self.at(name).lost()
        assert self.stage.state(name) == "gone"

    @rule(name=stations, other=stations)
    def clear(self, name: str, other: str) -> None:
        station = self.at(name)
        before, user = self.stage.state(name), self.user(name)
        victim = self.stage.server.table.by_station.get(other)
        number = victim.number if victim else 99
        self.replies.pop(other, None)
        code = station.code(connection.ClearConnection(number))
        allowed = before in ("authenticated", "licensed") and user == "SUPERVISOR"
        assert code == (0xFD if before == "gone" else 0xC6 if not allowed else 0 if victim else 0xFD)
        assert code or self.stage.state(other) == "gone"
        self.finish(station)

    def user(self, name: str) -> str | None:
        found = self.stage.server.table.by_station.get(name)
        return found.user if found else None

    @rule(name=stations)
    def look(self, name: str) -> None:
        station = self.at(name)
        assert station.code(server.GetServerTime()) in (0, 0xFD)
        self.finish(station)

    @rule(seconds=st.sampled_from([1, 200, 900, 86_400, 60 * 86_400]))
    def wait(self, seconds: int) -> None:
        self.stage.wait(seconds)
        if seconds >= 900:
            assert not [name for name in NAMES if name.startswith("udp:") and self.stage.state(name) != "gone"]
        self.replies = {name: replies for name, replies in self.replies.items() if self.stage.state(name) != "gone"}

    @precondition(lambda self: self.replies)
    @rule(data=st.data())
    def duplicate(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.replies)))
        lines = len(self.stage.records)
        assert self.stage.stations[name].again() == self.replies[name]
        assert {record.event for record in self.stage.records[lines:]} <= {"watchdog"}  # a sign of life, no more

    @invariant()
    def books_are_right(self) -> None:
        """The stage has audited each line; the last of them must say what the connections cost."""
        for record in self.stage.records[self.told :]:
            self.connections.read(record)
        self.told = len(self.stage.records)
        counted = self.connections.held(self.policy, self.units, self.stage.now)
        assert self.stage.held == self.stage.server.ledger.held == counted <= 4

    @invariant()
    def table_is_right(self) -> None:
        """Every slot has its own number, station and serial, and the state that the journal says."""
        table = self.stage.server.table
        slots = list(table.by_number.items())
        assert len(slots) == len(table.by_station) == len(table.by_serial) <= 5
        assert all(number == slot.number and 1 <= number <= 5 for number, slot in slots)
        assert len({slot.serial for _, slot in slots}) == len(slots)
        living = {serial: state for serial, (state, _) in self.connections.now.items() if state != "gone"}
        assert living == {slot.serial: str(slot.state) for _, slot in slots}


def test_books(open_stage: OpenStage, units: Units, policy: str) -> None:
    """Random clients over both transports, for each policy."""

    class OfPolicy(Books):
        def __init__(self) -> None:
            super().__init__(open_stage, units, policy)

    run_state_machine_as_test(OfPolicy, settings=settings(max_examples=100, stateful_step_count=40, deadline=None))

"""Locks, semaphores and licenses under random use: what stations were told is what the server has, and no wait is lost.

The model is the clients' side: what each was told it has, by the replies alone. After every step that is compared with
the server; no two stations have what excludes one another; and a station waits only while another has what it wants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fakenw.core.settings import ticks
from fakenw.journal.record import SECOND, Journal
from fakenw.wire.layout import Request
from fakenw.wire.requests import connection, files, semaphores
from fakenw.wire.requests import synchronization as sync
from harness.judge.audit import books_balance

if TYPE_CHECKING:
    pass
from tests.fakenw.core.locking_stations import (
    COLLISION,
    EXCLUSIVE,
    LICENSES,
    LOCKED,
    LOG,
    LOG_SHARED,
    NAMES,
    OTHER_FILE,
    SHARED,
    SHARED_FILE,
    TIMED_OUT,
    Client,
    Key,
    LockingStations,
    OpenStage,
    Units,
    Waiting,
)

flags = st.sampled_from([EXCLUSIVE, EXCLUSIVE, SHARED, LOG, LOG_SHARED])
limits = st.sampled_from([0, 1, 182, 20_000, 0xFFFF, 0xFFFF, 0xFFFF])
tasks = st.sampled_from([1, 2])
one_living = st.runner().flatmap(lambda machine: st.sampled_from(machine.living()))
one_ready = st.runner().flatmap(lambda machine: st.sampled_from(machine.ready()))
one_waiting = st.runner().flatmap(lambda machine: st.sampled_from(sorted(machine.waiting)))


def of_living(**given: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A rule for a station that has a connection and is alive."""
    decorate: Any = rule(name=one_living, **given)
    allow: Any = precondition(lambda self: bool(self.living()))
    return lambda step: allow(decorate(step))


def of_ready(**given: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A rule for one that may send a request as well."""
    decorate: Any = rule(name=one_ready, **given)
    allow: Any = precondition(lambda self: bool(self.ready()))
    return lambda step: allow(decorate(step))


class Locking(LockingStations):
    """What the stations do, and what must be so after it."""

    @initialize()
    def start(self) -> None:
        self.begin()
        for number, name in enumerate(NAMES):
            self.arrive(name, "GUEST", unlicensed=number % 3 == 0)

    # Connections

    @rule(name=st.sampled_from(NAMES), user=st.sampled_from(["GUEST", "JOE", "ANN"]), unlicensed=st.booleans())
    def arrive(self, name: str, user: str, unlicensed: bool) -> None:
        """A workstation begins, perhaps again; perhaps it does not get a license, perhaps it gives it back."""
        if name in self.waiting and name.startswith("tcp"):
            return  # this would stay unread
        station = self.stage.stations[name]
        station.create(1)
        self.ended(name, None)
        self.waiting.pop(name, None)
        self.silent.discard(name)
        if self.stage.state(name) == "attached" and station.login(user, "SECRET" if user == "JOE" else "") == 0:
            opened = station.call(files.OpenFile(0, 6, 3, SHARED_FILE))
            if opened.completion == 0:
                self.clients[name].handle = files.OpenedFile.decode(opened.data).handle
            if unlicensed:
                self.unlicense(name)
        self.settle()

    @of_ready(login=st.booleans())
    def give_back(self, name: str, login: bool) -> None:
        """The license alone, or the login with it, which does nothing for a station that has not logged in."""
        before = self.stage.state(name)
        if not login:
            self.unlicense(name)
        else:
            assert self.ask(name, connection.Logout(), 1) == 0
            if before != "attached":
                self.ended(name, None)
        self.settle()

    def unlicense(self, name: str) -> None:
        if self.ask(name, connection.ChangeConnectionState(0), 1) == 0:
            self.closed_files(name, None)

    @of_ready(task=st.sampled_from([0, 1, 2]))
    def end_of_job(self, name: str, task: int) -> None:
        if self.ask(name, connection.EndOfJob(), task) == 0:
            self.ended(name, task or None)
        self.settle()

    @of_living(how=st.sampled_from(["destroy", "die", "die", "clear"]))
    def leave(self, name: str, how: str) -> None:
        """Over TCP the server is told that a station dies; over UDP the watchdog finds out."""
        station, tcp = self.stage.stations[name], name.startswith("tcp")
        if how == "clear":
            assert self.operator.code(connection.ClearConnection(self.stage.connection(name).number)) == 0
        elif how == "destroy" and not (tcp and name in self.waiting):  # in a stream it would stay unread
            station.destroy()
        elif tcp:
            station.lost()
        else:
            self.silent.add(name)
        self.settle()

    @rule(seconds=st.sampled_from([0.06, 10, 1000]))
    def wait(self, seconds: float) -> None:
        """A silent station is gone after a quarter of an hour; no wait is longer than its limit."""
        self.stage.until(self.stage.now + round(seconds * SECOND), self.answer)
        self.settle()
        if seconds >= 1000:
            assert not self.silent
        assert all(wait.until > self.stage.now for wait in self.waiting.values())

    # Locks

    def lock(self, name: str, request: Request[Any], task: int, wanted: dict[Key, bool], limit: int) -> None:
        """A request for locks, all or none: what came back is what the others' locks allow."""
        client = self.clients[name]

        def granted() -> None:
            client.locks.update({key: (shared, True) for key, shared in wanted.items()})

        def hindered() -> bool:
            return any(self.excluded(name, key, shared=shared) for key, shared in wanted.items())

        blocked = hindered()
        code = self.ask(name, request, task)
        if code is None:
            assert (blocked, limit > 0) == (True, True)
            self.waiting[name] = Waiting(self.stage.now + ticks(limit), granted, hindered)
        elif code == LOCKED:
            assert not blocked
            granted()
        elif code in (TIMED_OUT, COLLISION):
            assert (blocked, limit) == (True, 0)
        self.settle()

    @of_ready(record=st.sampled_from(["A", "A", "B"]), flag=flags, limit=limits, task=tasks)
    def log_logical_record(self, name: str, record: str, flag: int, limit: int, task: int) -> None:
        self.log(name, (task, "logical record", record, 0, 1), sync.LogLogicalRecord(flag, limit, record), flag, limit)

    @of_ready(flag=flags, limit=limits, task=tasks)
    def log_file(self, name: str, flag: int, limit: int, task: int) -> None:
        """Which may take a license, or fail for want of one."""
        self.log(name, (task, "file", "B.DAT", 0, 1), sync.LogFile(0, flag, limit, OTHER_FILE), flag, limit)

    @of_ready(span=st.sampled_from([(0, 10), (5, 10), (20, 5)]), flag=flags, limit=limits, task=tasks)
    def log_physical_record(self, name: str, span: tuple[int, int], flag: int, limit: int, task: int) -> None:
        handle = self.clients[name].handle
        if handle is not None:
            key = (task, "physical record", "A.DAT", span[0], sum(span))
            self.log(name, key, sync.LogPhysicalRecord(flag, handle, *span, limit), flag, limit)

    def log(self, name: str, key: Key, request: Request[Any], flag: int, limit: int) -> None:
        shared = bool(flag & 2)
        if flag & 1:
            self.lock(name, request, key[0], {key: shared}, limit)
            return
        if self.ask(name, request, key[0]) == 0:
            its, held = self.clients[name].locks.get(key, (shared, False))
            self.clients[name].locks[key] = (its if held else shared, held)
        self.settle()

    @of_ready(kind=st.sampled_from(["logical", "physical"]), flag=flags, limit=limits, task=tasks)
    def lock_set(self, name: str, kind: str, flag: int, limit: int, task: int) -> None:
        layout = sync.LockLogicalRecordSet if kind == "logical" else sync.LockPhysicalRecordSet
        mine = {key: lock for key, lock in self.clients[name].locks.items() if key[:2] == (task, f"{kind} record")}
        wanted = {key: bool(flag & 2) if flag else shared for key, (shared, _) in mine.items()}
        self.lock(name, layout(flag, limit), task, wanted, limit)

    @of_ready(
        layout=st.sampled_from(
            [
                *(sync.ReleaseFileSet, sync.ClearFileSet, sync.ReleaseLogicalRecordSet, sync.ClearLogicalRecordSet),
                *(sync.ReleasePhysicalRecordSet, sync.ClearPhysicalRecordSet),
            ]
        ),
        task=tasks,
    )
    def unlock_set(self, name: str, layout: type[Any], task: int) -> None:
        if self.ask(name, layout(0), task) == 0:
            kind = "file" if "File" in layout.__name__ else "log" if "Logical" in layout.__name__ else "phys"
            locks = self.clients[name].locks
            for key in [key for key in locks if key[0] == task and key[1].startswith(kind)]:
                shared, _ = locks.pop(key)
                if "Release" in layout.__name__:
                    locks[key] = (shared, False)
        self.settle()

    # Semaphores

    @of_ready(semaphore=st.sampled_from(["S", "S", "T"]), value=st.integers(0, 1), task=tasks)
    def open_semaphore(self, name: str, semaphore: str, value: int, task: int) -> None:
        if self.ask(name, semaphores.OpenSemaphore(value, semaphore), task) == 0:
            self.values.setdefault(semaphore, [value, value])
            self.clients[name].opens.setdefault((semaphore, task), [0, 0])[0] += 1
        self.settle()

    def opening(self, name: str, semaphore: str, task: int) -> tuple[int, list[int], int] | None:
        """The handle, the task's opening or another one's, and whose it is."""
        opens = self.clients[name].opens
        whose = [its for key, its in opens if key == semaphore]
        if not whose:
            return None
        its = task if task in whose else whose[0]
        return self.stage.server.semaphores.by_name[semaphore].handle, opens[semaphore, its], its

    @of_ready(semaphore=st.sampled_from(["S", "S", "T"]), limit=limits, task=tasks)
    def wait_on_semaphore(self, name: str, semaphore: str, limit: int, task: int) -> None:
        found = self.opening(name, semaphore, task)
        if found is None:
            return
        handle, opening, _ = found
        value = self.values[semaphore]

        def granted() -> None:
            value[1] -= 1
            opening[1] += 1

        free = value[1]
        code = self.ask(name, semaphores.WaitOnSemaphore(handle, limit), task)
        assert code == (LOCKED if free else None if limit else TIMED_OUT)
        if code is None:
            self.waiting[name] = Waiting(self.stage.now + ticks(limit), granted, lambda: not value[1])
        elif code == LOCKED:
            granted()
        self.settle()

    @of_ready(semaphore=st.sampled_from(["S", "S", "T"]), task=tasks)
    def signal_semaphore(self, name: str, semaphore: str, task: int) -> None:
        found = self.opening(name, semaphore, task)
        if found is not None:
            handle, opening, _ = found
            assert self.ask(name, semaphores.SignalSemaphore(handle), task) == 0
            self.values[semaphore][1] += 1
            opening[1] = max(0, opening[1] - 1)
        self.settle()

    @of_ready(semaphore=st.sampled_from(["S", "S", "T"]), task=tasks)
    def close_semaphore(self, name: str, semaphore: str, task: int) -> None:
        found = self.opening(name, semaphore, task)
        if found is not None:
            handle, opening, its = found
            assert self.ask(name, semaphores.CloseSemaphore(handle), task) == 0
            opening[0] -= 1
            if not opening[0]:
                self.closed(name, semaphore, its)
        self.settle()

    # While a station waits

    @precondition(lambda self: self.waiting)
    @rule(name=one_waiting)
    def give_up(self, name: str) -> None:
        """Another request over UDP: the wait is given up."""
        if name.startswith("udp") and name not in self.silent:
            del self.waiting[name]
            assert self.ask(name, connection.GetStationNumber(), 1) == 0
        self.settle()

    # What must be so after every step

    @invariant()
    def server_has_what_the_stations_were_told(self) -> None:
        server = self.stage.server
        for name, client in self.clients.items():
            found = self.stage.find(name)
            locks = [] if found is None else server.locks._by_serial.get(found.serial, [])
            told = {
                (lock.task, lock.record.kind.value, lock.record.name[-1] if isinstance(lock.record.name, tuple)
                 else lock.record.name, *lock.record[2:]): (lock.shared, lock.held)
                for lock in locks
            }  # fmt: skip
            assert told == client.locks
            assert (found is not None and found.wait is not None) == (name in self.waiting)
        told_values = {name: (semaphore.free, semaphore.opens) for name, semaphore in server.semaphores.by_name.items()}
        opens = [(key[0], opening[0]) for client in self.clients.values() for key, opening in client.opens.items()]
        assert told_values == {
            name: (free, sum(count for semaphore, count in opens if semaphore == name))
            for name, (_, free) in self.values.items()
        }
        assert len(server.locks.waits) + len(server.semaphores.waits) == len(self.waiting)

    @invariant()
    def no_two_have_what_excludes_one_another(self) -> None:
        for name, client in self.clients.items():
            for key, (shared, held) in client.locks.items():
                assert not (held and self.excluded(name, key, shared=shared))

    @invariant()
    def who_waits_has_a_reason(self) -> None:
        assert all(wait.hindered() for wait in self.waiting.values())

    @invariant()
    def licenses_are_what_the_connections_cost(self) -> None:
        slots = self.stage.server.table.by_serial.values()
        counted = self.units(self.policy, [(str(slot.state), slot.user) for slot in slots])
        assert self.stage.held == self.stage.server.ledger.held == counted <= LICENSES

    def teardown(self) -> None:
        """All connections end, in any way there is, and nothing is left of anything."""
        for name in NAMES:
            if name.startswith("tcp") and self.stage.state(name) != "gone":
                self.stage.stations[name].lost()
        self.silent = {name for name in NAMES if self.stage.state(name) != "gone"}
        self.stage.until(self.stage.now + 1000 * SECOND, self.answer)
        self.settle()
        assert not self.waiting
        assert {name: client for name, client in self.clients.items() if client != Client()} == {}
        self.operator.lost()
        server = self.stage.server
        assert (server.locks._by_serial, server.locks._by_name, server.semaphores.by_name) == ({}, {}, {})
        assert (server.semaphores._by_handle, server.semaphores._by_serial) == ({}, {})
        assert (server.pending(), self.stage.held) == (0, 0)
        self.stage.carry_out(server.stop(self.stage.now))
        assert books_balance(Journal("locks", self.stage.records)) == []


@pytest.mark.parametrize("policy", ["attach", "login", "service", "nls"])
def test_locks(open_stage: OpenStage, units: Units, policy: str) -> None:
    """Random clients over both transports, for each policy that counts connections."""

    class OfPolicy(Locking):
        def __init__(self) -> None:
            super().__init__(open_stage, units, policy)

    run_state_machine_as_test(OfPolicy, settings=settings(stateful_step_count=50))

"""The stations of the random use of locks, and what each was told that it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis.stateful import (
    RuleBasedStateMachine,
)

from fakenw.wire.layout import Request
from fakenw.wire.packet import REPLY, REQUEST, WATCHDOG, RequestPacket, WatchdogPacket, decode_reply, packet_type
from fakenw.wire.requests import files

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]
Units = Callable[[str, list[tuple[str, str | None]]], int]
NAMES = [f"{kind}:10.0.0.{host}:1025" for kind in ("udp", "tcp") for host in (1, 2, 3)]
OPERATOR = "tcp:10.0.0.9:1025"
LICENSES = 5
SHARED_FILE, OTHER_FILE = "SYS:A.DAT", "SYS:B.DAT"
LOG, EXCLUSIVE, LOG_SHARED, SHARED = 0, 1, 2, 3
LOCKED, TIMED_OUT, COLLISION = 0, 0xFE, 0xFD

Key = tuple[int, str, str, int, int]  # task, kind, name, start, end


@dataclass
class Client:
    """What a station was told it has: locks by key as (shared, held), and per semaphore and task opens and taken."""

    locks: dict[Key, tuple[bool, bool]] = field(default_factory=dict)
    opens: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    handle: bytes | None = None


@dataclass
class Waiting:
    """What a station waits for: until when, what it then has, and whether there is still a reason."""

    until: int
    granted: Callable[[], None]
    hindered: Callable[[], bool]


def overlap(one: Key, other: Key) -> bool:
    return one[1:3] == other[1:3] and one[3] < other[4] and other[3] < one[4]


class LockingStations(RuleBasedStateMachine):
    """Three stations over UDP and three over TCP, and an operator; two licenses less than these."""

    def __init__(self, open_stage: OpenStage, units: Units, policy: str) -> None:
        super().__init__()
        self.open_stage, self.units, self.policy = open_stage, units, policy

    def begin(self) -> None:
        self.stage = self.open_stage(self.policy, licenses=LICENSES)
        self.operator = self.stage.station(OPERATOR).licensed("SUPERVISOR")
        for name in (SHARED_FILE, OTHER_FILE):
            made = files.OpenedFile.decode(self.operator.call(files.CreateFile(0, 0, name)).data)
            assert self.operator.code(files.CloseFile(0, made.handle)) == 0
        for name in NAMES:
            self.stage.station(name)
        self.clients = {name: Client() for name in NAMES}
        self.waiting: dict[str, Waiting] = {}
        self.silent: set[str] = set()  # killed, which over UDP the watchdog has to find out
        self.values: dict[str, list[int]] = {}  # of each semaphore what it began with, and what is free

    # What the stations are told

    def living(self) -> list[str]:
        return [name for name in NAMES if self.stage.state(name) != "gone" and name not in self.silent]

    def ready(self) -> list[str]:
        """Those that may send a request."""
        return [name for name in self.living() if name not in self.waiting]

    def ask(self, name: str, request: Request[Any], task: int) -> int | None:
        """Send a request; its code, or None where the reply is held back."""
        station = self.stage.stations[name]
        station.sequence = (station.sequence + 1) & 0xFF
        packet = RequestPacket(REQUEST, station.sequence, station.number, task, request.function, request.body())
        replies = [sent for sent in station.send(packet.encode()) if packet_type(sent) == REPLY]
        return decode_reply(replies[0]).completion if replies else None

    def settle(self) -> None:
        """Stations whose connection has ended have nothing; those that have a reply wait no more."""
        for name in NAMES:
            if self.stage.state(name) == "gone":
                self.ended(name, None)
                self.silent.discard(name)
        for name, wait in list(self.waiting.items()):
            station = self.stage.stations[name]
            (code,) = [decode_reply(sent).completion for sent in station.inbox if packet_type(sent) == REPLY] or (None,)
            if code is None:
                assert self.stage.now < wait.until or self.stage.state(name) == "gone"
                continue
            del self.waiting[name]
            assert code == LOCKED or (code == TIMED_OUT and self.stage.now == wait.until)
            if code == LOCKED:
                wait.granted()

    def answer(self) -> None:
        """After each deadline: the stations that are alive answer the watchdog."""
        self.settle()
        for name in self.living():
            station = self.stage.stations[name]
            for packet in [sent for sent in station.inbox if packet_type(sent) == WATCHDOG]:
                station.inbox.remove(packet)
                self.stage.receive(name, WatchdogPacket(station.number, b"Y").encode())

    def ended(self, name: str, task: int | None) -> None:
        """A task has ended, or all of them: what it had is free."""
        client = self.clients[name]
        if task is None and self.stage.state(name) == "gone":
            self.waiting.pop(name, None)
        self.closed_files(name, task)
        client.locks = {key: lock for key, lock in client.locks.items() if task not in (None, key[0])}
        for (semaphore, its), (_, taken) in list(client.opens.items()):
            if task in (None, its):
                began, free = self.values[semaphore]
                self.values[semaphore][1] += min(taken, max(0, began - free))
                self.closed(name, semaphore, its)

    def closed_files(self, name: str, task: int | None) -> None:
        client = self.clients[name]
        if task in (None, 1):  # whose the file handle is
            client.handle = None
            client.locks = {key: lock for key, lock in client.locks.items() if key[1] != "physical record"}
        client.locks = {
            key: lock for key, lock in client.locks.items() if key[1] == "logical record" or task not in (None, key[0])
        }

    def closed(self, name: str, semaphore: str, task: int) -> None:
        del self.clients[name].opens[semaphore, task]
        if not any(key[0] == semaphore for client in self.clients.values() for key in client.opens):
            del self.values[semaphore]

    def excluded(self, name: str, key: Key, *, shared: bool) -> bool:
        """Whether what another station has excludes a lock."""
        return any(
            held and not (shared and its) and overlap(key, other)
            for others, client in self.clients.items()
            if others != name
            for other, (its, held) in client.locks.items()
        )

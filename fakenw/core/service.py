"""What a service function is: a layout goes in, a reply or a refusal comes out.

``@service.answers(Layout)`` puts a function into the service's table; the server looks it up by
(function, sub-function). Services are listed in ``fakenw.core.services``; nothing registers itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from fakenw.bindery.nds_keys import NdsKeys
from fakenw.bindery.nds_tree import NdsTree
from fakenw.bindery.objects import Bindery
from fakenw.core.connection import Connection
from fakenw.core.connection_table import ConnectionTable
from fakenw.core.ledger import Ledger
from fakenw.core.locks import LockTable
from fakenw.core.peer import Peer
from fakenw.core.semaphores import Semaphores
from fakenw.core.settings import ServerSettings
from fakenw.core.waiting import PendingWait
from fakenw.volumes.volume import Volumes
from fakenw.wire.layout import Reply, Request
from fakenw.wire.packet import Code


@dataclass(slots=True)
class Counts:
    """What a server has seen since its start, as 123/2 shows it."""

    requests: int = 0  # of connections that have ended
    duplicates: int = 0  # replies that were sent again
    acknowledged: int = 0  # 0x9999: still executing
    invalid_connections: int = 0  # requests on a number that is not the station's
    bad_signatures: int = 0
    late: int = 0  # with a sequence number that had been executed
    denied: int = 0  # creates for which there was no slot
    reused: int = 0  # creates of a station that had a slot
    by_function: Counter[tuple[int, int | None]] = field(default_factory=Counter)  # requests


class ServiceHost(Protocol):
    """What a service function may use of the server."""

    settings: ServerSettings
    bindery: Bindery
    volumes: Volumes
    table: ConnectionTable
    ledger: Ledger
    locks: LockTable
    semaphores: Semaphores
    random: Random
    tree: NdsTree | None  # None: a bindery server
    keys: NdsKeys
    addresses: tuple[Peer, ...]  # where it listens
    now: int
    logins: bool  # False: a console operator has disabled login (23/203)
    bindery_closer: Connection | None  # the last supervisor who closed the bindery (23/68)
    counts: Counts

    def utc(self, now: int) -> datetime:
        """The server's wall time at *now*."""

    def clock(self) -> datetime:
        """The server's wall time now, to the second: within one it is the same object."""

    def emit(self, event: str, fields: dict[str, Any]) -> None:
        """Write a line to the journal."""

    def clear(self, connection: Connection, cause: str) -> None:
        """End a connection on the server's side."""

    def net_address(self, station: Peer) -> bytes:
        """Network, node and socket at which *station* reaches the server."""

    def set_utc(self, utc: datetime) -> None:
        """From now on the wall time is another; the journal's own time is not."""

    def leave_message(self, connection: Connection, text: str) -> None:
        """Leave a message for a station, and announce it over UDP."""

    def down(self) -> None:
        """Answer nothing any more but that the server is down."""

    def unsupported(
        self, connection: Connection, function: int, subfunction: int | None, verb: int | None = None
    ) -> None:
        """Note, once per connection, that an NCP or an NDS verb is not ours."""


Q = TypeVar("Q", bound="Request[Any]")


@dataclass(slots=True)
class Call(Generic[Q]):
    """One request on its way through a service function."""

    host: ServiceHost
    connection: Connection
    request: Q
    task: int


Answer = Callable[[Call[Q]], Reply | None]


class ServiceFunction(NamedTuple):
    """A request's layout, what answers it, and the completion codes other than 0 that it may answer with."""

    layout: type[Request[Any]]
    answer: Answer[Any]
    refuses: frozenset[Code]


class Succeeded(Exception):
    """Done, with a completion code other than 0 and no data: a grace login (0xDF). Raised by a service function."""

    def __init__(self, code: int) -> None:
        super().__init__(f"done, completion code 0x{code:02X}")
        self.code = code


class HeldBack(Exception):
    """The reply is held back until *wait* ends: its code is 0, or *code* where the time limit came first."""

    def __init__(self, wait: PendingWait, code: Code) -> None:
        super().__init__(f"held back, then 0 or completion code 0x{code:02X}")
        self.wait, self.code = wait, code


class NcpService:
    """A family of functions, by (function, sub-function)."""

    def __init__(self) -> None:
        self.functions: dict[tuple[int, int | None], ServiceFunction] = {}

    def answers(self, *layouts: type[Q], refuses: Iterable[Code] = ()) -> Callable[[Answer[Q]], Answer[Q]]:
        """Let the decorated function answer *layouts*, with data or one of the codes *refuses*."""
        codes = frozenset(refuses)

        def enter(answer: Answer[Q]) -> Answer[Q]:
            for layout in layouts:
                function = ServiceFunction(layout, answer, codes)
                self.functions[layout.function, layout.subfunction] = function
            return answer

        return enter

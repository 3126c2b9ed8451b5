"""A server as the packets so far show it: its connections, the facts about them, and its name and release."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fakenw.journal.policy import State
from harness.capture.facts import Fact, SeenConnection, Sure, What
from harness.capture.paths import Numbers

BEFORE = "it was there before the capture"
MISSING = "packets are missing from the capture"


@dataclass(slots=True, eq=False)
class SeenServer:
    """The server at *address*. *version* is what 23/17 told, *states* whether it knows NCP 23/29."""

    address: str
    idle_after: int
    name: str | None = None
    version: tuple[int, int] | None = None
    directory: bool = False  # it answers NDS
    states: bool | None = None
    facts: list[Fact] = field(default_factory=list)
    connections: dict[int, SeenConnection] = field(default_factory=dict)  # by number
    numbers: Numbers = field(default_factory=dict)
    spoke: int = 0  # the time of the last packet from it or to it
    transports: set[str] = field(default_factory=set)

    def tell(
        self, t: int, number: int, what: What, sure: Sure, connection: SeenConnection | None, /, **detail: Any
    ) -> Fact:
        fact = Fact(t, number, what, sure, connection, detail=detail)
        if connection is not None:
            fact.asked, fact.alive = connection.last_request, connection.alive
            fact.doubtful = connection.doubtful_files
        self.facts.append(fact)
        return fact

    def appears(self, t: int, number: int, connection: SeenConnection, sure: Sure) -> None:
        """A connection comes into being, or into sight."""
        self.connections[connection.number] = connection
        self.tell(t, number, What.CREATE, sure, connection)
        if connection.state is None:
            connection.unsure = BEFORE
            connection.doubtful_files = True
            self.tell(t, number, What.UNCERTAIN, Sure.UNKNOWN, connection, why=BEFORE)

    def doubts(self, t: int, number: int, connection: SeenConnection, why: str = MISSING) -> None:
        """From now on what is believed of a connection may be wrong."""
        connection.exchange = None
        connection.doubtful_files = True
        if connection.unsure is None:
            connection.unsure = why
            self.tell(t, number, What.UNCERTAIN, Sure.UNKNOWN, connection, why=why)

    def is_sure(self, t: int, number: int, connection: SeenConnection) -> None:
        """What is believed of a connection is so."""
        if connection.unsure is not None:
            connection.unsure = None
            self.tell(t, number, What.CERTAIN, Sure.SEEN, connection)
        connection.alive = max(connection.alive, t)

    def moves(
        self, t: int, number: int, connection: SeenConnection, to: State, cause: str, sure: Sure, **detail: Any
    ) -> None:
        """A connection goes to another state, in which it then is for sure."""
        self.tell(t, number, What.MOVE, sure, connection, to=to, cause=cause, **detail)
        self._reached(t, number, connection, to)

    def logs_in(
        self, t: int, number: int, connection: SeenConnection, to: State, user: str, how: str, *, signed: bool
    ) -> None:
        self.tell(t, number, What.LOGIN, Sure.SEEN, connection, to=to, user=user, how=how, signed=signed)
        connection.user = user
        self._reached(t, number, connection, to)

    def _reached(self, t: int, number: int, connection: SeenConnection, to: State) -> None:
        connection.state = to
        if to is not State.LICENSED:
            connection.files.clear()
            connection.directories.clear()
            connection.doubtful_files = False
        self.is_sure(t, number, connection)

    def confirms(self, t: int, number: int, connection: SeenConnection, state: State, cause: str) -> None:
        """A reply shows in which state a connection is; *cause* of a move to it that is not in the capture."""
        if connection.state is state:
            self.is_sure(t, number, connection)
        elif connection.state is None and state is State.ATTACHED:
            connection.state = state
            self.is_sure(t, number, connection)
        elif connection.unsure is not None:
            self.moves(t, number, connection, state, cause, Sure.UNKNOWN)

    def revives(self, number: int, connection: SeenConnection) -> None:
        """A connection that was believed to have ended is there: that is withdrawn."""
        self.facts = [
            fact
            for fact in self.facts
            if fact.connection is not connection or not (fact.what is What.END or fact.detail.get("what") == "gave-up")
        ]
        connection.ended = connection.given_up = False
        self.connections[connection.number] = connection
        self.doubts(connection.alive, number, connection)

    def idles(self, now: int, connection: SeenConnection) -> bool:
        """Whether a connection has made no request for long until *now*, which is told."""
        t = connection.last_request + self.idle_after
        if now < t:
            return False
        self.tell(t, 0, What.IDLE, Sure.INFERRED, connection)
        return True

    def ends(self, t: int, number: int, connection: SeenConnection, cause: str, sure: Sure, **detail: Any) -> Fact:
        """A connection has ended."""
        self.idles(t, connection)
        connection.ended = True
        if self.connections.get(connection.number) is connection:
            del self.connections[connection.number]
        return self.tell(t, number, What.END, sure, connection, cause=cause, **detail)

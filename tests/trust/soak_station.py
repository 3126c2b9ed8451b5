"""What one station of a soak does, over and over: it attaches, works, and ends well, badly or not at all.

A generator that yields steps and touches neither sockets nor clocks; ``soak_virtual`` and ``soak_real`` carry it out.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from random import Random

from fakenw.wire import packet as ncp
from fakenw.wire.layout import Malformed
from fakenw.wire.packet import ReplyPacket, RequestPacket
from fakenw.wire.requests import bindery, connection, files, server

OFFER = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"
USERS = 40  # U0 and so on; SUPERVISOR is nobody
HOUR = 3600.0


@dataclass(frozen=True)
class Boot:
    """The machine starts: from now on it has a new port. What it had before is gone without a word.

    *silently*: the server is not even told that a TCP connection has ended, for some time.
    """

    silently: bool


@dataclass(frozen=True)
class Ask:
    """A request, sent *times* times; its reply is lost with *lost*, and then it is sent again."""

    packet: RequestPacket
    times: int = 1
    lost: bool = False


@dataclass(frozen=True)
class Rest:
    """So many seconds of the server's time pass. With *answers* the station answers the watchdog meanwhile."""

    seconds: float
    answers: bool = True


Step = Boot | Ask | Rest
Life = Generator[Step, ReplyPacket | None, None]


class Requests:
    """The requests of one connection, numbered."""

    def __init__(self, number: int) -> None:
        self.number, self._sequence = number, 0

    def __call__(self, layout: object = None, *, function: int = 0, body: bytes = b"") -> RequestPacket:
        self._sequence = (self._sequence + 1) & 0xFF
        if layout is not None:
            function, body = layout.function, layout.body()  # type: ignore[attr-defined]
        return RequestPacket(ncp.REQUEST, self._sequence, self.number, 1, function, body)

    def destroy(self) -> RequestPacket:
        self._sequence = (self._sequence + 1) & 0xFF
        return RequestPacket(ncp.DESTROY, self._sequence, self.number, 1, 0, b"")


CREATE = RequestPacket(ncp.CREATE, 0, ncp.NO_CONNECTION, 1, 0, b"")


def life(random: Random, name: str, pause: float) -> Life:
    """The steps of a station, without end. *pause* is the mean of its pauses, in seconds of the server's time."""
    yield Rest(random.uniform(0, 2 * pause))  # they do not all begin at once
    silently = False
    while True:
        yield Boot(silently)
        silently = yield from _session(random, name, pause)
        yield Rest(random.expovariate(1 / pause))


def stay(user: str) -> Life:
    """A station that attaches, logs in and keeps its license."""
    yield Boot(False)
    created = yield Ask(CREATE)
    assert created is not None
    login = yield Ask(Requests(created.connection)(bindery.PlainLogin(1, user, "")))
    assert login is not None
    assert not login.completion, "a license for each of the stations that keep one"
    while True:
        yield Rest(HOUR)


def _session(random: Random, name: str, pause: float) -> Generator[Step, ReplyPacket | None, bool]:
    """One time between two starts of the machine. Returns whether it goes silently."""
    created = yield Ask(CREATE)
    if created is None or created.completion:
        return False
    ask = Requests(created.connection)
    handles: list[bytes] = []
    for turn in range(random.randint(2, 14)):
        match random.choices(_ACTIONS, _WEIGHTS)[0] if turn else "login":
            case "login":
                yield Ask(ask(bindery.PlainLogin(1, f"U{random.randrange(USERS)}", "")))
            case "wrong password":
                yield Ask(ask(bindery.PlainLogin(1, f"U{random.randrange(USERS)}", "WRONG")))
            case "open":
                opened = yield Ask(ask(files.OpenFile(0, 6, 1, OFFER)), lost=random.random() < 0.05)
                if opened is not None and not opened.completion:
                    handles.append(_handle(opened))
            case "close" if handles:
                yield Ask(ask(files.CloseFile(0, handles.pop())))
            case "temporary file":
                path = f"SYS:{name}{random.randrange(1000):03}.TMP"
                made = yield Ask(ask(files.CreateFile(0, 0, path)))
                if made is not None and not made.completion:
                    yield Ask(ask(files.CloseFile(0, _handle(made))))
                    yield Ask(ask(files.EraseFile(0, 6, path)))
            case "unsupported":
                yield Ask(ask(function=0x20, body=random.randbytes(2)))
            case "duplicate":
                yield Ask(ask(server.GetServerTime()), times=3, lost=True)
            case "log out":
                yield Ask(ask(connection.Logout()))
                handles.clear()
            case "create again":
                again = yield Ask(CREATE)
                if again is None or again.completion:
                    return False
                ask, handles = Requests(again.connection), []
            case "silent for long":
                yield Rest(random.uniform(1, 6) * pause)
            case "vanish":
                yield Rest(random.uniform(1, 6) * pause, answers=False)
                return random.random() < 0.5
            case _:
                alive = yield Ask(ask(server.GetServerTime()))
                if alive is None or alive.status:
                    return False  # cleared
        yield Rest(random.expovariate(1 / pause))
    if random.random() < 0.7:
        yield Ask(ask(connection.Logout()))
    yield Ask(ask.destroy())
    return False


_CHANCES = {
    **{"login": 6, "wrong password": 2, "open": 8, "close": 6, "temporary file": 3, "unsupported": 1, "duplicate": 3},
    **{"log out": 2, "create again": 1, "silent for long": 1, "vanish": 2, "time": 6},
}
_ACTIONS, _WEIGHTS = list(_CHANCES), list(_CHANCES.values())


def _handle(reply: ReplyPacket) -> bytes:
    try:
        return files.OpenedFile.decode(reply.data).handle
    except Malformed:
        return bytes(6)

"""A whole server: bytes become requests of several stations, and time; then the books are audited."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fakenw.admin.bodies import Advance
from fakenw.admin.operations import Administration
from fakenw.admin.routes import ApiError, read_body
from fakenw.journal.record import SECOND, Journal
from fakenw.wire.packet import REQUEST, RequestPacket, WatchdogPacket
from fakenw.wire.requests import connection
from harness.judge.audit import books_balance
from tests.fakenw.stage import POLICIES, Stage, Station
from tests.trust.fuzz.wire_targets import REQUESTS

STATIONS = ("udp:10.0.0.1:1025", "udp:10.0.0.2:1025", "tcp:10.0.0.3:40001", "tcp:10.0.0.4:40001")
USERS = (("JOE", "SECRET"), ("ANN", ""), ("SUPERVISOR", ""), ("GUEST", "WRONG"))
MOST_EVENTS = 64


class _Source:
    """Takes choices out of bytes; zero when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def bytes(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def number(self, size: int = 1) -> int:
        return int.from_bytes(self.bytes(size), "big")


def sequences(data: bytes) -> None:
    """No sequence of events ends in an exception or in books that do not balance."""
    source = _Source(data)
    choice = source.number()
    more: dict[str, Any] = {"tree": "FAKETREE"} if choice & 0x80 else {}
    more |= {"slow": {(0x14, None): SECOND}} if choice & 0x40 else {}
    more |= {"auto_license": False} if choice & 0x20 else {}
    more |= {"clear_idle": 150 * SECOND} if choice & 0x10 else {}
    stage = Stage(POLICIES[choice % len(POLICIES)], licenses=2, connections=3, **more)
    for name in STATIONS:
        stage.station(name)
    for _ in range(MOST_EVENTS):
        if not source:
            break
        kind = source.number()
        _event(stage, stage.stations[STATIONS[kind & 3]], kind >> 2, source)
    _audit(stage)


def _event(stage: Stage, station: Station, kind: int, source: _Source) -> None:
    """Replies are not looked at: the audit of every line is asserted."""
    match kind % 16:
        case 0:
            stage.receive(station.name, source.bytes(source.number()))
        case 1 | 2 | 3:
            layout = REQUESTS[source.number(2) % len(REQUESTS)]
            body = source.bytes(source.number())
            if layout.subfunction is not None:
                sub = bytes([layout.subfunction])
                body = (
                    (len(body) + 1).to_bytes(2, "big") + sub + body
                    if layout.function in (21, 22, 23, 123)
                    else sub + body
                )
            station.sequence = station.sequence + 1 & 0xFF
            station.send(RequestPacket(REQUEST, station.sequence, station.number, 1, layout.function, body).encode())
        case 4:
            stage.receive(
                station.name,
                RequestPacket(
                    source.number(2), source.number(), source.number(2), source.number(), source.number(), b""
                ).encode(),
            )
        case 5 | 6:
            _attach(station)
        case 7 | 8:
            user, password = USERS[source.number() % len(USERS)]
            if stage.find(station.name) is not None and not stage.server.settings.slow:
                station.login(user, password)
        case 9:
            _send(station, connection.ChangeConnectionState(source.number() & 1))
        case 10:
            _send(station, connection.Logout())
        case 11:
            _lost(station)
        case 12:
            station.again()
        case 13:
            stage.wait(source.number(2) / 16)
        case 14:
            stage.receive(station.name, WatchdogPacket(source.number(2), b"Y").encode())
        case _:
            operation = ("clear", "reset", "down", "set", "enable")[source.number() % 5]
            _operate(stage, operation, source.number())


def _attach(station: Station) -> None:
    (reply, *_) = [*station.send(RequestPacket(0x1111, 0, 0xFFFF, 1, 0, b"").encode()), b""]
    if len(reply) >= 8 and not reply[6]:
        station.number, station.sequence = reply[3] | reply[5] << 8, 0


def _send(station: Station, request: Any) -> None:
    station.sequence = station.sequence + 1 & 0xFF
    packet = RequestPacket(REQUEST, station.sequence, station.number, 1, request.function, request.body())
    station.send(packet.encode())


def _lost(station: Station) -> None:
    if station.tcp:
        station.lost()


def _operate(stage: Stage, operation: str, number: int) -> None:
    administration = Administration(stage.server, lambda: stage.now, stage.delivery.act)
    given: dict[str, tuple[str, dict[str, Any]]] = {
        "clear": (f"connections/{number % 4}/clear", {}),
        "reset": ("reset", {"force": True}),
        "down": ("down", {}) if number > 250 else ("mark", {}),
        "set": ("set", {"licenses": number % 4}),
        "enable": ("login", {"enabled": bool(number % 2)}),
    }
    try:
        administration.do(*given[operation], "127.0.0.1:1")
    except ApiError as problem:
        assert 400 <= problem.status < 500, problem


def administration(data: bytes) -> None:
    """The first line is the path below /api/, the rest a body, as the HTTP edge hands them on."""
    stage = Stage("nls", licenses=2)
    stage.station(STATIONS[0]).licensed("JOE", "SECRET")
    stage.station(STATIONS[2]).attached()
    path, _, body = data.partition(b"\n")
    operations = Administration(stage.server, lambda: stage.now, stage.delivery.act)
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return
    if not isinstance(given, dict):
        return
    name = path.decode("latin-1")
    asks: list[Callable[[], object]] = [
        lambda: operations.do(name, given, "127.0.0.1:1"),
        lambda: operations.advance_by(read_body(Advance, given)),
    ]
    for ask in asks:
        try:
            json.dumps(ask(), allow_nan=False)
        except ApiError as problem:
            assert 400 <= problem.status < 500, problem
            assert str(problem), problem.status
    json.dumps([operations.about(), operations.connections(), operations.licenses()], allow_nan=False)
    stage.wait(400)
    _audit(stage)


def _audit(stage: Stage) -> None:
    stage.carry_out(stage.server.stop(stage.now))
    problems = books_balance(Journal("fuzz", stage.records))
    assert not problems, problems[0].text

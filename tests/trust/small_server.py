"""A server with three stations and two users, to which all that moves a license can happen; and which can be copied."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import product
from typing import Any

from fakenw.admin.operations import Administration
from fakenw.core.peer import TRANSPORTS, Peer
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.packet import WatchdogPacket
from fakenw.wire.requests import connection
from tests.fakenw.stage import Stage, Station
from tests.trust.license_rules import GONE, Action, Rules, SpecifiedState

LIKE = "udp:10.0.0.1:1025", "udp:10.0.0.2:1025"
STATIONS = (*LIKE, "tcp:10.0.0.3:40001")
USERS = {"JOE": "SECRET", "ANN": ""}
SILENCE = 890  # seconds, after which the watchdog has cleared a station
DAY = 86_400


def period(rules: Rules) -> int:
    """Half of the seconds for which a unit is kept; an hour where none is."""
    return 45 * DAY if rules.policy == "ual" else 36 * 3600 if rules.keeps_cleared else 3600


def actions(books: SpecifiedState) -> Iterator[Action]:
    """All that can happen. Whoever has no connection cannot lose it."""
    for station, (state, _) in books.connections.items():
        for what in ("attach", "license", "unlicense", "file", "end-of-job", "logout", "destroy"):
            yield Action(what, station)
        for user in USERS:
            yield Action("login", station, user)
        if state != GONE:
            yield Action("vanish", station)
            yield Action("clear", station)
            if not station.startswith("tcp:"):
                yield Action("again", station)
    yield Action("wait")
    yield Action("reset")


class SmallServer:
    """A server with its stations, which can be copied."""

    def __init__(self, rules: Rules, stations: tuple[str, ...] = STATIONS) -> None:
        self.rules, self.stations = rules, stations
        kept = 2 * period(rules) * SECOND if rules.keeps_cleared else 0
        self.stage = Stage(rules.policy, licenses=rules.limit, keep_cleared=kept)
        for name in stations:
            self.stage.station(name)

    def copy(self) -> SmallServer:
        """Another server in the same state; what never changes is shared."""
        server = self.stage.server
        server.take_effects()
        self.stage.records.clear()
        self.stage.order.clear()
        dispatch = server._dispatch
        shared: list[object] = [*TRANSPORTS.values(), server.settings, dispatch._functions, dispatch._plain, self.rules]
        shared += [server.random, server.counts, server.bindery]  # nothing depends on what is counted in an account
        shared += [volume.root for volume in server.volumes]  # files are only read
        return copy.deepcopy(self, {id(one): one for one in shared})

    def do(self, action: Action) -> int:
        """Let *action* happen; the completion code, 0 for what is no request."""
        stage = self.stage
        if action.what == "wait":
            self._late(period(self.rules))
        elif action.what == "reset":
            stage.delivery.act(stage.server.reset)
        else:
            code = self._at(stage.stations[action.station], action)
            if ("close", action.station) in stage.order:
                stage.stations[action.station].lost()
            return code
        return 0

    def _at(self, station: Station, action: Action) -> int:
        match action.what:
            case "attach":
                return station.create().completion
            case "login":
                assert action.user is not None
                return station.login(action.user, USERS[action.user])
            case "license" | "unlicense":
                return station.change(int(action.what == "license"))
            case "file":
                return station.open()
            case "end-of-job":
                return station.code(connection.EndOfJob())
            case "logout":
                return station.logout()
            case "destroy":
                return station.destroy().completion
            case "again":
                station.again()
            case "clear":
                operations = Administration(self.stage.server, lambda: self.stage.now, self.stage.delivery.act)
                number = self.stage.connection(station.name).number
                operations.do(f"connections/{number}/clear", {}, "127.0.0.1")
            case "vanish" if station.tcp:
                station.lost()
            case "vanish":
                until = self.stage.now + SILENCE * SECOND
                self.stage.until(until, lambda: self._answer(silent=station.name))
        return 0

    def _late(self, seconds: int) -> None:
        """Time passes in one jump, as for a machine that slept; then all stations answer."""
        stage = self.stage
        stage.now += seconds * SECOND
        while (due := stage.server.deadline()) is not None and due <= stage.now:
            stage.delivery.expire()
            self._answer()

    def _answer(self, silent: str = "") -> None:
        for name, station in self.stage.stations.items():
            asked = any(ncp.packet_type(sent) == ncp.WATCHDOG for sent in station.inbox)
            station.inbox.clear()
            if asked and name != silent:
                self.stage.receive(name, WatchdogPacket(station.number, b"Y").encode())

    def observed(self) -> dict[str, tuple[str, str | None]]:
        """The state and user of each station's connection."""
        found = {name: self.stage.find(name) for name in self.stations}
        return {name: (str(c.state), c.user) if c else (GONE, None) for name, c in found.items()}

    def units(self) -> list[str]:
        """What the ledger holds, in the names of ``license_rules``."""
        serials = {f"connection:{c.serial}": name for name in self.stations if (c := self.stage.find(name))}
        names = (serials.get(unit, unit.partition("user:")[2]) for unit in self.stage.server.ledger.holdings)
        return sorted(names)

    def state(self) -> tuple[Any, ...]:
        """All that a further step depends on, the same for states of which one is the other with like names changed."""
        server, now, half = self.stage.server, self.stage.now, period(self.rules) * SECOND
        serials = {f"connection:{c.serial}": name for name in self.stations if (c := self.stage.find(name))}

        def called(unit: str, names: dict[str, str]) -> str:
            name = serials.get(unit, unit.partition("user:")[2])
            return names.get(name, name)

        def renamed(names: dict[str, str]) -> tuple[Any, ...]:
            slots: list[tuple[Any, ...]] = []
            for name in self.stations:
                c = self.stage.find(name)
                place = names.get(name, name)
                if c is None:
                    slots.append((place, Peer.parse(name) in server._packets._cleared))
                    continue
                user = names.get(c.user, c.user) if c.user else ""
                unit = called(c.unit, names) if c.unit else ""
                slots.append((place, str(c.state), user, unit, len(c.files) > 0, c.awaiting_first_request, c.idle))
            units = [
                (called(unit, names), grant.uses, -(-(grant.until - now) // half) if grant.until else 0)
                for unit, grant in server.ledger.holdings.items()
            ]
            ends = [
                (called(unit, names), -(-(at - now) // half))
                for at, _, _, handler, unit in server._deadlines._heap
                if handler == server.ledger._expire
            ]
            return tuple(sorted(slots)), tuple(sorted(units)), tuple(sorted(ends))

        users = tuple(USERS)
        swaps = [
            {**dict(zip(LIKE, stations, strict=True)), **dict(zip(users, others, strict=True))}
            for stations, others in product((LIKE, LIKE[::-1]), (users, users[::-1]))
        ]
        return min((renamed(names) for names in swaps), key=repr)

"""The books under random use: after every step they say what a count of the connections says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fakenw.bindery.objects import USER
from fakenw.journal.record import SECOND, Journal
from fakenw.wire.packet import BEING_PROCESSED, REQUEST, RequestPacket, decode_reply, packet_type
from fakenw.wire.requests import bindery, connection, files, message, server
from harness.judge.audit import books_balance
from tests.harness.judge.lived_journals import PEER, operator

if TYPE_CHECKING:
    pass
from tests.fakenw.core.booked_stations import (
    LICENSES,
    MINUTES,
    NAMES,
    PASSWORDS,
    RESTRICTED,
    SLOTS,
    BookedStations,
    OpenStage,
    Units,
    answers,
)

stations = st.sampled_from(NAMES)
# Mostly a station that is there, for the others have little to say.
one_of_them = st.runner().flatmap(lambda machine: st.sampled_from(machine.living() * 4 + NAMES))
users = st.sampled_from([*PASSWORDS, *RESTRICTED, "ONE", "OLD"])


class Books(BookedStations):
    """What the stations do, and what the books say after it."""

    @rule(name=stations, sequence=st.integers(0, 1))
    def create(self, name: str, sequence: int) -> None:
        station = self.at(name)
        old = self.stage.find(name)
        code = station.create(sequence).completion
        if old is not self.stage.find(name):
            self.postponed.discard(name)
        assert code == (0 if self.stage.state(name) != "gone" else 0xF9)

    @rule(name=stations, user=users, unlicensed=st.booleans())
    def arrive(self, name: str, user: str, unlicensed: bool) -> None:
        """A workstation as it begins: it attaches, logs in, and may give its license back."""
        if self.stage.state(name) == "gone":
            self.create(name, 0)
        self.login(name, user, "keyed")
        if unlicensed:
            self.change_state(name, 0)

    @rule(name=one_of_them, user=users, how=st.sampled_from(["keyed", "plain", "old"]))
    def login(self, name: str, user: str, how: str) -> None:
        """The code is the one that the account's restrictions come to; without room nothing changes."""
        station = self.at(name)
        before, was, password = self.stage.state(name), self.user(name), PASSWORDS.get(user, "")
        refused, held = self.refusal(name, user), self.stage.held
        if how == "keyed":
            code = station.login(user, password)
        elif how == "plain":
            code = station.code(bindery.PlainLogin(USER, user, password))
        else:
            code = station.code(bindery.LoginUser(user, password))
        if before == "gone":
            assert code == 0xFD
        elif refused is not None or (code == 0xC5 and user == "JOE"):  # whom intruders may have locked
            assert code == (refused or 0xC5)
        else:
            assert code in (0xDF if user == "OLD" else 0, 0xE0)
        if code in (0, 0xDF):
            assert (self.stage.state(name), self.user(name)) == ("licensed", user)
            self.grace -= user == "OLD"
        else:
            assert (self.stage.state(name), self.user(name), self.stage.held) == (before, was, held)
            assert code != 0xE0 or held == LICENSES
        self.finish(station)

    @rule(name=one_of_them)
    def login_wrongly(self, name: str) -> None:
        station = self.at(name)
        held = self.stage.held
        assert station.login("JOE", "WRONG") in (0xFF, 0xFD, 0xC5)
        assert self.stage.held == held
        self.finish(station)

    @rule(name=one_of_them, enable=st.booleans())
    def enable_or_disable_login(self, name: str, enable: bool) -> None:
        """For everybody; who is in stays in."""
        station = self.at(name)
        held, operator, gone = self.stage.held, self.operator(name), self.stage.state(name) == "gone"
        code = station.code(server.EnableLogin() if enable else server.DisableLogin())
        assert code == (0xFD if gone else 0 if operator else 0xC6)
        self.logins = self.logins if code else enable
        assert self.stage.held == held
        self.finish(station)

    @precondition(lambda self: not self.logins)
    @rule()
    def enable_login_at_the_console(self) -> None:
        operator(self.stage).do("login", {"enabled": True}, PEER)
        self.logins = True

    @rule(name=one_of_them, state=st.integers(0, 1))
    def change_state(self, name: str, state: int) -> None:
        station = self.at(name)
        before = self.stage.state(name)
        code = station.change(state)
        if self.policy != "attach" and before in ("authenticated", "licensed"):
            there = before == ("licensed" if state else "authenticated")
            assert code in ((0x7B if state else 0x7A,) if there else (0, 0xE0) if state else (0,))
        self.finish(station)

    @rule(name=one_of_them, task=st.integers(1, 2))
    def open(self, name: str, task: int) -> None:
        station = self.at(name)
        before = self.stage.state(name)
        code = station.open(task=task)
        self.used_files(name, before, code)
        assert code == 0 or self.stage.state(name) != "licensed"
        self.finish(station)

    def used_files(self, name: str, before: str, code: int) -> None:
        """Whoever uses files is licensed, whatever becomes of the file, or has been refused, or was nobody."""
        after = self.stage.state(name)
        if before == "authenticated" and code != 0xE0:
            assert (after, self.auto_license) == ("licensed", True)
            return
        assert after == before
        if before != "licensed":
            assert code == {"gone": 0xFD, "attached": 0x7D, "authenticated": 0xE0}[before]
            assert code != 0xE0 or not self.auto_license or self.stage.held == LICENSES

    @rule(name=one_of_them, file=st.sampled_from(["A.TXT", "B.TXT"]))
    def create_file(self, name: str, file: str) -> None:
        station = self.at(name)
        before = self.stage.state(name)
        self.used_files(name, before, station.code(files.CreateFile(0, 0, f"SYS:{file}")))
        self.finish(station)

    @rule(name=one_of_them, file=st.sampled_from(["A.TXT", "B.TXT"]))
    def erase_file(self, name: str, file: str) -> None:
        station = self.at(name)
        before = self.stage.state(name)
        self.used_files(name, before, station.code(files.EraseFile(0, 6, f"SYS:{file}")))
        self.finish(station)

    @rule(name=one_of_them, task=st.integers(0, 2))
    def end_of_job(self, name: str, task: int) -> None:
        station = self.at(name)
        held = self.stage.held
        station.code(connection.EndOfJob(), task=task)
        assert self.stage.held == held
        self.finish(station)

    @rule(name=one_of_them)
    def logout(self, name: str) -> None:
        station = self.at(name)
        assert station.logout() == 0
        assert self.stage.state(name) in ("attached", "gone")
        self.finish(station)

    @rule(name=one_of_them)
    def destroy(self, name: str) -> None:
        station = self.at(name)
        gone = self.stage.state(name) == "gone"
        assert station.destroy().completion == 0
        assert gone or self.stage.state(name) == "gone"

    @rule(name=stations.filter(lambda name: name.startswith("tcp:")))
    def lost(self, name: str) -> None:
        self.at(name).lost()
        assert self.stage.state(name) == "gone"

    @rule(name=one_of_them, other=stations, old=st.booleans())
    def clear(self, name: str, other: str, old: bool) -> None:
        """An operator throws a station out, perhaps his own."""
        station = self.at(name)
        before, operator = self.stage.state(name), self.operator(name)
        victim = self.stage.find(other)
        number = victim.number if victim else 99
        self.replies.pop(other, None)
        kind = connection.ClearConnectionOld if old else connection.ClearConnection
        code = station.code(kind(number))
        assert code == (0xFD if before == "gone" else 0xC6 if not operator else 0 if victim else 0xFD)
        assert code or self.stage.state(other) == "gone"
        self.finish(station)

    @rule(name=one_of_them, other=stations, text=st.sampled_from(["A", "B"]))
    def send_message(self, name: str, other: str, text: str) -> None:
        """It waits for whoever is logged in and has none waiting; whatever becomes of it costs nothing."""
        station = self.at(name)
        gone, held = self.stage.state(name) == "gone", self.stage.held
        there = self.stage.find(other)
        reply = station.call(message.SendMessage((there.number if there else 99,), text))
        assert reply.completion == (0xFD if gone else 0)
        if not gone:
            (state,) = message.ManySendStates.decode(reply.data).states
            assert state == (1 if not there else 2 if not there.user else 4 if there.serial in self.messages else 0)
            if there and not state:
                self.messages[there.serial] = text
        assert self.stage.held == held
        self.finish(station)

    @rule(name=one_of_them)
    def get_message(self, name: str) -> None:
        """The reply says whether one waits; fetched, it waits no more."""
        station = self.at(name)
        found = self.stage.find(name)
        waits = self.messages.pop(found.serial, "") if found else ""
        seen = station.call(server.GetLoginStatus())
        reply = station.call(message.GetMessage())
        if found:
            assert seen.status == (0x40 if waits else 0)
            assert message.Message.decode(reply.data).text == waits
        self.finish(station)

    @rule(name=one_of_them)
    def postpone_watchdog(self, name: str) -> None:
        station = self.at(name)
        if station.code(connection.SetWatchdogDelay(MINUTES)) == 0:
            self.postponed.add(name)
        self.finish(station)

    @rule(name=one_of_them)
    def look(self, name: str) -> None:
        """Asking for the time costs nothing, even where it takes its time."""
        station = self.at(name)
        if not self.slow or self.stage.state(name) == "gone":
            assert station.code(server.GetServerTime()) in (0, 0xFD)
        else:
            station.sequence = (station.sequence + 1) & 0xFF
            packet = RequestPacket(REQUEST, station.sequence, station.number, 1, server.GetServerTime.function, b"")
            assert answers(station.send(packet.encode())) == []
            if not station.tcp:
                (busy,) = station.again()
                assert packet_type(busy) == BEING_PROCESSED
            self.wait(1)
            (reply,) = answers(station.inbox)
            assert decode_reply(reply).completion == 0
        self.finish(station)

    @rule(seconds=st.sampled_from([1, 200, 900, 86_400, 60 * 86_400]))
    def wait(self, seconds: int) -> None:
        self.stage.wait(seconds)
        if seconds >= 900:
            spared = self.postponed if seconds < 86_400 else set()
            still = [name for name in NAMES if name.startswith("udp:") and self.stage.state(name) != "gone"]
            assert set(still) <= spared
        if self.clear_idle is not None and seconds * SECOND >= self.clear_idle:
            assert not [slot for slot in self.stage.server.table.by_serial.values() if slot.unit is not None]
        self.replies = {name: replies for name, replies in self.replies.items() if self.stage.state(name) != "gone"}

    @precondition(lambda self: self.replies)
    @rule(data=st.data())
    def duplicate(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.replies)))
        lines, before = len(self.stage.records), self.accounts()
        assert answers(self.stage.stations[name].again()) == self.replies[name]
        assert {record.event for record in self.stage.records[lines:]} <= {"watchdog"}  # a sign of life, no more
        assert self.accounts() == before

    def accounts(self) -> list[object]:
        """What the bindery remembers of every user's logins: a bad one counts once."""
        return [item.control for item in self.stage.server.bindery.objects.values() if item.type == USER]

    @invariant()
    def books_are_right(self) -> None:
        """The stage has audited each line; the last of them must say what the connections cost."""
        for record in self.stage.records[self.told :]:
            self.connections.read(record)
            if record.event == "state" and record["to"] in ("attached", "gone"):
                self.messages.pop(record["serial"], None)
        self.told = len(self.stage.records)
        counted = self.connections.held(self.policy, self.units, self.stage.now)
        assert self.stage.held == self.stage.server.ledger.held == counted <= LICENSES

    @invariant()
    def fold_is_right(self) -> None:
        """What the journal's lines add up to is what the server itself has."""
        server, fold = self.stage.server, self.stage.fold
        assert fold.held == server.ledger.held
        assert set(fold.units) == set(server.ledger.holdings)
        assert fold.connections.keys() == server.table.by_serial.keys()
        for serial, slot in server.table.by_serial.items():
            one = fold.connections[serial]
            assert (one.connection, one.station, one.transport) == (slot.number, slot.station, slot.station[:3])
            assert (one.state, bool(one.holding), bool(one.idle)) == (str(slot.state), bool(slot.unit), slot.idle)
            assert one.open_files.keys() == {handle.hex() for handle in slot.files}
            assert one.last_request <= slot.last_request

    @invariant()
    def table_is_right(self) -> None:
        """Every slot has its own number, station and serial, and the state that the journal says."""
        table = self.stage.server.table
        slots = list(table.by_number.items())
        assert len(slots) == len(table.by_peer) == len(table.by_serial) <= SLOTS
        assert all(number == slot.number and 1 <= number <= SLOTS for number, slot in slots)
        assert len({slot.serial for _, slot in slots}) == len(slots)
        living = {serial: state for serial, (state, _) in self.connections.now.items() if state != "gone"}
        assert living == {slot.serial: str(slot.state) for _, slot in slots}

    def teardown(self) -> None:
        """The end: a server that is down answers with its status, holds what it held, and says who holds it."""
        held = self.stage.held
        name = next((name for name in NAMES if self.operator(name)), None)
        if name is not None:
            station = self.at(name)
            assert station.code(server.DownServer(0xFF)) == 0
            assert station.call(server.GetLoginStatus()).status == 0x10
        self.stage.carry_out(self.stage.server.stop(self.stage.now))
        (stop,) = self.stage.events("stop")
        assert (self.stage.held, stop["held"]) == (held, held)
        self.books_are_right()
        assert books_balance(Journal("books", self.stage.records)) == []


def test_books(open_stage: OpenStage, units: Units, policy: str) -> None:
    """Random clients over both transports, for each policy."""

    class OfPolicy(Books):
        def __init__(self) -> None:
            super().__init__(open_stage, units, policy)

    run_state_machine_as_test(OfPolicy, settings=settings(stateful_step_count=40))

"""What the observer makes of packets, above all where some are missing."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.core.peer import IPX, TCP
from fakenw.journal.record import SECOND
from fakenw.wire.layout import Request
from fakenw.wire.packet import BURST, DESTROY, REPLY, REQUEST, ReplyPacket, RequestPacket
from fakenw.wire.requests.bindery import PlainLogin
from fakenw.wire.requests.connection import ChangeConnectionState, ClearConnection, GetStationInfo, Logout
from fakenw.wire.requests.files import CloseFile, GetFileSize, OpenFile
from harness.capture.message import Lifeline
from tests.harness.capture.packet_script import FILE, HANDLE, JOE, OPENED, PacketScript

MISSING = "uncertain packets are missing from the capture (unknown)"
BEFORE = ["create (unknown)", "gone>attached create (unknown)", "uncertain it was there before the capture (unknown)"]
ATTACHED = ["create", "gone>attached create"]
LOGGED_IN = [*ATTACHED, "grant login", "attached>licensed login", "login"]


def test_a_whole_session() -> None:
    wire = PacketScript()
    wire.attach()
    wire.call(JOE)
    wire.call(FILE, data=OPENED)
    wire.call(CloseFile(0, HANDLE))
    wire.call(Logout())
    wire.destroy()
    logout = ["licensed>attached logout", "release logout"]
    files = ["open SYS:DIR/FILE", "shut close SYS:DIR/FILE"]
    assert wire.story() == [*LOGGED_IN, *files, *logout, "attached>gone destroy", "close destroy"]
    assert wire.journal().records[-1]["holders"] == []


def test_a_repeated_request_is_one() -> None:
    wire = PacketScript()
    wire.attach()
    for _ in range(3):
        wire.sequence = 0
        wire.asks(JOE)
    wire.hears()
    wire.hears()
    assert wire.story() == LOGGED_IN


def test_a_refusal_changes_nothing() -> None:
    wire = PacketScript()
    wire.attach()
    wire.call(JOE, 0xFF)
    wire.call(PlainLogin(1, "JOE", "x"), 0xE0)
    assert wire.story() == [*ATTACHED, "login-failed", "deny license"]


@pytest.mark.parametrize("request_of", [JOE, Logout()], ids=["login", "logout"])
def test_a_reply_that_is_missing_leaves_doubt(request_of: Request[Any]) -> None:
    wire = PacketScript()
    wire.attach()
    wire.asks(request_of)
    wire.call(GetStationInfo(1), 0xFD)
    assert wire.story() == [*ATTACHED, MISSING]


def test_a_read_without_its_reply_leaves_none() -> None:
    wire = PacketScript()
    wire.attach()
    wire.call(JOE)
    wire.asks(GetFileSize(0, HANDLE))
    wire.call(GetStationInfo(1), 0xFD)
    assert wire.story() == LOGGED_IN


def test_a_close_without_its_reply_leaves_the_file_in_doubt() -> None:
    wire = PacketScript()
    wire.attach()
    wire.call(JOE)
    wire.call(FILE, data=OPENED)
    wire.asks(CloseFile(0, HANDLE))
    wire.call(Logout())
    shut = "shut logout SYS:DIR/FILE (unknown)"
    assert wire.story() == [*LOGGED_IN, "open SYS:DIR/FILE", shut, "licensed>attached logout", "release logout"]


def test_a_destroy_without_its_reply_leaves_doubt() -> None:
    wire = PacketScript()
    wire.attach()
    wire.send(RequestPacket(DESTROY, 1, 7, 0, 0, b"").encode(), from_client=True)
    assert wire.story() == [*ATTACHED, MISSING]


def test_a_number_that_is_left_out_leaves_doubt_until_a_reply_shows_the_state() -> None:
    wire = PacketScript()
    wire.attach()
    wire.sequence += 1
    wire.call(GetStationInfo(1), 0xFD)
    wire.call(FILE, data=OPENED)
    licensed = ["grant service (unknown)", "attached>licensed service (unknown)", "certain"]
    assert wire.story() == [*ATTACHED, MISSING, *licensed, "open SYS:DIR/FILE"]


def test_bytes_that_are_missing_from_a_stream_leave_doubt() -> None:
    wire = PacketScript(TCP)
    wire.attach()
    wire.call(JOE)
    wire.life(Lifeline.GAP)
    wire.call(ChangeConnectionState(0), 0x7A)
    moved = ["licensed>authenticated unlicense (unknown)", "release unlicense (unknown)", "certain"]
    assert wire.story() == [*LOGGED_IN, MISSING, *moved]


def test_a_connection_from_before_the_capture_may_hold_a_license() -> None:
    wire = PacketScript()
    wire.call(GetStationInfo(1), 0xFD)
    assert wire.story() == BEFORE


def test_a_license_from_before_the_capture_is_given_back() -> None:
    wire = PacketScript()
    wire.call(ChangeConnectionState(0))
    granted = ["grant service (unknown)", "attached>licensed service (unknown)", "certain"]
    assert wire.story() == [*BEFORE, *granted, "licensed>authenticated unlicense", "release unlicense"]


def test_a_file_before_the_login_licenses_nothing() -> None:
    wire = PacketScript()
    wire.call(OpenFile(0, 0, 1, "SYS:LOGIN/LOGIN.EXE"), data=OPENED)
    assert wire.story() == [*BEFORE, "open SYS:LOGIN/LOGIN.EXE"]


def test_a_round_of_the_watchdog_ends_a_connection() -> None:
    wire = PacketScript()
    wire.attach()
    wire.call(JOE)
    for _ in range(10):
        wire.watchdog(answered=False)
    given_up = ["watchdog gave-up (inferred)", "licensed>gone watchdog (inferred)", "release watchdog (inferred)"]
    ended = ["watchdog silent", "idle (inferred)", *given_up, "close watchdog (inferred)"]
    assert wire.story(61 * SECOND) == [*LOGGED_IN, *ended]


def test_a_round_that_is_not_over_ends_nothing() -> None:
    wire = PacketScript()
    wire.attach()
    for _ in range(9):
        wire.watchdog(answered=False)
    assert wire.story(60 * SECOND) == [*ATTACHED, "watchdog silent"]


def test_a_later_packet_shows_that_the_watchdog_did_not_end_it() -> None:
    wire = PacketScript()
    wire.attach()
    for _ in range(10):
        wire.watchdog(answered=False)
    wire.now += 600 * SECOND
    wire.call(GetStationInfo(1), 0xFD)
    assert wire.story() == [*ATTACHED, "watchdog silent", MISSING, "watchdog answered"]


def test_an_answer_to_the_watchdog() -> None:
    wire = PacketScript(IPX)
    wire.attach()
    wire.watchdog(answered=False)
    wire.watchdog(answered=True)
    assert wire.story() == ["create", "grant create", "gone>attached create", "watchdog silent", "watchdog answered"]


def test_an_operator_clears_a_connection_without_a_packet() -> None:
    wire = PacketScript()
    wire.attach()
    wire.call(JOE)
    wire.call(ClearConnection(3))
    ended = ["operator", "attached>gone cleared", "close cleared"]
    assert wire.story() == [*LOGGED_IN, *BEFORE, *ended]


def test_bursts_are_no_idleness() -> None:
    wire = PacketScript(IPX)
    wire.attach()
    for _ in range(3):
        wire.now += 200 * SECOND
        wire.send(BURST.to_bytes(2, "big") + bytes(30), from_client=True)
    assert wire.story() == ["create", "grant create", "gone>attached create"]


def test_a_station_that_attaches_anew() -> None:
    wire = PacketScript()
    wire.attach()
    wire.call(JOE)
    wire.attach()
    ended = ["licensed>gone reinitialize", "release reinitialize", "close reinitialize"]
    assert wire.story() == [*LOGGED_IN, *(f"{line} (inferred)" for line in ended), *ATTACHED]


def test_a_stream_that_the_client_closes() -> None:
    wire = PacketScript(TCP)
    wire.attach()
    wire.call(JOE)
    wire.life(Lifeline.CLIENT_CLOSED)
    ended = ["licensed>gone lost", "release lost", "close lost"]
    assert wire.story() == [*LOGGED_IN, *(f"{line} (inferred)" for line in ended)]


def test_a_server_that_stops_releases_nothing() -> None:
    wire = PacketScript(TCP)
    wire.attach()
    wire.call(JOE)
    wire.life(Lifeline.SERVER_CLOSED)
    assert wire.story() == LOGGED_IN
    (holder,) = wire.journal().records[-1]["holders"]
    assert (holder["user"], holder["alive"]) == ("JOE", 4.0)


def test_a_connection_that_the_server_knows_no_more() -> None:
    wire = PacketScript()
    wire.attach()
    wire.call(JOE)
    wire.asks(GetStationInfo(1))
    wire.hears(0xFD, status=1)
    ended = ["licensed>gone cleared", "release cleared", "close cleared"]
    assert wire.story() == [*LOGGED_IN, *(f"{line} (unknown)" for line in ended)]


def test_a_number_that_is_not_the_stations_ends_nothing() -> None:
    wire = PacketScript()
    wire.attach()
    wire.call(JOE)
    wire.connection = 9
    wire.asks(GetStationInfo(1))
    wire.hears(0xFD, status=1)
    assert wire.story() == LOGGED_IN


def test_a_clock_that_was_set_back() -> None:
    wire = PacketScript()
    wire.attach()
    wire.now -= 3600 * SECOND
    wire.call(JOE)
    records = wire.journal().records
    assert [record["seconds"] for record in records if record.event == "gap"] == [-3599.0]
    assert [record.t for record in records] == sorted(record.t for record in records)


def test_a_signed_stream_is_followed() -> None:
    wire = PacketScript(TCP)
    wire.attach()
    wire.call(JOE)
    packet = RequestPacket(REQUEST, 2, 7, 1, 0x19, b"").encode()
    wire.send(b"SIGNATUR" + packet, from_client=True)
    wire.send(b"SIGNATUR" + ReplyPacket(REPLY, 2, 7, 1, 0, 0, b"").encode(), from_client=False)
    assert wire.story() == [*LOGGED_IN, "licensed>attached logout", "release logout"]


def test_packets_that_cannot_be_read_leave_doubt() -> None:
    wire = PacketScript()
    wire.attach()
    wire.send(RequestPacket(REQUEST, 1, 7, 1, 0x17, b"\0\1").encode(), from_client=True)
    wire.sequence = 1
    wire.hears()
    wire.send(b"", from_client=True)
    wire.send(b"\x33\x33", from_client=False)
    wire.send(b"\x3e\x3e", from_client=False)
    assert wire.story() == [*ATTACHED, "uncertain a packet cannot be read (unknown)"]

"""Packet signatures: what is agreed, when they begin and end, and what a bad one does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from fakenw.core.signing import TOLD_EVERY
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.framing import SIGNED, frame_request
from fakenw.wire.packet import BAD_CONNECTION, Code, RequestPacket, decode_reply
from fakenw.wire.requests import bindery, connection
from fakenw.wire.requests.server import GetServerTime
from tests.fakenw.login_ways import nds, nds_login, plain

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]


def keyed(station: Station) -> int:
    code = station.login("JOE", "SECRET")
    if code == 0:
        station.signs(station.root)
    return code


def in_tree(station: Station) -> int:
    login = nds_login(station, "SECRET", signed=True)
    assert login.root is not None
    station.signs(login.root)
    return station.change(1)


LOGINS = pytest.mark.parametrize("login", [keyed, in_tree])


@pytest.fixture
def stage(open_stage: OpenStage) -> Stage:
    return open_stage("nls")


@pytest.fixture
def station(stage: Stage, transport: str) -> Station:
    """One that has agreed to sign."""
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    assert station.negotiate() == 2
    return station


@pytest.fixture
def signing(station: Station) -> Station:
    """One that signs."""
    assert keyed(station) == 0
    return station


# What is agreed


@pytest.mark.parametrize(("asked", "answers"), [(0, (0, 0, 2, 2)), (2, (0, 2, 2, 2)), (0x0F, (0, 2, 2, 2))])
def test_levels(open_stage: OpenStage, transport: str, asked: int, answers: tuple[int, ...]) -> None:
    """Levels 0 to 3 of the server; of the flags only that of signatures is answered."""
    for level, answer in enumerate(answers):
        station = open_stage("nls", signatures=level).station(f"{transport}:10.0.0.1:1025").attached()
        assert station.negotiate(asked) == answer


@pytest.mark.parametrize("how", ["never asked", "refused by the client", "taken back by NCP 33"])
def test_without_an_agreement_nothing_is_signed(stage: Stage, transport: str, how: str) -> None:
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    if how != "never asked":
        station.negotiate(0 if how == "refused by the client" else 2)
    if how == "taken back by NCP 33":
        station.call(connection.NegotiateBuffer(1024))
    assert station.login("JOE", "SECRET") == 0
    assert station.code(GetServerTime()) == 0
    assert not any("signed" in line.fields for line in stage.events("login"))


@pytest.mark.parametrize(
    ("level", "agreed", "code"), [(3, True, 0), (3, False, Code.SIGNATURE_REQUIRED), (2, False, 0)]
)
@pytest.mark.parametrize("login", [lambda each: each.login("JOE", "SECRET"), nds])
def test_level_3_refuses_a_login_without(
    open_stage: OpenStage, transport: str, level: int, agreed: bool, code: int, login: Callable[[Station], int]
) -> None:
    """0xAC, whatever the password; it is no wrong one."""
    station = open_stage("nls", signatures=level).station(f"{transport}:10.0.0.1:1025").attached()
    if agreed:
        assert station.negotiate() == 2
        assert (keyed(station), in_tree(station)) == (0, 0)
        return
    assert login(station) == code
    assert [line["code"] for line in station.stage.events("login-failed")] == [code] * (code != 0)


def test_level_3_refuses_a_plain_login(open_stage: OpenStage, transport: str) -> None:
    """It gives no key to sign with (libncp)."""
    station = open_stage("nls", signatures=3).station(f"{transport}:10.0.0.1:1025").attached()
    station.negotiate()
    assert plain(station) == Code.SIGNATURE_REQUIRED
    assert keyed(station) == 0
    assert plain(station) == 0, "it signs already, and goes on with the old key"
    assert station.code(GetServerTime()) == 0


# When it begins and ends


@LOGINS
def test_the_request_behind_the_login_is_signed(station: Station, login: Callable[[Station], int]) -> None:
    """The login and its reply are not; from then on requests and replies are, of whatever code, and the destroy."""
    assert login(station) == 0
    assert [line.get("signed") for line in station.stage.events("login")] == [True]
    for _ in range(300):
        assert station.code(GetServerTime()) == 0
    assert station.code(bindery.GetObjectId(1, "NOBODY")) == Code.NO_SUCH_OBJECT
    assert station.open() == 0
    assert station.destroy().completion == 0
    assert (station.stage.held, station.stage.events("bad-signature")) == (0, [])


def test_a_refused_login_begins_nothing(station: Station) -> None:
    assert station.login("JOE", "WRONG") == 0xFF
    assert station.code(GetServerTime()) == 0


def test_a_grace_login_begins_it(open_stage: OpenStage, transport: str) -> None:
    """0xDF is a success."""
    from tests.fakenw.core.test_nds_login import EXPIRED

    station = open_stage("nls", users=(EXPIRED,)).station(f"{transport}:10.0.0.1:1025").attached()
    station.negotiate()
    assert station.login("ANNA", "SECRET") == 0xDF
    station.signs(station.root)
    assert station.code(GetServerTime()) == 0


@LOGINS
def test_a_second_login_begins_anew(signing: Station, login: Callable[[Station], int]) -> None:
    """It is signed with the old root, and so is its reply."""
    assert login(signing) == 0
    assert signing.code(GetServerTime()) == 0
    assert signing.stage.events("bad-signature") == []


def test_a_logout_does_not_end_it(signing: Station) -> None:
    assert signing.logout() == 0
    assert signing.code(GetServerTime()) == 0
    assert signing.negotiate(0) == 2, "it cannot be turned off"


def test_a_new_create_ends_it(signing: Station) -> None:
    """A client that has started again knows of nothing: its create is not signed, and has the slot."""
    number = signing.number
    signing.signs_no_more()
    assert signing.create().connection == number
    assert signing.code(GetServerTime()) == 0
    assert [line["cause"] for line in signing.stage.events("close")] == ["reinitialize"]


def test_a_station_comes_back_after_its_destroy(signing: Station) -> None:
    signing.destroy()
    signing.signs_no_more()
    assert signing.create().completion == 0
    assert signing.code(GetServerTime()) == 0


# Bad signatures


def changed(station: Station, place: int) -> list[bytes]:
    """Send the next request with one bit of its frame or datagram changed."""
    assert station.signer is not None
    station.sequence += 1
    packet = RequestPacket(ncp.REQUEST, station.sequence, station.number, 1, 22, bytes.fromhex("0003") + bytes(70))
    signature = station.signer.sign_request(packet.encode())
    data = bytearray(
        frame_request(packet.encode(), signature=signature) if station.tcp else packet.encode() + signature
    )
    data[place] ^= 1
    return station.send_raw(bytes(data))


@pytest.mark.parametrize("place", [-1, -8, 6, 10, 57])
def test_a_bad_signature_over_udp(stage: Stage, place: int) -> None:
    """Of the signature and of the 52 bytes: dropped, and the same request, sent again as it was, is executed."""
    station = stage.station("udp:10.0.0.1:1025").attached()
    station.negotiate()
    keyed(station)
    state = stage.state(station.name), stage.held
    assert changed(station, place) == []
    right = bytearray(station.last)
    right[place] ^= 1
    assert [decode_reply(reply).sequence for reply in station.send_raw(bytes(right))] == [station.sequence]
    assert (stage.state(station.name), stage.held) == state
    (line,) = stage.events("bad-signature")
    assert (line["packets"], line["user"]) == (1, "JOE")
    assert stage.server.counts.bad_signatures == 1


@pytest.mark.parametrize("place", [16, 23, 30, 81])
def test_a_bad_signature_over_tcp(stage: Stage, place: int) -> None:
    """The socket is closed, and the connection ends with a cause of its own; what came behind it is not executed."""
    station = stage.station("tcp:10.0.0.1:1025").attached()
    station.negotiate()
    keyed(station)
    assert station.open() == 0
    assert changed(station, place) == []
    assert stage.order[-1] == ("close", station.name)
    assert [line["cause"] for line in stage.events("close")] == ["bad-signature"]
    assert (stage.held, len(stage.events("bad-signature"))) == (0, 1)
    assert stage.events("unsupported") == []


def test_bytes_behind_the_52_are_not_protected(stage: Stage) -> None:
    for transport, place in (("udp", 58), ("tcp", 83)):
        station = stage.station(f"{transport}:10.0.0.1:1025").attached()
        station.negotiate()
        keyed(station)
        assert len(changed(station, place)) == 1


def test_many_bad_signatures_are_one_line_a_minute(stage: Stage) -> None:
    station = stage.station("udp:10.0.0.1:1025").attached()
    station.negotiate()
    keyed(station)
    before = station.sequence
    for _ in range(500):
        station.sequence = before
        changed(station, -1)
    assert [line["packets"] for line in stage.events("bad-signature")] == [1]
    stage.wait(TOLD_EVERY / SECOND)
    changed(station, -1)
    assert [line["packets"] for line in stage.events("bad-signature")] == [1, 500]


@pytest.mark.parametrize("size", range(14))
def test_a_packet_that_is_too_short(signing: Station, size: int) -> None:
    """Dropped, or the end of the stream: nothing is answered."""
    signing.sequence += 1
    packet = RequestPacket(ncp.REQUEST, signing.sequence, signing.number, 1, 20, bytes(8)).encode()[:size]
    if not signing.tcp or size >= 6:
        assert signing.send_raw(frame_request(packet) if signing.tcp else packet) == []
    assert signing.stage.events("unsupported") == []


# Duplicates over UDP


def test_a_repeated_login_gets_its_unsigned_reply(stage: Stage) -> None:
    """Its reply was lost. The login is not signed, although the server expects a signature now."""
    station = stage.station("udp:10.0.0.1:1025").attached()
    station.negotiate()
    assert station.login("JOE", "SECRET") == 0
    assert [decode_reply(reply).completion for reply in station.again()] == [0]
    station.signs(station.root)
    assert station.code(GetServerTime()) == 0
    assert len(stage.events("login")) == 1


def test_a_repeated_fragment_of_verb_60_gets_its_unsigned_reply(stage: Stage) -> None:
    station = stage.station("udp:10.0.0.1:1025").attached()
    station.negotiate()
    login = nds_login(station, "SECRET", signed=True)
    assert len(station.again()) == 1
    assert login.root is not None
    station.signs(login.root)
    assert station.code(GetServerTime()) == 0


def test_a_repeated_request_gets_its_signed_reply(stage: Stage) -> None:
    """The very bytes again: neither is executed nor hashed twice."""
    station = stage.station("udp:10.0.0.1:1025").attached()
    station.negotiate()
    keyed(station)
    first = station.call(GetServerTime())
    sent = functools.partial(station.again)
    for _ in range(3):
        assert [decode_reply(again) for again in sent()] == [first]
    assert station.code(GetServerTime()) == 0
    assert stage.server.counts.duplicates == 3


def test_late_and_forged_datagrams_move_nothing(stage: Stage) -> None:
    """An earlier request, and another one with the number of the last: dropped before they are verified."""
    station = stage.station("udp:10.0.0.1:1025").attached()
    station.negotiate()
    keyed(station)
    station.code(GetServerTime())
    early = station.last
    station.code(GetServerTime())
    assert station.send_raw(early) == []
    forged = RequestPacket(ncp.REQUEST, station.sequence, station.number, 1, 25, b"").encode() + bytes(8)
    assert station.send_raw(forged) == []
    assert (station.code(GetServerTime()), stage.events("bad-signature")) == (0, [])


# A connection that the server has ended


def test_a_cleared_station_is_told_in_a_signed_reply(signing: Station) -> None:
    """Else a client over UDP would wait for a minute, and one over TCP read a broken frame."""
    stage = signing.stage
    stage.server.clear(stage.connection(signing.name), "cleared")
    stage.carry_out(stage.server.take_effects())
    reply = signing.call(GetServerTime())
    assert reply.status & BAD_CONNECTION
    assert (stage.order[-1] == ("close", signing.name)) is signing.tcp


def test_signers_of_ended_connections_are_few(open_stage: OpenStage) -> None:
    """A thousand: stations that never come back take no memory."""
    stage = open_stage("nls", licenses=2000, connections=2000)
    for number in range(1100):
        station = stage.station(f"udp:10.0.{number // 256}.{number % 256}:1025").attached()
        station.negotiate()
        keyed(station)
        stage.server.clear(stage.connection(station.name), "watchdog")
        stage.carry_out(stage.server.take_effects())
    assert len(stage.server._packets._signing.signers) == 1000
    for name in list(stage.stations)[-1000:]:
        stage.stations[name].destroy()
    assert not stage.server._packets._signing.signers


# Frames


def test_the_top_bit_of_the_length_is_no_difference(stage: Stage) -> None:
    """libncp and the kernel do not set it; other clients may (Wireshark knows it)."""
    station = stage.station("tcp:10.0.0.1:1025").attached()
    station.negotiate()
    keyed(station)
    assert station.signer is not None
    for bit in (0, SIGNED, 0):
        station.sequence += 1
        packet = RequestPacket(ncp.REQUEST, station.sequence, station.number, 1, 20, b"").encode()
        frame = bytearray(frame_request(packet, signature=station.signer.sign_request(packet)))
        frame[4:8] = (int.from_bytes(frame[4:8], "big") | bit).to_bytes(4, "big")
        (reply,) = station.send_raw(bytes(frame))
        assert decode_reply(reply).completion == 0


@pytest.mark.parametrize("cut", [1, 7, 25, 60, 1000])
def test_signed_requests_in_pieces_and_together(stage: Stage, cut: int) -> None:
    """However TCP cuts the stream, and with many requests in one piece."""
    station = stage.station("tcp:10.0.0.1:1025").attached()
    station.negotiate()
    keyed(station)
    assert station.signer is not None
    stream = b""
    for _ in range(5):
        station.sequence += 1
        packet = RequestPacket(ncp.REQUEST, station.sequence, station.number, 1, 20, b"").encode()
        stream += frame_request(packet, signature=station.signer.sign_request(packet))
    signer, station.signer = station.signer, None  # the replies are not verified: it is past their requests
    station.inbox.clear()
    for at in range(0, len(stream), cut):
        stage.receive(station.name, stream[at : at + cut])
    assert [decode_reply(reply[8:]).completion for reply in station.inbox] == [0] * 5
    station.signer = signer
    assert station.code(GetServerTime()) == 0

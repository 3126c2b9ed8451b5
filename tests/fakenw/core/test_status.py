"""What a monitor sees: the license state of every connection, counts, versions, addresses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from fakenw.core.peer import TCP, UDP, Peer
from fakenw.journal.policy import State
from fakenw.wire.packet import ReplyPacket, RequestPacket
from fakenw.wire.requests import connection, files, server, status
from fakenw.wire.requests import synchronization as sync
from tests.fakenw.stage import OFFER

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
MONITOR = "tcp:10.0.0.9:40001"
UNLICENSED, LICENSED = 0x0420, 0x0401


def monitor(stage: Stage) -> Station:
    """Somebody who looks and has not logged in."""
    return stage.station(MONITOR).attached()


def word(station: Station, number: int) -> int:
    """A connection's status word as 123/4 shows it, which 123/16 shows too."""
    told = station.call(status.GetUserInfo(number))
    listed = station.call(status.GetConnectionDetails(0x80, bytes(3), (number,)))
    assert told.completion == listed.completion == 0
    found = status.UserInfo.decode(told.data).status
    block = status.ConnectionDetails.decode(listed.data)
    assert (block.items, status.Authentication.decode(block.blocks).status) == (1, found)
    return found


def test_license_state_over_the_wire(open_stage: OpenStage, transport: str) -> None:
    """Attached 0, licensed 0x0401, unlicensed 0x0420, licensed again, logged out 0."""
    stage = open_stage("nls")
    looking = monitor(stage)
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    seen = [word(looking, station.number)]
    assert station.login() == 0
    seen.append(word(looking, station.number))
    for change in (0, 1):
        assert station.change(change) == 0
        seen.append(word(looking, station.number))
    assert station.logout() == 0
    seen.append(word(looking, station.number))
    assert seen == [0, LICENSED, UNLICENSED, LICENSED, 0]


def test_the_words_say_what_the_books_say(open_stage: OpenStage, policy: str) -> None:
    """Under every policy the monitor's count of states is the ledger's, where connections hold units."""
    stage = open_stage(policy, licenses=9)
    looking = monitor(stage)
    for port in range(5):
        station = stage.station(f"udp:10.0.0.1:{1025 + port}").attached()
        if port:
            assert station.login("JOE", "SECRET") == 0
        if port > 2 and policy != "attach":
            assert station.change(0) == 0
    words = [word(looking, number) for number in range(1, 7)]
    assert words.count(LICENSED) == (4 if policy == "attach" else 2)
    assert words.count(UNLICENSED) == (0 if policy == "attach" else 2)
    held = {"attach": 6, "login": 4, "service": 2, "nls": 2, "ual": 1}
    assert stage.held == held[policy]


def test_without_the_bindery(open_stage: OpenStage) -> None:
    """A login that came another way is no bindery connection: 0x0020 and 0x0001 alone."""
    stage = open_stage("nls")
    looking = monitor(stage)
    station = stage.station("udp:10.0.0.1:1025").attached()
    core = stage.server.table.by_number[station.number]
    core.move(stage.now, State.AUTHENTICATED, "login", user="JOE")
    assert word(looking, station.number) == 0x0020
    core.move(stage.now, State.LICENSED, "request")
    assert word(looking, station.number) == 0x0001


def test_user_info(open_stage: OpenStage) -> None:
    """78 bytes and the name: the number, NCP, login time, type, requests, bytes."""
    stage = open_stage("nls")
    looking = monitor(stage)
    station = stage.station("udp:10.0.0.1:1025").attached()
    stage.wait(5)
    assert station.login("JOE", "SECRET") == 0
    told = looking.call(status.GetUserInfo(station.number))
    assert len(told.data) == 8 + 70 + 1 + 3
    info = status.UserInfo.decode(told.data)
    assert (info.connection, info.service, info.name, info.object_type) == (station.number, 2, "JOE", 1)
    assert info.login_time == datetime(2000, 8, 10, 9, 30, 20)
    assert info.requests == 3
    assert (info.bytes_read, info.bytes_written) == (bytes(6), bytes(6))
    assert info.time == 91  # ticks in five seconds


def test_unused_numbers(open_stage: OpenStage, transport: str) -> None:
    """0x79, alone and in a list; beyond the table 123/14 answers 0xFD."""
    stage = open_stage("nls", connections=20)
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    for number in (0, 2, 65535, 0xFFFFFFFF):
        assert station.code(status.GetUserInfo(number)) == 0x79
        assert station.code(status.GetConnectionDetails(0x80, bytes(3), (1, number))) == 0x79
    assert station.code(status.GetActiveConnections(20, 2)) == 0
    assert station.code(status.GetActiveConnections(21, 2)) == 0xFD


def test_details_in_the_order_of_the_mask(open_stage: OpenStage) -> None:
    """All eight blocks of one connection, and nothing behind them."""
    stage = open_stage("nls")
    stage.station("udp:10.0.0.1:1025").licensed("JOE", "SECRET")
    told = monitor(stage).call(status.GetConnectionDetails(0xFF, bytes(3), (1,)))
    details = status.ConnectionDetails.decode(told.data)
    rest, found = details.blocks, []
    for kind in (
        status.TransportAddress,
        status.Times,
        status.Name,
        status.Locks,
        status.Printing,
        status.Traffic,
        status.Accounting,
        status.Authentication,
    ):
        found.append(kind.decode(rest))
        rest = rest[len(found[-1].encode()) :]
    assert (details.items, rest) == (1, b"")
    assert found[0] == status.TransportAddress(5, bytes([4, 1, 10, 0, 0, 1]))
    assert found[1] == status.Times(datetime(2000, 8, 10, 9, 30, 15), 0)
    assert found[2] == status.Name(1, "JOE")
    assert found[7] == status.Authentication(LICENSED, bytes(2), 0)


def test_locks_are_counted(open_stage: OpenStage) -> None:
    """Of files and of physical records, locked ones; not logged ones, not those of others."""
    stage = open_stage("nls")
    joe, ann = (stage.station(f"udp:10.0.0.{host}:1025").licensed() for host in (1, 2))
    for request in (sync.LogFile(0, 1, 0, OFFER), sync.LogFile(0, 0, 0, "SYS:LOGIN/LOGIN.EXE")):
        assert joe.code(request) == 0
    handle = files.OpenedFile.decode(joe.call(files.OpenFile(0, 6, 1, OFFER)).data).handle
    for start, flag in ((0, 1), (8, 3), (16, 0)):
        assert joe.code(sync.LogPhysicalRecord(flag, handle, start, 8, 0)) == 0
    assert joe.code(sync.LogLogicalRecord(1, 0, "RECORD")) == 0
    for station, counts in ((joe, (1, 2)), (ann, (0, 0))):
        user = status.UserInfo.decode(ann.call(status.GetUserInfo(station.number)).data)
        details = ann.call(status.GetConnectionDetails(0x08, bytes(3), (station.number,))).data
        block = status.Locks.decode(status.ConnectionDetails.decode(details).blocks)
        assert (user.file_locks, user.locked_records) == counts
        assert (user.logical_locks, user.record_locks) == (0, 0)  # thresholds
        assert block == status.Locks(0, 0, *counts)


def test_details_fit_the_buffer(open_stage: OpenStage) -> None:
    """As many connections as the client can take at once; it asks for the others with the next request."""
    stage = open_stage("nls", licenses=100)
    looking = stage.station("udp:10.0.0.9:1025").attached()
    for port in range(60):
        stage.station(f"udp:10.0.0.1:{1025 + port}").licensed()
    numbers = tuple(range(2, 62))

    def listed(given: tuple[int, ...]) -> tuple[int, int]:
        told = looking.call(status.GetConnectionDetails(0x81, bytes(3), given))
        return status.ConnectionDetails.decode(told.data).items, len(told.data)

    items, size = listed(numbers)
    assert items == (512 - 12) // 19
    assert size <= 512
    assert listed(numbers[items:])[0] == items
    assert looking.code(connection.NegotiateBuffer(1444)) == 0
    assert listed(numbers) == (60, 12 + 60 * 19)
    assert listed(()) == (0, 12)


@pytest.mark.parametrize("kind", [2, 11])
def test_active_connections(open_stage: OpenStage, kind: int) -> None:
    """A bit for every number in use, from the first that was asked for; none of another type."""
    stage = open_stage("nls")
    for port in range(10):
        stage.station(f"udp:10.0.0.1:{1025 + port}").attached()
    stage.stations["udp:10.0.0.1:1027"].destroy()
    looking = stage.stations["udp:10.0.0.1:1025"]

    def bits(first: int, kind: int) -> set[int]:
        told = looking.call(status.GetActiveConnections(first, kind))
        assert len(told.data) == 8 + 512
        field = int.from_bytes(status.ActiveConnections.decode(told.data).bits, "little")
        return {first + bit for bit in range(4096) if field >> bit & 1}

    used = set(range(1, 11)) - {3}
    assert bits(0, kind) == used
    assert bits(4, kind) == {number for number in used if number >= 4}
    assert bits(0, 4) == set()


def test_version(open_stage: OpenStage, policy: str) -> None:
    """62 bytes; the licenses are "users", and 3.x says as many connections."""
    stage = open_stage(policy, licenses=7, connections=100)
    told = monitor(stage).call(status.GetVersion())
    assert len(told.data) == 62
    version = status.Version.decode(told.data)
    assert (version.users, version.connections) == (7, 7 if policy == "attach" else 100)
    assert version.serial_number == stage.server.settings.serial_number


def test_statistics(open_stage: OpenStage) -> None:
    """142 bytes: what is in use, the peak, and what went wrong."""
    stage = open_stage("nls", connections=2)
    looking = monitor(stage)
    station = stage.station("udp:10.0.0.1:1025").attached()
    assert stage.station("udp:10.0.0.2:1025").create().completion == 0xF9
    assert station.login() == 0
    station.again()
    station.send(RequestPacket(0x2222, station.sequence - 1, station.number, 1, 0x14, b"").encode())
    station.ask(RequestPacket(0x2222, 9, 77, 1, 0x14, b""))
    station.create()
    station.destroy()
    told = looking.call(status.GetStatistics())
    assert len(told.data) == 142
    seen = status.Statistics.decode(told.data)
    assert (seen.in_use, seen.peak, seen.requests) == (1, 2, 4)
    assert (seen.duplicate_replies, seen.invalid_sequence, seen.invalid_slot) == (1, 1, 1)
    assert (seen.no_slot, seen.slot_reused, seen.positive_acknowledges) == (1, 1, 0)


def test_addresses(open_stage: OpenStage) -> None:
    """Each listener with its transport, port and IPv4 address, and a GUID that is the server's own."""
    stage = open_stage("nls")
    stage.server.addresses = (Peer(TCP, ("127.0.0.1", 524)), Peer(UDP, ("10.1.2.3", 10524)))
    told = monitor(stage).call(status.GetAddresses(0))
    found = status.Addresses.decode(told.data)
    assert (found.items, found.next, len(found.guid)) == (2, 0, 16)
    first, second = (
        status.Listener(6, bytes([2, 12, 127, 0, 0, 1])),
        status.Listener(5, bytes([0x29, 0x1C, 10, 1, 2, 3])),
    )
    assert found.listeners == first.encode() + second.encode()


# Who is where (23/x)


def test_internet_address(open_stage: OpenStage, transport: str) -> None:
    """The IPv4 address is the network, the port begins the node and is the socket; an unused number is 0xFD or 0xFF."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.1.2.3:1025").attached()
    raw = bytes([10, 1, 2, 3]) + b"\x04\x01" + bytes(4) + b"\x04\x01"
    assert station.call(connection.GetInternetAddress(1)).data == raw + b"\x0b"
    assert station.call(connection.GetInternetAddressOld(1)).data == raw
    assert station.code(connection.GetInternetAddress(2)) == 0xFD
    assert station.code(connection.GetInternetAddressOld(0)) == 0xFF


@pytest.mark.parametrize("width", [1, 2, 4])
def test_internet_address_of_any_width(open_stage: OpenStage, width: int) -> None:
    """libncp sends four bytes, Wireshark documents two."""
    station = open_stage("nls").station("udp:10.0.0.1:1025").attached()
    station.sequence += 1
    body = (1 + width).to_bytes(2, "big") + b"\x1a" + (1).to_bytes(width, "little")
    reply: ReplyPacket = station.ask(RequestPacket(0x2222, station.sequence, 1, 1, 23, body))
    assert (reply.completion, len(reply.data)) == (0, 13)


def test_connections_of_an_object(open_stage: OpenStage) -> None:
    """All its connections, licensed or not, in order; the old list has bytes, the newer ones go on where one ended."""
    stage = open_stage("nls", licenses=400)
    ids = {item.name: item.id for item in stage.server.bindery.objects.values()}
    for port in range(300):
        station = stage.station(f"udp:10.0.0.1:{1025 + port}").licensed(
            "JOE" if port % 2 == 0 else "ANN", _secret(port)
        )
    assert station.change(0) == 0
    looking = monitor(stage)
    joe = tuple(range(1, 301, 2))
    old = looking.call(connection.GetObjectConnectionsOld(1, "JOE"))
    assert connection.ConnectionListOld.decode(old.data).connections == tuple(n for n in joe if n <= 255)
    new = looking.call(connection.GetObjectConnections(0, 1, "joe"))
    assert connection.ConnectionList.decode(new.data).connections == joe
    rest = looking.call(connection.GetObjectConnections(joe[99], 1, "JOE"))
    assert connection.ConnectionList.decode(rest.data).connections == joe[100:]
    first = looking.call(connection.GetConnectionsOfObject(ids["JOE"], 0))
    assert connection.ConnectionsOfObject.decode(first.data).connections == joe[:125]
    then = looking.call(connection.GetConnectionsOfObject(ids["JOE"], joe[124]))
    assert connection.ConnectionsOfObject.decode(then.data).connections == joe[125:]
    assert (
        300
        in connection.ConnectionList.decode(looking.call(connection.GetObjectConnections(0, 1, "ANN")).data).connections
    )


def _secret(port: int) -> str:
    return "SECRET" if port % 2 == 0 else ""


def test_connections_of_nobody(open_stage: OpenStage, transport: str) -> None:
    """Who is not logged in has none; who does not exist is 0xFC."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    assert station.call(connection.GetObjectConnectionsOld(1, "JOE")).data == b"\0"
    assert station.call(connection.GetObjectConnections(0, 1, "JOE")).data == b"\0"
    assert station.call(connection.GetConnectionsOfObject(1, 0)).data == b"\0\0"
    for request in (
        connection.GetObjectConnectionsOld(1, "NOBODY"),
        connection.GetObjectConnections(0, 2, "JOE"),
        connection.GetConnectionsOfObject(0x7777, 0),
    ):
        assert station.code(request) == 0xFC


def test_station_info_old(open_stage: OpenStage) -> None:
    """23/22 answers as 23/28 does, codes too."""
    for policy in ("attach", "nls"):
        stage = open_stage(policy)
        stage.station("udp:10.0.0.1:1025").licensed("JOE", "SECRET")
        station = monitor(stage)
        for number in (1, 2, 3):
            new, old = (
                station.call(connection.GetStationInfo(number)),
                station.call(connection.GetStationInfoOld(number)),
            )
            assert (old.completion, old.data) == (new.completion, new.data)


def test_usage(open_stage: OpenStage) -> None:
    """For an operator: 18 bytes with the requests; 0xFD for a number that is unused."""
    stage = open_stage("nls")
    console = stage.station("udp:10.0.0.9:1025").licensed("SUPERVISOR")
    station = stage.station("tcp:10.0.0.1:40001").licensed()
    for _ in range(7):
        station.call(server.GetServerTime())
    told = console.call(connection.GetConnectionUsage(station.number))
    assert len(told.data) == 18
    assert connection.ConnectionUsage.decode(told.data) == connection.ConnectionUsage(0, bytes(6), bytes(6), 10)
    assert console.code(connection.GetConnectionUsage(99)) == 0xFD


def test_connections_of_a_user(open_stage: OpenStage, transport: str) -> None:
    """23/2 as NetWare 286 had it: a byte counts bytes; a group of that name is no user."""
    stage = open_stage("nls")
    for port in (1025, 1026):
        station = stage.station(f"{transport}:10.0.0.1:{port}").licensed("JOE", "SECRET")
    assert station.call(connection.GetUserConnections("joe")).data == b"\x02\x01\x02"
    assert station.call(connection.GetUserConnections("ANN")).data == b"\x00"
    assert station.code(connection.GetUserConnections("EVERYONE")) == 0xFC

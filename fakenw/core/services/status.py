"""What a monitor reads. The license state of a connection is its status word.

Rules of this file:

* Whoever holds or may hold a license is "logged in" (0x0001); who is authenticated without one is "temporary
  authenticated" (0x0020), because 23/29 changes between these two (ncp.md 4.4, inferred). 0x0400 is added where the
  login went through the bindery.
* Everybody may ask: nmap does without a login.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from fakenw.core.connection import Connection
from fakenw.core.locks import Kind
from fakenw.core.peer import told_to
from fakenw.core.service import Call, NcpService, ServiceHost
from fakenw.core.services.connection import connection_of
from fakenw.core.services.server import MOST_VOLUMES, slots
from fakenw.core.settings import RELEASES, TICKS_PER_10000_SECONDS
from fakenw.journal.policy import State
from fakenw.journal.record import SECOND
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import status as ncp

service = NcpService()

NCP_SERVICE = 2
MAP_SIZE = 8 * 512  # connections in one reply of 123/14


def status_word(connection: Connection) -> int:
    """The license state as a monitor sees it."""
    word = {State.LICENSED: ncp.LOGGED_IN, State.AUTHENTICATED: ncp.TEMPORARY}.get(connection.state, 0)
    return word | ncp.BINDERY if word and connection.object_id else word


@service.answers(ncp.GetStatistics)
def get_statistics(call: Call[ncp.GetStatistics]) -> ncp.Statistics:
    table, counts = call.host.table, call.host.counts
    running = sum(connection.requests for connection in table.by_serial.values())
    zeros = dict.fromkeys((name for name, _ in ncp.Statistics.forms()), 0)
    seen = {
        "in_use": len(table.by_number),
        "peak": table.peak,
        "requests": (counts.requests + running) & 0xFFFFFFFF,
        "invalid_slot": counts.invalid_connections,
        "invalid_sequence": counts.late,
        "positive_acknowledges": counts.acknowledged,
        "duplicate_replies": counts.duplicates,
        "no_slot": counts.denied,
        "slot_reused": counts.reused,
        "routing": bytes(22),
    }
    return ncp.Statistics(**{**zeros, **_timed(call.host), **seen})


@service.answers(ncp.GetUserInfo, refuses=(Code.INVALID_PARAMETER,))
def get_user_info(call: Call[ncp.GetUserInfo]) -> ncp.UserInfo:
    other = connection_of(call, call.request.connection, Code.INVALID_PARAMETER)
    host = call.host
    return ncp.UserInfo(
        **_timed(host),
        connection=other.number,
        use_count=1,
        service=NCP_SERVICE,
        login_time=None if other.login_time is None else host.utc(other.login_time),
        status=status_word(other),
        expires=0,
        object_type=_object_type(host, other),
        transactions=0,
        logical_locks=0,
        record_locks=0,
        write_flags=0,
        write_state=0,
        filler=0,
        file_locks=_held(host, other, Kind.FILE),
        locked_records=_held(host, other, Kind.PHYSICAL),
        bytes_read=other.bytes_read.to_bytes(6, "little"),
        bytes_written=other.bytes_written.to_bytes(6, "little"),
        requests=other.requests,
        held_requests=0,
        held_read=bytes(6),
        held_written=bytes(6),
        name=other.user or "",
    )


@service.answers(ncp.GetVersion)
def get_version(call: Call[ncp.GetVersion]) -> ncp.Version:
    host = call.host
    major, minor = RELEASES[host.settings.release].os
    return ncp.Version(
        **_timed(host),
        os_major=major,
        os_minor=minor,
        os_revision=0,
        accounting=1,
        vap=1,
        queue=1,
        security=1,
        bridge=1,
        volumes=MOST_VOLUMES,
        connections=slots(host),
        users=host.ledger.limit,
        name_spaces=10,
        lans=16,
        media=32,
        stacks=16,
        directory_depth=100,
        data_streams=16,
        spool_printers=0,
        serial_number=host.settings.serial_number,
        application=0,
    )


@service.answers(ncp.GetActiveConnections, refuses=(Code.BAD_CONNECTION,))
def get_active_connections(call: Call[ncp.GetActiveConnections]) -> ncp.ActiveConnections:
    """All are connections for NCP (2), and over IP of type 11 as well. Of another type there are none."""
    first, bits = call.request.first, bytearray(512)
    if first > call.host.table.capacity:
        raise Refused(Code.BAD_CONNECTION)
    for number, other in call.host.table.by_number.items():
        if 0 <= number - first < MAP_SIZE and call.request.type in (NCP_SERVICE, other.transport.connection):
            bits[(number - first) // 8] |= 1 << (number - first) % 8
    return ncp.ActiveConnections(**_timed(call.host), bits=bytes(bits))


@service.answers(ncp.GetConnectionDetails, refuses=(Code.INVALID_PARAMETER,))
def get_connection_details(call: Call[ncp.GetConnectionDetails]) -> ncp.ConnectionDetails:
    """As many as the client's buffer holds, one at least. An unused number is 0x79, for the blocks have no numbers."""
    request, blocks, items = call.request, b"", 0
    wanted = [block for bit, block in enumerate(BLOCKS) if request.mask >> bit & 1]
    for number in request.connections:
        other = connection_of(call, number, Code.INVALID_PARAMETER)
        block = b"".join(make(call.host, other) for make in wanted)
        if items and len(blocks) + len(block) > call.connection.buffer - 12:
            break
        blocks, items = blocks + block, items + 1
    return ncp.ConnectionDetails(**_timed(call.host), items=items, blocks=blocks)


@service.answers(ncp.GetAddresses)
def get_addresses(call: Call[ncp.GetAddresses]) -> ncp.Addresses:
    """All by which the station reaches the server, in one reply; the GUID is made up from the server's name."""
    host = call.host
    told = told_to(call.connection.peer, host.addresses)
    listeners = [ncp.Listener(peer.transport.number, peer.packed).encode() for peer in told]
    timed = _timed(host)
    del timed["reserved"]
    guid = hashlib.sha256(host.settings.name.encode()).digest()[:16]
    return ncp.Addresses(**timed, flags=0, guid=guid, next=0, items=len(listeners), listeners=b"".join(listeners))


def _timed(host: ServiceHost) -> dict[str, Any]:
    """How every reply of 123/x begins."""
    ticks = host.now * TICKS_PER_10000_SECONDS // (10_000 * SECOND)
    return {"time": ticks & 0xFFFFFFFF, "console_version": 1, "console_revision": 0, "reserved": bytes(2)}


def _object_type(host: ServiceHost, other: Connection) -> int:
    item = host.bindery.objects.get(other.object_id)
    return item.type if item else 0


def _held(host: ServiceHost, other: Connection, kind: Kind) -> int:
    """How many records of a kind are locked; that "record" means a physical one here is inferred."""
    return min(sum(lock.held for lock in host.locks.of(other.serial, kind)), 0xFFFF)


# The blocks of 123/16, in the order of the mask's bits


def _transport(host: ServiceHost, other: Connection) -> bytes:
    peer = other.peer
    return ncp.TransportAddress(peer.transport.number, peer.packed).encode()


def _times(host: ServiceHost, other: Connection) -> bytes:
    return ncp.Times(None if other.login_time is None else host.utc(other.login_time), 0).encode()


def _name(host: ServiceHost, other: Connection) -> bytes:
    return ncp.Name(_object_type(host, other), other.user or "").encode()


def _locks(host: ServiceHost, other: Connection) -> bytes:
    return ncp.Locks(0, 0, _held(host, other, Kind.FILE), _held(host, other, Kind.PHYSICAL)).encode()


def _printing(host: ServiceHost, other: Connection) -> bytes:
    return ncp.Printing(bytes(21)).encode()


def _traffic(host: ServiceHost, other: Connection) -> bytes:
    read, written = (count.to_bytes(6, "little") for count in (other.bytes_read, other.bytes_written))
    return ncp.Traffic(read, written, other.requests).encode()


def _accounting(host: ServiceHost, other: Connection) -> bytes:
    return ncp.Accounting(bytes(32)).encode()


def _authentication(host: ServiceHost, other: Connection) -> bytes:
    return ncp.Authentication(status_word(other), bytes(2), 0).encode()


BLOCKS: tuple[Callable[[ServiceHost, Connection], bytes], ...] = (
    _transport,
    _times,
    _name,
    _locks,
    _printing,
    _traffic,
    _accounting,
    _authentication,
)

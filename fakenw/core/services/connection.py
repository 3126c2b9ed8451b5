"""Connections: negotiate, number, end of job, logout, license state, watchdog, who is where, clear."""

from __future__ import annotations

from typing import Any

from fakenw.bindery.objects import USER
from fakenw.core.connection import SMALLEST_BUFFER, Connection
from fakenw.core.service import Call, NcpService
from fakenw.core.services.bindery import NO_OBJECT, named, numbered
from fakenw.journal.policy import State
from fakenw.journal.record import SECOND
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import connection as ncp

service = NcpService()

LARGEST_BUFFER = 1444  # one Ethernet packet
MOST_MINUTES = 24 * 60  # that the watchdog can be put off; inferred, no document names a limit
LONGEST_LIST = 125  # connections in one reply of 23/31 (libncp)


def connection_of(call: Call[Any], number: int, missing: Code = Code.BAD_CONNECTION) -> Connection:
    """The connection with this number; where there is none the request is refused with *missing*."""
    other = call.host.table.by_number.get(number)
    if other is None:
        raise Refused(missing)
    return other


def _accepted(connection: Connection, proposed: int) -> int:
    size = LARGEST_BUFFER if proposed < SMALLEST_BUFFER else min(proposed, LARGEST_BUFFER)
    connection.buffer = size
    return size


@service.answers(ncp.NegotiateBuffer)
def negotiate_buffer(call: Call[ncp.NegotiateBuffer]) -> ncp.BufferSize:
    """A client that falls back to this one does not sign (libncp)."""
    call.connection.agreed = False
    return ncp.BufferSize(_accepted(call.connection, call.request.proposed))


@service.answers(ncp.NegotiateBigPacket)
def negotiate_big_packet(call: Call[ncp.NegotiateBigPacket]) -> ncp.BigPacketSize:
    """Of the security flags only that of signatures is answered. A connection that signs goes on (libncp insists)."""
    connection, level = call.connection, call.host.settings.signatures
    wanted = call.request.security & ncp.SIGNATURES
    connection.agreed = connection.signer is not None or level >= 2 or (level == 1 and bool(wanted))
    flags = ncp.SIGNATURES if connection.agreed else 0
    accepted = _accepted(connection, call.request.proposed)
    return ncp.BigPacketSize(accepted, connection.transport.echo_socket, flags)


@service.answers(ncp.RequestBurst, refuses=(Code.UNSUPPORTED,))
def request_burst(call: Call[ncp.RequestBurst]) -> None:
    """Refused: clients then use plain reads and writes."""
    raise Refused(Code.UNSUPPORTED)


@service.answers(ncp.GetStationNumber)
def get_station_number(call: Call[ncp.GetStationNumber]) -> ncp.StationNumber:
    return ncp.StationNumber(call.connection.number & 0xFF)


@service.answers(ncp.EndOfJob)
def end_of_job(call: Call[ncp.EndOfJob]) -> None:
    """Frees the task's files, locks and semaphores (task 0: all). Login and license stay: it cures no leak."""
    call.connection.shut("end-of-job", task=call.task or None)
    call.connection.give_back(call.task or None)


@service.answers(ncp.Logout)
def logout(call: Call[ncp.Logout]) -> None:
    if call.connection.state is not State.ATTACHED:
        call.connection.move(call.host.now, State.ATTACHED, "logout")


@service.answers(
    ncp.ChangeConnectionState,
    refuses=(Code.UNSUPPORTED, Code.NOT_AUTHENTICATED, Code.ALREADY_LOGGED_IN, Code.ALREADY_TEMPORARY, Code.NO_LICENSE),
)
def change_connection_state(call: Call[ncp.ChangeConnectionState]) -> None:
    """Take a license or give it back (ncp.md 4.3); 3.x has no such states and no such function."""
    connection, host = call.connection, call.host
    if host.ledger.policy.name == "attach":
        raise Refused(Code.UNSUPPORTED)
    if connection.state is State.ATTACHED:
        raise Refused(Code.NOT_AUTHENTICATED)
    licensed = connection.state is State.LICENSED
    if call.request.new_state:
        if licensed:
            raise Refused(Code.ALREADY_LOGGED_IN)
        connection.move(host.now, State.LICENSED, "request")
    else:
        if not licensed:
            raise Refused(Code.ALREADY_TEMPORARY)
        connection.move(host.now, State.AUTHENTICATED, "unlicense")


@service.answers(ncp.GetStationInfo, ncp.GetStationInfoOld, refuses=(Code.BAD_CONNECTION, Code.NOT_LOGGED_IN))
def get_station_info(call: Call[Any]) -> ncp.StationInfo:
    """A slot that nobody uses is 0xFD; one without a login is empty in 3.x and 0x7D later (ncp.md 4.4)."""
    host, other = call.host, connection_of(call, call.request.connection)
    if other.user is None or other.login_time is None:
        if host.settings.release.startswith("3"):
            return ncp.StationInfo(0, 0, "", None)
        raise Refused(Code.NOT_LOGGED_IN)
    found = host.bindery.objects.get(other.object_id)  # it may have been deleted meanwhile
    return ncp.StationInfo(other.object_id, found.type if found else 0, other.user, host.utc(other.login_time))


@service.answers(ncp.SetWatchdogDelay, refuses=(Code.INVALID_MINUTES,))
def set_watchdog_delay(call: Call[ncp.SetWatchdogDelay]) -> None:
    """The first packet comes after so many minutes of silence; 0 is the server's own delay again."""
    minutes = call.request.minutes
    if minutes > MOST_MINUTES:
        raise Refused(Code.INVALID_MINUTES)
    call.connection.delay(minutes * 60 * SECOND or None)


@service.answers(ncp.GetInternetAddress, refuses=(Code.BAD_CONNECTION,))
def get_internet_address(call: Call[ncp.GetInternetAddress]) -> ncp.InternetAddress:
    """libncp reads the port behind the address, where real servers have 0; a station is reached only with its port."""
    peer = connection_of(call, call.request.connection).peer
    return ncp.InternetAddress(peer.network, peer.node, peer.address[1], peer.transport.connection)


@service.answers(ncp.GetInternetAddressOld, refuses=(Code.FAILURE,))
def get_internet_address_old(call: Call[ncp.GetInternetAddressOld]) -> ncp.InternetAddressOld:
    """An unused number is 0xFF here, the only code that Wireshark knows of this function."""
    peer = connection_of(call, call.request.connection, Code.FAILURE).peer
    return ncp.InternetAddressOld(peer.network, peer.node, peer.address[1])


@service.answers(ncp.GetObjectConnectionsOld, refuses=NO_OBJECT)
def get_object_connections_old(call: Call[ncp.GetObjectConnectionsOld]) -> ncp.ConnectionListOld:
    """A byte holds no number beyond 255."""
    numbers = _connections(call, named(call, call.request.object_type, call.request.name).id)
    return ncp.ConnectionListOld(tuple(number for number in numbers if number <= 255))


@service.answers(ncp.GetUserConnections, refuses=NO_OBJECT)
def get_user_connections(call: Call[ncp.GetUserConnections]) -> ncp.ConnectionListOld:
    numbers = _connections(call, named(call, USER, call.request.name).id)
    return ncp.ConnectionListOld(tuple(number for number in numbers if number <= 255))


@service.answers(ncp.GetObjectConnections, refuses=NO_OBJECT)
def get_object_connections(call: Call[ncp.GetObjectConnections]) -> ncp.ConnectionList:
    numbers = _connections(call, named(call, call.request.object_type, call.request.name).id, call.request.after)
    return ncp.ConnectionList(numbers[:255])


@service.answers(ncp.GetConnectionsOfObject, refuses=NO_OBJECT)
def get_connections_of_object(call: Call[ncp.GetConnectionsOfObject]) -> ncp.ConnectionsOfObject:
    item = numbered(call, call.request.object_id)
    return ncp.ConnectionsOfObject(_connections(call, item.id, call.request.after)[:LONGEST_LIST])


def _connections(call: Call[Any], object_id: int, after: int = 0) -> tuple[int, ...]:
    """The connections, licensed or not, on which an object is logged in."""
    table = call.host.table.by_number
    return tuple(sorted(n for n, other in table.items() if other.object_id == object_id and n > after))


@service.answers(ncp.GetConnectionUsage, refuses=(Code.NOT_OPERATOR, Code.BAD_CONNECTION))
def get_connection_usage(call: Call[ncp.GetConnectionUsage]) -> ncp.ConnectionUsage:
    if not call.connection.operator:
        raise Refused(Code.NOT_OPERATOR)
    other = connection_of(call, call.request.connection)
    return ncp.ConnectionUsage(
        0, other.bytes_read.to_bytes(6, "big"), other.bytes_written.to_bytes(6, "big"), other.requests
    )


@service.answers(ncp.ClearConnection, ncp.ClearConnectionOld, refuses=(Code.NOT_OPERATOR, Code.BAD_CONNECTION))
def clear_connection(call: Call[Any]) -> None:
    """A message goes first (mars_nwe): over UDP the station is told, and its next request hears 0xFD."""
    host, by = call.host, call.connection.user
    if not call.connection.operator:
        raise Refused(Code.NOT_OPERATOR)
    other = connection_of(call, call.request.connection)
    host.emit("operator", {**other.about(), "action": "clear", "by": by})
    if other.broadcasts:
        host.leave_message(other, f"{host.settings.name}: connection cleared by {by}")
    host.clear(other, "cleared")

"""Connections: negotiate, number, end of job, logout, license state, who is there, clear."""

from __future__ import annotations

from fakenw.ledger import State
from fakenw.service import Call, Service
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import connection as ncp

service = Service()

SMALLEST_BUFFER = 512  # libncp rejects less; mars_nwe ignores smaller proposals
LARGEST_BUFFER = 1444  # one Ethernet packet


def _accepted(proposed: int) -> int:
    return LARGEST_BUFFER if proposed < SMALLEST_BUFFER else min(proposed, LARGEST_BUFFER)


@service.answers(ncp.NegotiateBuffer)
def negotiate_buffer(call: Call[ncp.NegotiateBuffer]) -> ncp.BufferSize:
    return ncp.BufferSize(_accepted(call.request.proposed))


@service.answers(ncp.NegotiateBigPacket)
def negotiate_big_packet(call: Call[ncp.NegotiateBigPacket]) -> ncp.BigPacketSize:
    """Security flags are answered 0, so that nobody signs."""
    return ncp.BigPacketSize(_accepted(call.request.proposed), 0, 0)


@service.answers(ncp.RequestBurst)
def request_burst(call: Call[ncp.RequestBurst]) -> None:
    """Refused: clients then use plain reads and writes."""
    raise Refused(Code.UNSUPPORTED)


@service.answers(ncp.GetStationNumber)
def get_station_number(call: Call[ncp.GetStationNumber]) -> ncp.StationNumber:
    return ncp.StationNumber(call.connection.number & 0xFF)


@service.answers(ncp.EndOfJob)
def end_of_job(call: Call[ncp.EndOfJob]) -> None:
    """Frees the task's files (task 0: all). Login and license stay, which is why it cures no leak."""
    call.connection.shut("end-of-job", task=call.task or None)


@service.answers(ncp.Logout)
def logout(call: Call[ncp.Logout]) -> None:
    if call.connection.state is not State.ATTACHED:
        call.connection.move(call.host.now, State.ATTACHED, "logout")


@service.answers(ncp.ChangeConnectionState)
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


@service.answers(ncp.GetStationInfo)
def get_station_info(call: Call[ncp.GetStationInfo]) -> ncp.StationInfo:
    """A slot that nobody uses is 0xFD; one without a login is empty in 3.x and 0x7D later (ncp.md 4.4)."""
    host = call.host
    other = host.table.by_number.get(call.request.connection)
    if other is None:
        raise Refused(Code.BAD_CONNECTION)
    if other.user is None or other.login_time is None:
        if host.config.release.startswith("3"):
            return ncp.StationInfo(0, 0, "", None)
        raise Refused(Code.NOT_LOGGED_IN)
    kind = host.bindery.objects[other.object_id].type
    return ncp.StationInfo(other.object_id, kind, other.user, host.utc(other.login_time))


@service.answers(ncp.ClearConnection)
def clear_connection(call: Call[ncp.ClearConnection]) -> None:
    _clear(call, call.request.connection)


@service.answers(ncp.ClearConnectionOld)
def clear_connection_old(call: Call[ncp.ClearConnectionOld]) -> None:
    _clear(call, call.request.connection)


def _clear(call: Call[ncp.ClearConnection] | Call[ncp.ClearConnectionOld], number: int) -> None:
    if not call.connection.operator:
        raise Refused(Code.NOT_OPERATOR)
    other = call.host.table.by_number.get(number)
    if other is None:
        raise Refused(Code.BAD_CONNECTION)
    call.host.note("operator", {**other.about(), "action": "clear", "by": call.connection.user})
    call.host.clear(other, "cleared")

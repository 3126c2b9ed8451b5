"""Messages between stations.

Rules of this file:

* A station has room for one message. While it waits every reply to the station carries status 0x40, and over UDP
  it was announced with 0xBBBB; fetching it clears the status. A station without a message never sees that
  status, because nmap takes it for an error.
* Nobody is interrupted who does not want it: after 21/2 a message is refused with state 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fakenw.core.connection import Connection
from fakenw.core.service import Call, NcpService, ServiceHost
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import message as ncp

service = NcpService()

SENT, NO_CONNECTION, NOT_LOGGED_IN, NOT_ACCEPTING, HAS_ONE = range(5)
SHORT = 58  # the longest text of the old functions
CONSOLE = 60  # the longest text of an operator
LONG = 254


@service.answers(ncp.SendMessageOld)
def send_message_old(call: Call[ncp.SendMessageOld]) -> ncp.SendStates:
    return ncp.SendStates(_send(call, call.request.stations, call.request.text[:SHORT]))


@service.answers(ncp.SendMessage)
def send_message(call: Call[ncp.SendMessage]) -> ncp.ManySendStates:
    return ncp.ManySendStates(_send(call, call.request.stations, call.request.text[:LONG]))


@service.answers(ncp.GetMessageOld)
def get_message_old(call: Call[ncp.GetMessageOld]) -> ncp.Message:
    return ncp.Message(_fetch(call.connection)[:SHORT])


@service.answers(ncp.GetMessage)
def get_message(call: Call[ncp.GetMessage]) -> ncp.Message:
    return ncp.Message(_fetch(call.connection))


@service.answers(ncp.DisableBroadcasts)
def disable_broadcasts(call: Call[ncp.DisableBroadcasts]) -> None:
    call.connection.broadcasts = False


@service.answers(ncp.EnableBroadcasts)
def enable_broadcasts(call: Call[ncp.EnableBroadcasts]) -> None:
    call.connection.broadcasts = True


@service.answers(ncp.ConsoleBroadcastOld, ncp.ConsoleBroadcast, refuses=(Code.NOT_OPERATOR, Code.BAD_CONNECTION))
def console_broadcast(call: Call[Any]) -> None:
    """It does not reach stations that accept no messages (Ralf Brown's list).

    With one wrong number among them it reaches no station (inferred).
    """
    if not call.connection.operator:
        raise Refused(Code.NOT_OPERATOR)
    connections, wanted = call.host.table.by_number, call.request.stations
    if any(number not in connections for number in wanted):
        raise Refused(Code.BAD_CONNECTION)
    _send(call, wanted or tuple(sorted(connections)), call.request.text[:CONSOLE])


@service.answers(ncp.BroadcastToConsole)
def broadcast_to_console(call: Call[ncp.BroadcastToConsole]) -> None:
    """The console is the journal."""
    by = call.connection
    call.host.emit(
        "operator", {"action": "console-message", "by": by.user, "station": by.station, "text": call.request.text}
    )


def _fetch(connection: Connection) -> str:
    text, connection.message = connection.message, None
    return text or ""


def _send(call: Call[Any], stations: tuple[int, ...], text: str) -> tuple[int, ...]:
    """What became of *text* at each of the stations."""
    by, table = {"by": call.connection.user}, call.host.table.by_number
    return tuple(deliver(call.host, table.get(number), text, by) for number in stations)


def deliver(host: ServiceHost, other: Connection | None, text: str, by: Mapping[str, Any]) -> int:
    """Leave *text* for a station where it takes one; *by* are the journal's fields of the sender."""
    if other is None:
        return NO_CONNECTION
    if other.user is None:
        return NOT_LOGGED_IN
    if not other.broadcasts:
        return NOT_ACCEPTING
    if other.message is not None:
        return HAS_ONE
    host.emit("operator", {**other.about(), "action": "message", **by, "text": text})
    host.leave_message(other, text)
    return SENT

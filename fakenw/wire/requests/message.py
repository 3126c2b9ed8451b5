"""Messages between stations, one at a time for each."""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import Items, Nothing, PString, Reply, Request

Stations = Annotated[tuple[int, ...], Items(">B", ">B")]
ManyStations = Annotated[tuple[int, ...], Items("<H", "<I")]


class SendStates(Reply, source="Wireshark ncp2222.py: 0 to 4; mars_nwe has 0xFC and 0xFF", sure=False):
    """0 sent, 1 no such connection, 2 not logged in, 3 accepts no messages, 4 has one already."""

    states: Stations


class SendMessageOld(Request[SendStates], ncp=(21, 0), source="Wireshark ncp2222.py; mars_nwe"):
    stations: Stations
    text: PString


class Message(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    """An empty text where no message waits."""

    text: PString


class GetMessageOld(Request[Message], ncp=(21, 1), source="Wireshark ncp2222.py; mars_nwe"):
    """At most 58 characters."""


class DisableBroadcasts(Request[Nothing], ncp=(21, 2), source="Wireshark ncp2222.py; mars_nwe"):
    pass


class EnableBroadcasts(Request[Nothing], ncp=(21, 3), source="Wireshark ncp2222.py; mars_nwe"):
    pass


class BroadcastToConsole(Request[Nothing], ncp=(21, 9), source="Wireshark ncp2222.py"):
    text: PString


class ManySendStates(Reply, source="Wireshark ncp2222.py"):
    """As ``SendStates``."""

    states: ManyStations


class SendMessage(Request[ManySendStates], ncp=(21, 10), source="Wireshark ncp2222.py"):
    stations: ManyStations
    text: PString


class GetMessage(Request[Message], ncp=(21, 11), source="Wireshark ncp2222.py"):
    pass


class ConsoleBroadcastOld(Request[Nothing], ncp=(23, 209), source="Wireshark ncp2222.py; Ralf Brown's list"):
    """An operator's message. No station: all of them (Ralf Brown's list)."""

    stations: Stations
    text: PString


class ConsoleBroadcast(
    Request[Nothing],
    ncp=(23, 253),
    source="Wireshark ncp2222.py; that none means all is inferred from 23/209",
    sure=False,
):
    """As 23/209, with numbers of four bytes."""

    stations: Annotated[tuple[int, ...], Items(">B", "<I")]
    text: PString

"""Connections and licenses: negotiate, number, end of job, logout, license state, addresses, stations, clear."""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import (
    Byte,
    Bytes2,
    Bytes6,
    Items,
    Long,
    LongLE,
    LooseLE,
    Nothing,
    PString,
    Raw,
    Reply,
    Request,
    Stamp,
    Text48,
    Word,
    WordLE,
)

SIGNATURES = 0x02  # a security flag of 97


class BufferSize(Reply, source="Wireshark ncp2222.py; libncp"):
    accepted: Word


class NegotiateBuffer(Request[BufferSize], ncp=0x21, source="Wireshark ncp2222.py; mars_nwe; libncp"):
    proposed: Word


class BigPacketSize(Reply, source="Wireshark ncp2222.py; libncp fails below five bytes"):
    accepted: Word
    echo_socket: Word
    security: Byte


class NegotiateBigPacket(Request[BigPacketSize], ncp=0x61, source="Wireshark ncp2222.py; libncp"):
    proposed: Word
    security: Byte


class RequestBurst(Request[Nothing], ncp=0x65, source="Wireshark ncp2222.py; mars_nwe"):
    client_id: Long
    packet_size: Long
    target_socket: Word
    send_size: Long
    receive_size: Long


class StationNumber(Reply, source="Wireshark ncp2222.py: three bytes; mars_nwe sends one"):
    number: Byte
    rest: Bytes2 = bytes(2)


class GetStationNumber(Request[StationNumber], ncp=0x13, source="Wireshark ncp2222.py"):
    pass


class EndOfJob(Request[Nothing], ncp=0x18, source="Wireshark ncp2222.py"):
    """Closes the files of the task in the header; neither logs out nor releases a license."""


class Logout(Request[Nothing], ncp=0x19, source="Wireshark ncp2222.py; libncp"):
    """Ends the login and releases the license; the connection stays attached."""


class ChangeConnectionState(Request[Nothing], ncp=(23, 29), source="Wireshark ncp2222.py; libncp"):
    """1 acquires a license, 0 releases it. libncp sends four bytes, Wireshark documents one."""

    new_state: Byte


class StationInfo(Reply, source="Wireshark ncp2222.py; libncp needs 60 of the 62 bytes"):
    object_id: Long
    object_type: Word
    name: Text48
    login_time: Stamp
    reserved: Byte = 0


class GetStationInfo(Request[StationInfo], ncp=(23, 28), source="Wireshark ncp2222.py; libncp"):
    connection: LongLE


class GetStationInfoOld(Request[StationInfo], ncp=(23, 22), source="Wireshark ncp2222.py; libncp"):
    connection: Byte


class SetWatchdogDelay(
    Request[Nothing], ncp=(23, 30), source="Wireshark ncp2222.py; the range is inferred", sure=False
):
    """The minutes of silence on this connection after which the watchdog sends its first packet."""

    minutes: LongLE


class InternetAddressOld(Reply, source="Wireshark ncp2222.py; of an IP station as in 23/26: inferred", sure=False):
    network: Annotated[bytes, Raw(4)]
    node: Bytes6
    socket: Word


class GetInternetAddressOld(Request[InternetAddressOld], ncp=(23, 19), source="Wireshark ncp2222.py"):
    connection: Byte


class InternetAddress(Reply, source="libncp: IPv4, then the port; Wireshark has no reply", sure=False):
    """An IPv4 address is the network, its port begins the node; that it is the socket as well is inferred.

    ``type``: 2 NCP over IPX, 3 internal, 11 UDP (libncp nwfse.h). TCP has none: 11 as well, inferred.
    """

    network: Annotated[bytes, Raw(4)]
    node: Bytes6
    socket: Word
    type: Byte


class GetInternetAddress(Request[InternetAddress], ncp=(23, 26), source="libncp: four bytes; Wireshark: two, LE"):
    connection: LooseLE


class ConnectionListOld(Reply, source="Wireshark ncp2222.py: a counted string of bytes"):
    connections: Annotated[tuple[int, ...], Items(">B", ">B")]


class GetObjectConnectionsOld(Request[ConnectionListOld], ncp=(23, 21), source="Wireshark ncp2222.py"):
    object_type: Word
    name: PString


class GetUserConnections(Request[ConnectionListOld], ncp=(23, 2), source="Wireshark ncp2222.py"):
    """As 23/21, of NetWare 286: users only."""

    name: PString


class ConnectionList(Reply, source="Wireshark ncp2222.py: a count byte, then LE longs; mars_nwe packs words"):
    connections: Annotated[tuple[int, ...], Items(">B", "<I")]


class GetObjectConnections(Request[ConnectionList], ncp=(23, 27), source="Wireshark ncp2222.py; libncp"):
    """``after``: 0 starts; then the last number of the previous list."""

    after: LongLE
    object_type: Word
    name: PString


class ConnectionsOfObject(Reply, source="libncp: an LE word counts; Wireshark shows a counted string"):
    connections: Annotated[tuple[int, ...], Items("<H", "<I")]


class GetConnectionsOfObject(Request[ConnectionsOfObject], ncp=(23, 31), source="libncp: LE; Wireshark: BE number"):
    object_id: Long
    after: LongLE


class ConnectionUsage(Reply, source="Wireshark ncp2222.py; the order of the six bytes is inferred", sure=False):
    next_record: WordLE
    bytes_read: Bytes6
    bytes_written: Bytes6
    requests: LongLE


class GetConnectionUsage(Request[ConnectionUsage], ncp=(23, 229), source="libncp: LE; Wireshark prints it BE"):
    connection: WordLE


class ClearConnection(Request[Nothing], ncp=(23, 254), source="libncp: LE; Wireshark prints it BE"):
    connection: LongLE


class ClearConnectionOld(Request[Nothing], ncp=(23, 210), source="Wireshark ncp2222.py; libncp"):
    connection: Byte

"""Connections and licenses: negotiate, number, end of job, logout, license state, clear."""

from __future__ import annotations

from fakenw.wire.layout import Byte, Bytes2, Long, LongLE, Nothing, Reply, Request, Stamp, Text48, Word


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
    """Frees the files of the task in the header; neither logs out nor gives a license back."""


class Logout(Request[Nothing], ncp=0x19, source="Wireshark ncp2222.py; libncp"):
    """Ends the login and gives the license back; the connection stays attached."""


class ChangeConnectionState(Request[Nothing], ncp=(23, 29), source="Wireshark ncp2222.py; libncp"):
    """1 takes a license, 0 gives it back. libncp sends four bytes, Wireshark documents one."""

    new_state: Byte


class StationInfo(Reply, source="Wireshark ncp2222.py; libncp needs 60 of the 62 bytes"):
    object_id: Long
    object_type: Word
    name: Text48
    login_time: Stamp
    reserved: Byte = 0


class GetStationInfo(Request[StationInfo], ncp=(23, 28), source="Wireshark ncp2222.py; libncp"):
    connection: LongLE


class ClearConnection(Request[Nothing], ncp=(23, 254), source="libncp: LE; Wireshark prints it BE"):
    connection: LongLE


class ClearConnectionOld(Request[Nothing], ncp=(23, 210), source="Wireshark ncp2222.py; libncp"):
    connection: Byte

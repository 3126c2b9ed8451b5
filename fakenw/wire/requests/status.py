"""Monitoring: server and connection statistics, and the license state of every connection.

All numbers except ports are little-endian, object types too (libncp; Wireshark reads them so). Every reply begins
with the server's time.
"""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import (
    Byte,
    Bytes2,
    Bytes6,
    CountedBytes,
    Items,
    LongLE,
    PString,
    Raw,
    Reply,
    Request,
    Rest,
    Stamp,
    WordLE,
)

Bytes3 = Annotated[bytes, Raw(3)]

LOGGED_IN = 0x0001  # the connection holds, or may hold, a license
TEMPORARY = 0x0020  # authenticated, but not licensed
BINDERY = 0x0400  # logged in through the bindery


class Timed(Reply, source="Wireshark ncp2222.py; libncp nwfse.h"):
    """``time``: clock ticks since the server started."""

    time: LongLE
    console_version: Byte
    console_revision: Byte
    reserved: Bytes2


class Statistics(Timed, source="Wireshark ncp2222.py 0x7B02"):
    in_use: LongLE
    peak: LongLE
    requests: LongLE
    utilization: LongLE
    reply_canceled: LongLE
    write_held_off: LongLE
    write_held_off_with_duplicate: LongLE
    invalid_request_type: LongLE
    being_aborted: LongLE
    already_reallocating: LongLE
    deallocate_invalid_slot: LongLE
    deallocate_being_processed: LongLE
    deallocate_forged_packet: LongLE
    deallocate_still_transmitting: LongLE
    start_station_error: LongLE
    invalid_slot: LongLE
    being_processed: LongLE
    forged_packet: LongLE
    still_transmitting: LongLE
    reexecuted: LongLE
    invalid_sequence: LongLE
    duplicate_being_sent: LongLE
    positive_acknowledges: LongLE
    duplicate_replies: LongLE
    no_memory_for_station: LongLE
    no_slot: LongLE
    slot_reused: LongLE
    slot_reused_too_soon: LongLE
    routing: Annotated[bytes, Raw(22)]


class GetStatistics(Request[Statistics], ncp=(123, 2), source="Wireshark ncp2222.py"):
    pass


class UserInfo(Timed, source="libncp nwfse.h; Wireshark has another order of flags and thresholds", sure=False):
    """The license state is in ``status``. The six bytes are one number, LE (libncp has 64 bits of it).

    ``logical_locks`` and ``record_locks`` are thresholds of transactions, ``file_locks`` and ``locked_records`` counts.
    """

    connection: LongLE
    use_count: LongLE
    service: Byte
    login_time: Stamp
    status: LongLE
    expires: LongLE
    object_type: LongLE
    transactions: Byte
    logical_locks: Byte
    record_locks: Byte
    write_flags: Byte
    write_state: Byte
    filler: Byte
    file_locks: WordLE
    locked_records: WordLE
    bytes_read: Bytes6
    bytes_written: Bytes6
    requests: LongLE
    held_requests: LongLE
    held_read: Bytes6
    held_written: Bytes6
    name: PString


class GetUserInfo(Request[UserInfo], ncp=(123, 4), source="Wireshark ncp2222.py; libncp"):
    connection: LongLE


class Version(Timed, source="Wireshark ncp2222.py 0x7B0D"):
    """``users``: the licenses (TID102118)."""

    os_major: Byte
    os_minor: Byte
    os_revision: Byte
    accounting: Byte
    vap: Byte
    queue: Byte
    security: Byte
    bridge: Byte
    volumes: LongLE
    connections: LongLE
    users: LongLE
    name_spaces: LongLE
    lans: LongLE
    media: LongLE
    stacks: LongLE
    directory_depth: LongLE
    data_streams: LongLE
    spool_printers: LongLE
    serial_number: LongLE
    application: WordLE


class GetVersion(Request[Version], ncp=(123, 13), source="Wireshark ncp2222.py"):
    pass


class ActiveConnections(Timed, source="Wireshark ncp2222.py; that bit 0 is the first number is inferred", sure=False):
    bits: Annotated[bytes, Raw(512)]


class GetActiveConnections(Request[ActiveConnections], ncp=(123, 14), source="Wireshark ncp2222.py"):
    """``type``: 2 NCP, 11 UDP (libncp nwfse.h)."""

    first: LongLE
    type: Byte


class ConnectionDetails(Timed, source="Wireshark ncp2222.py 0x7B10"):
    """For each connection the blocks of the mask, in the order of their bits."""

    items: LongLE
    blocks: Rest


class GetConnectionDetails(Request[ConnectionDetails], ncp=(123, 16), source="Wireshark ncp2222.py"):
    mask: Byte
    reserved: Bytes3
    connections: Annotated[tuple[int, ...], Items("<I", "<I")]


class TransportAddress(Reply, source="Wireshark ncp2222.py: a block of 123/16"):
    """``type``: 1 IPX, 5 UDP, 6 TCP. The address is as in 123/17."""

    type: Byte
    address: Annotated[bytes, CountedBytes("<I")]


class Times(Reply, source="Wireshark ncp2222.py: a block of 123/16"):
    login_time: Stamp
    expires: LongLE


class Name(Reply, source="Wireshark ncp2222.py: a block of 123/16"):
    object_type: WordLE
    name: PString


class Locks(Reply, source="Wireshark ncp2222.py: a block of 123/16"):
    """``logical`` and ``physical``: thresholds of transactions."""

    logical: Byte
    physical: Byte
    file_locks: WordLE
    locked_records: WordLE


class Printing(Reply, source="Wireshark ncp2222.py: a block of 123/16"):
    settings: Annotated[bytes, Raw(21)]


class Traffic(
    Reply, source="Wireshark ncp2222.py: a block of 123/16; the order of the six bytes is inferred", sure=False
):
    bytes_read: Bytes6
    bytes_written: Bytes6
    requests: LongLE


class Accounting(Reply, source="Wireshark ncp2222.py: a block of 123/16"):
    amounts: Annotated[bytes, Raw(32)]


class Authentication(Reply, source="Wireshark ncp2222.py: a block of 123/16"):
    status: WordLE
    reserved: Bytes2
    privileges: LongLE


class Addresses(Reply, source="Wireshark packet-ncp2222.inc dissect_ncp_123_17_reply; nmap"):
    """Each address is a ``Listener``."""

    time: LongLE
    console_version: Byte
    console_revision: Byte
    flags: WordLE
    guid: Annotated[bytes, Raw(16)]
    next: LongLE
    items: LongLE
    listeners: Rest


class Listener(Reply, source="Wireshark packet-ncp2222.inc; nmap: a part of 123/17"):
    """``type``: 1 IPX, with network, node and socket; 5 UDP and 6 TCP, with a port, BE, and IPv4."""

    type: LongLE
    address: Annotated[bytes, CountedBytes("<I")]


class GetAddresses(Request[Addresses], ncp=(123, 17), source="Wireshark ncp2222.py; nmap"):
    first: LongLE

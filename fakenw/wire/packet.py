"""NCP packets: types, headers, completion codes, status bits.

A request header has 7 bytes, a reply header 8 (Wireshark packet-ncp.c, libncp kernel/ncp.h)::

    @0 type (2)  @2 sequence  @3 connection low  @4 task  @5 connection high  @6 function or completion
    replies only: @7 connection status

The connection number is low + 256 * high; 0 and 0xFFFF mean "none yet".
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from fakenw.wire.layout import Malformed

CREATE = 0x1111
REQUEST = 0x2222
REPLY = 0x3333
WATCHDOG = 0x3E3E
DESTROY = 0x5555
BURST = 0x7777
BEING_PROCESSED = 0x9999
BROADCAST = 0xBBBB

BAD_CONNECTION = 0x01  # status: the number is not, or no longer, yours
SERVER_DOWN = 0x10  # status: no more requests
MESSAGE_WAITING = 0x40  # status: fetch it with 21/1 or 21/11

LARGEST_CONNECTION = 65_534
NO_CONNECTION = 0xFFFF

_request = struct.Struct(">HBBBBB")
_reply = struct.Struct(">HBBBBBB")
_watchdog = struct.Struct(">HBBBBBBBB")


class Code(IntEnum):
    """Completion codes (Wireshark ncp2222.py; libncp nwerrors.3ncp). The same number can mean two things."""

    OK = 0x00
    CANNOT_LICENSE = 0x01
    INVALID_LENGTH = 0x7E
    ALREADY_TEMPORARY = 0x7A
    ALREADY_LOGGED_IN = 0x7B
    NOT_AUTHENTICATED = 0x7C
    NOT_LOGGED_IN = 0x7D
    OUT_OF_HANDLES = 0x81
    NO_OPEN_PRIVILEGE = 0x82
    BAD_FILE_HANDLE = 0x88
    NO_READ_RIGHTS = 0x93
    NO_WRITE_RIGHTS = 0x94
    NO_SUCH_VOLUME = 0x98
    BAD_DIRECTORY_HANDLE = 0x9B
    INVALID_PATH = 0x9C
    NO_DIRECTORY_HANDLES = 0x9D
    NOT_OPERATOR = 0xC6
    NO_LICENSE = 0xE0
    ILLEGAL_NAME = 0xEF
    TABLE_FULL = 0xF9
    UNSUPPORTED = 0xFB
    NO_SUCH_OBJECT = 0xFC
    BAD_CONNECTION = 0xFD
    FAILURE = 0xFF


class Refused(Exception):
    """The completion code is not 0: raised by a service function, and to whoever asked."""

    def __init__(self, code: int) -> None:
        super().__init__(f"completion code 0x{code:02X}")
        self.code = code


class RequestPacket(NamedTuple):
    """A packet from client to server. ``body`` is what follows the function byte."""

    type: int
    sequence: int
    connection: int
    task: int
    function: int
    body: bytes

    def encode(self) -> bytes:
        low, high = self.connection & 0xFF, self.connection >> 8
        return _request.pack(self.type, self.sequence, low, self.task, high, self.function) + self.body


class ReplyPacket(NamedTuple):
    """A packet from server to client. ``data`` is what follows the status byte."""

    type: int
    sequence: int
    connection: int
    task: int
    completion: int
    status: int
    data: bytes

    def encode(self) -> bytes:
        low, high = self.connection & 0xFF, self.connection >> 8
        return _reply.pack(self.type, self.sequence, low, self.task, high, self.completion, self.status) + self.data


class Watchdog(NamedTuple):
    """Ten bytes over UDP: the server asks ``?``, a living station returns them with ``Y`` (Linux ncpfs)."""

    connection: int
    mark: bytes

    def encode(self) -> bytes:
        return _watchdog.pack(WATCHDOG, 0, self.connection & 0xFF, 0, self.connection >> 8, 0, 0, 0, ord(self.mark))


def packet_type(data: bytes) -> int:
    """The NCP type, or 0 where there is not even one."""
    return (data[0] << 8) | data[1] if len(data) >= 2 else 0


def decode_request(data: bytes) -> RequestPacket:
    """Read a request. A create or destroy may lack the function byte. Raises Malformed."""
    if len(data) < 7:
        if len(data) < 6:
            raise Malformed("shorter than a request header")
        data = bytes(data) + b"\0"
    kind, sequence, low, task, high, function = _request.unpack_from(data)
    return RequestPacket(kind, sequence, low | high << 8, task, function, bytes(data[7:]))


def decode_reply(data: bytes) -> ReplyPacket:
    """Read a reply. Raises Malformed."""
    if len(data) < 8:
        raise Malformed("shorter than a reply header")
    kind, sequence, low, task, high, completion, status = _reply.unpack_from(data)
    return ReplyPacket(kind, sequence, low | high << 8, task, completion, status, bytes(data[8:]))


def decode_watchdog(data: bytes) -> Watchdog:
    """Read a watchdog packet. Raises Malformed."""
    if len(data) < 10:
        raise Malformed("shorter than a watchdog packet")
    return Watchdog(data[3] | data[5] << 8, bytes(data[9:10]))

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

CREATE = 0x1111  # a station requests a connection
REQUEST = 0x2222  # a client requests a service
REPLY = 0x3333  # to a create, a request or a destroy
WATCHDOG = 0x3E3E  # "?" from the server, "Y" from a running station; over UDP
DESTROY = 0x5555  # a station ends its connection
BURST = 0x7777  # packet burst, which fakenw refuses (101)
BEING_PROCESSED = 0x9999  # the request is still being executed; completion 0
BROADCAST = 0xBBBB  # a message is waiting; over UDP

BAD_CONNECTION = 0x01  # status: the number is not, or no longer, the station's
SERVER_DOWN = 0x10  # status: no more requests
MESSAGE_WAITING = 0x40  # status: 21/1 or 21/11 returns the message

LARGEST_CONNECTION = 65_534
NO_CONNECTION = 0xFFFF
NCP_PORT = 524

_request = struct.Struct(">HBBBBB")
_reply = struct.Struct(">HBBBBBB")
_watchdog = struct.Struct(">HBBBBBBBB")
_broadcast = struct.Struct(">HBBBBBBBBI")


class Code(IntEnum):
    """Completion codes (Wireshark ncp2222.py; libncp nwerrors.3ncp). The same number can mean two things."""

    OK = 0x00
    CANNOT_LICENSE = 0x01
    OUT_OF_SPACE = 0x01  # of a write
    INVALID_MINUTES = 0x01  # 23/30
    INVALID_PARAMETER = 0x79  # or no such item; 123/x
    INVALID_LENGTH = 0x7E
    ALREADY_TEMPORARY = 0x7A
    ALREADY_LOGGED_IN = 0x7B
    NOT_AUTHENTICATED = 0x7C
    NOT_LOGGED_IN = 0x7D  # of files: inferred, sources have it for 23/28 alone
    IN_USE = 0x80  # another station has the file open and denies this access
    OUT_OF_HANDLES = 0x81
    NO_CREATE_RIGHTS = 0x84
    NO_OVERWRITE_RIGHTS = 0x85  # also: the new file exists already
    BAD_FILE_NAME = 0x87  # of a file to be created: wild cards, or not 8.3
    BAD_FILE_HANDLE = 0x88
    NO_DELETE_RIGHTS = 0x8A
    NO_RENAME_RIGHTS = 0x8B
    NO_MODIFY_RIGHTS = 0x8C
    SOME_IN_USE = 0x8D
    ALL_IN_USE = 0x8E
    SOME_READ_ONLY = 0x8F
    READ_ONLY = 0x90  # all of the files, or the volume
    SOME_EXIST = 0x91
    ALL_EXIST = 0x92  # also: a directory has the new name
    NO_READ_RIGHTS = 0x93
    NO_WRITE_RIGHTS = 0x94
    OUT_OF_MEMORY = 0x96
    NO_SUCH_VOLUME = 0x98
    DIRECTORY_FULL = 0x99  # the volume has no room for another entry
    OTHER_VOLUME = 0x9A  # a rename cannot cross volumes
    BAD_DIRECTORY_HANDLE = 0x9B
    INVALID_PATH = 0x9C
    NO_DIRECTORY_HANDLES = 0x9D
    BAD_DIRECTORY_NAME = 0x9E
    DIRECTORY_IN_USE = 0x9F
    NOT_EMPTY = 0xA0
    BAD_RENAME = 0xA4  # of a directory, into another directory
    BAD_OPEN_MODE = 0xA5
    SIGNATURE_REQUIRED = 0xAC
    BAD_NAME_SPACE = 0xBF
    INTRUDER_LOCKOUT = 0xC5  # too many bad logins, or login is disabled on the server
    NOT_OPERATOR = 0xC6
    NO_PLAIN_PASSWORDS = 0xD6
    PASSWORD_NOT_UNIQUE = 0xD7
    PASSWORD_TOO_SHORT = 0xD8
    TOO_MANY_CONNECTIONS = 0xD9  # the account's limit, in which connections without a license count
    BAD_LOGIN_TIME = 0xDA
    BAD_STATION = 0xDB  # the account may not log in from this station
    ACCOUNT_DISABLED = 0xDC  # or expired
    PASSWORD_EXPIRED = 0xDE  # and no grace login is left: the login is refused
    GRACE_LOGIN = 0xDF  # the password has expired, but the login succeeded
    NO_LICENSE = 0xE0
    NOT_ITEM_PROPERTY = 0xE8  # a set cannot be written as a value
    MEMBER_EXISTS = 0xE9
    NO_SUCH_MEMBER = 0xEA
    NOT_A_SET = 0xEB
    NO_SUCH_SEGMENT = 0xEC
    PROPERTY_EXISTS = 0xED
    OBJECT_EXISTS = 0xEE
    ILLEGAL_NAME = 0xEF
    WILD_CARD = 0xF0  # not allowed here
    BINDERY_SECURITY = 0xF1
    NO_OBJECT_READ = 0xF2
    NO_OBJECT_RENAME = 0xF3
    NO_OBJECT_DELETE = 0xF4
    NO_OBJECT_CREATE = 0xF5
    NO_PROPERTY_DELETE = 0xF6
    NO_PROPERTY_CREATE = 0xF7
    NO_PROPERTY_WRITE = 0xF8
    TABLE_FULL = 0xF9
    NO_PROPERTY_READ = 0xF9
    UNSUPPORTED = 0xFB
    NO_SUCH_PROPERTY = 0xFB
    NO_SUCH_OBJECT = 0xFC
    BAD_CONNECTION = 0xFD
    NO_TRUSTEE = 0xFE
    NO_RESTRICTION = 0xFE
    BINDERY_LOCKED = 0xFE  # a supervisor has closed it
    FAILURE = 0xFF


class Refused(Exception):
    """The completion code is not 0: raised by service functions, and to callers of a client."""

    def __init__(self, code: int) -> None:
        super().__init__(f"completion code 0x{code:02X}")
        self.code = code


class RequestPacket(NamedTuple):
    """A packet from client to server. ``body`` follows the function byte."""

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
    """A packet from server to client. ``data`` follows the status byte."""

    type: int
    sequence: int
    connection: int
    task: int
    completion: int
    status: int
    data: bytes

    def encode(self) -> bytes:
        return encode_reply(*self)


def encode_reply(
    kind: int, sequence: int, connection: int, task: int, completion: int, status: int, data: bytes
) -> bytes:
    """The bytes of a ``ReplyPacket``, without building one: a server spends most of its time on this."""
    return _reply.pack(kind, sequence, connection & 0xFF, task, connection >> 8, completion, status) + data


class WatchdogPacket(NamedTuple):
    """Ten bytes over UDP: the server sends ``?``, a running station returns them with ``Y`` (Linux ncpfs)."""

    connection: int
    mark: bytes

    def encode(self) -> bytes:
        return _watchdog.pack(WATCHDOG, 0, self.connection & 0xFF, 0, self.connection >> 8, 0, 0, 0, ord(self.mark))


class Broadcast(NamedTuple):
    """Fourteen bytes over UDP: a message waits for the station (Wireshark packet-ncp.c: 0x21; 0x24 is an op-lock)."""

    connection: int

    def encode(self) -> bytes:
        return _broadcast.pack(BROADCAST, 0, self.connection & 0xFF, 0, self.connection >> 8, 0, 0, 0, 0x21, 0)


def packet_type(data: bytes) -> int:
    """The NCP type, or 0 where *data* is shorter than a type."""
    return (data[0] << 8) | data[1] if len(data) >= 2 else 0


def decode_request(data: bytes) -> RequestPacket:
    """A create or destroy may lack the function byte. Raises Malformed."""
    if len(data) < 7:
        if len(data) < 6:
            raise Malformed("shorter than a request header")
        data = bytes(data) + b"\0"
    kind, sequence, low, task, high, function = _request.unpack_from(data)
    return RequestPacket(kind, sequence, low | high << 8, task, function, data[7:])


def decode_reply(data: bytes) -> ReplyPacket:
    """Raises Malformed."""
    if len(data) < 8:
        raise Malformed("shorter than a reply header")
    kind, sequence, low, task, high, completion, status = _reply.unpack_from(data)
    return ReplyPacket(kind, sequence, low | high << 8, task, completion, status, bytes(data[8:]))


def decode_watchdog(data: bytes) -> WatchdogPacket:
    """Raises Malformed."""
    if len(data) < 10:
        raise Malformed("shorter than a watchdog packet")
    return WatchdogPacket(data[3] | data[5] << 8, data[9:10])

"""The bindery over the wire: login, passwords, objects. Object ids and types are big-endian (libncp)."""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import Byte, Bytes8, Long, Nothing, PString, Raw, Reply, Request, Text48, Word


class LoginKey(Reply, source="Wireshark ncp2222.py; libncp"):
    key: Bytes8


class GetLoginKey(Request[LoginKey], ncp=(23, 23), source="Wireshark ncp2222.py; libncp"):
    pass


class KeyedLogin(Request[Nothing], ncp=(23, 24), source="Wireshark ncp2222.py; libncp"):
    answer: Bytes8
    object_type: Word
    name: PString


class PlainLogin(Request[Nothing], ncp=(23, 20), source="Wireshark ncp2222.py; libncp"):
    object_type: Word
    name: PString
    password: PString


class LoginUser(Request[Nothing], ncp=(23, 0), source="Wireshark ncp2222.py"):
    """The login of NetWare 286: users only."""

    name: PString
    password: PString


class ChangeUserPassword(Request[Nothing], ncp=(23, 1), source="Wireshark ncp2222.py"):
    """As 23/64, of NetWare 286: users only."""

    name: PString
    password: PString
    new_password: PString


class VerifyPassword(Request[Nothing], ncp=(23, 63), source="Wireshark ncp2222.py; libncp"):
    object_type: Word
    name: PString
    password: PString


class KeyedVerifyPassword(Request[Nothing], ncp=(23, 74), source="Wireshark ncp2222.py; libncp; mars_nwe"):
    answer: Bytes8
    object_type: Word
    name: PString


class ChangePassword(Request[Nothing], ncp=(23, 64), source="Wireshark ncp2222.py; mars_nwe"):
    object_type: Word
    name: PString
    password: PString
    new_password: PString


class KeyedChangePassword(
    Request[Nothing], ncp=(23, 75), source="libncp; mars_nwe. Wireshark takes the length byte for the length of a pstr"
):
    """``answer`` proves the old password, ``sent`` is the new hash under the old one (``fakenw.bindery.passwords``)."""

    answer: Bytes8
    object_type: Word
    name: PString
    length: Byte
    sent: Annotated[bytes, Raw(16)]


class CreateObject(Request[Nothing], ncp=(23, 50), source="Wireshark ncp2222.py; libncp; mars_nwe"):
    flags: Byte
    security: Byte
    object_type: Word
    name: PString


class DeleteObject(Request[Nothing], ncp=(23, 51), source="libncp; mars_nwe"):
    object_type: Word
    name: PString


class RenameObject(Request[Nothing], ncp=(23, 52), source="mars_nwe"):
    object_type: Word
    name: PString
    new_name: PString


class ObjectInfo(Reply, source="libncp: BE; Wireshark prints the id LE"):
    object_id: Long
    object_type: Word
    name: Text48


class GetObjectId(Request[ObjectInfo], ncp=(23, 53), source="Wireshark ncp2222.py; libncp"):
    """Allowed without a login: a client needs the id for its hash (libncp requests it before 23/24)."""

    object_type: Word
    name: PString


class GetObjectName(Request[ObjectInfo], ncp=(23, 54), source="Wireshark ncp2222.py; libncp"):
    object_id: Long


class ScannedObject(
    Reply, source="Wireshark ncp2222.py; libncp. Static is 1 in Wireshark, 0 in Ralf Brown's list", sure=False
):
    object_id: Long
    object_type: Word
    name: Text48
    flags: Byte
    security: Byte
    has_properties: Byte


class ScanObjects(Request[ScannedObject], ncp=(23, 55), source="Wireshark ncp2222.py; libncp"):
    """0xFFFFFFFF starts, type 0xFFFF is any; the end is completion 0xFC. Unreadable objects are skipped."""

    last_id: Long
    object_type: Word
    pattern: PString


class ChangeObjectSecurity(Request[Nothing], ncp=(23, 56), source="libncp; mars_nwe; Ralf Brown's list"):
    security: Byte
    object_type: Word
    name: PString


class CloseBindery(Request[Nothing], ncp=(23, 68), source="Wireshark ncp2222.py; Ralf Brown's list: supervisors only"):
    pass


class OpenBindery(Request[Nothing], ncp=(23, 69), source="Wireshark ncp2222.py; Ralf Brown's list: supervisors only"):
    pass


class OwnAccess(Reply, source="Wireshark ncp2222.py; mars_nwe: BE"):
    """The level in both nibbles: 0x33 supervisor, 0x22 logged in, 0x00 not logged in, with the id 0xFFFFFFFF."""

    level: Byte
    object_id: Long


class GetOwnAccess(Request[OwnAccess], ncp=(23, 70), source="Wireshark ncp2222.py; mars_nwe"):
    pass


class ObjectAccess(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    """0x33 supervisor, 0x22 the object itself, 0x11 logged in, 0x00 not logged in."""

    level: Byte


class GetObjectAccess(Request[ObjectAccess], ncp=(23, 72), source="Wireshark ncp2222.py; mars_nwe"):
    object_id: Long


class IsManager(Request[Nothing], ncp=(23, 73), source="Wireshark ncp2222.py; mars_nwe"):
    """0xFF: no. Only a supervisor is a manager, as in mars_nwe."""

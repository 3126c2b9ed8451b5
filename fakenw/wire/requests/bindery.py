"""The bindery over the wire: login and objects. Object ids and types are big-endian (libncp)."""

from __future__ import annotations

from fakenw.wire.layout import Byte, Bytes8, Long, Nothing, PString, Reply, Request, Text48, Word


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


class ObjectInfo(Reply, source="libncp: BE; Wireshark prints the id LE"):
    object_id: Long
    object_type: Word
    name: Text48


class GetObjectId(Request[ObjectInfo], ncp=(23, 53), source="Wireshark ncp2222.py; libncp"):
    object_type: Word
    name: PString


class GetObjectName(Request[ObjectInfo], ncp=(23, 54), source="Wireshark ncp2222.py; libncp"):
    object_id: Long


class ScannedObject(Reply, source="Wireshark ncp2222.py; libncp"):
    object_id: Long
    object_type: Word
    name: Text48
    flags: Byte
    security: Byte
    has_properties: Byte


class ScanObjects(Request[ScannedObject], ncp=(23, 55), source="Wireshark ncp2222.py; libncp"):
    """0xFFFFFFFF starts, type 0xFFFF is any; the end is completion 0xFC."""

    last_id: Long
    object_type: Word
    pattern: PString

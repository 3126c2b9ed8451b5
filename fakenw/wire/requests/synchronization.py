"""Locks of files, logical records and physical records.

In a lock flag bit 0 locks at once, else the record is only logged; bit 1 makes the lock shared. Time limits are clock
ticks, 18.2065 a second. The functions from 105 on do what the old ones do, with the low byte first.
"""

from __future__ import annotations

from fakenw.wire.layout import Byte, Bytes6, Long, LongLE, Nothing, PString, Request, Word, WordLE

LOCK = 0x01  # of a lock flag
SHARED = 0x02


class LogFileOld(Request[Nothing], ncp=3, source="Wireshark ncp2222.py; mars_nwe nwconn.c"):
    directory: Byte
    flag: Byte
    limit: Word
    path: PString


class LogFile(Request[Nothing], ncp=105, source="Wireshark ncp2222.py"):
    directory: Byte
    flag: Byte
    limit: WordLE
    path: PString


class LockFileSetOld(Request[Nothing], ncp=4, source="Wireshark ncp2222.py, but with the high byte first", sure=False):
    limit: Word


class LockFileSet(Request[Nothing], ncp=106, source="Wireshark ncp2222.py"):
    limit: WordLE


class ReleaseFile(Request[Nothing], ncp=5, source="Wireshark ncp2222.py; mars_nwe nwconn.c"):
    directory: Byte
    path: PString


class ReleaseFileSet(Request[Nothing], ncp=6, source="Wireshark ncp2222.py"):
    flag: Byte


class ClearFile(Request[Nothing], ncp=7, source="Wireshark ncp2222.py; mars_nwe nwconn.c"):
    directory: Byte
    path: PString


class ClearFileSet(Request[Nothing], ncp=8, source="Wireshark ncp2222.py"):
    flag: Byte


class LogLogicalRecordOld(Request[Nothing], ncp=9, source="Wireshark ncp2222.py; mars_nwe nwconn.c"):
    flag: Byte
    limit: Word
    name: PString


class LogLogicalRecord(Request[Nothing], ncp=107, source="Wireshark ncp2222.py"):
    flag: Byte
    limit: WordLE
    name: PString


class LockLogicalRecordSetOld(
    Request[Nothing], ncp=10, source="mars_nwe nwconn.c; Wireshark has the low byte first", sure=False
):
    flag: Byte
    limit: Word


class LockLogicalRecordSet(Request[Nothing], ncp=108, source="Wireshark ncp2222.py, which calls it as 107 is called"):
    flag: Byte
    limit: WordLE


class ClearLogicalRecord(Request[Nothing], ncp=11, source="Wireshark ncp2222.py; mars_nwe nwconn.c"):
    name: PString


class ReleaseLogicalRecord(Request[Nothing], ncp=12, source="Wireshark ncp2222.py"):
    name: PString


class ReleaseLogicalRecordSet(Request[Nothing], ncp=13, source="Wireshark ncp2222.py"):
    flag: Byte


class ClearLogicalRecordSet(Request[Nothing], ncp=14, source="Wireshark ncp2222.py"):
    flag: Byte


class LogPhysicalRecordOld(
    Request[Nothing], ncp=26, source="Linux ncpfs; Wireshark has the low byte of the limit first"
):
    flag: Byte
    handle: Bytes6
    start: Long
    length: Long
    limit: Word


class LogPhysicalRecord(Request[Nothing], ncp=109, source="Wireshark ncp2222.py"):
    flag: Byte
    handle: Bytes6
    start: LongLE
    length: LongLE
    limit: WordLE


class LockPhysicalRecordSetOld(
    Request[Nothing], ncp=27, source="Wireshark ncp2222.py, but with the high byte first as in 26", sure=False
):
    flag: Byte
    limit: Word


class LockPhysicalRecordSet(Request[Nothing], ncp=110, source="Wireshark ncp2222.py"):
    flag: Byte
    limit: WordLE


class ReleasePhysicalRecord(
    Request[Nothing], ncp=28, source="Wireshark ncp2222.py, but with the high byte first as in 30", sure=False
):
    reserved: Byte
    handle: Bytes6
    start: Long
    length: Long


class ReleasePhysicalRecordSet(Request[Nothing], ncp=29, source="Wireshark ncp2222.py"):
    flag: Byte


class ClearPhysicalRecord(Request[Nothing], ncp=30, source="Wireshark ncp2222.py; Linux ncpfs"):
    reserved: Byte
    handle: Bytes6
    start: Long
    length: Long


class ClearPhysicalRecordSet(Request[Nothing], ncp=31, source="Wireshark ncp2222.py"):
    flag: Byte

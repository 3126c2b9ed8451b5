"""What a connection holds, and what holds a file or a record, as an operator asks; and the numbers of entries.

A list is asked for from a record on, 0 at first; the reply says where the next one begins, 0 at the end. An entry is
named by its volume and its number, with 0 as the number of the data stream.

Wireshark 4.0 gives records of locks a task of one byte, and sizes that fit a task of two; Ralf Brown's list has two,
as 235 and 239 do.
"""

from __future__ import annotations

from fakenw.wire.layout import Byte, Layout, LongLE, PString, Reply, Request, Rest, WordLE


class HeldRecords(Reply, source="Wireshark ncp2222.py; libncp for semaphores; Ralf Brown's list for 237 and 238"):
    next: WordLE
    count: WordLE
    records: Rest


class HeldFile(Layout, source="Wireshark ncp2222.py"):
    """``kind`` 1 is an open file that is shared, 3 one that is not; ``lock`` 0 is not locked, 0xFE by a file lock."""

    task: WordLE
    kind: Byte
    access: Byte
    lock: Byte
    volume: Byte
    parent: LongLE
    entry: LongLE
    forks: Byte
    name_space: Byte
    name: PString


class GetOpenFiles(
    Request[HeldRecords], ncp=(23, 235), source="Wireshark ncp2222.py; the number as in 239 and 241", sure=False
):
    connection: WordLE
    first: WordLE


class HeldLogicalRecord(Layout, source="Wireshark ncp2222.py"):
    """``status``: 0 locked exclusive, 1 locked shareable, 2 logged."""

    task: WordLE
    status: Byte
    name: PString


class GetLogicalRecords(Request[HeldRecords], ncp=(23, 239), source="Wireshark ncp2222.py"):
    connection: WordLE
    first: WordLE


class HeldSemaphore(Layout, source="Wireshark ncp2222.py"):
    opens: WordLE
    value: WordLE
    task: WordLE
    name: PString


class GetSemaphores(Request[HeldRecords], ncp=(23, 241), source="libncp; Wireshark has the number's high byte first"):
    connection: WordLE
    first: WordLE


class FileHolder(Layout, source="Wireshark ncp2222.py"):
    """``kind`` as in HeldFile, besides 0 locked and 2 logged, both without an open; ``lock`` as there."""

    connection: WordLE
    task: WordLE
    kind: Byte
    access: Byte
    lock: Byte


class FileHolders(Reply, source="Wireshark ncp2222.py; what uses counts is inferred", sure=False):
    """``uses``: the opens, and the tasks that have logged the file without one. ``locked``: 0xFE by a file lock."""

    next: WordLE
    uses: WordLE
    opens: WordLE
    reading: WordLE
    writing: WordLE
    deny_reading: WordLE
    deny_writing: WordLE
    locked: Byte
    forks: Byte
    count: WordLE
    records: Rest


class GetFileHolders(Request[FileHolders], ncp=(23, 236), source="Wireshark ncp2222.py"):
    stream: Byte
    volume: Byte
    entry: LongLE
    first: WordLE


class HeldPhysicalRecord(
    Layout, source="Ralf Brown's list has 11 bytes; Wireshark has the low byte first, but a task of one", sure=False
):
    """``status`` as in HeldLogicalRecord; ``end`` is the last byte."""

    task: WordLE
    status: Byte
    start: LongLE
    end: LongLE


class GetPhysicalRecords(Request[HeldRecords], ncp=(23, 237), source="Wireshark ncp2222.py"):
    connection: WordLE
    stream: Byte
    volume: Byte
    entry: LongLE
    first: WordLE


class PhysicalRecordHolder(
    Layout, source="Ralf Brown's list has 17 bytes; Wireshark has a task of one byte", sure=False
):
    """``logged`` tasks have the same bytes in their sets, and ``shared`` of them a shared lock."""

    logged: WordLE
    shared: WordLE
    start: LongLE
    end: LongLE
    connection: WordLE
    task: WordLE
    status: Byte


class GetPhysicalRecordHolders(Request[HeldRecords], ncp=(23, 238), source="Wireshark ncp2222.py; Ralf Brown's list"):
    stream: Byte
    volume: Byte
    entry: LongLE
    first: WordLE


class LogicalRecordHolder(
    Layout, source="Wireshark ncp2222.py, whose size has room for a task of two bytes", sure=False
):
    """``status`` as in HeldLogicalRecord."""

    connection: WordLE
    task: WordLE
    status: Byte


class LogicalRecordHolders(
    Reply, source="Wireshark ncp2222.py; Ralf Brown's list has uses first, and a count of one byte", sure=False
):
    """``shared`` locks; ``uses``: the connections that have logged the record; ``locked`` is 1: exclusively."""

    shared: WordLE
    uses: WordLE
    locked: Byte
    next: WordLE
    count: WordLE
    records: Rest


class GetLogicalRecordHolders(
    Request[LogicalRecordHolders], ncp=(23, 240), source="Wireshark ncp2222.py; Ralf Brown's list"
):
    first: WordLE
    name: PString


class SemaphoreHolder(
    Layout,
    source="Ralf Brown's list has two words; Wireshark has the high byte of the first one first, and then one byte",
    sure=False,
):
    connection: WordLE
    task: WordLE


class SemaphoreHolders(Reply, source="Wireshark ncp2222.py; Ralf Brown's list has a value of one byte"):
    next: WordLE
    opens: WordLE
    value: WordLE
    count: WordLE
    records: Rest


class GetSemaphoreHolders(Request[SemaphoreHolders], ncp=(23, 242), source="Wireshark ncp2222.py; Ralf Brown's list"):
    first: WordLE
    name: PString


class EntryPath(Reply, source="Ralf Brown's list; that the volume is no part of it is inferred", sure=False):
    """The names from the root on, each behind its length, and all behind theirs."""

    path: PString


class MapNumberToPath(Request[EntryPath], ncp=(23, 243), source="Wireshark ncp2222.py; Ralf Brown's list"):
    volume: Byte
    entry: LongLE
    name_space: Byte


class EntryNumber(Reply, source="Wireshark ncp2222.py; Ralf Brown's list"):
    volume: Byte
    entry: LongLE


class MapPathToNumber(Request[EntryNumber], ncp=(23, 244), source="Wireshark ncp2222.py; Ralf Brown's list"):
    directory: Byte
    path: PString

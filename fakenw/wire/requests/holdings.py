"""What a connection holds, as an operator asks: open files, logical records, semaphores.

A list is asked for from a record on, 0 at first; the reply says where the next one begins, 0 at the end.
"""

from __future__ import annotations

from fakenw.wire.layout import Byte, Layout, LongLE, PString, Reply, Request, Rest, WordLE


class HeldRecords(Reply, source="Wireshark ncp2222.py; libncp for semaphores"):
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

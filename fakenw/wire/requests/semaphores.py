"""Semaphores: the group 32 with the high byte first, and the group 111 with the low byte first.

Values and counts are one byte; a value below zero is its two's complement (mars_nwe). Time limits are clock ticks.
"""

from __future__ import annotations

from fakenw.wire.layout import Byte, Long, LongLE, Nothing, PString, Reply, Request, Word, WordLE


class OpenedSemaphoreOld(Reply, source="Wireshark ncp2222.py; mars_nwe sema.c"):
    handle: Long
    opens: Byte


class OpenSemaphoreOld(Request[OpenedSemaphoreOld], ncp=(32, 0), source="Wireshark ncp2222.py; mars_nwe sema.c"):
    value: Byte
    name: PString


class SemaphoreState(Reply, source="Wireshark ncp2222.py; mars_nwe sema.c; libncp"):
    value: Byte
    opens: Byte


class ExamineSemaphoreOld(Request[SemaphoreState], ncp=(32, 1), source="Wireshark ncp2222.py; mars_nwe sema.c"):
    handle: Long


class WaitOnSemaphoreOld(Request[Nothing], ncp=(32, 2), source="Wireshark ncp2222.py; mars_nwe sema.c"):
    handle: Long
    limit: Word


class SignalSemaphoreOld(Request[Nothing], ncp=(32, 3), source="Wireshark ncp2222.py; mars_nwe sema.c"):
    handle: Long


class CloseSemaphoreOld(Request[Nothing], ncp=(32, 4), source="Wireshark ncp2222.py; mars_nwe sema.c"):
    handle: Long


class OpenedSemaphore(Reply, source="Wireshark ncp2222.py; libncp"):
    handle: LongLE
    opens: Byte


class OpenSemaphore(
    Request[OpenedSemaphore], ncp=(111, 0), source="Wireshark ncp2222.py; libncp, which sends 512 bytes"
):
    value: Byte
    name: PString


class ExamineSemaphore(Request[SemaphoreState], ncp=(111, 1), source="Wireshark ncp2222.py; libncp"):
    handle: LongLE


class WaitOnSemaphore(Request[Nothing], ncp=(111, 2), source="Wireshark ncp2222.py; libncp"):
    handle: LongLE
    limit: WordLE


class SignalSemaphore(Request[Nothing], ncp=(111, 3), source="Wireshark ncp2222.py; libncp"):
    handle: LongLE


class ClosedSemaphore(Reply, source="Wireshark ncp2222.py: a share count, here of connections", sure=False):
    opens: Byte
    shares: Byte


class CloseSemaphore(Request[ClosedSemaphore], ncp=(111, 4), source="Wireshark ncp2222.py; libncp"):
    handle: LongLE

"""Semaphores: open, examine, wait, signal, close. A handle is good on a connection that has the semaphore open."""

from __future__ import annotations

from typing import Any

from fakenw.core.semaphores import MOST as LARGEST
from fakenw.core.semaphores import Overflow, Semaphore
from fakenw.core.service import Call, HeldBack, NcpService
from fakenw.core.services.locks import until
from fakenw.core.waiting import PendingWait
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import semaphores as ncp

service = NcpService()

LONGEST = 127  # bytes of a name (mars_nwe)
MOST = 1000  # semaphores that a connection has open

NOT_OPENED = (Code.FAILURE, Code.OUT_OF_MEMORY, Code.BAD_SEMAPHORE_NAME)


@service.answers(ncp.OpenSemaphoreOld, refuses=NOT_OPENED)
def open_semaphore_old(call: Call[ncp.OpenSemaphoreOld]) -> ncp.OpenedSemaphoreOld:
    semaphore = _open(call)
    return ncp.OpenedSemaphoreOld(semaphore.handle, _byte(semaphore.opens))


@service.answers(ncp.OpenSemaphore, refuses=NOT_OPENED)
def open_semaphore(call: Call[ncp.OpenSemaphore]) -> ncp.OpenedSemaphore:
    semaphore = _open(call)
    return ncp.OpenedSemaphore(semaphore.handle, _byte(semaphore.opens))


@service.answers(ncp.ExamineSemaphoreOld, ncp.ExamineSemaphore, refuses=(Code.FAILURE,))
def examine_semaphore(call: Call[Any]) -> ncp.SemaphoreState:
    """A value below zero is the number of stations that wait (inferred)."""
    semaphore = _found(call)
    value = max(-128, call.host.semaphores.value(semaphore))
    return ncp.SemaphoreState(value & 0xFF, _byte(semaphore.opens))


@service.answers(ncp.WaitOnSemaphoreOld, ncp.WaitOnSemaphore, refuses=(Code.FAILURE, Code.TIMED_OUT))
def wait_on_semaphore(call: Call[Any]) -> None:
    semaphores, serial = call.host.semaphores, call.connection.serial
    outcome = semaphores.wait(_found(call), serial, call.task, until(call, call.request.limit))
    if isinstance(outcome, PendingWait):
        raise HeldBack(outcome, Code.TIMED_OUT)
    if not outcome:
        raise Refused(Code.TIMED_OUT)


@service.answers(ncp.SignalSemaphoreOld, ncp.SignalSemaphore, refuses=(Code.FAILURE, Code.SEMAPHORE_OVERFLOW))
def signal_semaphore(call: Call[Any]) -> None:
    try:
        call.host.semaphores.signal(_found(call), call.connection.serial, call.task)
    except Overflow:
        raise Refused(Code.SEMAPHORE_OVERFLOW) from None


@service.answers(ncp.CloseSemaphoreOld, refuses=(Code.FAILURE,))
def close_semaphore_old(call: Call[ncp.CloseSemaphoreOld]) -> None:
    _close(call)


@service.answers(ncp.CloseSemaphore, refuses=(Code.FAILURE,))
def close_semaphore(call: Call[ncp.CloseSemaphore]) -> ncp.ClosedSemaphore:
    semaphore = _close(call)
    shares = len({serial for serial, _ in semaphore.openings})
    return ncp.ClosedSemaphore(_byte(semaphore.opens), _byte(shares))


def _byte(count: int) -> int:
    return min(count, 0xFF)


def _open(call: Call[Any]) -> Semaphore:
    """The bounds are mars_nwe's."""
    name, value = call.request.name, call.request.value
    semaphores, serial = call.host.semaphores, call.connection.serial
    if not 1 <= len(name) <= LONGEST:
        raise Refused(Code.BAD_SEMAPHORE_NAME)
    if value > LARGEST:
        raise Refused(Code.FAILURE)
    mine = semaphores.of(serial)
    if len(mine) >= MOST and semaphores.by_name.get(name) not in mine:
        raise Refused(Code.OUT_OF_MEMORY)
    return semaphores.open(serial, call.task, name, value)


def _found(call: Call[Any]) -> Semaphore:
    semaphore = call.host.semaphores.find(call.connection.serial, call.request.handle)
    if semaphore is None:
        raise Refused(Code.FAILURE)
    return semaphore


def _close(call: Call[Any]) -> Semaphore:
    semaphore = _found(call)
    call.host.semaphores.close(semaphore, call.connection.serial, call.task)
    return semaphore

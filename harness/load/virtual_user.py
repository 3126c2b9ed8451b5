"""A client of a load: its logons and what it does between logon and logoff.

Rules of this file:

* A client that leaks is a whole machine: a redirector, NAL's arbiter and APM as they were shipped. Its leak follows
  from these; no line of this file omits a release. All other clients only log in and out, which is cheap.
* Besides its own logon, a leaking machine has NAL look for offers, in another account, on a connection of its own. The
  machine is not switched off at night: what leaked stays, and the next logon finds it.
* A refused client gives up, or tries again until its time is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakenw.core.peer import TRANSPORTS
from fakenw.wire.packet import Refused
from fakenw.wire.requests.connection import Logout
from fakenw.wire.requests.files import CloseFile, OpenFile, ReadFile
from harness.client.attachment import Attachment, Denied, log_in
from harness.client.machine import Machine
from harness.client.workstation import Failure, Gone, Lost, Requester, World, failure, sleep
from harness.load.specification import TO_THE_END, LoadSpecification, Logon
from harness.load.statistics import LoadStatistics

SERVER = "FAKENW"
SMS_ACCOUNT = ("SMSCLIENT", "")  # a client connection account of the site (KB Q237759)
OFFER = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"
LOOK_FOR_OFFERS = [  # Q257223: APM uses NAL's connection, and NAL closes it before APM does
    {
        "verb": "nal.open",
        "args": {"path": 'NWBIND:["SMS_SITE=GS1"]\\\\FAKENW\\SYS\\CAP_GS1\\', "owner": "SMSCCMBootAcct"},
    },
    {"verb": "apm.open", "args": {"file": OFFER}},
    {"verb": "nal.close"},
    {"verb": "apm.close"},
]
READS_A_DAY = 144  # every ten minutes, of 24 hours


class VirtualUser:
    """Client *n* of *spec*, in *world*. It gives up its logons once *ended* returns true."""

    def __init__(
        self,
        spec: LoadSpecification,
        n: int,
        logons: list[Logon],
        world: World,
        statistics: LoadStatistics,
        ended: Callable[[], bool],
    ):
        self._spec, self._n, self._logons, self._statistics, self._ended = spec, n, logons, statistics, ended
        self._world = _CountingWorld(world, n, statistics)
        self.machine: Machine | None = None

    async def run(self) -> None:
        """Carry out all logons. Raises nothing."""
        for logon in self._logons:
            await self._until(logon.at)
            if not self._ended():
                await self._session(logon)

    async def _until(self, at: int) -> None:
        while (wait := at - self._world.now()) > 0 and not self._ended():
            await sleep(wait)

    async def _session(self, logon: Logon) -> None:
        begun, self._statistics.logons = self._world.now(), self._statistics.logons + 1
        leave = None if logon.hold is None else begun + logon.hold
        connection = await self._log_on(leave)
        waited = self._world.now() - begun
        if connection is None:
            self._statistics.waited += waited if logon.hold is None or self._spec.retry is not None else logon.hold
            return
        self._statistics.waited += waited
        if logon.leaks:
            await self._look_for_offers()
        await self._hold(connection, leave, logon.behavior)
        await self._log_off(connection)

    async def _log_on(self, leave: int | None) -> Attachment | None:
        """A licensed connection; None where the server refused it."""
        user, password = self._spec.account(self._n)
        while True:
            begun = self._world.network_now()
            requester = Requester(self._world, SERVER, TRANSPORTS[self._spec.transport])
            connection = Attachment(requester, SERVER, user, False, password=password)
            try:
                await log_in(self._world, connection)
            except Denied:
                pass
            except OSError as problem:
                self._world.write("attach-failed", **failure(problem))
            except Failure:
                return None
            else:
                self._statistics.latencies.append(self._world.network_now() - begun)
                self._world.write("attach", **connection.where())
                return connection
            now, retry = self._world.now(), self._spec.retry
            if retry is None or self._ended() or (leave is not None and now + retry >= leave):
                return None
            await sleep(retry)

    async def _hold(self, connection: Attachment, leave: int | None, behavior: str) -> None:
        pause = self._spec.day // READS_A_DAY if behavior == "reader" else None
        while not self._ended():
            remaining = TO_THE_END if leave is None else leave - self._world.now()
            if remaining <= 0:
                return
            await sleep(remaining if pause is None else min(remaining, pause))
            if pause is not None:
                await self._read(connection)

    async def _read(self, connection: Attachment) -> None:
        call, statistics, begun = connection.requester.call, self._statistics, self._world.network_now()
        try:
            opened = await call(OpenFile(0, 6, 0x11, OFFER))
            await call(ReadFile(0, opened.handle, 0, 64))
            await call(CloseFile(0, opened.handle))
            (statistics.crowded if statistics.refused else statistics.quiet).append(self._world.network_now() - begun)
        except Failure as problem:
            self._world.write("work-failed", **failure(problem))

    async def _log_off(self, connection: Attachment) -> None:
        where, trouble = connection.where(), {}
        try:
            await connection.requester.call(Logout())
            await connection.requester.destroy()
        except (Gone, Lost, Refused) as problem:
            trouble = {"reason": failure(problem)["reason"]}
        self._world.write("detach", **where, **trouble)

    async def _look_for_offers(self) -> None:
        if self.machine is None:
            settings: dict[str, Any] = {"name": f"client{self._n + 1}", "user": ":".join(SMS_ACCOUNT)}
            settings |= {"script": LOOK_FOR_OFFERS, "transport": self._spec.transport, "seed": self._spec.seed}
            if self._spec.cured:
                settings["arbiter"] = {"counted": True}
            self.machine = Machine(self._world, settings)
        await self.machine.run()


class _CountingWorld:
    """A client's world that counts the client's events in *statistics*."""

    def __init__(self, world: World, n: int, statistics: LoadStatistics) -> None:
        self._n, self._statistics = n, statistics
        self.now, self.network_now, self.spawn, self.link = world.now, world.network_now, world.spawn, world.link

    def write(self, event: str, **fields: Any) -> None:
        self._statistics.saw(self._n, event, fields)

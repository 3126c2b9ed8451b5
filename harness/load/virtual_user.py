"""One client of a load: what it does on its days.

Rules of this file:

* A client that leaks is a whole machine: a redirector, NAL's arbiter and APM as they were shipped. Its leak follows
  from them, as everywhere else; no line here forgets a connection. All others only log in and out, which is cheap.
* Beside its own logon a leaking machine lets NAL look for offers, in another account, on a connection of its own. The
  machine is not switched off at night: what is left behind stays, and is found again by the next logon.
* Whoever is refused goes home, or tries again until its time is over.
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
LOOK = [  # Q257223: APM rides on NAL's connection; NAL has done before APM has
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
    """Client *n* of an order, in *world*, which says how time passes and how bytes travel."""

    def __init__(
        self,
        spec: LoadSpecification,
        n: int,
        logons: list[Logon],
        world: World,
        statistics: LoadStatistics,
        over: Callable[[], bool],
    ):
        self._spec, self._n, self._logons, self._tally, self._over = spec, n, logons, statistics, over
        self._world = _Told(world, n, statistics)
        self.machine: Machine | None = None

    async def live(self) -> None:
        """All of its days. Raises nothing."""
        for logon in self._logons:
            await self._until(logon.at)
            if not self._over():
                await self._day(logon)
        self._tally.done += 1

    async def _until(self, at: int) -> None:
        while (wait := at - self._world.now()) > 0 and not self._over():
            await sleep(wait)

    async def _day(self, logon: Logon) -> None:
        begun, self._tally.logons = self._world.now(), self._tally.logons + 1
        leave = None if logon.hold is None else begun + logon.hold
        connection = await self._log_on(leave)
        waited = self._world.now() - begun
        if connection is None:
            self._tally.waited += waited if logon.hold is None or self._spec.retry is not None else logon.hold
            return
        self._tally.waited += waited
        if logon.leaks:
            await self._look_for_offers()
        await self._hold(connection, leave, logon.behavior)
        await self._log_off(connection)

    async def _log_on(self, leave: int | None) -> Attachment | None:
        """A connection with a license; None where there was none to be had."""
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
                self._tally.latencies.append(self._world.network_now() - begun)
                self._world.write("attach", **connection.where())
                return connection
            now, retry = self._world.now(), self._spec.retry
            if retry is None or self._over() or (leave is not None and now + retry >= leave):
                return None
            await sleep(retry)

    async def _hold(self, connection: Attachment, leave: int | None, behavior: str) -> None:
        pause = self._spec.day // READS_A_DAY if behavior == "reader" else None
        while not self._over():
            left = TO_THE_END if leave is None else leave - self._world.now()
            if left <= 0:
                return
            await sleep(left if pause is None else min(left, pause))
            if pause is not None:
                await self._read(connection)

    async def _read(self, connection: Attachment) -> None:
        call, statistics, begun = connection.requester.call, self._tally, self._world.network_now()
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
            settings: dict[str, Any] = {"name": f"client{self._n + 1}", "user": ":".join(SMS_ACCOUNT), "script": LOOK}
            settings |= {"transport": self._spec.transport, "seed": self._spec.seed}
            if self._spec.cured:
                settings["arbiter"] = {"counted": True}
            self.machine = Machine(self._world, settings)
        await self.machine.run()


class _Told:
    """A client's world, whose journal is a tally."""

    def __init__(self, world: World, n: int, statistics: LoadStatistics) -> None:
        self._n, self._tally = n, statistics
        self.now, self.network_now, self.spawn, self.link = world.now, world.network_now, world.spawn, world.link

    def write(self, event: str, **fields: Any) -> None:
        self._tally.saw(self._n, event, fields)

r"""The Available Programs Manager (smsapm32.exe), which reads packages and offers from NetWare servers.

Rules of this file:

* Q257223 expands APM as "advanced power management"; every other article as the Available (or
  Advertised) Programs Manager (KB Q219931, Q229113, Q262312).
* As shipped it "may use the same connection" (Q257223): it rides on the redirector's connection to the server, and
  NAL's arbiter does not count it. The open file is known to the redirector alone.
* Where there is no connection it makes one, and asks once for its release after use. The KB says nothing about that;
  it is our reading.
* *counted* and *private* are repairs that never existed: APM counts its use with the arbiter, or makes its own
  connection.
* An offer comes through a pipe (KB Q262312). A program whose files cannot be opened is tried again (KB Q302674: after
  ten minutes; Q302535: at once, with all of the processor).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, NamedTuple

from pydantic import Field, StrictBool

from fakenw.config.field_types import Duration
from fakenw.journal.record import SECOND
from harness.client.attachment import Attachment, ClientFile, InUse
from harness.client.context import Component, WorkstationContext
from harness.client.nal_path import NalPath
from harness.client.settings import ServerFile, ServerName, Settings, verb
from harness.client.workstation import Failure, sleep

OWNER = "SMSCliToknAcct&"  # the account of APM (KB Q224286)


class ApmSettings(Settings):
    private: StrictBool = False  # APM opens a connection of its own
    evaluates: Duration = 600 * SECOND  # how long it has an offer open (ours)
    retry: Duration = 600 * SECOND  # until the next try to open a program's files (KB Q302674)


class _Use(NamedTuple):
    connection: Attachment
    mode: str
    counted: tuple[str, NalPath] | None = None
    file: ClientFile | None = None


class Apm(Component):
    """The Available Programs Manager."""

    name = "apm"
    Settings = ApmSettings
    settings: ApmSettings

    def __init__(self, workstation: WorkstationContext, settings: ApmSettings | None = None) -> None:
        super().__init__(workstation, settings)
        self._uses: list[_Use] = []

    @verb
    async def open(self, file: ServerFile, server: ServerName | None = None) -> None:
        """APM opens a file; without *server* on the server of the client's last connect.

        Raises Denied, Refused, Gone, Lost, OSError.
        """
        await self._begin(file, server)

    @verb
    async def close(self) -> None:
        """APM closes the file that it opened last."""
        if self._uses:
            await self._end(self._uses[-1])

    @verb
    async def run(
        self,
        file: ServerFile,
        server: ServerName,
        lasts: Annotated[Duration, Field(description="how long the program runs")] = 60 * SECOND,
        tries: Annotated[int, Field(ge=1, description="how often APM tries to open its files")] = 100,
    ) -> None:
        """APM runs a program from a distribution point, and tries again where it cannot open its files.

        Raises Denied, Refused, Gone, Lost, OSError.
        """
        for left in reversed(range(tries)):
            try:
                use = await self._begin(file, server)
            except Failure:
                if not left:
                    raise
                await sleep(self.settings.retry)
            else:
                await sleep(lasts)
                await self._end(use)
                return

    def offer(self, file: str, server: str) -> None:
        """Read an offer that came through the pipe; it is open while APM evaluates it."""

        async def evaluate() -> None:
            with suppress(*Failure):
                use = await self._begin(file, server)
                await sleep(self.settings.evaluates)
                await self._end(use)

        self.workstation.world.spawn(evaluate())

    async def _begin(self, file: str, server: str | None) -> _Use:
        """Open *file*. A failure is written, and raised."""
        use: _Use | None = None
        try:
            use = await self._connect(file, server or self.workstation.redirector.last_server)
            handle = await self.workstation.redirector.open(use.connection, file)
        except Failure as problem:
            self.failed(file, problem, use.connection if use else None)
            if use:
                await self._release(use)
            raise
        use = use._replace(file=handle)
        self._uses.append(use)
        self.opened(use.connection, file=file, mode=use.mode)
        return use

    async def _end(self, use: _Use) -> None:
        self._uses.remove(use)
        assert use.file is not None
        try:
            await self.workstation.redirector.close(use.file)
        except Failure as problem:
            self.failed(use.file.path, problem, use.connection)
        self.closed(use.connection, file=use.file.path, mode=use.mode)
        await self._release(use)

    async def _connect(self, file: str, server: str | None) -> _Use:
        """The connection to use, and how: ``rides``, ``made``, ``counted`` or ``private``."""
        if server is None:
            raise OSError("no server has been connected to")
        redirector, arbiter, account = self.workstation.redirector, self.workstation.arbiter, self.workstation.account()
        if self.settings.private:
            return _Use(await redirector.connect(server, *account, private=True, context=OWNER), "private")
        if arbiter.settings.counted:
            known = arbiter.find_server(server, OWNER)
            owner, path = (known.owner, known.path) if known else (OWNER, _nal_path(server, file))
            return _Use(await arbiter.open(owner, path), "counted", (owner, path))
        mode = "rides" if redirector.existing(server, OWNER) else "made"
        return _Use(await redirector.connect(server, *account, context=OWNER), mode)

    async def _release(self, use: _Use) -> None:
        if use.counted:
            await self.workstation.arbiter.close(*use.counted)
        elif use.mode != "rides" or self.workstation.redirector.settings.count_opens:
            with suppress(InUse):  # another file is open on it: APM asks once, like NAL
                await self.workstation.redirector.release(use.connection, by="APM")


def _nal_path(server: str, file: str) -> NalPath:
    r"""The NAL path of the directory of *file*: ``NWBIND:\\SERVER\SYS\CAP_GS1\`` for ``SYS:CAP_GS1/X.OFR``."""
    volume, _, path = file.replace("/", "\\").partition(":")
    directory = path.rpartition("\\")[0].strip("\\")
    return NalPath("NWBIND", "\\".join(["\\", server, volume, *filter(None, [directory])]) + "\\")

r"""The Available Programs Manager (smsapm32.exe), which reads packages and offers from NetWare servers.

Rules of this file:

* Q257223 expands APM as "advanced power management"; every other article knows it as the Available (or
  Advertised) Programs Manager (KB Q219931, Q229113, Q262312).
* As shipped it "may use the same connection" (Q257223): it rides on the connection that the redirector
  has to the server, and does not tell NAL's arbiter. The open file is known to the redirector alone.
* Where there is no connection it has one made, and asks once to let go of it after use. The KB is silent
  here; that the maker cleans up is our reading.
* Counted and private are cures, not history: it counts its use with the arbiter, or brings its own connection.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from harness.nal import Arbiter, NalPath
from harness.redirector import Account, Connection, FileHandle, InUse, Redirector
from harness.workstation import Failure, World, failure

OWNER = "SMSCliToknAcct&"  # the account APM runs under (KB Q224286)


class _Use(NamedTuple):
    connection: Connection
    mode: str
    counted: tuple[str, NalPath] | None = None
    file: FileHandle | None = None


class Apm:
    """APM. *private* makes it open a connection of its own for each file."""

    def __init__(
        self, world: World, redirector: Redirector, arbiter: Arbiter, account: Account, *, private: bool = False
    ) -> None:
        self._world = world
        self._redirector = redirector
        self._arbiter = arbiter
        self._account = account
        self._private = private
        self._uses: list[_Use] = []

    async def open(self, file: str, server: str | None = None) -> None:
        """Open *file*, such as ``SYS:DIR/FILE``, on *server*, or on the one that was connected to last.

        A failure is written, not raised.
        """
        use: _Use | None = None
        try:
            use = await self._connect(file, server or self._redirector.last_server)
            handle = await self._redirector.open(use.connection, file)
        except Failure as problem:
            self._failed(file, problem, use.connection if use else None)
            if use:
                await self._let_go(use)
            return
        self._uses.append(use._replace(file=handle))
        self._world.write("apm-open", file=file, mode=use.mode, **use.connection.where())

    async def close(self) -> None:
        """Close the file that was opened last, if any. A failure is written, not raised."""
        if not self._uses:
            return
        use = self._uses.pop()
        assert use.file is not None
        try:
            await self._redirector.close(use.file)
        except Failure as problem:
            self._failed(use.file.path, problem, use.connection)
        self._world.write("apm-close", file=use.file.path, mode=use.mode, **use.connection.where())
        await self._let_go(use)

    async def _connect(self, file: str, server: str | None) -> _Use:
        """The connection to use, and how: ``rides``, ``made``, ``counted`` or ``private``."""
        if server is None:
            raise OSError("APM knows no server")
        if self._private:
            return _Use(await self._redirector.connect(server, *self._account, private=True), "private")
        if self._arbiter.settings.counted:
            known = self._arbiter.find_server(server)
            owner, path = (known.owner, known.path) if known else (OWNER, _nal_path(server, file))
            return _Use(await self._arbiter.open(owner, path), "counted", (owner, path))
        mode = "rides" if self._redirector.existing(server) else "made"
        return _Use(await self._redirector.connect(server, *self._account), mode)

    async def _let_go(self, use: _Use) -> None:
        if use.counted:
            await self._arbiter.close(*use.counted)
        elif use.mode != "rides":
            with suppress(InUse):  # another file is open on it: who made it asks once, like NAL
                await self._redirector.release(use.connection, by="APM")

    def _failed(self, file: str, problem: Exception, connection: Connection | None) -> None:
        fields: dict[str, Any] = failure(problem) | (connection.where() if connection else {})
        self._world.write("work-failed", component="APM", file=file, **fields)


def _nal_path(server: str, file: str) -> NalPath:
    r"""The directory of *file* as NAL knows it: ``SYS:CAP_GS1/X.OFR`` is in ``NWBIND:\\SERVER\SYS\CAP_GS1\``."""
    volume, _, path = file.replace("/", "\\").partition(":")
    directory = path.rpartition("\\")[0].strip("\\")
    return NalPath("NWBIND", "\\".join(["\\", server, volume, *filter(None, [directory])]) + "\\")

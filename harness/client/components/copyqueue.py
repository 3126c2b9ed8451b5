"""Copy Queue (cqmgr32): copies the files of other components to the boxes of the CAP.

Rules of this file:

* It works when a file is submitted, and every 23 hours (KB Q292030, Q200852).
* Before Service Pack 2 it asks every server that a drive is mapped to, without logging in (KB Q243681).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fakenw.config.field_types import Text
from harness.client import file_transfer
from harness.client.components.nal import Nal, Owner
from harness.client.context import Component, WorkstationContext
from harness.client.selection import PathText
from harness.client.server_query import ask
from harness.client.settings import Settings, verb
from harness.client.workstation import Failure

BOXES = ("DDR.BOX", "INVENTRY.BOX", "SINV.BOX", "STATMSGS.BOX")

Box = Annotated[Text, Field(description=f"a box of the CAP: {', '.join(BOXES)}")]


class CopyQueueSettings(Settings):
    asks: Literal["the-cap", "mapped-drives"] = "the-cap"  # which servers, before it copies


class CopyQueue(Component):
    name = "copyqueue"
    Settings = CopyQueueSettings
    settings: CopyQueueSettings

    def __init__(self, workstation: WorkstationContext, settings: CopyQueueSettings | None = None) -> None:
        super().__init__(workstation, settings)
        self._items = 0

    @verb
    async def submit(self, box: Box, cap: PathText, owner: Owner = "SMSCliSvcAcct&") -> None:
        """Copy Queue copies a file to a box of the CAP."""
        if self.settings.asks == "mapped-drives":
            await self._ask_mapped()
        async with self.workstation.part(Nal).using(cap, owner) as use:
            self._items += 1
            path = f"{use.path.volume}:{use.path.directory}/{box}/{self.workstation.random.randrange(1 << 32):08X}.TMP"
            await file_transfer.write(self.workstation.redirector, use.connection, path, b"%d\r\n" % self._items)

    async def _ask_mapped(self) -> None:
        redirector = self.workstation.redirector
        for server in dict.fromkeys(one.server for one in redirector.connections if one.drives):
            try:
                await ask(self, server)
            except Failure as problem:
                self.failed(server, problem)

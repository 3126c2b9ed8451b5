"""The inventory agents (hinv32, sinv32), which write a file and submit it to Copy Queue.

Rules of this file:

* They work in the context of SMSCliToknAcct& (KB Q246164), whose account exists on no NetWare server.
* The printers and substituted drives that they query may be on NetWare servers (KB Q246164, Q262341).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal

from pydantic import Field

from harness.client.attachment import Account
from harness.client.components.apm import OWNER
from harness.client.components.copyqueue import CopyQueue
from harness.client.components.nal import Owner
from harness.client.context import Component
from harness.client.selection import PathText
from harness.client.settings import ServerName, Settings, verb
from harness.client.workstation import Failure


class InventorySettings(Settings):
    looks_at: tuple[ServerName, ...] = ()  # servers behind printers and substituted drives
    times: int = 4  # logins to each, in one inventory (ours)


class Inventory(Component):
    """The hardware and software inventory agents."""

    name = "inventory"
    Settings = InventorySettings
    settings: InventorySettings

    @verb
    async def run(
        self,
        cap: PathText,
        kind: Annotated[Literal["hardware", "software"], Field(description="hardware or software")] = "hardware",
        owner: Owner = "SMSCliSvcAcct&",
    ) -> None:
        """An inventory agent examines the machine, and Copy Queue copies its file to the CAP."""
        account = Account(OWNER.removesuffix("&").upper())
        for server in self.settings.looks_at:
            for _ in range(self.settings.times):
                with suppress(*Failure):
                    connection = await self.workstation.redirector.connect(
                        server, *account, private=True, context=OWNER
                    )
                    await self.workstation.redirector.release(connection, by="INVENTORY")
        box = "INVENTRY.BOX" if kind == "hardware" else "SINV.BOX"
        await self.workstation.part(CopyQueue).submit(box, cap, owner)

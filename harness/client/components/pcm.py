"""The Package Command Manager of SMS 1.2, which runs packages from NetWare distribution servers.

Rules of this file:

* It uses an existing connection; where there is none it maps a drive, and did not remove it before the Service Pack
  (KB Q164791). An existing connection stays in any case.
"""

from __future__ import annotations

from pydantic import StrictBool

from fakenw.config.field_types import SomeTime
from fakenw.journal.record import SECOND
from harness.client.context import Component
from harness.client.settings import ServerFile, ServerName, Settings, verb
from harness.client.workstation import sleep

CONTEXT = "PCM"
DRIVES = "ZYXWVUTSRQPONMLKJIHG"


class PcmSettings(Settings):
    removes_drive: StrictBool = True  # after a package


class Pcm(Component):
    """The Package Command Manager."""

    name = "pcm"
    Settings = PcmSettings
    settings: PcmSettings

    @verb
    async def run(self, file: ServerFile, server: ServerName, lasts: SomeTime = 300 * SECOND) -> None:
        """PCM runs a package from a server. Raises Denied, Refused, Gone, Lost, OSError."""
        redirector = self.workstation.redirector
        connection, drive = redirector.existing(server), None
        if connection is None:
            drive = next(f"{letter}:" for letter in DRIVES if redirector.mapped(f"{letter}:") is None)
            connection = await redirector.map(drive, server, self.workstation.account(), CONTEXT)
        self.opened(connection, file=file)
        handle = await redirector.open(connection, file)
        await sleep(lasts)
        await redirector.close(handle)
        self.closed(connection, file=file)
        if drive is not None and self.settings.removes_drive:
            await redirector.unmap(drive, CONTEXT)

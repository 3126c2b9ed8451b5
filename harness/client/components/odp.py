"""The offer data providers (Odpsys32, Odpusr32, Odpwnt32), which look for offers and pass them to APM.

Rules of this file:

* A poll reads the look-up files, then the instructions, then the offers: ``OFFERINF.BOX/*.LKP -> .INS -> .OFR`` (KB
  Q200967; the files' contents are ours). There are three providers: for the machine, its user, the user's groups.
* They poll every 60 minutes (KB Q302836: 5 to 1440), and pass offers through an anonymous pipe (KB Q262312).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fakenw.config.field_types import SomeTime
from fakenw.journal.record import SECOND
from harness.client import file_transfer
from harness.client.components.apm import Apm
from harness.client.components.nal import Nal, Owner, Use
from harness.client.context import Component
from harness.client.selection import PathText
from harness.client.settings import Settings, verb

PROVIDERS = ("SYSTM", "USER", "USRGP")


class OdpSettings(Settings):
    every: SomeTime = 3600 * SECOND  # the time from poll to poll


class Odp(Component):
    """The three offer data providers."""

    name = "odp"
    Settings = OdpSettings
    settings: OdpSettings

    @verb
    async def poll(self, cap: PathText, owner: Owner = "SMSCCMBootAcct") -> None:
        """The offer data providers look for offers on a CAP, once, and pass them to APM."""
        nal, apm = self.workstation.part(Nal), self.workstation.part(Apm)
        async with nal.using(cap, owner) as use:
            offers = [offer for provider in PROVIDERS async for offer in self._offers(use, provider)]
            for offer in offers:
                apm.offer(offer, use.connection.server)

    @verb
    async def start(self, cap: PathText, owner: Owner = "SMSCCMBootAcct", after: SomeTime | None = None) -> None:
        """The offer data providers begin to poll a CAP, the first time *after* a delay."""

        async def poll() -> None:
            await self.attempt(self.poll(cap, owner))

        self.workstation.world.spawn(self.workstation.loop(poll, self.settings.every, after or 0))

    async def _offers(self, use: Use, provider: str) -> AsyncIterator[str]:
        """The paths of the offers that a look-up file leads to."""
        folder = f"{use.path.volume}:{use.path.directory}/OFFERINF.BOX"
        site = use.path.site or use.path.directory.rpartition("_")[2]
        for instruction in await self._lines(use, f"{folder}/{site}{provider}.LKP"):
            for offer in await self._lines(use, f"{folder}/{instruction}"):
                yield f"{folder}/{offer}"

    async def _lines(self, use: Use, path: str) -> list[str]:
        content = await file_transfer.read(self.workstation.redirector, use.connection, path)
        return content.decode("ascii", "replace").split()

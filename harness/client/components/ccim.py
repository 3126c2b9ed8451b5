"""The client component installation manager (ccim32): updates the client's components from the CAP.

Rules of this file:

* It works every 23 hours, and at power-up where that was missed (KB Q231232); normally almost nothing is copied.
* It reads the versions of the components in ``CLICOMP.BOX`` (KB Q266130) and sends a heartbeat record to ``DDR.BOX``.
"""

from __future__ import annotations

from fakenw.config.field_types import Duration, SomeTime
from fakenw.journal.record import SECOND
from harness.client import file_transfer
from harness.client.components.copyqueue import CopyQueue
from harness.client.components.nal import Nal, Owner
from harness.client.context import Component
from harness.client.selection import PathText
from harness.client.settings import Settings, verb
from harness.client.workstation import sleep

COMPONENTS = ("BASE", "HINV", "SINV", "SMSAPM32")


class CcimSettings(Settings):
    every: SomeTime = 23 * 3600 * SECOND  # the time from cycle to cycle
    spread: Duration = 0  # the longest random delay of a machine's first cycle
    checks: Duration = 60 * SECOND  # how long a cycle has the CAP open (ours)


class Ccim(Component):
    """The client component installation manager."""

    name = "ccim"
    Settings = CcimSettings
    settings: CcimSettings

    @verb
    async def cycle(self, cap: PathText, owner: Owner = "SMSCliSvcAcct&") -> None:
        """CCIM compares the client's components with those on a CAP, once, and sends a heartbeat."""
        nal = self.workstation.part(Nal)
        async with nal.using(cap, owner) as use:
            folder = f"{use.path.volume}:{use.path.directory}"
            for component in COMPONENTS:
                await file_transfer.read(
                    self.workstation.redirector, use.connection, f"{folder}/CLICOMP.BOX/{component}/COMPVER.INI"
                )
            await sleep(self.settings.checks)
        await self.workstation.part(CopyQueue).submit("DDR.BOX", cap, owner)

    @verb
    async def start(self, cap: PathText, owner: Owner = "SMSCliSvcAcct&") -> None:
        """CCIM begins its cycles: the first one now, or with the setting *spread* after a random delay."""

        async def cycle() -> None:
            await self.attempt(self.cycle(cap, owner))

        after = self.workstation.random.randrange(self.settings.spread) if self.settings.spread else 0
        self.workstation.world.spawn(self.workstation.loop(cycle, self.settings.every, after))

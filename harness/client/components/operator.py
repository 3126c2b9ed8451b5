"""A console operator: clears connections over NCP, as FCONSOLE does.

Rules of this file:

* Each action has a private connection of its own.
* A disabled login concerns the operator as well: the connection that disables it is the one that then clears.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated

from pydantic import Field, StrictBool

from fakenw.bindery.objects import USER
from fakenw.config.field_types import BinderyName, SomeTime
from fakenw.wire.packet import Refused
from fakenw.wire.requests.connection import ClearConnection, GetObjectConnections
from fakenw.wire.requests.server import DisableLogin, EnableLogin
from harness.client.attachment import Attachment
from harness.client.context import Component
from harness.client.settings import Mention, verb
from harness.client.workstation import sleep

Server = Annotated[BinderyName, Mention.SERVER, Field(description="the operator's server")]


class Operator(Component):
    """A console operator. Its account must be an operator on the server: SUPERVISOR or an equivalent."""

    name = "operator"

    @verb
    async def clear(
        self,
        server: Server,
        user: Annotated[BinderyName, Mention.USER, Field(description="the user whose connections are cleared")],
        disable_login: StrictBool = False,
    ) -> None:
        """A console operator clears all connections of a user; with *disable_login* disables login first.

        Raises Denied, Refused, Gone, Lost, OSError.
        """
        async with self._at(server) as connection:
            if disable_login:
                await self.workstation.redirector.call(connection, DisableLogin())
            found = await self.workstation.redirector.call(connection, GetObjectConnections(0, USER, user))
            for number in found.connections:
                with suppress(Refused):  # it has ended meanwhile
                    await self.workstation.redirector.call(connection, ClearConnection(number))

    @verb
    async def disable_login(self, server: Server, lasts: SomeTime | None = None) -> None:
        """A console operator disables login, and enables it again after *lasts*; left out: never.

        Raises as ``clear`` does.
        """
        async with self._at(server) as connection:
            await self.workstation.redirector.call(connection, DisableLogin())
            if lasts is not None:
                await sleep(lasts)
                await self.workstation.redirector.call(connection, EnableLogin())

    @asynccontextmanager
    async def _at(self, server: str) -> AsyncIterator[Attachment]:
        connection = await self.workstation.redirector.connect(server, *self.workstation.account(), private=True)
        try:
            yield connection
        finally:
            await self.workstation.redirector.release(connection, by="operator")

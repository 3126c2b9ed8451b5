"""A console operator, who clears connections over NCP as with FCONSOLE.

Rules of this file:

* The operator logs in for each act on a connection of its own, and lets go of it afterwards.
* Login that is closed is closed for the operator as well: so it is closed on the connection that then clears.
"""

from __future__ import annotations

from contextlib import suppress

from fakenw.wire.packet import Refused
from fakenw.wire.requests.connection import ClearConnection, GetObjectConnections
from fakenw.wire.requests.server import DisableLogin
from harness.redirector import USER, Account, Redirector


class Operator:
    """An operator, who must be one on the server as well: SUPERVISOR or an equal."""

    def __init__(self, redirector: Redirector, account: Account) -> None:
        self._redirector = redirector
        self._account = account

    async def clear(self, server: str, user: str, *, disable_login: bool = False) -> None:
        """Clear all connections of *user*. Raises Denied, Refused, Gone, Lost, OSError."""
        connection = await self._redirector.connect(server, *self._account, private=True)
        try:
            if disable_login:
                await self._redirector.call(connection, DisableLogin())
            found = await self._redirector.call(connection, GetObjectConnections(0, USER, user))
            for number in found.connections:
                with suppress(Refused):  # it has ended by itself meanwhile
                    await self._redirector.call(connection, ClearConnection(number))
        finally:
            await self._redirector.release(connection, by="operator")

"""Asking a server for its description, which needs an attachment and no login."""

from __future__ import annotations

from fakenw.wire.requests.server import GetServerInfo
from harness.client.context import Component
from harness.client.workstation import Requester


async def ask(component: Component, server: str, *, detach: bool = True) -> None:
    """Attach to *server*, ask, and with *detach* destroy the attachment. Raises Refused, Gone, Lost, OSError."""
    workstation, write = component.workstation, component.workstation.world.write
    requester = Requester(workstation.world, server, workstation.redirector.transport)
    try:
        await requester.create()
        where = {"server": server, "station": requester.station, "connection": requester.number}
        write(f"{component.name}-open", **where)
        await requester.call(GetServerInfo())
        write(f"{component.name}-close", **where)
    finally:
        if detach:
            await requester.destroy()

"""The redirector's scavenger, which acts on idle connections (NWRDR has one, KB Q149643)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from harness.client.attachment import Attachment
from harness.client.workstation import World, sleep


async def scavenge(
    world: World, connection: Attachment, limit: int, act: Callable[[Attachment], Awaitable[None]]
) -> None:
    """Call *act* when *connection* was idle for *limit* microseconds: once, until it is used again."""
    done: int | None = None
    while not connection.gone:
        unused = world.now() - connection.last_use
        if connection.handles or connection.last_use == done:
            await sleep(limit)
        elif unused < limit:
            await sleep(limit - unused)
        else:
            done = connection.last_use
            await act(connection)

"""One client by hand: it attaches, logs in, holds its license for a while, and logs out or does not."""

from __future__ import annotations

from collections.abc import Callable

from fakenw.core.peer import Transport
from fakenw.journal.record import SECOND
from fakenw.wire.packet import Refused
from harness.client.attachment import Account, Denied
from harness.client.redirector import Redirector
from harness.client.workstation import Failure, Gone, Lost, Requester, sleep
from harness.runners.runtime import SendingLink
from harness.runners.sockets import SocketWorld

POLL_INTERVAL = SECOND // 10
ANSWERS_WITHIN = 2 * SECOND  # of a server, when the end is wanted


class _HoldWorld(SocketWorld):
    """It calls *connected* when there is a socket, and nothing was sent yet."""

    def __init__(self, server: tuple[str, int], connected: Callable[[], None]) -> None:
        super().__init__("hold", {"SERVER": server}, None)
        self._connected = connected

    def link(self, server: str, requester: Requester) -> SendingLink:
        link = super().link(server, requester)
        self._connected()
        return link


def hold(
    address: tuple[str, int],
    transport: Transport,
    account: Account,
    duration: int,
    *,
    log_out: bool,
    report: Callable[[str], None],
    connected: Callable[[], None],
    stopped: Callable[[], bool],
) -> str | None:
    """Hold a license of the server at *address* for *duration* microseconds or until *stopped*.

    *connected* is called before anything is sent. Returns what went wrong, or None.
    """
    world = _HoldWorld(address, connected)
    problem: str | None = None
    stopping: int | None = None  # since when

    async def behavior() -> None:
        nonlocal problem
        try:
            redirector = Redirector(world, transport)
            connection = await redirector.connect("SERVER", *account)
            end = world.now() + duration
            number = connection.requester.number
            report(f"{account.user} is logged in as connection {number} and holds a license")
            while world.now() < end and not stopped():
                await sleep(min(POLL_INTERVAL, end - world.now()))
            if log_out:
                await redirector.release(connection, by="hold")
                report("logged out and destroyed the connection")
            else:
                report("leaving without a logout")
        except Failure as failure:
            problem = _reason(failure)

    def look() -> None:
        nonlocal stopping
        if stopping is None and stopped():
            stopping = world.now()
        world.call_at(world.loop.now() + POLL_INTERVAL, look)

    world.start(behavior())
    look()
    world.loop.run(lambda: not world.running or (stopping is not None and world.now() > stopping + ANSWERS_WITHIN))
    return "ended while the server did not answer" if world.running else problem


def _reason(failure: Exception) -> str:
    match failure:
        case Denied():
            return f"the server denied the login: completion code 0x{failure.code:02X}"
        case Refused():
            return f"the server refused: completion code 0x{failure.code:02X}"
        case Gone():
            return f"the connection has ended: {failure}"
        case Lost():
            return "the server does not answer"
    return str(failure)

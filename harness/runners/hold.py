"""One client by hand: it attaches, logs in, holds its license for a while, and logs out or does not."""

from __future__ import annotations

from collections.abc import Callable

from fakenw.core.peer import Transport
from fakenw.journal.record import SECOND
from fakenw.wire.packet import Refused
from harness.client.attachment import Account, Denied
from harness.client.redirector import Redirector
from harness.client.workstation import Failure, Gone, Lost, sleep
from harness.runners.sockets import SocketWorld

POLL_INTERVAL = SECOND // 10


def hold(
    address: tuple[str, int],
    transport: Transport,
    account: Account,
    duration: int,
    *,
    log_out: bool,
    report: Callable[[str], None],
    stopped: Callable[[], bool],
) -> str | None:
    """Hold a license of the server at *address* for *duration* microseconds or until *stopped*.

    Returns what went wrong, or None.
    """
    world = SocketWorld("hold", {"SERVER": address}, None)
    problem: str | None = None

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

    world.start(behavior())
    world.loop.run(lambda: not world.running)
    return problem


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

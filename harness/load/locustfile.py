"""Load from one machine or many: a user for Locust. ``locust -f harness/load/locustfile.py --host HOST:PORT``.

Rules of this file:

* It uses the same requester and ``log_in`` as all other clients, over sockets that Locust replaces by gevent's when it
  is imported. Nothing here may import Twisted: a reactor and gevent's loop cannot share a process.
* A task is a logon session: attach, log in, which takes the license (libncp: a bindery login is licensed), ask for the
  time while it lasts, log out, destroy. Every exchange is a request to Locust, named as in docs/ncp.md.
* A denial for want of a license, a slot or a connection of the account is not a failure: a license server is there to
  deny. It counts as a success called ``acquire-denied``.
* A session releases all that it holds, however it ends. Locust stops a user with GreenletExit and waits for its end
  (``Runner.stop_users``), so ``--stop-timeout`` is not needed; with it, a session may last that much longer.
* A master that quits gives its workers half a second for their last numbers, and a worker that quits sends none
  (``MasterRunner.quit``, ``Runner.quit``). So workers first release their connections and then report, and the master
  waits for them: the statistics agree with the server's journal.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any, ClassVar

from gevent import GreenletExit
from locust import User, events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_STOPPING, MasterRunner, WorkerRunner

from fakenw.core.peer import TRANSPORTS
from fakenw.journal.record import SECOND
from fakenw.wire.layout import split_body
from fakenw.wire.packet import (
    BAD_CONNECTION,
    CREATE,
    DESTROY,
    NO_CONNECTION,
    SERVER_DOWN,
    Code,
    Refused,
    ReplyPacket,
    RequestPacket,
)
from fakenw.wire.requests.bindery import GetLoginKey, GetObjectId, KeyedLogin
from fakenw.wire.requests.connection import Logout, NegotiateBuffer
from fakenw.wire.requests.server import GetServerTime
from harness.client.attachment import Attachment, log_in
from harness.client.workstation import Failure, Gone, Requester, sleep
from harness.runners.blocking import STOP_GRACE, BlockingWorld

REQUESTS = (NegotiateBuffer, GetLoginKey, GetObjectId, KeyedLogin, GetServerTime, Logout)
NAMES = {(layout.function, layout.subfunction): layout.__name__ for layout in REQUESTS}
DENIED = {"create": {Code.TABLE_FULL}, "KeyedLogin": {Code.NO_LICENSE, Code.TOO_MANY_CONNECTIONS}}
RELEASED = "ncp-released"  # a message: the master's asks a worker to release its connections, the worker's confirms it


def name_of(packet: RequestPacket | None) -> str:
    """The name of an exchange in the statistics; ``connection`` where none could be made, or the server closed it."""
    if packet is None:
        return "connection"
    if packet.type in (CREATE, DESTROY):
        return "create" if packet.type == CREATE else "destroy"
    function, subfunction = packet.function, split_body(packet.function, packet.body)[0]
    return NAMES.get((function, subfunction), f"{function}/{subfunction}")


def classified(name: str, outcome: ReplyPacket | Exception) -> tuple[str, Exception | None]:
    """The name under which an exchange is counted, and its error."""
    if isinstance(outcome, Exception):
        return name, outcome
    if outcome.status & (BAD_CONNECTION | SERVER_DOWN):
        return name, Gone(f"connection status 0x{outcome.status:02X}")
    if outcome.completion in DENIED.get(name, ()):
        return "acquire-denied", None
    if not outcome.completion or (name, outcome.completion) == ("KeyedLogin", Code.GRACE_LOGIN):
        return name, None
    return name, Refused(outcome.completion)


class Workstation(User):
    """A user that logs on, works for a while and logs off, again and again."""

    _numbers: ClassVar[set[int]] = set()  # of the users in this process

    def on_start(self) -> None:
        """Take a number: of *n* workers the first has 1, n + 1, 2n + 1 and so on, the second 2, n + 2, ..."""
        options, runner = self.environment.parsed_options, self.environment.runner
        index, workers = getattr(runner, "worker_index", 0), getattr(options, "ncp_workers", 1)
        self.number = 0
        if "{n}" in options.ncp_users and not 0 <= index < workers:
            raise StopUser("this worker came after the test had begun: its users would have the names of others")
        self.number = index + 1
        while self.number in self._numbers:
            self.number += workers
        self._numbers.add(self.number)

    def on_stop(self) -> None:
        """Free the number for another user."""
        self._numbers.discard(self.number)

    def wait_time(self) -> float:
        return float(self.environment.parsed_options.think)

    @task
    def logon_session(self) -> None:
        """One logon session. Failures are counted in the statistics, not raised."""
        options, host = self.environment.parsed_options, self.host or ""
        world = BlockingWorld(host, TRANSPORTS[options.ncp_transport], self._count, GreenletExit)
        name = options.ncp_users.replace("{n}", str(self.number))
        connection = Attachment(world.requester, host, name, private=True, password=options.ncp_password)
        try:
            with suppress(*Failure):
                world.run(_stay(world, connection, round(options.hold * SECOND), round(options.think * SECOND)))
        finally:
            try:
                world.run(_leave(world.requester))
            finally:
                world.close()
        if world.stopped is not None:
            raise world.stopped

    def _count(self, packet: RequestPacket | None, seconds: float, outcome: ReplyPacket | Exception) -> None:
        name, problem = classified(name_of(packet), outcome)
        self.environment.events.request.fire(
            request_type="NCP",
            name=name,
            response_time=seconds * 1000,
            response_length=0 if isinstance(outcome, Exception) else len(outcome.encode()),
            exception=problem,
            context=self.context(),
        )


async def _stay(world: BlockingWorld, connection: Attachment, hold: int, think: int) -> None:
    await log_in(world, connection)
    until = world.now() + hold
    while True:
        await connection.requester.call(GetServerTime())
        left = until - world.now()
        if left <= 0 or world.stopped is not None:
            return
        await sleep(min(think, left))


async def _leave(requester: Requester) -> None:
    """Log out and end the connection; nothing is sent where it has already ended, as after a denial."""
    with suppress(*Failure):
        if requester.number != NO_CONNECTION:
            await requester.call(Logout())
    with suppress(*Failure):
        await requester.destroy()


def _add_options(parser: ArgumentParser) -> None:
    add: Any = parser.add_argument  # not in a group: the web page would not show it
    add("--ncp-transport", choices=("tcp", "udp"), default="tcp", help="The transport of NCP. Default: tcp.")
    add("--ncp-users", default="GUEST", help="The name of all users, or a name for each: USER{n}. Default: GUEST.")
    add("--ncp-password", default="", is_secret=True, help="The password of all users. Default: none.")
    add("--hold", type=float, default=10.0, help="Seconds that a license is held. Default: 10.")
    add("--think", type=float, default=1.0, help="Seconds between requests, and between logons. Default: 1.")


def _prepare(environment: Environment, **_: Any) -> None:
    """Register the messages between master and workers."""
    runner = environment.runner
    if isinstance(runner, WorkerRunner):

        def stop(**_: Any) -> None:
            """Release all connections, and report the numbers that were not yet reported."""
            runner.stop()
            numbers: dict[str, Any] = {}
            hook: Any = environment.events.report_to_master
            hook.fire(client_id=runner.client_id, data=numbers)
            runner.send_message("stats", numbers)

        def release(**_: Any) -> None:
            stop()
            runner.send_message(RELEASED)

        runner.register_message(RELEASED, release)
        listen("quitting", stop)  # Ctrl-C in the master's terminal reaches the workers, too
    elif isinstance(runner, MasterRunner):
        holding: set[str] = set()

        def begin(**_: Any) -> None:
            """Send the number of workers: they receive all options that are not Locust's own."""
            vars(environment.parsed_options)["ncp_workers"] = runner.worker_index_max

        def end(**_: Any) -> None:
            runner.update_state(STATE_STOPPING)  # no other worker gets the users of a worker that has quit
            holding.update(runner.clients)
            runner.send_message(RELEASED)
            until = time.monotonic() + environment.stop_timeout + 2 * STOP_GRACE / SECOND
            while holding & runner.clients.keys() and time.monotonic() < until:
                time.sleep(0.02)

        runner.register_message(RELEASED, lambda msg, **_: holding.discard(msg.node_id))
        listen("test_start", begin)
        listen("test_stopping", end)


def listen(event: str, listener: Any) -> None:
    """Register *listener*; Locust's own decorator has no types."""
    getattr(events, event).add_listener(listener)


listen("init_command_line_parser", _add_options)
listen("init", _prepare)

"""A server in a reactor, with everything around it: listeners, journal, capture, administration.

Rules of this file:

* All listeners are bound before the journal is begun: a server that cannot listen leaves no line in it.
* A message about a listener or a file that cannot be opened names a remedy.
* The reactor goes by the monotonic clock: no deadline is early or late because the wall clock was set.
* A journal whose file is removed ends the server, also one that is idle.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.error import CannotListenError, ReactorNotRunning
from twisted.internet.task import LoopingCall

from fakenw.admin.bounded_http import BoundedSite
from fakenw.admin.http import AdminResource
from fakenw.admin.metrics import Metrics
from fakenw.admin.operations import Administration, is_loopback
from fakenw.admin.routes import ApiError
from fakenw.core.ipx_link import IpxBinding, IpxLink, Listener
from fakenw.core.peer import IPX, TCP, UDP, Peer, Transport
from fakenw.core.server import Server
from fakenw.core.settings import ServerSettings
from fakenw.core.stall_watch import STALLED_AFTER
from fakenw.journal.record import Record
from fakenw.journal.writer import JournalFile, JournalRefused
from fakenw.transports.asyncio_transports import AsyncioTcpListener, AsyncioUdpListener
from fakenw.transports.capture import CaptureFile, keep_earlier
from fakenw.transports.ipx.edge import IpxEdge
from fakenw.transports.ipx.link import LinkRefused
from fakenw.transports.ipx.stack import Conflict
from fakenw.transports.monotonic_clock import go_by_monotonic_clock
from fakenw.transports.reactor_host import ReactorHost
from fakenw.transports.spare_descriptors import most_operators
from fakenw.transports.tcp import TcpListener
from fakenw.transports.udp import UdpListener, facing
from fakenw.volumes.directory_tree import Directory, PathError
from fakenw.volumes.host_directory import Folder
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes

LOOK_AT_JOURNAL_EVERY = 1.0  # seconds

DEFAULT_LISTEN = (Peer(TCP, ("127.0.0.1", 10524)), Peer(UDP, ("127.0.0.1", 10524)))

# The listeners of each transport: for any reactor, and for asyncio's.
EDGES: dict[Transport, Any] = {TCP: TcpListener, UDP: UdpListener}
FAST_EDGES: dict[Transport, Any] = {TCP: AsyncioTcpListener, UDP: AsyncioUdpListener}


class CannotRun(Exception):
    """The server cannot be run with its options; ``str()`` is the reason."""


def build(given: Mapping[str, Any], mounts: Mapping[str, tuple[Path, bool]]) -> Server:
    """A server with these ``ServerSettings`` and volumes, which are (directory, writable) by name. Raises CannotRun."""
    try:
        settings = ServerSettings(**given)
        roots: dict[str, tuple[Directory, bool]] = {} if "SYS" in mounts else {"SYS": (sms_tree(), False)}
        roots |= {name: (Folder(str(path)), writable) for name, (path, writable) in mounts.items()}
        first = sorted(roots, key=lambda name: name != "SYS")
        return Server(settings, Volumes((name, *roots[name]) for name in first), Random(settings.seed))
    except (ValueError, OverflowError, PathError) as problem:
        raise CannotRun(str(problem)) from None


class RunningServer:
    """Runs *server* in *reactor*.

    *fail* is called once, with the error and the name of the first file that cannot be written any more. A client that
    reads nothing for *stalled_after* seconds of real time, while much waits for it, is disconnected.
    """

    def __init__(
        self,
        server: Server,
        reactor: Any,
        fail: Callable[[OSError, str], None],
        stalled_after: float = STALLED_AFTER,
    ) -> None:
        go_by_monotonic_clock(reactor)
        fast = isinstance(reactor, AsyncioSelectorReactor)
        self._edges = EDGES | FAST_EDGES if fast else EDGES
        self._soon = _soon if fast else functools.partial(reactor.callLater, 0)
        self.watchers: list[Callable[[Record], None]] = []  # called with every record
        self._server, self._report, self._failed = server, fail, False
        self._reactor: Any = reactor
        self._host = ReactorHost(
            server, reactor, self.watchers, lambda problem: self._fail(problem, "journal"), self._soon, stalled_after
        )
        self._bound: list[Callable[[], Any]] = []  # functions that close the ports
        self._ipx: IpxEdge | None = None
        self._capture: CaptureFile | None = None
        self._journal: JournalFile | None = None  # in a file of the server's own
        self._look = LoopingCall(self._look_at_journal)

    def listen(self, listeners: Sequence[Listener], binding: IpxBinding | None = None) -> list[str]:
        """Bind all listeners, IPX as *binding* says. Returns a line for each. Raises CannotRun."""
        return [
            self._listen_ipx(listener, binding or IpxBinding())
            if isinstance(listener, IpxLink)
            else self._listen(*listener)
            for listener in listeners
        ]

    def _listen(self, transport: Transport, address: tuple[str, int]) -> str:
        try:
            bound = self._edges[transport](self._host, self._reactor, *address)
        except (OSError, OverflowError) as problem:
            raise _cannot_listen(f"{transport.name} {address[0]}:{address[1]}", problem) from None
        self._bound.append(bound.stop)
        host, port = bound.address
        self._server.addresses += (Peer(transport, (facing(host), port)),)
        return f"listening {transport.name} {host}:{port}"

    def _listen_ipx(self, link: IpxLink, binding: IpxBinding) -> str:
        if self._ipx is None:
            self._ipx = IpxEdge(self._host, self._reactor, self._soon, binding)
            self.watchers.append(self._ipx.saw)
        try:
            return f"listening {IPX.name} {self._ipx.bind(link)}"
        except LinkRefused as problem:
            raise CannotRun(f"cannot listen on {IPX.name} {link}: {problem}") from None
        except (OSError, OverflowError) as problem:
            raise _cannot_listen(f"{IPX.name} {link}", problem) from None

    def administer(self, host: str, port: int, token: str | None) -> str:
        """Serve the administration at *host* and *port*. Returns its line. Raises CannotRun."""
        if not token and not is_loopback(host):
            raise CannotRun(f"--admin {host} is not on the loopback interface; expected --admin-token as well")
        ipx = self._ipx
        links, dropped = (tuple, dict) if ipx is None else (ipx.names, lambda: ipx.stack.dropped)
        administration = Administration(self._server, self._host.now, self._act, links)
        metrics = Metrics(self._server, self._host.now, self._host.routes, dropped)
        self.watchers += [metrics.saw, administration.journal_buffer.add]
        resource = AdminResource(administration, metrics, self._host.advance, host, token or None)
        site = BoundedSite(resource, self._reactor, most_operators)
        try:
            bound = self._reactor.listenTCP(port, site, interface=host)
        except CannotListenError as problem:
            raise _cannot_listen(f"admin {host}:{port}", problem.socketError) from None
        self._bound.append(bound.stopListening)
        return f"listening admin http://{host if ':' not in host else f'[{host}]'}:{bound.getHost().port}"

    def start(
        self,
        journal: str | None,
        pcap: str | None,
        *,
        overwrite: bool = False,
        rotate: int | None = None,
        opened: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Begin the journal (``-``: standard output) and the capture; *opened* is called before the first line.

        A journal that exists is continued, and an earlier capture is kept beside the new one, unless *overwrite*.
        The journal is in files of at most *rotate* bytes.
        Returns sentences about these files for the user. Raises CannotRun.
        """
        notes: list[str] = []
        if rotate and journal in (None, "-"):
            raise CannotRun("--rotate needs --journal FILE")
        file = JournalFile(1) if journal == "-" else None
        if file is None and journal is not None:
            try:
                file, notes = JournalFile.of_server(Path(journal), overwrite=overwrite, rotate=rotate)
            except JournalRefused as problem:
                raise CannotRun(str(problem)) from None
            except OSError as problem:
                raise CannotRun(f"the journal cannot be written: {problem}") from None
            self._journal = file
            self._look.start(LOOK_AT_JOURNAL_EVERY, now=False)
        if pcap is not None:
            try:
                if not overwrite and (kept := keep_earlier(Path(pcap))):
                    notes.append(f"the earlier capture is kept as {kept}")
                made = CaptureFile.create(
                    Path(pcap),
                    time.time,
                    lambda problem: self._fail(problem, "capture"),
                    ethernet=self._ipx is not None,
                )
            except OSError as problem:
                raise CannotRun(f"the capture cannot be written: {problem}") from None
            self._host.delivery.capture = self._capture = made
            if self._ipx is not None:
                self._ipx.capture = made
        opened()
        self._host.start(datetime.now(UTC), file)
        return notes if self._ipx is None else [*notes, *self._ipx.networks()]

    def begin(self) -> Deferred[None]:
        """Call this in a reactor that runs. Fires when the server is ready for its clients: it has looked for others
        with its numbers on its IPX links. The error is CannotRun.
        """
        return succeed(None) if self._ipx is None else self._ipx.begin().addCallback(_refuse)

    def stop(self) -> Deferred[Any]:
        """End journal and capture, and close the ports. Fires when that is done."""
        self._host.stop()
        left = succeed(None) if self._ipx is None else self._ipx.stop()
        if self._look.running:
            self._look.stop()
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()
        if self._capture is not None:
            self._capture.close()
        return gatherResults([left, *(maybeDeferred(stop) for stop in self._bound)])

    def _act(self, action: Callable[[], None]) -> None:
        """Carry out an operation of the administration. Raises ApiError where its lines are not in the journal."""
        self._host.delivery.act(action)
        if self._host.delivery.stopped:
            raise ApiError(503, "the journal of the server cannot be written; expected a server that runs")

    def _look_at_journal(self) -> None:
        assert self._journal is not None
        try:
            self._journal.check()
        except OSError as problem:
            self._fail(problem, "journal")

    def _fail(self, problem: OSError, what: str) -> None:
        if not self._failed:  # journal and capture may be on the same full disk
            self._failed = True
            self._report(problem, what)


def end(reactor: Any) -> None:
    """End *reactor* in order, unless that has begun."""
    with suppress(ReactorNotRunning):
        reactor.stop()


def _refuse(conflicts: list[Conflict]) -> None:
    if conflicts:
        raise CannotRun("; ".join(map(str, conflicts)))


def _soon(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(call)


def _cannot_listen(where: str, problem: Exception) -> CannotRun:
    number = getattr(problem, "errno", None)  # asyncio adds a text of its own; unknown host names are below 0
    reason = os.strerror(number) if number and number > 0 else getattr(problem, "strerror", None) or problem
    return CannotRun(f"cannot listen on {where}: {reason}; port 0 picks a free one")

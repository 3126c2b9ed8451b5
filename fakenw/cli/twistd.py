"""``twistd -n fakenw``: the server as a service of Twisted's own daemon."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from fakenw.cli.running import DEFAULT_LISTEN, CannotRun, RunningServer, build, end
from fakenw.config.field_types import size
from fakenw.config.server_file import ConfigFile, load
from fakenw.config.yaml_file import DocumentError
from fakenw.core.peer import Peer
from fakenw.transports.spare_descriptors import raise_limit


class Options(usage.Options):
    """The options of ``twistd fakenw``; the server's own settings are in its configuration."""

    optParameters = [  # noqa: RUF012 (Twisted's)
        ["config", None, None, "The configuration file: see fakenw config --example."],
        ["journal", None, None, "Write the journal to this file."],
        ["rotate", None, None, "Begin another journal file before one gets larger than this, such as 100M.", size],
        ["pcap", None, None, "Write a capture for Wireshark to this file."],
        ["admin", None, None, "HOST:PORT of the page, the JSON API and metrics."],
        ["admin-token", None, None, "The token that their clients must send."],
    ]
    optFlags = [  # noqa: RUF012 (Twisted's)
        ["overwrite", None, "Begin new files for --journal, also in place of its numbered ones, and for --pcap."],
    ]


class FakenwService(Service):
    log = Logger()

    def __init__(self, options: Options) -> None:
        self._options = options
        try:
            self._file = load(Path(options["config"])) if options["config"] else ConfigFile()
            self._admin = Peer.parse(f"tcp:{options['admin']}").address if options["admin"] else None
            settings = self._file.settings()
            settings.setdefault("seed", secrets.randbits(31))
            settings["instance"] = secrets.token_hex(16)
            mounts = {volume.name: (volume.path, volume.writable) for volume in self._file.volumes}
            self._running = RunningServer(build(settings, mounts), reactor, self._failed)
        except (DocumentError, CannotRun, ValueError) as problem:
            raise usage.UsageError(str(problem)) from None

    def privilegedStartService(self) -> None:
        """Bind the ports, those below 1024 too, before privileges are dropped."""
        raise_limit()
        lines = self._running.listen(self._file.server.listen or DEFAULT_LISTEN, self._file.ipx.binding())
        if self._admin:
            lines.append(self._running.administer(*self._admin, self._options["admin-token"]))
        for line in lines:
            self.log.info("{line}", line=line)

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        overwrite = bool(self._options["overwrite"])
        options, rotate = self._options, self._options["rotate"]
        for note in self._running.start(options["journal"], options["pcap"], overwrite=overwrite, rotate=rotate):
            self.log.warn("{note}", note=note)
        running: Any = reactor
        running.callWhenRunning(lambda: self._running.begin().addErrback(self._refused))

    def stopService(self) -> Deferred[Any]:
        super().stopService()  # type: ignore[no-untyped-call]
        return self._running.stop()

    def _refused(self, failure: Failure) -> None:
        self.log.critical("{problem}", problem=failure.value)
        end(reactor)

    def _failed(self, problem: OSError, what: str) -> None:
        self.log.critical("the {what} cannot be written, stopping: {problem}", what=what, problem=problem)
        running: Any = reactor
        running.callLater(0, end, running)


def makeService(options: Options) -> FakenwService:
    return FakenwService(options)

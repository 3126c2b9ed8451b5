"""The Docker Engine, as the containers runner sees it: its errors in words, and one container with its output."""

from __future__ import annotations

import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from docker.client import DockerClient  # as "import docker" mypy finds our folder docker/
from docker.errors import APIError, DockerException, ImageNotFound
from docker.utils.socket import STDOUT, frames_iter
from requests.exceptions import RequestException

from fakenw.server_process import last_lines
from harness.runners.backend import Failed

ANSWERS_WITHIN = 120  # seconds; an engine that starts many containers is slow to answer
STOPS_WITHIN = 10
CONNECTIONS = 256  # to the engine at once: one for each container's output
LEFT, LOST = (DockerException, RequestException), -1


@contextmanager
def trouble(what: str) -> Iterator[None]:
    """Raise Failed where the engine refuses, or is not there: *what* did not work, and why."""
    try:
        yield
    except ImageNotFound as problem:
        raise Failed(f"{what}: there is no image here of that name, and none is pulled: {_said(problem)}") from None
    except APIError as problem:
        raise Failed(f"{what}: {_said(problem)}") from None
    except LEFT as problem:
        raise Failed(f"{what}: no Docker Engine answers: {problem}") from None


def _said(problem: APIError) -> str:
    return str(problem.explanation or problem)


def connect() -> DockerClient:
    """A client of the engine that the environment names. Raises Failed."""
    with trouble("containers"):
        client = DockerClient.from_env(timeout=ANSWERS_WITHIN, max_pool_size=CONNECTIONS)
        client.ping()
        return client


class Container:
    """A container of the run: a :class:`harness.runners.backend.Host`.

    What it prints goes to *log*; but the standard output of one of ours to *journal*, and lines that are not
    JSON are ``words``.
    """

    def __init__(self, name: str, container: Any, address: str, log: Path, journal: Path | None) -> None:
        self.name, self.container, self.address, self.log = name, container, address, log
        self.words: set[str] = set()
        self.connected = True
        self.paused = False
        self._journal = journal
        self._code: int | None = None
        self._begun = b""
        self._socket: Any = None
        self._follower = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """Start it, with an ear at its output from the first byte. Raises Failed."""
        self.log.touch()
        with trouble(f"{self.name} cannot be started"):
            streams = {"stdin": int(self._journal is not None), "stdout": 1, "stderr": 1, "stream": 1}
            self._socket = self.container.attach_socket(params=streams)
            try:
                self.container.start()
            except APIError as problem:
                self._hang_up()
                code = self.state()["ExitCode"]
                raise Failed(f"{self.name} cannot be started, exit code {code}: {_said(problem)}") from None
            except BaseException:
                self._hang_up()
                raise
        self._follower.start()

    def code(self) -> int | None:
        return self._code

    def last_output(self) -> str:
        return last_lines(self.log.read_text(errors="replace"))

    def tell(self, order: Mapping[str, Any]) -> None:
        stream = getattr(self._socket, "_sock", self._socket)  # the SDK opens it for reading only
        stream.sendall(json.dumps(order).encode() + b"\n")

    def stop(self) -> None:
        with suppress(*LEFT):
            if self.paused:  # the engine would let it go on first
                self.container.kill()
            else:
                self.container.stop(timeout=STOPS_WITHIN)
        self.ended()

    def ended(self) -> None:
        """Wait until all of its output has come."""
        if self._follower.ident is not None:
            self._follower.join(STOPS_WITHIN)

    def state(self) -> Mapping[str, Any]:
        """What the engine says of it. Raises Failed."""
        with trouble(self.name):
            self.container.reload()
            state: Mapping[str, Any] = self.container.attrs["State"]
            return state

    def put(self, files: Mapping[str, Path]) -> None:
        """Copy files of ours into it, by their places there. Raises Failed, OSError."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for place, file in files.items():
                tar.add(file, place.lstrip("/"), filter=_as_root)
        with trouble(f"{self.name}: its files"):
            self.container.put_archive("/", archive.getvalue())

    def _follow(self) -> None:
        """Until it has ended: write down what it prints."""
        with (
            suppress(OSError, ValueError),  # the engine went away
            self.log.open("ab", 0) as log,
            open(self._journal or os.devnull, "ab", 0) as journal,
        ):
            for stream, data in frames_iter(self._socket, tty=False):
                if stream == STDOUT and self._journal is not None:
                    journal.write(self._records(data))
                else:
                    log.write(data)
        self._hang_up()
        code = LOST
        with suppress(*LEFT):
            code = self.container.wait(timeout=STOPS_WITHIN)["StatusCode"]
        self._code = code

    def _records(self, data: bytes) -> bytes:
        *lines, self._begun = (self._begun + data).split(b"\n")
        records = [line for line in lines if line.startswith(b"{")]
        self.words.update(line.decode(errors="replace").strip() for line in lines if not line.startswith(b"{"))
        return b"".join(line + b"\n" for line in records)

    def _hang_up(self) -> None:
        response = getattr(self._socket, "_response", None)
        for one in (response, self._socket):
            if one is not None:
                with suppress(OSError, ValueError):
                    one.close()


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry

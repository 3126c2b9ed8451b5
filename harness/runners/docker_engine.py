"""The Docker Engine for the containers runner: its errors as Failed, and a container with its output."""

from __future__ import annotations

import io
import json
import os
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
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
PREFLIGHT_WITHIN = 20  # seconds
STOPS_WITHIN = 10
CONNECTIONS = 256  # to the engine at once: one for each container's output
ENGINE_ERRORS = (DockerException, RequestException)
UNKNOWN_EXIT = -1  # the engine did not return the exit code


@contextmanager
def trouble(what: str) -> Iterator[None]:
    """Raise Failed where the engine refuses or does not answer: *what* failed, and the reason."""
    try:
        yield
    except ImageNotFound as problem:
        raise Failed(f"{what}: there is no image here of that name, and none is pulled: {_reason(problem)}") from None
    except APIError as problem:
        raise Failed(f"{what}: {_reason(problem)}") from None
    except ENGINE_ERRORS as problem:
        raise Failed(f"{what}: no Docker Engine answers: {problem}") from None


def _reason(problem: APIError) -> str:
    return str(problem.explanation or problem)


def connect(answers_within: int = ANSWERS_WITHIN) -> DockerClient:
    """A client of the engine that the environment names. Raises Failed."""
    with trouble("containers"):
        try:
            client = DockerClient.from_env(timeout=answers_within, max_pool_size=CONNECTIONS)
            client.ping()
        except ENGINE_ERRORS as problem:
            if isinstance(problem, APIError) or (reason := _system_error(problem)) is None:
                raise
            where = os.environ.get("DOCKER_HOST", "its usual socket")
            if isinstance(reason, PermissionError):
                remedy = "this user may not use it: expected a member of the group docker, or root"
                raise Failed(f"containers: the Docker Engine at {where} refuses: {remedy}") from None
            remedy = "is it started? docker version says more"
            raise Failed(f"containers: no Docker Engine answers at {where} ({reason.strerror}): {remedy}") from None
        return client


def _system_error(problem: BaseException) -> OSError | None:
    """The error of the system that *problem* is about: the libraries wrap it several times."""
    if isinstance(problem, OSError) and problem.strerror:
        return problem
    inner = [*problem.args, problem.__cause__, problem.__context__]
    return next((found for one in inner if isinstance(one, BaseException) and (found := _system_error(one))), None)


def preflight(images: Mapping[str, str]) -> None:
    """Raises Failed where no run in containers can begin. *images*: for each image what is to be done if it is missing.

    It costs one question to the engine for each image, and what it finds costs a user a minute later.
    """
    client = connect(PREFLIGHT_WITHIN)
    try:
        for image, remedy in images.items():
            with trouble("containers"):
                try:
                    client.images.get(image)
                except ImageNotFound:
                    raise Failed(f"containers: there is no image {image} here, and none is pulled: {remedy}") from None
    finally:
        client.close()


class Container:
    """A container of the run: a :class:`harness.runners.backend.Host`.

    Its output goes to *log*. With a *journal*, the JSON lines of its standard output go there, and all other lines are
    ``statuses``.
    """

    def __init__(self, name: str, container: Any, address: str, log: Path, journal: Path | None) -> None:
        self.name, self.container, self.address, self.log = name, container, address, log
        self.statuses: set[str] = set()
        self.connected = True
        self.paused = False
        self._journal = journal
        self._code: int | None = None
        self._partial = b""
        self._printed_before = 0  # bytes of the log, by the same machine before it was started again
        self._socket: Any = None
        self._follower = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """Attach to its output, then start it. Raises Failed."""
        self.log.touch()
        self._printed_before = self.log.stat().st_size
        with trouble(f"{self.name} cannot be started"):
            streams = {"stdin": int(self._journal is not None), "stdout": 1, "stderr": 1, "stream": 1}
            self._socket = self.container.attach_socket(params=streams)
            try:
                self.container.start()
            except APIError as problem:
                _close(self._socket)
                code = self.state()["ExitCode"]
                raise Failed(f"{self.name} cannot be started, exit code {code}: {_reason(problem)}") from None
            except BaseException:
                _close(self._socket)
                raise
        self._follower.start()

    def code(self) -> int | None:
        return self._code

    def running(self) -> list[dict[str, Any]]:
        return [{}] if self._code is None else []  # the processes in it are not seen

    def last_output(self) -> str:
        return last_lines(self.log.read_text(errors="replace"))

    def printed(self) -> list[str]:
        """The lines of its log since it was started, which are those that do not go to the journal."""
        return self.log.read_bytes()[self._printed_before :].decode(errors="replace").splitlines()

    def send(self, instructions: Mapping[str, Any]) -> None:
        self.write(json.dumps(instructions).encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Write to its standard input. Raises OSError."""
        stream = getattr(self._socket, "_sock", self._socket)  # the SDK opens it for reading only
        stream.sendall(data)

    @contextmanager
    def asking(self, *command: str) -> Iterator[Callable[[], str]]:
        """Run *command* beside it; the function sends that an empty line, and returns the line that it answers.

        Both raise Failed. The command must end when its standard input does.
        """
        with trouble(f"{self.name}: {command[0]}"):
            api = self.container.client.api
            made = api.exec_create(self.container.id, list(command), stdin=True, stdout=True, stderr=False)
            stream = api.exec_start(made["Id"], socket=True)
        frames = frames_iter(stream, tty=False)

        def ask() -> str:
            line = b""
            try:
                getattr(stream, "_sock", stream).sendall(b"\n")
                while not line.endswith(b"\n"):
                    line += next(frames)[1]
            except (OSError, StopIteration) as problem:
                raise Failed(f"{self.name}: {command[0]} does not answer: {problem}") from None
            return line.decode(errors="replace").strip()

        try:
            yield ask
        finally:
            _close(stream)

    def stop(self) -> None:
        with suppress(*ENGINE_ERRORS):
            if self.paused:  # stop would unpause it first
                self.container.kill()
            else:
                self.container.stop(timeout=STOPS_WITHIN)
        self.drain()

    def drain(self) -> None:
        """Wait until all of its output is read."""
        if self._follower.ident is not None:
            self._follower.join(STOPS_WITHIN)

    def state(self) -> Mapping[str, Any]:
        """The engine's description of its state. Raises Failed."""
        with trouble(self.name):
            self.container.reload()
            state: Mapping[str, Any] = self.container.attrs["State"]
            return state

    def put(self, files: Mapping[str, Path]) -> None:
        """Copy *files*, by their paths in the container, into it. Raises Failed, OSError."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for place, file in files.items():
                tar.add(file, place.lstrip("/"), filter=_as_root)
        with trouble(f"{self.name}: its files"):
            self.container.put_archive("/", archive.getvalue())

    def _follow(self) -> None:
        """Store its output until it ends."""
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
        _close(self._socket)
        code = UNKNOWN_EXIT
        with suppress(*ENGINE_ERRORS):
            code = self.container.wait(timeout=STOPS_WITHIN)["StatusCode"]
        self._code = code

    def _records(self, data: bytes) -> bytes:
        """The whole lines of JSON in *data*; other lines are statuses."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        self.statuses.update(line.decode(errors="replace").strip() for line in lines if not line.startswith(b"{"))
        return b"".join(line + b"\n" for line in lines if line.startswith(b"{"))


def _close(stream: Any) -> None:
    for part in (getattr(stream, "_response", None), stream):
        if part is not None:
            with suppress(OSError, ValueError):
                part.close()


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry

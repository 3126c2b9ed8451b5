"""What a run in containers needs is looked for before anything begins: one sentence, exit code 2."""

from __future__ import annotations

import builtins
import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.programs import harness, invoke

pytest.importorskip("docker.client", reason="the Docker SDK is not installed")
containers = pytest.importorskip("harness.runners.containers")
docker_client = pytest.importorskip("docker.client")
requests = pytest.importorskip("requests.exceptions")
urllib3 = pytest.importorskip("urllib3.exceptions")

RUN = ("run", "Q257223", "--variant", "counted", "--on", "containers")


def refused() -> str:
    """What is said of a run that does not begin."""
    done = invoke(*RUN)
    assert (done.exit_code, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    return str(sentence)


@pytest.mark.process
@pytest.mark.parametrize("left", [False, True], ids=["no socket", "nothing listens on it"])
def test_no_engine(left: bool, tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as closed:
        if left:
            closed.bind(str(path))
    done = harness(*RUN, env={"DOCKER_HOST": f"unix://{path}"})
    reason = os.strerror(errno.ECONNREFUSED if left else errno.ENOENT)
    told = f"harness: containers: no Docker Engine answers at unix://{path} ({reason}): is it started?"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [f"{told} docker version says more"]


def test_an_engine_that_this_user_may_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root there is none: the error is that of the libraries, with the system's in the middle."""
    inner = PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def from_env(**options: object) -> None:
        raise requests.ConnectionError(urllib3.ProtocolError("Connection aborted.", inner))

    monkeypatch.setattr(docker_client.DockerClient, "from_env", from_env)
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    assert refused() == (
        "harness: containers: the Docker Engine at unix:///var/run/docker.sock refuses: this user may not use it: "
        "expected a member of the group docker, or root"
    )


def test_no_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *given: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "docker":
            raise ImportError(name)
        return real(name, *given, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert refused() == "harness: containers need the Docker SDK: pip install 'fakenw[containers]'"


@pytest.mark.docker
def test_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours is built; nothing is pulled."""
    monkeypatch.setattr(containers, "IMAGE", "fakenw:never")
    sentence = "harness: containers: there is no image fakenw:never here, and none is pulled: make image builds it"
    assert refused() == sentence


@pytest.mark.docker
def test_no_image_of_the_client(tmp_path: Path, fakenw_image: str) -> None:
    """It is looked for before a server is started for it."""
    scenario = tmp_path / "mine.yaml"
    scenario.write_text(
        "{format: 1, id: mine, title: mine, source: here, servers: [{name: FAKENW}],"
        " clients: [{name: agent, image: 'nobody/has:this'}]}"
    )
    done = invoke("run", scenario, "--on", "containers")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "harness: containers: there is no image nobody/has:this here, and none is pulled: docker pull nobody/has:this"
    ]

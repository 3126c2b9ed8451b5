"""The image: what it is, that it needs no rights, and that it is the same again."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from fakenw import health
from fakenw.core.peer import Peer
from tests.programs import wait_until

docker_client = pytest.importorskip("docker.client", reason="the Docker SDK is not installed")
docker_errors = pytest.importorskip("docker.errors", reason="the Docker SDK is not installed")
pytestmark = pytest.mark.docker

PROJECT = Path(__file__).parent.parent.parent
HARD = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
BOTH = ("tcp", "udp")


class Engine:
    """The Docker Engine, and what a test starts there."""

    def __init__(self, client: Any, image: str) -> None:
        self.client, self.image = client, image
        self.started: list[Any] = []

    def start(self, *command: str, **options: Any) -> Any:
        """A container of the image, with as few rights as there are."""
        given = {"image": self.image, "command": list(command) or None, "detach": True, **HARD, **options}
        container = self.client.containers.run(**given)
        self.started.append(container)
        return container

    def address(self, container: Any) -> str:
        container.reload()
        (network,) = container.attrs["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])


@pytest.fixture
def engine(fakenw_image: str) -> Iterator[Engine]:
    client = docker_client.DockerClient.from_env(timeout=120)
    engine = Engine(client, fakenw_image)
    yield engine
    for container in engine.started:
        container.remove(force=True, v=True)
    client.close()


def journal(container: Any) -> list[dict[str, Any]]:
    """The lines of a server's journal so far."""
    return [json.loads(line) for line in container.logs(stdout=True, stderr=False).splitlines()]


def answering(engine: Engine, container: Any) -> str:
    """The address of a server, once it answers over both transports."""
    host = engine.address(container)
    wait_until(lambda: all(health.answers(Peer.parse(f"{transport}:{host}:524")) for transport in BOTH), "the server")
    return host


def state(container: Any) -> dict[str, Any]:
    container.reload()
    found: dict[str, Any] = container.attrs["State"]
    return found


def test_what_the_image_says_of_itself(engine: Engine) -> None:
    """Labels, ports, user, stop signal, health check."""
    config = engine.client.images.get(engine.image).attrs["Config"]
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
    assert (labels["title"], labels["version"], labels["licenses"]) == ("fakenw", version("fakenw"), "MIT")
    assert config["ExposedPorts"].keys() == {"524/tcp", "524/udp"}
    assert (config["User"], config["StopSignal"]) == ("10524:10524", "SIGTERM")
    assert config["Healthcheck"]["Test"] == ["CMD", "python3", "-m", "fakenw.health"]


def test_a_server_without_any_rights(engine: Engine) -> None:
    """Port 524 over TCP and UDP as an ordinary user, nothing to write to, all capabilities dropped; an orderly end."""
    server = engine.start()
    host = answering(engine, server)
    status = server.exec_run(["cat", "/proc/1/status"]).output.decode()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == fields["Gid"].split() == ["10524"] * 4
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    assert {fields[name].strip("0") for name in sets} == {""}
    assert fields["NoNewPrivs"] == "1"
    assert server.exec_run(["touch", "/opt/fakenw/x"]).exit_code != 0
    assert all("FAKENW answers" in health.visit(Peer.parse(f"{transport}:{host}:524")) for transport in BOTH)
    server.stop(timeout=20)
    assert state(server)["ExitCode"] == 0
    assert journal(server)[-1]["event"] == "stop"


def test_its_health(engine: Engine) -> None:
    """Healthy when it answers, also when it is full; unhealthy when it stands still."""
    check = {"test": ["CMD", "python3", "-m", "fakenw.health"], "interval": 10**9, "timeout": 2 * 10**9, "retries": 2}
    for licenses, said in (("5", "FAKENW answers"), ("0", "no room left")):
        server = engine.start(environment={"FAKENW_RELEASE": "3.12", "FAKENW_LICENSES": licenses}, healthcheck=check)
        wait_until(lambda server=server: health_of(server)["Status"] == "healthy", "a healthy server")  # type: ignore[misc]
        assert said in health_of(server)["Log"][-1]["Output"]
        server.kill(signal="SIGSTOP")
        wait_until(lambda server=server: health_of(server)["Status"] == "unhealthy", "a sick one")  # type: ignore[misc]


def health_of(container: Any) -> dict[str, Any]:
    found: dict[str, Any] = state(container)["Health"]
    return found


def test_the_environment_says_what_server_it_is(engine: Engine) -> None:
    """Name, licenses, release and users; the command decides whether it is a server or a client."""
    said = {"FAKENW_NAME": "LAB", "FAKENW_LICENSES": "7", "FAKENW_RELEASE": "4.11", "FAKENW_USERS": "ANN JOE:SECRET"}
    server = engine.start(environment=said)
    host = answering(engine, server)
    start = journal(server)[0]
    assert (start["server"], start["licenses"], start["release"]) == ("LAB", 7, "4.11")
    for user in ("ANN", "JOE:SECRET"):
        client = engine.start("harness", "hold", f"{host}:524", "--user", user, "--for", "1s")
        assert client.wait(timeout=60)["StatusCode"] == 0, client.logs()
    assert [line["user"] for line in journal(server) if line["event"] == "grant"] == ["ANN", "JOE"]
    wrong = engine.start(environment={"FAKENW_LICENSES": "many"})
    assert wrong.wait(timeout=60)["StatusCode"] == 2
    assert b"FAKENW_LICENSES" in wrong.logs()


def test_nothing_is_built_twice(engine: Engine) -> None:
    """The same inputs, the same image, and no work."""
    before = engine.client.images.get(engine.image).id
    again = subprocess.run(["make", "image"], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=300)
    assert f"image {engine.image} is there" in again.stdout
    assert "base image fakenw-base:bookworm is there" in again.stdout
    assert engine.client.images.get(engine.image).id == before


@dataclass
class Copy:
    """A copy of the project, and the image that is built from it under a name of its own."""

    engine: Engine
    folder: Path
    name: str = f"fakenw-test-{os.getpid()}"

    def build(self) -> str:
        """What docker/image.sh says, without the name."""
        command = [str(self.folder / "docker" / "image.sh"), "fakenw-base:bookworm", self.name]
        environment = {**os.environ, "PYTHON": sys.executable}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)
        return done.stdout.replace(f"{self.name}:{version('fakenw')}", "NAME")

    def change(self) -> None:
        """Change a source."""
        with (self.folder / "packaging" / "twistd_plugin.py").open("a") as source:
            source.write("# changed\n")

    def remove(self, *names: str) -> None:
        for name in names:
            with suppress(docker_errors.ImageNotFound):
                self.engine.client.images.remove(f"{self.name}{name}")


@pytest.fixture
def copy(engine: Engine, tmp_path: Path) -> Iterator[Copy]:
    for name in ("docker", "fakenw", "harness", "packaging", "dist/wheelhouse"):
        if (PROJECT / name).exists():  # without a wheelhouse the copy fetches one
            shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, tmp_path)
    copy = Copy(engine, tmp_path)
    copy.change()  # it shall have no image in common with the project
    yield copy
    copy.remove(f":{version('fakenw')}", ":latest", f"-install:{version('fakenw')}")


def test_it_is_built_again_where_something_changed(engine: Engine, copy: Copy) -> None:
    """A source has changed, or the image is gone; each time no image is left without a name, and the time is told."""
    before = nameless(engine)
    built = r"building image NAME(.*)\n(?:fetching .*\n)?image NAME is built, in (\d+) s: \d+ MB\n"
    first = re.fullmatch(built, copy.build())
    assert first
    assert first[1] == ""
    assert copy.build() == "image NAME is there\n"
    copy.change()
    again = re.fullmatch(built, copy.build())
    assert again
    assert again[1] == f"; the last time it took {first[2]} s"
    copy.remove(f":{version('fakenw')}")
    assert copy.build().startswith(f"building image NAME; the last time it took {again[2]} s\n")
    assert nameless(engine) <= before


def nameless(engine: Engine) -> set[str]:
    return {image.id for image in engine.client.images.list(filters={"dangling": True})}


@pytest.mark.slow  # a Debian is made twice
def test_the_base_image_is_the_same_again(engine: Engine) -> None:
    """Made from the same packages it has the same layer."""
    tag = "fakenw-base:again"
    try:
        subprocess.run(["docker/base-image.sh", tag], cwd=PROJECT, check=True, capture_output=True, timeout=600)
        layers = [engine.client.images.get(name).attrs["RootFS"]["Layers"] for name in (tag, "fakenw-base:bookworm")]
        assert layers[0] == layers[1]
    finally:
        engine.client.images.remove(tag, force=True)

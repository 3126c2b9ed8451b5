"""The lab and the bundle: what a laboratory starts, and what it installs without a network."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from fakenw.admin.client import AdminClient, AdminRefused
from tests.fakenw.transports.ipx.wire_client import Datagrams, WireClient
from tests.programs import free_port, harness, wait_until

docker_client = pytest.importorskip("docker.client", reason="the Docker SDK is not installed")
pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("fakenw_image")]

PROJECT = Path(__file__).parent.parent.parent
BUNDLE = f"fakenw-{version('fakenw')}-bundle"
LAB = f"fakenw-test-{os.getpid()}"  # a project of its own: not the lab that somebody is working in


@pytest.fixture
def engine() -> Iterator[Any]:
    client = docker_client.DockerClient.from_env(timeout=120)
    yield client
    client.close()


@functools.cache
def ports() -> dict[str, str]:
    """Ports of this lab's own."""
    names = ("FAKENW_LAB_PORT", "FAKENW_LAB_ADMIN_PORT", "FAKENW_LAB_IPX_PORT")
    return {name: str(free_port()) for name in names}


def lab(verb: str) -> str:
    """What ``docker/lab.sh`` says to a verb."""
    environment = {**os.environ, "COMPOSE_PROJECT_NAME": LAB, **ports()}
    done = subprocess.run(
        ["docker/lab.sh", verb], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300
    )
    return done.stdout


def test_the_lab(engine: Any) -> None:
    """Three machines with licenses; one leaves without a word, and the server still counts it. Nothing stays."""
    ours = {"label": f"com.docker.compose.project={LAB}"}
    try:
        said = lab("up")
        assert "The lab is up." in said
        works_as_it_says(said)
        assert "is up-to-date" not in said
        assert published(lab("up")) == published(said)  # also the token, of which a new one would be a new server

        def held() -> set[str]:
            lines = [json.loads(line) for line in lab("journal").splitlines()]
            return {line["user"] for line in lines if line["event"] == "grant"} - {"GUEST"}

        wait_until(lambda: held() == {"TIDY", "HOLDER", "LEAVER"}, "three licenses")
        containers = engine.containers.list(all=True, filters=ours)
        assert len(containers) == 4
        (leaver,) = (one for one in containers if one.labels["com.docker.compose.service"] == "leaver")
        leaver.wait(timeout=60)
        lines = [json.loads(line) for line in lab("journal").splitlines() if '"LEAVER"' in line]
        assert [line["cause"] for line in lines if line["event"] == "state"][-1] == "login"  # no logout
    finally:
        lab("down")
    assert engine.containers.list(all=True, filters=ours) == []
    assert engine.networks.list(filters=ours) == []


def published(said: str) -> dict[str, str]:
    """The lines that say what is published."""
    found = re.findall(r"^  (page|API|token of both|server|IPX link) +(\S+?),?(?: .*)?$", said, re.MULTILINE)
    assert len(found) == 5, said
    return dict(found)


def works_as_it_says(said: str) -> None:
    """A client of this computer is licensed over each transport; page and API are there, for those with the token."""
    told = published(said)
    with urllib.request.urlopen(told["page"], timeout=60) as page:
        assert b"<html" in page.read()
    with pytest.raises(AdminRefused):
        AdminClient(told["page"].rstrip("/")).get("/api/server")
    for transport in ("tcp", "udp"):
        held = harness("hold", told["server"], "--user", "GUEST", "--for", "50ms", "--transport", transport)
        assert held.returncode == 0, held.stderr
    host, _, port = told["IPX link"].partition(":")
    plug = Datagrams((host, int(port)))
    with closing(plug.socket):
        assert WireClient(plug).log_in() == "FAKENW"
    address, _, path = told["API"].partition("/api/")
    assert AdminClient(address, told["token of both"]).get(f"/api/{path}")["peak"] >= 1


@pytest.fixture(scope="module")
def bundle() -> Path:
    done = subprocess.run(["make", "-s", "bundle"], cwd=PROJECT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return PROJECT / "dist" / f"{BUNDLE}.tar"


def test_the_bundle_is_installed_without_a_network(bundle: Path, engine: Any) -> None:
    """In a bare container that is connected to nothing: installed from the wheels, and the bug is found there."""
    script = f"cd /lab/{BUNDLE} && ./install.sh /lab/venv && /lab/venv/bin/harness run Q257223"
    options = {"image": "fakenw-base:bookworm", "command": ["sh", "-c", script], "network_mode": "none"}
    container = engine.containers.create(**options)
    try:
        container.put_archive("/", _folder("lab"))
        with bundle.open("rb") as data:
            container.put_archive("/lab", data)
        container.start()
        code = container.wait(timeout=300)["StatusCode"]
        said = container.logs().decode()
        assert code == 0, said
        assert "exit 0: every verdict is the expected one (10 runs)" in said
        assert "the image was not loaded" in said  # there is no Docker in there
    finally:
        container.remove(force=True, v=True)


def test_the_bundle_brings_the_image(bundle: Path, engine: Any, fakenw_image: str, tmp_path: Path) -> None:
    """It is the one that was built."""
    with tarfile.open(bundle) as tar:
        tar.extractall(tmp_path, filter="data")
    image = tmp_path / BUNDLE / "image.tar.gz"
    loaded = subprocess.run(["docker", "load", "-i", image], capture_output=True, text=True, check=True, timeout=300)
    assert fakenw_image in loaded.stdout
    with tarfile.open(image) as tar:
        index = tar.extractfile("manifest.json")
        assert index is not None
        (saved,) = json.load(index)
    assert engine.images.get(fakenw_image).id.endswith(saved["Config"].removesuffix(".json").rpartition("/")[2])


def test_a_damaged_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    """One byte of one wheel is enough, and nothing is installed."""
    with tarfile.open(bundle) as tar:
        tar.extractall(tmp_path, filter="data")
    root = tmp_path / BUNDLE
    wheel = next((root / "wheels").glob("click-*.whl"))
    data = bytearray(wheel.read_bytes())
    data[100] ^= 1
    wheel.write_bytes(data)
    done = subprocess.run(["bash", root / "install.sh", tmp_path / "venv"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "the bundle is damaged" in done.stderr
    assert wheel.name in done.stderr
    assert not (tmp_path / "venv").exists()
    shutil.rmtree(root)


def _folder(name: str) -> bytes:
    """A tar with an empty directory."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o777
        tar.addfile(entry)
    return data.getvalue()

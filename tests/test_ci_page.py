"""The examples of docs/ci.md, run as they stand there but for addresses, as far as they can be without the services.

The files of GitLab and GitHub are checked by the schemas of check-jsonschema, and their shell lines are run as the
services run them. What is not run: the container of GitLab's service, whose command is, and GitHub's actions.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakenw.server_process import ServerProcess
from tests.pages import ROOT, blocks
from tests.programs import CLIENTS, free_port, run, wait_until

PAGE = ROOT / "docs" / "ci.md"
AGENT = '#!/bin/sh\nexec perl {perl} {how} "$1" "$2"\n'
GITLAB, GITHUB = ".gitlab-ci.yml", ".github/workflows/agent.yml"
SCHEMAS = {GITLAB: "vendor.gitlab-ci", GITHUB: "vendor.github-workflows"}

pytestmark = pytest.mark.process


def block(mark: str, language: str = "") -> str:
    """The first block of the page that is so marked, of any *language* or of this one."""
    return next(one.content for one in blocks(PAGE) if one.mark == mark and language in ("", one.language))


def agent(folder: Path, how: str) -> None:
    """``my-agent``, which ends as *how* says."""
    file = folder / "my-agent"
    file.write_text(AGENT.format(perl=CLIENTS / "ncp.pl", how=how))
    file.chmod(0o755)


def shell(
    folder: Path, script: str, *options: str, path: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run *script* in *folder*, with the programs of this environment on PATH and nothing of our own variables."""
    where = os.pathsep.join(filter(None, [path, str(Path(sys.executable).parent), "/usr/bin:/bin"]))
    command = ["bash", *options, "-c", script]
    return subprocess.run(
        command, cwd=folder, env={"PATH": where, **environment}, capture_output=True, text=True, timeout=120
    )


# A plain shell


def recipe(tmp_path: Path, port: int, how: str = "") -> subprocess.CompletedProcess[str]:
    """Run it with an agent that ends as *how* says."""
    agent(tmp_path, f"--transport tcp {how}")
    within = "3s" if how == "never" else "20s"
    return shell(tmp_path, block("test_ci_page.py").replace("10524", str(port)).replace("30s", within))


def test_an_agent_that_logs_out(tmp_path: Path) -> None:
    done = recipe(tmp_path, free_port())
    assert (done.returncode, "every license was given back" in done.stdout) == (0, True), done.stderr
    assert 'failures="0"' in (tmp_path / "result.xml").read_text()
    wait_until(lambda: not (tmp_path / "ready.json").exists(), "the end of the server")


def test_an_agent_that_does_not(tmp_path: Path) -> None:
    done = recipe(tmp_path, free_port(), "--no-logout")
    assert (done.returncode, "the server reclaimed it when the socket closed" in done.stdout) == (1, True)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Whatever listens there is not judged."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = recipe(tmp_path, taken.getsockname()[1], "never")
    assert (done.returncode, "Address already in use" in done.stderr) == (3, True)
    assert not (tmp_path / "result.xml").exists()


# GitLab and GitHub


@pytest.mark.parametrize("file", SCHEMAS)
def test_the_files_of_services(tmp_path: Path, file: str) -> None:
    """They are what the service's schema asks for; a misspelt key is not."""
    for text, code in ((block(file), 0), (block(file).replace("script:", "scripts:"), 1)):
        if code and file == GITHUB:
            text = text.replace("runs-on:", "run-on:")
        (tmp_path / "file.yml").write_text(text)
        command = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", SCHEMAS[file]]
        assert run([*command, tmp_path / "file.yml"]).returncode == code


@pytest.mark.parametrize(
    ("how", "token", "code"),
    [("--transport tcp", "secret", 0), ("--transport udp --no-logout", "secret", 1), ("--transport tcp", "other", 1)],
    ids=["logs out", "holds its license", "another token"],
)
def test_the_job_of_gitlab(tmp_path: Path, how: str, token: str, code: int) -> None:
    """Its script against a server with the command of its service, in the environment of the image."""
    job: dict[str, Any] = yaml.safe_load(block(GITLAB))["agent"]
    (service,) = job["services"]
    assert service["command"][:2] == ["fakenw", "serve"]
    assert service["variables"] == {"FAKENW_ADMIN_TOKEN": "$NETWARE_TOKEN"}
    options = [word.replace("8524", "0") for word in service["command"][2:]]
    image = {"FAKENW_LISTEN": "tcp:127.0.0.1:0 udp:127.0.0.1:0", "FAKENW_ADMIN_TOKEN": "secret"}
    agent(tmp_path, how)
    with ServerProcess(*options, env={**os.environ, **image}) as server:
        wait_until(lambda: server.is_listening() and len(server.addresses) == 2 and server.admin, "its listeners")
        host, port = server.addresses["udp" if "udp" in how else "tcp"]
        admin = server.admin.rpartition(":")[2]
        script = "\n".join(job["script"]).replace(f"{service['alias']} 524", f"{host} {port}")
        script = script.replace(f"{service['alias']}:8524", f"127.0.0.1:{admin}")
        assert service["alias"] not in script
        # a runner of GitLab: one shell for all lines
        done = shell(tmp_path, script, "-eo", "pipefail", NETWARE_TOKEN=token)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("holding connection" in done.stdout, '"held"' in done.stdout) == (True, code == 0)


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    """Of GitHub's job: what each step does, by its first word."""
    (job,) = yaml.safe_load(block(GITHUB))["jobs"].values()
    return {str(step.get("run", step.get("uses"))).split()[0].partition("@")[0]: step for step in job["steps"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, steps: dict[str, Any]) -> Path:
    """Where the first step has installed the checkout: without an index, beside what is installed here."""
    assert steps["pip"]["run"].partition("  #")[0] == "pip install ./fakenw pytest"
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "fakenw").symlink_to(ROOT)
    done = shell(folder, "pip install -q --no-index --no-deps --no-build-isolation --target site ./fakenw", "-e")
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.mark.parametrize("how", ["", "--no-logout"], ids=["logs out", "does not"])
def test_the_job_of_github(tmp_path: Path, site: Path, steps: dict[str, Any], how: str) -> None:
    """Its tests are the first of the page. The evidence is there to be uploaded where one has failed."""
    agent(tmp_path, how)
    (tmp_path / "tests").mkdir()
    example = block("", "python").partition("def test_service")[0]
    (tmp_path / "tests" / "test_agent.py").write_text(example)
    ours = {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    done = shell(tmp_path, steps["pytest"]["run"], "-e", path=str(tmp_path), **ours)
    upload = steps["actions/upload-artifact"]
    evidence = tmp_path / upload["with"]["path"]
    assert (done.returncode, evidence.exists()) == (bool(how), bool(how)), done.stdout + done.stderr
    assert f'failures="{int(bool(how))}"' in (tmp_path / "result.xml").read_text()
    if how:
        assert list(evidence.rglob("server*.jsonl"))
        assert upload["if"] == "failure()"
        assert upload["with"]["include-hidden-files"] is True

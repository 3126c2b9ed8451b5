"""harness assert: a promise of a server that runs elsewhere, from a shell."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.netware import Netware, Setup
from tests.harness.commands import harness

AGENT = Path(__file__).parents[1] / "clients" / "ncp.pl"


@pytest.fixture
def netware(tmp_path: Path) -> Iterator[Netware]:
    server = Netware(Setup(), tmp_path / "server")
    server.start()
    yield server
    server.stop()


def run(netware: Netware, *options: str) -> None:
    """An agent of somebody else's."""
    command = ["perl", str(AGENT), *options, netware.host, str(netware.port)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("agent", "options", "code", "told"),
    [
        (["--transport", "tcp"], [], 0, "every license was given back"),
        (["--transport", "tcp", "--no-logout"], [], 1, "its client did not give it back: the server took it back"),
        (["--transport", "tcp", "--no-logout"], ["--by", "anybody"], 0, "every license was given back"),
        (["--transport", "udp", "--no-logout"], [], 1, "user GUEST on connection 1 from udp:127.0.0.1:"),
        (["--transport", "udp", "--no-logout"], ["--station", "udp:10."], 1, "nothing was licensed"),
        (["--transport", "udp", "--no-logout"], ["--user", "NOBODY"], 1, "nothing was licensed"),
    ],
)
def test_assert(netware: Netware, tmp_path: Path, agent: list[str], options: list[str], code: int, told: str) -> None:
    """By exit code, in words, and as JUnit."""
    run(netware, *agent)
    junit = tmp_path / "result.xml"
    done = harness("assert", netware.admin, "--released", "--within", "300ms", *options, "--junit", junit)
    assert (done.returncode, told in done.stdout) == (code, True), done.stdout + done.stderr
    failures = ElementTree.parse(junit).getroot().findall(".//failure")
    assert len(failures) == code
    assert all(told in (failure.text or "") for failure in failures)


def test_since_the_mark(netware: Netware) -> None:
    """What was before the mark does not count."""
    run(netware, "--transport", "tcp", "--no-logout")
    netware.mark()
    run(netware, "--transport", "tcp")
    assert harness("assert", netware.admin, "--released", "--since-mark").returncode == 0
    assert harness("assert", netware.admin, "--released").returncode == 1


def test_a_server_that_does_not_answer() -> None:
    """Exit code 3: nothing was found out."""
    done = harness("assert", "http://127.0.0.1:1", "--released")
    assert (done.returncode, "does not answer" in done.stderr) == (3, True)

"""harness assert: an assertion about a server that runs elsewhere, from a shell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from lxml import etree

from fakenw.admin.client import AdminClient
from fakenw.server_process import ServerProcess
from fakenw.wire.requests.connection import Logout
from harness.testing.netware import Netware
from harness.testing.server_setup import Setup
from tests.fakenw.administered_server import Client
from tests.programs import LISTEN, harness, wait_until

pytestmark = pytest.mark.process

SCHEMA = etree.XMLSchema(file=str(Path(__file__).parents[1] / "report" / "data" / "junit.xsd"))
AGENT = Path(__file__).parents[2] / "clients" / "ncp.pl"


@pytest.fixture
def netware(tmp_path: Path) -> Iterator[Netware]:
    server = Netware(Setup(), tmp_path / "server")
    server.start()
    yield server
    server.stop()


def run(netware: Netware, *options: str) -> None:
    """A client that is not ours."""
    command = ["perl", str(AGENT), *options, netware.host, str(netware.port)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("agent", "options", "code", "told"),
    [
        (["--transport", "tcp"], [], 0, "every license was given back"),
        (["--transport", "tcp", "--no-logout"], [], 1, "its client did not release it: the server reclaimed it"),
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
    SCHEMA.assertValid(etree.parse(str(junit)))
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
    """Exit code 3: nothing was found out. What is no URL is bad usage."""
    done = harness("assert", "http://127.0.0.1:1", "--released")
    assert (done.returncode, "does not answer" in done.stderr) == (3, True)
    done = harness("assert", "127.0.0.1:1", "--released")
    assert (done.returncode, "is not the URL of a server" in done.stderr) == (2, True)


def test_a_server_that_refuses() -> None:
    """Nothing was found out either, and the server says why."""
    with ServerProcess("--admin", "127.0.0.1:0", "--admin-token", "SECRET", "--listen", "tcp:127.0.0.1:0") as server:
        done = harness("assert", server.admin, "--released", "--token", "WRONG")
        assert done.returncode == 3
        why = "401: expected the header Authorization: Bearer TOKEN"
        assert done.stderr == f"harness: {server.admin} does not answer: {why}\n"


def test_proxies_are_ignored(netware: Netware) -> None:
    """A server of a laboratory is not behind the proxy of the environment."""
    run(netware, "--transport", "tcp")
    proxy = {"http_proxy": "http://127.0.0.1:1", "no_proxy": "", "NO_PROXY": ""}
    done = harness("assert", netware.admin, "--released", env=proxy)
    assert done.returncode == 0, done.stderr


KEEPS = """
from fakenw.core import ledger
release = ledger.Ledger.release
def keep(self, now, unit, cause, about):
    if cause != "logout":
        release(self, now, unit, cause, about)
ledger.Ledger.release = keep
from fakenw.cli.main import main
main()
"""


def test_a_server_that_keeps_bad_books_proves_nothing(tmp_path: Path) -> None:
    """The client logged out, no license is held by its connection: but the server has not released its unit."""
    program = (sys.executable, "-c", KEEPS, "serve")
    with ServerProcess(*LISTEN, "--admin", "127.0.0.1:0", program=program) as server:
        host, port = server.addresses["tcp"]
        subprocess.run(["perl", str(AGENT), host, str(port)], check=True, capture_output=True, timeout=60)
        junit = tmp_path / "result.xml"
        done = harness("assert", server.admin, "--released", "--by", "anybody", "--junit", junit)
    assert (done.returncode, "the books do not balance" in done.stdout) == (3, True), done.stdout
    assert "no release follows" in done.stdout
    assert len(ElementTree.parse(junit).getroot().findall(".//error")) == 1


def test_so_many_clients(netware: Netware) -> None:
    """One orderly client is not two."""
    run(netware, "--transport", "tcp")
    assert harness("assert", netware.admin, "--released", "--within", "300ms").returncode == 0
    done = harness("assert", netware.admin, "--released", "--within", "300ms", "--clients", "2")
    assert (done.returncode, "1 connection was licensed and logged in, expected 2" in done.stdout) == (1, True)


# A journal whose first lines are forgotten


FORGETFUL = "from fakenw.admin import journal_buffer as b; b.KEPT = 40; from fakenw.cli.main import main; main()"


@pytest.fixture
def forgetful() -> Iterator[ServerProcess]:
    """A server that keeps forty lines."""
    program = (sys.executable, "-c", FORGETFUL, "serve")
    with ServerProcess(*LISTEN, "--admin", "127.0.0.1:0", program=program) as server:
        yield server


def forget(server: ServerProcess) -> None:
    """Have it write so much that it knows no line of what was before."""
    for _ in range(50):
        AdminClient(server.admin).post("/api/mark", {})


def logs_out(client: Client) -> None:
    client.call(Logout())


@pytest.mark.parametrize(
    ("transport", "end", "options", "code", "told"),
    [
        ("udp", None, [], 1, "user GUEST on connection 1 from udp:127.0.0.1:"),
        ("tcp", Client.close, [], 1, "its client did not release it: the server reclaimed it when the socket closed"),
        ("tcp", Client.close, ["--by", "anybody"], 0, "every license was given back"),
        ("tcp", logs_out, [], 0, "every license was given back"),
    ],
    ids=["held", "taken back", "taken back by anybody", "given back"],
)
def test_a_license_that_is_older_than_what_is_kept(
    forgetful: ServerProcess,
    transport: str,
    end: Callable[[Client], None] | None,
    options: list[str],
    code: int,
    told: str,
) -> None:
    """It is held, though no line says so; and what becomes of it then is judged."""
    client = Client(forgetful, transport)
    forget(forgetful)
    if end is not None:
        end(client)
    wait_until(lambda: (AdminClient(forgetful.admin).get("/api/server")["held"] == 0) == (end is not None), "the end")
    done = harness("assert", forgetful.admin, "--released", "--within", "300ms", *options)
    assert (done.returncode, told in done.stdout) == (code, True), done.stdout + done.stderr
    assert "lines are forgotten by the server" in done.stderr
    client.close()

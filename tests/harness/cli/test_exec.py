"""``harness exec``: a user's own client, in another language, before the judge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.programs import CLIENTS, harness

pytestmark = pytest.mark.process

PROGRAMS = {"perl": "ncp.pl", "node": "ncp.js"}
OFFER = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"


@pytest.fixture(autouse=True)
def _kept_journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the harness keeps of a run that did not end as expected goes when the test's own files go."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture(params=PROGRAMS)
def client(request: pytest.FixtureRequest) -> list[str]:
    """An NCP client that shares nothing with ours. Perl is never missing where tools are required."""
    program = str(request.param)
    found = shutil.which(program)
    if found is None and program == "perl" and os.environ.get("FAKENW_REQUIRE"):
        pytest.fail("FAKENW_REQUIRE is set, but there is no program perl", pytrace=False)
    if found is None:
        pytest.skip(f"there is no program {program}")
    return [found, str(CLIENTS / PROGRAMS[program])]


one_client = pytest.mark.parametrize("client", ["perl"], indirect=True)


@pytest.fixture(params=["tcp", "udp"])
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    return str(request.param)


def judged(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The only result, which is all that is on standard output."""
    (result,) = json.loads(done.stdout)
    assert isinstance(result, dict)
    return result


def test_a_client_that_logs_out(client: list[str], transport: str, tmp_path: Path) -> None:
    """Logging out and destroying the connection gives the license back."""
    options = ("--transport", transport, "--report", tmp_path, "--json", "-")
    done = harness("exec", *options, "--", *client, "--open", OFFER, "{host}", "{port}")
    result = judged(done)
    assert (result["verdict"], result["ok"], result["peak"], done.returncode) == ("released", True, 1, 0), done.stderr
    assert (result["scenario"], result["on"], result["transport"]) == ("exec", "processes", transport)
    assert (result["leaked"], result["reclaimed"]) == ([], [])
    assert "holding connection 1" in done.stderr  # what the client prints is seen, and not in the JSON
    assert "released, as expected" in done.stderr
    server = (tmp_path / "exec" / "default" / "server-FAKENW.jsonl").read_text()
    assert f'"station": "{transport}:' in server  # it came over that transport
    assert OFFER in server


def test_a_client_that_does_not(client: list[str], transport: str) -> None:
    """Just exiting is no release: over TCP the server sees the socket close, over UDP it sees nothing."""
    options = ("--transport", transport, "--within", "1s", "--json", "-")
    done = harness("exec", *options, "--", *client, "--no-logout", "{host}", "{port}")
    result = judged(done)
    assert (result["ok"], done.returncode) == (False, 1), done.stderr
    if transport == "tcp":
        assert (result["verdict"], result["leaked"]) == ("reclaimed", [])
        (held,) = result["reclaimed"]
        assert held["reason"].startswith("the server reclaimed it when the socket closed")
    else:
        assert (result["verdict"], result["reclaimed"]) == ("leaked", [])
        (held,) = result["leaked"]
        assert held["reason"].startswith("its client exited at 0:00:")
        assert "without logging out" in held["reason"]
        assert "the watchdog would reclaim it a quarter of an hour after its last request" in done.stderr
    assert (held["user"], held["station"].partition(":")[0]) == ("GUEST", transport)
    assert f"{result['verdict']}, expected released" in done.stderr
    assert done.stderr.rstrip().endswith("exit 1: not as expected: exec default")


def test_a_client_that_stays(client: list[str], transport: str) -> None:
    """A client that lives on and asks for nothing needs no license; it answers the watchdog, and leaks."""
    options = ("--transport", transport, "--idle-after", "1s", "--within", "1s", "--json", "-")
    done = harness("exec", *options, "--", *client, "--stay", "{host}", "{port}")
    result = judged(done)
    assert (result["verdict"], done.returncode) == ("leaked", 1), done.stderr
    (held,) = result["leaked"]
    assert held["held_for"] >= 2
    assert (held["user"], held["station"].partition(":")[0]) == ("GUEST", transport)
    assert "; idle since 0:00:0" in done.stderr


@one_client
def test_a_client_that_gives_its_license_back_and_stays(client: list[str]) -> None:
    """The same client without a license leaks nothing, though its connection lives on."""
    options = ("--transport", "udp", "--idle-after", "1s", "--within", "1s", "--json", "-")
    done = harness("exec", *options, "--", *client, "--unlicense", "--stay", "{host}", "{port}")
    result = judged(done)
    assert (result["verdict"], result["peak"], done.returncode) == ("released", 1, 0), done.stderr


@one_client
def test_without_json_the_client_is_on_standard_output(client: list[str]) -> None:
    """A person sees the client's output where it belongs, and the verdict below it."""
    done = harness(
        "exec", "--licenses", 2, "--user", "JOE:SECRET", "--", *client, "--user", "JOE", "--password", "secret"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("holding connection 1") < done.stdout.index("released, as expected")
    assert done.stdout.rstrip().endswith("exit 0: every verdict is the expected one (1 run)")


@one_client
def test_a_client_that_is_denied(client: list[str]) -> None:
    """A client with a wrong password takes no license, and proves nothing."""
    done = harness("exec", "--user", "JOE:SECRET", "--json", "-", "--", *client, "--user", "JOE", "--password", "WRONG")
    result = judged(done)
    assert (result["verdict"], result["peak"], done.returncode) == ("unknown", 0, 3)
    assert result["reason"].startswith("1 of 1 clients was never licensed: command was refused, wrong password (0xFF)")
    assert "refused 0xFF while logging in as JOE" in done.stderr


def test_a_command_that_cannot_be_started(tmp_path: Path) -> None:
    """There is nothing to judge, and the reason is said."""
    done = harness("exec", "--json", "-", "--", tmp_path / "no-such-client", "{host}", "{port}")
    result = judged(done)
    assert (result["verdict"], done.returncode) == ("unknown", 3)
    assert "command cannot be started" in result["reason"]
    assert "no-such-client" in result["reason"]
    assert "exit 3: could not be told: exec default" in done.stderr


def test_a_command_that_never_attaches() -> None:
    """A client that never came proves nothing, however orderly it exits."""
    done = harness("exec", "--json", "-", "--", sys.executable, "-c", "print('I was here')")
    result = judged(done)
    reason = "1 of 1 clients was never licensed: command took no license; command ended with exit code 0"
    assert (result["verdict"], result["reason"], done.returncode) == ("unknown", reason, 3)
    assert "I was here" in done.stderr


def test_what_a_command_is_told(transport: str) -> None:
    """The address stands in its arguments, where asked for, and in its environment."""
    code = (
        "import json, os, sys; "
        "names = ['FAKENW_HOST', 'FAKENW_PORT', 'FAKENW_TRANSPORT', 'MINE']; "
        "print(json.dumps([sys.argv[1:], [os.environ.get(name) for name in names]]))"
    )
    command = (sys.executable, "-c", code, "{host}:{port}", "{transport}", "{other}", "plain")
    done = harness("exec", "--transport", transport, "--", *command, env={"MINE": "kept"})
    arguments, environment = json.loads(done.stdout.splitlines()[0])
    host, port, *rest = environment
    assert (host, rest) == ("127.0.0.1", [transport, "kept"])
    assert int(port) > 1023
    assert arguments == [f"{host}:{port}", transport, "{other}", "plain"]


def test_the_options_reach_the_server(tmp_path: Path) -> None:
    """Licenses, release, policy and seed are those of the server that is asked for."""
    options = ("--licenses", 2, "--release", "3.12", "--policy", "login", "--seed", 5, "--report", tmp_path)
    harness("exec", *options, "--", sys.executable, "-c", "pass")
    with (tmp_path / "exec" / "default" / "server-FAKENW.jsonl").open() as journal:
        start = json.loads(journal.readline())
    assert (start["licenses"], start["release"], start["policy"], start["seed"]) == (2, "3.12", "login", 5)

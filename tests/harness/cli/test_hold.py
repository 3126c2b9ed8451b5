"""``harness hold``: one client by hand, and how it ends."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from fakenw.journal.record import Record, read
from tests.programs import PATIENCE, harness, invoke, line, serving, started, wait_until


def events(journal: Path, event: str) -> list[Record]:
    """The lines of one kind, so far."""
    return [record for record in read(journal).records if record.event == event]


@pytest.mark.process
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("leaves", [False, True], ids=["logout", "no-logout"])
def test_hold(leaves: bool, transport: str, tmp_path: Path) -> None:
    """A license is taken and given back; without a logout the server takes it back, but not over UDP."""
    journal = tmp_path / "server.jsonl"
    with serving(journal, "--user", "JOE:SECRET") as addresses:
        options = ["--user", "JOE:SECRET", "--for", "100ms", "--transport", transport]
        held = harness("hold", addresses[transport], *options, *(["--no-logout"] if leaves else []))
        assert held.returncode == 0, held.stderr
        assert "JOE is logged in as connection 1 and holds a license" in held.stdout
        if transport == "tcp" or not leaves:
            wait_until(lambda: events(journal, "close"), "the end of the connection")
    (grant,) = events(journal, "grant")
    assert grant["station"].startswith(f"{transport}:127.0.0.1:")
    causes = [release["cause"] for release in events(journal, "release")]
    checked = invoke("check", journal)
    if not leaves:
        assert "logged out" in held.stdout
        assert (causes, checked.exit_code) == (["logout"], 0)
        assert "released, as expected" in checked.stdout
    elif transport == "tcp":
        assert (causes, checked.exit_code) == (["lost"], 1)
        assert "reclaimed, expected released" in checked.stdout
    else:
        assert (causes, checked.exit_code) == ([], 3)
        assert events(journal, "stop")[0]["holders"][0]["user"] == "JOE"


@pytest.mark.process
def test_hold_is_refused(tmp_path: Path) -> None:
    """A wrong password, a full house and a server that is not there: exit 1, and why."""
    journal = tmp_path / "server.jsonl"
    with serving(journal, "--licenses", 1, "--user", "JOE:SECRET") as addresses:
        place = addresses["tcp"]
        wrong = invoke("hold", place, "--user", "JOE:WRONG", "--for", "1s")
        assert (wrong.exit_code, wrong.stdout) == (1, "")
        assert "harness: the server denied the login: completion code 0xFF" in wrong.stderr
        assert [record["code"] for record in events(journal, "login-failed")] == [0xFF]
        with started(line("harness", "hold", place)) as other:
            assert other.stdout is not None
            assert "holds a license" in other.stdout.readline()
            full = invoke("hold", place, "--for", "1s")
            assert (full.exit_code, full.stdout) == (1, "")
            assert "the server denied the login: completion code 0x" in full.stderr
            assert [record["what"] for record in events(journal, "deny")] == ["license"]
    gone = invoke("hold", place, "--for", "1s")
    assert (gone.exit_code, gone.stdout, "refused" in gone.stderr) == (1, "", True)


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_hold_lets_go_at_once(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C in the middle of ten minutes is an orderly end: the license is given back."""
    journal = tmp_path / "server.jsonl"
    with serving(journal) as addresses:
        with started(line("harness", "hold", addresses["udp"], "--transport", "udp", "--for", "10m")) as process:
            assert process.stdout is not None
            assert "holds a license" in process.stdout.readline()
            process.send_signal(number)
            out, _ = process.communicate(timeout=30)
            assert (process.returncode, "logged out" in out) == (0, True)
        assert [record["cause"] for record in events(journal, "release")] == ["logout"]


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_hold_does_not_wait_for_a_server_that_is_silent(number: signal.Signals) -> None:
    """The end is asked for when the first packet is there: nothing is to be given back that it knows of."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with started(line("harness", "hold", address, "--transport", "udp", "--for", "10m")) as process:
            silent.settimeout(PATIENCE)
            silent.recv(1024)
            process.send_signal(number)
            _, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, "Traceback" in error) == (1, False)
    assert "harness: ended while the server did not answer" in error


@pytest.mark.parametrize("address", ["localhost", "localhost:", "localhost:ipx", ":524", "localhost:99999"])
def test_hold_needs_an_address(address: str) -> None:
    """Host and port, or bad usage."""
    done = invoke("hold", address)
    assert (done.exit_code, f"{address} is not HOST:PORT" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", [("hold", "127.0.0.1:1"), ("load", "127.0.0.1:1"), ("load",)])
def test_ipx_is_for_scenarios(command: tuple[str, ...]) -> None:
    """Clients of other commands are no stations on a wire: exit 2, and which are."""
    refused = invoke(*command, "--transport", "ipx")
    assert refused.exit_code == 2
    assert "ipx: only the clients of a scenario speak IPX (harness run); expected tcp or udp" in refused.stderr

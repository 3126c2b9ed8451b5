"""A failed assertion is judged once: its text, and every file that is kept of it, say the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.harness.testing.test_pytest_plugin import AGENT, CLIENTS
from tests.programs import invoke

TESTS = """
    import pytest
    from agent import run, start

    def test_lost(netware):
        run(["--no-logout"], netware, "tcp")
        netware.assert_released(within=10)

    def test_held(netware):
        run(["--no-logout"], netware, "udp")
        netware.assert_released(within=1)

    def test_held_at_the_end(netware):
        run(["--no-logout"], netware, "udp")

    def test_nothing(netware):
        netware.assert_released(within=0)

    def test_another_cause(netware):
        run([], netware, "tcp")
        netware.assert_released(within=1, by="watchdog")

    def test_since_the_mark(netware):
        run(["--no-logout"], netware, "tcp")
        netware.mark()
        run(["--no-logout"], netware, "udp")
        netware.assert_released(within=0, since="mark")

    def test_of_its_own(netware):
        run(["--no-logout"], netware, "tcp")
        netware.wait_for(lambda run: netware.held == 0)
        raise RuntimeError("of its own")
"""
EXPECTED = {  # the verdict, and the exit code of harness check
    "test_lost": ("reclaimed", 1),
    "test_held": ("leaked", 1),
    "test_held_at_the_end": ("leaked", 1),
    "test_nothing": ("unknown", 3),
    "test_another_cause": ("released", 1),
    "test_since_the_mark": ("leaked", 1),
    "test_of_its_own": ("reclaimed", 1),
}


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The output of pytest, and the directory of what is kept. One server has served all of these tests."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "agent.py").write_text(AGENT.format(perl=str(CLIENTS / "ncp.pl")))
    lines = [line[4:] for line in TESTS.splitlines()]
    (folder / "test_it.py").write_text("\n".join(lines))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert f"{len(EXPECTED)} failed" in done.stdout, done.stdout
    return done.stdout, folder / ".fakenw"


pytestmark = pytest.mark.process


def folder_of(kept: Path, name: str) -> Path:
    return kept / f"test_it.py-{name}".replace("_", "-")


@pytest.mark.parametrize("name", EXPECTED)
def test_the_files_agree(failures: tuple[str, Path], tmp_path: Path, name: str) -> None:
    """``harness check`` of the kept journals, results.json, junit.xml and the report."""
    _, kept = failures
    folder = folder_of(kept, name)
    checked = invoke("check", folder, "--json", tmp_path / "checked.json")
    (result,) = json.loads((tmp_path / "checked.json").read_text())
    assert (result["verdict"], checked.exit_code) == EXPECTED[name]
    (written,) = json.loads((folder / "results.json").read_text())
    assert written == result
    case = ElementTree.parse(folder / "junit.xml").find("testsuite/testcase")
    assert case is not None
    problem = case.find("error" if result["verdict"] == "unknown" else "failure")
    assert problem is not None
    assert (problem.get("type"), case.get("name")) == (result["verdict"], f"test_it.py::{name}")
    report = (folder / "report.html").read_text()
    assert re.search(rf"<title>test_it\.py::{name}: 1 {result['verdict']}</title>", report)


def test_the_text_of_a_failure(failures: tuple[str, Path]) -> None:
    """Its first line says in 120 characters which license it is about; nothing is chained."""
    output, _ = failures
    first = re.findall(r"^E +AssertionError: (.*)$", output, re.MULTILINE)
    assert all(len(line) <= 120 for line in first)
    assert re.fullmatch(
        r"user GUEST on connection 1 from tcp:\S+ held a license of FAKENW from .*; its cl.*…", first[0]
    )
    assert re.fullmatch(r"user GUEST on connection 1 from udp:\S+ holds a license of FAKENW since .*", first[1])
    assert "nothing was licensed, so that the licenses prove nothing" in first
    assert "During handling" not in output
    assert "too early" not in output


def client_ports(capture: bytes) -> set[int]:
    """The ports other than NCP's in a capture of IPv4 packets, which must be whole."""
    assert capture[:4] == b"\xd4\xc3\xb2\xa1"
    ports, at = set[int](), 24
    while at < len(capture):
        size = int.from_bytes(capture[at + 8 : at + 12], "little")
        packet = capture[at + 16 : at + 16 + size]
        assert len(packet) == size
        ports |= {int.from_bytes(packet[20:22], "big"), int.from_bytes(packet[22:24], "big")}
        at += 16 + size
    return ports - {524}


def test_of_one_test_only(failures: tuple[str, Path]) -> None:
    """Journal and capture begin with the test, although the server has served others before."""
    _, kept = failures
    for name in EXPECTED.keys() - {"test_nothing", "test_since_the_mark"}:
        folder = folder_of(kept, name)
        events = [json.loads(line)["event"] for line in (folder / "server.jsonl").read_text().splitlines()]
        assert (events[0], events.count("create"), events.count("reset")) == ("start", 1, 0)
        assert len(client_ports((folder / "capture.pcap").read_bytes())) == 1
    assert (kept / ".gitignore").read_text() == "*\n"

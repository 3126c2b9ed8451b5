"""A server without pytest's fixture: in a script, and in unittest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.testing import NetwareServer
from harness.testing.netware import Netware
from tests.programs import CLIENTS, invoke

pytestmark = pytest.mark.process


def agent(netware: Netware, *how: str, transport: str = "tcp") -> None:
    command = ["perl", str(CLIENTS / "ncp.pl"), "--transport", transport, *how, netware.host, str(netware.port)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_a_block_that_passes(tmp_path: Path) -> None:
    with NetwareServer(licenses=2, keep=tmp_path / "kept") as netware:
        agent(netware)
        netware.assert_released(within=10)
        assert netware.limit == 2
    assert not (tmp_path / "kept").exists()
    assert not netware.folder.exists()


def test_a_block_that_ends_with_a_license_held(tmp_path: Path) -> None:
    """It raises, and the evidence is judged as it was."""
    with (
        pytest.raises(AssertionError, match="user GUEST on connection 1 from udp:"),
        NetwareServer(keep=tmp_path / "kept", title="the agent") as netware,
    ):
        agent(netware, "--no-logout", transport="udp")
    checked = invoke("check", tmp_path / "kept")
    assert (checked.exit_code, "the agent" in checked.output, "leaked" in checked.output) == (1, True, True)
    assert not netware.folder.exists()


def test_it_may_hold() -> None:
    with NetwareServer(may_hold=True) as netware:
        agent(netware, "--no-logout")


def test_settings_that_are_none() -> None:
    with pytest.raises(ValueError, match="licenses='two'; expected a whole number"):
        NetwareServer(licenses="two")


UNITTEST = """
import unittest
from harness.testing import NetwareServer

class AgentTest(unittest.TestCase):
    @NetwareServer(licenses=3)
    def test_nothing_came(self, netware):
        self.assertEqual((netware.limit, netware.held), (3, 0))
        with self.assertRaisesRegex(AssertionError, "nothing was licensed"):
            netware.assert_released(within=0)
"""


def test_in_unittest(tmp_path: Path) -> None:
    (tmp_path / "test_agent.py").write_text(UNITTEST)
    command = [sys.executable, "-W", "error", "-m", "unittest", "test_agent"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stderr.endswith("\nOK\n"), done.stderr

"""Faults on the server of a test."""

from __future__ import annotations

import pytest

from harness.testing import NetwareServer
from harness.testing.netware import NetwareError
from tests.harness.testing.test_netware_server import agent

pytestmark = pytest.mark.process


def test_a_test_lets_the_network_fail() -> None:
    """What its client does then is asserted, and the failure names the fault; a reset ends what a test has begun."""
    with NetwareServer(licenses=2, may_hold=True) as netware:
        with netware.faults.during("delay", by="20ms", way="both", station="tcp:127.0.0.1:*") as number:
            assert [fault["id"] for fault in netware.faults.present()] == [number]
            agent(netware)
        netware.assert_released(within=10)
        assert netware.faults.present() == []
        with netware.faults.during("slow", by=0.01, lasting="1h"):
            agent(netware, "--no-logout")
            with pytest.raises(AssertionError, match=r"meanwhile the server had a fault \(slow 0.01 s, all stations"):
                netware.assert_released(within=0)
        with pytest.raises(NetwareError, match="percent: 200; expected 100"):
            netware.faults.add("loss", percent=200)
        netware.faults.add("busy")
        netware.reset()
        assert netware.faults.present() == []
        agent(netware)
        netware.assert_released(within=10)

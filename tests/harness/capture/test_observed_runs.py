"""The journal that a capture gives is the server's own, and so is the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from fakenw.wire.requests.files import OpenFile
from harness.capture.changes import HANDLERS
from harness.scenario.plan import Plan
from tests.harness.capture.observed_runs import ObservedRun, begun, label, lines, plans
from tests.harness.memory_run import WORK, planned

PLANS = list(plans())

OTHER_LINES = {
    "S23/as-shipped/ipx": "a frozen server reads a request later than the wire carries it",
    "S23/returned/ipx": "requests of a client that gave up waiting for a frozen server",
    "S25/as-shipped": "a login is executed, and its reply never comes",
    "S28/login-disabled": "an operator disables login",
    "S31/as-shipped": "the unit of a cleared connection is kept for a while",
}
"""What a wire cannot show (docs/journal.md)."""

UNDECIDED = {"S18/as-shipped/udp", "S18/as-shipped/ipx"}
"""Leaked, but the last packet of the connections is too early to prove it."""


def _excused(plan: Plan) -> bool:
    return any(label(plan).startswith(name) for name in OTHER_LINES)


def _check(plan: Plan, file: Path) -> None:
    run = ObservedRun.of(plan)
    found = run.observed(file, until=run.until)
    for name, own in run.own.items():
        expected = lines(own, since=begun(own))
        if not _excused(plan):
            assert (lines(found[name], since=begun(own)) if name in found else []) == expected
    truth, verdict = run.verdict(), run.judged(found)
    if label(plan) in UNDECIDED:
        assert (truth.verdict, verdict.verdict) == ("leaked", "unknown")
        assert "no later packet" in verdict.reason
    else:
        assert (verdict.verdict, len(verdict.leaked)) == (truth.verdict, len(truth.leaked)), verdict.reason


def _sample(step: int) -> Sequence[Plan]:
    return PLANS[::step]


@pytest.mark.parametrize("plan", _sample(13), ids=label)
def test_a_capture_gives_the_servers_own_journal(plan: Plan, tmp_path: Path) -> None:
    _check(plan, tmp_path / "capture.pcap")


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS, ids=label)
def test_every_capture_gives_the_servers_own_journal(plan: Plan, tmp_path: Path) -> None:
    _check(plan, tmp_path / "capture.pcap")


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
@pytest.mark.parametrize("login", ["bindery", "nds"])
def test_a_signed_session_is_followed(transport: str, login: str, tmp_path: Path) -> None:
    client = {"name": "ws", "login": login, "signatures": 3, "script": WORK}
    plan = planned([], transport, clients=[client], servers=[{"name": "FAKENW", "signatures": 3, "tree": "TREE"}])
    run = ObservedRun.of(plan)
    own = run.own["FAKENW"]
    assert any(record.get("signed") for record in own.records)
    _check(plan, tmp_path / "capture.pcap")


def test_the_comparison_sees_an_observer_that_reads_no_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(HANDLERS, (OpenFile.function, None))
    run = ObservedRun.of(next(plan for plan in PLANS if label(plan) == "Q257223/as-shipped/udp"))
    own, found = run.own["FAKENW"], run.observed(tmp_path / "capture.pcap")["FAKENW"]
    assert [event for _, event, _ in lines(found, since=begun(own))].count("open") == 0
    assert lines(found, since=begun(own)) != lines(own, since=begun(own))

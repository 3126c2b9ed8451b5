"""Captures that lack packets: what cannot be told is unknown, and no leak becomes green or the reverse."""

from __future__ import annotations

from collections import Counter
from functools import partial
from math import ceil
from pathlib import Path
from random import Random

import pytest

from harness.judge import captured
from harness.scenario.plan import Plan
from tests.harness.capture.observed_runs import ObservedRun, label, plans

PLANS = list(plans())
FALSE = {("leaked", "released"), ("released", "leaked"), ("leaked", "reclaimed"), ("released", "reclaimed")}
"""By the truth: the verdicts that packets which are missing must not make of it."""


def _cut_front(random: Random, frames: list[bytes]) -> list[bytes]:
    return frames[random.randrange(len(frames)) :]


def _cut_back(random: Random, frames: list[bytes]) -> list[bytes]:
    return frames[: random.randrange(len(frames))]


def _lose(random: Random, frames: list[bytes]) -> list[bytes]:
    return [frame for frame in frames if random.random() >= 0.01]


WAYS = {_cut_front: 25, _cut_back: 25, _lose: 10}
"""How often each is tried on a run by the slow test."""


def _check(plan: Plan, file: Path, share: float) -> None:
    run = ObservedRun.of(plan)
    truth = run.verdict().verdict
    for way, count in WAYS.items():
        random = Random(f"{label(plan)}/{way.__name__}")
        for _ in range(ceil(count * share)):
            found = run.judged(run.observed(file, partial(way, random)))
            assert (truth, found.verdict) not in FALSE, found.reason
            assert found.reason
            assert not found.problems, found.problems[0]


@pytest.mark.parametrize("plan", PLANS[::29], ids=label)
def test_missing_packets_make_no_false_verdict(plan: Plan, tmp_path: Path) -> None:
    _check(plan, tmp_path / "capture.pcap", 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS, ids=label)
def test_many_missing_packets_make_no_false_verdict(plan: Plan, tmp_path: Path) -> None:
    _check(plan, tmp_path / "capture.pcap", 1)


def _without(number: int, frames: list[bytes]) -> list[bytes]:
    return frames[:number] + frames[number + 1 :]


def test_a_leak_is_told_without_most_single_packets(tmp_path: Path) -> None:
    """Unknown is no way out."""
    (plan,) = (plan for plan in PLANS if label(plan) == "Q257223/as-shipped/udp")
    run = ObservedRun.of(plan)
    captures = (run.observed(tmp_path / "capture.pcap", partial(_without, number)) for number in range(len(run.frames)))
    found = Counter(run.judged(journals).verdict for journals in captures)
    assert found.keys() <= {"leaked", "unknown"}
    assert found["leaked"] > 10 * found["unknown"]


def _without_the_end(frames: list[bytes]) -> list[bytes]:
    """Without the requests to log out and to destroy the connection, and their replies."""
    return frames[:-4]


def test_without_its_proof_a_release_would_be_a_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of false verdicts sees a judge that takes a capture for the whole truth."""
    (plan,) = (plan for plan in PLANS if label(plan) == "Q257223/counted/udp")
    run = ObservedRun.of(plan)
    found = run.observed(tmp_path / "capture.pcap", _without_the_end, until=run.until)
    assert (run.verdict().verdict, run.judged(found).verdict) == ("released", "unknown")
    monkeypatch.setattr(captured, "proven_until", lambda history, holding: history.held_until(holding))
    assert (run.verdict().verdict, run.judged(found).verdict) in FALSE

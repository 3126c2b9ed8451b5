"""One client at work for an hour, and what comes over it, on memory."""

from __future__ import annotations

from typing import Any

from fakenw.journal.record import Journal, Record
from harness.judge.history import RunHistory
from harness.judge.verdict import Verdict, judge
from harness.runners import memory
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario

OPEN_PATH = "NWBIND:\\\\FAKENW\\SYS\\CAP_GS1\\"
WORK: list[Any] = [
    {"nal.open": {"path": OPEN_PATH, "owner": "SMSCCMBootAcct"}},
    {"apm.open": {"file": "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"}},
    {"wait": "1h"},
    "apm.close",
    "nal.close",
]


def planned(
    faults: list[Any], transport: str = "udp", script: list[Any] | None = None, seed: int = 0, **more: Any
) -> Plan:
    """The plan of a scenario with these faults."""
    data = {
        **{"format": 1, "id": "test", "title": "test", "source": "here", "servers": [{"name": "FAKENW"}]},
        **{"clients": [{"name": "ws", "script": script or WORK}], "faults": faults, **more},
    }
    (plan,) = Scenario.read(data, "the test").plans(transport, seed=seed)
    return plan


def played(
    faults: list[Any], transport: str, script: list[Any] | None = None, **more: Any
) -> tuple[RunHistory, Verdict, dict[str, Journal]]:
    """What comes of it: the run, its verdict, and its journals by name."""
    journals = memory.run(planned(faults, transport, script, **more))
    run = RunHistory.of(journals)
    return run, judge(run), {journal.name: journal for journal in journals}


def events(journal: Journal, event: str) -> list[Record]:
    """The lines of one kind."""
    return [record for record in journal.records if record.event == event]

"""Which runs are counterexamples, and which are explained by a fault."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.explore.counterexample import Counterexample, counterexample
from harness.judge.audit import Problem
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.runners import memory
from tests.harness.memory_run import OPEN_PATH, planned

OPEN = {"nal.open": {"path": OPEN_PATH, "owner": "SMSCCMBootAcct"}}
READ = {"apm.open": {"file": "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"}}
# The bug: the last use is over after ten minutes, and the license is held for an hour more.
LEAKS: list[Any] = [OPEN, READ, "nal.close", {"wait": "10m"}, "apm.close", {"wait": "1h"}]
# In use for an hour, and given back.
SOUND: list[Any] = [OPEN, READ, {"wait": "1h"}, "apm.close", "nal.close", {"wait": "1h"}]
FORCED: dict[str, Any] = {"arbiter": {"forced": True}}
OTHER: dict[str, Any] = {"clients": [{"name": "ws", "script": LEAKS}, {"name": "other", "script": SOUND}]}


def found(script: list[Any], faults: list[Any], transport: str = "udp", wanted: str | None = None, **more: Any) -> Any:
    plan = planned(faults, transport, script, **more)
    run = RunHistory.of(memory.run(plan))
    verdict = judge(run)
    example = counterexample(plan, run, verdict, wanted)
    return verdict.verdict, None if example is None else example.kind


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        pytest.param([], "leaked", id="without a fault"),
        pytest.param([{"wait": "1m"}, {"cut": "ws"}, {"wait": "1m"}, {"heal": "ws"}], "leaked", id="cut before"),
        pytest.param([{"wait": "9m"}, {"cut": "ws"}, {"wait": "4m"}, {"heal": "ws"}], None, id="cut at the last use"),
        pytest.param([{"wait": "14m"}, {"cut": "ws"}, {"wait": "1s"}, {"heal": "ws"}], None, id="cut for a moment"),
        pytest.param([{"wait": "16m"}, {"cut": "ws"}, {"wait": "1m"}, {"heal": "ws"}], "leaked", id="cut afterwards"),
        pytest.param([{"wait": "11m"}, {"freeze": "ws"}, {"wait": "1s"}, {"thaw": "ws"}], None, id="frozen"),
        pytest.param([{"wait": "11m"}, {"freeze": "FAKENW"}, {"wait": "1s"}, {"thaw": "FAKENW"}], None, id="server"),
        pytest.param([{"wait": "11m"}, {"power-off": "ws"}], None, id="switched off"),
        pytest.param([{"wait": "16m"}, {"power-off": "ws"}], "leaked", id="switched off afterwards"),
        pytest.param([{"loss": {"client": "ws", "percent": 20, "way": "both"}}], "leaked", id="some loss"),
        pytest.param([{"loss": {"client": "ws", "percent": 60, "way": "both"}}], None, id="too much loss"),
        pytest.param(
            [
                {"loss": {"client": "ws", "percent": 60, "way": "both"}},
                {"wait": "5m"},
                {"loss": {"client": "ws", "percent": 0}},
            ],
            "leaked",
            id="too much loss before",
        ),
        pytest.param([{"delay": {"client": "ws", "by": "1s"}}], "leaked", id="delay"),
        pytest.param([{"delay": {"client": "ws", "by": "10s"}}], None, id="too long a delay"),
        pytest.param([{"reorder": {"client": "ws", "percent": 100}}], "leaked", id="out of order"),
    ],
)
def test_a_leak(faults: list[Any], kind: str | None) -> None:
    """It counts where machine and server were reachable from the last use until five minutes later."""
    assert found(LEAKS, faults) == ("leaked", kind)


def test_a_fault_of_another_client_is_no_excuse() -> None:
    faults = [{"wait": "11m"}, {"cut": "other"}, {"wait": "1s"}, {"heal": "other"}]
    assert found(LEAKS, faults, **OTHER) == ("leaked", "leaked")
    assert found(LEAKS, [{**one, **({"cut": "ws"} if "cut" in one else {})} for one in faults], **OTHER)[1] is None


def test_what_the_scenario_expects_is_none() -> None:
    assert found(LEAKS, [], expect="leaked") == ("leaked", None)
    assert found(LEAKS, [], expect="reclaimed") == ("leaked", "leaked")


def test_a_verdict_that_is_asked_for() -> None:
    """Whatever is expected, and whatever faults there were."""
    assert found(SOUND, [], wanted="released") == ("released", "released")
    assert found(SOUND, [], wanted="leaked") == ("released", None)
    assert found(LEAKS, [{"wait": "11m"}, {"power-off": "ws"}], expect="leaked", wanted="leaked")[1] == "leaked"


def test_a_license_that_the_server_took_back() -> None:
    """Without a fault it counts; with any fault of the client or of the server meanwhile it does not."""
    cleared: dict[str, Any] = {"servers": [{"name": "FAKENW", "clear_idle": "15m"}]}
    patient: dict[str, Any] = {"checks": [{"released": {"within": "30m"}}]}
    assert found(SOUND, [], **cleared) == ("reclaimed", "reclaimed")
    assert found(SOUND, [{"wait": "1m"}, {"duplicate": {"client": "ws", "percent": 20}}], **cleared)[1] is None
    assert (
        found(SOUND, [{"wait": "1m"}, {"freeze": "FAKENW"}, {"wait": "1s"}, {"thaw": "FAKENW"}], **cleared)[1] is None
    )
    assert found(SOUND, [{"wait": "30m"}, {"power-off": "ws"}], **patient) == ("reclaimed", None)
    assert found(SOUND, [{"wait": "30m"}, {"server-down": "FAKENW"}, {"server-up": "FAKENW"}])[1] is None


def test_an_interruption() -> None:
    """It counts where nothing was unreachable while the connection existed."""
    assert found(LEAKS, [], **FORCED) == ("interrupted", "interrupted")
    assert found(LEAKS, [{"reorder": {"client": "ws", "percent": 20}}], **FORCED) == ("interrupted", "interrupted")
    assert found(LEAKS, [{"cut": "ws"}, {"wait": "1s"}, {"heal": "ws"}], **FORCED) == ("interrupted", None)


def test_books_that_do_not_balance() -> None:
    """Whatever is asked for, and whatever faults there were."""
    plan = planned([{"power-off": "ws"}], "udp", SOUND)
    run = RunHistory.of(memory.run(plan))
    verdict = replace(judge(run), problems=[Problem("books_balance", "server-FAKENW.jsonl", 3, "held is 7")])
    for wanted in (None, "released"):
        assert isinstance(example := counterexample(plan, run, verdict, wanted), Counterexample)
        assert example.kind == "books"

"""IPX between processes: frames in datagrams and in streams, and datagrams that are lost.

The loss is each client's own: it forgets a part of what it would send and of what arrives, chosen by the run's seed.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import SECOND
from fakenw.wire.ipx.frames import FrameType
from harness.client.workstation import TRY
from harness.judge.history import RunHistory
from harness.judge.verdict import Verdict, judge
from harness.runners import memory, real_time
from harness.runners.backend import Failed
from harness.runners.ipx_cables import STREAM, answers
from harness.runners.processes import Processes
from harness.scenario.catalogue import find
from harness.scenario.plan import Plan
from tests.harness.memory_run import WORK, events, planned

pytestmark = pytest.mark.process

SPEED = 3600
SHORT: list[Any] = [*WORK[:2], {"wait": "1s"}, *WORK[3:]]
LEAKING: list[Any] = [*WORK[:2], WORK[4], {"wait": "1s"}, WORK[3]]  # NAL closes before APM, as in Q257223
OVER = ("qemu", STREAM)


def carried_out(plan: Plan, folder: Path, link: str = "qemu") -> tuple[RunHistory, Verdict]:
    """The run of *plan* in processes, and its verdict."""
    folder.mkdir(exist_ok=True)
    run = RunHistory.of(real_time.run(plan, folder, Processes(ipx_link=link), threading.Event()))
    return run, judge(run)


@pytest.mark.parametrize("link", OVER)
def test_every_variant_of_the_bug(link: str, tmp_path: Path) -> None:
    """As on memory: the verdict, and every station is one of IPX on the network of 802.2."""
    plans = find("Q257223").plans("ipx", speed=SPEED)

    def result(plan: Plan) -> tuple[RunHistory, Verdict]:
        return carried_out(plan, tmp_path / plan.variant, link)

    with ThreadPoolExecutor(4) as pool:
        for plan, (run, verdict) in zip(plans, pool.map(result, plans), strict=True):
            assert (verdict.verdict, verdict.problems) == (plan.expect, []), (plan.variant, verdict.reason)
            assert {history.station.partition(":")[0] for history in run.histories} == {"ipx"}
            assert all(history.client is not None for history in run.histories), "a client knows its own station"


@pytest.mark.parametrize(("script", "expected"), [(SHORT, "released"), (LEAKING, "leaked")])
def test_five_percent_lost_each_way(script: list[Any], expected: str, tmp_path: Path) -> None:
    """Of six clients, each with its own luck: the same verdict as without the loss, and no other connection left."""
    clients = [{"name": "ws", "count": 6, "script": script}]
    faults = [{"loss": {"client": "ws", "percent": 5, "way": "both"}}]
    more: dict[str, Any] = {"clients": clients, "checks": [{"released": {"within": "4s"}}]}
    more |= {"servers": [{"name": "FAKENW", "licenses": 6}], "expect": expected}
    run, verdict = carried_out(planned(faults, "ipx", seed=2, **more), tmp_path)
    calm = judge(RunHistory.of(memory.run(planned([], "ipx", **more))))
    assert (verdict.verdict, len(verdict.leaked), verdict.problems) == (expected, len(calm.leaked), []), verdict.reason
    assert [history.ended for history in run.histories].count(None) == len(verdict.leaked)
    attached = [line.t for client in run.clients for line in events(client.journal, "attach")]
    assert len(attached) == 6
    assert max(attached) > TRY, "nothing was lost"


@pytest.mark.parametrize("transport", ["udp", "ipx"])
def test_packets_that_are_dropped(transport: str, tmp_path: Path) -> None:
    """The next ones in one way: the requester asks again after three seconds of real time, each time."""
    faults = [{"drop": {"client": "ws", "packets": 1, "way": "in"}}, {"drop": {"client": "ws", "packets": 1}}]
    script = [{"wait": "1s"}, *SHORT]
    run, verdict = carried_out(planned(faults, transport, script), tmp_path)
    assert (verdict.verdict, verdict.problems) == ("released", [])
    (attached,) = events(run.clients[0].journal, "attach")
    assert SECOND + 2 * TRY <= attached.t < SECOND + 3 * TRY


def test_every_frame_type(tmp_path: Path) -> None:
    """A client of each; the networks are numbered upwards in the order of the types."""
    clients = [{"name": f"ws{n}", "script": SHORT, "frame": frame.value} for n, frame in enumerate(FrameType)]
    run, verdict = carried_out(
        planned([], "ipx", clients=clients, servers=[{"name": "FAKENW", "licenses": 4}]), tmp_path
    )
    assert (verdict.verdict, verdict.problems) == ("released", [])
    networks = {history.client.name: int(history.station[4:12], 16) for history in run.histories if history.client}
    assert [networks[f"ws{n}"] - networks["ws0"] for n in range(4)] == [0, 1, 2, 3]


def test_streams_lose_nothing(tmp_path: Path) -> None:
    """Over TCP such a fault would have to be the kernel's: the run fails, and says where it can be done."""
    _, verdict = carried_out(planned([{"loss": {"client": "ws", "percent": 5}}], "tcp", SHORT), tmp_path)
    assert verdict.verdict == "unknown"
    assert "loss: processes share one network; --on containers can do that" in verdict.reason


@pytest.mark.parametrize("link", OVER)
def test_cut_and_healed(link: str, tmp_path: Path) -> None:
    """A cable that is pulled out for two seconds; what was sent meanwhile is lost, and sent again."""
    faults = [{"wait": "500ms"}, {"cut": "ws"}, {"wait": "2s"}, {"heal": "ws"}]
    _, verdict = carried_out(planned(faults, "ipx", [{"wait": "1s"}, *SHORT]), tmp_path, link)
    assert (verdict.verdict, verdict.problems) == ("released", [])


@pytest.mark.parametrize("link", OVER)
def test_a_server_that_starts_again(link: str, tmp_path: Path) -> None:
    """It has its old link; the client hears at its next request that its connection is gone."""
    faults = [{"wait": "500ms"}, {"server-down": "FAKENW"}, {"wait": "500ms"}, {"server-up": "FAKENW"}]
    script = [*WORK[:2], {"wait": "4s"}, *WORK[3:], *SHORT]
    run, verdict = carried_out(planned(faults, "ipx", script), tmp_path, link)
    assert verdict.problems == []
    assert [history.cause for history in run.histories] == ["server-down", "destroy"]


def test_nothing_answers_where_no_server_is() -> None:
    """Neither a datagram nor a stream to a port at which nobody listens."""
    assert [answers("FAKENW", (f"{link}:127.0.0.1", 9)) for link in OVER] == [False, False]


def test_containers_have_no_wire(tmp_path: Path) -> None:
    """The run fails before anything is made, and says where it can be done."""
    containers = pytest.importorskip("harness.runners.containers")
    with pytest.raises(Failed, match=r"^ipx: containers have no wire .*--on memory and --on processes can do that$"):
        containers.Containers(threading.Semaphore(), 1, False, print).open(planned([], "ipx"), tmp_path)

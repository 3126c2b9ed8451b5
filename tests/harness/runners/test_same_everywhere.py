"""The same scenario files on memory, in processes and in containers: the same verdicts, for each transport.

What a fault is differs from runner to runner: an event in memory, a signal, a container that is disconnected. What
follows from it must not.
"""

from __future__ import annotations

import functools
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fakenw.core.settings import ticks
from fakenw.journal.record import SECOND, read
from harness.judge.history import ConnectionHistory, RunHistory
from harness.judge.history import load as load_run
from harness.scenario.catalogue import find
from tests.harness.runners.journal_page import undocumented
from tests.programs import harness

pytestmark = pytest.mark.process

SCENARIOS = ["S28", "S30", *sorted(str(path) for path in (Path(__file__).parent / "scenarios").glob("*.yaml"))]
RUNNERS = ["memory", "processes", pytest.param("containers", marks=pytest.mark.docker)]
SPEED = 300  # an hour in twelve seconds, and a watchdog that gives up after three
GIVES_UP = ticks(5400 + 10 * 1080)
VARIANTS = ("as-shipped", "counted", "forced")  # of Q257223; test_processes looks at all of them
TRANSPORTS = ("udp", "tcp")


Results = dict[str, tuple[Path, list[dict[str, Any]]]]


def results_of(on: str) -> Results:
    """Everything run once, over both transports at the same time: the report's directories, and the results."""
    found = attempt(on)
    if isinstance(found, AssertionError):
        raise found
    return found


@functools.cache
def attempt(on: str) -> Results | AssertionError:
    """The results, or why there are none: the runs of a runner that fails are not made again for each test."""

    def run(transport: str) -> tuple[Path, list[dict[str, Any]]]:
        folder, found = Path(tempfile.mkdtemp(prefix="same-")), []
        options = ("--on", on, "--transport", transport, "--report", folder, "--json", folder / "json")
        shipped = ["Q257223", "--speed", 3600, *(word for name in VARIANTS for word in ("--variant", name))]
        for words in (shipped, [*SCENARIOS, "--speed", SPEED]):
            done = harness("run", *words, *options, within=600)
            assert done.returncode in (0, 1), done.stdout + done.stderr
            found += json.loads((folder / "json").read_text())
        return folder, found

    with ThreadPoolExecutor() as pool:
        try:
            return dict(zip(TRANSPORTS, pool.map(run, TRANSPORTS), strict=True))
        except AssertionError as problem:
            return problem


@pytest.fixture(autouse=True)
def image(request: pytest.FixtureRequest) -> None:
    if "containers" in request.node.name:
        request.getfixturevalue("fakenw_image")


def run_of(on: str, transport: str, scenario: str, variant: str = "default") -> RunHistory:
    """One of the runs."""
    return load_run([results_of(on)[transport][0] / scenario / variant])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("on", RUNNERS)
def test_verdicts(on: str, transport: str) -> None:
    """Q257223 with each verdict that it can have, and everything that can come over a machine."""
    _, found = results_of(on)[transport]
    wanted = {
        (plan.scenario, plan.variant): plan.expect
        for name in ["Q257223", *SCENARIOS]
        for plan in find(name).plans(transport)
        if name != "Q257223" or plan.variant in VARIANTS
    }
    assert {(one["scenario"], one["variant"]): one["verdict"] for one in found} == wanted
    assert all(one["on"] == on and one["transport"] == transport for one in found)
    memory = {(one["scenario"], one["variant"]): len(one["leaked"]) for one in results_of("memory")[transport][1]}
    assert {(one["scenario"], one["variant"]): len(one["leaked"]) for one in found} == memory


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("on", RUNNERS)
def test_each_line_is_documented(on: str, transport: str) -> None:
    """docs/journal.md has each event that servers, clients and the runner write, and the type of each field."""
    journals = list(results_of(on)[transport][0].rglob("*.jsonl"))
    roles = {journal.name.partition("-")[0].removesuffix(".jsonl") for journal in journals}
    assert roles == {"server", "client", "runner"}
    records = [record for journal in journals for record in read(journal).records]
    assert set[tuple[str, str, str]]().union(*map(undocumented, records)) == set()


@pytest.mark.parametrize("on", RUNNERS)
def test_the_watchdog_takes_its_time(on: str) -> None:
    """S30: a license without a machine is taken back when the watchdog gives up, and not before."""
    (history,) = run_of(on, "udp", "S30", "as-shipped").histories
    assert (history.cause, history.ended is not None) == ("watchdog", True)
    assert GIVES_UP <= late(history) < GIVES_UP + slack(on)


@pytest.mark.parametrize("on", RUNNERS)
def test_nobody_tells_the_server_of_a_power_cut(on: str) -> None:
    """Over TCP the connection is there to the end; of a killed process the server hears at once."""
    (history,) = run_of(on, "tcp", "S30", "as-shipped").histories
    assert (history.ended, history.holdings[0].released) == (None, None)
    killed = run_of(on, "tcp", "process-killed")
    (history,) = killed.histories
    (gone,) = killed.runner_lines("exit")
    assert killed.runner is not None
    assert history.ended is not None
    assert (history.cause, gone["cause"]) == ("lost", "process-killed")
    assert abs(history.ended - killed.to_server(killed.runner, history.server, gone.t)) < slack(on)


@pytest.mark.parametrize("on", RUNNERS)
def test_a_cable_that_is_back_in_time_is_not_noticed(on: str) -> None:
    """The watchdog has asked in vain and then got its answer; after it has given up there is none."""
    (history,) = run_of(on, "udp", "cut", "heals-before").histories
    assert [record["what"] for record in history.server_lines("watchdog")] == ["silent", "answered"]
    (history,) = run_of(on, "udp", "cut", "heals-after").histories
    assert [record["what"] for record in history.server_lines("watchdog")] == ["silent", "gave-up"]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("on", RUNNERS)
def test_who_is_cleared_comes_back(on: str, transport: str) -> None:
    """S28: with auto-reconnect the user has a second connection after the operator's clear, unless login is closed."""
    users = {
        variant: [history.user for history in run_of(on, transport, "S28", variant).histories if history.user]
        for variant in ("as-shipped", "stays-away", "login-disabled")
    }
    assert {variant: names.count("JOE") for variant, names in users.items()} == {
        "as-shipped": 2, "stays-away": 1, "login-disabled": 1,
    }  # fmt: skip
    cleared = [
        history.cause for history in run_of(on, transport, "S28", "as-shipped").histories if history.user == "JOE"
    ]
    assert cleared == ["cleared", None]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("on", RUNNERS)
def test_the_refused_get_a_license_after_a_release(on: str, transport: str) -> None:
    """Five clients, three licenses: two get theirs when others have given theirs back, never four at once."""
    run = run_of(on, transport, "exhaustion")
    (server,) = run.servers
    assert (server.peak, server.limit) == (3, 3)
    assert len(server.denied) >= 2
    assert {history.client.name for history in run.histories if history.client} == {
        f"workstation#{n}" for n in range(1, 6)
    }
    assert [history.cause for history in run.histories if history.holdings] == ["destroy"] * 5
    first_release = min(holding.released or 0 for history in run.histories for holding in history.holdings)
    granted = [holding.granted for history in run.histories for holding in history.holdings]
    assert sum(time >= first_release for time in granted) == 2


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("on", RUNNERS)
def test_a_login_to_nds_is_signed(on: str, transport: str) -> None:
    (server,) = run_of(on, transport, "nds-signed", "as-shipped").servers
    logins = [(line["how"], line["signed"]) for line in server.records if line.event == "login"]
    assert logins == [("nds", True)]


def late(history: ConnectionHistory) -> int:
    """How long after its last request a connection ended."""
    assert history.ended is not None
    return history.ended - history.last_request


def slack(on: str) -> int:
    """How late something may be, in the server's time: a packet's way on memory, else two seconds of a busy machine."""
    return 5000 if on == "memory" else 2 * SPEED * SECOND

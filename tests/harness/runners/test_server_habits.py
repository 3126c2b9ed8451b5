"""The habits of a server in a scenario: the same on every runner, shown in the record, and what they do to a client."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from fakenw.cli import serving
from fakenw.cli.main import main
from fakenw.core.server import Server
from fakenw.core.settings import ServerSettings
from fakenw.journal.record import SECOND, Journal
from fakenw.server_process import USERS_FOLLOW, users_input
from harness.client import workstation
from harness.judge.history import RunHistory
from harness.judge.verdict import Verdict, judge
from harness.runners import memory
from harness.runners.memory_network import Network
from harness.runners.processes import server_options, server_users
from harness.scenario.scenario import ScenarioError
from tests.harness.memory_run import events, planned

HABITS: dict[str, Any] = {
    "release": "4.11",
    "licenses": 7,
    "policy": "nls",
    "connections": 300,
    "user_connections": 2,
    "watchdog": "286t,11.5,5",
    "clear_idle": "1h30m",
    "keep_cleared": "72h",
    "slow": {"23/24": "2h", "72": 0.00005},
    "users": ["JOE:SECRET", "ANN"],
}
NAL_OPEN = {"nal.open": {"path": "NWBIND:\\\\FAKENW\\SYS\\CAP_GS1\\", "owner": "SMSCCMBootAcct"}}
APM_OPEN = {"apm.open": {"file": "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"}}
LOGON, LOGOFF = {"user.logon": "FAKENW"}, "user.logoff"


def played(server: dict[str, Any], *scripts: list[Any], transport: str = "udp", **more: Any) -> tuple[Verdict, Journal]:
    """What comes of scripts, the first of them JOE's and another's SUPERVISOR's: the verdict, the server's journal."""
    users = ["JOE:SECRET", "SUPERVISOR"]
    clients = [{"name": f"ws{n}", "user": users[n > 0], "script": script} for n, script in enumerate(scripts)]
    servers = [{"name": "FAKENW", "users": ["JOE:SECRET"], **server}]
    journals = memory.run(planned(more.pop("faults", []), transport, servers=servers, clients=clients, **more))
    return judge(RunHistory.of(journals)), next(journal for journal in journals if journal.name.startswith("server"))


def started(options: list[str], users: list[str], monkeypatch: pytest.MonkeyPatch) -> ServerSettings:
    """What ``fakenw serve`` makes of these options and users, without running."""
    found: list[Server] = []

    def run(server: Server, *rest: Any, **more: Any) -> int:
        found.append(server)
        return 0

    monkeypatch.setattr(serving, "_run", run)
    done = CliRunner().invoke(main, ["serve", *options, *USERS_FOLLOW], users_input(users), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return found.pop().settings


@pytest.mark.parametrize("habits", [{}, HABITS, {**HABITS, "watchdog": "off"}], ids=["none", "all", "no watchdog"])
def test_servers_are_the_same_on_every_runner(habits: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The options of a process or a container come to what the memory runner's server is made of."""
    plan = planned([], servers=[{"name": "FAKENW", **habits}])
    network = Network(Random(1))
    network.add_server(plan.servers[0], plan.seed, plan.idle_threshold)
    config = network.hosts["FAKENW"].server.settings
    ran = started(server_options(plan, plan.servers[0]), server_users(plan.servers[0]), monkeypatch)
    assert ran.instance != config.instance  # which is drawn anew
    assert ran == replace(config, speed=plan.speed, instance=ran.instance)
    if habits:
        assert (config.clear_idle, config.keep_cleared) == (5400 * SECOND, 259_200 * SECOND)
        assert (config.user_connections, dict(config.slow)) == (2, {(23, 24): 7200 * SECOND, (72, None): 50})
        assert config.watchdog == (None if habits["watchdog"] == "off" else (286, 209, 5))


def test_the_run_record_shows_them() -> None:
    """Durations in seconds, as everywhere in JSON."""
    (server,) = planned([], servers=[{"name": "FAKENW", **HABITS}]).opening("memory")["servers"]
    times = {"clear_idle": 5400, "keep_cleared": 259_200, "slow": {"23/24": 7200, "72": 0.00005}}
    assert server == {**HABITS, **times, "name": "FAKENW", "users": ["JOE", "ANN"], "tree": None, "signatures": 1}


@pytest.mark.parametrize(
    ("habit", "said"),
    [
        ({"slow": {"23-24": "2h"}}, "'23-24' is no NCP; expected a number such as 72, or two such as 23/29"),
        ({"slow": {"23/24": "soon"}}, "servers[0].slow.23/24: 'soon' is not a duration"),
        ({"slow": {"23/24": 0}}, "servers[0].slow.23/24: no time at all; expected more than 0"),
        ({"watchdog": "sometimes"}, "servers[0].watchdog: 'sometimes' is not off or FIRST,BETWEEN,COUNT"),
        ({"watchdog": "10,59.3,10"}, "servers[0].watchdog: delay before first watchdog packet: 182 is not within"),
        ({"clear_idle": 0}, "servers[0].clear_idle: no time at all; expected more than 0"),
        ({"keep_cleared": "ever"}, "servers[0].keep_cleared: 'ever' is not a duration"),
        ({"user_connections": -1}, "servers[0].user_connections: "),
    ],
)
def test_mistakes_are_told(habit: dict[str, Any], said: str) -> None:
    """By the field, with what was expected."""
    with pytest.raises(ScenarioError) as caught:
        planned([], servers=[{"name": "FAKENW", **habit}])
    (problem,) = caught.value.problems
    assert said in problem


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
@pytest.mark.parametrize(("clear_idle", "verdict"), [("3m", "reclaimed"), ("1h", "leaked"), (None, "leaked")])
def test_an_orphan_is_taken_back_by_the_idle_policy(clear_idle: str | None, verdict: str, transport: str) -> None:
    """NAL's release is refused because of APM's file: the server takes the license back, if it does so soon enough."""
    orphan = [NAL_OPEN, APM_OPEN, {"wait": "1m"}, "nal.close", "apm.close", {"wait": "2h"}]
    found, journal = played({"clear_idle": clear_idle}, orphan, transport=transport)
    assert (found.verdict, found.problems) == (verdict, [])
    causes = [
        (record["cause"], record.t - round(record["last_request"] * SECOND)) for record in events(journal, "close")
    ]
    assert causes == ([] if clear_idle is None else [("idle-policy", {"3m": 180, "1h": 3600}[clear_idle] * SECOND)])
    if verdict == "reclaimed":
        (held,) = found.reclaimed
        assert held.reason.startswith("the server reclaimed it because it was idle, ")


@pytest.mark.parametrize(("limit", "denied"), [(0, []), (1, ["account"])])
def test_a_user_may_have_so_many_connections(limit: int, denied: list[str]) -> None:
    """A second connection of the same user is refused, which stands in the journal."""
    script = [LOGON, {"wait": "1m"}, LOGOFF]
    clients = [{"name": "ws", "user": "JOE:SECRET", "count": 2, "script": script}]
    servers = [{"name": "FAKENW", "users": ["JOE:SECRET"], "user_connections": limit}]
    journals = memory.run(planned([], servers=servers, clients=clients))
    (journal,) = [journal for journal in journals if journal.name == "server-FAKENW.jsonl"]
    assert [record["what"] for record in events(journal, "deny")] == denied


def test_a_login_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """KB Q176027: the client asks again and again, until the server ends the connection."""
    monkeypatch.setattr(workstation, "TRIES", 1000)  # of a client that does not give up by itself
    habits = {"policy": "attach", "slow": {"23/24": "2h"}}
    found, journal = played(habits, [LOGON, {"wait": "1h"}])
    assert [record["cause"] for record in events(journal, "close")] == ["busy"]
    assert (found.verdict, found.problems) == ("reclaimed", [])


@pytest.mark.parametrize("keep", ["72h", None])
def test_a_cleared_unit_may_be_kept(keep: str | None) -> None:
    """The books balance either way, and the start says whether it is so."""
    operator = [{"wait": "1m"}, {"operator.clear": {"server": "FAKENW", "user": "JOE"}}, {"wait": "80h"}]
    found, journal = played({"keep_cleared": keep}, [LOGON, {"wait": "80h"}], operator)
    assert (found.verdict, found.problems) == ("reclaimed", [])
    (start,) = events(journal, "start")
    assert start.get("keep_cleared") == (259_200 if keep else None)
    causes = [record["cause"] for record in events(journal, "release") if record["unit"] == "connection:1"]
    assert causes == ["expired" if keep else "cleared"]


@pytest.mark.parametrize(("watchdog", "silent"), [("286t,180t,5", 65.14), (None, 889.79), ("off", None)])
def test_the_watchdog_is_set(watchdog: str | None, silent: float | None) -> None:
    """A machine without power is noticed after so many seconds: soon, as Novell has it, or never."""
    faults = [{"wait": "10s"}, {"power-off": "ws0"}]
    _, journal = played({"watchdog": watchdog}, [LOGON, {"wait": "1h"}], [{"wait": "1h"}], faults=faults)
    ends = [(record["cause"], record.t / SECOND - record["last_request"]) for record in events(journal, "close")]
    assert ends == ([] if silent is None else [("watchdog", pytest.approx(silent, abs=0.1))])

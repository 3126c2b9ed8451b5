"""The pytest plugin, in projects of its own: what passes, what fails, and what a failure tells a stranger."""

from __future__ import annotations

from pathlib import Path

import pytest

CLIENTS = Path(__file__).parents[2] / "clients"

AGENT = '''
"""An agent of somebody else's: logs in by hand, reads a file, and ends as it is told."""
import subprocess, sys

def run(how, netware, transport):
    command = ["perl", {perl!r}, "--transport", transport, *how, netware.host, str(netware.port)]
    return subprocess.run(command, check=True, capture_output=True, timeout=60)

def start(how, netware, transport):
    command = ["perl", {perl!r}, "--transport", transport, *how, netware.host, str(netware.port)]
    agent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while "holding" not in agent.stdout.readline():
        pass
    return agent
'''


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project that has an agent, and nothing of ours but the plugin."""
    pytester.makepyfile(agent=AGENT.format(perl=str(CLIENTS / "ncp.pl")))
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    """pytest as somebody else calls it: a process of its own, with the plugin from its entry point."""
    return project.runpytest_subprocess("-p", "no:cacheprovider", *options)


FIRST = """
    import pytest
    from agent import run

    @pytest.mark.parametrize("transport", ["tcp", "udp"])
    @pytest.mark.netware(licenses=2, release="4.11")
    def test_agent_gives_its_license_back(netware, transport):
        run({how!r}, netware, transport)
        netware.assert_released(within=3)
"""


@pytest.mark.parametrize("options", [["-p", "no:twisted"], ["-n", "2"], []], ids=["plain", "xdist", "twisted"])
def test_an_agent_that_logs_out_passes(project: pytest.Pytester, options: list[str]) -> None:
    """Over TCP and UDP, with and without xdist, and beside pytest-twisted."""
    project.makepyfile(test_it=FIRST.format(how=[]))
    run(project, *options).assert_outcomes(passed=2)


def test_an_agent_that_exits_without_a_logout_fails(project: pytest.Pytester) -> None:
    """Over TCP the server has it back at once; over UDP it is still held. A stranger learns who and when."""
    project.makepyfile(test_it=FIRST.format(how=["--no-logout"]))
    done = run(project)
    done.assert_outcomes(failed=2)
    text = done.stdout.str()
    assert "its client did not release it: the server reclaimed it when the socket closed" in text
    assert "user GUEST on connection 1 from udp:127.0.0.1:" in text
    assert "holds a license of FAKENW since 0:00:0" in text
    assert "journal: " in text
    assert "capture: " in text
    assert "def assert_released" not in text


LIVES_ON = """
    import pytest
    from agent import start

    def test_agent(netware):
        with start(["--hold", "60"], netware, "tcp") as agent:
            try:
                netware.mark()
                netware.assert_released(within=1, since="mark")
            finally:
                agent.kill()
"""


def test_an_agent_that_lives_on_fails(project: pytest.Pytester) -> None:
    """It had let go if it had been asked to."""
    project.makepyfile(test_it=LIVES_ON)
    done = run(project)
    done.assert_outcomes(failed=1)
    assert "not released within 1 s" in done.stdout.str()


HELD_AT_THE_END = """
    import pytest
    from agent import start, run

    {marker}
    def test_agent(netware, request):
        agent = start(["--hold", "60"], netware, "udp")
        request.addfinalizer(agent.kill)

    def test_the_next_one_sees_nothing_of_it(netware):
        assert (netware.held, netware.connections()) == (0, [])
        run([], netware, "udp")
        netware.assert_released()
        netware.assert_peak(1)
"""


def test_a_license_that_is_held_at_the_end_fails_the_test(project: pytest.Pytester) -> None:
    """With the diagnosis, and with where journal and capture were kept; the next test has a server without a past."""
    project.makepyfile(test_it=HELD_AT_THE_END.format(marker=""))
    done = run(project)
    done.assert_outcomes(failed=1, passed=1)
    text = done.stdout.str()
    assert "licenses are still held at the end:" in text
    (kept,) = project.path.glob(".fakenw/*/")
    assert {"server.jsonl", "capture.pcap", "report.html"} <= {file.name for file in kept.iterdir()}
    assert "GUEST" in (kept / "report.html").read_text(encoding="utf-8")
    assert str(kept) in text


def test_a_marker_lets_it_be(project: pytest.Pytester) -> None:
    """Some tests want to hold."""
    project.makepyfile(test_it=HELD_AT_THE_END.format(marker="@pytest.mark.netware(may_hold=True)"))
    run(project).assert_outcomes(passed=2)


EVERYTHING = """
    import pytest
    from agent import run, start

    @pytest.mark.netware(licenses=1, users=["JOE:SECRET"])
    def test_denied(netware):
        agent = start(["--hold", "60"], netware, "udp")
        try:
            with pytest.raises(Exception):
                run([], netware, "udp")
            netware.assert_denied(what="license")
            with pytest.raises(AssertionError, match="refused 1 times, expected 2 times"):
                netware.assert_denied(times=2)
            with pytest.raises(AssertionError, match="1 licenses were held at once, at most 0"):
                netware.assert_peak(0)
            (connection,) = netware.connections()
            assert (connection["user"], connection["licensed"]) == ("GUEST", True)
            netware.clear(connection["connection"])
            with pytest.raises(AssertionError, match="an operator cleared the connection"):
                netware.assert_released(within=5)
            netware.assert_released(within=5, by="anybody")
        finally:
            agent.kill()

    def test_growth(netware):
        netware.assert_no_growth(lambda: run([], netware, "tcp"), cycles=3)

    @pytest.mark.netware(may_hold=True)
    def test_no_growth_finds_growth(netware):
        with pytest.raises(AssertionError, match="licenses held after each cycle: 1, 2, 3"):
            netware.assert_no_growth(lambda: run(["--no-logout"], netware, "udp"), cycles=3, within=0.2)

    def test_nothing_was_licensed(netware):
        with pytest.raises(AssertionError, match="nothing was licensed"):
            netware.assert_released(within=0.2)

    @pytest.mark.netware(may_hold=True)
    def test_advance(netware):
        run(["--no-logout"], netware, "udp")
        assert netware.held == 1
        netware.advance(hours=4)
        assert netware.held == 0
        netware.assert_released(by="watchdog")

    def test_workstation(netware):
        cap = 'NWBIND:["SMS_SITE=GS1"]' + chr(92) * 2 + "FAKENW" + chr(92) + "SYS" + chr(92) + "CAP_GS1" + chr(92)
        client = netware.workstation()
        client.play([{{"nal.open": {{"path": cap, "owner": "SMSCliSvcAcct&"}}}}, "nal.close"])
        netware.assert_released(station="udp:")

    @pytest.mark.netware(users=["JOE:SECRET"])
    def test_workstation_of_a_user(netware):
        joe, ann = netware.workstation("JOE:SECRET"), netware.workstation("ANN")
        joe.play([{{"user.logon": "FAKENW"}}, "user.logoff"])
        ann.play([{{"user.logon": {{"server": "FAKENW", "may_fail": True}}}}])
        netware.assert_released(user="JOE")
        with pytest.raises(Exception, match="there is no server 'OTHER'"):
            netware.workstation().play([{{"user.logon": "OTHER"}}])

    def test_several(netware_factory):
        first, second = netware_factory(licenses=1), netware_factory(licenses=2)
        assert first.port != second.port
        run([], first, "tcp")
        first.assert_released(user="GUEST")
        assert (first.limit, second.limit, second.held) == (1, 2, 0)
"""


def test_everything_a_test_can_ask(project: pytest.Pytester) -> None:
    """Each assertion holds where it should, and raises where it should."""
    project.makepyfile(test_it=EVERYTHING.replace("{{", "{").replace("}}", "}"))
    run(project).assert_outcomes(passed=8)


SCENARIO = """\
format: 1
id: mine
title: mine
source: ours
servers: [{name: FAKENW}]
clients:
  - name: workstation
    script: [user.logon: FAKENW, user.open: {file: 'SYS:PUBLIC/NLIST.EXE', server: FAKENW}, user.close, wait: 1h%s]
"""


def test_scenario_files_are_tests(project: pytest.Pytester) -> None:
    """Each variant is one; other YAML files are none; a mistake is told with its line."""
    folder = project.mkdir("scenarios")
    (folder / "good.yaml").write_text(SCENARIO % ", user.logoff, wait: 1h")
    (folder / "bad.yaml").write_text(SCENARIO % "")
    (folder / "wrong.yaml").write_text(SCENARIO.replace("user.close", "user.clsoe") % "")
    (folder / "values.yaml").write_text("servers: [1]\n")
    done = run(project, str(folder), "--continue-on-collection-errors")
    done.assert_outcomes(passed=1, failed=1, errors=1)
    text = done.stdout.str()
    assert "leaked, expected released" in text
    assert "its release was never asked for" in text
    assert "wrong.yaml:8: clients[0].script[2]: 'user.clsoe' is not a step" in text


def test_nothing_happens_unasked(project: pytest.Pytester) -> None:
    """A project that does not use it starts no server, and imports nothing of it but the plugin's own file."""
    project.makepyfile(
        test_it="""
        import sys

        def test_inert():
            assert not {"twisted", "pydantic", "fakenw.journal.record", "harness.testing.netware"} & set(sys.modules)
        """
    )
    run(project, "-p", "no:twisted").assert_outcomes(passed=1)


def test_ini_keys(project: pytest.Pytester) -> None:
    """The project's own defaults, which an option overrides."""
    project.makeini("[pytest]\nfakenw_licenses = 3\nfakenw_release = 4.11\n")
    project.makepyfile(test_it="def test_it(netware):\n    assert netware.limit == 3\n")
    run(project).assert_outcomes(passed=1)
    run(project, "--fakenw-licenses", "4").assert_outcomes(failed=1)

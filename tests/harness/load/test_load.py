"""A company's worth of clients: who comes when, what both sides count, and what it takes to doubt the counts."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fakenw.journal.record import SECOND, Record
from fakenw.server_process import ServerProcess
from harness.cli.main import main
from harness.load import preflight
from harness.load.outcome import Condition, Outcome
from harness.load.profile import PROFILES, BadProfile, at_rate, load, percentile
from harness.load.server_view import ServerView
from harness.load.specification import LoadSpecification
from harness.load.statistics import LoadStatistics
from harness.load.virtual_time import VirtualLoad
from tests.programs import harness, line, serving, started, wait_until

HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
MORNING = LoadSpecification(clients=120, licenses=100, profile=PROFILES["morning"], day=DAY, hold=8 * HOUR)


def played(spec: LoadSpecification) -> tuple[Outcome, list[Record]]:
    """An order on virtual time, and its journal."""
    records: list[Record] = []
    view = ServerView(spec.day * spec.days)

    def saw(record: Record) -> None:
        records.append(record)
        view.saw(record)

    statistics = VirtualLoad(spec, saw).run()
    return Outcome(spec, statistics, view, 1.0, virtual=True), records


# Who comes when


@given(st.sampled_from(sorted(PROFILES)), st.integers(1, 300), st.integers(0, 10**6), st.integers(10, DAY))
def test_everybody_comes_within_the_slots(name: str, clients: int, seed: int, day: int) -> None:
    """Each client once a day, in one of the profile's slots; the same seed is the same morning."""
    spec = LoadSpecification(clients=clients, licenses=1, profile=PROFILES[name], day=day, days=2, seed=seed)
    logons = spec.logons()
    assert logons == spec.without_leak().logons()
    assert [len(each) for each in logons] == [2] * clients
    for each in logons:
        for number, logon in enumerate(each):
            at = (logon.at - number * day) / day
            assert any(begin - 1 / day <= at <= end + 1 / day for begin, end, _ in spec.profile.slots)


def test_most_come_just_before_nine() -> None:
    """The shape of a morning."""
    spec = replace(MORNING, clients=2000)
    hours = [logon.at / HOUR for (logon,) in spec.logons()]
    assert 0.5 < sum(8.5 <= hour < 9 for hour in hours) / 2000 < 0.6
    assert min(hours) >= 7.5
    assert max(hours) <= 9.5


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    """Lines FROM-TO CLIENTS; what is wrong is told with its line."""
    file = tmp_path / "shifts"
    file.write_text("# two shifts\n0-1h 3\n\n12h-13h 1  # the late one\n")
    profile = load(str(file), DAY)
    assert [(begin * 24, end * 24, weight) for begin, end, weight in profile.slots] == [(0, 1, 3), (12, 13, 1)]
    for wrong in ("1h-2h", "2h-1h 3", "1h-25h 3", "1h-2h -3", "1h-2h nan", "one two"):
        file.write_text(f"0-1h 3\n{wrong}\n")
        with pytest.raises(BadProfile, match=re.escape(f"{file}:2: expected FROM-TO CLIENTS")):
            load(str(file), DAY)
    with pytest.raises(BadProfile, match="expected morning, steady, spike, retry-storm or a file"):
        load("mourning", DAY)


def test_a_rate() -> None:
    """So many a second, as long as the day is long enough."""
    assert max(at_rate(10, 100, 60 * SECOND).arrivals(100, 60 * SECOND, MORNING_RANDOM)) <= 10 * SECOND
    with pytest.raises(BadProfile, match="100 clients at 1 a second take 100 s; expected a --duration as long"):
        at_rate(1, 100, 60 * SECOND)


class _First:
    """A generator that always draws the same."""

    def random(self) -> float:
        return 0.999


MORNING_RANDOM: Any = _First()


@given(st.lists(st.integers(0, 100), min_size=1), st.floats(0, 1))
def test_middle(values: list[int], share: float) -> None:
    """No more than *share* of the values are below it."""
    found = percentile(values, share)
    assert found in values
    assert sum(value < found for value in values) <= share * len(values)


# On virtual time


def test_a_full_house() -> None:
    """Who comes when all licenses are out is refused, once, and nobody else; all others give theirs back."""
    outcome, records = played(MORNING)
    assert list(outcome.doubts()) == []
    numbers = outcome.numbers()
    assert (numbers["refused_clients"], numbers["refused_attempts"], numbers["peak"]) == (20, 20, 100)
    assert (numbers["released"], numbers["leaked"]) == (100, 0)
    assert numbers["refused_minutes"] == 20 * 8 * 60
    last = sorted(logon.at for (logon,) in MORNING.logons())[99]
    assert outcome.view is not None
    assert outcome.view.full_at == last
    assert [record.line() for record in played(MORNING)[1]] == [record.line() for record in records]
    assert [record.line() for record in played(replace(MORNING, seed=2))[1]] != [record.line() for record in records]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_leak_comes_from_the_mechanism(transport: str) -> None:
    """Machines with APM as shipped keep NAL's connection, and no others; where APM counts its use nobody does."""
    spec = replace(MORNING, licenses=500, leak=0.1, transport=transport)
    outcome, _ = played(spec)
    assert list(outcome.doubts()) == []
    leaking = [n + 1 for n, (logon,) in enumerate(spec.logons()) if logon.leaks]
    assert len(leaking) == 12
    assert [unit["client"] for unit in outcome.leaked()] == leaking
    assert {unit["user"] for unit in outcome.leaked()} == {"SMSCLIENT"}
    cured, _ = played(spec.without_leak())
    assert (list(cured.doubts()), cured.leaked()) == ([], [])


def test_what_is_left_behind_is_found_again() -> None:
    """A machine keeps one connection however often it leaks; by logon ever more machines do."""
    week = replace(MORNING, licenses=500, leak=0.1, days=5)
    assert len(played(week)[0].leaked()) == 12
    by_logon = replace(week, leak_by="logon")
    touched = sum(any(logon.leaks for logon in each) for each in by_logon.logons())
    assert touched > 30
    assert len(played(by_logon)[0].leaked()) == touched


def test_who_is_refused_may_try_again() -> None:
    """Until there is room; nobody tries when his time would be over."""
    spec = replace(MORNING, hold=HOUR // 2, licenses=60, retry=60 * SECOND)
    outcome, _ = played(spec)
    numbers = outcome.numbers()
    assert list(outcome.doubts()) == []
    assert numbers["refused_attempts"] > numbers["refused_clients"] > 0
    assert 0 < numbers["refused_minutes"] <= numbers["refused_clients"] * 30
    given_up = 120 - int(numbers["granted"])
    assert given_up < numbers["refused_clients"], "nobody got in by trying again"


@pytest.mark.parametrize("release", ["3.12", "4.11", "5.1", "6.5"])
def test_every_policy(release: str) -> None:
    """Slots, licenses, certificates; under 6.5 a unit is a user's, and is kept."""
    users = "USER{n}" if release == "6.5" else "GUEST"
    outcome, _ = played(replace(MORNING, release=release, users=users))
    assert list(outcome.doubts()) == []
    assert outcome.numbers()["refused_clients"] == 20


def test_one_shared_user_holds_one_unit_under_ual() -> None:
    """Which is why there is a template for users."""
    outcome, _ = played(replace(MORNING, release="6.5", users="GUEST"))
    assert (outcome.numbers()["peak"], outcome.numbers()["refused_clients"]) == (1, 0)


# What it takes to doubt


def test_counts_that_differ_are_no_counts() -> None:
    """A client that says more, or less, than the journal does; a connection that only one of both knows."""
    outcome, _ = played(replace(MORNING, leak=0.1, licenses=500))
    station = next(iter(outcome.statistics.held))
    for change, doubt in (
        ({"granted": outcome.statistics.granted + 1}, "the clients count 133 granted, the journal 132"),
        ({"refused": 1}, "the clients count 1 refused, the journal 0"),
        ({"released": 7}, "the clients count 7 released, the journal 120"),
        ({"held": {}}, f"{station}: the journal counts it as licensed, no client does"),
        (
            {"held": {**outcome.statistics.held, "tcp:1.2.3.4:5": 4}},
            "tcp:1.2.3.4:5: client 5 counts it as connected, the journal does not",
        ),
    ):
        statistics = replace(outcome.statistics, **change)
        assert any(doubt in found for found in replace(outcome, statistics=statistics).doubts()), (doubt, change)
    assert list(replace(outcome, view=None).doubts()) == ["the server's journal cannot be read: give --admin"]


@pytest.mark.parametrize(
    ("broken", "doubt"),
    [
        (lambda records: [r for r in records if r.event != "grant" or r["held"] != 7], "the books do not balance"),
        (lambda records: records[:-1], "the journal has no end"),
        (lambda records: [_more(r) for r in records], "61 units held, the limit is 60"),
    ],
)
def test_a_broken_server_is_caught(broken: Any, doubt: str) -> None:
    """A grant that is not written, an end that is missing, more licenses out than there are."""
    outcome, records = played(MORNING)
    view = ServerView(DAY)
    for record in broken(records):
        view.saw(record)
    assert any(doubt in found for found in replace(outcome, view=view).doubts())


def _more(record: Record) -> Record:
    return Record(
        record.t, record.role, record.event, {**record.fields, "limit": 60} if "limit" in record.fields else {}
    )


def test_conditions() -> None:
    """Names, comparisons, times with units; what cannot be one says what could."""
    outcome = Outcome(MORNING, LoadStatistics(latencies=[1000] * 99 + [70_000]), None, 1.0, virtual=False)
    assert Condition("p99>50ms").holds(outcome)
    assert Condition("p50 <= 1ms").holds(outcome)
    assert not Condition("leaked>0").holds(outcome)
    for text, said in (
        ("leeked>0", "expected a comparison such as leaked>0 or p99>50ms, of leaked, refused_clients"),
        ("leaked=0", "expected a comparison"),
        ("leaked>many", "expected a number"),
        ("p99>fast", "expected a time such as 50ms"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            Condition(text)


# Whether there is room


def test_too_few_descriptors_ports_or_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told with the command that mends it."""

    def refuse(*arguments: object) -> None:
        raise ValueError

    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(preflight, "_ports", lambda: 10_000)
    monkeypatch.setattr(preflight, "_memory", lambda: 100 << 20)
    spec = replace(MORNING, clients=20_000)
    files, ports, memory = preflight.shortages(spec, 1, True, [])
    assert files.startswith("20200 file descriptors are needed in one process and 4096 allowed: ulimit -Hn 20200")
    assert "20000 ports are needed and about 9000 free: --source" in ports
    assert memory.startswith("about 801 MiB of memory are needed and 100 MiB free")
    assert preflight.sources(spec, None, []) == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert preflight.sources(spec, "10.0.0.1", []) == []
    assert preflight.sources(spec, None, ["127.0.0.9"]) == ["127.0.0.9"]


# Over real sockets


@pytest.mark.process
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_load_over_real_sockets(tmp_path: Path, transport: str) -> None:
    """Exactly so many are refused, all leaking machines are found, both sides agree, and the journal is audited."""
    words = ("--clients", 90, "--licenses", 60, "--duration", "4s", "--transport", transport, "--processes", 2)
    done = harness("load", *words, "--fail-if", "refused_clients!=30", "--json", "-", "--report", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    assert (result["refused_clients"], result["refused_attempts"], result["peak"], result["released"]) == (
        30,
        30,
        60,
        60,
    )
    assert result["doubts"] == []
    assert "<svg" in (tmp_path / "report" / "report.html").read_text()
    assert (tmp_path / "report" / "journal.jsonl").stat().st_size
    done = harness("load", *words[:2], "--licenses", 200, *words[4:], "--leak", "10%", "--fail-if", "leaked>0")
    assert done.returncode == 1, done.stdout
    assert "leaked       9\n" in done.stdout
    assert done.stderr.endswith("harness: leaked>0\n")


@pytest.mark.process
def test_a_process_of_clients_that_dies(tmp_path: Path) -> None:
    """The load ends and says so; the other process is not waited for."""
    command = line("harness", "load", "--clients", 40, "--licenses", 40, "--duration", "60s", "--processes", 2)
    with started([*command, "--report", str(tmp_path)]) as load:
        journal = tmp_path / "journal.jsonl"
        wait_until(lambda: journal.exists() and journal.read_text().count('"grant"') > 1, "some logons")
        children = Path(f"/proc/{load.pid}/task/{load.pid}/children").read_text().split()
        workers = [pid for pid in children if b"harness.load.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(workers) == 2
        os.kill(int(workers[0]), signal.SIGKILL)
        _, error = load.communicate(timeout=60)
    assert load.returncode not in (0, None)
    assert "a process of clients ended by itself (exit code -9)" in error


@pytest.mark.process
def test_ctrl_c_lets_everybody_log_out(tmp_path: Path) -> None:
    """The report says what was done; the journal, that every license was given back."""
    command = line("harness", "load", "--clients", 40, "--licenses", 40, "--rate", 10, "--duration", "60s")
    with started([*command, "--report", str(tmp_path)]) as load:
        journal = tmp_path / "journal.jsonl"
        wait_until(lambda: journal.exists() and journal.read_text().count('"grant"') > 5, "some logons")
        load.send_signal(signal.SIGINT)
        out, error = load.communicate(timeout=60)
    assert load.returncode == 3, error
    assert "stopped before the end; this is what was done" in out
    assert "agreement    the clients' counts" in out
    events = journal.read_text()
    assert events.count('"grant"') == events.count('"event": "release"') > 5
    assert '"cause": "lost"' not in events
    assert '"holders": []' in events


@pytest.mark.process
def test_a_server_that_is_there_already(tmp_path: Path) -> None:
    """With its administration its journal is read; without, nothing is known."""
    words = ("load", "--clients", 30, "--licenses", 20, "--duration", "3s", "--leak", "10%")
    users = ("--user", "SMSCLIENT", "--licenses", 20, "--admin", "127.0.0.1:0")
    listen = ("--listen", "tcp:127.0.0.1:0")
    with ServerProcess(*listen, *users) as server:
        host, port = server.addresses["tcp"]
        done = harness(*words, "--server", f"{host}:{port}", "--admin", server.admin, "--json", "-")
        assert done.returncode == 0, done.stderr
        (result,) = json.loads(done.stdout)
        assert result["granted"] == 20
        assert (result["leaked"], result["doubts"]) == (result["granted"] - result["released"], [])
    with serving(tmp_path / "journal.jsonl", "--licenses", 50) as there:
        done = harness(*words, "--server", there["tcp"])
        assert done.returncode == 3
        assert "the server's journal cannot be read: give --admin" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sweep", "licenses=1..2:1"), "--sweep needs --on memory"),
        (("--sweep", "licenses=2..1:1", "--on", "memory"), "expected licenses=FROM..TO:STEP"),
        (("--on", "memory", "--server", "h:1"), "--server and --source need --on sockets"),
        (("--admin", "http://x"), "--admin needs --server"),
        (("--leak", "200%"), "is not a share; expected 1% or 0.01"),
        (("--behavior", "sleeper"), "expected NAME or NAME:WEIGHT of session (logs in"),
        (("--refused", "cry"), "expected give-up, or retry and how often"),
        (("--refused", "retry"), "is not a duration"),
        (("--fail-if", "x>1"), "expected a comparison"),
        (("--profile", "no-such-file"), "expected morning, steady, spike, retry-storm or a file"),
        (("--server", "nowhere"), "is not HOST:PORT"),
    ],
)
def test_bad_usage(words: tuple[str, ...], said: str) -> None:
    """Exit code 2, and what was expected."""
    done = CliRunner().invoke(main, ["load", *words])
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())


@pytest.mark.process
def test_the_question_behind_it(tmp_path: Path) -> None:
    """How many licenses would have been enough, with the leak and without."""
    words = ["--clients", "60", "--licenses", "50", "--leak", "10%", "--on", "memory", "--baseline"]
    done = CliRunner().invoke(main, ["load", *words, "--sweep", "licenses=50..70:10", "--report", str(tmp_path)])
    assert done.exit_code == 0, done.output
    rows = [text.split() for text in done.output.splitlines()]
    assert ["50", "16", "6"] not in rows
    (needed,) = [row[-2:] for row in rows if row[:3] == ["licenses", "enough", "for"]]
    assert needed == ["66", "60"]
    refused = {row[0]: row[-1] for row in rows if row and row[0] in ("50", "60", "70")}
    assert refused == {"50": "10", "60": "0", "70": "0"}
    assert (tmp_path / "sweep.svg").read_text().startswith("<svg")
    assert len(json.loads((tmp_path / "results.json").read_text())) == 6


def test_no_process_is_left() -> None:
    """Whatever a load starts is its child, and ends with it. Other tests may have loads under way."""
    left = [
        process.info
        for process in psutil.process_iter(["pid", "ppid", "cmdline"])
        if "harness.load.worker" in " ".join(process.info["cmdline"] or ())
        and process.info["ppid"] in (1, os.getppid(), os.getpid())
    ]
    assert left == []

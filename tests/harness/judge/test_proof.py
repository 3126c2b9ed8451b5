"""Green needs proof: every client was licensed by the servers that its steps name, and no step failed unexpectedly."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.journal.record import JournalError
from harness.judge.history import RunHistory
from harness.judge.verdict import Verdict, judge
from harness.report.text import Result, exit_code
from harness.runners import memory
from harness.scenario.scenario import Scenario
from tests.harness.handmade_journals import ClientBook, RunnerBook, ServerBook, held_once, put_together, scripted

USERS = ["JOE:SECRET", "ANN:SECRET"]
LOGON: list[Any] = [{"user.logon": "FAKENW"}, {"wait": "1m"}, "user.logoff", {"wait": "1h"}]


def judged(*clients: dict[str, Any], **more: Any) -> Verdict:
    """The verdict on these clients; those without a script log on to FAKENW, and off again."""
    data = {
        **{"format": 1, "id": "test", "title": "test", "source": "here"},
        **{"servers": [{"name": "FAKENW", "users": USERS}]},
        **{"clients": [{"user": "JOE:SECRET", "script": LOGON, **client} for client in clients], **more},
    }
    (plan,) = Scenario.read(data, "the test").plans()
    run = RunHistory.of(memory.run(plan))
    verdict = judge(run)
    verdict.notes.append(f"exit {exit_code([Result(run, verdict)])}")
    return verdict


def logon(server: str, **more: Any) -> dict[str, Any]:
    return {"user.logon": {"server": server, **more}}


def outcome(verdict: Verdict) -> tuple[str, bool, list[str], str]:
    """The verdict, whether it is as expected, the unproven clients, and the exit code."""
    return verdict.verdict, verdict.ok, [one.client for one in verdict.proof.unproven], verdict.notes[-1]


GREEN: tuple[str, bool, list[str], str] = ("released", True, [], "exit 0")


def test_clients_that_were_licensed_are_the_proof() -> None:
    assert outcome(judged({"name": "a"}, {"name": "b", "user": "ANN:SECRET"})) == GREEN


def test_a_client_that_was_refused_spoils_the_proof_of_another() -> None:
    """One of two is licensed and releases, the other has a wrong password: a released license, and no green."""
    verdict = judged({"name": "a"}, {"name": "b", "user": "ANN:WRONG"})
    assert outcome(verdict) == ("unknown", False, ["b"], "exit 3")
    assert verdict.reason == "1 of 2 clients was never licensed: b was refused, wrong password (0xFF)"
    (entry,) = verdict.as_json()["unproven"]
    assert entry == {"client": "b", "servers": ["FAKENW"], "reason": "was refused, wrong password (0xFF)"}


@pytest.mark.parametrize("release", ["3.12", "4.11", "5.1", "6.5"])
def test_a_wrong_password_is_no_proof_on_any_release(release: str) -> None:
    """On 3.12 the attachment alone costs a license, which is returned; on 6.5 the license is the user's."""
    servers = [{"name": "FAKENW", "release": release, "users": USERS}]
    assert outcome(judged({"name": "a", "user": "JOE:WRONG"}, servers=servers)) == ("unknown", False, ["a"], "exit 3")
    assert outcome(judged({"name": "a"}, servers=servers)) == GREEN


@pytest.mark.parametrize("clients", [2, 4])
def test_the_sentence_counts(clients: int) -> None:
    more = [{"name": f"c{n}"} for n in range(clients - 2)]
    wrong = [{"name": "x", "user": "JOE:WRONG"}, {"name": "y", "user": "ANN:WRONG"}]
    told = f"2 of {clients} clients were never licensed: x was refused, wrong password (0xFF)"
    assert judged(*more, *wrong).reason == told


def test_a_leak_with_an_unproven_client_is_a_leak_without_proof() -> None:
    """The verdict says the worst that is known; as expected it is not, and the exit code is 3."""
    stays: dict[str, Any] = {"name": "stays", "redirector": {"logoff": "keep"}}
    assert outcome(judged(stays, expect="leaked")) == ("leaked", True, [], "exit 0")
    wrong = {"name": "wrong", "user": "ANN:WRONG"}
    verdict = judged(stays, wrong, expect="leaked")
    assert outcome(verdict) == ("leaked", False, ["wrong"], "exit 3")
    assert verdict.reason.startswith("1 of 2 clients was never licensed: wrong was refused")
    assert outcome(judged(stays, wrong)) == ("leaked", False, ["wrong"], "exit 1")  # a leak outweighs it


def test_each_server_that_a_step_names_must_license() -> None:
    servers: list[dict[str, Any]] = [{"name": "FS1", "users": USERS}, {"name": "FS2", "users": ["JOE:OTHER"]}]
    script = [logon("FS1"), {"user.map": {"drive": "G:", "server": "FS2"}}, *LOGON[1:]]
    verdict = judged({"name": "a", "script": script}, servers=servers)
    assert verdict.reason == "1 of 1 clients was never licensed: a was refused by FS2, wrong password (0xFF)"
    servers[1]["users"] = USERS
    assert outcome(judged({"name": "a", "script": script}, servers=servers)) == GREEN


def test_of_a_list_of_servers_one_suffices() -> None:
    paths = [rf"NWBIND:\\{server}\SYS\CAP_GS1" for server in ("FS1", "FS2")]
    script = [{"nal.open": {"path": "ABEXPRT:\\\\CAPs", "owner": "X"}}, {"wait": "1m"}, "nal.close", {"wait": "1h"}]
    client = {"name": "a", "script": script, "nal": {"lists": {"CAPs": paths}}}
    servers: list[dict[str, Any]] = [{"name": name, "users": USERS} for name in ("FS1", "FS2")]
    assert outcome(judged(client, servers=servers)) == GREEN
    full = [{**server, "licenses": 0, "policy": "login"} for server in servers]
    verdict = judged(client, servers=full)
    assert [one.servers for one in verdict.proof.unproven] == [("FS1", "FS2")]
    assert verdict.verdict == "unknown"


@pytest.mark.parametrize("path", ["ABEXPRT:\\\\none", r"MSWNET:\\FAKENW\SYS", r"NWNDS:\\TREE\.CN=VOL1.O=Y"])
def test_a_path_that_does_not_tell_its_server_asks_for_any(path: str) -> None:
    """Work in the background never raises, so that no step fails; without a license there is no proof."""
    background = {"name": "b", "script": [{"odp.start": {"cap": path}}, {"wait": "1h"}]}
    verdict = judged({"name": "a"}, background)
    assert outcome(verdict) == ("unknown", False, ["b"], "exit 3")
    local = {"name": "b", "script": [{"odp.start": {"cap": "LOCAL:C:\\CAP"}}, {"wait": "1h"}]}
    assert outcome(judged({"name": "a"}, local)) == GREEN


def test_a_query_needs_no_license() -> None:
    """It does not log in; its server must exist all the same."""
    servers: list[dict[str, Any]] = [{"name": name, "users": USERS} for name in ("FAKENW", "FS2")]
    assert outcome(judged({"name": "a", "script": [{"service.query": "FS2"}, *LOGON]}, servers=servers)) == GREEN


def test_a_client_that_names_no_server_needs_no_proof_but_a_run_does() -> None:
    idle: dict[str, Any] = {"name": "idle", "script": [{"wait": "1m"}]}
    assert outcome(judged(idle, {"name": "a"})) == GREEN
    verdict = judged(idle)
    assert (verdict.verdict, verdict.reason) == ("unknown", "nothing was ever licensed")


def test_a_client_that_is_never_licensed_by_intent() -> None:
    never = {"name": "b", "user": "ANN:WRONG", "licensed": "never", "script": [logon("FAKENW", may_fail=True)]}
    assert outcome(judged({"name": "a"}, never)) == GREEN
    verdict = judged({"name": "a"}, {**never, "user": "ANN:SECRET", "script": LOGON})
    assert (verdict.ok, verdict.notes[-1]) == (False, "exit 1")
    assert verdict.failed == ["licensed: b was licensed by FAKENW, but is declared never to be"]


@pytest.mark.parametrize("licensed", ["never", {"b": "never"}])
def test_a_variant_can_say_so(licensed: object) -> None:
    """Of every client, or of one. What a client does not need to prove, it may not prove either."""
    wrong = {"name": "b", "user": "ANN:WRONG", "script": [logon("FAKENW", may_fail=True)]}
    clients = [wrong] if licensed == "never" else [{"name": "a"}, wrong]
    verdict = judged(*clients, variants={"x": {"licensed": licensed}})
    assert verdict.proof.unproven == ()
    assert verdict.verdict == ("unknown" if licensed == "never" else "released")


def test_a_step_that_fails_is_no_green() -> None:
    """The client was licensed and released, but a file that it wanted was not there."""
    script: list[Any] = [LOGON[0], {"user.open": {"file": "SYS:NONE/NONE.TXT", "server": "FAKENW"}}, *LOGON[1:]]
    verdict = judged({"name": "a", "script": script}, strangers=["SYS:NONE/NONE.TXT"])
    assert outcome(verdict) == ("unknown", False, [], "exit 3")
    assert verdict.reason.startswith("a step of a failed at 0:00:00: user.open: completion code 0x")
    script[1]["user.open"]["may_fail"] = True
    assert outcome(judged({"name": "a", "script": script})) == GREEN


def test_a_step_that_succeeds_after_its_own_retries_has_not_failed() -> None:
    servers = [{"name": "FAKENW", "users": USERS, "policy": "login", "licenses": 1}]
    comes: list[Any] = [
        {"wait": "30s"},
        {"service.start": {"server": "FAKENW", "retry": "1m"}},
        "service.stop",
        {"wait": "1h"},
    ]
    assert outcome(judged({"name": "a"}, {"name": "b", "script": comes}, servers=servers)) == GREEN
    comes[1]["service.start"].pop("retry")
    assert outcome(judged({"name": "a"}, {"name": "b", "script": comes}, servers=servers))[0] == "unknown"


@pytest.mark.parametrize(
    "check", [{"refusals": {"most": 2}}, {"attempts": {"most": 9}}, {"servers_licensed": {"count": 1}}]
)
def test_a_check_about_refusals_excuses_a_refused_step(check: dict[str, Any]) -> None:
    """One that was refused a license, not one with a wrong password; nor a client that never had a license."""
    servers = [{"name": "FAKENW", "users": USERS, "policy": "login", "licenses": 1}]
    again = [{"wait": "30s"}, *LOGON, *LOGON]  # the first is refused, for the other client has the license
    assert outcome(judged({"name": "a"}, {"name": "b", "script": again}, servers=servers))[0] == "unknown"
    assert outcome(judged({"name": "a"}, {"name": "b", "script": again}, servers=servers, checks=[check])) == GREEN
    once = {"name": "b", "script": again[:2]}
    assert outcome(judged({"name": "a"}, once, servers=servers, checks=[check]))[2] == ["b"]
    wrong = {"name": "b", "user": "ANN:WRONG"}
    assert outcome(judged({"name": "a"}, wrong, checks=[check]))[2] == ["b"]


@pytest.mark.parametrize(
    ("check", "what", "expected"),
    [
        ("refusals", {"reason": "refused", "code": 0xFF}, "unknown"),
        ("attempts", {"reason": "unreachable", "code": None}, "unknown"),
        ("servers_licensed", {"reason": "unreachable", "code": None}, "released"),
        ("attempts", {"reason": "refused", "code": 0xE0, "what": "license"}, "released"),
    ],
)
def test_a_check_excuses_the_failures_that_it_is_about(check: str, what: dict[str, Any], expected: str) -> None:
    """A file that is not there is no refusal for want of room, nor is a server that cannot be reached."""
    client = scripted(needed=5)
    client.write(6, "step-failed", verb="user.open", text="failed", **what)
    argument = "count" if check == "servers_licensed" else "most"
    runner = RunnerBook(proof={"workstation": [["FAKENW"]]}, checks=[{check: {argument: 1}}])
    assert judge(put_together(held_once(until=10), client, runner)).verdict == expected


@pytest.mark.parametrize(("other", "expected"), [([], "unknown"), ("never", "released")])
def test_one_client_that_is_never_licensed_does_not_excuse_another(other: Any, expected: str) -> None:
    """One client must be proven, unless all are declared never to be licensed; this one attached and did not log in."""
    book = ServerBook("attach")
    book.create(1, 1)
    book.close(2, 1)
    book.stop(1000)
    runner = RunnerBook(proof={"a": "never", "b": other})
    runner.write(3, "spawn", client="a", command=["./client"])
    runner.write(4, "exit", client="a", code=0)
    assert judge(put_together(book, runner)).verdict == expected


def test_a_refused_release_is_no_failed_step() -> None:
    """In Q257223 the release is refused, and yet the step nal.close has not failed."""
    work: list[Any] = [{"nal.open": {"path": r"NWBIND:\\FAKENW\SYS\CAP_GS1", "owner": "X"}}]
    work += [{"apm.open": {"file": "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"}}, "nal.close", {"wait": "1m"}, "apm.close"]
    verdict = judged({"name": "a", "script": [*work, {"wait": "4h"}]}, expect="leaked")
    assert (verdict.verdict, verdict.ok, verdict.proof.failed_steps) == ("leaked", True, ())


# Journals made by hand


def test_a_journal_alone_needs_one_proven_connection_or_as_many_as_the_user_says() -> None:
    run = put_together(held_once(until=20), scripted(needed=19))
    assert judge(run).verdict == "released"
    verdict = judge(run, connections=2)
    assert (verdict.verdict, verdict.reason) == ("unknown", "1 connection was licensed and logged in, expected 2")


def test_an_attachment_proves_nothing() -> None:
    """Under *attach* it costs a unit, which is returned; nothing was done with it."""
    server = ServerBook("attach")
    server.create(1, 1)
    server.close(2, 1)
    server.stop(1000)
    client = ClientBook()
    client.attach(1)
    client.write(3, "done")
    verdict = judge(put_together(server, client))
    assert (verdict.verdict, verdict.reason) == ("unknown", "0 connections were licensed and logged in, expected 1")


@pytest.mark.parametrize(("programs", "proven"), [(1, True), (2, False)])
def test_programs_of_the_users_own_are_counted(programs: int, proven: bool) -> None:
    """Two programs and one connection: one of them was never there."""
    runner = RunnerBook(proof={f"p{n}": None for n in range(programs)}, expect="released")
    for n in range(programs):
        runner.write(30, "exit", client=f"p{n}", code=0)
    verdict = judge(put_together(held_once(until=20), runner))
    assert (verdict.verdict, verdict.ok) == (("released", True) if proven else ("unknown", False))
    assert verdict.reason.startswith("every" if proven else "1 of 2 clients was never licensed: one of p0, p1 took no")


@pytest.mark.parametrize(("until", "ok"), [(20, False), (None, True)])
def test_a_program_that_is_never_licensed(until: float | None, ok: bool) -> None:
    """It was, or it was not."""
    runner = RunnerBook(proof={"p": "never"}, expect="released" if until else "unknown")
    runner.write(1, "spawn", client="p", command=["./p"])
    runner.write(30, "exit", client="p", code=0)
    server = held_once(until=until) if until else ServerBook()
    verdict = judge(put_together(server, runner))
    assert verdict.ok is ok, verdict
    assert verdict.failed == ([] if ok else ["licensed: p was licensed by FAKENW, but is declared never to be"])


def test_in_containers_a_program_is_told_by_its_address() -> None:
    """Two connections of one address do not stand for two containers."""
    server = ServerBook()
    for serial in (1, 2):
        server.create(10 * serial, serial, serial, f"udp:172.18.0.3:{1024 + serial}")
        server.login(10 * serial + 1, serial)
        server.leave(10 * serial + 2, serial)
    server.stop(1000)
    for on, verdict in (("processes", "released"), ("containers", "unknown")):
        runner = RunnerBook(proof={"a": None, "b": None}, on=on)
        runner.write(30, "exit", client="a", code=0)
        runner.write(30, "exit", client="b", code=0)
        assert judge(put_together(server, runner)).verdict == verdict


@pytest.mark.parametrize("proof", [[], 7, "never", {"a": 1}, {"a": ["FAKENW"]}, {"a": [[1]]}, {"a": [[]]}])
def test_a_proof_of_another_form_is_an_error(proof: object) -> None:
    with pytest.raises(JournalError, match=r"runner\.jsonl:1: proof: expected for each client lists of servers, null"):
        put_together(held_once(until=20), RunnerBook(proof=proof))

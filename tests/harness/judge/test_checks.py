"""The checks beyond the verdict: each is proved on a journal that violates it, and on one that does not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge.checks import CHECKS, FUNCTIONS
from harness.judge.verdict import Verdict, judge
from harness.scenario.steps import CHECKS as WORDS
from tests.harness.handmade_journals import Book, ClientBook, RunnerBook, ServerBook, put_together, q257223

FIRST, SECOND = "udp:10.0.0.2:1025", "udp:10.0.0.2:1026"


def judged(check: Any, *books: Book) -> Verdict:
    """The verdict under one check."""
    return judge(put_together(*books, RunnerBook(checks=[check])))


def says(check: Any, *books: Book) -> list[str]:
    """What the check found wrong."""
    return judged(check, *books).failed


def good(server: ServerBook | None = None) -> tuple[ServerBook, ClientBook]:
    """A client that takes one license, opens and closes a file, and gives all of it back."""
    server = server or ServerBook()
    server.create(1, 1)
    server.login(2, 1)
    server.open(3, 1)
    server.shut(4, 1)
    server.leave(10, 1)
    client = ClientBook()
    client.attach(2, 1, FIRST)
    client.arbiter(2, "opened", 1)
    client.say(2, "nal-open", path="P")
    client.say(9, "nal-close", path="P")
    client.arbiter(9, "dropped", 0)
    client.arbiter(10, "deleted", 0)
    return server, client


def finish(server: ServerBook, client: ClientBook, t: float = 1000) -> tuple[ServerBook, ClientBook]:
    server.stop(t)
    client.write(t, "done")
    return server, client


ARGUMENTS: dict[str, dict[str, Any]] = {
    "bounded": {"units": 0},
    "servers_licensed": {"count": 1},
    "refusals": {"most": 0},
    "attempts": {"most": 1},
    "open_files": {"most": 1},
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_good_client_violates_nothing(name: str) -> None:
    """Every check holds of a client that does everything right."""
    verdict = judged({name: ARGUMENTS.get(name, {})}, *finish(*good()))
    assert (verdict.failed, verdict.ok) == ([], True)


def test_the_words_and_the_checks_are_the_same() -> None:
    """What a scenario can say is what the judge knows, with the same arguments."""
    assert [word.verb for word in WORDS] == list(CHECKS)
    for word in WORDS:
        assert list(word.model_fields) == list(CHECKS[word.verb]), word.verb


def test_bounded() -> None:
    """A license that is held at the end is one too many."""
    server, client, _ = q257223()
    assert says({"bounded": {"units": 0}}, server, client) == [
        "bounded: workstation holds 1 licenses at the end, at most 0 were allowed"
    ]


def test_one_license_per_client() -> None:
    """Two connections of one workstation are licensed at once."""
    server, client = ServerBook(), ClientBook()
    for serial, station in ((1, FIRST), (2, SECOND)):
        server.create(serial, serial, serial, station)
        server.login(serial + 1, serial)
        client.attach(serial + 1, serial, station)
    server.leave(10, 1)
    server.leave(11, 2)
    assert says("one_license_per_client", *finish(server, client)) == [
        "one_license_per_client: workstation held 2 licenses of FAKENW at 0:00:03"
    ]


def test_one_license_after_the_other_is_one_at_a_time() -> None:
    """What is given back at a moment is free at that moment."""
    server, client = good()
    server.create(10, 2, connection=2, station=SECOND)
    server.login(10, 2)
    client.attach(10, 2, SECOND)
    server.leave(20, 2)
    assert says("one_license_per_client", *finish(server, client)) == []


def test_servers_licensed() -> None:
    """One server where two were expected, and the names are told."""
    assert says({"servers_licensed": {"count": 2}}, *finish(*good())) == [
        "servers_licensed: workstation was licensed by 1 servers (FAKENW), expected 2"
    ]


@pytest.mark.parametrize(("t", "wrong"), [(200, False), (302, True), (900, True)])
def test_nobody_refused(t: float, wrong: bool) -> None:
    """A refusal is wrong when a license was out that should have been given back by then."""
    server, client = ServerBook(limit=1), ClientBook()
    server.create(1, 1)
    server.login(1, 1)
    client.attach(1, 1, FIRST)
    client.say(1, "nal-open", path="P")
    client.say(2, "nal-close", path="P")
    server.create(t, 2, connection=2, station="udp:10.0.0.3:1025")
    server.line(t, "deny", 2, what="license", code=0xE0)
    server.close(t, 2)
    told = says("nobody_refused", *finish(server, client))
    assert told == (
        [
            f"nobody_refused: udp:10.0.0.3:1025 was refused a license at 0:{t // 60:02.0f}:{t % 60:02.0f}, while "
            "connection 1 (serial 1) held a license of FAKENW that had not been needed since 0:00:02"
        ]
        if wrong
        else []
    )


def test_a_refusal_while_everybody_works_is_right() -> None:
    """Whoever has the license still needs it."""
    server, client = ServerBook(limit=1), ClientBook()
    server.create(1, 1)
    server.login(1, 1)
    client.attach(1, 1, FIRST)
    client.say(1, "nal-open", path="P")
    server.line(900, "deny", station="udp:10.0.0.3:1025", what="slot", code=0xF9)
    client.say(950, "nal-close", path="P")
    server.leave(951, 1)
    assert says("nobody_refused", *finish(server, client)) == []


def test_refusals() -> None:
    """They are counted, whatever was wanting."""
    server, client = good()
    server.line(20, "deny", station="udp:10.0.0.3:1025", what="slot", code=0xF9)
    assert says({"refusals": {"most": 0}}, *finish(server, client)) == [
        "refusals: 1 refusals, at most 0 were allowed; the first by FAKENW at 0:00:20 for want of a slot"
    ]


def test_attempts() -> None:
    """Connections and refused creates count, within any stretch of that time, wherever it begins."""
    server, client = good()
    for serial in (2, 3):
        server.create(69 + serial, serial, station=SECOND)
        server.close(69 + serial, serial)
    server.line(100, "deny", station="udp:10.0.0.3:1025", what="slot", code=0xF9)
    assert says({"attempts": {"most": 2, "per": 60}}, *finish(server, client)) == [
        "attempts: FAKENW was attached to 3 times in 0:01:00 from 0:01:11, at most 2 were allowed"
    ]
    assert says({"attempts": {"most": 3}}, server, client) == []


def test_opens_balance_misses_a_connection() -> None:
    """Without a license it is left as well."""
    server, client = good()
    server.create(20, 2, connection=2, station=SECOND)
    client.attach(20, 2, SECOND)
    client.say(20, "user-open")
    client.say(21, "user-close")
    assert says("opens_balance", *finish(server, client)) == [
        "opens_balance: connection 2 (serial 2) of workstation is left, not needed since 0:00:21"
    ]


def test_opens_balance_misses_a_file() -> None:
    """A connection that is still needed has a file open which its client has forgotten, when its script is done."""
    server, client = ServerBook(), ClientBook()
    server.create(1, 1)
    server.login(1, 1)
    server.open(2, 1)
    client.attach(1, 1, FIRST)
    client.say(1, "nal-open", path="P")
    client.write(100, "done")
    server.stop(200)
    (told,) = says("opens_balance", server, client)
    assert told.startswith("opens_balance: connection 1 (serial 1) of workstation: 1 files opened, 0 closed; SYS:CAP")


def test_open_files() -> None:
    """Two at once, though each was closed."""
    server, client = good()
    server.create(20, 2, connection=2, station=SECOND)
    server.login(20, 2)
    client.attach(20, 2, SECOND)
    server.open(21, 2, handle="01")
    server.open(22, 2, handle="02")
    server.shut(23, 2, handle="01")
    server.shut(23, 2, handle="02")
    server.leave(24, 2)
    assert says({"open_files": {"most": 1}}, *finish(server, client)) == [
        "open_files: connection 2 (serial 2) of workstation had 2 files open at 0:00:22, at most 1 were allowed"
    ]


def test_registry_agrees() -> None:
    """Q257223: the connection is there, and nobody counts on it; whether the key is still there is told."""
    server, client, _ = q257223()
    assert says("registry_agrees", server, client) == [
        "registry_agrees: connection 1 (serial 1) of workstation exists, and the registry has a count of zero for it"
    ]
    client.arbiter(1, "deleted", 0)
    client.lines.sort(key=lambda record: record.t)
    (told,) = says("registry_agrees", server, client)
    assert told.endswith("exists, and the registry has no entry for it")


def test_registry_counts_users_of_nothing() -> None:
    """The other way round: the server has cleared the connection, and an entry goes on counting."""
    server, client = ServerBook(), ClientBook()
    server.create(1, 1)
    server.login(1, 1)
    client.attach(1, 1, FIRST)
    client.arbiter(1, "opened", 1)
    client.say(1, "nal-open", path="P")
    server.close(50, 1, "cleared")
    (told,) = says("registry_agrees", *finish(server, client))
    assert told.endswith("\\Resource1 counts users of connection 1 (serial 1) of workstation, which has ended")


def test_a_check_that_is_expected_to_fail() -> None:
    """It must fail: a run in which it holds is not as expected, nor is one in which another fails."""
    server, client, _ = q257223()

    def ok(fails: list[str], checks: list[Any]) -> bool:
        return judge(put_together(server, client, RunnerBook(expect="leaked", checks=checks, fails=fails))).ok

    assert ok(["registry_agrees"], ["registry_agrees"])
    assert not ok([], ["registry_agrees"])
    assert not ok(["refusals"], ["registry_agrees", {"refusals": {"most": 0}}])
    assert not ok(["registry_agrees", "refusals"], ["registry_agrees", {"refusals": {"most": 0}}])

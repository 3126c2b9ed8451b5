"""The verdict is unknown where the journals cannot tell."""

from __future__ import annotations

import pytest

from harness.judge.verdict import judge
from tests.harness.handmade_journals import (
    RunnerBook,
    ServerBook,
    held_once,
    put_together,
    scripted,
)


def test_unbalanced_books_are_unknown() -> None:
    """With the file, the line and the check; listed as a check or not."""
    book = held_once(until=10)
    book.drop("release")
    verdict = judge(put_together(book, RunnerBook(checks=["books_balance"])))
    assert (verdict.verdict, verdict.ok) == ("unknown", False)
    assert verdict.reason.startswith("the books do not balance: server-FAKENW.jsonl:6: books_balance: ")
    assert judge(put_together(book)).problems == verdict.problems


def test_over_the_limit_is_a_check_of_its_own() -> None:
    """A server that grants more than it has."""
    book = ServerBook(limit=1)
    for serial in (1, 2):
        book.create(1, serial, connection=serial)
        book.login(1, serial)
    verdict = judge(put_together(book, RunnerBook(checks=["never_over_limit"])))
    assert verdict.verdict == "unknown"
    assert {problem.check for problem in verdict.problems} == {"never_over_limit"}
    assert "2 units held, the limit is 1" in verdict.reason


def test_nothing_licensed_is_unknown() -> None:
    """Nothing can be said of licenses that nobody took; what was refused is named."""
    book = ServerBook("service", limit=0)
    book.create(1, 1)
    assert judge(put_together(book)).reason == "nothing was ever licensed"
    book.line(2, "deny", 1, what="license", code=0xF8)
    verdict = judge(put_together(book))
    assert (verdict.verdict, verdict.denied) == ("unknown", 1)
    assert verdict.reason == "nothing was ever licensed; 1 times the server had no free license"


def test_a_run_that_failed_is_unknown() -> None:
    """Even where all was given back; but a leak that was seen was seen."""
    runner = RunnerBook()
    runner.write(5, "failed", reason="no such \x1bprogram")
    verdict = judge(put_together(held_once(until=10), runner))
    assert (verdict.verdict, verdict.reason) == (
        "unknown",
        "the run could not be carried out: no such \\x1bprogram",
    )
    assert judge(put_together(runner)).verdict == "unknown"
    assert judge(put_together(held_once(until=None), scripted(needed=9), runner)).verdict == ("leaked")


def test_the_first_failure_of_a_run_is_its_reason() -> None:
    runner = RunnerBook()
    for t, reason in ((5, "no such program"), (6, "given up after 15 s")):
        runner.write(t, "failed", reason=reason)
    judged = judge(put_together(held_once(until=10), runner))
    assert judged.reason == "the run could not be carried out: no such program"


def test_without_a_server_nothing_is_known() -> None:
    """A client's word alone is no evidence."""
    verdict = judge(put_together(scripted(needed=5)))
    assert (verdict.verdict, verdict.reason) == ("unknown", "there is no server's journal")
    assert verdict.seconds == 0


def test_a_missing_stop_matters_where_others_went_on() -> None:
    """What was given back is given back; but of what came later the journal says nothing."""
    book, client = held_once(until=10), scripted(needed=5)
    book.drop("stop")
    judged = judge(put_together(book, client))
    told = "the journal of FAKENW has no end: it stops at 0:00:10, and the run went on until 0:15:50"
    assert (judged.verdict, judged.reason) == ("unknown", told)
    client.drop("done")
    assert judge(put_together(book, client)).verdict == "released"


def test_a_connection_that_only_its_client_knows() -> None:
    """Its lines were taken from the server's journal, and a license with them."""
    book, client = held_once(until=10), scripted(needed=5)
    client.attach(12, connection=2)
    judged = judge(put_together(book, client))
    told = "the journal of FAKENW lacks connection 2 of udp:10.0.0.2:1025, to which workstation was attached"
    assert (judged.verdict, judged.reason) == ("unknown", f"{told} (client-workstation.jsonl:6)")


@pytest.mark.parametrize(("code", "what", "told"), [(0xE0, "license", True), (0xFC, "login", False)])
def test_a_refusal_that_only_its_client_knows(code: int, what: str, told: bool) -> None:
    """Its line was taken from the server's journal. An unknown name is refused without a line."""
    client = scripted(needed=5)
    client.say(12, "denied", code=code, what=what)
    judged = judge(put_together(held_once(until=10), client))
    lacks = f"the journal of FAKENW lacks that it refused {what} to udp:10.0.0.2:1025, code 0x{code:02X}"
    wanted = ("unknown", f"{lacks} (client-workstation.jsonl:6)") if told else ("released", judged.reason)
    assert (judged.verdict, judged.reason) == wanted


@pytest.mark.parametrize(("event", "does"), [("nal-open", "uses"), ("detach", "releases")])
def test_a_connection_that_its_client_was_never_attached_to(event: str, does: str) -> None:
    """A line of the client's journal is missing, or one too many: it has released the connection before."""
    for missing in (True, False):
        client = scripted(needed=5)
        if missing:
            client.drop("attach")
        else:
            client.say(6, "detach", by="NAL", forced=False)
        client.say(7, event, by="NAL", forced=False)
        if missing and event == "detach":
            client.drop("nal-open")
        judged = judge(put_together(held_once(until=10), client))
        told = f"workstation {does} connection 1 of udp:10.0.0.2:1025 to FAKENW, and its journal does not say"
        assert (judged.verdict, judged.reason.partition(" that it is")[0]) == ("unknown", told)

"""Broken on purpose: servers that cheat and clients that leak are caught by name, and good ones are not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from fakenw.core.ledger import Grant, Ledger
from fakenw.core.server import Server
from fakenw.core.settings import ServerSettings
from harness.client import machine
from harness.client.attachment import Attachment
from harness.client.redirector import Redirector
from harness.judge.history import RunHistory
from harness.judge.verdict import Verdict, judge
from harness.report.text import Result, exit_code, story
from harness.runners import memory, memory_network
from harness.scenario.scenario import Scenario
from tests.harness.memory_run import planned

NAL_OPEN = {"nal.open": {"path": "NWBIND:\\\\FAKENW\\SYS\\CAP_GS1\\", "owner": "SMSCCMBootAcct"}}
OFFER = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"
TIDY = [NAL_OPEN, {"apm.open": {"file": OFFER}}, {"wait": "1m"}, "apm.close", "nal.close", {"wait": "1h"}]


def carry_out(
    script: list[Any], transport: str, clients: int = 1, licenses: int = 5
) -> tuple[RunHistory, Verdict, str]:
    """Play *script* on memory: the run, the verdict, and all that is said about it."""
    data = {
        "format": 1,
        "id": "broken",
        "title": "broken on purpose",
        "source": "here",
        "servers": [{"name": "FAKENW", "licenses": licenses}],
        "clients": [{"name": "ws", "count": clients, "script": script}],
    }
    (plan,) = Scenario.read(data, "the test").plans(transport)
    run = RunHistory.of(memory.run(plan))
    verdict = judge(run)
    return run, verdict, "\n".join(story(Result(run, verdict)))


# Servers


class NeverReleases(Ledger):
    """Whoever logs out keeps the unit."""

    def release(self, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        if cause != "logout":
            super().release(now, unit, cause, about)


class ReleasesTwice(Ledger):
    """Every release stands in the journal again."""

    def release(self, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        super().release(now, unit, cause, about)
        self._emit("release", {**about, "unit": unit, "cause": cause})


class NeverFull(Ledger):
    """Nobody is refused."""

    def has(self, unit: str | None) -> bool:
        return True

    def acquire(self, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        self.holdings[unit] = Grant(now, 1)
        self._emit("grant", {**about, "unit": unit, "cause": cause})


class ReleasesInSilence(Ledger):
    """The unit is free again, and no line says so."""

    def release(self, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        del self.holdings[unit]


class FreesWhatItKeeps(Ledger):
    """It says that it keeps the units of cleared connections, and does not."""

    def release(self, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        super().release(now, unit, cause, about)
        if cause == "cleared":
            self._release(unit, "expired")


class KeepsForEver(Ledger):
    """What it keeps never expires."""

    def _expire(self, at: int, unit: str, now: int) -> None:
        """Nothing is released."""


class KeepsWhoLeft(Ledger):
    """It keeps the units of those who log out as well."""

    def release(self, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        super().release(now, unit, "cleared" if cause == "logout" else cause, about)


def serve_with(kind: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the servers on memory keep their books in such a ledger."""

    class WithLedger(Server):
        def __init__(self, settings: ServerSettings, *rest: Any) -> None:
            super().__init__(settings, *rest)
            self.ledger = kind(settings.policy, settings.licenses, self.emit, self._deadlines, settings.keep_cleared)

    monkeypatch.setattr(memory_network, "Server", WithLedger)


BROKEN: dict[type[Ledger], tuple[str, list[str]]] = {  # the event on the line that is named, and what is said of it
    NeverReleases: ("state", ["licensed to attached (logout), but connection:1 is still held: no release follows"]),
    ReleasesTwice: ("release", ["connection:1 was released, but was not held (released twice?)"]),
    NeverFull: ("grant", ["never_over_limit: 2 units held, the limit is 1"]),
    ReleasesInSilence: ("state", ["connection:1 is still held: no release follows", "held is 0, but grants minus"]),
}


KEEPING: dict[type[Ledger], str] = {
    FreesWhatItKeeps: "connection:1 of a cleared connection was released before it had expired",
    KeepsForEver: "connection:1 of a cleared connection never expired: no release follows",
    KeepsWhoLeft: "licensed to attached (logout), but connection:2 is still held: no release follows",
}


@pytest.mark.parametrize("kind", [Ledger, *KEEPING])
def test_a_server_that_keeps_units_is_caught(kind: type[Ledger], monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator clears a client, whose unit stays out for an hour: so long, no longer, and nobody else's."""
    serve_with(kind, monkeypatch)
    operator = [{"wait": "1m"}, {"operator.clear": {"server": "FAKENW", "user": "JOE"}}, {"wait": "2h"}]
    journals = memory.run(
        planned(
            [],
            servers=[{"name": "FAKENW", "keep_cleared": "1h", "users": ["JOE:SECRET"]}],
            clients=[
                {"name": "ws", "user": "JOE:SECRET", "script": [NAL_OPEN]},
                {"name": "operator", "user": "SUPERVISOR", "script": operator},
            ],
        )
    )
    verdict = judge(RunHistory.of(journals))
    if kind is Ledger:
        assert (verdict.verdict, verdict.problems) == ("reclaimed", [])
    else:
        assert verdict.verdict == "unknown"
        assert any(KEEPING[kind] in problem.text for problem in verdict.problems), verdict.problems


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
@pytest.mark.parametrize("kind", [Ledger, *BROKEN])
def test_a_server_is_caught(kind: type[Ledger], transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tidy clients want one license: the books of a good server balance, of a bad one they do not."""
    serve_with(kind, monkeypatch)
    run, verdict, text = carry_out(TIDY, transport, clients=2, licenses=1)
    if kind is Ledger:
        assert (verdict.verdict, verdict.problems) == ("unknown", [])
        assert verdict.reason.startswith("1 of 2 clients was never licensed")
        assert verdict.denied == 2  # the second client's NAL, and then its APM
        return
    event, words = BROKEN[kind]
    assert (verdict.verdict, exit_code([Result(run, verdict)])) == ("unknown", 3)
    assert text.startswith("default: unknown: the books do not balance: server-FAKENW.jsonl:")
    for word in words:
        assert word in text
    named = re.search(rf"server-FAKENW\.jsonl:(\d+): [^\n]*{re.escape(words[0])}", text)
    assert named is not None
    journal = next(server.journal for server in run.servers)
    assert journal.records[int(named[1]) - 1].event == event


def test_a_bad_server_is_caught_though_its_clients_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the books are wrong no other verdict can be trusted."""
    serve_with(ReleasesTwice, monkeypatch)
    _, verdict, text = carry_out([NAL_OPEN, "nal.close", NAL_OPEN, {"wait": "1h"}], "udp")
    assert verdict.leaked
    assert verdict.verdict == "unknown"
    assert "released twice?" in text


# Clients


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
@pytest.mark.parametrize("closes", [True, False], ids=["tidy", "never closes"])
def test_a_client_that_never_closes_is_caught(closes: bool, transport: str) -> None:
    """What was left open when the script had ended is named with who opened what."""
    script = TIDY if closes else [step for step in TIDY if step not in ("apm.close", "nal.close")]
    _, verdict, text = carry_out(script, transport)
    assert verdict.problems == []
    if closes:
        assert (verdict.verdict, verdict.leaked) == ("released", [])
        return
    (leaked,) = verdict.leaked
    assert (verdict.verdict, leaked.opened_by, leaked.reason) == ("leaked", "nal", "its release was never asked for")
    assert f"connection 1 (serial 1) of user GUEST from {transport}:" in text
    assert f"APM rode on it: opened {OFFER}, uncounted" in text
    assert "still there: persistence 0, reference 1" in text


class Liar(Redirector):
    """It says that it let go, and tells nobody but its own journal."""

    async def release(self, connection: Attachment, *, forced: bool = False, by: str = "redirector") -> None:
        self._world.write("detach", forced=forced, by=by, **connection.where())


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
@pytest.mark.parametrize("kind", [Redirector, Liar])
def test_a_client_that_lies_is_caught(kind: type[Redirector], transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its journal says that the connection was let go, the server's does not: the server's counts."""
    monkeypatch.setattr(machine, "Redirector", kind)
    run, verdict, text = carry_out(TIDY, transport)
    assert verdict.problems == []
    if kind is Redirector:
        assert (verdict.verdict, verdict.notes) == ("released", [])
        return
    assert verdict.verdict == "leaked"
    assert "its client released it at 0:01:00, but no release reached the server" in text
    note = re.search(r"the client ws reports .* \(client-ws\.jsonl:(\d+)\); no release reached the server", text)
    assert note is not None
    assert run.clients[0].journal.records[int(note[1]) - 1].event == "detach"

"""The proof behind a green verdict: every client was licensed, and no step failed that should not.

Rules of this file:

* A connection proves a license if it had a holding and went beyond the attached state: where attachments cost a unit,
  a client whose login was refused has had one as well.
* The field ``proof`` of the runner's ``run`` line has the servers that must license each client (docs/journal.md). The
  programs of the user's own are counted, since no journal tells their connections apart; in containers each has an
  address of its own.
* A failed step is *excused* by its own ``may_fail``, or by a check that is about such failures. A client with an
  excused step must be licensed by one of its servers only.
* Without a plan a number of connections must be proven: one, or as many as the user says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fakenw.journal.record import Record
from fakenw.journal.sentences import clock, harmless
from harness.judge.endings import place
from harness.judge.history import ClientHistory, ConnectionHistory, RunHistory
from harness.judge.run_record import NEVER

_ROOM = frozenset({"license", "slot", "account"})  # refusals for want of room
EXCUSES: Mapping[str, frozenset[str]] = {
    "refusals": _ROOM,
    "attempts": _ROOM,
    "servers_licensed": _ROOM | {"unreachable"},
}
"""By check: the failures of steps that it is about."""


@dataclass(frozen=True, slots=True)
class Unproven:
    """A client that was not proven licensed by *servers*, and the reason: a clause without its subject."""

    client: str
    servers: tuple[str, ...]
    reason: str

    def as_json(self) -> dict[str, Any]:
        """The entry of ``unproven`` in ``--json``."""
        return {"client": self.client, "servers": list(self.servers), "reason": self.reason}

    def __str__(self) -> str:
        return f"{harmless(self.client)} {self.reason}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a run has of a proof, and what it lacks. ``failed_steps`` and ``wrongly_licensed`` are sentences."""

    clients: int  # of the plan
    proven: int  # scripted clients, and connections of others
    unproven: tuple[Unproven, ...]
    failed_steps: tuple[str, ...]
    wrongly_licensed: tuple[str, ...]
    needed: int  # of those that are proven

    @classmethod
    def of(
        cls, run: RunHistory, histories: Iterable[ConnectionHistory], checks: Collection[str], connections: int
    ) -> Proof:
        """The proof in *histories*, of *run*. *connections* must be proven."""
        wanted: dict[str, Any] = run.settings.get("proof") or {}
        licensed: dict[str, set[str]] = {}
        foreign: list[ConnectionHistory] = []
        for history in filter(proves, histories):
            if history.client is None:
                foreign.append(history)
            else:
                licensed.setdefault(history.client.name, set()).add(history.server.name)
        excused = {failure for check in checks for failure in EXCUSES.get(check, ())}
        unproven: list[Unproven] = []
        for client, needs in wanted.items():
            if isinstance(needs, list):
                unproven += _scripted(run, client, needs, licensed.get(client, set()), excused)
        unproven += _programs(run, [client for client, needs in wanted.items() if needs is None], foreign)
        strangers = {history.server.name for history in foreign}
        programs = {str(record.get("client")) for record in run.runner_lines("spawn") if _is_program(record)}
        by_intent = [client for client, needs in wanted.items() if needs == NEVER]
        return cls(
            clients=len(wanted),
            proven=len(foreign) + len(licensed),
            unproven=tuple(unproven),
            failed_steps=tuple(_failed_steps(run, excused)),
            wrongly_licensed=tuple(
                f"licensed: {harmless(client)} was licensed by {_listed(by)}, but is declared never to be"
                for client in by_intent
                if (by := licensed.get(client) or (strangers if client in programs else None))
            ),
            needed=0 if wanted and len(by_intent) == len(wanted) else connections,
        )

    def sentence(self) -> str:
        """``2 of 4 clients were never licensed: b was refused, wrong password (0xFF)``; empty where all are proven."""
        if not self.unproven:
            return ""
        count, were = len(self.unproven), "was" if len(self.unproven) == 1 else "were"
        return f"{count} of {self.clients} clients {were} never licensed: {self.unproven[0]}"

    def lacking(self) -> str:
        """Why a verdict of ``released`` has no proof; empty where it has."""
        if self.unproven:
            return self.sentence()
        if self.proven < self.needed:
            were = "connection was" if self.proven == 1 else "connections were"
            return f"{self.proven} {were} licensed and logged in, expected {self.needed}"
        more = f" (and {len(self.failed_steps) - 1} more)" if self.failed_steps[1:] else ""
        return f"{self.failed_steps[0]}{more}" if self.failed_steps else ""


NO_PROOF = Proof(0, 0, (), (), (), 0)


def proves(history: ConnectionHistory) -> bool:
    """Whether the connection proves that its client was licensed."""
    beyond = any(record.get("to") in ("authenticated", "licensed") for record in history.server_lines("state"))
    return beyond and bool(history.holdings)


def _scripted(
    run: RunHistory, client: str, needs: list[list[str]], by: set[str], excused: Collection[str]
) -> Iterator[Unproven]:
    """The first of *needs* of a scripted client that no server in *by* meets."""
    journals = [one for one in run.clients if one.name == client]
    if any(_is_excused(record, excused) for record in _steps(journals)):
        needs = [list(dict.fromkeys(name for servers in needs for name in servers))]
    for servers in needs:
        if servers and not by.intersection(servers):
            yield Unproven(client, tuple(servers), _reason(run, journals, servers))
            return


def _is_program(spawn: Record) -> bool:
    return spawn.get("command") is not None or spawn.get("image") is not None


def _programs(run: RunHistory, programs: list[str], proven: list[ConnectionHistory]) -> list[Unproven]:
    """The programs of the user's own for which there is no proven connection."""
    stations = {history.station for history in proven}
    if run.settings.get("on") == "containers":
        stations = {station.rpartition(":")[0] for station in stations}
    lacking = max(0, len(programs) - len(stations))
    names = programs if lacking == len(programs) else [f"one of {', '.join(programs)}"] * lacking
    refused = [
        record for server in run.servers for record in server.records if record.event in ("deny", "login-failed")
    ]
    why = _refused(refused[0]) if refused else "took no license"
    if refused and len(programs) > 1:
        why = f"took no license; a client {why}"
    return [Unproven(name, (), why) for name in names]


_WHAT = {"license": "a license", "slot": "a connection", "account": "another connection of its account"}
_LOGIN_CODES: Mapping[int, str] = {  # completion codes of a refused login (libncp, nwerrors.3ncp)
    0xC5: "locked out, or login is disabled",
    0xDA: "not at this time",
    0xDB: "not from this station",
    0xDC: "the account is disabled",
    0xDE: "the password has expired",
    0xFC: "unknown user",
    0xFF: "wrong password",
}


def _refused(record: Record, at: str = "") -> str:
    """What a line of a server or a client says was refused: ``was refused, wrong password (0xFF)``."""
    code, what = record.get("code"), str(record.get("what", "login"))
    number = f" (0x{code:02X})" if type(code) is int else ""
    if what in _WHAT:
        return f"was refused {_WHAT[what]}{at}{number}"
    return f"was refused{at}, {_LOGIN_CODES.get(code, 'at its login') if type(code) is int else 'at its login'}{number}"


def _reason(run: RunHistory, journals: list[ClientHistory], servers: list[str]) -> str:
    """Why none of *servers* has licensed a client, by the last word of its journals on it."""
    lines = [record for journal in journals for record in journal.journal.records]
    at = f" by {' or '.join(map(harmless, servers))}" if len(run.servers) > 1 else ""
    for record in reversed(lines):
        if record.event == "denied" and record.get("server") in servers:
            return _refused(record, at)
    for record in reversed(lines):
        if record.event == "step-failed":
            return f"was never licensed{at}: {_failure(record)}"
    if not journals:
        return f"was never licensed{at}: it wrote no journal"
    attached = any(history.client in journals and history.server.name in servers for history in run.histories)
    return f"was never licensed{at}: it {'attached, and no more' if attached else 'never asked'}"


def _steps(journals: Iterable[ClientHistory]) -> Iterator[Record]:
    """The failed steps."""
    return (record for one in journals for record in one.journal.records if record.event == "step-failed")


def _is_excused(record: Record, excused: Collection[str]) -> bool:
    return record.get("may_fail") is True or str(record.get("what") or record.get("reason")) in excused


def _failed_steps(run: RunHistory, excused: Collection[str]) -> Iterator[str]:
    for client in run.clients:
        for record in _steps([client]):
            if not _is_excused(record, excused):
                yield f"a step of {harmless(client.name)} failed at {clock(record.t)}: {_failure(record)}"


def _failure(record: Record) -> str:
    return f"{harmless(record.get('verb'))}: {harmless(record.get('text') or record.get('reason'))}{place(record)}"


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(map(harmless, names)))

"""Whether the journals tell of the whole run, by what servers, clients and runner say of one another.

Rules of this file:

* A client that was attached has a connection in the server's journal. Without it lines are missing, and a license may
  be among them.
* A client that was refused a slot, a license or a login has a line about it in the server's journal.
* A client was attached to each connection that it uses or releases, and releases it once: its journal says so. A
  program that asks a server without a login uses an attachment that no ``attach`` is about.
* A server's journal that does not end with ``stop`` must reach as far as those of the clients and the runner.
* One that was made from a capture must reach as far as the last use of the server that a client tells of.
* Nothing is asked of a server's journal that stands alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fakenw.journal.record import SECOND, Record
from fakenw.journal.sentences import harmless
from harness.judge.captured import is_captured
from harness.judge.history import Key, RunHistory, ServerHistory, key_of
from harness.judge.writer_clock import Clock

UNKNOWN_NAME = 0xFC  # the completion code
MARGIN = SECOND  # of real time, between the last lines of several writers


def incomplete(run: RunHistory) -> str | None:
    """What the journals lack, in a sentence; None where they lack nothing that shows."""
    lacks = (_unheard_attaches, _untold_attaches, _untold_refusals, _short_journals)
    return next((sentence for lack in lacks for sentence in lack(run)), None)


def _unheard_attaches(run: RunHistory) -> Iterator[str]:
    there = Counter((history.server.name, history.station, history.connection) for history in run.histories)
    for client in run.clients:
        for line, record in enumerate(client.journal.records, 1):
            if record.event == "attach" and (key := key_of(record)) is not None:
                there[key] -= 1
                if there[key] < 0:
                    server, station, number = key
                    yield (
                        f"the journal of {harmless(server)} lacks connection {number} of {harmless(station)}, to which "
                        f"{harmless(client.name)} was attached ({harmless(client.journal.name)}:{line})"
                    )


def _untold_refusals(run: RunHistory) -> Iterator[str]:
    lines = [line for server in run.servers for line in server.records if line.event in ("deny", "login-failed")]
    there = Counter(map(_refusal, lines))
    for client in run.clients:
        for line, record in enumerate(client.journal.records, 1):
            if record.event == "denied" and (refusal := _refusal(record)) is not None:
                there[refusal] -= 1
                if there[refusal] < 0:
                    server, station, code = refusal
                    yield (
                        f"the journal of {harmless(server)} lacks that it refused {harmless(record.get('what'))} to "
                        f"{harmless(station)}, code 0x{code:02X} ({harmless(client.journal.name)}:{line})"
                    )


def _refusal(record: Record) -> tuple[str, str, int] | None:
    """Server, station and completion code; None where one is not there, or the code is that of an unknown name.

    A client asks for the user's object before it logs in, and such a refusal leaves no line.
    """
    server, station, code = record.get("server"), record.get("station"), record.get("code")
    if isinstance(server, str) and isinstance(station, str) and isinstance(code, int) and code != UNKNOWN_NAME:
        return server, station, code
    return None


def _untold_attaches(run: RunHistory) -> Iterator[str]:
    logged_in = {(h.server.name, h.station, h.connection) for h in run.histories if h.users}
    for client in run.clients:
        attached: set[Key] = set()
        for line, record in enumerate(client.journal.records, 1):
            key = key_of(record)
            if key is None or key not in logged_in:
                continue
            if record.event == "attach":
                attached.add(key)
            elif key not in attached and (record.event == "detach" or record.event.endswith("-open")):
                does = "releases" if record.event == "detach" else "uses"
                server, station, number = map(harmless, key)
                yield (
                    f"{harmless(client.name)} {does} connection {number} of {station} to {server}, and its journal "
                    f"does not say that it is attached ({harmless(client.journal.name)}:{line})"
                )
            elif record.event == "detach":
                attached.remove(key)


def _short_journals(run: RunHistory) -> Iterator[str]:
    last = {server.name: server for server in run.servers}
    for server in last.values():
        if is_captured(server):
            yield from _short_captures(run, server)
        elif server.holders is None and (latest := _latest(run, server)) > server.end + MARGIN * server.clock.speed:
            yield (
                f"the journal of {harmless(server.name)} has no end: it stops at {server.at(server.end)}, and the run "
                f"went on until {server.at(latest)}"
            )


def _short_captures(run: RunHistory, server: ServerHistory) -> Iterator[str]:
    """A capture has no end but its last packet: a client that went on to use the server has sent others."""
    for client in run.clients:
        for line, record in enumerate(client.journal.records, 1):
            used = record.event in ("attach", "denied") or record.event.endswith("-open")
            if not used or record.get("server") != server.name:
                continue
            t = client.clock.to(server.clock, record.t) - client.clock.bound_on(server.clock, record.t)
            if t > server.end:
                yield (
                    f"the capture of {harmless(server.name)} ends at {server.at(server.end)}, and "
                    f"{harmless(client.name)} used the server later ({harmless(client.journal.name)}:{line})"
                )


def _latest(run: RunHistory, server: ServerHistory) -> int:
    """The time on the server's clock of the last line of any other writer, as early as it may have been."""
    writers = [(client.clock, client.journal) for client in run.clients]
    writers += [(Clock.of(run.runner), run.runner)] if run.runner else []
    ends = [(clock, max(record.t for record in journal.records)) for clock, journal in writers]
    return max((clock.to(server.clock, t) - clock.bound_on(server.clock, t) for clock, t in ends), default=0)

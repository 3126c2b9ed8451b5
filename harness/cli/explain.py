"""A run step by step: what its clients do, and beside it what its servers see.

Rules of this file:

* Times are the server's, and all text comes from journals.
* All text that came over a wire is made harmless before it is shown.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping

from fakenw.journal.record import Record
from fakenw.journal.sentences import clock, harmless, sentence
from harness.judge.diagnosis import name_of
from harness.judge.history import RunHistory
from harness.scenario.scenario import Scenario

WIDTH = 54


def introduction(scenario: Scenario, width: int = 110) -> Iterator[str]:
    """Title, source, description and cause of a scenario, the longer ones in lines of *width* characters."""
    yield f"{scenario.id}: {scenario.title}"
    yield f"Source: {scenario.source}"
    parts = {"Sourced": scenario.sourced, "Our reading": scenario.reading, "About": scenario.description}
    parts["Cause"] = scenario.cause.text if scenario.cause else None
    for name, text in parts.items():
        if text:
            yield from textwrap.wrap(f"{name}: {' '.join(text.split())}", width, subsequent_indent="    ")


def _get(record: Record, *names: str) -> str:
    return " ".join(harmless(record.get(name)) for name in names if record.get(name) not in (None, ""))


_CLIENT: Mapping[str, Callable[[Record], str]] = {
    "attach": lambda r: f"logged in to {_get(r, 'server')} as {_get(r, 'user')}",
    "attach-failed": lambda r: f"could not attach to {_get(r, 'server')}: {_get(r, 'reason')}",
    "denied": lambda r: f"was refused by {_get(r, 'server')} (0x{int(r.get('code') or 0):02X}, {_get(r, 'what')})",
    "arbiter": lambda r: (
        f"arbiter {_get(r, 'action')} {_get(r, 'resource')}: persistence {r.get('persistence')}, "
        f"reference {r.get('reference')}"
    ),
    "release-asked": lambda r: f"{_get(r, 'by')} asks for the release{' by force' if r.get('forced') else ''}",
    "release-refused": lambda r: (
        f"refused: {len(r.get('files') or [])} files open, {len(r.get('drives') or [])} drives mapped"
    ),
    "detach": lambda r: "the redirector releases the connection",
    "work-failed": lambda r: f"{_get(r, 'component')} could not go on with {_get(r, 'file')}: {_get(r, 'reason')}",
    "step-failed": lambda r: f"{_get(r, 'verb')} failed: {_get(r, 'text')}",
    "behavior-failed": lambda r: f"{_get(r, 'text')} ({_get(r, 'file')}:{_get(r, 'line')})",
    "done": lambda r: "the script has ended",
}
_SILENT = {"start", "registry"}
_RUNNER = {"fault", "exit", "mark"}


def steps(run: RunHistory, width: int = WIDTH) -> Iterator[str]:
    """The timeline in two columns of *width* characters. *run* has at least one server."""
    moments: list[tuple[int, bool, str]] = []
    server = run.servers[0]
    for client in run.clients:
        for record in client.journal.records:
            if record.event not in _SILENT:
                moments.append((client.clock.to(server.clock, record.t), True, f"{client.name}: {_client(record)}"))
    for other in run.servers:
        for record in other.journal.records[other.line - 1 :]:
            text = sentence(record)
            if text is not None and record.event != "stop":
                moments.append((record.t, False, f"{other.name}: {text.partition('  ')[2]}"))
    if run.runner:
        for record in run.runner.records:
            if record.event in _RUNNER:
                what = " ".join(filter(None, [_get(record, "what", "cause"), _get(record, "client", "server")]))
                moments.append((run.to_server(run.runner, server, record.t), True, f"** {what} **"))
    yield f"{'':9}  {'what the clients do':{width}}  what the servers see"
    last = ""
    for t, of_client, text in sorted(moments, key=lambda moment: moment[0]):
        at = clock(t)
        rows = textwrap.wrap(text, width)
        for n, row in enumerate(rows):
            shown = at if not n and at != last else ""
            yield f"{shown:9}  {row if of_client else '':{width}}  {'' if of_client else row}".rstrip()
        last = at


def _client(record: Record) -> str:
    if describe := _CLIENT.get(record.event):
        return describe(record)
    component, _, verb = record.event.rpartition("-")
    if not component:
        return harmless(record.event)
    what = _get(record, "path", "file")
    verbs = {
        "open": f"opens {what}" if what else "begins to use it",
        "close": f"closes {what}" if what else "ends its use",
    }
    return f"{name_of(component)} {verbs.get(verb, harmless(verb))}"

"""Why a license is still held, in words: the evidence behind a verdict.

Rules of this file:

* It judges nothing. Which licenses to explain, and the reason for each, comes with the verdict.
* Times are the server's. What clients say is told in their own words, what the server saw in the server's.
* Whatever came over a wire is made harmless before it is shown.
* The first ten cases are told in full, a long story by its beginning and its end.
"""

from __future__ import annotations

from collections.abc import Iterator

from fakenw.journal.fold import GIVEN_BACK
from fakenw.journal.record import SECOND, Record
from fakenw.journal.sentences import clock, harmless
from harness.judge.history import ClientLine, ConnectionHistory, RunHistory
from harness.judge.verdict import Held, Verdict, files_text

IN_FULL = 10
AT_ONCE = 30 * SECOND  # on a clock that runs 3600 times as fast it is not long
STORY = (14, 5)  # lines from the beginning and from the end


def explain(run: RunHistory, verdict: Verdict) -> list[str]:
    """Lines of text about every license that was not simply given back; empty where all were."""
    cases: dict[int, Held] = {}
    for held in [*verdict.interrupted, *verdict.leaked, *verdict.undecided, *verdict.reclaimed]:
        cases.setdefault(id(held.history), held)
    worst_first = list(cases.values())
    lines = [line for held in worst_first[:IN_FULL] for line in _case(run, held)]
    if worst_first[IN_FULL:]:
        lines.append(f"and {len(worst_first) - IN_FULL} more like it")
    return lines


def _case(run: RunHistory, held: Held) -> list[str]:
    history, holding = held.history, held.holding
    server = harmless(held.server)
    if holding and holding.released is None:
        head = f"{held} holds a license of {server}"
    else:
        head = f"{held} held a license of {server} for {clock(round(held.held_for * SECOND))}"
    story = [f"{history.server.at(t)}  {text}" for t, text in _story(run, history)]
    first, last = STORY
    if len(story) > first + last + 1:
        story[first:-last] = [f"... and {len(story) - first - last} more ..."]
    ending = held.reason
    if holding and holding.released is None:
        idle = history.server.end - history.last_request
        ending += f"; idle since {history.server.at(history.last_request)}, {clock(idle)} by the end"
        if _exited(run, history) is not None and history.transport == "udp":
            ending += "; the watchdog would take it back a quarter of an hour after its last request"
    return [head, *(f"  {line}" for line in [*story, ending, *_registry(history)])]


_ENDS = {
    "process-killed": "the client was killed",
    "power-off": "the machine lost power",
    "restart": "the machine was restarted",
}
_FAULTS = {
    "freeze": "the machine stood still",
    "thaw": "the machine went on",
    "cut": "the network cable was pulled out",
    "heal": "the network cable was plugged in",
    "delay": "from here its packets took longer",
    "loss": "from here packets of its got lost",
    "drop": "from here some packets got lost",
    "duplicate": "from here packets of its came twice",
    "reorder": "from here packets of its were overtaken",
    "spoof": "from here a router answered the watchdog in its place",
}
_SERVER_FAULTS = {
    "freeze": "the server stood still",
    "thaw": "the server went on",
    "server-down": "the server went down",
    "clock-jump": "the server's clock was set",
}


def _exited(run: RunHistory, history: ConnectionHistory) -> tuple[int, str] | None:
    """When and how the client ended, on the server's clock; of a user's own client only where there is one."""
    exits = run.runner_lines("exit")
    scripted = {client.name for client in run.clients}
    if history.client:
        exits = [record for record in exits if record.get("client") == history.client.name]
    else:
        exits = [record for record in exits if str(record.get("client")) not in scripted]
        exits = exits if len(exits) == 1 else []
    for record in exits:
        t = _on_server(run, history, record)
        if t >= history.created or not history.client:  # a machine that was started again exits more than once
            return t, _ENDS.get(str(record.get("cause")), "the client exited")
    return None


def _faults(run: RunHistory, history: ConnectionHistory) -> Iterator[tuple[int, str]]:
    """What came over the client's machine, and over the server, while the connection was there."""
    for record in run.runner_lines("fault"):
        what, text = str(record.get("what")), None
        if history.client and record.get("client") == history.client.name:
            text = _FAULTS.get(what)
        elif record.get("server") == history.server.name:
            text = _SERVER_FAULTS.get(what)
        if text:
            t = _on_server(run, history, record)
            if history.created <= t <= (history.server.end if history.ended is None else history.ended):
                yield t, text


def _on_server(run: RunHistory, history: ConnectionHistory, record: Record) -> int:
    """When the runner wrote *record*, on the server's clock."""
    assert run.runner is not None  # it did
    return run.to_server(run.runner, history.server, record.t)


def _story(run: RunHistory, history: ConnectionHistory) -> list[tuple[int, str]]:
    """What happened on a connection, each moment with a sentence."""
    told: list[tuple[int, str]] = []
    asked: ClientLine | None = None
    opened = False
    for said in history.said:
        record, event = said.record, said.record.event
        component, _, verb = event.rpartition("-")
        text: str | None = None
        if verb == "open":
            text = _opening(record, name_of(component), opened)
            opened = True
        elif verb == "close":
            what = (
                "closed it" if component == "nal" else "closed its file" if record.get("file") else "needed it no more"
            )
            text = f"{name_of(component)} {what}"
        elif event == "release-asked":
            force = " by force" if record.get("forced") else ""
            if told and said.t - told[-1][0] < AT_ONCE and told[-1][1] == f"{name_of(record.get('by'))} closed it":
                told[-1] = told[-1][0], f"{told[-1][1]} and asked for its release{force}"
            else:
                text = f"{name_of(record.get('by'))} asked for its release{force}"
        elif event == "release-refused":
            files = record.get("files")
            names = [harmless(file) for file in files] if isinstance(files, list) else []
            refusal = f"refused: {files_text(len(names))} open ({', '.join(names)})"
            if asked and told:
                told[-1] = told[-1][0], f"{told[-1][1]}; {refusal}"
            else:
                text = f"its release was {refusal}"
        elif event == "detach":
            trouble = f", but no answer came: {harmless(record['reason'])}" if record.get("reason") else ""
            text = f"the redirector let it go{trouble}"
        elif event == "work-failed":
            text = f"{name_of(record.get('component'))}'s work failed: {harmless(record.get('reason'))}"
        asked = said if event == "release-asked" else None
        if text:
            told.append((said.t, text))
    told += _seen(history)
    told += _faults(run, history)
    if ended := _exited(run, history):
        told.append(ended)
    return sorted(told, key=lambda moment: moment[0])


def _opening(record: Record, name: str, opened: bool) -> str:
    what = harmless(record.get("path") or record.get("file"))
    if record.event == "nal-open":
        owner = f" for {harmless(record['owner'])}" if record.get("owner") else ""
        return f"{name} opened it{' again' if opened else ''}{owner} ({what})"
    if not record.get("file"):
        return f"{name} needed it"
    if not opened:
        return f"{name} opened {what} on it"
    counted = {"rides": ", uncounted", "counted": ", counted"}.get(str(record.get("mode")), "")
    return f"{name} rode on it: opened {what}{counted}"


def _seen(history: ConnectionHistory) -> list[tuple[int, str]]:
    """What the server saw and no client tells."""
    seen = [
        (file.shut, f"the server shut {harmless(file.path)} ({file.cause})")
        for file in history.files
        if file.shut is not None and file.cause in GIVEN_BACK
    ]
    seen += [(r.t, f"the watchdog: {harmless(r.get('what'))}") for r in history.server_lines("watchdog")]
    if history.foreign:
        user = f" as user {harmless(history.user)}" if history.user else ""
        seen += [(holding.granted, f"it took a license{user}") for holding in history.holdings]
        seen += [(file.opened, f"it opened {harmless(file.path)}") for file in history.files]
        seen += [
            (file.shut, f"it closed {harmless(file.path)}")
            for file in history.files
            if file.shut is not None and file.cause in ("close", "end-of-job")
        ]
    return seen


def _registry(history: ConnectionHistory) -> list[str]:
    """The last word of the arbiter on each entry for the connection."""
    last = {
        (str(said.record.get("key")), str(said.record.get("resource"))): said
        for said in history.client_lines("arbiter")
    }
    lines = []
    for (key, resource), said in last.items():
        get = said.record.get
        entry = f"registry: {harmless(key)}\\{harmless(resource)}"
        if get("action") == "deleted":
            lines.append(f"{entry} deleted at {history.server.at(said.t)}")
        else:
            counts = f"persistence {harmless(get('persistence'))}, reference {harmless(get('reference'))}"
            lines.append(f"{entry} still there: {counts}")
    return lines


def name_of(component: object) -> str:
    """A component as people write it: NAL, APM, the user, the inventory."""
    text = harmless(component)
    return text.upper() if len(text) <= 4 and text.lower() != "user" else f"the {text.lower()}"

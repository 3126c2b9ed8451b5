"""The evidence behind a verdict, in sentences: why each license was not released in time.

Rules of this file:

* Nothing is judged here. The licenses to explain, and the reason for each, come with the verdict.
* Times are the server's. The sentences are from the client's lines where there are any, else from the server's.
* Text from a wire is made harmless before it is shown.
* The first ten cases are shown in full; of a long story only the beginning and the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from fakenw.journal.fold import GIVEN_BACK
from fakenw.journal.record import SECOND, Record
from fakenw.journal.sentences import clock, fault_text, harmless
from harness.judge.history import ClientLine, ConnectionHistory, RunHistory
from harness.judge.live_faults import LiveFaults
from harness.judge.reasons import files_text
from harness.judge.verdict import Held, Verdict

IN_FULL = 10
AT_ONCE = 30 * SECOND  # 8 ms of real time with --speed 3600
WATCHED = ("udp", "ipx")  # transports whose stations the watchdog queries
STORY = (14, 5)  # lines from the beginning and from the end of a long story


def explain(run: RunHistory, verdict: Verdict) -> list[str]:
    """Lines of text about every license that was not released by its client in time; empty without such."""
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
        head = f"{held} {'holds' if holding.unit else 'may hold'} a license of {server}"
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
        if _exited(run, history) is not None and history.transport in WATCHED:
            ending += "; the watchdog would reclaim it a quarter of an hour after its last request"
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
    "loss": "from here some of its packets were lost",
    "drop": "its next packets were lost",
    "duplicate": "from here some of its packets arrived twice",
    "reorder": "from here some of its packets arrived out of order",
    "spoof": "from here a router answered the watchdog in its place",
}
_SERVER_FAULTS = {
    "freeze": "the server stood still",
    "thaw": "the server went on",
    "server-down": "the server went down",
    "clock-jump": "the server's clock was set",
}


def _exited(run: RunHistory, history: ConnectionHistory) -> tuple[int, str] | None:
    """When (on the server's clock) and how the client ended; of a user's own only where it is the only one."""
    exits = run.runner_lines("exit")
    scripted = {client.name for client in run.clients}
    if history.client:
        exits = [record for record in exits if record.get("client") == history.client.name]
    else:
        exits = [record for record in exits if str(record.get("client")) not in scripted]
        exits = exits if len(exits) == 1 else []
    for record in exits:
        t = _on_server(run, history, record)
        if t >= history.created or not history.client:  # a machine that was restarted exits more than once
            return t, _ENDS.get(str(record.get("cause")), "the client exited")
    return None


def _faults(run: RunHistory, history: ConnectionHistory) -> Iterator[tuple[int, str]]:
    """The faults of the client's machine and of the server while the connection existed, each with a sentence."""
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


def _live_faults(run: RunHistory, history: ConnectionHistory) -> Iterator[tuple[int, str]]:
    """The faults that an operator began on the server while the connection existed, each with a sentence."""
    end = history.server.end if history.ended is None else history.ended
    for fault in LiveFaults(run).of(history, history.created, end):
        yield max(fault.begin.t, history.created), f"from here the server had a fault: {fault_text(fault.begin.fields)}"
        if fault.end is not None and fault.until <= end:
            yield fault.until, f"its fault ended ({harmless(fault.end.get('cause'))}): {fault_text(fault.begin.fields)}"


def _on_server(run: RunHistory, history: ConnectionHistory, record: Record) -> int:
    """The time of the runner's *record* on the server's clock."""
    assert run.runner is not None
    return run.to_server(run.runner, history.server, record.t)


def _story(run: RunHistory, history: ConnectionHistory) -> list[tuple[int, str]]:
    """The events of a connection, each time with a sentence."""
    story: list[tuple[int, str]] = []
    asked: ClientLine | None = None
    opened = False
    for line in history.lines:
        record, event = line.record, line.record.event
        component, _, verb = event.rpartition("-")
        text: str | None = None
        if verb == "open":
            text = _opening(record, name_of(component), opened)
            opened = True
        elif verb == "close":
            what = (
                "closed it"
                if component == "nal"
                else "closed its file"
                if record.get("file")
                else "no longer needed it"
            )
            text = f"{name_of(component)} {what}"
        elif event == "release-asked":
            force = " by force" if record.get("forced") else ""
            if story and line.t - story[-1][0] < AT_ONCE and story[-1][1] == f"{name_of(record.get('by'))} closed it":
                story[-1] = story[-1][0], f"{story[-1][1]} and asked for its release{force}"
            else:
                text = f"{name_of(record.get('by'))} asked for its release{force}"
        elif event == "release-refused":
            files = record.get("files")
            names = [harmless(file) for file in files] if isinstance(files, list) else []
            refusal = f"refused: {files_text(len(names))} open ({', '.join(names)})"
            if asked and story:
                story[-1] = story[-1][0], f"{story[-1][1]}; {refusal}"
            else:
                text = f"its release was {refusal}"
        elif event == "detach":
            trouble = f", but no reply came: {harmless(record['reason'])}" if record.get("reason") else ""
            text = f"the redirector released it{trouble}"
        elif event == "work-failed":
            text = f"{name_of(record.get('component'))}'s work failed: {harmless(record.get('reason'))}"
        asked = line if event == "release-asked" else None
        if text:
            story.append((line.t, text))
    story += _by_server(history)
    story += _faults(run, history)
    story += _live_faults(run, history)
    if ended := _exited(run, history):
        story.append(ended)
    return sorted(story, key=lambda moment: moment[0])


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


def _by_server(history: ConnectionHistory) -> list[tuple[int, str]]:
    """The events that only the server's lines have, each with a sentence."""
    events = [
        (file.shut, f"the server shut {harmless(file.path)} ({file.cause})")
        for file in history.files
        if file.shut is not None and file.cause in GIVEN_BACK
    ]
    events += [(r.t, f"the watchdog: {harmless(r.get('what'))}") for r in history.server_lines("watchdog")]
    if history.foreign:
        user = f" as user {harmless(history.user)}" if history.user else ""
        events += [(holding.granted, f"it took a license{user}") for holding in history.holdings]
        events += [(file.opened, f"it opened {harmless(file.path)}") for file in history.files]
        events += [
            (file.shut, f"it closed {harmless(file.path)}")
            for file in history.files
            if file.shut is not None and file.cause in ("close", "end-of-job")
        ]
    return events


def _registry(history: ConnectionHistory) -> list[str]:
    """The arbiter's last line about each entry of the connection, as a sentence."""
    last = {
        (str(line.record.get("key")), str(line.record.get("resource"))): line
        for line in history.client_lines("arbiter")
    }
    lines = []
    for (key, resource), line in last.items():
        get = line.record.get
        entry = f"registry: {harmless(key)}\\{harmless(resource)}"
        if get("action") == "deleted":
            lines.append(f"{entry} deleted at {history.server.at(line.t)}")
        else:
            counts = f"persistence {harmless(get('persistence'))}, reference {harmless(get('reference'))}"
            lines.append(f"{entry} still there: {counts}")
    return lines


def name_of(component: object) -> str:
    """The name of a component in a sentence: NAL, APM, the user, the inventory."""
    text = harmless(component)
    return text.upper() if len(text) <= 4 and text.lower() != "user" else f"the {text.lower()}"

"""The reasons behind a verdict: what became of a license, and of the work on its connection, in sentences."""

from __future__ import annotations

from fakenw.journal.fold import GIVEN_BACK, Holding
from fakenw.journal.record import SECOND
from fakenw.journal.sentences import clock, harmless
from harness.judge.history import WENT_DOWN, ConnectionHistory
from harness.judge.usage import LastUse

_RECLAIMED = {
    "lost": "the server reclaimed it when the socket closed",
    "bad-signature": "the server closed the socket, since a packet had a bad signature",
    "stalled": "the server closed the socket, since its client did not read the replies",
    "cleared": "an operator cleared the connection",
    "reinitialize": "the station attached anew, and the server ended its old connection",
    "idle-policy": "the server reclaimed it because it was idle",
    WENT_DOWN: "the server went down, and started again with empty tables",
    "busy": "the server ended the connection, after it had been busy with one request for too long",
}


_ENDS = {
    "exit": "its client exited",
    "process-killed": "its client was killed",
    "power-off": "its machine lost power",
    "restart": "its machine was restarted",
}


def why_held(history: ConnectionHistory, holding: Holding, need: LastUse, at: int | None) -> str:
    """Why a license is still held, was released late, or was reclaimed, in one sentence."""
    moment = history.server.at
    if holding.released is not None:
        late = ""
        if at is not None and holding.released > at:
            late = f", {clock(holding.released - at)} after it was no longer needed"
        if holding.cause in GIVEN_BACK:
            return f"its client released it ({holding.cause}) at {moment(holding.released)}{late}"
        if holding.cause == "watchdog":
            return f"the watchdog reclaimed it at {moment(holding.released)}{late}"
        return f"{_RECLAIMED.get(str(holding.cause), f'the server reclaimed it ({harmless(holding.cause)})')}{late}"
    asked, refused, gone = (history.client_lines(event) for event in ("release-asked", "release-refused", "detach"))
    if gone:
        return f"its client released it at {moment(gone[-1].t)}, but no release reached the server"
    if need.by in _ENDS:
        return f"{_ENDS[need.by]} at {moment(need.at or 0)} without logging out"
    if refused:
        files = refused[-1].record.get("files")
        count = len(files) if isinstance(files, list) else 0
        times = "was refused" if len(refused) == 1 else f"was refused {len(refused)} times, the last"
        return f"its release {times} at {moment(refused[-1].t)} ({files_text(count)} open), and not asked for again"
    if asked:
        return f"its release was asked for at {moment(asked[-1].t)}, but none reached the server"
    if history.client:
        return "its release was never asked for"
    if need.by == "mark":
        return f"it was marked as no longer needed at {moment(need.at or 0)}"
    return "its client has not released it"


def files_text(count: int) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} file" if count == 1 else f"{count} files"


def interruption(history: ConnectionHistory, since: int = 0) -> str | None:
    """How the connection's own client interrupted work on it, at *since* or later; None if it did not."""
    shut = [file for file in history.files if file.cause in GIVEN_BACK and (file.shut or 0) >= since]
    if shut:
        return f"{shut[0].cause} with {files_text(len(shut))} still open: {harmless(shut[0].path)}"
    if history.cause is not None and history.cause not in GIVEN_BACK:
        return None
    released = [record.t for record in history.server_lines("state") if str(record.get("cause")) in GIVEN_BACK]
    released += [line.t for line in history.client_lines("detach") if line.record.get("forced")]
    failed = [line for line in history.client_lines("work-failed") if released and line.t >= min(released)]
    if not failed:
        return None
    record = failed[0].record
    what = f"{harmless(record.get('component'))} could not go on with {harmless(record.get('file'))}"
    return f"after the connection was released {what}: {harmless(record.get('reason'))}"


def claim(history: ConnectionHistory) -> str | None:
    """A note about a release that only the client's journal has; None without one."""
    detached = history.client_lines("detach")
    if not detached or history.cause in GIVEN_BACK or history.cause in ("lost", "reinitialize"):
        return None
    line = detached[-1]
    if history.cause == WENT_DOWN and history.ended is not None and line.t >= history.ended:
        return None  # the server was down
    return (
        f"the client {harmless(line.client.name)} reports that it released connection {history.connection} (serial "
        f"{history.serial}) at {history.server.at(line.t)} ({harmless(line.client.journal.name)}:{line.line}); "
        "no release reached the server"
    )


def too_close(history: ConnectionHistory, need: LastUse, end: int) -> str:
    """Why it cannot be told whether a license was released in time: the clocks are not known that well."""
    whose = "its client's clock" if need.by in ("close", "done") else "the server's clock"
    bound, moment = need.bound / SECOND, history.server.at
    return (
        f"no longer needed since {moment(need.at or 0)} and held until {moment(end)}, too close to the limit to "
        f"decide: {whose} is known to {f'{bound:.2g}' if bound < 100 else f'{bound:.0f}'} s only"
    )

"""The journal's events as sentences, for somebody who watches a terminal."""

from __future__ import annotations

from fakenw.journal.record import SECOND, Record

_WHY = {
    "login": "at login",
    "request": "because it asked for one (23/29)",
    "service": "by using a file",
    "create": "by attaching",
    "logout": "by logging out",
    "destroy": "by destroying its connection",
    "unlicense": "by asking for it (23/29)",
    "lost": "its socket closed",
    "watchdog": "it did not answer the watchdog",
    "cleared": "an operator cleared it",
    "reinitialize": "the station attached anew",
    "idle-policy": "it was idle",
    "busy": "one of its requests took for ever",
    "expired": "the assignment ended",
}


def harmless(text: object) -> str:
    """*text* without anything that a terminal would obey."""
    text = str(text)
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def clock(t: int) -> str:
    """Microseconds as H:MM:SS."""
    seconds = t // SECOND
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def sentence(record: Record) -> str | None:
    """One line for a person, or None for an event that need not be told."""
    get = record.get
    who = f"connection {get('connection')} ({get('user') or 'not logged in'}, {get('station')})"
    why = _WHY.get(get("cause"), get("cause"))
    held = f"{get('held')} of {get('limit')} licenses held"
    verb = "" if get("verb") is None else f", NDS verb {get('verb')}"
    text = {
        "grant": f"{who} took a license {why}; {held}",
        "release": f"{get('unit')} is free again: {why}; {held}",
        "create": f"{get('station')} attached as connection {get('connection')}",
        "close": f"connection {get('connection')} of {get('station')} ended: {why}",
        "deny": f"{get('station')} was refused, no {get('what')} is free; {held}",
        "login-failed": f"{who}: login failed, completion code 0x{get('code', 0):02X}",
        "open": f"{who} opened {get('path')}",
        "shut": f"{who}: {get('path')} closed ({get('cause')})",
        "idle": f"{who} has asked for nothing since {clock(round(get('since', 0) * SECOND))}; "
        f"{get('files')} files open, license kept",
        "busy": f"{who} is asking again",
        "watchdog": f"{who} and the watchdog: {get('what')}",
        "operator": f"{get('by')}: {get('action')}"
        + (f" connection {get('connection')}" if get("connection") else "")
        + (f": {get('text')}" if get("text") else ""),
        "unsupported": f"{who} asked for NCP {get('ncp')}{verb}, which is not supported",
        "mark": f"marked: {get('text')}",
        "stop": f"stopped; {held}",
    }.get(record.event)
    return None if text is None else f"{clock(record.t)}  {harmless(text)}"

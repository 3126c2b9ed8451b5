"""The journal's events as sentences, for a terminal."""

from __future__ import annotations

from fakenw.journal.record import SECOND, Record

_CAUSES = {
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
    "stalled": "it did not read its replies",
    "bad-signature": "a packet had a bad signature",
    "busy": "it repeated a request that is still being executed too often",
    "expired": "the assignment ended",
}


def harmless(text: object) -> str:
    """*text* with the characters escaped that a terminal would execute."""
    text = str(text)
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def harmless_lines(text: object) -> str:
    """*text* made harmless, in which line feeds stay."""
    return "\n".join(map(harmless, str(text).split("\n")))


def clock(t: int) -> str:
    """Microseconds as H:MM:SS."""
    seconds = t // SECOND
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def conflict(link: object, frame: object, what: object, number: object, node: object) -> str:
    """Another node of an IPX link shows that one of the server's numbers is not its own; with the remedy."""
    by = f"{link}, {frame}: node {node}"
    match what:
        case "internal-network":
            return f"{by} has the internal network {number} as well; --ipx-network sets another one"
        case "wire-network":
            return f"{by} says that this network is {number}; the section ipx of a configuration file sets the number"
    return f"{by} has the serial number {number} as well; --name sets another one"


def sentence(record: Record) -> str | None:
    """The record as one line of text, None for an event that has none."""
    get = record.get
    subject = f"connection {get('connection')} ({get('user') or 'not logged in'}, {get('station')})"
    cause = _CAUSES.get(get("cause"), get("cause"))
    held = f"{get('held')} of {get('limit')} licenses held"
    verb = "" if get("verb") is None else f", NDS verb {get('verb')}"
    name = "" if get("name") is None else f" ({get('name')})"
    text = {
        "grant": f"{subject} took a license {cause}; {held}",
        "release": f"{get('unit')} is free again: {cause}; {held}",
        "create": f"{get('station')} attached as connection {get('connection')}",
        "close": f"connection {get('connection')} of {get('station')} ended: {cause}",
        "deny": f"{get('station')} was refused, no {get('what')} is free; {held}",
        "login": f"{subject} logged in ({get('how')}{', signed' if get('signed') else ''})",
        "bad-signature": f"{subject}: bad signatures on {get('packets')} packets, which were not executed",
        "login-failed": f"{subject}: login failed, completion code 0x{get('code', 0):02X}",
        "open": f"{subject} opened {get('path')}",
        "shut": f"{subject}: {get('path')} closed ({get('cause')})",
        "idle": f"{subject} has made no request since {clock(round(get('since', 0) * SECOND))}; "
        f"{get('files')} files open, license kept",
        "busy": f"{subject} is active again",
        "watchdog": f"{subject} and the watchdog: {get('what')}",
        "operator": f"{get('by')}: {get('action')}"
        + (f" connection {get('connection')}" if get("connection") else "")
        + (f": {get('text')}" if get("text") else ""),
        "advanced": f"the clock has jumped by {get('seconds')} s",
        "unsupported": f"{subject} requested NCP {get('ncp')}{verb}{name}, which is not supported",
        "unserved": f"out of descriptors: clients over TCP that were disconnected at once: {get('clients')}",
        "conflict": conflict(*map(get, ("link", "frame", "what", "number", "node"))),
        "mark": f"marked: {get('text')}",
        "stop": f"stopped; {held}",
    }.get(record.event)
    return None if text is None else f"{clock(record.t)}  {harmless(text)}"

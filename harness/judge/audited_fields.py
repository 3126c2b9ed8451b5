"""The fields of a server's lines, as docs/journal.md has them, for the audit.

Rules of this file:

* Only what the books rest upon is asked of every journal. All fields are asked of a server whose ``start`` has an
  ``instance``: an older one may lack some.
* Unknown events and unknown fields are no mistake: the format allows new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fakenw.journal.record import Record, microseconds
from fakenw.journal.sentences import harmless

Kind = tuple[str, Callable[[object], bool]]  # in words, and whether a value is one

ACTIONS = frozenset({"clear", "message", "console-message", "set-time", "enable-login", "disable-login"})
ACTIONS |= {"down", "set", "reset", "clock-advance", "close-bindery", "open-bindery"}
_CODES = {("slot", False): 0xF9, ("license", False): 0xF9, ("license", True): 0xE0, ("account", True): 0xD9}


def is_whole(value: object) -> bool:
    """Whether it is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_time(value: object) -> bool:
    t = microseconds(value)
    return t is not None and t >= 0


TEXT: Kind = "text", lambda value: isinstance(value, str)
NUMBER: Kind = "a whole number", is_whole
COUNT: Kind = "a whole number from 0", lambda value: isinstance(value, int) and is_whole(value) and value >= 0
SECONDS: Kind = "seconds", _is_time
FLAG: Kind = "true or false", lambda value: isinstance(value, bool)

FIELDS: Mapping[str, Mapping[str, Kind]] = {
    "start": {
        "format": ("the format 1", lambda value: is_whole(value) and value == 1),
        "release": ("a release", lambda value: value in ("3.12", "4.11", "5.1", "6.5")),
        "licenses": COUNT,
        "seed": NUMBER,
        "speed": SECONDS,
        "utc": TEXT,
        "idle_after": SECONDS,
        "instance": ("32 hexadecimal digits", lambda value: isinstance(value, str) and len(value) == 32),
    },
    "grant": {"unit": TEXT},
    "release": {"unit": TEXT},
    "deny": {"station": TEXT, "code": COUNT},
    "login": {"user": TEXT, "how": TEXT},
    "bad-signature": {"packets": COUNT},
    "login-failed": {"user": TEXT, "code": COUNT},
    "unserved": {"clients": COUNT},
    "conflict": {"link": TEXT, "frame": TEXT, "what": TEXT, "number": TEXT, "node": TEXT},
    "unsupported": {"ncp": TEXT},
    "open": {"handle": TEXT, "path": TEXT},
    "shut": {"handle": TEXT, "path": TEXT},
    "idle": {"since": SECONDS, "files": COUNT},
    "fault": {
        "id": COUNT,
        "what": TEXT,
        "state": TEXT,
        "station": ("text, or null", lambda value: value is None or isinstance(value, str)),
    },
    "operator": {"action": ("an action of an operator", lambda value: isinstance(value, str) and value in ACTIONS)},
    "mark": {"text": TEXT, "from": TEXT},
    "close": {"last_request": SECONDS},
}
_OF_ACTIONS: Mapping[str, Mapping[str, Kind]] = {
    "message": {"text": TEXT},
    "console-message": {"text": TEXT},
    "set-time": {"utc": TEXT},
    "set": {"text": TEXT},
    "clock-advance": {"text": TEXT},
}


_WAY: Kind = "out, in or both", lambda value: value in ("out", "in", "both")
_PERCENT: Kind = "a number to 100", lambda value: isinstance(value, int | float) and 0 < value <= 100
_OF_FAULTS: Mapping[str, Mapping[str, Kind]] = {
    "delay": {"by": SECONDS, "way": _WAY},
    "loss": {"percent": _PERCENT, "way": _WAY},
    "duplicate": {"percent": _PERCENT, "way": _WAY},
    "reorder": {"percent": _PERCENT, "way": _WAY},
    "silence": {"way": _WAY},
    "slow": {"by": SECONDS},
}


def missing(record: Record) -> Iterator[str]:
    """A sentence for each field of a line that is missing, or is no such value."""
    event, fields = record.event, record.fields
    kinds = FIELDS.get(event, {})
    about = fields.get("serial") is not None
    if event == "release" and about:
        kinds = {**kinds, "last_request": SECONDS}
    elif event == "operator":
        kinds = {**kinds, **_of_operator(record, about)}
    elif event == "fault":
        kinds = {**kinds, **_of_fault(fields)}
    elif event == "start" and "keep_cleared" in fields:
        kinds = {**kinds, "keep_cleared": SECONDS}
    elif event == "unsupported" and "name" in fields:
        kinds = {**kinds, "name": TEXT}
    for name, (words, is_one) in kinds.items():
        if not is_one(fields.get(name)):
            yield f"{event}: expected {name} to be {words}, not {harmless(fields.get(name))}"
    if event == "deny":
        expected = _CODES.get((str(fields.get("what")), about))
        has_user = "user" in fields and (about or fields["user"] is None)
        if expected is None or fields.get("code") != expected or not has_user:
            what, code = harmless(fields.get("what")), harmless(fields.get("code"))
            yield f"a connection is not refused {what} with the code {code}"


def _of_fault(fields: Mapping[str, object]) -> dict[str, Kind]:
    """The numbers of a fault, and the address of its operator."""
    kinds = dict(_OF_FAULTS.get(str(fields.get("what")), {}))
    if "for" in fields:
        kinds["for"] = SECONDS
    if fields.get("state") == "end":
        kinds["cause"] = TEXT
    if fields.get("state") == "begin" or fields.get("cause") == "removed":
        kinds["from"] = TEXT
    return kinds


def _of_operator(record: Record, about: bool) -> dict[str, Kind]:
    """The fields of an ``operator`` line, besides its action."""
    action = str(record.get("action"))
    kinds = dict(_OF_ACTIONS.get(action, {}))
    if "from" in record.fields:
        return {**kinds, "from": TEXT}
    if not about:
        kinds["station"] = TEXT
    return {**kinds, "forced": FLAG, "files": COUNT} if action == "down" else kinds

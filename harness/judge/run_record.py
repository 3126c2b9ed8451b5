"""The ``run`` record of a runner's journal: its fields have the types of docs/journal.md, or the journal is no good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fakenw.journal.record import JournalError, Record, microseconds
from fakenw.journal.sentences import harmless
from harness.judge.causes import BY

NEVER = "never"  # in place of the servers that must license a client: by intent none does
Kind = tuple[str, Callable[[Any], bool]]  # in words, and whether a value is one


def _is_list(value: Any, *kinds: type) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, kinds) for one in value)


def _is_duration(value: Any) -> bool:
    time = microseconds(value)
    return time is not None and time >= 0


def _is_proof(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    needs = [needs for needs in value.values() if needs not in (None, NEVER)]
    return all(_is_list(one, list) and all(servers and _is_list(servers, str) for servers in one) for one in needs)


def _is_assertion(value: Any) -> bool:
    texts = ("user", "station", "by")
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(name), str | None) for name in texts)
        and value.get("by", "client") in BY
        and _is_duration(value.get("since", 0))
        and type(value.get("clients", 1)) is int
    )


_TEXT: Kind = "text", lambda value: isinstance(value, str)
_SECONDS: Kind = "seconds from 0", _is_duration
_OBJECTS: Kind = "a list of objects", lambda value: _is_list(value, dict)
_TEXTS: Kind = "a list of text", lambda value: _is_list(value, str)
_FIELDS: Mapping[str, Kind] = {
    **dict.fromkeys(("scenario", "title", "source", "variant", "why", "cause", "transport", "on", "expect"), _TEXT),
    **dict.fromkeys(("within", "patience", "idle_after", "timeout"), _SECONDS),
    **dict.fromkeys(("servers", "clients"), _OBJECTS),
    **dict.fromkeys(("fails", "behaviors"), _TEXTS),
    "assertion": ("an object with user, station, since, by and clients", _is_assertion),
    "proof": ("for each client lists of servers, null or never", _is_proof),
    "faults": ("a list", lambda value: isinstance(value, list | tuple)),
    "checks": ("a list of names, or of objects", lambda value: _is_list(value, str, dict)),
}


def settings(record: Record, where: str) -> Mapping[str, Any]:
    """The fields of a ``run`` record, which stands at *where*; all may be left out. Raises JournalError.

    Fields that are only shown may have any value.
    """
    for name, (words, is_one) in _FIELDS.items():
        value = record.get(name)
        if value is not None and not is_one(value):
            raise JournalError(f"{where}: {name}: expected {words}, not {harmless(value)[:80]}")
    return record.fields

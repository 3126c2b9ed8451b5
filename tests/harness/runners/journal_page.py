"""docs/journal.md, read: the fields of every record, and their types."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fakenw.journal.record import Record

PAGE = Path(__file__).parents[3] / "docs" / "journal.md"
TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "wall time": (str,),
    "integer": (int,),
    "number": (int, float),
    "seconds": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
    "object": (dict,),
}
Fields = dict[str, tuple[type, ...]]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of a table that begins with a name."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def types(told: str) -> tuple[type, ...]:
    """What *told* means: ``text: a, b`` or ``seconds or null``."""
    (kind,) = (one for one in TYPES if re.match(rf"{one}\b", told))
    return (*TYPES[kind], type(None)) if re.match(rf"{kind} or null\b", told) else TYPES[kind]


@functools.cache
def documented() -> dict[tuple[str, str], Fields]:
    """The fields of each event, by (role, event): those of every line, of lines about a connection, and its own."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:]
    first = next(section for section in sections if section.startswith("Every line"))
    sections = [section for section in sections if section.split()[0] in ("Server", "Client", "Runner")]
    found: dict[tuple[str, str], Fields] = {}
    for section in sections:
        section, _, run = section.partition("The `run` record explains")
        always = {name: types(told) for names, told, *_ in rows(first) for name in re.findall("`(.+?)`", names)}
        own: dict[str, Fields] = {}
        for names, told, *more in rows(section):
            if types_of := [one for one in TYPES if re.match(rf"{one}\b", told)]:
                assert len(types_of) == 1
                always |= {name: types(told) for name in re.findall("`(.+?)`", names)}
            else:
                fields = {name: types(kind) for name, kind in re.findall(r"`(\w+)` \(([^)]*)", " ".join(more))}
                own |= dict.fromkeys(re.findall("`(.+?)`", names), fields)
        role = section.split()[0].lower()
        found |= {(role, event): always | fields for event, fields in own.items()}
        if run:
            found[role, "run"] |= {
                name: types(told) for names, told, *_ in rows(run) for name in re.findall("`(.+?)`", names)
            }
    return found


def undocumented(record: Record) -> set[tuple[str, str, str]]:
    """What of a record the page does not say: role, event and field."""
    fields: dict[str, Any] = {"t": 0, "role": record.role, "event": record.event, **record.fields}
    of = documented().get((record.role, record.event), {})
    return {
        (record.role, record.event, name)
        for name, value in fields.items()
        if not isinstance(value, of.get(name, ())) or (isinstance(value, bool) and of[name] != (bool,))
    }

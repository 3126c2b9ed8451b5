"""The types of fields: durations, names, lists in which a name stands once.

Rules of this file:

* A duration is text with units (``1h30m``) or a number of seconds in files and JSON, and a whole number of
  microseconds in the program.
* A mistake is a ValueError, which names the given value and the expectation.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictInt,
    StringConstraints,
    WithJsonSchema,
)

from fakenw.config.yaml_file import shown
from fakenw.journal.record import SECOND
from fakenw.wire.layout import CODE_PAGE

_BINDERY_NAME = re.compile(r'[^\x00-\x20\x7f/\\:;,*?"<>|]{1,47}')
_UNITS = {"d": 86_400 * SECOND, "h": 3_600 * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": SECOND // 1000}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}){unit})?" for unit in _UNITS))


def duration(text: object) -> int:
    """Microseconds from ``"1h30m"``, ``"500ms"``, or a number of seconds. Raises ValueError."""
    if isinstance(text, str):
        stripped = text.strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", stripped):
            return round(float(stripped) * SECOND)
        if stripped and (match := _DURATION.fullmatch(stripped)):
            return sum(int(number) * _UNITS[unit] for unit, number in match.groupdict("0").items())
    elif isinstance(text, int | float) and not isinstance(text, bool) and 0 <= text < 10**9:
        return round(text * SECOND)
    raise ValueError(f"{shown(text)} is not a duration; expected text such as 500ms, 30s, 10m, 4h, 2d or 1h30m")


def size(text: str) -> int:
    """Bytes from ``"100M"``, ``"64K"``, ``"1G"`` or a number, more than 0. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,12})([KMG]?)", text.strip().upper())
    if match is None or not int(match[1]):
        raise ValueError(f"{shown(text)} is not a size; expected text such as 64K, 100M or 1G")
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]


def seconds(microseconds: int) -> int | float:
    """A duration as JSON has it: seconds, as an int where possible."""
    return microseconds / SECOND if microseconds % SECOND else microseconds // SECOND


def _some_time(microseconds: int) -> int:
    if microseconds == 0:
        raise ValueError("no time at all; expected more than 0")
    return microseconds


def some(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not items:
        raise ValueError("empty; expected at least one")
    return items


class _Repeated(str):
    """A name that stands in an earlier item of the same list too."""


def mark_repeated(items: Any) -> Any:
    """Mark repeated names before the items are read, so that they are reported together with all other mistakes."""
    seen: set[str] = set()

    def marked(item: Any) -> Any:
        name = item.get("name") if isinstance(item, dict) else item
        if not isinstance(name, str):
            return item
        repeated = name.upper() in seen
        seen.add(name.upper())
        if not repeated:
            return item
        return {**item, "name": _Repeated(name)} if isinstance(item, dict) else _Repeated(name)

    return [marked(item) for item in items] if isinstance(items, list) else items


def on_the_wire(text: str) -> str:
    """Refuse text outside code page 437, which cannot be sent."""
    try:
        text.encode(CODE_PAGE)
    except UnicodeEncodeError as problem:
        raise ValueError(f"{shown(text[problem.start])} cannot be sent; expected characters of code page 437") from None
    return text


def is_bindery_name(text: str) -> bool:
    """Whether *text* is a valid name of a server, a user or a group."""
    return _BINDERY_NAME.fullmatch(text) is not None


def name(pattern: re.Pattern[str], expected: str) -> BeforeValidator:
    """Refuse a name that does not match *pattern*, or that an earlier item of the same list has."""

    def check(value: Any) -> Any:
        if isinstance(value, _Repeated):
            raise ValueError(f"{shown(str(value))} again; expected a name that no other has")
        if isinstance(value, str) and not pattern.fullmatch(value):
            raise ValueError(f"{shown(value)} is not a name; expected {expected}")
        return value

    return BeforeValidator(check)


Text = Annotated[str, StringConstraints(min_length=1)]
BinderyName = Annotated[
    str,
    name(_BINDERY_NAME, "1 to 47 characters without blanks and punctuation"),
    AfterValidator(str.upper),
    AfterValidator(on_the_wire),
]
WireText = Annotated[Text, AfterValidator(on_the_wire)]
Count = Annotated[StrictInt, Field(ge=1)]
DURATION: dict[str, Any] = {  # in JSON Schema
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\s*\d[\d.]*((d|h|m|s|ms)\d*)*\s*$"}]
}
Duration = Annotated[int, BeforeValidator(duration), PlainSerializer(seconds), WithJsonSchema(DURATION)]
SomeTime = Annotated[Duration, AfterValidator(_some_time)]

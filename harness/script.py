"""The words a scenario is written in: durations, names, users, the steps of a script, the checks.

Rules of this file:

* The same words mean the same in a file, in Python and in JSON: what ``model_dump`` writes,
  ``model_validate`` reads.
* A duration is text with units (``1h30m``) or a number of seconds where it is written, and a whole
  number of microseconds where it is used.
* A step is one key with its arguments (``wait: 10m``), or its bare name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictInt,
    StringConstraints,
    Tag,
)

from fakenw.records import SECOND
from harness import nal
from harness.yamlfile import Named, one_of, shown, verb_of
from harness.yamlfile import ScenarioError as ScenarioError

WITHIN = 300 * SECOND  # in which a unit has to be given back, where no check says otherwise

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,46}")
_BINDERY_NAME = re.compile(r'[^\x00-\x20\x7f/\\:;,*?"<>|]{1,47}')
_UNITS = {"d": 86_400 * SECOND, "h": 3_600 * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": SECOND // 1000}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}){unit})?" for unit in _UNITS))


def duration(text: object) -> int:
    """Microseconds from ``"1h30m"``, ``"500ms"``, or a number of seconds. Raises ValueError."""
    if isinstance(text, str):
        spelled = text.strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", spelled):
            return round(float(spelled) * SECOND)
        if spelled and (match := _DURATION.fullmatch(spelled)):
            return sum(int(number) * _UNITS[unit] for unit, number in match.groupdict("0").items())
    elif isinstance(text, int | float) and not isinstance(text, bool) and 0 <= text < 10**9:
        return round(text * SECOND)
    raise ValueError(f"{shown(text)} is not a duration; expected text such as 500ms, 30s, 10m, 4h, 2d or 1h30m")


def seconds(microseconds: int) -> int | float:
    """A duration as it is written in JSON: seconds, as a whole number where it is one."""
    return microseconds / SECOND if microseconds % SECOND else microseconds // SECOND


def _some_time(microseconds: int) -> int:
    if microseconds == 0:
        raise ValueError("no time at all; expected more than 0")
    return microseconds


def some(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not items:
        raise ValueError("empty; expected at least one")
    return items


Duration = Annotated[int, BeforeValidator(duration), PlainSerializer(seconds)]
SomeTime = Annotated[Duration, AfterValidator(_some_time)]


@dataclass(frozen=True, slots=True)
class User:
    """A NetWare user, and the password (none: empty). Written ``NAME`` or ``NAME:PASSWORD``."""

    name: str
    password: str = ""

    @classmethod
    def parse(cls, text: object) -> User:
        """Raises ValueError. The text of the error never shows the password."""
        if isinstance(text, cls):
            return text
        name, _, password = text.partition(":") if isinstance(text, str) else ("", "", "")
        if not _BINDERY_NAME.fullmatch(name):
            raise ValueError("not a user; expected text: NAME or NAME:PASSWORD, NAME of 1 to 47 characters")
        return cls(name.upper(), password)

    def __str__(self) -> str:
        return f"{self.name}:{self.password}" if self.password else self.name


class _Repeated(str):
    """A name that an earlier item of the same list has."""


def mark_repeated(items: Any) -> Any:
    """Mark repeated names before the items are read, so that they are told together with all other mistakes."""
    seen: set[str] = set()

    def marked(item: Any) -> Any:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str):
            return item
        repeated = name.upper() in seen
        seen.add(name.upper())
        return {**item, "name": _Repeated(name)} if repeated else item

    return [marked(item) for item in items] if isinstance(items, list) else items


def _name(pattern: re.Pattern[str], expected: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if isinstance(value, _Repeated):
            raise ValueError(f"{shown(str(value))} again; expected a name that no other has")
        if isinstance(value, str) and not pattern.fullmatch(value):
            raise ValueError(f"{shown(value)} is not a name; expected {expected}")
        return value

    return BeforeValidator(check)


def _nal_path(text: str) -> str:
    nal.NalPath.parse(text)
    return text


Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, _name(_NAME, "1 to 47 letters, digits, dots, dashes and underscores")]
ServerName = Annotated[
    str, _name(_BINDERY_NAME, "1 to 47 characters without blanks and punctuation"), AfterValidator(str.upper)
]
NalPath = Annotated[str, AfterValidator(_nal_path)]
UserText = Annotated[User, PlainValidator(User.parse), PlainSerializer(str)]
Count = Annotated[StrictInt, Field(ge=1)]


class _Step(Named):
    def order(self) -> dict[str, Any]:
        """The step as a client machine takes it: ``{"verb": ..., "args": {...}}``, durations in microseconds."""
        return {"verb": self.verb, "args": {name: value for name, value in self if value is not None}}


class NalOpen(_Step):
    """NAL opens a path for an owner: the local identity that stands in the registry, not the NetWare user."""

    verb = "nal.open"
    path: NalPath = Field(description=r"a NAL path: TYPE:\\SERVER\...")
    owner: Text = Field(description="the account that owns the entry in the registry")


class NalClose(_Step):
    """NAL gives up a path that it has open; left out: the one that it opened last."""

    verb = "nal.close"
    path: NalPath | None = None


class ApmOpen(_Step):
    """APM opens a file; *server* left out: on the one that the client connected to last."""

    verb = "apm.open"
    file: Text = Field(description="a file: VOLUME:DIRECTORY/FILE")
    server: ServerName | None = None


class ApmClose(_Step):
    """APM closes the file that it opened last."""

    verb = "apm.close"


class Wait(_Step):
    """Nothing for a while."""

    verb = "wait"
    only = "duration"
    duration: Duration


class Repeat(_Step):
    """The same steps again and again."""

    verb = "repeat"
    times: Count = Field(description="how often")
    script: Annotated[Script, AfterValidator(some)] = Field(description="a list of steps")

    def order(self) -> dict[str, Any]:
        return {"verb": self.verb, "args": {"times": self.times, "script": [step.order() for step in self.script]}}


Step = Annotated[
    Annotated[NalOpen, Tag(NalOpen.verb)]
    | Annotated[NalClose, Tag(NalClose.verb)]
    | Annotated[ApmOpen, Tag(ApmOpen.verb)]
    | Annotated[ApmClose, Tag(ApmClose.verb)]
    | Annotated[Wait, Tag(Wait.verb)]
    | Annotated[Repeat, Tag(Repeat.verb)],
    Discriminator(verb_of),
    one_of("step", NalOpen, NalClose, ApmOpen, ApmClose, Wait, Repeat),
]
Script = tuple[Step, ...]
Repeat.model_rebuild()


class NeverOverLimit(Named):
    """No server ever granted more than its licenses."""

    verb = "never_over_limit"


class BooksBalance(Named):
    """Every grant and release of a server match."""

    verb = "books_balance"


class NoWorkInterrupted(Named):
    """No connection was let go while work was open on it."""

    verb = "no_work_interrupted"


class Released(Named):
    """Every unit is given back within this time of being no longer needed."""

    verb = "released"
    within: SomeTime = WITHIN


class Bounded(Named):
    """No client holds more units than these at the end."""

    verb = "bounded"
    units: Annotated[StrictInt, Field(ge=0)] = Field(description="a whole number of units")


Check = Annotated[
    Annotated[NeverOverLimit, Tag(NeverOverLimit.verb)]
    | Annotated[BooksBalance, Tag(BooksBalance.verb)]
    | Annotated[NoWorkInterrupted, Tag(NoWorkInterrupted.verb)]
    | Annotated[Released, Tag(Released.verb)]
    | Annotated[Bounded, Tag(Bounded.verb)],
    Discriminator(verb_of),
    one_of("check", NeverOverLimit, BooksBalance, NoWorkInterrupted, Released, Bounded),
]

"""The words a scenario is written in: names, users, the steps of a script, the checks.

Rules of this file:

* The same words mean the same in a file, in Python and in JSON: what ``model_dump`` writes,
  ``model_validate`` reads.
* A step is one key with its arguments (``wait: 10m``), or its bare name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictInt,
    Tag,
)

from fakenw.records import SECOND
from fakenw.words import (
    BinderyName,
    Count,
    Duration,
    SomeTime,
    Text,
    WireText,
    is_bindery_name,
    name,
    on_the_wire,
    some,
)
from fakenw.yamlfile import Named, one_of, verb_of
from harness import nal

WITHIN = 300 * SECOND  # in which a unit has to be given back, where no check says otherwise

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,46}")


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
        if not is_bindery_name(name):
            raise ValueError("not a user; expected text: NAME or NAME:PASSWORD, NAME of 1 to 47 characters")
        try:
            on_the_wire(f"{name}{password}")
        except ValueError:
            raise ValueError("not a user; expected NAME and PASSWORD in characters of code page 437") from None
        return cls(name.upper(), password)

    def __str__(self) -> str:
        return f"{self.name}:{self.password}" if self.password else self.name


def _nal_path(text: str) -> str:
    nal.NalPath.parse(text)
    return on_the_wire(text)


Name = Annotated[str, name(NAME, "1 to 47 letters, digits, dots, dashes and underscores")]
NalPath = Annotated[str, AfterValidator(_nal_path)]
UserText = Annotated[User, PlainValidator(User.parse), PlainSerializer(str)]


class _Step(Named):
    def order(self) -> dict[str, Any]:
        """The step as a client machine takes it: ``{"verb": ..., "args": {...}}``, durations in microseconds."""
        return {"verb": self.verb, "args": {name: value for name, value in self if value is not None}}


class NalOpen(_Step):
    """NAL opens a path for an owner: the local identity that stands in the registry, not the NetWare user."""

    verb = "nal.open"
    path: NalPath = Field(description=r"a NAL path: TYPE:\\SERVER\...")
    owner: Text = Field(description="the account that owns the entry in the registry")
    retry: SomeTime | None = Field(None, description="how soon to try again, and again, after a refusal")


class NalClose(_Step):
    """NAL gives up a path that it has open; left out: the one that it opened last."""

    verb = "nal.close"
    path: NalPath | None = None


class ApmOpen(_Step):
    """APM opens a file; *server* left out: on the one that the client connected to last."""

    verb = "apm.open"
    file: WireText = Field(description="a file: VOLUME:DIRECTORY/FILE")
    server: BinderyName | None = None


class ApmClose(_Step):
    """APM closes the file that it opened last."""

    verb = "apm.close"


class OperatorClear(_Step):
    """A console operator clears all connections of a user."""

    verb = "operator.clear"
    server: BinderyName = Field(description="the server whose operator it is")
    user: BinderyName = Field(description="the user whose connections are cleared")
    disable_login: StrictBool = False  # first, so that nobody can come back


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
    | Annotated[OperatorClear, Tag(OperatorClear.verb)]
    | Annotated[Wait, Tag(Wait.verb)]
    | Annotated[Repeat, Tag(Repeat.verb)],
    Discriminator(verb_of),
    one_of("step", NalOpen, NalClose, ApmOpen, ApmClose, OperatorClear, Wait, Repeat),
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

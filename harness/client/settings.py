"""Settings of the parts of a client, the verbs of its components, and the field types of both.

Rules of this file:

* A *setting* changes one thing in how a part of a client works. The defaults are as shipped, or those of any Windows
  client; a documented defect is a setting of its scenario.
* A *verb* is a method of a component that scripts may call. The step of a scenario, its checks, its JSON and its place
  in the JSON Schema are made from its signature.
* In files, durations are text or seconds; a method gets microseconds.
* A parameter whose type has a ``Mention`` names a server or a user: the scenario must have it, and the judge asks for
  a license of the server.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, TypeVar, get_args

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from fakenw.config.field_types import BinderyName, WireText, is_bindery_name, name, on_the_wire
from fakenw.config.yaml_file import Model, expected_one_of, shown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,46}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A NetWare user and its password, which may be empty. Written ``NAME`` or ``NAME:PASSWORD``."""

    name: str
    password: str = ""

    @classmethod
    def parse(cls, text: object) -> Credentials:
        """Read *text*. Raises ValueError, whose text never shows the password."""
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


def _drive(text: object) -> str:
    if not isinstance(text, str) or not re.fullmatch("[A-Za-z]:", text):
        raise ValueError(f"{shown(text)} is not a drive; expected a letter with a colon, such as G:")
    return text.upper()


class Mention(Enum):
    """What the argument of a step names."""

    SERVER = "server"
    ASKED = "server without a login"
    PATH = "NAL path"
    USER = "user"
    FILE = "file that exists"

    @classmethod
    def within(cls, hint: Any) -> Mention | None:
        """The mention in a type: its own, or that of a part of it, as in ``ServerName | None``."""
        own = (one for one in getattr(hint, "__metadata__", ()) if isinstance(one, cls))
        parts = (found for part in get_args(hint) if (found := cls.within(part)))
        return next(own, None) or next(parts, None)


Name = Annotated[str, name(NAME, "1 to 47 letters, digits, dots, dashes and underscores")]
UserText = Annotated[
    Credentials, PlainValidator(Credentials.parse), PlainSerializer(str), WithJsonSchema({"type": "string"})
]
AskedServer = Annotated[BinderyName, Mention.ASKED, Field(description="the name of a server")]
ServerName = Annotated[BinderyName, Mention.SERVER, Field(description="the name of a server")]
UserName = Annotated[BinderyName, Mention.USER, Field(description="the name of a user")]
ServerFile = Annotated[WireText, Mention.FILE, Field(description="a file: VOLUME:DIRECTORY/FILE")]
File = Annotated[WireText, Field(description="a file: VOLUME:DIRECTORY/FILE")]
Drive = Annotated[
    str, PlainValidator(_drive), WithJsonSchema({"type": "string"}), Field(description="a drive, such as G:")
]


class Settings(Model):
    """Settings of a part of a client. A single switch may be written as its name: ``arbiter: counted``."""

    @classmethod
    def unfold(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        switches = [name for name, field in cls.model_fields.items() if field.annotation is bool]
        if data not in switches:
            raise ValueError(f"{shown(data)} is unknown; {expected_one_of([*switches, 'a mapping'], data)}")
        return {data: True}


S = TypeVar("S", bound=Settings)
V = TypeVar("V", bound=Callable[..., Awaitable[None]])


def merged(*layers: S) -> S:
    """The settings of all *layers*; for each field the last layer that sets it wins."""
    given = {name: getattr(layer, name) for layer in layers for name in sorted(layer.model_fields_set)}
    return layers[0].model_copy(update=given)


def verb(method: V) -> V:
    """Mark an ``async def`` method of a component as one that scripts may call, as ``component.method``."""
    method.is_verb = True  # type: ignore[attr-defined]
    return method


def verbs(component: type[object]) -> dict[str, Callable[..., Awaitable[None]]]:
    """The verbs of a component's class in order: its methods by their names in scripts, which have dashes."""
    found = {name: one for kind in reversed(component.__mro__) for name, one in vars(kind).items()}
    return {name.replace("_", "-"): one for name, one in found.items() if getattr(one, "is_verb", False)}

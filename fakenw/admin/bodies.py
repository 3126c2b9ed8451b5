"""The bodies of the requests that change something, as JSON has them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, WithJsonSchema

from fakenw.config.field_types import DURATION, Duration, duration, on_the_wire
from fakenw.config.yaml_file import Model, shown
from fakenw.core.services.message import SHORT
from fakenw.core.settings import watchdog

LONGEST_TEXT = 200


def _watchdog(text: str) -> str:
    watchdog(text)
    return text


def _some_time(given: object) -> object:
    if given is not None and not duration(given):
        raise ValueError("no time at all; expected more than 0, or null: never")
    return given


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{shown(text)}; expected printable characters only")
    return text


Forever = {"anyOf": [*DURATION["anyOf"], {"type": "null"}]}
Connections = Annotated[list[Annotated[StrictInt, Field(ge=1, le=65_535)]], Field(min_length=1)]


class Selection(Model):
    """Connections, by their numbers."""

    connections: Connections = Field(description="a list of numbers of connections, at least one")


class Message(Model):
    """A message for stations, which fetch it by NCP 21/1: so it is short, and of code page 437."""

    text: Annotated[
        str, Field(min_length=1, max_length=SHORT), AfterValidator(_printable), AfterValidator(on_the_wire)
    ] = Field(description=f"1 to {SHORT} printable characters")


class Mark(Model):
    """The line of a mark."""

    text: Annotated[str, Field(max_length=LONGEST_TEXT)] = "mark"


class Login(Model):
    """Whether login is open."""

    enabled: StrictBool = Field(description="true or false")


class Changes(Model):
    """Settings of a running server; those that are left out stay as they are."""

    licenses: Annotated[StrictInt, Field(ge=0, le=65_534)] = 0
    watchdog: Annotated[str, AfterValidator(_watchdog), Field(description="off, or FIRST,BETWEEN,COUNT")] = "off"
    clear_idle: Annotated[
        int | float | str | None,
        BeforeValidator(_some_time),
        WithJsonSchema({**Forever, "description": "a duration, or null: never"}),
    ] = None


class Reset(Model):
    """Whether clients that are connected are ended too."""

    force: StrictBool = False


class Advance(Model):
    """How far the server's clock is advanced."""

    seconds: Duration = Field(description="a duration, such as 4h or 90")

"""The settings of a scenario: of its servers, of its clients, and of the parts of a client.

Rules of this file:

* Settings are merged field by field; the last layer that sets a field wins.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, StrictBool, StrictInt, ValidationInfo, field_validator

from fakenw.wire.packet import LARGEST_CONNECTION
from fakenw.words import BinderyName, Count, SomeTime, Text, some
from fakenw.yamlfile import Model, expected_one_of, shown
from harness.script import Name, Script, User, UserText

Transport = Literal["udp", "tcp"]
Release = Literal["3.12", "4.11", "5.1", "6.5"]
Policy = Literal["attach", "login", "service", "nls", "ual"]


def _container_path(text: str) -> str:
    if not PurePosixPath(text).is_absolute() or text.endswith("/"):
        raise ValueError(f"{shown(text)} is not a place in a container; expected /a/path/and/file")
    return text


ContainerPath = Annotated[Text, AfterValidator(_container_path)]
_A = {"command": "a command", "image": "an image"}


class Settings(Model):
    """Settings of a part of a client. A switch alone can be written as its name: ``arbiter: counted``."""

    @classmethod
    def unfold(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        switches = [name for name, field in cls.model_fields.items() if field.annotation is bool]
        if data not in switches:
            raise ValueError(f"{shown(data)} is unknown; {expected_one_of([*switches, 'a mapping'], data)}")
        return {data: True}


class Arbiter(Settings):
    """NAL's arbiter. The defaults are as shipped, or our reading where KB Q257223 leaves it open."""

    counted: StrictBool = False  # APM registers its use with the arbiter
    forced: StrictBool = False  # the release is forced, whatever is open
    retry: SomeTime | None = None  # a refused release is asked for again, this often
    key: Literal["survives", "deleted"] = "survives"  # ResourceN after a refused release
    reopen: Literal["reuse", "add"] = "reuse"  # a later open: on the orphan, or on a connection more
    drop: Literal["decrement", "zero"] = "decrement"  # what a close does to the reference count


class ApmSettings(Settings):
    """The Available Programs Manager."""

    private: StrictBool = False  # APM opens a connection of its own


class RedirectorSettings(Settings):
    """The redirector."""

    idle_timeout: SomeTime | None = None  # lets go of a connection that was not used for so long
    reconnect: StrictBool = False  # a connection that the server ended is made again, with its files


class ServerSpec(Model):
    """A server of a scenario."""

    name: BinderyName = Field(description="the name of the server, 1 to 47 characters")
    release: Release = "5.1"
    licenses: Annotated[StrictInt, Field(ge=0, le=LARGEST_CONNECTION)] = 5
    policy: Policy | None = None  # the release's own
    connections: Annotated[StrictInt, Field(ge=1, le=LARGEST_CONNECTION)] = 1000
    users: tuple[UserText, ...] = ()

    def accounts(self) -> list[tuple[str, str]]:
        """The users as (name, password)."""
        return [(user.name, user.password) for user in self.users]


class ClientSpec(Model):
    """A client, or *count* of them: scripted, or the user's own, as a program or as an image."""

    name: Name = Field(description="the name of the client")
    user: UserText = User("GUEST")
    transport: Transport | None = None  # the run's
    count: Count = 1
    script: Script | None = None
    command: Annotated[tuple[Text, ...], AfterValidator(some)] | None = None  # without it: the image's own
    image: Text | None = Field(None, validate_default=True)
    environment: dict[str, str] = Field(default_factory=dict)
    files: dict[ContainerPath, Text] = Field(default_factory=dict)  # in the container: beside the scenario's file
    arbiter: Arbiter = Arbiter()
    apm: ApmSettings = ApmSettings()
    redirector: RedirectorSettings = RedirectorSettings()

    @field_validator("command", "image")
    @classmethod
    def _either(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("script") is not None:
            raise ValueError(f"a script and {_A[str(info.field_name)]}; expected exactly one of them")
        others = [info.data.get(name, ...) for name in ("script", "command")]  # ...: it has a mistake of its own
        if info.field_name == "image" and value is None and others == [None, None]:
            raise ValueError("neither a script nor a command nor an image; expected one of them")
        return value

    @field_validator("files")
    @classmethod
    def _only_in_images(cls, files: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if files and "image" in info.data and info.data["image"] is None:
            raise ValueError("files without an image; expected an image to put them in")
        return files

    def names(self) -> list[str]:
        """The names of the *count* clients. No client of a file can be called like the second of them."""
        return [self.name] if self.count == 1 else [f"{self.name}#{n}" for n in range(1, self.count + 1)]


S = TypeVar("S", bound=Settings)


def merged(*layers: S) -> S:
    """All that the layers set; the last one wins."""
    given = {name: getattr(layer, name) for layer in layers for name in sorted(layer.model_fields_set)}
    return layers[0].model_copy(update=given)

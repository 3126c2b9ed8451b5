"""The settings of a scenario: of its servers, of its clients, and of the parts of a client."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, ValidationInfo, field_validator

from fakenw.config.field_types import BinderyName, Count, SomeTime, Text, some
from fakenw.config.server_file import Ncp
from fakenw.config.yaml_file import Model, shown
from fakenw.core.settings import watchdog
from fakenw.wire.packet import LARGEST_CONNECTION
from harness.client.arbiter import ArbiterSettings
from harness.client.components.apm import ApmSettings
from harness.client.components.ccim import CcimSettings
from harness.client.components.copyqueue import CopyQueueSettings
from harness.client.components.inventory import InventorySettings
from harness.client.components.odp import OdpSettings
from harness.client.components.pcm import PcmSettings
from harness.client.components.service import ServiceSettings
from harness.client.components.user import UserSettings
from harness.client.redirector import RedirectorSettings
from harness.client.reg_file import parse
from harness.client.selection import NalSettings
from harness.client.settings import Credentials, Name, Settings, UserText, merged
from harness.judge.endings import ANY
from harness.scenario.steps import Script

Transport = Literal["udp", "tcp", "ipx"]
FrameName = Literal["ETHERNET_II", "ETHERNET_802.3", "ETHERNET_802.2", "ETHERNET_SNAP"]
Release = Literal["3.12", "4.11", "5.1", "6.5"]
Policy = Literal["attach", "login", "service", "nls", "ual"]
Never = Literal["never"]
LoginWay = Literal["bindery", "nds"]
SignatureLevel = Annotated[StrictInt, Field(ge=0, le=3)]


def _container_path(text: str) -> str:
    if not PurePosixPath(text).is_absolute() or text.endswith("/"):
        raise ValueError(f"{shown(text)} is not a place in a container; expected /a/path/and/file")
    return text


def _watchdog(text: str) -> str:
    watchdog(text)
    return text


def _exit_code(value: object) -> object:
    if value != ANY and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 255):
        raise ValueError(f"{shown(value)} is not an exit code; expected 0 to 255, or {ANY}")
    return value


ContainerPath = Annotated[Text, AfterValidator(_container_path)]
ExitCode = Annotated[int | Literal["any"], BeforeValidator(_exit_code)]
_A = {"command": "a command", "image": "an image"}


class Parts(Model):
    """The settings of the parts of a client, by the names of the parts, and how its connections log in."""

    login: LoginWay = "bindery"  # nds: to the tree of the server, where it has one
    signatures: SignatureLevel | None = None  # the client's level of packet signatures; left out: it does not ask
    arbiter: ArbiterSettings = ArbiterSettings()
    redirector: RedirectorSettings = RedirectorSettings()
    nal: NalSettings = NalSettings()
    apm: ApmSettings = ApmSettings()
    odp: OdpSettings = OdpSettings()
    ccim: CcimSettings = CcimSettings()
    copyqueue: CopyQueueSettings = CopyQueueSettings()
    inventory: InventorySettings = InventorySettings()
    pcm: PcmSettings = PcmSettings()
    logon: UserSettings = UserSettings()
    service: ServiceSettings = ServiceSettings()

    @staticmethod
    def of(*layers: Parts) -> dict[str, Any]:
        """The settings of every part, merged field by field; the last layer that sets a field wins."""
        found: dict[str, Any] = {part: merged(*(getattr(layer, part) for layer in layers)) for part in PARTS}
        for name in LOGIN_FIELDS:
            given = [getattr(layer, name) for layer in layers if name in layer.model_fields_set]
            found |= {name: given[-1]} if given else {}
        return found


LOGIN_FIELDS = ("login", "signatures")
PARTS: dict[str, type[Settings]] = {
    name: type(field.default) for name, field in Parts.model_fields.items() if name not in LOGIN_FIELDS
}


class ServerHabits(Model):
    """The settings of a server that a variant can change for all servers."""

    release: Release = "5.1"  # of NetWare
    licenses: Annotated[StrictInt, Field(ge=0, le=LARGEST_CONNECTION)] = 5  # connection licenses
    policy: Policy | None = None  # what costs a license; left out: the release's own
    connections: Annotated[StrictInt, Field(ge=1, le=LARGEST_CONNECTION)] = 1000  # connection numbers
    user_connections: Annotated[StrictInt, Field(ge=0, le=65_535)] = 0  # of one user at once; 0: any number
    watchdog: Annotated[Text, AfterValidator(_watchdog)] | None = None  # off, or FIRST,BETWEEN,COUNT
    clear_idle: SomeTime | None = None  # idle time after which the server clears a licensed connection
    keep_cleared: SomeTime | None = None  # under nls: how long the unit of a cleared connection is held
    slow: dict[Ncp, SomeTime] = Field(default_factory=dict)  # the duration of slow NCPs
    tree: BinderyName | None = None  # the NDS tree; without it a client that logs in to NDS finds one on 4.x and later
    signatures: SignatureLevel = 1  # of packets: 0 never, 1 if the client asks, 2 if it can, 3 always


class ServerSpec(ServerHabits):
    """A server of a scenario."""

    name: BinderyName = Field(description="the name of the server, 1 to 47 characters")
    users: tuple[UserText, ...] = ()  # NAME or NAME:PASSWORD, besides SUPERVISOR and GUEST

    def with_habits(self, habits: ServerHabits) -> ServerSpec:
        """The server with all fields that *habits* sets."""
        return self.model_copy(update={name: getattr(habits, name) for name in habits.model_fields_set})

    def accounts(self) -> list[tuple[str, str]]:
        """The users as (name, password)."""
        return [(user.name, user.password) for user in self.users]


class ClientSpec(Parts):
    """A client, or *count* of them: scripted, or the user's own program or image."""

    name: Name = Field(description="the name of the client")
    user: UserText = Credentials("GUEST")  # of the logon, NAME or NAME:PASSWORD
    transport: Transport | None = None  # left out: the run's
    frame: FrameName = "ETHERNET_802.2"  # the frame type of IPX, which is a network of its own
    count: Count = 1  # so many machines, called NAME#1, NAME#2 ...
    script: Script | None = None  # the steps of a scripted client
    command: Annotated[tuple[Text, ...], AfterValidator(some)] | None = None  # a program of the user's own
    image: Text | None = Field(None, validate_default=True)  # an image of the user's own; runs command, or its own
    exit: ExitCode = 0  # the expected exit code of a command or an image
    environment: dict[str, str] = Field(default_factory=dict)  # of a command or an image
    files: dict[ContainerPath, Text] = Field(default_factory=dict)  # path in the container: path by the scenario's file
    accounts: tuple[UserText, ...] = ()  # client connection accounts, and those of services
    registry: Text | None = None  # the text of a .reg file: the machine's registry at the start
    licensed: Never | None = None  # never: by intent no server licenses it; else the servers that its steps name must

    @field_validator("command", "image")
    @classmethod
    def _either(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("script") is not None:
            raise ValueError(f"a script and {_A[str(info.field_name)]}; expected exactly one of them")
        others = [info.data.get(name, ...) for name in ("script", "command")]  # ...: it has a mistake of its own
        if info.field_name == "image" and value is None and others == [None, None]:
            raise ValueError("neither a script nor a command nor an image; expected one of them")
        return value

    @field_validator("exit")
    @classmethod
    def _of_a_program(cls, code: ExitCode, info: ValidationInfo) -> ExitCode:
        if code != 0 and info.data.get("script") is not None:
            raise ValueError("an exit code of a script; expected one of a command or an image")
        return code

    @field_validator("registry")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            parse(text.encode(), "registry")
        return text

    @field_validator("files")
    @classmethod
    def _only_in_images(cls, files: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if files and "image" in info.data and info.data["image"] is None:
            raise ValueError("files without an image; expected an image to put them in")
        return files

    def names(self) -> list[str]:
        """The names of the *count* clients. The ``#`` in them is not allowed in a file, so that they are unique."""
        return [self.name] if self.count == 1 else [f"{self.name}#{n}" for n in range(1, self.count + 1)]

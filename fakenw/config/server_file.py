"""A server in one file: what ``fakenw serve --config FILE`` reads.

Rules of this file:

* A field that the file omits has the default of ``fakenw.core.settings``; the command line overrides the file.
* SET parameters have Novell's names, notation and ranges.
* A path is relative to the folder of the file.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StrictBool, StrictInt, ValidationInfo

from fakenw.bindery.initial_objects import UserSpec
from fakenw.bindery.login_control import Lockout, node, week
from fakenw.config import yaml_file
from fakenw.config.field_types import BinderyName, SomeTime, Text, duration, mark_repeated, name
from fakenw.config.ipx_section import IpxSection
from fakenw.config.yaml_file import Model, shown
from fakenw.core.ipx_link import Listener, parse_listener
from fakenw.core.settings import TICKS_PER_10000_SECONDS, WATCHDOG_RANGES
from fakenw.journal.record import SECOND
from fakenw.volumes.dos_name import DOS_CHARACTER, fold


def _listener(value: object) -> Listener:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)}; expected text such as tcp:127.0.0.1:10524")
    return parse_listener(value)


def _password(value: object) -> str:
    """The text of the error never quotes the value."""
    if not isinstance(value, str):
        raise ValueError("a password that is no text; expected text (in quotes)")
    return value


def _day(value: object) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError(f"{shown(value)} is not a day; expected a form such as 2000-12-31")
    return value


def _span(text: str) -> str:
    week([text])
    return text


def _station(text: str) -> str:
    node(text)
    return text


def _directory(text: str, info: ValidationInfo) -> Path:
    path = (info.context or Path()) / text
    if not path.is_dir():
        raise ValueError(
            f"{shown(text)} is no directory; expected an existing one, relative to the folder of this file"
        )
    return path


def ncp_number(ncp: str) -> tuple[int, int | None]:
    """``72`` or ``23/29`` as (function, sub-function or None)."""
    function, slash, subfunction = ncp.partition("/")
    return int(function), int(subfunction) if slash else None


def checked_ncp(text: str) -> str:
    """*text*, the number of an NCP. Raises ValueError."""
    if not re.fullmatch(r"\d{1,3}(/\d{1,3})?", text) or max(part or 0 for part in ncp_number(text)) > 255:
        raise ValueError(f"{shown(text)} is no NCP; expected a number such as 72, or two such as 23/29")
    return text


_NOVELL_TIME = re.compile(r"(?:(\d{1,6}) ?min(?:utes?)?)?(?: ?(\d{1,6}(?:\.\d)?) ?sec(?:onds?)?)?", re.IGNORECASE)


def _ticks(least: int, most: int, between: str) -> BeforeValidator:
    """Clock ticks from a time in the notation of SET: its tenths of a second may round to a tick beyond a bound."""

    def check(value: object) -> int:
        found = _NOVELL_TIME.fullmatch(value.strip()) if isinstance(value, str) and value.strip() else None
        try:
            minutes, rest = (float(part) for part in found.groups("0")) if found else (0.0, duration(value) / SECOND)
        except ValueError:
            raise ValueError(f"{shown(value)} is not a time; expected {between}") from None
        count = round((60 * minutes + rest) * TICKS_PER_10000_SECONDS / 10_000)
        if not least - 1 <= count <= most + 1:
            raise ValueError(f"{shown(value)}; expected {between}")
        return min(max(count, least), most)

    return BeforeValidator(check)


_VOLUME_NAME = re.compile(f"{DOS_CHARACTER}{{1,15}}", re.IGNORECASE)

_FIRST, _BETWEEN, _PACKETS = ((least, most) for _, least, most, _ in WATCHDOG_RANGES)

VolumeName = Annotated[str, name(_VOLUME_NAME, "1 to 15 letters, digits and signs"), AfterValidator(fold)]
Day = Annotated[date, BeforeValidator(_day)]
Ncp = Annotated[str, AfterValidator(checked_ncp)]
Slots = Annotated[StrictInt, Field(ge=1, le=65_534)]


class ServerSection(Model):
    """The server itself; the fields are those of ``ServerSettings``."""

    name: BinderyName = "FAKENW"
    release: Literal["3.12", "4.11", "5.1", "6.5"] = "5.1"
    licenses: Annotated[StrictInt, Field(ge=0, le=65_534)] = 5
    connections: Slots = 1000
    listen: tuple[Annotated[Listener, PlainValidator(_listener)], ...] = ()
    tree: BinderyName | None = None
    idle_after: SomeTime = 300 * SECOND
    clear_idle: SomeTime | None = None
    keep_cleared: Annotated[int, BeforeValidator(duration)] = 0
    speed: Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)] = 1.0
    seed: StrictInt | None = None
    name_spaces: tuple[Literal["dos", "long"], ...] | None = None


class AccountSection(Model):
    """A user; the fields are those of ``UserSpec``. A user without other fields can be written as a name."""

    name: BinderyName = Field(description="the name of the user, 1 to 47 characters")
    password: Annotated[str, PlainValidator(_password)] = ""
    full_name: str = ""
    groups: tuple[BinderyName, ...] = ()
    supervisor: StrictBool = False
    disabled: StrictBool = False
    expires: Day | None = None
    password_expires: Day | None = None
    password_days: Annotated[StrictInt, Field(ge=0, le=65_535)] = 0
    grace_logins: Annotated[StrictInt, Field(ge=0, le=255)] = 0
    least_password: Annotated[StrictInt, Field(ge=0, le=255)] = 0
    unique_passwords: StrictBool = False
    may_change_password: StrictBool = True
    max_connections: Annotated[StrictInt, Field(ge=0, le=65_535)] | None = None
    hours: tuple[Annotated[Text, AfterValidator(_span)], ...] = ()
    stations: tuple[Annotated[Text, AfterValidator(_station)], ...] = ()

    @classmethod
    def unfold(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    def spec(self) -> UserSpec:
        return UserSpec(**dict(self))


_LOCKOUT = Lockout()


class LockoutSection(Model):
    attempts: Annotated[StrictInt, Field(ge=1, le=65_535)] = _LOCKOUT.attempts
    within: SomeTime = _LOCKOUT.within * SECOND
    locked_for: SomeTime = _LOCKOUT.locked_for * SECOND

    def spec(self) -> Lockout:
        return Lockout(self.attempts, -(-self.within // SECOND), -(-self.locked_for // SECOND))


class BinderySection(Model):
    """Users and groups. SUPERVISOR and GUEST always exist, and can be given a password here."""

    users: Annotated[tuple[AccountSection, ...], BeforeValidator(mark_repeated)] = ()
    groups: tuple[BinderyName, ...] = ()
    lockout: LockoutSection | None = None
    user_connections: Annotated[StrictInt, Field(ge=0, le=65_535)] = 0


class VolumeSection(Model):
    """A directory of this computer as a volume."""

    name: VolumeName = Field(description="the name of the volume")
    path: Annotated[Path, BeforeValidator(_directory)] = Field(description="a directory")
    writable: StrictBool = False


class SetSection(Model):
    """SET parameters of the console, in Novell's ranges (ncp.md 7.1); times are stored in ticks."""

    first: Annotated[int, _ticks(*_FIRST, "15.7 sec to 20 min 52.3 sec")] = Field(
        5400, alias="Delay before first watchdog packet"
    )
    between: Annotated[int, _ticks(*_BETWEEN, "9.9 sec to 10 min 26.2 sec")] = Field(
        1080, alias="Delay between watchdog packets"
    )
    packets: Annotated[StrictInt, Field(ge=_PACKETS[0], le=_PACKETS[1])] = Field(10, alias="Number of watchdog packets")
    plain_passwords: StrictBool = Field(True, alias="Allow unencrypted passwords")
    signatures: Annotated[StrictInt, Field(ge=0, le=3)] = Field(1, alias="NCP packet signature option")

    @classmethod
    def unfold(cls, data: Any) -> Any:
        """The case of the names does not matter, as on the console."""
        if not isinstance(data, dict):
            return data
        names = {str(field.alias).lower(): field.alias for field in cls.model_fields.values()}
        return {names.get(str(key).lower(), key): value for key, value in data.items()}


class ConfigFile(Model):
    """The whole file.

    *unlicensed_files*: the result of opening a file on a connection without a license. *slow*: the durations of NCPs;
    meanwhile the reply to a repeated request is "being processed".
    """

    what = "a configuration"

    server: ServerSection = ServerSection()
    policy: Literal["attach", "login", "service", "nls", "ual"] | None = None
    bindery: BinderySection = BinderySection()
    volumes: Annotated[tuple[VolumeSection, ...], BeforeValidator(mark_repeated)] = ()
    set: SetSection = SetSection.model_validate({})
    watchdog: StrictBool = True
    unlicensed_files: Literal["license", "refuse"] = "license"
    slow: dict[Ncp, SomeTime] = Field(default_factory=dict)
    ipx: IpxSection = IpxSection()

    def settings(self) -> dict[str, Any]:
        """The fields of ``ServerSettings`` that the file sets."""
        settings = {field: getattr(self.server, field) for field in self.server.model_fields_set - {"listen"}}
        if self.policy is not None:
            settings["policy_name"] = self.policy
        if "bindery" in self.model_fields_set:
            settings["users"] = tuple(user.spec() for user in self.bindery.users)
            settings["groups"] = self.bindery.groups
            settings["user_connections"] = self.bindery.user_connections
            settings["lockout"] = self.bindery.lockout and self.bindery.lockout.spec()
        if "set" in self.model_fields_set:
            settings["watchdog"] = (self.set.first, self.set.between, self.set.packets)
            settings["plain_passwords"] = self.set.plain_passwords
            settings["signatures"] = self.set.signatures
        if not self.watchdog:
            settings["watchdog"] = None
        if "unlicensed_files" in self.model_fields_set:
            settings["auto_license"] = self.unlicensed_files == "license"
        if self.ipx.internal_network is not None:
            settings["ipx_network"] = self.ipx.internal_network
        if self.slow:
            settings["slow"] = {ncp_number(ncp): time for ncp, time in self.slow.items()}
        return settings


def load(path: Path) -> ConfigFile:
    """Raises DocumentError."""
    return yaml_file.load(ConfigFile, path)


def example() -> str:
    """A file that shows and explains all fields."""
    return (resources.files("fakenw.config") / "example.yaml").read_text(encoding="utf-8")

"""Types of arguments, and the options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from fakenw.config.field_types import duration
from fakenw.core.peer import IPX, TCP, TRANSPORTS, UDP
from harness.judge.endings import ANY
from harness.lab.moments import moment
from harness.report.output import Outputs


class IpTransportParam(click.Choice[str]):
    """TCP or UDP, of a client that is no station on a wire."""

    def __init__(self) -> None:
        super().__init__([TCP.name, UDP.name])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == IPX.name:
            self.fail("ipx: only the clients of a scenario speak IPX (harness run); expected tcp or udp", param, ctx)
        return super().convert(value, param, ctx)


class DurationParam(click.ParamType[int]):
    """``500ms``, ``30s``, ``10m``, ``4h`` in microseconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return duration(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


class OutputParam(click.ParamType[str]):
    """A file to be written at the end, in a directory that exists now; *dash*: or standard output."""

    def __init__(self, *, dash: bool = False) -> None:
        self._dash = dash
        self.name = "FILE|-" if dash else "FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not (self._dash and value == "-") and (Path(value).is_dir() or not Path(value).parent.is_dir()):
            self.fail(f"{value!r} is not a file in a directory that exists", param, ctx)
        return str(value)


class FolderParam(click.ParamType[Path]):
    """A directory for results. It is made now, before hours of work that could not be written."""

    name = "DIR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        folder = Path(value)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            self.fail(f"the directory {value} cannot be made: {problem.strerror}", param, ctx)
        return folder


class ZoneParam(click.ParamType[tzinfo]):
    """A time zone by its name."""

    name = "ZONE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tzinfo:
        if isinstance(value, tzinfo):
            return value
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is no time zone; expected a name such as UTC or Europe/Berlin", param, ctx)


class MomentParam(click.ParamType[datetime]):
    """A date and a time of day."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        told = value if isinstance(value, datetime) else moment(str(value))
        if not isinstance(told, datetime):
            self.fail(f"{value!r}; expected a date and a time, such as '2000-08-10 14:00'", param, ctx)
        return told


class ImageParam(click.ParamType[tuple[str, str]]):
    """``NAME=REF`` as (client, image)."""

    name = "NAME=REF"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        client, _, image = str(value).partition("=")
        if not client or not image:
            self.fail(f"{value!r} is not NAME=REF, such as agent=vendor/agent:2.1", param, ctx)
        return client, image


class ExitCodeParam(click.ParamType[int | str]):
    """The expected exit code of a program, or ``any``."""

    name = "CODE|any"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        text = str(value)
        if text == ANY:
            return ANY
        if not text.isdecimal() or int(text) > 255:
            self.fail(f"{text!r} is not an exit code; expected 0 to 255, or {ANY}", param, ctx)
        return int(text)


class ServerNameParam(click.ParamType[tuple[str, str]]):
    """``[ADDRESS=]NAME`` as (address, name)."""

    name = "[ADDRESS=]NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        address, _, name = str(value).rpartition("=")
        return (address, name) if name else self.fail(f"{value!r}; expected {self.name}", param, ctx)


class NamesParam(click.ParamType[tuple[str, ...]]):
    """``NAME,NAME`` as a tuple."""

    name = "NAME,NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name for name in str(value).split(",") if name)
        return names or self.fail("no name; expected NAME,NAME", param, ctx)


def options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


BEHAVIORS = click.option(
    "--behaviors",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A Python file with components of your own; may be repeated. See docs/add-a-behavior.md.",
)
TRANSPORT = click.option("--transport", type=click.Choice(list(TRANSPORTS)), help="The transport of NCP.")
IP_TRANSPORT = click.option("--transport", type=IpTransportParam(), help="The transport of NCP.")
_FILES = options(
    click.option("--json", "as_json", type=OutputParam(dash=True), help="Write the results as JSON."),
    click.option("--junit", type=OutputParam(), help="Write the results as JUnit XML."),
    click.option("--summary", type=OutputParam(), help="Write the results as Markdown, for the page of a job."),
    click.option(
        "--github", is_flag=True, help="In GitHub Actions: annotate the job, and add the results to its page."
    ),
    click.option("--job-page", envvar="GITHUB_STEP_SUMMARY", hidden=True),
)
SEED = click.option("--seed", type=int, help="Same seed, same run. Default: that of the scenario's file, else 0.")
_REPORT = click.option(
    "--report",
    type=FolderParam(),
    help="Write report.html into this directory, with results, journals and captures.",
)


def _outputs(*chosen: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Options whose values the command gets as one Outputs, by the name *outputs*."""

    def add(function: Any) -> Any:
        @functools.wraps(function)
        def command(**given: Any) -> None:
            wanted = {field.name: given.pop(field.name) for field in fields(Outputs) if field.name in given}
            function(**given, outputs=Outputs(**wanted))

        return options(*chosen)(command)

    return add


EXIT_CODES = "Exit codes: 0 every verdict is the expected one, 1 one is not, 2 bad usage, 3 a verdict is unknown."
FILES = _outputs(_FILES, _REPORT)
RESULTS = options(
    _outputs(_FILES, _REPORT),
    SEED,
)

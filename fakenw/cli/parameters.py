"""The types of the command line: an argument becomes a value, or an error message with the expectation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fakenw.bindery.objects import USER, Bindery
from fakenw.cli.terminal import say
from fakenw.config.field_types import duration, size
from fakenw.config.server_file import ConfigFile, checked_ncp, load, ncp_number
from fakenw.config.yaml_file import DocumentError
from fakenw.core.ipx_link import IpxLink, Listener, network_number, parse_listener
from fakenw.core.peer import Peer
from fakenw.core.settings import watchdog
from fakenw.journal.record import SECOND


class ListenParam(click.ParamType[Listener]):
    """``tcp:HOST:PORT``, ``udp:HOST:PORT`` or an IPX link."""

    name = "tcp|udp:HOST:PORT|ipx:LINK"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Listener:
        if isinstance(value, Peer | IpxLink):
            return value
        try:
            return parse_listener(str(value))
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


class NetworkParam(click.ParamType[int]):
    """The number of an IPX network in hexadecimal digits."""

    name = "HEX"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else network_number(str(value))
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


class AdminParam(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``."""

    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        try:
            host, port = Peer.parse(f"tcp:{value}").address
        except ValueError:
            self.fail(f"{value!r} is not HOST:PORT, for instance 127.0.0.1:0", param, ctx)
        return host, port


class UserParam(click.ParamType[tuple[str, str]]):
    """``NAME`` or ``NAME:PASSWORD`` as (name, password)."""

    name = "NAME[:PASSWORD]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, _, password = str(value).partition(":")
        try:
            Bindery().add(USER, name, password)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)
        return name, password


class UsersParam(click.ParamType[tuple[tuple[str, str], ...]]):
    """A file of users, one ``NAME`` or ``NAME:PASSWORD`` on each line up to an empty one; ``-``: standard input."""

    name = "FILE|-"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[str, str], ...]:
        if isinstance(value, tuple):
            return value
        users: list[tuple[str, str]] = []
        try:
            with click.open_file(str(value), encoding="utf-8") as file:
                for line in file:
                    if not (text := line.rstrip("\n")):
                        break
                    users.append(UserParam().convert(text, None, ctx))
        except (OSError, UnicodeError) as problem:
            self.fail(f"{value}: cannot be read: {getattr(problem, 'strerror', 'expected UTF-8')}", param, ctx)
        except click.BadParameter as problem:
            self.fail(f"{value}:{len(users) + 1}: {problem.message}", param, ctx)
        return tuple(users)


class MountParam(click.ParamType[tuple[str, Path]]):
    """``NAME=DIR`` as (name, directory)."""

    name = "NAME=DIR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        if isinstance(value, tuple):
            return value
        name, equals, folder = str(value).partition("=")
        if not equals or not Path(folder).is_dir():
            self.fail(f"{value!r} is not NAME=DIR with a directory that exists", param, ctx)
        return name, Path(folder)


class SecondsParam(click.FloatRange):
    """Seconds, more than 0, as whole microseconds."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return max(1, round(super().convert(value, param, ctx) * SECOND))
        except (ValueError, OverflowError) as problem:  # not a number, infinity
            self.fail(str(problem), param, ctx)


class TimeParam(click.ParamType[int]):
    """``500ms``, ``30s``, ``10m``, ``4h`` or seconds, more than 0, as microseconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            time = value if isinstance(value, int) else duration(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)
        return time or self.fail("no time at all; expected more than 0", param, ctx)


class SizeParam(click.ParamType[int]):
    """``100M``, ``64K``, ``1G`` or bytes, more than 0, as bytes."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else size(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


class SlowParam(click.ParamType[tuple[tuple[int, int | None], int]]):
    """``NCP=DURATION`` as ((function, sub-function or None), microseconds)."""

    name = "NCP=DURATION"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[int, int | None], int]:
        if isinstance(value, tuple):
            return value
        ncp, equals, time = str(value).partition("=")
        if not equals:
            self.fail(f"{value!r} is not NCP=DURATION, such as 23/24=2h", param, ctx)
        try:
            return ncp_number(checked_ncp(ncp)), duration(time)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


class WatchdogParam(click.ParamType[tuple[int, int, int] | None]):
    """``off`` as None, or ``FIRST,BETWEEN,COUNT`` in ticks."""

    name = "off|FIRST,BETWEEN,COUNT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int] | None:
        if isinstance(value, tuple):
            return value
        try:
            return watchdog(str(value))
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


class Mistakes(click.ClickException):
    """A file cannot be used; shows one line for each mistake, and nothing else."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        say(self.message, err=True)


class ConfigParam(click.ParamType[ConfigFile]):
    """The path of a configuration file as its content."""

    name = "FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ConfigFile:
        if isinstance(value, ConfigFile):
            return value
        try:
            return load(Path(value))
        except DocumentError as problem:
            raise Mistakes(str(problem)) from None

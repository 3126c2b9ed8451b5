"""What a service function is: a layout goes in, a reply or a refusal comes out.

``@service.answers(Layout)`` puts a function into the service's table; the server looks it up by
(function, sub-function). Services are listed in ``fakenw.services``; nothing registers itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Generic, Protocol, TypeVar

from fakenw.bindery import Bindery
from fakenw.config import Config
from fakenw.connection import Connection
from fakenw.ledger import Ledger
from fakenw.table import Table
from fakenw.volume import Volumes
from fakenw.wire.layout import Reply, Request


class Host(Protocol):
    """What a service function may use of the server."""

    config: Config
    bindery: Bindery
    volumes: Volumes
    table: Table
    ledger: Ledger
    random: Random
    now: int

    def utc(self, now: int) -> datetime:
        """The server's wall time at *now*."""

    def note(self, event: str, fields: dict[str, Any]) -> None:
        """Write a line to the journal."""

    def clear(self, connection: Connection, cause: str) -> None:
        """End a connection on the server's side."""


Q = TypeVar("Q", bound="Request[Any]")


@dataclass(slots=True)
class Call(Generic[Q]):
    """One request on its way through a service function."""

    host: Host
    connection: Connection
    request: Q
    task: int


Function = Callable[[Call[Any]], Reply | None]


class Service:
    """A family of functions, by (function, sub-function)."""

    def __init__(self) -> None:
        self.functions: dict[tuple[int, int | None], tuple[type[Request[Any]], Function]] = {}

    def answers(self, layout: type[Q]) -> Callable[[Callable[[Call[Q]], Reply | None]], Function]:
        """Let the decorated function answer *layout*."""

        def enter(function: Callable[[Call[Q]], Reply | None]) -> Function:
            self.functions[layout.function, layout.subfunction] = (layout, function)
            return function

        return enter

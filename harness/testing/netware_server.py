"""A NetWare server for a script or a test without pytest: a context manager, and a decorator."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from harness.testing.netware import Netware
from harness.testing.server_setup import Setup

T = TypeVar("T")


class NetwareServer:
    """A server that runs for a ``with`` block, or for the calls of a function.

    *settings* are those of the marker ``netware``: licenses, release, policy, users, options. A block that ends while a
    license is held raises AssertionError, unless *may_hold*. The evidence of a block that raises is written to *keep*.

    >>> with NetwareServer(licenses=2, keep="evidence") as netware:
    ...     subprocess.run(["my-agent", netware.host, str(netware.port)], check=True)
    ...     netware.assert_released(within=30)

    A decorated function gets the server as its last argument:

    >>> @NetwareServer(licenses=2)
    ... def test_agent(self, netware): ...

    Raises ValueError for a setting that is none, NetwareError for a server that cannot start.
    """

    def __init__(
        self, *, keep: str | Path | None = None, title: str = "test", may_hold: bool = False, **settings: Any
    ) -> None:
        self._setup = Setup.of(settings)
        self._keep, self._title, self._may_hold = None if keep is None else Path(keep), title, may_hold

    def __enter__(self) -> Netware:
        self._folder = tempfile.TemporaryDirectory(prefix="fakenw-")
        self._server = Netware(self._setup, Path(self._folder.name), title=self._title)
        try:
            self._server.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self._server

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._folder:
            try:
                if problem is None and not self._may_hold:
                    self._server.assert_nothing_held()
            except AssertionError as held:
                problem = held
                raise
            finally:
                try:
                    if problem is not None and self._keep is not None:
                        self._server.keep(self._keep)
                finally:
                    self._server.stop()

    def __call__(self, function: Callable[..., T]) -> Callable[..., T]:
        @functools.wraps(function)
        def called(*given: Any, **more: Any) -> T:
            with self as netware:
                return function(*given, netware, **more)

        return called

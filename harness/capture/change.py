"""An answered request, and what the reading of it shares: its layout, and the path that it names."""

from __future__ import annotations

from typing import Any

from fakenw.core.services import SERVICES
from fakenw.journal.policy import State
from fakenw.volumes.volume import VolumePath
from fakenw.wire.layout import Layout, split_body
from harness.capture import paths
from harness.capture.facts import PendingRequest, SeenConnection, Sure, What
from harness.capture.seen_server import SeenServer

Key = tuple[int, int | None]

LAYOUTS: dict[Key, type[Layout]] = {
    key: function.layout for service in SERVICES for key, function in service.functions.items()
}


class Change:
    """One answered request. *body* is what follows the sub-function."""

    __slots__ = ("body", "code", "connection", "data", "key", "request", "server")

    def __init__(
        self, server: SeenServer, connection: SeenConnection, request: PendingRequest, code: int, data: bytes
    ) -> None:
        subfunction, self.body = split_body(request.function, request.body)
        self.key: Key = request.function, subfunction
        self.server, self.connection, self.request, self.code, self.data = server, connection, request, code, data

    @property
    def at(self) -> tuple[int, int]:
        """Its time, and the number of its frame."""
        return self.request.time, self.request.number

    def tell(self, what: What, sure: Sure = Sure.SEEN, /, **detail: Any) -> None:
        self.server.tell(*self.at, what, sure, self.connection, **detail)

    def confirms(self, state: State, cause: str) -> None:
        self.server.confirms(*self.at, self.connection, state, cause)

    def refused(self, event: str, **detail: Any) -> None:
        self.tell(What.REFUSED, event=event, code=self.code, **detail)

    def path(self) -> VolumePath | None:
        """The path that the request names."""
        asked: Any = LAYOUTS[self.key].decode(self.body)
        if hasattr(asked, "base") and hasattr(asked, "path"):
            numbers = self.server.numbers
            return paths.of_entry(self.connection, numbers, asked.volume, asked.base, asked.flag, asked.path)
        for name in ("path", "name", "pattern"):
            if isinstance(getattr(asked, name, None), str):
                return paths.of_handle(self.connection, asked.directory, getattr(asked, name))
        return None

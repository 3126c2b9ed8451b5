"""The server says that it is busy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class BusyFault:
    """The answer to every request is "being processed" (0x9999); it is executed when the fault ends."""

    what: ClassVar[str] = "busy"

    def numbers(self) -> dict[str, Any]:
        return {}

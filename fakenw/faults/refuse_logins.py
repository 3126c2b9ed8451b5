"""Login is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class RefuseLoginsFault:
    """A login is refused, as where an operator has disabled login."""

    what: ClassVar[str] = "refuse-logins"

    def numbers(self) -> dict[str, Any]:
        return {}

"""What costs a license, stated once more for the audit: a wrong table of the server is not audited by itself.

Rules of this file:

* Nothing here comes from ``fakenw.journal.policy``, the server's own table. A test compares the two.
* Sources: NLICLEAR document and Q187655 (attach), Q130985 (login), Novell's NDS connection states (service, nls), the
  user access licenses of NetWare 6 (ual).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fakenw.journal.record import SECOND

DAY = 24 * 60 * 60 * SECOND


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """*states* are those in which a connection needs a unit; *holder* of it is the ``connection`` or the ``user``.

    *kept*: microseconds for which a unit stays assigned after its last use. *keeps_cleared*: the server may be set to
    keep the unit of a connection that an operator has cleared. *grace*: units where the number of licenses is 0.
    """

    states: tuple[str, ...]
    holder: str = "connection"
    kept: int = 0
    keeps_cleared: bool = False
    grace: int = 0

    def unit(self, state: str, serial: int, user: object) -> str | None:
        """The unit that a connection needs in *state*, or None."""
        if state not in self.states:
            return None
        return f"user:{user}" if self.holder == "user" else f"connection:{serial}"


RULES: Mapping[str, PolicyRule] = {
    "attach": PolicyRule(states=("attached", "authenticated", "licensed")),
    "login": PolicyRule(states=("authenticated", "licensed")),
    "service": PolicyRule(states=("licensed",)),
    "nls": PolicyRule(states=("licensed",), keeps_cleared=True, grace=2),
    "ual": PolicyRule(states=("licensed",), holder="user", kept=90 * DAY),
}

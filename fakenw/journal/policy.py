"""Connection states and license policies, in the words of the journal.

The audit has a table of its own (``harness.judge.policy_rules``): a change here alone fails a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fakenw.journal.record import SECOND

DAY = 86_400 * SECOND


class State(StrEnum):
    """The state of a service connection (ncp.md 8.5 after Novell's NDS connection states)."""

    GONE = "gone"
    ATTACHED = "attached"
    AUTHENTICATED = "authenticated"
    LICENSED = "licensed"


@dataclass(frozen=True, slots=True)
class Policy:
    """What costs a license.

    *holding*: the states in which a connection holds a unit. *by_user*: the unit belongs to the
    user. *keeps*: microseconds for which a unit stays assigned after its last use. *grace*: the units
    of a server without certificates.
    """

    name: str
    holding: frozenset[State]
    by_user: bool = False
    keeps: int = 0
    grace: int = 0

    def unit(self, state: State, serial: int, user: str | None) -> str | None:
        """The unit that a connection needs in *state*, or None."""
        if state not in self.holding:
            return None
        return f"user:{user}" if self.by_user else f"connection:{serial}"


_LICENSED = frozenset({State.LICENSED})
POLICIES = {
    policy.name: policy
    for policy in (
        # 3.x licenses slots: a station that attaches uses one (NLICLEAR document; Q187655).
        Policy("attach", frozenset({State.ATTACHED, State.AUTHENTICATED, State.LICENSED})),
        # Some summaries of 3.x count logins instead (Q130985). No release's default.
        Policy("login", frozenset({State.AUTHENTICATED, State.LICENSED})),
        # 4.x: the first use of an essential service.
        Policy("service", _LICENSED),
        # 5.x: the same, from certificates; a server without certificates has two grace connections.
        Policy("nls", _LICENSED, grace=2),
        # 6.x: users are assigned a license and keep it for 90 days.
        Policy("ual", _LICENSED, by_user=True, keeps=90 * DAY),
    )
}
BY_RELEASE = {"3.12": "attach", "4.11": "service", "5.1": "nls", "6.5": "ual"}

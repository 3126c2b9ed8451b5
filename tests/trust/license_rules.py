"""What a license policy says, stated again from its sources; the model compares the server with it.

It imports nothing of the server. Sources: the states and their events are Novell's "New Cross-Platform Connection
Model" (12/1996) with the completion codes of Wireshark's packet-ncp2222.inc; 0xE0 for want of a license is the trace
in KB Q186804, 0xF9 for want of a slot mars_nwe's. A license is held by every slot of 3.x (NLICLEAR, TID000221; KB
Q187655), or by those logged in only (KB Q130985); by every licensed connection of 4.x (KB Q172717, Q219345) and 5.x,
where one that an operator has cleared may keep its unit for 72 hours (TID 10061455); in 6.x by every user, until 90
days after the last use.
"""

from __future__ import annotations

from typing import NamedTuple

LIMIT = 2
GONE, ATTACHED, AUTHENTICATED, LICENSED = "gone", "attached", "authenticated", "licensed"
HOLDERS = {"attach": (ATTACHED, AUTHENTICATED, LICENSED), "login": (AUTHENTICATED, LICENSED)}  # else LICENSED


class Rules(NamedTuple):
    """A policy, the number of licenses, and whether what an operator clears stays held for a while."""

    policy: str
    limit: int = LIMIT
    keeps_cleared: bool = False


class Action(NamedTuple):
    """*what* happens to the connection of *station*, or to all; *user* logs in."""

    what: str
    station: str = ""
    user: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, self))


class SpecifiedState(NamedTuple):
    """The state and user of each station's connection, and units that nobody uses: (name, periods until their end)."""

    connections: dict[str, tuple[str, str | None]]
    kept: tuple[tuple[str, int], ...] = ()

    def units(self, rules: Rules) -> list[str]:
        """The held units, by user; a unit that is kept without a user has an empty name."""
        holders = HOLDERS.get(rules.policy, (LICENSED,))
        used = {user if rules.policy == "ual" else name for name, (s, user) in self.connections.items() if s in holders}
        return sorted([*(str(unit) for unit in used), *(unit for unit, _ in self.kept)])


def after(rules: Rules, action: Action, state: str, user: str | None) -> tuple[int, str, str | None]:
    """The completion code, the state and the user of one connection after *action*, if there are licenses enough."""
    match action.what, state:
        case ("attach", _):
            return 0, ATTACHED, None
        case ("destroy" | "vanish" | "clear" | "reset", _):
            return 0, GONE, None
        case ("logout", _):
            return 0, GONE if state == GONE else ATTACHED, None
        case ("wait" | "again", _):
            return 0, state, user
        case (_, "gone"):
            return 0xFD, GONE, None
        case ("login", _):
            return 0, LICENSED, action.user
        case ("end-of-job", _):
            return 0, state, user
        case ("license" | "unlicense", _) if rules.policy == "attach":
            return 0xFB, state, user
        case ("license" | "unlicense", "attached"):
            return 0x7C, state, user
        case ("license", _):
            return (0x7B, state, user) if state == LICENSED else (0, LICENSED, user)
        case ("unlicense", _):
            return (0x7A, state, user) if state == AUTHENTICATED else (0, AUTHENTICATED, user)
        case ("file", "attached"):
            return 0x7D, state, user
    return 0, LICENSED, user  # the use of a file


def specified(rules: Rules, action: Action, books: SpecifiedState) -> tuple[int, SpecifiedState]:
    """The completion code, and the books afterwards."""
    code, connections = 0, dict(books.connections)
    for station in [action.station] if action.station else list(connections):
        code, state, user = after(rules, action, *connections[station])
        connections[station] = state, user
    kept = list(books.kept)
    if action.what == "wait":
        kept = [(unit, left - 1) for unit, left in kept if left > 1]
    elif action.what == "reset":
        kept = []
    elif rules.policy == "ual":
        used = SpecifiedState(connections).units(rules)
        kept = [(unit, left) for unit, left in kept if unit not in used]
        kept += [(unit, 2) for unit in SpecifiedState(books.connections).units(rules) if unit not in used]
    elif rules.keeps_cleared and action.what == "clear" and books.connections[action.station][0] == LICENSED:
        kept += [("", 2)]
    found = SpecifiedState(connections, tuple(sorted(kept)))
    if len(found.units(rules)) > rules.limit:
        return 0xF9 if action.what == "attach" else 0xE0, books
    return code, found

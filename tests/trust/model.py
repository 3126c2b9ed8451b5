"""Every state that a small server can be in, breadth first, compared with the rules of its license policy.

``python -m tests.trust.model``: three stations and two users at a server with two licenses; a step is any of the
things that move a license, in bytes through the whole server. States that differ only in which of two like stations,
or of the two users, is which are one state: a step from one is that step from the other.
"""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

import click

from fakenw.core.ledger import NoRoom
from tests.trust.license_rules import GONE, Action, Rules, SpecifiedState, specified
from tests.trust.small_server import STATIONS, SmallServer, actions

POLICIES = {
    "attach": Rules("attach"),
    "login": Rules("login"),
    "service": Rules("service"),
    "nls": Rules("nls"),
    "nls, cleared kept": Rules("nls", keeps_cleared=True),
    "ual": Rules("ual"),
    "ual, one license": Rules("ual", limit=1),
}


class Searched(NamedTuple):
    """How many states and steps there are, and each difference from the rules as a sentence."""

    states: int
    steps: int
    differences: list[str]


def search(rules: Rules, depth: int, most: int = 3, stations: tuple[str, ...] = STATIONS) -> Searched:
    """Take every step from every state that *depth* steps lead to, until there are *most* differences."""
    start = SmallServer(rules, stations)
    seen = {start.state()}
    level: list[tuple[SmallServer, SpecifiedState, tuple[Action, ...]]] = [
        (start, SpecifiedState(dict.fromkeys(stations, (GONE, None))), ())
    ]
    steps, differences = 0, []
    for _ in range(depth):
        reached = []
        for before, books, path in level:
            for action in actions(books):
                steps += 1
                server, way = before.copy(), (*path, action)
                code, expected = specified(rules, action, books)
                try:
                    difference = _difference(server, action, code, expected)
                except (AssertionError, ArithmeticError, LookupError, ValueError, NoRoom) as problem:
                    difference = f"{type(problem).__name__} {problem}"
                if difference:
                    differences.append(f"{' ; '.join(map(str, way))}: {difference}")
                    if len(differences) == most:
                        return Searched(len(seen), steps, differences)
                elif (state := server.state()) not in seen:
                    seen.add(state)
                    reached.append((server, expected, way))
        level = reached
    return Searched(len(seen), steps, differences)


def _difference(server: SmallServer, action: Action, code: int, expected: SpecifiedState) -> str:
    """Let *action* happen; what is not as the rules say, if anything."""
    rules = server.rules
    given, connections, units = server.do(action), server.observed(), server.units()
    wanted = expected.units(rules)
    if given != code:
        return f"code 0x{given:02X}, expected 0x{code:02X}"
    if connections != expected.connections:
        return f"{connections}, expected {expected.connections}"
    if units != wanted:
        return f"holds {units}, expected {wanted}"
    if server.stage.held != len(wanted):
        return f"the journal says that {server.stage.held} are held, expected {len(wanted)}"
    return ""


@click.command()
@click.option("--depth", default=8, show_default=True, help="Steps from the start.")
@click.option("--policy", "chosen", type=click.Choice([*POLICIES]), help="Only this policy.")
def main(depth: int, chosen: str | None) -> None:
    """Compare a small server with the rules of its license policy, in every state that some steps lead to.

    Exit code 1 where server and rules differ; the steps to each difference are printed.
    """
    wrong = False
    print(f"{'policy':20} {'states':>8} {'steps':>9} {'seconds':>8}  differences")
    for name, rules in POLICIES.items():
        if chosen in (None, name):
            began = time.monotonic()
            found = search(rules, depth)
            seconds = time.monotonic() - began
            print(f"{name:20} {found.states:8} {found.steps:9} {seconds:8.1f}  {len(found.differences) or 'none'}")
            for difference in found.differences:
                print(f"  {difference}")
            sys.stdout.flush()
            wrong |= bool(found.differences)
    sys.exit(int(wrong))


if __name__ == "__main__":
    main()

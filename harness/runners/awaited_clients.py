"""The clients that a condition of the faults waits for (``when`` in a scenario).

Whether a client holds a license is read from the servers, and never asked of the client: the station of a connection
tells whose it is. What has come to be stays so: a client that held its license for a moment has held it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.scenario.schedule import Condition


class AwaitedClients:
    """Those of *condition* that have not come to it. *owns* tells whether a client, by its name, has a station."""

    def __init__(self, condition: Condition, owns: Callable[[str, str], bool]) -> None:
        self._missing, self._licensed, self._owns = list(condition.clients), condition.licensed, owns

    @property
    def met(self) -> bool:
        return not self._missing

    def look(self, holders: Iterable[str]) -> None:
        """*holders*: the stations of the connections that hold a license now."""
        stations = list(holders)
        self._missing = [
            name for name in self._missing if any(self._owns(name, one) for one in stations) != self._licensed
        ]

    def never(self) -> str:
        """Why the faults behind the condition did not happen."""
        state = "hold a license" if self._licensed else "be without a license"
        return f"when: {self._missing[0]} never came to {state}, and the faults behind that did not happen"


def address_of(station: str) -> str:
    """``10.0.0.1`` of ``udp:10.0.0.1:1025``, and network and node of a station of IPX."""
    return station.partition(":")[2].rpartition(":")[0]

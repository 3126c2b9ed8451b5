"""The release of a server and its license policy, as its replies tell them.

The version is in the reply to 23/17. Without one a server that answers NDS or NCP 23/29 is none of NetWare 3, and only
NetWare 5 and later speak TCP and UDP; else the release is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fakenw.core.peer import IPX
from fakenw.journal.policy import BY_RELEASE
from harness.capture.seen_server import SeenServer

_BY_MAJOR = {3: "3.12", 4: "4.11", 5: "5.1", 6: "6.5"}


class FoundRelease(NamedTuple):
    """*how*: ``given``, ``23/17``, ``behaviour``."""

    release: str
    policy: str
    how: str


def found(servers: Sequence[SeenServer], release: str | None, policy: str | None) -> FoundRelease:
    """The release of a server with several addresses; *release* and *policy* where they are given."""
    how = "given"
    if release is None:
        versions = [server.version for server in servers if server.version is not None]
        if versions:
            release, how = _BY_MAJOR[min(max(versions[0][0], 3), 6)], "23/17"
        else:
            release, how = _by_behavior(servers), "behaviour"
    return FoundRelease(release, policy or BY_RELEASE[release], how)


def _by_behavior(servers: Sequence[SeenServer]) -> str:
    if any(server.transports - {IPX.name} for server in servers):
        return "5.1"
    if any(server.directory or server.states for server in servers):
        return "4.11"
    return "3.12"

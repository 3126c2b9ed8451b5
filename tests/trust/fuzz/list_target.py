"""Lists of connections, as CSV or aligned: refused with file and line, or each connection once."""

from __future__ import annotations

from harness.lab import connection_list
from harness.lab.evidence import EvidenceError


def connection_lists(data: bytes) -> None:
    try:
        found = connection_list.connections(data, "a.csv")
    except EvidenceError as problem:
        assert str(problem).startswith("a.csv"), problem
        return
    assert len({(one.server and one.server.upper(), one.number) for one in found}) == len(found), found

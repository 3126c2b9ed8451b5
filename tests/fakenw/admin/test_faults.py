"""Faults over the administration: added, listed, removed, refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.journal.record import read
from tests.fakenw.administered_server import Served

STATION = "udp:10.0.0.7:1025"


def removed(served: Served, which: str = "") -> list[int]:
    numbers: list[int] = served.post(f"/api/faults/{which}remove")["removed"]
    return numbers


def test_a_fault_is_added_listed_and_removed(serve: Callable[..., Served]) -> None:
    """A station need not be there yet. The journal has begin and end, with the address of the operator."""
    served = serve()
    first = served.post("/api/faults", what="delay", by="200ms", station=STATION, **{"for": "5m"})
    operator = first.pop("from")
    assert operator.startswith("127.0.0.1:")
    assert 299 < first.pop("left") <= 300
    assert first == {"id": 1, "what": "delay", "by": 0.2, "way": "out", "station": STATION, "for": 300.0}
    second = served.post("/api/faults", what="slow", by=2, ncp="23/24")
    assert {**second, "from": ""} == {"id": 2, "what": "slow", "by": 2.0, "ncp": "23/24", "station": None, "from": ""}
    assert [fault["id"] for fault in served.get("/api/faults")["faults"]] == [1, 2]
    assert removed(served, "1/") == [1]
    assert served.refused("/api/faults/1/remove", status=404) == "there is no fault 1"
    assert removed(served) == [2]
    assert removed(served) == []
    lines = [line.fields for line in read(served.journal).records if line.event == "fault"]
    assert [(line["id"], line["state"], line.get("cause")) for line in lines] == [
        *((1, "begin", None), (2, "begin", None), (1, "end", "removed"), (2, "end", "removed"))
    ]
    assert lines[0]["from"] == operator


def test_every_fault_and_every_form_of_a_station(served_once: Served) -> None:
    for body in (
        {"what": "delay", "by": 0.5, "way": "both"},
        {"what": "loss", "percent": 90, "way": "in"},
        {"what": "duplicate", "percent": 0.5},
        {"what": "reorder", "percent": 100},
        {"what": "silence", "way": "in"},
        {"what": "slow", "by": "1h", "ncp": "72"},
        {"what": "busy", "for": None},
        {"what": "refuse-logins", "station": None},
    ):
        row = served_once.post("/api/faults", **body)
        assert body.items() - {("by", "1h"), ("for", None)} <= row.items()
    for given, told in (
        ("tcp:10.0.0.7:*", "tcp:10.0.0.7:*"),
        ("udp:[::1]:1025", "udp:::1:1025"),
        ("ipx:0000abcd:525400123456:4003", "ipx:0000ABCD:525400123456:4003"),
        ("ipx:0000abcd:525400123456:*", "ipx:0000ABCD:525400123456:*"),
    ):
        assert served_once.post("/api/faults", what="busy", station=given)["station"] == told
    assert len(removed(served_once)) == 12


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "what: missing; expected the fault: delay"),
        ({"what": "dealy", "by": 1}, "what: 'dealy' is unknown; expected one of delay"),
        ({"what": "delay"}, "by: missing; expected a duration"),
        ({"what": "delay", "by": "soon"}, "'soon' is not a duration"),
        ({"what": "delay", "by": -1}, "-1 is not a duration"),
        ({"what": "delay", "by": 0}, "by: no time at all"),
        ({"what": "delay", "by": "61m"}, "3660 s; expected no more than 3600 s"),
        ({"what": "delay", "by": 1, "for": 0}, "for: no time at all"),
        ({"what": "delay", "by": 1, "for": "5 minutes"}, "is not a duration"),
        (
            {"what": "delay", "by": 1, "percent": 5},
            "percent: not for delay; expected one of by, way, what, station, for",
        ),
        ({"what": "loss", "percent": 101}, "percent: 101; expected 100"),
        ({"what": "loss", "percent": 91}, "percent: 91; expected 90 or less: silence loses all"),
        ({"what": "loss", "percent": 0}, "percent: 0; expected more than 0"),
        ({"what": "loss", "percent": "20"}, "expected a number"),
        ({"what": "loss", "percent": True}, "expected a number"),
        ({"what": "silence"}, "way: missing; expected out, in or both"),
        ({"what": "silence", "way": "up"}, "way: 'up' is unknown; expected one of out, in, both"),
        ({"what": "slow", "by": 1, "ncp": "23/999"}, "no NCP"),
        ({"what": "busy", "by": 1}, "by: not for busy"),
        ({"what": "busy", "station": "udp:somewhere:1"}, "expected a station such as udp:10.0.0.7:1025"),
        ({"what": "busy", "station": "udp:10.0.0.7:99999"}, "expected a station"),
        ({"what": "busy", "station": "*"}, "expected a station"),
        ({"what": "busy", "station": 7}, "expected text"),
        ({"what": "busy", "station": "udp:" + "1" * 99}, "expected 64 characters or fewer"),
        ({"what": "busy", "forever": True}, "forever: unknown key"),
    ],
)
def test_what_is_no_fault(served_once: Served, body: dict[str, Any], told: str) -> None:
    assert told in served_once.refused("/api/faults", body)
    assert served_once.get("/api/faults") == {"faults": []}


def test_what_is_no_number_of_a_fault(served_once: Served) -> None:
    for number in ("0", "1x", "-1", "9" * 30, "%D9%A1"):
        assert served_once.ask("POST", f"/api/faults/{number}/remove", {})[0] == 404


def test_too_many(served_once: Served) -> None:
    for _ in range(100):
        served_once.post("/api/faults", what="busy")
    assert "there are 100 faults; expected fewer" in served_once.refused("/api/faults", {"what": "busy"}, 409)
    assert len(removed(served_once)) == 100

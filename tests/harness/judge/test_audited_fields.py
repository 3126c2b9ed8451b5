"""The fields of single lines: what is missing or no such value, in words."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.journal.record import Record
from harness.judge.audited_fields import missing


def told(event: str, **fields: Any) -> list[str]:
    return list(missing(Record(0, "server", event, fields)))


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("release", {"unit": "connection:1", "serial": 1, "last_request": 0}),
        ("release", {"unit": "user:JOE", "user": "JOE"}),
        ("close", {"serial": 1, "last_request": 0.000001}),
        ("idle", {"serial": 1, "since": 0, "files": 0}),
        ("operator", {"action": "clear", "serial": 1}),
        ("operator", {"action": "set", "text": "licenses=5", "from": "127.0.0.1"}),
        ("operator", {"action": "message", "text": "hello", "station": "udp:10.0.0.1:1"}),
        ("operator", {"action": "message", "text": "hello", "serial": 1}),
        ("operator", {"action": "down", "station": "udp:10.0.0.1:1", "forced": False, "files": 0}),
        ("operator", {"action": "down", "from": "127.0.0.1"}),
        ("deny", {"station": "udp:10.0.0.1:1", "user": None, "what": "slot", "code": 0xF9}),
        ("deny", {"station": "udp:10.0.0.1:1", "user": None, "what": "license", "code": 0xF9}),
        ("deny", {"station": "udp:10.0.0.1:1", "user": "JOE", "serial": 1, "what": "license", "code": 0xE0}),
        ("deny", {"station": "udp:10.0.0.1:1", "user": None, "serial": 1, "what": "license", "code": 0xE0}),
        ("deny", {"station": "udp:10.0.0.1:1", "user": "JOE", "serial": 1, "what": "account", "code": 0xD9}),
        ("tea-time", {}),
        ("tea-time", {"keep_cleared": "later"}),
    ],
)
def test_whole_lines(event: str, fields: dict[str, Any]) -> None:
    """Nothing is missing; of an event that is not known nothing is asked."""
    assert told(event, **fields) == []


@pytest.mark.parametrize(
    ("event", "fields", "sentences"),
    [
        ("grant", {}, ["grant: expected unit to be text, not None"]),
        ("unsupported", {"ncp": "23/100"}, []),
        ("unsupported", {"ncp": "23/100", "name": "Create Queue"}, []),
        ("unsupported", {"ncp": "23/100", "name": 7}, ["unsupported: expected name to be text, not 7"]),
        ("operator", {"action": "close-bindery", "station": "udp:10.0.0.9:1025"}, []),
        ("close", {"last_request": -0.000001}, ["close: expected last_request to be seconds, not -1e-06"]),
        ("close", {"last_request": "now"}, ["close: expected last_request to be seconds, not now"]),
        ("release", {"unit": "U", "serial": 1}, ["release: expected last_request to be seconds, not None"]),
        (
            "idle",
            {"since": 0, "files": -1},
            ["idle: expected files to be a whole number from 0, not -1"],
        ),
        ("idle", {"since": 0, "files": True}, ["idle: expected files to be a whole number from 0, not True"]),
        ("operator", {"action": "message", "serial": 1}, ["operator: expected text to be text, not None"]),
        ("operator", {"action": "clear"}, ["operator: expected station to be text, not None"]),
        ("operator", {"action": "clear", "from": 5}, ["operator: expected from to be text, not 5"]),
        (
            "operator",
            {"action": "down", "serial": 1},
            [
                "operator: expected forced to be true or false, not None",
                "operator: expected files to be a whole number from 0, not None",
            ],
        ),
        (
            "operator",
            {"action": "dance", "serial": 1},
            ["operator: expected action to be an action of an operator, not dance"],
        ),
    ],
)
def test_missing_fields(event: str, fields: dict[str, Any], sentences: list[str]) -> None:
    """Each is told by name, with what it should be and what it is."""
    assert told(event, **fields) == sentences


def start(**changed: Any) -> list[str]:
    """What a start lacks that is whole but for *changed*."""
    whole = {
        "format": 1,
        "release": "5.1",
        "licenses": 0,
        "seed": -1,
        "speed": 0,
        "utc": "2000-08-10T09:30:15+00:00",
        "idle_after": 300,
        "instance": 32 * "0",
    }
    return told("start", **{**whole, **changed})


def test_start() -> None:
    """``keep_cleared`` may be left out, and is a time."""
    assert start() == start(keep_cleared=0) == []
    assert start(keep_cleared="ever") == ["start: expected keep_cleared to be seconds, not ever"]
    assert start(format=True) == ["start: expected format to be the format 1, not True"]
    assert start(format=2) == ["start: expected format to be the format 1, not 2"]
    assert start(release="4.0") == ["start: expected release to be a release, not 4.0"]
    for length in (31, 33):
        assert start(instance=length * "0") == [
            f"start: expected instance to be 32 hexadecimal digits, not {length * '0'}"
        ]


@pytest.mark.parametrize(
    "changed",
    [
        {"code": 0xFA},
        {"code": 0xD8},
        {"code": 0xDA},
        {"what": "tea"},
        {"serial": None},  # an account's limit is met by a login, so by a connection
        {"user": "drop"},
        {"what": "slot", "code": 0xF9},
    ],
)
def test_refusals_have_their_codes(changed: dict[str, Any]) -> None:
    """For a slot, a license or an account, to a connection or to a station without one."""
    fields = {"station": "udp:10.0.0.1:1", "user": "JOE", "serial": 1, "what": "account", "code": 0xD9, **changed}
    fields = {name: value for name, value in fields.items() if value != "drop"}
    assert told("deny", **fields) == [f"a connection is not refused {fields['what']} with the code {fields['code']}"]


def test_a_station_without_a_connection_has_no_user() -> None:
    """No connection, no login."""
    assert told("deny", station="udp:10.0.0.1:1", user="JOE", what="slot", code=0xF9) == [
        "a connection is not refused slot with the code 249"
    ]


def test_the_codes_of_refusals_are_exact() -> None:
    """One more or less is another refusal."""
    refusals = (("slot", None, 0xF9), ("license", None, 0xF9), ("license", 1, 0xE0), ("account", 1, 0xD9))
    for what, serial, code in refusals:
        for given in (code - 1, code, code + 1):
            lacks = told("deny", station="S", user=None, serial=serial, what=what, code=given)
            assert bool(lacks) is (given != code)

"""The fold of a journal: what its lines add up to, what it drops, and lines that make no sense."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fakenw.journal.fold import Fold, Idle
from fakenw.journal.record import SECOND, Record

EVENTS = ["create", "grant", "state", "release", "open", "shut", "idle", "busy", "close", "start", "deny", "stop"]
FIELDS = ["serial", "connection", "station", "user", "held", "limit", "unit", "cause", "what", "from", "to", "handle"]
FIELDS += ["path", "since", "last_request", "holders", "policy", "server", "idle_after"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(1, 3) | st.floats() | st.sampled_from(["nls", "licensed"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=4,
)
LINES = st.builds(
    lambda t, event, fields: Record(t, "server", event, fields),
    st.integers(0, 10**15),
    st.sampled_from(EVENTS),
    st.dictionaries(st.sampled_from(FIELDS), JSON),
)


def folded(*lines: tuple[float, str, dict[str, Any]], policy: str = "nls") -> Fold:
    """The fold of these lines, all about serial 1 unless they say otherwise, after a start."""
    fold = Fold()
    fold.saw(Record(0, "server", "start", {"server": "FAKENW", "policy": policy, "idle_after": 300.0}))
    for t, event, fields in lines:
        about = {"serial": 1, "connection": 7, "station": "udp:10.0.0.2:1025", "user": None, "limit": 5}
        fold.saw(Record(round(t * SECOND), "server", event, {**about, **fields}))
    return fold


CREATED = (1, "create", {"held": 0})
GRANTED = (2, "grant", {"unit": "connection:1", "cause": "login", "user": "JOE", "held": 1})
LICENSED = (2, "state", {"from": "attached", "to": "licensed", "cause": "login", "user": "JOE", "held": 1})
OPENED = (3, "open", {"handle": "01", "path": "SYS:A"})
LOGGED_OUT = (9, "state", {"from": "licensed", "to": "attached", "cause": "logout", "user": "JOE", "held": 1})
RELEASED = (9, "release", {"unit": "connection:1", "cause": "logout", "held": 0})


def test_a_connection_as_its_lines_leave_it() -> None:
    """Number, user, state, unit, open files, idleness and the last request are at hand while it is there."""
    fold = folded(
        CREATED,
        GRANTED,
        LICENSED,
        OPENED,
        (4, "open", {"handle": "02", "path": "SYS:B"}),
        (5, "shut", {"handle": "01", "path": "SYS:A", "cause": "close"}),
        (305, "idle", {"since": 5.0, "files": 1}),
    )
    (one,) = fold.connections.values()
    assert (one.serial, one.connection, one.user, one.state, one.transport) == (1, 7, "JOE", "licensed", "udp")
    assert one.units == fold.units.keys() == {"connection:1"}
    assert one.holding is not None
    assert (one.holding.unit, one.holding.granted) == ("connection:1", 2 * SECOND)
    assert [file.path for file in one.open_files.values()] == ["SYS:B"]
    assert (one.idle, one.last_request) == (Idle(305 * SECOND, 5 * SECOND), 5 * SECOND)
    assert (fold.name, fold.policy.name, fold.idle_after, fold.limit) == ("FAKENW", "nls", 300 * SECOND, 5)
    assert (fold.held, fold.peak, fold.grants, fold.end) == (1, 1, 1, 305 * SECOND)


def test_what_has_ended_has_its_end_on_it() -> None:
    """A reader that keeps what the fold once had knows when it ended, and why."""
    fold = folded(CREATED, GRANTED, LICENSED, OPENED, (4, "idle", {"since": 3.0}))
    one = fold.connections[1]
    holding, idle, file = one.holding, one.idle, one.open_files["01"]
    for t, event, fields in (
        (8, "busy", {}),
        (9, "shut", {"handle": "01", "cause": "logout"}),
        LOGGED_OUT,
        RELEASED,
        (10, "close", {"cause": "destroy", "last_request": 9.5}),
    ):
        fold.saw(Record(round(t * SECOND), "server", event, {"serial": 1, **fields}))
    assert holding is not None
    assert idle is not None
    assert (holding.released, holding.cause) == (9 * SECOND, "logout")
    assert (idle.busy, file.shut, file.cause) == (8 * SECOND, 9 * SECOND, "logout")
    assert (one.ended, one.cause, one.last_request) == (10 * SECOND, "destroy", 9_500_000)
    assert (one.holding, one.idle, one.open_files, fold.connections, fold.units) == (None, None, {}, {}, {})
    assert (fold.held, fold.peak, fold.releases) == (0, 1, {"logout": 1})


def test_a_connection_without_a_license_is_not_idle() -> None:
    """Idleness ends with the holding, though no line says so."""
    one = folded(CREATED, GRANTED, LICENSED, (4, "idle", {"since": 3.0}), LOGGED_OUT, RELEASED).connections[1]
    assert (one.holding, one.idle, one.units) == (None, None, frozenset())


def test_the_stop_tells_last_requests() -> None:
    """No other line does, of a connection that goes on."""
    holders = [{"serial": 1, "last_request": 7}]
    fold = folded(CREATED, GRANTED, LICENSED, (9, "stop", {"serial": None, "holders": [*holders, "nonsense"]}))
    assert (fold.connections[1].last_request, fold.holders) == (7 * SECOND, holders)


def test_refusals_are_counted() -> None:
    """By what was wanting."""
    fold = folded(*((n, "deny", {"serial": None, "what": what}) for n, what in enumerate(("slot", "license", "slot"))))
    assert fold.denials == {"slot": 2, "license": 1}


def test_mistakes_are_added_up_as_they_stand() -> None:
    """What was released twice counts twice: only so can the audit see it. A state without a grant is believed."""
    assert folded(CREATED, GRANTED, LICENSED, LOGGED_OUT, RELEASED, RELEASED).held == -1
    assert folded(CREATED, GRANTED, GRANTED).held == 2
    without = folded(CREATED, LICENSED).connections[1]
    assert without.holding
    assert not without.units
    assert folded(LICENSED).connections[1].state == "licensed"


@given(st.lists(LINES, max_size=30))
def test_no_line_is_an_exception(lines: list[Record]) -> None:
    """Whatever stands in the fields; and the balance stays that of grants and releases."""
    fold = Fold()
    for record in lines:
        fold.saw(record)
    events = [record.event for record in lines]
    assert fold.held == events.count("grant") - events.count("release") == fold.grants - fold.releases.total()

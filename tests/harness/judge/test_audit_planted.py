"""Servers with a mistake planted in them: the audit of the journal finds each, and names the line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.core.connection import Connection
from fakenw.core.connection_table import ConnectionTable
from fakenw.core.ledger import Grant, Ledger
from fakenw.core.server import Server
from fakenw.journal.policy import State
from fakenw.journal.record import SECOND, Journal
from harness.judge.audit import books_balance
from tests.fakenw.stage import POLICIES, Stage
from tests.harness.judge.lived_journals import PEER, held_at_the_end, opened, operator, over, reset_and_expired, station

Plant = Callable[[pytest.MonkeyPatch], None]


class Unchecked(Stage):
    """A stage that does not audit for itself."""

    def audit(self, record: Any) -> None:
        """Whatever the server writes is written."""


def lived(day: Callable[[Stage], Journal], policy: str = "nls", **more: Any) -> Journal:
    users = (("JOE", "SECRET"), ("ANN", ""), ("BOB", ""))
    return day(Unchecked(policy, licenses=9, users=users, **more))


def doubles_a_release(patch: pytest.MonkeyPatch) -> None:
    release = Ledger.release

    def twice(ledger: Ledger, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        release(ledger, now, unit, cause, about)
        ledger._emit("release", {**about, "unit": unit, "cause": cause})

    patch.setattr(Ledger, "release", twice)


def keeps_at_logout(patch: pytest.MonkeyPatch) -> None:
    release = Ledger.release

    def not_at_logout(ledger: Ledger, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        if cause != "logout":
            release(ledger, now, unit, cause, about)

    patch.setattr(Ledger, "release", not_at_logout)


def grants_over_the_limit(patch: pytest.MonkeyPatch) -> None:
    def acquire(ledger: Ledger, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        ledger.holdings[unit] = Grant(now, 1)
        ledger._emit("grant", {**about, "unit": unit, "cause": cause})

    patch.setattr(Ledger, "acquire", acquire)
    patch.setattr(Ledger, "limit", property(lambda ledger: 2, lambda ledger, limit: None), raising=False)


def silently(event: str, **fields: Any) -> Plant:
    """A server that does not write such lines."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        emit = Server.emit

        def without(server: Server, said: str, about: dict[str, Any]) -> None:
            if said != event or not fields.items() <= about.items():
                emit(server, said, about)

        patch.setattr(Server, "emit", without)

    return plant


def wrongly(event: str, field: str, change: Callable[[Any], Any]) -> Plant:
    """A server that writes another value."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        emit = Server.emit

        def other(server: Server, said: str, about: dict[str, Any]) -> None:
            emit(server, said, {**about, field: change(about[field])} if said == event and field in about else about)

        patch.setattr(Server, "emit", other)

    return plant


def releases_before_the_state(patch: pytest.MonkeyPatch) -> None:
    move = Connection.move

    def early(connection: Connection, now: int, to: State, cause: str, user: str | None = None) -> None:
        if to is State.GONE and connection.unit is not None:
            connection.ledger.release(now, connection.unit, cause, connection.about())
            connection.unit = None
        move(connection, now, to, cause, user)

    patch.setattr(Connection, "move", early)


def leaves_files_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Connection, "shut", lambda *_, **__: None)


def uses_serials_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ConnectionTable, "next_serial", lambda table: len(table.by_number) + 1)


def skips_serials(patch: pytest.MonkeyPatch) -> None:
    following = ConnectionTable.next_serial
    patch.setattr(ConnectionTable, "next_serial", lambda table: following(table) and following(table))


def gives_numbers_twice(patch: pytest.MonkeyPatch) -> None:
    about = Connection.about
    patch.setattr(Connection, "about", lambda connection: {**about(connection), "connection": 1})


def forgets_idleness(patch: pytest.MonkeyPatch) -> None:
    silently("idle")(patch)
    silently("busy")(patch)


def resets_half(patch: pytest.MonkeyPatch) -> None:
    def reset(server: Server) -> None:
        for connection in list(server.table.by_serial.values())[1:]:
            server.clear(connection, "cleared")

    patch.setattr(Server, "reset", reset)


def expires_never(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "_expire", lambda *_: None)


def changes_the_limit_by_itself(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "limit", property(lambda ledger: 9 + len(ledger.holdings), lambda *_: None), raising=False)


PLANTED: dict[str, tuple[Plant, str]] = {
    "doubles a release": (doubles_a_release, "was released, but was not held"),
    "does not release at a logout": (keeps_at_logout, "(logout), but connection:1 is still held: no release follows"),
    "grants over the limit": (grants_over_the_limit, "never_over_limit: 3 units held, the limit is 2"),
    "forgets a shut": (silently("shut", cause="logout"), "is still open: no shut before it"),
    "forgets a shut of a client": (silently("shut", cause="close"), "is still open: no shut before it"),
    "forgets to open": (silently("open"), "was shut, but was not open"),
    "forgets a create": (silently("create"), "serial 1 was never created"),
    "forgets a close": (silently("close"), "is gone (lost), but no close follows"),
    "forgets a grant": (silently("grant"), "without a grant"),
    "forgets a state": (silently("state", cause="login"), "was granted, but no state follows that holds it"),
    "forgets a release": (silently("release"), "is still held: no release follows"),
    "forgets busy": (silently("busy"), "which is idle: no busy before it"),
    "forgets idle": (silently("idle"), "is busy, but was not idle"),
    "knows no idleness": (forgets_idleness, "but no idle says so"),
    "forgets answered": (silently("watchdog", what="answered"), "which is silent: no answered before it"),
    "forgets gave-up": (silently("watchdog", what="gave-up"), "which had not given up"),
    "forgets an operator": (silently("operator", action="clear"), "was cleared, but no operator did it"),
    "forgets what was set": (silently("operator", action="set"), "no operator set it"),
    "releases before the state": (releases_before_the_state, "is used by serial"),
    "leaves files open": (leaves_files_open, "is still open: no shut before it"),
    "uses serials again": (uses_serials_again, "was used before"),
    "skips serials": (skips_serials, "a create is missing or added"),
    "gives numbers twice": (gives_numbers_twice, "which has not ended"),
    "changes the limit by itself": (changes_the_limit_by_itself, "no operator set it"),
    "has another cause": (
        wrongly("release", "cause", lambda _: "destroy"),
        "has the cause destroy, the line before it",
    ),
    "has another user": (wrongly("release", "user", lambda _: "NOBODY"), "not of user NOBODY"),
    "has another number": (wrongly("shut", "connection", lambda number: number + 1), "has the connection"),
    "has another station": (wrongly("idle", "station", lambda _: "udp:10.9.9.9:1"), "has the station"),
    "counts files wrongly": (wrongly("idle", "files", lambda count: count + 1), "files open, not"),
    "forgets the holders": (wrongly("stop", "holders", lambda _: []), "stop names the holders none, but"),
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_mistake_is_found(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is otherwise as it should be, and a server without the mistake has no problem."""
    assert books_balance(lived(held_at_the_end)) == []
    plant, expected = PLANTED[mistake]
    plant(monkeypatch)
    told = [str(problem) for problem in books_balance(lived(held_at_the_end))]
    assert any(expected in text and text.startswith("server.jsonl:") for text in told), told[:5]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("plant", "expected", "policies"),
    [
        (resets_half, "the server was reset, but serial", POLICIES),
        (expires_never, "never expired: no release follows", ("nls", "ual")),
    ],
)
def test_kept_units_and_a_reset(
    plant: Plant, expected: str, policies: tuple[str, ...], policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the policies that have such a thing."""
    more = {"keep_cleared": SECOND * 86_400 * 30}
    assert books_balance(lived(reset_and_expired, policy, **more)) == []
    plant(monkeypatch)
    told = [str(problem) for problem in books_balance(lived(reset_and_expired, policy, **more))]
    assert any(expected in text for text in told) is (policy in policies), told[:5]


def test_a_crash_in_a_transition_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the server was killed, and started again in the same file."""
    first = held_at_the_end(Stage("nls")).records
    again = Stage("nls")
    operator(again).do("mark", {}, PEER)
    opened(station(again, 1).licensed())
    second = over(again).records
    for kept in range(1, len(first)):
        assert books_balance(Journal("server.jsonl", [*first[:kept], *second])) == [], kept

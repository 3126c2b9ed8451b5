"""Journals are put together to lives: what the server saw of a connection, and what its client said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import SECOND, JournalError, Record
from harness.judge.history import ConnectionHistory, RunHistory, load
from harness.judge.writer_clock import Clock
from tests.harness.handmade_journals import ClientBook, RunnerBook, ServerBook, put_together, q257223


def lives_of(run: RunHistory) -> list[ConnectionHistory]:
    """The lives of a run, as a list."""
    return list(run.histories)


@pytest.mark.parametrize(
    ("policy", "granted", "released"),
    [("attach", 1, 5), ("login", 2, 4), ("service", 2, 4), ("nls", 2, 4), ("ual", 2, 4)],
)
def test_the_policy_says_when_a_unit_is_held(policy: str, granted: int, released: int) -> None:
    """A holding is the time in the states that hold a unit; under ual too, though the user keeps it."""
    book = ServerBook(policy)
    book.create(1, 1)
    book.login(2, 1)
    book.logout(4, 1)
    book.close(5, 1)
    (history,) = put_together(book).histories
    (holding,) = history.holdings
    assert (holding.granted, holding.released) == (granted * SECOND, released * SECOND)
    assert holding.cause == ("destroy" if policy == "attach" else "logout")
    assert holding.unit == ("user:JOE" if policy == "ual" else "connection:1")


def test_a_life_has_all_that_the_server_saw() -> None:
    """Number, station, users, files, idle times, watchdog and last request come from the lines about its serial."""
    book = ServerBook()
    book.create(1, 7, connection=3)
    book.login(2, 7)
    book.line(3, "login-failed", 7, user="NOBODY", code=0xFC)
    book.login(3, 7, "ANN")
    book.open(4, 7)
    book.line(904, "idle", 7, since=4, files=1)
    book.line(905, "busy", 7)
    book.shut(905, 7)
    book.line(1300, "watchdog", 7, what="silent")
    book.line(1400, "watchdog", 7, what="gave-up")
    book.close(1400, 7, "watchdog")
    book.bend("release", last_request=910)
    book.bend("close", last_request=910)
    (history,) = put_together(book).histories
    assert (history.connection, history.serial, history.station) == (3, 7, "udp:10.0.0.2:1025")
    assert (history.users, history.user, history.foreign) == (["JOE", "ANN"], "ANN", True)
    assert (history.created, history.ended, history.cause) == (SECOND, 1400 * SECOND, "watchdog")
    assert [(f.opened, f.shut, f.cause) for f in history.files] == [(4 * SECOND, 905 * SECOND, "close")]
    assert [(i.since, i.busy) for i in history.idles] == [(4 * SECOND, 905 * SECOND)]
    assert [(r.t, r["what"]) for r in history.server_lines("watchdog")] == [
        (1300 * SECOND, "silent"),
        (1400 * SECOND, "gave-up"),
    ]
    assert history.last_request == 910 * SECOND
    assert history.records == book.journal().records[1:]


def test_a_connection_can_hold_a_unit_several_times() -> None:
    """Every stretch is a holding of its own; one that goes on has no end."""
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    book.move(3, 1, "authenticated", "unlicense")
    book.move(4, 1, "licensed", "request")
    (history,) = put_together(book).histories
    assert [(h.granted, h.released, h.cause) for h in history.holdings] == [
        (2 * SECOND, 3 * SECOND, "unlicense"),
        (4 * SECOND, None, None),
    ]


def test_client_lines_find_their_connection() -> None:
    """By server, station and number, on the server's clock; the others are somebody else's."""
    server, client, runner = q257223()
    server.create(15001, 2, connection=2, station="udp:10.0.0.3:1025")
    first, second = lives_of(put_together(server, client, runner))
    assert [said.record.event for said in first.client_lines("nal-open")] == ["nal-open"]
    assert first.lines[0].record.event == "attach"
    assert first.client is not None
    assert first.client.name == "workstation"
    assert client.lines[first.lines[-1].line - 1].event == "apm-close"
    assert second.foreign
    assert second.lines == []


def test_numbers_that_are_used_again_are_told_apart_by_order() -> None:
    """The k-th attach of a station and number is the k-th connection, however the clocks differ."""
    server, client = ServerBook(), ClientBook()
    for serial in (1, 2, 3):
        server.create(serial * 10, serial)
        server.close(serial * 10 + 5, serial)
        client.attach(serial)
        client.say(serial + 0.5, "nal-open", path=str(serial))
    histories = lives_of(put_together(server, client))
    assert [[s.record["path"] for s in history.client_lines("nal-open")] for history in histories] == [
        ["1"],
        ["2"],
        ["3"],
    ]


def test_a_connection_the_client_never_learned_of_gets_no_lines() -> None:
    """Where a create's reply was lost the two sides count differently, and the time decides."""
    server, client = ServerBook(), ClientBook()
    for serial, t in ((1, 10), (2, 20), (3, 30)):
        server.create(t, serial)
        server.close(t + 5, serial, "reinitialize")
    client.attach(20.1)
    client.attach(30.1)
    histories = lives_of(put_together(server, client))
    assert [len(history.lines) for history in histories] == [0, 1, 1]
    assert [history.foreign for history in histories] == [False, False, False]


def test_two_clients_that_had_the_same_address_are_told_apart() -> None:
    """A port that another process gets later does not mix up the two."""
    server, one, two = ServerBook(), ClientBook("one"), ClientBook("two")
    for serial, book in ((1, one), (2, two)):
        server.create(serial * 10, serial)
        server.close(serial * 10 + 5, serial)
        book.attach(serial * 10 + 1)
    assert [history.client and history.client.name for history in lives_of(put_together(server, two, one))] == [
        "one",
        "two",
    ]


@pytest.mark.parametrize(
    ("utc", "speed", "server_speed", "expected"),
    [
        ("2000-08-10T09:30:15.000000+00:00", 1, 1, 7),
        ("2000-08-10T09:30:17.000000+00:00", 1, 1, 9),
        ("2000-08-10T09:30:14.000000+00:00", 1, 1, 6),
        ("2000-08-10T11:30:17.000000+02:00", 60, 60, 127),
        ("2000-08-10T09:30:17.000000", 1, 10, 90),
    ],
)
def test_clocks_are_aligned(utc: str, speed: float, server_speed: float, expected: int) -> None:
    """Seven seconds on the client's clock, on the server's."""
    server, client = ServerBook(speed=server_speed), ClientBook(utc=utc, speed=speed)
    server.create(1, 1)
    client.attach(7)
    run = put_together(server, client)
    (history,) = run.histories
    assert history.lines[0].t == expected * SECOND
    assert run.to_server(client.journal(), history.server, 7 * SECOND) == expected * SECOND


def test_clocks_without_wall_time_started_together() -> None:
    """A journal whose first line says no wall time is not shifted."""
    assert Clock(None, 1).to(Clock(5, 1), 7) == 7


def test_a_second_start_is_another_life_of_the_server() -> None:
    """Serials begin again, and line numbers stay those of the file."""
    book = ServerBook()
    book.create(1, 1)
    book.begin(utc="2000-08-10T10:30:15.000000+00:00")
    book.create(2, 1)
    run = put_together(book)
    assert [server.line for server in run.servers] == [1, 4]
    assert [(history.created, len(history.records)) for history in run.histories] == [(SECOND, 2), (2 * SECOND, 2)]


def test_empty_journals_are_passed_over() -> None:
    """A writer that was killed before its first line has nothing to say."""
    empty = ClientBook()
    empty.lines.clear()
    assert put_together(ServerBook(), empty).clients == []


def test_a_run_directory_is_read_whole(tmp_path: Path) -> None:
    """All its journals, and nothing that is not one; the roles are in the records."""
    for book in q257223():
        (tmp_path / book.name).write_text("".join(record.line() for record in book.lines))
    (tmp_path / "report.html").write_text("<html>")
    run = load([tmp_path])
    assert ([s.name for s in run.servers], [c.name for c in run.clients]) == (["FAKENW"], ["workstation"])
    assert run.settings["scenario"] == "Q257223"
    assert run.servers[0].journal.name == str(tmp_path / "server-FAKENW.jsonl")
    assert len(load([tmp_path / "server-FAKENW.jsonl"]).servers) == 1


def test_no_journal_is_said_clearly(tmp_path: Path) -> None:
    """An empty directory, no path and a missing file are named."""
    with pytest.raises(JournalError, match=f"^no journal in {tmp_path}$"):
        load([tmp_path])
    with pytest.raises(JournalError, match=r"^no journal to read$"):
        load([])
    with pytest.raises(JournalError, match=r"nothing\.jsonl: "):
        load([tmp_path / "nothing.jsonl"])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"role": "referee"}, "server-FAKENW.jsonl:1: expected a server, client or runner, not referee"),
        ({"event": "create"}, "server-FAKENW.jsonl:1: expected a server's start, not create"),
        ({"policy": "free"}, "server-FAKENW.jsonl:1: no such policy: free"),
        ({"utc": "noon\x1b"}, "server-FAKENW.jsonl:1: utc is not a time: noon"),
        ({"utc": 5}, "server-FAKENW.jsonl:1: utc is not a time: 5"),
        ({"speed": 0}, "server-FAKENW.jsonl:1: expected a speed from 1e-06 to 1e+09, not 0"),
    ],
)
def test_what_cannot_be_understood_is_named(fields: dict[str, Any], expected: str) -> None:
    """File, line, and what was expected."""
    book = ServerBook()
    role, event = fields.pop("role", "server"), fields.pop("event", "start")
    book.lines[0] = Record(0, role, event, {**book.lines[0].fields, **fields})
    with pytest.raises(JournalError) as problem:
        put_together(book)
    assert str(problem.value).startswith(expected)
    assert str(problem.value).isprintable()


def test_a_serial_must_be_a_number() -> None:
    """Evidence is kept by serial."""
    book = ServerBook()
    book.create(1, 1)
    book.bend("create", serial=["1"])
    with pytest.raises(JournalError, match=r"jsonl:2: serial is not a whole number"):
        put_together(book)


def test_two_runs_are_not_one() -> None:
    """Their clients would be mixed up."""
    with pytest.raises(JournalError, match="a second run"):
        put_together(RunnerBook(), RunnerBook())

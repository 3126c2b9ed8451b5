"""Which server of a run is which server of a capture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from fakenw.journal.record import Journal, JournalError, Record
from harness.capture.reading import Given
from harness.capture.server_place import in_place
from harness.judge.history import RunHistory
from tests.harness.handmade_journals import ClientBook, RunnerBook, ServerBook, scripted


def planned(*names: str) -> RunnerBook:
    return RunnerBook(servers=[{"name": name, "release": "5.1", "policy": None} for name in names])


def seen(name: str, *stations: str) -> Journal:
    """The journal of a server in a capture, to which these stations were connected; its address is *name* as well."""
    book = ServerBook(source="capture", addresses=[name])
    book.always["server"] = name
    for serial, station in enumerate(stations, 1):
        book.create(1, serial)
        book.bend("create", serial - 1, station=station)
    book.lines[0].fields["server"] = name  # type: ignore[index]
    return book.journal()


def named(journal: Journal, given: Mapping[str, Given]) -> Journal:
    """The journal, with the name that is given for its address."""
    name = str(journal.records[0]["server"])
    known = given.get(name, Given()).name or name
    records = [Record(one.t, one.role, one.event, {**one.fields, "server": known}) for one in journal.records]
    return Journal(journal.name, records)


def placed(run: RunHistory, observed: Sequence[Journal]) -> dict[str, str]:
    """By the name of each server: that which it has in the capture, as the first station tells."""
    journals = in_place(run, lambda given: [named(one, given) for one in observed])
    servers = [one for one in journals if one.records[0].role == "server"]
    return {str(one.records[0]["server"]): str(one.records[1]["station"]) for one in servers}


def run_of(*books: RunnerBook | ClientBook | ServerBook) -> RunHistory:
    return RunHistory.of([book.journal() for book in books])


def test_by_name() -> None:
    """In any case of letters; a server that the run does not have is left out."""
    observed = [seen("OTHER", "udp:1"), seen("fs1", "udp:2")]
    assert placed(run_of(planned("FS1")), observed) == {"FS1": "udp:2"}


def test_by_the_stations_of_clients() -> None:
    """Where the capture has addresses only."""
    client = scripted(needed=10)
    station = next(str(line.get("station")) for line in client.lines if line.event == "attach")
    observed = [seen("10.0.0.1:524", "udp:9"), seen("10.0.0.2:524", station)]
    assert placed(run_of(planned("FAKENW"), client), observed) == {"FAKENW": station}


def test_the_one_that_is_left() -> None:
    """Programs without a journal name no station."""
    assert placed(run_of(planned("FS1", "FS2")), [seen("10.0.0.1:524", "udp:1"), seen("FS2", "udp:2")]) == {
        "FS1": "udp:1",
        "FS2": "udp:2",
    }


def test_a_server_that_no_client_used() -> None:
    assert placed(run_of(planned("FS1", "FS2")), [seen("FS1", "udp:1")]) == {"FS1": "udp:1"}


@pytest.mark.parametrize("observed", [[], [seen("10.0.0.1:524", "udp:7"), seen("10.0.0.2:524", "udp:8")]])
def test_what_cannot_be_told(observed: list[Journal]) -> None:
    """The server of an attached client is not there, or one of two is not known."""
    with pytest.raises(JournalError, match=r"no server FAKENW; its servers:.*expected --server ADDRESS=NAME"):
        in_place(run_of(planned("FAKENW"), scripted(needed=10)), lambda given: observed)


def test_release_and_policy_are_those_of_the_run() -> None:
    """The plan, or the server's own journal, knows what a capture may not show."""
    asked: list[Mapping[str, Given]] = []

    def journals(given: Mapping[str, Given]) -> list[Journal]:
        asked.append(given)
        return [seen("FAKENW", "udp:1")]

    in_place(run_of(planned("FAKENW")), journals)
    assert asked == [{}, {"FAKENW": Given("FAKENW", "5.1", None)}]


def test_the_runner_measured_another_clock() -> None:
    """That of the journal which is replaced; its line stays, so that all others keep their numbers."""
    runner = planned("FAKENW")
    runner.write(1, "clock", server="FAKENW", theirs=900, bound=0.1)
    runner.write(2, "end")
    journals = in_place(run_of(runner), lambda given: [seen("FAKENW", "udp:1")])
    (kept,) = (one for one in journals if one.records[0].role == "runner")
    assert [line.event for line in kept.records] == ["run", "clock", "end"]
    assert not kept.records[1].fields

"""What an operator's table of connections needs: its fields, several cleared at once, messages, the list as CSV."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection

import pytest

from fakenw.journal.record import read
from fakenw.wire.requests import files, message, synchronization
from fakenw.wire.requests.connection import ChangeConnectionState
from harness.lab.connection_list import connections
from tests.fakenw.administered_server import DEADLINE, Client, Served


def told(served: Served, event: str = "operator") -> list[tuple[str, int | None, str | None]]:
    """The lines of the administration: action, connection, text."""
    records = [r for r in read(served.journal).records if r.event == event and r["by"] == "admin"]
    return [(r["action"], r.get("connection"), r.get("text")) for r in records]


def test_a_row_of_the_table(serve: Callable[..., Served]) -> None:
    """Two connections; the first has a file and one of its two logical records is locked."""
    served = serve("--policy", "nls")
    with_file, idle = Client(served, "tcp"), Client(served, "udp")
    before = served.get("/api/connections")["connections"][0]["requests"]
    with_file.call(files.OpenFile(0, 6, 0x11, "SYS:PUBLIC/NLIST.EXE"))
    with_file.call(synchronization.LogLogicalRecord(1, 0, "A"))
    with_file.call(synchronization.LogLogicalRecord(0, 0, "B"))
    first, second = served.get("/api/connections")["connections"]
    assert (first["unit"], second["unit"]) == ("connection:1", "connection:2")
    assert (first["requests"] - before, first["locks"], second["locks"]) == (3, 1, 0)
    assert 0 < first["created"] <= first["since"] <= second["created"] <= served.get("/api/server")["t"]
    assert (first["message"], second["message"]) == (False, False)
    for client in (with_file, idle):
        client.close()


def test_several_connections_are_cleared_at_once(serve: Callable[..., Served]) -> None:
    """In the order that was asked for, each once; where one is unknown none is cleared."""
    served = serve()
    clients = [Client(served, "udp") for _ in range(4)]
    refused = served.refused("/api/connections/clear", {"connections": [2, 9, 1, 8]}, status=404)
    assert refused == "there is no connection 9"
    assert len(served.get("/api/connections")["connections"]) == 4
    assert served.post("/api/connections/clear", connections=[4, 2, 4]) == {"cleared": [4, 2]}
    assert [row["connection"] for row in served.get("/api/connections")["connections"]] == [1, 3]
    assert told(served) == [("clear", 4, None), ("clear", 2, None)]
    for client in clients:
        client.close()


@pytest.mark.parametrize("given", [{}, {"connections": []}, {"connections": 1}, {"connections": ["1"]}])
def test_a_list_of_connections_that_is_none(served_once: Served, given: dict[str, object]) -> None:
    assert "connections" in served_once.refused("/api/connections/clear", given)


# Messages


def test_a_message_to_one_and_to_all(serve: Callable[..., Served]) -> None:
    """The station fetches it by NCP 21/1, once; one that has a message already gets no other."""
    served = serve()
    one, two, three = (Client(served, "tcp") for _ in range(3))
    three.call(message.DisableBroadcasts())
    counts = {"left": 1, "not_logged_in": 0, "not_accepting": 0, "has_one": 0}
    assert served.post("/api/connections/1/message", text="Log out, please") == counts
    assert [row["message"] for row in served.get("/api/connections")["connections"]] == [True, False, False]
    assert served.post("/api/message", text="Down at five") == {**counts, "not_accepting": 1, "has_one": 1}
    texts = [message.Message.decode(client.call(message.GetMessageOld())).text for client in (one, two, three, one)]
    assert texts == ["Log out, please", "Down at five", "", ""]
    assert told(served) == [("message", 1, "Log out, please"), ("message", 2, "Down at five")]
    assert "there is no connection 7" in served.refused("/api/connections/7/message", {"text": "x"}, status=404)
    for client in (one, two, three):
        client.close()


@pytest.mark.parametrize("text", ["", "x" * 59, 7, None, "\N{SNOWMAN}", "bell\a", "two\nlines"])
def test_a_message_that_no_station_could_fetch(served_once: Served, text: object) -> None:
    """21/1 takes 58 characters of code page 437."""
    assert "text: " in served_once.refused("/api/message", {"text": text})
    assert served_once.post("/api/message", text="x" * 57 + "\N{LATIN SMALL LETTER SHARP S}")["left"] == 0


# The list as CSV


def test_the_list_is_the_one_that_diagnose_reads(serve: Callable[..., Served]) -> None:
    """Number, user, address, license, server and requests come back as the table of the API has them."""
    served = serve("--name", "ALPHA", "--policy", "nls")
    licensed, unlicensed = Client(served, "udp"), Client(served, "tcp", user="SUPERVISOR")
    unlicensed.call(ChangeConnectionState(0))
    status, headers, body = served.ask("GET", "/api/connections.csv")
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert headers["content-disposition"] == 'attachment; filename="connections.csv"'
    rows = served.get("/api/connections")["connections"]
    assert [
        (one.number, one.user, one.station, one.licensed, one.server, one.requests)
        for one in connections(body, "connections.csv")
    ] == [(row["connection"], row["user"], row["station"], row["licensed"], "ALPHA", row["requests"]) for row in rows]
    assert (
        body.splitlines()[1].split(b",")[4].startswith(served.get("/api/server")["utc"][:13].replace("T", " ").encode())
    )
    for client in (licensed, unlicensed):
        client.close()


# The instance


def test_another_instance_is_noticed(serve: Callable[..., Served]) -> None:
    """By the header of every answer, by the status 409, and by the first event of the stream."""
    served = serve()
    instance = served.get("/api/server")["instance"]
    answers = [
        served.ask(*asked) for asked in (("GET", "/"), ("GET", "/api/no"), ("PUT", "/"), ("GET", "/api/journal"))
    ]
    assert [headers["x-instance"] for _, headers, _ in answers] == [instance] * 4
    assert served.ask("GET", f"/api/journal?from=1&instance={instance}")[0] == 200
    for asked in ({}, {"Accept": "text/event-stream", "Last_Event_ID": "7000"}):
        status, _, body = served.ask("GET", f"/api/journal?from=9999&instance={'0' * 31}1", **asked)
        assert (status, json.loads(body)["instance"]) == (409, instance)
    with closing(HTTPConnection(*served.admin_address, timeout=DEADLINE)) as connection:
        connection.request("GET", "/api/journal", headers={"Accept": "text/event-stream"})
        reply = connection.getresponse()
        first, data, end = (reply.readline() for _ in range(3))
    assert (first, end) == (b"event: server\n", b"\n")
    assert json.loads(data.removeprefix(b"data: ")) == {"instance": instance, "first": 0, "next": 1}

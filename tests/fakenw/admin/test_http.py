"""The administration over HTTP: what can be seen and done; that its metrics and its document are true."""

from __future__ import annotations

import json
import platform
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from fakenw.admin.http import AdminResource
from fakenw.admin.operations import SETTINGS, Administration
from fakenw.admin.routes import routes_of
from fakenw.core.peer import TCP, Peer
from fakenw.health import answers
from fakenw.journal.record import read
from fakenw.wire import packet as ncp
from fakenw.wire.packet import RequestPacket
from fakenw.wire.requests import connection, files
from tests.fakenw.administered_server import Client, Served, stream, wait_for

PAGE = ("/", "/static/{name}")

# What can be seen


def test_each_start_has_an_instance(serve: Callable[..., Served]) -> None:
    """The API and the journal have the same; another start of the same seed has another."""
    found = []
    for _ in range(2):
        served = serve("--seed", "1")
        instance = served.get("/api/server")["instance"]
        assert re.fullmatch("[0-9a-f]{32}", instance)
        assert read(served.journal).records[0]["instance"] == instance
        found.append(instance)
    assert found[0] != found[1]


def test_what_can_be_seen(serve: Callable[..., Served]) -> None:
    """The server, its table with an unlicensed connection, its licenses, its files; nothing of it changes anything."""
    served = serve("--licenses", "2", "--name", "ALPHA")
    licensed, unlicensed = Client(served, "tcp"), Client(served, "udp")
    opened = files.OpenedFile.decode(licensed.call(files.OpenFile(0, 6, 0x11, "SYS:PUBLIC/NLIST.EXE")))
    assert opened.size
    unlicensed_call = connection.ChangeConnectionState(0)
    unlicensed.socket.send(RequestPacket(ncp.REQUEST, 4, unlicensed.number, 1, 23, unlicensed_call.body()).encode())
    about = wait_for(lambda: (a := served.get("/api/server"))["held"] == 1 and a)
    assert (about["name"], about["limit"], about["peak"], about["logins"], about["down"]) == (
        "ALPHA",
        2,
        2,
        True,
        False,
    )
    rows = served.get("/api/connections")["connections"]
    assert [(row["connection"], row["user"], row["licensed"], row["state"]) for row in rows] == [
        (1, "GUEST", True, "licensed"),
        (2, "GUEST", False, "authenticated"),
    ]
    assert rows[0]["files"] == ["SYS:PUBLIC/NLIST.EXE"]
    assert rows[0]["station"].startswith("tcp:127.0.0.1:")
    (holder,) = served.get("/api/licenses")["holders"]
    assert (holder["serial"], holder["user"], holder["station"]) == (1, "GUEST", rows[0]["station"])
    assert served.get("/health") == {"status": "ok"}
    status, headers, body = served.ask("GET", "/api/journal?from=1")
    lines = [json.loads(line) for line in body.splitlines()]
    assert (status, lines[0]["event"], int(headers["x-next"])) == (200, "create", len(lines) + 1)
    assert served.ask("GET", f"/api/journal?from={headers['x-next']}")[2] == b""
    for client in (licensed, unlicensed):
        client.close()


def test_the_journal_as_a_stream(serve: Callable[..., Served]) -> None:
    """Every line as it is written, with its number; a reader that was cut off goes on where it was."""
    served = serve()
    with stream(served) as first:
        assert next(first)[1]["event"] == "start"
        served.post("/api/mark", text="one")
        number, line = next(first)
        assert (line["event"], line["text"]) == ("mark", "one")
    served.post("/api/mark", text="two")
    with stream(served, Last_Event_ID=str(number)) as second:
        assert next(second)[1]["text"] == "two"


# What can be done


def test_what_can_be_done(serve: Callable[..., Served]) -> None:
    """Clear, login, set, mark, reset, down: each with its effect, and a line that says who did it."""
    served = serve("--licenses", "2")
    client = Client(served)
    assert "there is no connection 7" in served.refused("/api/connections/7/clear", status=404)
    assert served.post("/api/connections/1/clear") == {"cleared": 1}
    assert served.get("/api/connections")["connections"] == []
    assert served.post("/api/login", enabled=False)["logins"] is False
    with pytest.raises(AssertionError, match="0xc5"):
        Client(served)
    assert served.post("/api/login", enabled=True)["logins"] is True
    held = Client(served)
    assert "1 are held" in served.refused("/api/set", {"licenses": 0}, status=409)
    assert served.post("/api/set", licenses=7, watchdog="15.7,9.9,5", clear_idle="30m")["limit"] == 7
    assert "clients are connected" in served.refused("/api/reset", status=409)
    after = served.post("/api/reset", force=True)
    assert (after["held"], after["peak"]) == (0, 0)
    assert served.post("/api/down")["down"] is True
    assert not answers(Peer(TCP, served.addresses["tcp"])) or served.get("/api/server")["down"]
    assert served.post("/api/reset")["down"] is False
    done = [r for r in read(served.journal).records if r.event == "operator" and r["by"] == "admin"]
    assert [record["action"] for record in done] == [
        *("clear", "disable-login", "enable-login", "set", "reset", "down", "reset")
    ]
    assert all(record["from"].startswith("127.0.0.1:") for record in done)
    for one in (client, held):
        one.close()


@pytest.mark.parametrize("policy", ["ual", "nls"])
def test_a_reset_leaves_no_unit(serve: Callable[..., Served], policy: str) -> None:
    """Neither a user's assignment nor the unit of a connection that was cleared; and the books balance."""
    served = serve("--policy", policy, "--keep-cleared", "72h")
    client = Client(served)
    served.post("/api/connections/1/clear")
    assert served.get("/api/server")["held"] == 1
    assert served.post("/api/reset")["held"] == 0
    client.close()


@pytest.mark.parametrize(
    ("path", "given", "status", "complaint"),
    [
        ("/api/nothing", {}, 404, "there is no /api/nothing"),
        ("/api/connections/x/clear", {}, 404, "there is no connection x"),
        ("/api/login", {}, 400, "enabled: missing; expected true or false"),
        ("/api/login", {"enabled": 1}, 400, "enabled: 1; expected true or false"),
        ("/api/set", {}, 400, "nothing to set"),
        ("/api/set", {"licenses": "many"}, 400, "licenses: 'many'; expected a whole number"),
        ("/api/set", {"watchdog": "soon"}, 400, "is not off or FIRST,BETWEEN,COUNT"),
        ("/api/set", {"clear_idle": "soon"}, 400, "is not a duration"),
        ("/api/set", {"licenses": 65_535}, 400, "licenses: 65535; expected 65534 or less"),
        ("/api/set", {"clear_idle": 0}, 400, "clear_idle: no time at all; expected more than 0, or null: never"),
        ("/api/set", {"name": "X"}, 400, "name: unknown key; expected one of licenses, watchdog, clear_idle"),
        ("/api/reset", {"force": "yes"}, 400, "force: 'yes'; expected true or false"),
        ("/api/down", {"now": True}, 400, "now: unknown key; expected none"),
        ("/api/mark", {"text": "x" * 201}, 400, "expected 200 characters or fewer"),
        ("/api/mark", {"text": "\ud800"}, 400, "text: "),
        ("/api/clock/advance", {}, 400, "seconds:"),
        ("/api/clock/advance", {"seconds": -1}, 400, "seconds:"),
        ("/api/mark", [1], 400, "expected a JSON object"),
        ("/api/mark", b"{", 400, "the body is no JSON"),
        ("/api/mark", b"[" * 60_000, 400, "the body is no JSON"),
    ],
)
def test_what_cannot_be_done(served_once: Served, path: str, given: object, status: int, complaint: str) -> None:
    """The error says what was wrong, and what was expected."""
    assert complaint in served_once.refused(path, given, status)


# Metrics


def test_metrics_agree_with_the_journal(serve: Callable[..., Served]) -> None:
    """After a random workload, as the library's own parser reads them."""
    served = serve("--licenses", "3")
    random, clients = Random(11), list[Client]()
    for _ in range(60):
        if clients and random.random() < 0.4:
            clients.pop(random.randrange(len(clients))).close()
        else:
            with suppress(AssertionError):  # refused
                clients.append(Client(served, random.choice(["tcp", "udp"])))
    metrics = wait_for(lambda: settled(served))
    records = read(served.journal).records
    count = Counter((r.event, str(r.get("cause") if r.event == "release" else r.get("what"))) for r in records)
    assert metrics["fakenw_grants_total"] == sum(record.event == "grant" for record in records) > 3
    for (event, what), times in count.items():
        if event == "release":
            assert metrics[f'fakenw_releases_total{{cause="{what}"}}'] == times
        elif event == "deny":
            assert metrics[f'fakenw_denials_total{{what="{what}"}}'] == times
    assert metrics["fakenw_licenses_held"] == records[-1]["held"]
    assert metrics["fakenw_licenses_limit"] == 3
    assert metrics['fakenw_requests_total{function="23/24"}'] >= metrics["fakenw_grants_total"]
    states = sum(value for name, value in metrics.items() if name.startswith("fakenw_connections{"))
    assert states == len(served.get("/api/connections")["connections"])
    assert metrics["fakenw_bad_signatures_total"] == 0
    assert metrics["fakenw_routes"] >= states
    assert metrics["fakenw_deadlines"] <= states
    for client in clients:
        client.close()


def settled(served: Served) -> dict[str, float] | None:
    """The metrics by name, if nothing is written to the journal meanwhile."""
    before = len(read(served.journal).records)
    time.sleep(0.05)
    status, headers, body = served.ask("GET", "/metrics")
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/plain")
    if len(read(served.journal).records) != before:
        return None
    found = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


# The document


def test_the_examples_of_the_document(serve: Callable[..., Served]) -> None:
    """Each request of docs/api.md is answered with that status, and with those fields."""
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
    served = serve()
    client = Client(served)
    examples = re.findall(r"```http\n(\w+) (\S+) ?(.*)\n(\d+) (.*)\n```", text)
    assert len(examples) >= 7
    for method, path, given, status, shown in examples:
        code, _, body = served.ask(method, path, given.encode() or None)
        assert code == int(status), (method, path, body)
        assert shape(json.loads(body)) == shape(json.loads(shown)), (method, path)
    client.close()


def test_every_route_is_in_the_document() -> None:
    """And everything that can be set."""
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
    declared = list(routes_of(AdminResource, Administration))
    routes = [
        f"{one.method} {re.sub('{connection}|{fault}', '1', one.path)}" for one in declared if one.path not in PAGE
    ]
    assert {"GET /health", "GET /api/journal", "POST /api/clock/advance", "POST /api/connections/1/clear"} < {*routes}
    assert [route for route in routes if not re.search(rf"{re.escape(route)}\b", text)] == []
    assert [name for name in SETTINGS if f'"{name}": ' not in text] == []


def shape(value: Any) -> Any:
    """The names and the types of what is there."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def test_every_metric_of_the_document_is_there(served_once: Served) -> None:
    """And none that it does not name."""
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
    names = {
        line.split()[2]
        for line in served_once.ask("GET", "/metrics")[2].decode().splitlines()
        if line.startswith("# TYPE")
    }
    rows = re.findall(r"^\| (`(?:fakenw|process)_.*?) \|", text, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)", row)} == names


def test_what_is_known_beforehand_begins_with_zero(serve: Callable[..., Served]) -> None:
    """Each cause of the journal's page and each refusal, before the first of them; and the version."""
    metrics = settled(serve())
    page = (Path(__file__).parents[3] / "docs" / "journal.md").read_text(encoding="utf-8")
    (causes,) = re.findall(r"\*\*Of a `release`, given back by(.+?)`state`, `close` and `shut`", page, re.DOTALL)
    (denied,) = re.findall(r"^\| `deny` .*`what` \(text: ([\w, ]+)\)", page, re.MULTILINE)
    known = {
        "releases_total{cause": re.findall(r"`([\w-]+)`", re.sub(r"\(.*?\)", "", causes, flags=re.DOTALL)),
        "denials_total{what": denied.split(", "),
    }
    assert metrics is not None
    for label, names in known.items():
        found = {name: value for name, value in metrics.items() if name.startswith(f"fakenw_{label}")}
        assert found == {f'fakenw_{label}="{name}"}}': 0 for name in names}
    assert metrics[f'fakenw_build_info{{python="{platform.python_version()}",version="{version("fakenw")}"}}'] == 1
    assert metrics["process_resident_memory_bytes"] > 1e6


def test_openmetrics_where_it_is_asked_for(served_once: Served) -> None:
    """As Prometheus asks for it, and as the library's own strict parser reads it; the same metrics as in the text."""
    asked = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    status, headers, body = served_once.ask("GET", "/metrics", Accept=asked)
    assert (status, headers["content-type"].partition(";")[0]) == (200, "application/openmetrics-text")
    families = openmetrics_families(body.decode())  # type: ignore[no-untyped-call]
    names = {family.name for family in families}
    text = served_once.ask("GET", "/metrics")[2].decode()
    assert {name.replace("fakenw_build", "fakenw_build_info") for name in names} == {
        family.name for family in text_string_to_metric_families(text)
    }

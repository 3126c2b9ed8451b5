"""Readers of the journal when the server is started again on the same port and the same journal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from fakenw.admin.client import AdminClient, ServerRestarted
from fakenw.journal.record import read
from harness.load.servers import ForeignServer, NoServer
from tests.fakenw.administered_server import DEADLINE, Served, stream, wait_for

FAKENW = "from fakenw.cli.main import main; main()"


def again(served: Served, folder: Path) -> Served:
    """The next start, on the same port and journal."""
    served.stop()
    return Served(folder, admin="{}:{}".format(*served.admin_address))


@contextmanager
def following(served: Served, folder: Path, program: str) -> Iterator[tuple[subprocess.Popen[bytes], Path, Path]]:
    """`fakenw journal --follow --json`: its process, and the files of its output and of its errors."""
    out, err = folder / "out.txt", folder / "err.txt"
    command = [sys.executable, "-c", program, "journal", "--follow", "--json", f"--admin={served.admin}"]
    with out.open("w") as output, err.open("w") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors)
    try:
        yield process, out, err
    finally:
        process.kill()
        process.wait(DEADLINE)


def _has(file: Path, text: str) -> bool:
    return text in file.read_text()


@pytest.mark.process
def test_the_journal_is_followed_over_two_restarts(tmp_path: Path) -> None:
    """Each line of all three lives comes once, and a sentence tells of each restart."""
    served = Served(tmp_path)
    with following(served, tmp_path, FAKENW) as (_, out, err):
        for life in range(3):
            for n in range(3):
                served.post("/api/mark", text=f"life {life}, line {n}")
            wait_for(partial(_has, out, f"life {life}, line 2"))
            if life < 2:
                served = again(served, tmp_path)
    served.stop()
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    told = [line.get("text", line["event"]) for line in lines if line["event"] in ("start", "mark")]
    assert told == [text for life in range(3) for text in ("start", *(f"life {life}, line {n}" for n in range(3)))]
    written = [record for record in read(tmp_path / "journal.jsonl").records if record.event in ("start", "mark")]
    assert [record.get("text", record.event) for record in written] == told
    assert err.read_text().count("the server was started again") == 2


@pytest.mark.process
def test_a_server_that_is_gone_ends_it(tmp_path: Path) -> None:
    """After a while, which is told at once; with a sentence and exit code 3."""
    with (
        Served(tmp_path) as served,
        following(served, tmp_path, f"from fakenw.cli import following as f; f.RESTART_WITHIN = 0.3; {FAKENW}") as (
            process,
            out,
            err,
        ),
    ):
        wait_for(lambda: "start" in out.read_text())
        served.kill()
        assert process.wait(DEADLINE) == 3
    waits, ended = err.read_text().splitlines()
    assert "does not answer" in waits
    assert waits.endswith("; waiting up to 0.3 s")
    assert waits.startswith(ended)


@pytest.mark.process
def test_a_stream_is_refused_by_the_next_start(tmp_path: Path) -> None:
    """A reader that goes on with the instance that it knows learns the new one, and begins with line 0."""
    first = Served(tmp_path)
    for n in range(5):
        first.post("/api/mark", text=f"one {n}")
    old = first.get("/api/server")["instance"]
    second = again(first, tmp_path)
    accept = {"Accept": "text/event-stream"}
    status, _, body = second.ask("GET", f"/api/journal?instance={old}", Last_Event_ID="5", **accept)
    assert (status, json.loads(body)["instance"]) == (409, second.get("/api/server")["instance"])
    client = AdminClient(second.admin)
    with pytest.raises(ServerRestarted) as caught:
        client.journal(6, old)
    assert caught.value.instance == client.instance == json.loads(body)["instance"] != old
    with stream(second) as lines:
        number, line = next(lines)
    assert (number, line["event"], line["instance"]) == (0, "start", client.instance)
    second.stop()


@pytest.mark.process
def test_a_load_does_not_go_on_with_another_start(tmp_path: Path) -> None:
    """Its books would not balance; it says why it ends."""
    served = Served(tmp_path)
    loaded = ForeignServer(served.addresses["tcp"], AdminClient(served.admin), lambda _: None)
    loaded.catch_up()
    served = again(served, tmp_path)
    with pytest.raises(NoServer, match="the server was started again during the load"):
        loaded.catch_up()
    served.stop()

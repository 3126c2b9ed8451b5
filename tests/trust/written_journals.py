"""Journals in files: full turns of the reactor, torn lines, two servers that want the same file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fakenw.core.delivery import Delivery
from fakenw.journal.record import SECOND, JournalError, Record, read
from fakenw.journal.writer import JournalFile, JournalRefused
from fakenw.wire import packet as ncp
from fakenw.wire.packet import RequestPacket, decode_reply
from fakenw.wire.requests import bindery
from harness.judge.audit import books_balance
from tests.fakenw.stage import Stage, StageEdge, Station
from tests.harness.judge.lived_journals import station
from tests.trust.server_days import Unchecked


class FileEdge(StageEdge):
    """Writes the journal to a file, as ``fakenw serve`` does."""

    def __init__(self, stage: Stage, file: JournalFile) -> None:
        super().__init__(stage)
        self._file = file

    def write(self, records: list[Record]) -> bool:
        self._file.write(records)
        return True


def full_turns(stage: Stage, file: JournalFile) -> None:
    """Forty stations come, log in and go, all of them in one turn of the reactor."""
    ends: list[Callable[[], None]] = []
    file.write(stage.records)
    stage.delivery = Delivery(stage.server, FileEdge(stage, file), ends.append)

    def send(at: Station, kind: int, request: Any = None) -> None:
        at.sequence += kind != ncp.CREATE
        function, body = (request.function, request.body()) if request else (0, b"")
        at.send(RequestPacket(kind, at.sequence, at.number, 1, function, body).encode())

    def turn() -> None:
        for end in ends:
            end()
        ends.clear()
        stage.now += 1_000_005

    clients = [station(stage, host) for host in range(1, 41)]
    for client in clients:
        send(client, ncp.CREATE)
    turn()
    for client in clients:
        client.number = decode_reply(client.inbox[-1]).connection
        send(client, ncp.REQUEST, bindery.PlainLogin(1, "GUEST", ""))
    turn()
    for client in clients:
        send(client, ncp.DESTROY)
    turn()
    stage.delivery.stop()


def written() -> str | None:
    """What the audit tells of a file with two lives, the first of which ends with a torn line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.jsonl"
        for _ in range(2):
            file, _notes = JournalFile.of_server(path)
            full_turns(Unchecked("nls", licenses=99), file)
            file.close()
            with path.open("ab") as torn:
                torn.write(b'{"t": 9.0000')
        try:
            journal = read(path)
        except JournalError as problem:
            return str(problem)
        problems = books_balance(journal)
    if problems:
        return str(problems[0])
    lives = sum(record.event == "start" for record in journal.records)
    return None if lives == 2 else f"{lives} lives in the journal, expected 2"


def two_servers() -> str | None:
    """What the audit tells of a file that a second server has tried to write meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.jsonl"
        file, _notes = JournalFile.of_server(path)
        first = Unchecked("nls")
        file.write(first.records)
        with suppress(JournalRefused):
            other, _notes = JournalFile.of_server(path)
            other.write(Unchecked("nls").records)
            other.close()
        first.delivery = Delivery(first.server, FileEdge(first, file))
        station(first, 1).licensed().destroy()
        station(first, 1).licensed()
        first.now = SECOND
        first.delivery.stop()
        file.close()
        journal = read(path)
    problems = books_balance(journal)
    if problems:
        return str(problems[0])
    lives = sum(record.event == "start" for record in journal.records)
    return None if lives == 1 else f"{lives} lives in the journal of one server"

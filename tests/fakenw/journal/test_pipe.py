"""A pipe that nobody reads ends the server; one that is read slowly does not."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakenw.core.peer import UDP, Peer
from fakenw.journal import pipe
from fakenw.journal.record import Record, read_lines
from fakenw.journal.writer import JournalFile
from fakenw.transports.capture import CaptureFile

RECORDS = [Record(n, "server", "mark", {"text": "x" * 1000}) for n in range(1000)]
STATION = Peer(UDP, ("127.0.0.1", 1025))
Ends = tuple[int, int]


@pytest.fixture(params=["pipe", "socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    """The descriptors of the reader, and of the writer."""
    if request.param == "pipe":
        both = os.pipe()
    else:
        first, second = socket.socketpair()
        both = first.detach(), second.detach()
    yield both
    for one in both:
        try:
            os.close(one)
        except OSError:
            assert one == both[0]  # a test has closed it


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "LOOK_EVERY", 0.001)
    monkeypatch.setattr(pipe, "PATIENCE", 0.005)


def received(reader: int) -> bytes:
    os.set_blocking(reader, False)
    data = b""
    try:
        while more := os.read(reader, 65536):
            data += more
    except BlockingIOError:
        pass
    return data


def test_nobody_reads(ends: Ends) -> None:
    """The pipe holds the beginning of the journal."""
    reader, writer = ends
    with pytest.raises(TimeoutError, match=r"the pipe was full for 0\.005 seconds, since nobody reads it"):
        JournalFile(writer).write(RECORDS)
    got = read_lines(received(reader).splitlines(keepends=True), "pipe").records
    assert 0 < len(got) < len(RECORDS)
    assert got == RECORDS[: len(got)]
    assert os.get_blocking(writer)  # it may be another program's as well


def test_somebody_reads_slowly(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time that the pipe is full the reader has looked away for most of the time that it is given."""
    reader, writer = ends
    parts: list[bytes] = []
    journal = JournalFile(writer)
    real = pipe.Pipe.has_room

    def looks_away(self: pipe.Pipe) -> bool:
        if not real(self):
            parts.append(received(reader))
        return real(self)

    monkeypatch.setattr(pipe.Pipe, "has_room", looks_away)
    journal.write(RECORDS)
    parts.append(received(reader))
    assert b"".join(parts) == b"".join(record.line().encode() for record in RECORDS)


def test_the_reader_ends(ends: Ends) -> None:
    """As with any pipe."""
    reader, writer = ends
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        JournalFile(writer).write(RECORDS)


def test_a_capture_that_nobody_reads(tmp_path: Path) -> None:
    """As Wireshark does that is stopped: the failure is told once, and nothing more is written."""
    path, failures = tmp_path / "capture.pcap", list[OSError]()
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    capture = CaptureFile.create(path, lambda: 0.0, failures.append)
    for _ in range(1000):
        capture.received(STATION, "127.0.0.1", bytes(1000))
    os.close(reader)
    (failure,) = failures
    assert isinstance(failure, TimeoutError)

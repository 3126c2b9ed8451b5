"""Readers of the journal over HTTP: nothing that they do, or leave undone, costs the server more than a buffer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.resource import Resource

from fakenw.admin.bounded_http import MOST, BoundedSite
from fakenw.admin.journal_buffer import KEPT, JournalBuffer
from fakenw.admin.journal_reader import AT_ONCE, JournalReader
from fakenw.admin.routes import ApiError
from fakenw.journal.record import Record


class Taker:
    """What Twisted's request is to a reader: it takes so many bytes, and then wants a pause."""

    def __init__(self, room: int) -> None:
        self.room, self.taken = room, bytearray()
        self.ended = ""
        self.channel = self
        self._producer: Any = None
        self._gone: Deferred[None] = Deferred()

    def notifyFinish(self) -> Deferred[None]:  # noqa: N802
        return self._gone

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: N802
        self._producer = producer

    def unregisterProducer(self) -> None:  # noqa: N802
        self._producer = None

    def write(self, data: bytes) -> None:
        self.taken += data
        if len(self.taken) > self.room and self._producer is not None:
            self._producer.pauseProducing()

    def finish(self) -> None:
        self.ended = "finished"
        self._gone.callback(None)

    def abort(self) -> None:
        self.ended = "aborted"

    def read(self, room: int) -> None:
        """Take so much more."""
        self.room = len(self.taken) + room
        self._producer.resumeProducing()


@pytest.fixture
def journal_buffer() -> JournalBuffer:
    """A journal with a thousand lines."""
    journal_buffer = JournalBuffer()
    grow(journal_buffer, 1000)
    return journal_buffer


def grow(journal_buffer: JournalBuffer, by: int) -> None:
    for _ in range(by):
        journal_buffer.add(Record(journal_buffer.next, "server", "mark", {"n": journal_buffer.next}))


def numbers(taken: bytearray) -> list[int]:
    """The lines that came, by their numbers."""
    lines = (line.removeprefix(b"data: ") for line in taken.splitlines() if b'"n": ' in line)
    return [json.loads(line)["n"] for line in lines]


def test_what_was_asked_for_and_no_more(journal_buffer: JournalBuffer) -> None:
    """Each line once, in order; what is written later is for the next time."""
    taker = Taker(room=10_000)
    JournalReader(taker, journal_buffer, 10, journal_buffer.next).begin()
    grow(journal_buffer, 5)
    while not taker.ended:
        taker.read(10_000)
    assert (numbers(taker.taken), taker.ended) == (list(range(10, 1000)), "finished")
    assert journal_buffer.listeners == []


def test_nothing_is_made_ready_for_who_does_not_read(journal_buffer: JournalBuffer) -> None:
    """A pause is heeded, in a stream too."""
    readers = [Taker(room=0), Taker(room=0)]
    for taker, until in zip(readers, (journal_buffer.next, None), strict=True):
        JournalReader(taker, journal_buffer, 0, until).begin()
        assert numbers(taker.taken) == list(range(AT_ONCE))
    grow(journal_buffer, 50)
    assert numbers(readers[1].taken) == list(range(AT_ONCE))


def test_a_stream_goes_on(journal_buffer: JournalBuffer) -> None:
    """As lines are written, each with its number."""
    taker = Taker(room=10**9)
    JournalReader(taker, journal_buffer, 998, None).begin()
    grow(journal_buffer, 2)
    assert numbers(taker.taken) == [998, 999, 1000, 1001]
    assert b'id: 1001\ndata: {"t": 0.001001, ' in taker.taken
    taker._gone.errback(ConnectionError())
    assert journal_buffer.listeners == []


def test_who_is_too_slow_is_hung_up_on(journal_buffer: JournalBuffer) -> None:
    """And others, who are not, are none the worse."""
    slow, quick = Taker(room=0), Taker(room=10**9)
    for taker in (slow, quick):
        JournalReader(taker, journal_buffer, 0, None).begin()
    grow(journal_buffer, KEPT)
    assert (slow.ended, quick.ended) == ("aborted", "")
    assert numbers(quick.taken) == list(range(journal_buffer.next))
    assert len(journal_buffer.listeners) == 1


def test_no_more_is_kept_than_is_said(journal_buffer: JournalBuffer) -> None:
    """The last KEPT lines."""
    grow(journal_buffer, KEPT)
    assert (journal_buffer.first, journal_buffer.next) == (1000, KEPT + 1000)
    journal_buffer.check(1000)
    with pytest.raises(ApiError, match="record 999 is no longer stored; the oldest is 1000") as refused:
        journal_buffer.check(999)
    assert (refused.value.status, refused.value.more) == (410, {"oldest": 1000})
    with pytest.raises(ApiError, match="not there yet; expected no more than 101000") as refused:
        journal_buffer.check(journal_buffer.next + 1)
    assert refused.value.status == 400


@pytest.mark.parametrize("number", [0, 500, 999])
def test_a_line_is_the_journals(journal_buffer: JournalBuffer, number: int) -> None:
    """Byte for byte."""
    line: Callable[[int], bytes] = journal_buffer.line
    assert line(number) == line(number) == Record(number, "server", "mark", {"n": number}).line().encode()


def test_many_come_at_once_and_each_pushes_out_another() -> None:
    """Connections end a turn after they are told to: one batch of newcomers must not push out the same one twice."""
    site = BoundedSite(Resource(), Clock())  # type: ignore[no-untyped-call]
    ended: list[int] = []

    class Connection(StringTransport):
        def setTcpKeepAlive(self, on: bool) -> None:  # noqa: N802
            pass

        def abortConnection(self) -> None:  # noqa: N802
            ended.append(connections.index(self))

    connections = [Connection() for _ in range(MOST + 10)]  # type: ignore[no-untyped-call]
    for connection in connections:
        site.buildProtocol(None).makeConnection(connection)
    assert (ended, len(site.channels)) == (list(range(10)), MOST)

"""A reader of the journal over HTTP, at the reader's own speed.

Rules of this file:

* Lines are written only while the reader accepts them: no more than TCP's buffer waits for it.
* If the next record of a slow reader is no longer stored its connection is aborted, and the response is incomplete.
"""

from __future__ import annotations

import json
from typing import Any

from fakenw.admin.journal_buffer import JournalBuffer

AT_ONCE = 100  # lines, between which other readers have their turn


class JournalReader:
    """Writes the lines from *number* on as the response to *request*: up to *until*, or as an endless stream of events.

    A stream begins with an event ``server``, which names the *instance*. It is an IPushProducer of Twisted.
    """

    def __init__(self, request: Any, buffer: JournalBuffer, number: int, until: int | None, instance: str = "") -> None:
        self._request, self._buffer, self._number, self._until = request, buffer, number, until
        self._instance = instance
        self._paused = self._ended = False

    def begin(self) -> None:
        """Write the header and the first lines."""
        self._request.notifyFinish().addBoth(self._end)
        if self._until is None:
            told = {"instance": self._instance, "first": self._buffer.first, "next": self._buffer.next}
            self._request.write(f"event: server\ndata: {json.dumps(told)}\n\n".encode())  # which sends the header
            self._buffer.listeners.append(self.more)
        self._request.registerProducer(self, True)
        self.more()

    def more(self) -> None:
        """Write the available lines, unless the reader is paused."""
        if not self._ended and self._number < self._buffer.first:
            self._end()
            self._request.channel.abort()
        while not self._paused and not self._ended:
            end = min(self._number + AT_ONCE, self._buffer.next if self._until is None else self._until)
            if self._number < end:
                self._request.write(b"".join([self._text(number) for number in range(self._number, end)]))
                self._number = end
            elif self._until is None:
                return
            else:
                self._request.unregisterProducer()
                self._request.finish()

    def _text(self, number: int) -> bytes:
        line = self._buffer.line(number)
        return line if self._until is not None else b"id: %d\ndata: %s\n" % (number, line)

    def _end(self, _: object = None) -> None:
        self._ended = True
        if self.more in self._buffer.listeners:
            self._buffer.listeners.remove(self.more)

    # Twisted's IPushProducer

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self.more()

    def stopProducing(self) -> None:
        """The reader has disconnected."""
        self._end()

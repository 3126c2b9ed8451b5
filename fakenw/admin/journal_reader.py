"""A reader of the journal over HTTP, as slow as it likes.

Rules of this file:

* No more is made ready for a reader than it takes: what waits is a buffer of TCP, never the journal.
* A reader who is so slow that what it wants next is forgotten is hung up on, and finds out by the answer's missing end.
"""

from __future__ import annotations

from typing import Any

from fakenw.admin.operations import JournalBuffer

AT_ONCE = 100  # lines; others have their turn in between


class JournalReader:
    """Writes the lines from *number* on as the answer to *request*: up to *until*, or for ever as server-sent events.

    It is an IPushProducer of Twisted's, which tells it when to pause.
    """

    def __init__(self, request: Any, buffer: JournalBuffer, number: int, until: int | None) -> None:
        self._request, self._buffer, self._number, self._until = request, buffer, number, until
        self._paused = self._ended = False

    def begin(self) -> None:
        """The head of the answer has been decided on."""
        self._request.notifyFinish().addBoth(self._end)
        if self._until is None:
            self._request.write(b": journal\n\n")  # so that the head goes out
            self._buffer.listeners.append(self.more)
        self._request.registerProducer(self, True)
        self.more()

    def more(self) -> None:
        """Write what there is, unless the reader has to catch up first."""
        if not self._ended and self._number < self._buffer.first:
            self._end()
            self._request.channel.abort()
        while not self._paused and not self._ended:
            upto = min(self._number + AT_ONCE, self._buffer.next if self._until is None else self._until)
            if self._number < upto:
                self._request.write(b"".join([self._text(number) for number in range(self._number, upto)]))
                self._number = upto
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
        """The reader has enough to read."""
        self._paused = True

    def resumeProducing(self) -> None:
        """It has read that."""
        self._paused = False
        self.more()

    def stopProducing(self) -> None:
        """It has gone."""
        self._end()

"""Requests and their replies in one conversation, and what is missing between them.

Rules of this file:

* A reply belongs to the request with its sequence. Over a lossless transport several requests may be under way; else a
  new one means that the client waits for the former no more.
* A request that repeats the last one, or is late, is none (``fakenw.core.dispatch``).
* A number that was left out, or a reply without its request, shows that packets are missing from the capture.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from fakenw.core.dispatch import LATE
from harness.capture.facts import PendingRequest

MOST = 64  # requests under way


@dataclass(slots=True)
class Pairing:
    """*lossless*: no request is repeated, and missing bytes are told by the stream."""

    lossless: bool
    sequence: int | None = None  # of the last request
    free: bool = True  # any number may follow
    fresh: bool = False  # the last request was a create, whose number may be used again
    answered: int | None = None  # the sequence of the last reply
    pending: deque[PendingRequest] = field(default_factory=deque)

    def is_repeated(self, sequence: int) -> bool:
        if self.lossless or self.sequence is None or self.free or self.fresh:
            return False
        return (self.sequence - sequence) & 0xFF < LATE

    def request(self, request: PendingRequest) -> tuple[bool, list[PendingRequest]]:
        """Enter a new request. Returns whether one is missing before it, and those that stay without a reply."""
        given_up: list[PendingRequest] = []
        missing = False
        if not self.lossless:
            given_up, self.pending = list(self.pending), deque()
            expected = None if self.sequence is None else (self.sequence + 1) & 0xFF
            again = self.fresh and request.sequence == self.sequence
            missing = not self.free and not again and request.sequence != expected
        elif len(self.pending) == MOST:
            given_up = [self.pending.popleft()]
        self.sequence, self.free, self.fresh = request.sequence, False, False
        self.pending.append(request)
        return missing, given_up

    def reply(self, sequence: int) -> tuple[PendingRequest | None, list[PendingRequest]]:
        """The request of a reply, and those before it, whose replies are missing."""
        given_up: list[PendingRequest] = []
        if any(request.sequence == sequence for request in self.pending):
            while True:
                request = self.pending.popleft()
                if request.sequence == sequence:
                    self.answered = sequence
                    return request, given_up
                given_up.append(request)
        return None, given_up

    def begin(self, sequence: int) -> None:
        """A create with that number was answered."""
        self.forget()
        self.sequence, self.free, self.fresh = sequence, False, True

    def forget(self) -> list[PendingRequest]:
        """Packets are missing: nothing that follows is compared with what was before."""
        given_up, self.pending = list(self.pending), deque()
        self.free, self.fresh, self.answered = True, False, None
        return given_up

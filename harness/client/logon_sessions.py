"""Logon sessions of a workstation, and when they end.

Rules of this file:

* A session ends when its last reference is dropped: the user's own, and that of every service which impersonates the
  user. Only then is the redirector notified (LSA and CSNW: KB Q179444).
* A session's name is its context to the redirector. The next logon of a user has another (an LUID is never reused).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.client.redirector import Redirector


@dataclass
class Session:
    """A logon session of *user* on this workstation."""

    user: str
    number: int
    references: int = 1

    @property
    def context(self) -> str:
        return f"{self.user}#{self.number}"


class Sessions:
    """The logon sessions of one workstation."""

    def __init__(self, redirector: Redirector) -> None:
        self.current: Session | None = None  # of the user at the keyboard
        self._redirector = redirector
        self._last = 0

    def begin(self, user: str) -> Session:
        """Begin the session of *user*, at the keyboard."""
        self._last += 1
        self.current = Session(user, self._last)
        return self.current

    def impersonate(self) -> Session:
        """Add a reference to the current session, as a copy of the user's token does. Raises OSError without one."""
        if self.current is None:
            raise OSError("no user is logged on")
        self.current.references += 1
        return self.current

    async def drop(self, session: Session) -> None:
        """Drop a reference to *session*; the last one ends it."""
        session.references -= 1
        if self.current is session:
            self.current = None if not session.references else session
        if not session.references:
            await self._redirector.session_ended(session.context)

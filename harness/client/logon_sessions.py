"""Logon sessions: who is logged on to a workstation, and when that is over.

Rules of this file:

* A session is over when its last reference is dropped: the user's own, and that of every service which impersonates the
  user. Only then the redirector hears of it (LSA and CSNW: KB Q179444).
* A session's name is its context to the redirector. Who logs on again has another (an LUID is never used twice).
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
        """The user logs on to the workstation."""
        self._last += 1
        self.current = Session(user, self._last)
        return self.current

    def impersonate(self) -> Session:
        """A service takes a copy of the user's token. Raises OSError where nobody is logged on."""
        if self.current is None:
            raise OSError("nobody is logged on")
        self.current.references += 1
        return self.current

    async def drop(self, session: Session) -> None:
        """A reference is given up; with the last one the session is over."""
        session.references -= 1
        if self.current is session:
            self.current = None if not session.references else session
        if not session.references:
            await self._redirector.session_ended(session.context)

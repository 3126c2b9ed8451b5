"""Logins in the audit of a server: what operators have closed, and whether a login can come now.

The bindery of a 3.x is closed until a supervisor opens it, or until the one that has closed it logs out or is gone;
from 4.x on its files are not there to be closed, and nothing is (NCP 23/68).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fakenw.journal.record import Record
from fakenw.journal.sentences import harmless


@dataclass(slots=True)
class AuditedLogins:
    """*lockable*: the server has a bindery that can be closed."""

    lockable: bool
    enabled: bool = True
    closer: object = None  # the station that has closed the bindery

    def operator(self, record: Record) -> None:
        match record.get("action"):
            case "enable-login" | "reset":
                self.enabled = True
            case "disable-login":
                self.enabled = False
            case "close-bindery" if self.lockable:
                self.closer = record.get("station")
            case "open-bindery":
                self.closer = None

    def moved(self, record: Record) -> Iterator[str]:
        """A connection has another state, perhaps by a login; one in the bindery is licensed."""
        if record.get("cause") == "login":
            serial = harmless(record.get("serial"))
            if not self.enabled:
                yield f"serial {serial} logged in while login was disabled"
            if self.closer is not None and record.get("to") == "licensed":
                yield f"serial {serial} logged in while the bindery was closed"
        if record.get("to") in ("attached", "gone") and record.get("station") == self.closer:
            self.closer = None

"""The lines of operators in the audit: the acting user, and which limit is set. Each function yields the problems."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fakenw.journal.record import Record
from fakenw.journal.sentences import harmless
from harness.judge.audited_connection import AuditedConnection

_LICENSES = re.compile(r"(?:^|, )licenses=(\d{1,9})(?:,|$)")
_LONGEST_TEXT = 200  # of an operator line, which may have been cut off there


def acts(
    record: Record, known: AuditedConnection | None, everyone: Sequence[AuditedConnection], *, reconstructed: bool
) -> Iterator[str]:
    """The administration acts from an address, or over NCP a user from a station.

    *known* is the connection of the line, *everyone* all that have not ended.
    """
    by, action = record.get("by"), record.get("action")
    if "from" in record.fields:
        if by != "admin":
            yield f"expected by admin, not {harmless(by)}, from {harmless(record.get('from'))}"
        return
    if (known is not None) is not (action in ("clear", "message")):
        yield f"expected a serial with clear and message only, not with {harmless(action)}"
    station = None if known else record.get("station")
    users = [one.user for one in everyone if station in (None, one.station)]
    wrong = by not in users or (by is None and action != "message")  # an attachment may send one
    if wrong and all(one.user_known for one in everyone):
        yield f"no user {harmless(by)} is there to {harmless(action)}"
    files, forced = sum(len(one.files) for one in everyone), record.get("forced")
    if action == "down" and not reconstructed and (record.get("files") != files or (files and not forced)):
        yield f"{files} files are open, not {harmless(record.get('files'))}, forced {harmless(forced)}"


def sets(record: Record, limit: object, grace: int) -> Iterator[str]:
    """*limit* was that of the line before; *grace* is that of no licenses."""
    text, told = str(record.get("text")), record.get("limit")
    found = _LICENSES.search(text)
    wanted = (int(found[1]) or grace) if found else limit
    if told != wanted and (found or len(text) < _LONGEST_TEXT):
        yield f"the limit is {harmless(told)}, but an operator set {harmless(text)}"

"""The causes of a release, as an assertion names them (docs/journal.md)."""

from __future__ import annotations

from fakenw.journal.fold import GIVEN_BACK, RECLAIMED

ANY_CAUSE = "anybody"  # a license may be released or reclaimed
CAUSES = (*sorted(GIVEN_BACK), *RECLAIMED)
BY = ("client", ANY_CAUSE, *CAUSES)

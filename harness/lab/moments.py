r"""Times as consoles and people write them.

Rules of this file:

* A time has a date, as ``2000-08-10 09:30``, ``10.08.2000 9:30`` and ``8-10-00  9:30:12 am``, or is one of some day.
* With dots the day is first; with ``-`` or ``/`` the month, as in MONITOR, unless it is above 12. Of two digits of a
  year 70 to 99 are 19xx.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([ap])?\.?m?\.?"
_TIME = re.compile(_CLOCK, re.IGNORECASE)
_DATED = re.compile(rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}|\d{{2}}),?(?:\s+{_CLOCK})?", re.IGNORECASE)


def moment(text: str) -> datetime | time | None:
    """The moment that *text* tells, without a zone; a time of an unknown day; None: it tells none."""
    text = text.strip()
    if not text.isascii() or len(text) > 40:
        return None
    try:
        if match := _TIME.fullmatch(text):
            return _time(*match.groups())
        if match := _DATED.fullmatch(text):
            first, separator, second, year = match.groups()[:4]
            day, month = (first, second) if separator == "." or int(first) > 12 else (second, first)
            century = 0 if len(year) == 4 else 1900 if int(year) >= 70 else 2000
            clock = _time(*match.groups()[4:]) if match[5] else time()
            return datetime.combine(datetime(century + int(year), int(month), int(day)), clock)
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def _time(hour: str, minute: str, second: str | None, half: str | None) -> time:
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError
        hours = hours % 12 + (12 if half.lower() == "p" else 0)
    return time(hours, int(minute), int(second or 0))


def latest(told: datetime | time | None, end: datetime | None) -> datetime | None:
    """The latest moment that *told* can be, not after *end*; None where that is not known."""
    if isinstance(told, datetime) or told is None:
        return told
    if end is None:
        return None
    found = datetime.combine(end, told)
    return found if found <= end else found - timedelta(days=1) if end.date() > datetime.min.date() else None

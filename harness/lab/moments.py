r"""Times as consoles and people write them.

Rules of this file:

* A time has a date, as ``2000-08-10 09:30``, ``10.08.2000 9:30``, ``8-10-00  9:30:12 am`` and ``10-Aug-2000 9:30``, or
  is one of some day.
* With dots the day is first; with ``-`` or ``/`` the month, as in MONITOR, unless it is above 12. Of two digits of a
  year 70 to 99 are 19xx.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

_ENGLISH = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {"mrz": 3, "mär": 3, "mai": 5, "okt": 10, "dez": 12} | {name: n for n, name in enumerate(_ENGLISH, 1)}
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?:(?P<half>[ap])\.?m?\.?)?"
_TIME = re.compile(_CLOCK, re.IGNORECASE)
_YEAR = rf"(?P<year>\d{{4}}|\d{{2}}),?(?:\s+{_CLOCK})?"
_DATES = [
    re.compile(form + _YEAR, re.IGNORECASE)
    for form in (
        r"(?P<first>\d{1,2})(?P<separator>[./-])(?P<second_part>\d{1,2})(?P=separator)",
        r"(?P<day>\d{1,2})[. -]+(?P<month>[a-zä]{3,9})[. -]+",
        r"(?P<month>[a-zä]{3,9})[. -]+(?P<day>\d{1,2}),?[ -]+",
    )
]
_LONGEST = 40  # characters


def moment(text: str) -> datetime | time | None:
    """The moment that *text* tells, without a zone; a time of an unknown day; None: it tells none."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    try:
        if match := _TIME.fullmatch(text):
            return _time(match)
        for form in _DATES:
            if match := form.fullmatch(text):
                return datetime.combine(_date(match), _time(match) if match["hour"] else time())
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except (ValueError, KeyError):
        return None


def _date(match: re.Match[str]) -> datetime:
    parts = match.groupdict()
    year = int(parts["year"]) + (0 if len(parts["year"]) == 4 else 1900 if int(parts["year"]) >= 70 else 2000)
    if parts.get("month"):
        return datetime(year, _MONTHS[parts["month"][:3].lower()], int(parts["day"]))
    first, second = int(parts["first"]), int(parts["second_part"])
    day, month = (first, second) if parts["separator"] == "." or first > 12 else (second, first)
    return datetime(year, month, day)


def _time(match: re.Match[str]) -> time:
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
    return time(hour, int(match["minute"]), int(match["second"] or 0))


def latest(told: datetime | time | None, end: datetime | None) -> datetime | None:
    """The latest moment that *told* can be, not after *end*; None where that is not known."""
    if isinstance(told, datetime) or told is None:
        return told
    if end is None:
        return None
    found = datetime.combine(end, told)
    return found if found <= end else found - timedelta(days=1) if end.date() > datetime.min.date() else None

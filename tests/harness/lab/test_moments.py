"""Times as MONITOR, German and English consoles, and people write them."""

from __future__ import annotations

from datetime import datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.moments import latest, moment

HALF_PAST_NINE = datetime(2000, 8, 10, 9, 30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2000-08-10 09:30", HALF_PAST_NINE),
        ("2000-08-10T09:30:00", HALF_PAST_NINE),
        ("2000-08-10T09:30:00+02:00", HALF_PAST_NINE),
        ("10.08.2000 9:30", HALF_PAST_NINE),
        ("10.8.00, 09:30", HALF_PAST_NINE),
        ("8/10/2000 9:30 AM", HALF_PAST_NINE),
        ("8-10-00  9:30:00am", HALF_PAST_NINE),
        ("17/8/2000 9:30 pm", datetime(2000, 8, 17, 21, 30)),
        ("10-Aug-2000 9:30", HALF_PAST_NINE),
        ("10. Mai 1999 9:30", datetime(1999, 5, 10, 9, 30)),
        ("10. März 99", datetime(1999, 3, 10)),
        ("August 10, 2000  9:30:00 am", HALF_PAST_NINE),
        ("9:30", time(9, 30)),
        ("12:05 am", time(0, 5)),
        ("09:30:15", time(9, 30, 15)),
        ("25:00", None),
        ("13:00 pm", None),
        ("31.02.2000", None),
        ("yesterday", None),
        ("10-Foo-2000", None),
        ("", None),
    ],
)
def test_moments(text: str, expected: datetime | time | None) -> None:
    """With a date, of some day, or none."""
    assert moment(text) == expected


def test_a_time_of_some_day_is_the_latest() -> None:
    """Before the end; on the day before where the time of the end is earlier."""
    end = datetime(2000, 8, 10, 9, 45)
    assert latest(time(9, 30), end) == HALF_PAST_NINE
    assert latest(time(10, 0), end) == datetime(2000, 8, 9, 10)
    assert latest(time(10, 0), None) is None
    assert latest(HALF_PAST_NINE, None) == HALF_PAST_NINE
    assert latest(time(1), datetime.min) is None


@given(st.text() | st.from_regex(r"\d{1,2}[-./]\d{1,2}[-./]\d{2,4} \d{1,2}:\d\d", fullmatch=True))
def test_no_text_is_a_crash(text: str) -> None:
    """It is a moment or none."""
    assert isinstance(moment(text), datetime | time | None)

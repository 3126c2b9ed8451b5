"""The connections of a capture, joined with those of a list."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.lab.captured import joined
from harness.lab.evidence import ListedConnection
from harness.lab.sightings import Sightings

SEEN = ListedConnection(
    number=7, user="", address="10.0.0.7", licensed=False, idle=True, idle_for=9, activity="the capture", sure=False
)
LISTED = ListedConnection(number=7, user="SMSNW", address="10.0.0.7", since="2000-08-10 08:14", server="FS1")


def both(seen: ListedConnection, listed: ListedConnection) -> list[ListedConnection]:
    return joined([seen], Sightings([listed])).there


def test_each_tells_what_the_other_does_not_know() -> None:
    """The list knows of a license from before the capture, and the capture that nothing was asked since."""
    (one,) = both(SEEN, LISTED)
    assert (one.licensed, one.user, one.since, one.server) == (True, "SMSNW", "2000-08-10 08:14", "FS1")
    assert (one.idle, one.idle_for, one.activity) == (True, 9, "the capture")


def test_a_license_that_the_capture_saw_come_back() -> None:
    """The list is older than what the packets show."""
    (one,) = both(replace(SEEN, sure=True), LISTED)
    assert not one.licensed


def test_packets_that_are_missing() -> None:
    """Then the lists say whether it is idle."""
    (one,) = both(replace(SEEN, idle=None), replace(LISTED, idle=True, activity="two lists"))
    assert (one.idle, one.activity) == (True, "two lists")


@pytest.mark.parametrize("other", [{"number": 8}, {"address": "10.0.0.8"}, {"server": "FS2"}])
def test_others_stay_apart(other: dict[str, object]) -> None:
    """Another number, machine or server is another connection."""
    listed = replace(LISTED, **other)  # type: ignore[arg-type]
    assert both(replace(SEEN, server="FS1"), listed) == [listed, replace(SEEN, server="FS1")]

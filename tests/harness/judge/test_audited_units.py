"""The units of a server in the audit: granted, used, kept and released, one call after the other."""

from __future__ import annotations

import pytest

from fakenw.journal.record import SECOND, Record
from harness.judge.audited_units import AuditedUnits

UNIT = "connection:1"


def grants(units: AuditedUnits, unit: object = UNIT, serial: int | None = 1, *, sure: bool = True) -> str | None:
    return units.grant(Record(2 * SECOND, "server", "grant", {"unit": unit}), serial, sure=sure)


def releases(  # at *t*, in seconds
    units: AuditedUnits,
    t: float = 10,
    unit: object = UNIT,
    serial: int | None = None,
    cause: str = "expired",
    *,
    due: str | None = None,
    resetting: bool = False,
) -> str | None:
    record = Record(round(t * SECOND), "server", "release", {"unit": unit, "cause": cause})
    return units.release(record, serial, due, resetting=resetting)


def used(*serials: int, by_user: bool = False, sure: bool = True) -> AuditedUnits:
    """A unit that was granted to serial 1, and is used by *serials*."""
    units = AuditedUnits(by_user)
    assert grants(units, sure=sure) is None
    for serial in serials:
        units.use(UNIT, serial)
    return units


def kept(*, by_user: bool = False, sure: bool = True) -> AuditedUnits:
    """A unit whose last use ended on line 7, and that is kept until 10 s."""
    units = used(1, by_user=by_user, sure=sure)
    assert units.leave(UNIT, 1)
    units.keep(UNIT, 7, 10 * SECOND)
    return units


def test_a_grant_names_a_unit_that_is_not_held() -> None:
    """What is no name is told once, and then the line is believed."""
    units = AuditedUnits(by_user=False)
    assert grants(units) is None
    assert grants(units) == "connection:1 was granted twice"
    assert grants(units, unit=5) == "expected the unit that was granted, not 5"
    assert list(units.held) == [UNIT, "5"]


def test_the_last_use_of_a_unit() -> None:
    """Two serials use it; the second to leave is the last. The last use of a unit that is not held says nothing."""
    units = used(1, 2)
    assert [units.leave(UNIT, serial) for serial in (1, 2)] == [False, True]
    assert not units.leave("connection:9", 1)


def test_the_release_that_is_due() -> None:
    """A transition demands it, whatever else is so: no second sentence is told about that transition."""
    assert releases(used(1), serial=2, cause="logout", due=UNIT) is None


def test_a_unit_that_is_not_held_is_not_released() -> None:
    units = used()
    assert releases(units, serial=1, cause="logout", due=UNIT) is None
    for unit in (UNIT, 5):
        assert releases(units, unit=unit) == f"{unit} was released, but was not held (released twice?)"
    grants(units, unit=5)
    assert releases(units, unit=5) == "5 was released, but was not held (released twice?)"


def test_a_unit_in_use_is_not_released() -> None:
    """The sentence names the cause and every serial."""
    assert releases(used(10, 9)) == "connection:1 was released (expired), but is used by serial 9, 10"


def test_a_unit_is_released_by_its_own_serial() -> None:
    """Unless it is a user's: the last of the user's connections releases it."""
    early = "connection:1 of a cleared connection was released before it had expired (logout)"
    other = "connection:1 was granted to serial 1, but released by serial 2"
    assert releases(used(), serial=1, cause="logout") == early
    assert releases(used(), serial=2, cause="logout") == other
    assert releases(used(by_user=True), serial=2, cause="logout") == early


def test_a_reset_releases_what_is_not_used() -> None:
    """While the reset goes on, with its cause, and of no connection."""
    early = "connection:1 of a cleared connection was released before it had expired"
    assert releases(kept(), 5, cause="reset", resetting=True) is None
    assert releases(kept(), 5, cause="reset") == f"{early} (reset)"
    assert releases(kept(), 5, cause="cleared", resetting=True) == f"{early} (cleared)"
    assert releases(kept(), 5, serial=1, cause="reset", resetting=True) == f"{early} (reset)"
    assert releases(used(1), 5, cause="reset", resetting=True) == (
        "connection:1 was released (reset), but is used by serial 1"
    )


def test_a_unit_that_is_not_kept_does_not_expire() -> None:
    """Nor does one whose next use has begun. Of a reconstructed unit it is not known."""
    assert releases(used()) == "connection:1 expired, but was not kept"
    assert releases(used(sure=False)) is None
    assert releases(kept(sure=False), 0) is None
    units = kept()
    units.use(UNIT, 2)
    assert units.leave(UNIT, 2)
    assert releases(units) == "connection:1 expired, but was not kept"


@pytest.mark.parametrize(("by_user", "what"), [(False, "a cleared connection"), (True, "an assignment")])
def test_a_kept_unit_expires_to_the_microsecond(by_user: bool, what: str) -> None:
    """Not before, and in the journal's last moment not yet."""
    early = f"connection:1 of {what} was released before it had expired, at 10.000000"
    assert releases(kept(by_user=by_user), 9.999999) == early
    assert releases(kept(by_user=by_user), 10) is None
    never = (7, f"connection:1 of {what} never expired: no release follows")
    assert kept(by_user=by_user).expired(10 * SECOND) == []
    assert kept(by_user=by_user).expired(10 * SECOND + 1) == [never]
    assert kept(by_user=by_user, sure=False).expired(99 * SECOND) == []
    assert used(1).expired(99 * SECOND) == []


@pytest.mark.parametrize(
    ("times", "t", "late"),
    [
        ((12, 13), 13.000001, True),
        ((12, 13), 13, False),  # a second after the first line that shows that the server ran
        ((11, 12), 13, False),  # a line one second after the expiry shows nothing yet
        ((11.000001, 13), 13, True),
        ((9, 10), 13, False),
    ],
)
def test_a_kept_unit_may_be_late_by_a_second(times: tuple[float, ...], t: float, late: bool) -> None:
    """A real second after the server has shown by a line that it ran, and that line is another second late."""
    lines = [round(time * SECOND) for time in times]
    told = kept().too_late(UNIT, round(t * SECOND), lines, SECOND)
    assert told == ("connection:1 should have expired at 10.000000, not later" if late else None)
    assert kept().too_late("connection:9", 99 * SECOND, lines, SECOND) is None
    assert used().too_late(UNIT, 99 * SECOND, lines, SECOND) is None

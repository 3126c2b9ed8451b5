"""LOGIN_CONTROL and NODE_CONTROL: the restrictions of an account, as properties and as checks.

Rules of this file:

* The property is the only state. A client that may write it (23/62) changes the restrictions, and ends a lockout by
  writing a count of zero.
* ``CHECKS`` alone orders the refusals of a login with the right password.
* Time is the server's wall clock, whole seconds. A date in the property is the last valid day, up to 23:59:59
  (mars_nwe nwdbm.c).
* NODE_CONTROL has ten bytes an entry, network and node; a node of all ones is any (mars_nwe nwdbm.c). An IP station's
  network is its IPv4 address and its node zero; no source says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from ipaddress import AddressValueError, IPv4Address
from typing import Annotated

from fakenw.wire.layout import Byte, Field, Layout, Long, Malformed, Raw, Word
from fakenw.wire.packet import Code

ANY_TIME = b"\xff" * 42
UNLIMITED_GRACE = 0xFF  # RoseWare logctl.doc
MAY_NOT_CHANGE_PASSWORD = 0x01  # of the restrictions
UNIQUE_PASSWORDS = 0x02
ANY_NODE = b"\xff" * 6
_ENTRY = 10  # of NODE_CONTROL
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Lockout:
    """Intruder detection: *attempts* wrong passwords, each *within* seconds of the previous one, lock the account.

    Novell's defaults where it is switched on: 7 (inferred), 30 minutes (inferred), 15 minutes (eDirectory help).
    """

    attempts: int = 7
    within: int = 30 * 60
    locked_for: int = 15 * 60


class Day(Field):
    """Three bytes: year-1900, month, day. A year below 80 is of this century (libncp); no date is ``None``."""

    def decode(self, data: bytes, at: int) -> tuple[date | None, int]:
        if at + 3 > len(data):
            raise Malformed(f"expected 3 more bytes at {at}")
        year, month, day = data[at : at + 3]
        try:
            return date(year + (2000 if year < 80 else 1900), month, day), at + 3
        except ValueError:
            return None, at + 3

    def encode(self, value: date | None) -> bytes:
        return bytes(3) if value is None else bytes(((value.year - 1900) % 256, value.month, value.day))


class LoginControl(Layout, source="libncp struct ncp_prop_login_control; RoseWare logctl.doc; NetLib N00093"):
    """86 bytes. No source says the unit of ``reset_time``: here it is seconds since 1970."""

    expires: Annotated[date | None, Day()] = None
    disabled: Byte = 0
    password_expires: Annotated[date | None, Day()] = None
    grace_logins: Byte = 0
    password_days: Word = 0
    most_grace_logins: Byte = 0
    least_password: Byte = 0
    max_connections: Word = 0
    hours: Annotated[bytes, Raw(42)] = ANY_TIME
    last_login: Annotated[bytes, Raw(6)] = bytes(6)
    restrictions: Byte = 0
    reserved: Byte = 0
    max_disk: Long = 0x7FFFFFFF
    bad_logins: Word = 0
    reset_time: Long = 0
    last_intruder: Annotated[bytes, Raw(12)] = bytes(12)


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """A login with the right password.

    *here* returns the station's network, node and socket, *others* the number of the object's other connections:
    functions, since few accounts have these restrictions.
    """

    control: LoginControl
    nodes: bytes | None  # NODE_CONTROL
    here: Callable[[], bytes]
    now: datetime
    others: Callable[[], int]


# mars_nwe checks station, connections, disabled and expired, time, password expiry, all after the password; that a
# disabled or expired account comes first is inferred (ncp.md 6.2). Only the intruder lockout (0xC5) precedes the
# password: the right password must not lift a lockout; inferred. The license (0xE0) is checked last; inferred.
# SUPERVISOR is not exempt: mars_nwe exempts it only if so configured.
CHECKS: tuple[tuple[Code, Callable[[LoginAttempt], bool]], ...] = (
    (Code.ACCOUNT_DISABLED, lambda a: a.control.disabled != 0),  # code: mars_nwe; place: inferred
    (Code.ACCOUNT_DISABLED, lambda a: _has_passed(a.control.expires, a.now)),  # code: mars_nwe; place: inferred
    (Code.BAD_STATION, lambda a: a.nodes is not None and not _station_allowed(a.nodes, a.here())),  # mars_nwe
    (Code.TOO_MANY_CONNECTIONS, lambda a: 0 < a.control.max_connections <= a.others()),  # mars_nwe; Q175877
    (Code.BAD_LOGIN_TIME, lambda a: not _time_allowed(a.control.hours, a.now)),  # mars_nwe nwdbm.c
    (Code.PASSWORD_EXPIRED, lambda a: password_expired(a.control, a.now) and not a.control.grace_logins),  # ncp.md 6.1
)


def refusal(attempt: LoginAttempt) -> Code | None:
    """Why a login with the right password is refused, or None."""
    return next((code for code, refuses in CHECKS if refuses(attempt)), None)


def password_expired(control: LoginControl, now: datetime) -> bool:
    """Whether the password has expired: such a login costs a grace login."""
    return _has_passed(control.password_expires, now)


def logged_in(control: LoginControl, now: datetime) -> LoginControl:
    """The property after a successful login: no bad logins, and one grace login less where the password has expired."""
    last = bytes(((now.year - 1900) % 256, now.month, now.day, now.hour, now.minute, now.second))
    used = password_expired(control, now) and control.grace_logins != UNLIMITED_GRACE
    if last == control.last_login and not used and not control.bad_logins:
        return control
    grace = control.grace_logins - used
    return replace(control, grace_logins=grace, last_login=last, bad_logins=0, reset_time=0)


def locked(control: LoginControl, now: datetime, lockout: Lockout | None) -> bool:
    """Whether the account is locked because of bad logins."""
    return lockout is not None and control.bad_logins >= lockout.attempts and _seconds(now) < control.reset_time


def login_failed(control: LoginControl, now: datetime, lockout: Lockout | None, here: bytes) -> LoginControl:
    """The property after a wrong password at the address *here*. Without intruder detection nothing is counted."""
    if lockout is None:
        return control
    count = 1 if _seconds(now) >= control.reset_time else min(control.bad_logins + 1, 0xFFFF)
    wait = lockout.locked_for if count >= lockout.attempts else lockout.within
    return replace(control, bad_logins=count, reset_time=_seconds(now) + wait, last_intruder=here)


def password_changed(control: LoginControl, now: datetime) -> LoginControl:
    """The property after a new password: the next expiry, and the maximal number of grace logins."""
    if not control.password_days:
        return control
    expires = now.date() + timedelta(days=control.password_days)
    return replace(control, password_expires=expires, grace_logins=control.most_grace_logins)


def week(spans: Iterable[str]) -> bytes:
    """The bitmap of half hours of *spans* such as ``mon-fri 08:00-18:00`` or ``sat``. Raises ValueError."""
    bits = bytearray(42)
    for span in spans:
        found = re.fullmatch(r"([a-z]{3})(?:-([a-z]{3}))?(?: (\d\d:\d\d)-(\d\d:\d\d))?", span.strip().lower())
        if not found or not {found[1], found[2] or found[1]} <= set(_DAYS):
            raise ValueError(f"{span!r} is no time of the week: expected a form such as mon-fri 08:00-18:00")
        first, last = _DAYS.index(found[1]), _DAYS.index(found[2] or found[1])
        start, end = _half_hour(found[3] or "00:00"), _half_hour(found[4] or "24:00")
        if start >= end:
            raise ValueError(f"{span!r} ends before it begins")
        for day in range(first, first + (last - first) % 7 + 1):
            for bit in range(day % 7 * 48 + start, day % 7 * 48 + end):
                bits[bit // 8] |= 1 << bit % 8
    return bytes(bits)


def node(text: str) -> bytes:
    """An entry of NODE_CONTROL: ``10.0.0.5``, or network and node such as ``00000001:0000C0A80001`` (``*``: any)."""
    if found := re.fullmatch(r"([0-9A-F]{1,8}):([0-9A-F]{1,12}|\*)", text.strip(), re.IGNORECASE):
        tail = ANY_NODE if found[2] == "*" else bytes.fromhex(found[2].zfill(12))
        return bytes.fromhex(found[1].zfill(8)) + tail
    try:
        return IPv4Address(text.strip()).packed + bytes(6)
    except AddressValueError:
        raise ValueError(f"{text!r} is no station: expected an IPv4 address or NETWORK:NODE") from None


def _station_allowed(nodes: bytes, here: bytes) -> bool:
    entries = (nodes[at : at + _ENTRY] for at in range(0, len(nodes) - _ENTRY + 1, _ENTRY))
    return any(e[:4] == here[:4] and e[4:] in (here[4:10], ANY_NODE) for e in entries if any(e))


def _has_passed(last: date | None, now: datetime) -> bool:
    return last is not None and now.date() > last


def _time_allowed(hours: bytes, now: datetime) -> bool:
    bit = now.isoweekday() % 7 * 48 + now.hour * 2 + now.minute // 30
    return bool(hours[bit // 8] >> bit % 8 & 1)


def _half_hour(text: str) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    if minute not in (0, 30) or hour * 60 + minute > 24 * 60:
        raise ValueError(f"{text!r} is not a half hour of the day")
    return hour * 2 + minute // 30


def _seconds(now: datetime) -> int:
    return min(max(int((now - _EPOCH).total_seconds()), 0), 0xFFFFFFFF)

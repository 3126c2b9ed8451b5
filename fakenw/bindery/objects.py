"""The bindery: named objects with ids, their properties, and sets of objects as properties.

Rules of this file:

* Names are upper case (ASCII letters only, as on the old servers).
* A property is an item, 128-byte segments which the server does not interpret, or a set of object ids. The item
  PASSWORD, which no client may read, is the hash that both login methods need (libncp nwcrypt.c). Clients upper-case a
  password before hashing, so it is the hash of the upper-cased password.
* Security is two nibbles, for writing and for reading, each a ``Level``. ``may_read`` and ``may_write`` only answer;
  the caller chooses the completion code of a refusal.
* A deleted object leaves every set (mars_nwe nwdbm.c).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from fakenw.bindery.login_control import LoginControl
from fakenw.bindery.passwords import hash_password
from fakenw.volumes.dos_name import fold
from fakenw.wire.layout import Malformed, encode_text

USER = 0x0001
GROUP = 0x0002
FILE_SERVER = 0x0004
WILD_TYPE = 0xFFFF
START = 0xFFFFFFFF
SUPERVISOR_ID = 0x00000001
SET = 0x02  # a flag of a property
SEGMENT = 128
PASSWORD = "PASSWORD"
LOGIN_CONTROL = "LOGIN_CONTROL"
NET_ADDRESS = "NET_ADDRESS"
NODE_CONTROL = "NODE_CONTROL"
SECURITY_EQUALS = "SECURITY_EQUALS"
GROUPS = "GROUPS_I'M_IN"
MEMBERS = "GROUP_MEMBERS"
_FIRST_ID = 0x02000001
_STATIC = 1  # of an object, as Wireshark and ncp.md 4.6 have it; Ralf Brown's list says that 1 is dynamic
_LONGEST_NAME = 47
_LONGEST_PROPERTY = 15
_MOST_SEGMENTS = 255


class Level(IntEnum):
    """A client's access level to an object (Novell's bindery security)."""

    ANYONE = 0
    LOGGED_IN = 1
    OBJECT = 2  # the object itself
    SUPERVISOR = 3  # beyond it, 4 is the server only


def may_read(level: Level, security: int) -> bool:
    """The low nibble is the level for reading."""
    return level >= security & 0x0F


def may_write(level: Level, security: int) -> bool:
    """The high nibble is the level for writing."""
    return level >= security >> 4


def may_set(level: Level, security: int) -> bool:
    """A client cannot set a security above its own level (inferred from the name of 0xF1)."""
    return may_read(level, security) and may_write(level, security)


def matches(pattern: str, name: str) -> bool:
    """Whether *name* matches the upper-case *pattern*: ``*`` is any text, ``?`` any one character.

    Only the last ``*`` so far can have to take more, so that no client's pattern is slow.
    """
    at = place = 0
    star = taken = -1  # the last ``*``, and where the text behind it begins
    while at < len(name):
        character = pattern[place : place + 1]
        if character == "*":
            star, taken, place = place, at, place + 1
        elif character in ("?", name[at]):
            at, place = at + 1, place + 1
        elif star < 0:
            return False
        else:
            taken += 1
            at, place = taken, star + 1
    return not pattern[place:].strip("*")


def has_wild_card(name: str) -> bool:
    return "*" in name or "?" in name


def is_name(name: str, longest: int = _LONGEST_NAME) -> bool:
    """Whether *name* is valid for an object."""
    try:
        size = len(encode_text(name))
    except Malformed:
        return False
    return 0 < size <= longest and re.search(r"[\x00-\x1f/\\:,*?]", name) is None


def is_property_name(name: str) -> bool:
    return is_name(name, _LONGEST_PROPERTY)


@dataclass(slots=True)
class Property:
    """A property. *number* is its position in its object; *segments* is an item's value, *members* a set's."""

    name: str
    number: int
    flags: int = 0
    security: int = 0x31
    segments: list[bytes] = field(default_factory=list)
    members: list[int] = field(default_factory=list)

    @property
    def is_set(self) -> bool:
        return bool(self.flags & SET)

    def value(self) -> list[bytes]:
        """The segments to read: those of a set are its ids, 32 to a segment, the highest byte first."""
        if not self.is_set:
            return self.segments
        ids = b"".join(member.to_bytes(4, "big") for member in self.members)
        return [ids[at : at + SEGMENT].ljust(SEGMENT, b"\0") for at in range(0, len(ids), SEGMENT)]

    def write(self, segment: int, data: bytes, *, last: bool) -> bool:
        """Write a segment of an item, counted from 1; *last* deletes those behind it. False for a gap."""
        if not 1 <= segment <= len(self.segments) + 1 or segment > _MOST_SEGMENTS:
            return False
        self.segments[segment - 1 : segment] = [data.ljust(SEGMENT, b"\0")]
        if last:
            del self.segments[segment:]
        return True


@dataclass(slots=True)
class BinderyObject:
    """An object. *security*: the high nibble for writing, the low nibble for reading."""

    id: int
    type: int
    name: str
    flags: int = _STATIC
    security: int = 0x31
    properties: dict[str, Property] = field(default_factory=dict)
    _control: tuple[bytes, LoginControl] | None = field(default=None, init=False, repr=False)  # as last read

    def add(self, name: str, flags: int = 0, security: int = 0x31, value: bytes | None = None) -> Property:
        """Add a property, or set the value of an existing one."""
        name = fold(name)
        found = self.properties.get(name)
        if found is None:
            number = max((p.number for p in self.properties.values()), default=0) + 1
            found = self.properties[name] = Property(name, number, flags, security)
        if value is not None:
            found.segments = [value[at : at + SEGMENT].ljust(SEGMENT, b"\0") for at in range(0, len(value), SEGMENT)]
        return found

    def item(self, name: str) -> bytes | None:
        """The value of an item; None for a missing item."""
        found = self.properties.get(name)
        if found is None or not found.segments or found.flags & SET:
            return None
        return found.segments[0] if len(found.segments) == 1 else b"".join(found.segments)

    def ids(self, name: str) -> list[int]:
        """The members of a set; empty for a missing set."""
        found = self.properties.get(name)
        return found.members if found is not None else []

    def add_member(self, name: str, member: int, security: int = 0x31) -> None:
        """Add an id to a set, which is made if it is missing."""
        members = self.add(name, SET, security).members
        if member not in members:
            members.append(member)

    @property
    def password(self) -> bytes:
        """The 16-byte hash; empty for an object that cannot log in."""
        return (self.item(PASSWORD) or b"")[:16]

    @password.setter
    def password(self, hashed: bytes) -> None:
        self.add(PASSWORD, 0, 0x44, hashed)

    @property
    def control(self) -> LoginControl:
        """The restrictions of the account; without LOGIN_CONTROL, none."""
        value = self.item(LOGIN_CONTROL)
        if value is None:
            return LoginControl()
        if self._control is None or self._control[0] != value:
            self._control = value, LoginControl.decode(value)
        return self._control[1]

    @control.setter
    def control(self, control: LoginControl) -> None:
        if self._control is None or self._control[1] is not control:
            self.add(LOGIN_CONTROL, 0, 0x32, control.encode())


class Bindery:
    """The objects by id and by (type, name), in order of their ids."""

    def __init__(self) -> None:
        self.objects: dict[int, BinderyObject] = {}
        self._names: dict[tuple[int, str], BinderyObject] = {}
        self._next_id = _FIRST_ID

    def add(self, kind: int, name: str, password: str | None = None, object_id: int | None = None) -> BinderyObject:
        """Add an object, or give an existing one a new password. Raises ValueError for a bad name."""
        name = fold(name)
        if not is_name(name):
            raise ValueError(f"{name!r} cannot be a bindery name: 1 to {_LONGEST_NAME} characters without / \\ : , * ?")
        item = self._names.get((kind, name))
        if item is None:
            if object_id is None:
                object_id, self._next_id = self._next_id, self._next_id + 1
            item = BinderyObject(object_id, kind, name)
            self.objects[item.id] = self._names[kind, name] = item
        if password is not None:
            try:
                item.password = hash_password(item.id, encode_text(fold(password)))
            except Malformed:  # which quotes the text
                raise ValueError(f"the password of {name} is not in code page 437") from None
        return item

    def remove(self, item: BinderyObject) -> None:
        """Delete an object, also from the sets of all others. Its id is not used again."""
        del self.objects[item.id], self._names[item.type, item.name]
        for other in self.objects.values():
            for each in other.properties.values():
                if item.id in each.members:
                    each.members.remove(item.id)

    def rename(self, item: BinderyObject, name: str) -> None:
        """Rename an object; *name* must be valid and free. The id stays, and so does the password."""
        del self._names[item.type, item.name]
        item.name = fold(name)
        self._names[item.type, item.name] = item

    def find(self, kind: int, name: str) -> BinderyObject | None:
        return self._names.get((kind, fold(name)))

    def scan(self, last_id: int, kind: int, name: str) -> BinderyObject | None:
        """The first matching object after *last_id* (0xFFFFFFFF: the first of all)."""
        wanted = fold(name)
        after = -1 if last_id == START else last_id
        matching = (
            item
            for item in self.objects.values()
            if item.id > after and kind in (WILD_TYPE, item.type) and matches(wanted, item.name)
        )
        return min(matching, key=lambda item: item.id, default=None)

    def scan_properties(self, item: BinderyObject, last: int, name: str) -> Iterator[Property]:
        """The matching properties behind number *last* (0xFFFFFFFF: all)."""
        wanted = fold(name)
        after = 0 if last == START else last
        return (p for p in item.properties.values() if p.number > after and matches(wanted, p.name))

    def is_supervisor(self, item: BinderyObject) -> bool:
        """SUPERVISOR, or security equal to it."""
        return SUPERVISOR_ID in (item.id, *item.ids(SECURITY_EQUALS))

    def add_to_group(self, user: BinderyObject, group: BinderyObject) -> None:
        """Make a user a member of a group, in all three sets (mars_nwe nwdbm.c)."""
        group.add_member(MEMBERS, user.id)
        user.add_member(GROUPS, group.id)
        user.add_member(SECURITY_EQUALS, group.id, 0x32)

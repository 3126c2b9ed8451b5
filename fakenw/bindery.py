"""The bindery: named objects with ids, and the passwords of those that log in.

Names are upper case (ASCII letters only, as the old servers did it). The password is kept as the
hash that both login methods need (libncp nwcrypt.c); clients upper-case it before hashing, so the
stored hash is of the upper-cased password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fakenw.dosname import fold
from fakenw.password import hash_password
from fakenw.wire.layout import encode_text

USER = 0x0001
FILE_SERVER = 0x0004
WILD_TYPE = 0xFFFF
START = 0xFFFFFFFF
SUPERVISOR_ID = 0x00000001
_FIRST_ID = 0x02000001
_STATIC = 1
_LONGEST_NAME = 47


def pattern(text: str) -> re.Pattern[str]:
    """A bindery name with ``*`` and ``?`` as a regular expression."""
    pieces = {"*": ".*", "?": "."}
    return re.compile("".join(pieces.get(c, re.escape(c)) for c in fold(text)), re.DOTALL)


@dataclass(slots=True)
class BinderyObject:
    """An object. *security*: high nibble who may write, low nibble who may read."""

    id: int
    type: int
    name: str
    flags: int = _STATIC
    security: int = 0x31
    password: bytes = b""  # the 16-byte hash; empty for an object that cannot log in


class Bindery:
    """The objects by id and by (type, name), in order of their ids."""

    def __init__(self) -> None:
        self.objects: dict[int, BinderyObject] = {}
        self._names: dict[tuple[int, str], BinderyObject] = {}
        self._next_id = _FIRST_ID

    def add(self, kind: int, name: str, password: str | None = None, object_id: int | None = None) -> BinderyObject:
        """Add an object, or give an existing one a new password. Raises ValueError for a bad name."""
        name = fold(name)
        if not 0 < len(encode_text(name)) <= _LONGEST_NAME or re.search(r"[\x00-\x1f/\\:,*?]", name):
            raise ValueError(f"{name!r} cannot be a bindery name: 1 to {_LONGEST_NAME} characters without / \\ : , * ?")
        item = self._names.get((kind, name))
        if item is None:
            if object_id is None:
                object_id, self._next_id = self._next_id, self._next_id + 1
            item = BinderyObject(object_id, kind, name)
            self.objects[item.id] = self._names[kind, name] = item
        if password is not None:
            item.password = hash_password(item.id, encode_text(fold(password)))
        return item

    def find(self, kind: int, name: str) -> BinderyObject | None:
        """The object of that type and name."""
        return self._names.get((kind, fold(name)))

    def scan(self, last_id: int, kind: int, name: str) -> BinderyObject | None:
        """The first object after *last_id* (0xFFFFFFFF: the first of all) that matches."""
        wanted = pattern(name)
        after = -1 if last_id == START else last_id
        matching = (
            item
            for item in self.objects.values()
            if item.id > after and kind in (WILD_TYPE, item.type) and wanted.fullmatch(item.name)
        )
        return min(matching, key=lambda item: item.id, default=None)

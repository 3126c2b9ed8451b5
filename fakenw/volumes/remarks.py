"""What a volume notes of its entries beside what the trees store: trustees, owners, and dates that no file system has.

Rules of this file:

* Remarks are kept by the DOS names that lead to an entry, in memory, and only for entries that something was noted of.
* A trustee's rights begin at the entry where they were assigned. What is below inherits them through the inherited
  rights mask of every entry on the way, until an assignment replaces them. SUPERVISOR passes every mask and stands for
  all rights (Novell's rules for NetWare 3.12 and 4.11; which ids are added up is inferred).
* A user of whom nothing was noted has EVERYTHING_ELSE from the root of a volume on: a real server gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fakenw.volumes.directory_tree import PathError
from fakenw.wire.packet import Code

SUPERVISOR_ID = 1  # made everything that no one else made
UNLIMITED = 0x7FFFFFFF  # blocks
MOST_REMARKS = 1 << 16

Parts = tuple[str, ...]
DosTime = tuple[int, int]  # a date and a time, as DOS packs them


class Right:
    """The rights to an entry (Wireshark ncp2222.py; libncp NWRIGHTS). Plain numbers: every open compares them."""

    READ = 0x001
    WRITE = 0x002
    OPEN = 0x004  # of NetWare 2
    CREATE = 0x008
    ERASE = 0x010
    ACCESS_CONTROL = 0x020
    FILE_SCAN = 0x040
    MODIFY = 0x080
    SUPERVISOR = 0x100


ALL_RIGHTS = 0x1FF
EVERYTHING_ELSE = ALL_RIGHTS & ~(Right.ACCESS_CONTROL | Right.SUPERVISOR)


@dataclass(slots=True)
class Remark:
    """Of one entry. None: as the tree says."""

    trustees: dict[int, int] = field(default_factory=dict)  # rights by object id
    inherited: int = ALL_RIGHTS  # the inherited rights mask
    created: DosTime | None = None
    creator: int = SUPERVISOR_ID
    modifier: int = SUPERVISOR_ID
    archived: DosTime = (0, 0)
    archiver: int = 0
    accessed: int | None = None  # a date
    space: int = UNLIMITED  # of a directory: 4 KB blocks


class Remarks:
    """The remarks of a volume, by DOS names."""

    def __init__(self) -> None:
        self._noted: dict[Parts, Remark] = {}
        self.limits: dict[int, int] = {}  # of the files of an object: 4 KB blocks, by object id

    def __bool__(self) -> bool:
        return bool(self._noted)

    def __iter__(self) -> Iterator[tuple[Parts, Remark]]:
        return iter(self._noted.items())

    def of(self, parts: Parts) -> Remark:
        """What was noted of an entry, to read."""
        return self._noted.get(parts) or Remark()

    def space(self, parts: Parts) -> int:
        """The restriction of a directory; 0 or UNLIMITED: none."""
        remark = self._noted.get(parts)
        return UNLIMITED if remark is None else remark.space

    def to_change(self, parts: Parts) -> Remark:
        """The remark of an entry, which it gets if it has none. Raises PathError: DIRECTORY_FULL."""
        remark = self._noted.get(parts)
        if remark is None:
            if len(self._noted) >= MOST_REMARKS:
                raise PathError(Code.DIRECTORY_FULL, "too many remarks")
            remark = self._noted[parts] = Remark()
        return remark

    def forget(self, parts: Parts) -> None:
        """An entry is gone."""
        self._noted.pop(parts, None)

    def move(self, old: Parts, new: Parts) -> None:
        """An entry, and with it everything below, has another name."""
        depth = len(old)
        for parts in [parts for parts in self._noted if parts[:depth] == old]:
            self._noted[new + parts[depth:]] = self._noted.pop(parts)

    def effective(self, parts: Parts, ids: Iterable[int]) -> int:
        """The rights to an entry of a user: *ids* are its own, then those of its groups and security equivalences."""
        own, *others = ids
        held = {own: EVERYTHING_ELSE, **dict.fromkeys(others, 0)}
        for depth in range(len(parts) + 1):
            remark = self._noted.get(parts[:depth])
            if remark is None:
                continue
            mask = remark.inherited | Right.SUPERVISOR
            held = {one: remark.trustees.get(one, rights & mask) for one, rights in held.items()}
        total = 0
        for rights in held.values():
            total |= rights
        return ALL_RIGHTS if total & Right.SUPERVISOR else total

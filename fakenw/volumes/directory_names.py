"""The names of one directory in both name spaces.

Rules of this file:

* Every entry has three names: its tree's own, a DOS name and a long name. The DOS names are unique, and so are the long
  names, whatever their case.
* The names of an entry stay until it is renamed or gone, whichever others come and go.
* An entry that comes has its own name as its DOS name, where that is one and is free, else the first alias that is free
  (Novell: names that are free again are used again). Of entries that come together DOS names are first, then the order
  of the alphabet counts, so that the same names come out the same.
* The long name is the own name. Where a client cannot say it, or it differs from another in case only, the DOS name
  stands in for it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Iterator
from itertools import count

from fakenw.volumes.dos_name import alias, alias_parts, fold, is_dos_name
from fakenw.volumes.long_name import LongName, is_long_name


class DirectoryNames:
    """A name is added or discarded at the same cost however many there are."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._dos: dict[str, str] = {}  # own name -> DOS name
        self._own: dict[str, str] = {}  # DOS name -> own name
        self._long: dict[str, str] = {}  # folded long name -> own name
        self._order: list[str] = []  # the DOS names
        self._tried: dict[tuple[str, str, bool], int] = {}  # aliases that are taken: all before this place
        self._enter(names)

    def __iter__(self) -> Iterator[str]:
        """The own names, in no order."""
        return iter(self._dos)

    def __len__(self) -> int:
        return len(self._dos)

    def dos(self, own: str) -> str:
        """The DOS name of an entry."""
        return self._dos[own]

    def long(self, own: str) -> str:
        """The long name of an entry."""
        return own if self._long.get(fold(own)) == own else self._dos[own]

    def find(self, name: str) -> str | None:
        """The own name of the entry called *name*, which is a DOS name or a ``LongName``, in either case."""
        return (self._long if isinstance(name, LongName) else self._own).get(fold(name))

    def after(self, dos: str) -> Iterator[tuple[str, str]]:
        """DOS names and own names, in the order of the DOS names, from the first after *dos*.

        Names that are added or discarded meanwhile may be missed or met.
        """
        while (place := bisect_right(self._order, dos)) < len(self._order):
            dos = self._order[place]
            yield dos, self._own[dos]

    def new(self, name: str, instead: str | None = None) -> tuple[str, str] | None:
        """The own name and the DOS name of a new entry called *name*, which ``find`` does not find; None: a bad name.

        *instead*: the own name of the entry that is going to have it, whose names are free then.
        """
        if isinstance(name, LongName):
            return (str(name), self._free_dos(str(name), instead)) if is_long_name(name) else None
        if not is_dos_name(name):
            return None
        dos = fold(name)
        stem, extension = alias_parts(dos)
        for place in count():
            own = alias(stem, extension, place)
            if self._long.get(own, instead) == instead and (own == instead or own not in self._dos):
                return own, dos
        raise AssertionError

    def add(self, own: str, dos: str = "") -> None:
        """An entry comes, or comes again; *dos* is its DOS name where that is free, as when ``new`` has chosen it."""
        self.discard(own)
        if not dos or dos in self._own:
            dos = self._free_dos(own)
        self._put(own, dos)
        insort(self._order, dos)

    def discard(self, own: str) -> None:
        """An entry is gone."""
        dos = self._dos.pop(own, None)
        if dos is None:
            return
        del self._own[dos], self._order[bisect_left(self._order, dos)]
        for long in (fold(own), dos):
            if self._long.get(long) == own:
                del self._long[long]
        self._tried.clear()

    def updated(self, names: Collection[str]) -> DirectoryNames:
        """The names of exactly these entries, which is the same object where nothing came and nothing is gone."""
        wanted = set(names)
        if wanted == self._dos.keys():
            return self
        new = self.copy()
        for gone in self._dos.keys() - wanted:
            new.discard(gone)
        new._enter(wanted - self._dos.keys())
        return new

    def copy(self) -> DirectoryNames:
        new = DirectoryNames()
        new._dos, new._own, new._long = self._dos.copy(), self._own.copy(), self._long.copy()
        new._order = self._order.copy()
        return new

    def _enter(self, names: Iterable[str]) -> None:
        """Entries come together."""
        others = []
        for own in sorted(names):
            dos = fold(own)
            if is_dos_name(dos) and dos not in self._own and dos not in self._long:
                self._put(own, dos)
            else:
                others.append(own)
        for own in others:
            self._put(own, self._free_dos(own))
        self._order = sorted(self._own)

    def _put(self, own: str, dos: str) -> None:
        self._long[fold(own) if self._can_be_long(own, None) else dos] = own
        self._dos[own], self._own[dos] = dos, own

    def _can_be_long(self, own: str, instead: str | None) -> bool:
        return is_long_name(own) and self._long.get(fold(own), instead) == instead

    def _free_dos(self, own: str, instead: str | None = None) -> str:
        """The first alias that no other entry has, in either name space where it has to stand in for the long name."""
        long = self._can_be_long(own, instead)
        parts = alias_parts(own)
        key = (*parts, long)
        for place in count(0 if instead else self._tried.get(key, 0)):
            dos = alias(*parts, place)
            if self._own.get(dos, instead) == instead and (long or self._long.get(dos, instead) == instead):
                break
        if not instead:
            self._tried[key] = place
        return dos

"""The listings of a real directory tree: the names in both name spaces, and whether they have to be read again.

Rules of this file:

* A directory is unchanged while its stamp is: device, inode, times, links, size. A change by another program in the
  same tick of the file system's clock as the reading would not show: a listing read within SETTLED of the directory's
  last change is not kept.
* A change of the server's own is entered into the listing. Such a listing is trusted for OWN seconds, then it is read
  again: what another program changed in the same tick as the server is seen no later than that.
* A directory that is read again keeps the DOS names of what is still there, as long as the server runs. Beyond
  MOST_NAMES the names of the directory that was read longest ago are forgotten, and then made anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from fakenw.volumes.directory_names import DirectoryNames

SETTLED = 2.0  # seconds; the clock of FAT has two
OWN = 1.0
MOST_NAMES = 1 << 20

Parts = tuple[str, ...]
Stamp = tuple[int, ...]


@dataclass(slots=True)
class _Listing:
    """The names of a directory, as they were read at the time *read*, at *stamp*; None: they have to be read again.

    *own*: the stamp is that of a change by the server; *unread*: since then they were not read.
    """

    names: DirectoryNames = field(default_factory=DirectoryNames)
    stamp: Stamp | None = None
    read: float = 0.0
    settled: bool = False
    own: bool = False
    unread: bool = False
    weight: int = 0

    def trusted(self, stamp: Stamp) -> bool:
        if self.unread or self.stamp != stamp:
            return False
        return self.settled or (self.own and time.monotonic() < self.read + OWN)


def stamp_of(descriptor: int) -> Stamp:
    """The stamp of an open directory."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_nlink, found.st_size


class HostListings:
    """The listings of the directories below one root, by the real names that lead to them."""

    def __init__(self) -> None:
        self._listings: dict[Parts, _Listing] = {}  # the one that was read or changed last is the last
        self._weight = 0

    def names(self, parts: Parts, descriptor: int, read: Callable[[], tuple[Collection[str], bool]]) -> DirectoryNames:
        """The names of an open directory. *read* reads them, and whether they may be kept."""
        stamp, listing = stamp_of(descriptor), self._listings.get(parts) or _Listing()
        if listing.trusted(stamp):
            return listing.names
        begun = time.monotonic()
        settled = time.time() - max(stamp[2:4]) / 1e9 > SETTLED
        found, may_keep = read()
        names = listing.names.updated(found)
        own = listing.own and listing.stamp == stamp
        kept = may_keep and (settled or own)
        self._keep(parts, _Listing(names, stamp, begun, settled, own) if kept else _Listing(names))
        return names

    def changed(
        self, parts: Parts, before: Stamp, descriptor: int, gone: str = "", come: tuple[str, str] | None = None
    ) -> None:
        """The server has changed an open directory, whose stamp was *before*. *come*: own name and DOS name."""
        stamp, listing = stamp_of(descriptor), self._listings.get(parts) or _Listing()
        trusted, names = listing.trusted(before), listing.names
        if gone:
            names.discard(gone)
        if come:
            names.add(*come)
        read = time.monotonic() if listing.settled else listing.read
        self._keep(parts, _Listing(names, stamp, read, own=True, unread=not trusted))

    def moved(self, old: Parts, new: Parts) -> None:
        """A directory, and with it everything below, has another place; what was at the new one is gone."""
        depth = len(old)
        for parts in [parts for parts in self._listings if parts[:depth] == old]:
            self._keep(new + parts[depth:], self._forget(parts))

    def _forget(self, parts: Parts) -> _Listing:
        listing = self._listings.pop(parts, None) or _Listing()
        self._weight -= listing.weight
        return listing

    def _keep(self, parts: Parts, listing: _Listing) -> None:
        self._forget(parts)
        self._listings[parts] = listing
        listing.weight = 1 + len(listing.names)
        self._weight += listing.weight
        while self._weight > MOST_NAMES and len(self._listings) > 1:
            self._forget(next(iter(self._listings)))

"""The listings of a real directory tree, kept as long as the directories are unchanged.

Rules of this file:

* A directory is unchanged while its stamp is: device, inode, times, links, size. A change by another program in the
  same tick of the file system's clock as the reading would not show: a listing read within SETTLED of the directory's
  last change is not kept.
* A change of the server's own is entered into the listing. Such a listing is trusted for OWN seconds, then it is read
  again: what another program changed in the same tick as the server is seen no later than that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fakenw.volumes.dos_name import DosNames

SETTLED = 2.0  # seconds; the clock of FAT has two
OWN = 1.0
KEPT = 256  # directories

Parts = tuple[str, ...]
Stamp = tuple[int, ...]


@dataclass(slots=True)
class _Listing:
    """The names of a directory at *stamp*, read at the time *read*. ``names`` None: to be read.

    *own*: the stamp is that of a change by the server.
    """

    stamp: Stamp
    names: DosNames | None = None
    read: float = 0.0
    settled: bool = False
    own: bool = False

    def trusted(self, stamp: Stamp) -> bool:
        return self.stamp == stamp and (self.settled or (self.own and time.monotonic() < self.read + OWN))


def stamp_of(descriptor: int) -> Stamp:
    """The stamp of an open directory."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_nlink, found.st_size


class HostListings:
    """The listings of the directories below one root, by the real names that lead to them."""

    def __init__(self) -> None:
        self._listings: dict[Parts, _Listing] = {}

    def names(self, parts: Parts, descriptor: int, read: Callable[[], tuple[Iterable[str], bool]]) -> DosNames:
        """The names of an open directory. *read* reads them, and whether they may be kept."""
        stamp, listing = stamp_of(descriptor), self._listings.get(parts)
        if listing is not None and listing.names is not None and listing.trusted(stamp):
            return listing.names
        begun = time.monotonic()
        settled = time.time() - max(stamp[2:4]) / 1e9 > SETTLED
        found, may_keep = read()
        names = DosNames(found)
        own = listing is not None and listing.own and listing.stamp == stamp
        if may_keep and (settled or own):
            self._keep(parts, _Listing(stamp, names, begun, settled, own))
        else:
            self._listings.pop(parts, None)
        return names

    def changed(
        self, parts: Parts, before: Stamp, descriptor: int, gone: Iterable[str] = (), come: Iterable[str] = ()
    ) -> None:
        """The server has changed an open directory, whose stamp was *before*."""
        stamp, listing = stamp_of(descriptor), self._listings.get(parts)
        names = listing.names if listing is not None and listing.trusted(before) else None
        if names is None or listing is None:
            self._keep(parts, _Listing(stamp, own=True))
            return
        for name in gone:
            names = names.discard(name)
        for name in come:
            names = names.add(name)
        read = time.monotonic() if listing.settled else listing.read
        self._keep(parts, _Listing(stamp, names, read, own=True))

    def _keep(self, parts: Parts, listing: _Listing) -> None:
        self._listings.pop(parts, None)
        self._listings[parts] = listing
        if len(self._listings) > KEPT:
            del self._listings[next(iter(self._listings))]
